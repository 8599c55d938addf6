"""Images of every kind as a viewer shows them: upright, in RGB, on white."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._require import require

Pixels = npt.NDArray[Any]


def to_image(media: Any) -> Any:
    """Return a new PIL image in RGB, upright, from an image, a path, the bytes of a file, or an array."""
    return _opened(media, _shown)


def check_image(media: Any) -> None:
    """Raise the error of `to_image()` for what is no image, without reading the pixels of a file."""
    _opened(media, _check_size)


def _opened(media: Any, use: Callable[[Any], Any]) -> Any:
    pil = require("PIL.Image", extra="image")
    if isinstance(media, np.ndarray):
        return use(pil.fromarray(_checked(cast("Pixels", media))))
    if isinstance(media, pil.Image):
        return use(media)
    if isinstance(media, bytes | bytearray | memoryview):
        content = bytes(cast("Any", media))
        return _of_file(pil, BytesIO(content), f"{len(content):,} bytes", use)
    if not isinstance(media, str | os.PathLike):
        kind = type(media).__name__
        raise ArgError(f"{kind} is no image; expected a PIL image, a path, bytes, or an array of uint8")
    return _of_file(pil, media, brief(str(cast("Any", media))), use)


def _of_file(pil: Any, file: Any, name: str, use: Callable[[Any], Any]) -> Any:
    try:
        with pil.open(file) as image:
            return use(image)
    except pil.UnidentifiedImageError as error:
        raise ArgError(f"Pillow cannot read this as an image: {name}") from error


def _checked(array: Pixels) -> Pixels:
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4):
        return array
    raise ArgError(f"an image is height x width x 3 of uint8, not {array.shape} of {array.dtype}")


def _check_size(image: Any) -> None:
    if not image.width or not image.height:
        raise ArgError(f"an image of {image.width} x {image.height} pixels is empty")


def _shown(image: Any) -> Any:
    _check_size(image)
    # Cameras store a photo as the sensor saw it, and separately how the camera was held.
    format = image.format  # which the upright copy does not have
    image = require("PIL.ImageOps", extra="image").exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = _of_8_bits(image, format)
    if image.mode in ("RGBa", "La"):  # colours multiplied by their opacity
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = require("PIL.Image", extra="image").new("RGBA", image.size, "white")
    return require("PIL.Image", extra="image").alpha_composite(white, image).convert("RGB")


def _of_8_bits(image: Any, format: str | None) -> Any:
    """Return a greyscale image of more bits per pixel in 8 bits, with its transparency."""
    pixels: Pixels = np.asarray(image)
    transparent = image.info.get("transparency")
    grey = _scaled(pixels.astype(np.float64), image.mode, format)
    made = require("PIL.Image", extra="image").fromarray(np.rint(grey).astype(np.uint8))
    if isinstance(transparent, int):
        opacity = np.where(pixels == transparent, 0, 255).astype(np.uint8)
        made.putalpha(require("PIL.Image", extra="image").fromarray(opacity))
    return made


def _scaled(pixels: Pixels, mode: str, format: str | None) -> Pixels:
    """
    Return pixels from 0 to 255.

    The modes I and F do not define the value of white. It is 1 if all values are fractions up to 1, 255 or 65535 if
    all values are up to these, and otherwise the largest value, with black at the smallest.
    """
    least, most = float(pixels.min()), float(pixels.max())
    if not np.isfinite([least, most]).all():
        raise ArgError("an image must not contain NaN or infinity")
    if mode.startswith("I;16") or (mode == "I" and format == "PNG" and least >= 0 and most <= 65535):
        return pixels / 257
    if least >= 0 and most <= 65535:
        white = 1 if mode == "F" and most <= 1 else 255 if most <= 255 else 65535
        return pixels * (255 / white)
    return (pixels - least) * (255 / ((most - least) or 1))
