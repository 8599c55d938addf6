"""Images to vectors by a CLIP-style sentence-transformers model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.arguments import made_of
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms._legacy import is_numeric_row
from vecs.transforms._models import HubName, ModelOptions
from vecs.transforms._require import require
from vecs.transforms._text import ModelEmbedding
from vecs.transforms._vectors import failure, put

CLIP = HubName("clip-ViT-B-32")


@constructor_explains_wrong_calls
class ImageEmbedding(ModelEmbedding):
    """
    Turn images into vectors by a model that reads images and texts, such as CLIP.

    A record's `media` is a PIL image, the path of a file, the bytes of one, or an array of height x width x 3
    bytes; a record without media may give the path as its text. A query is a text, or an image in any of
    these forms; a path there is a `Path`, because a string is a text.

    Where a model comes from is as for TextEmbedding. Needs `pip install 'vecs[image]'`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = CLIP,
        *,
        batch_size: int = 32,
        device: str | None = None,
        truncate_dim: int | None = None,
        normalize: bool = True,
        token: str | bool | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model, made_of(ModelOptions, locals()))

    def transform_records(self, records: Sequence[Record], /) -> list[Record]:
        """Give every record that has none a vector of its image."""
        places = [place for place, record in enumerate(records) if record.vec is None]
        done = list(records)
        for start in range(0, len(places), self.batch_size):
            batch = places[start : start + self.batch_size]  # images are large: no more than these at a time
            images = [self._image(records[place]) for place in batch]
            vectors = self._encode(images, [records[place].id for place in batch])
            done = put(done, batch, vectors, [records[place].text for place in batch])
        return done

    def transform_query(self, query: Any, /) -> Any:
        """Return the vector of a text or an image; a vector is returned as it is."""
        if is_numeric_row(query):
            return query
        return self._encode([query if isinstance(query, str) else to_image(query)], None)[0]

    def _image(self, record: Record) -> Any:
        media = record.text if record.media is None else record.media
        if media is None:
            raise ArgError(f"record {brief(record.id)} has no image for {self!r} to embed, and no vec")
        try:
            return to_image(media)
        except (ArgError, OSError, ValueError) as error:
            raise failure(self, [record.id], error) from error


def to_image(media: Any) -> Any:
    """Return a PIL image in RGB, upright, from an image, a path, the bytes of a file, or an array."""
    pil = require("PIL.Image", extra="image")
    if isinstance(media, np.ndarray):
        return pil.fromarray(_pixels(cast("npt.NDArray[Any]", media))).convert("RGB")
    if isinstance(media, pil.Image):
        return _upright(media)
    if isinstance(media, (bytes, bytearray)):
        media = BytesIO(media)
    elif not isinstance(media, (str, os.PathLike)):
        kind = type(media).__name__
        raise ArgError(f"{kind} is no image; expected a PIL image, a path, bytes, or an array of uint8")
    with pil.open(media) as image:
        return _upright(image)


def _pixels(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4):
        return array
    raise ArgError(f"an image is height x width x 3 of uint8, not {array.shape} of {array.dtype}")


def _upright(image: Any) -> Any:
    # Cameras store a photo as the sensor saw it, and separately how the camera was held.
    return require("PIL.ImageOps", extra="image").exif_transpose(image).convert("RGB")
