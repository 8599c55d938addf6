"""Checking what a model returns, and putting it into records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.numbers import plain_rows
from vecs._checks.shown import counted
from vecs.exc import TransformError
from vecs.records import Record

Vectors = npt.NDArray[np.float32]


def as_vectors(raw: Any, count: int, dimension: int | None) -> Vectors:
    """Return vectors as a float32 matrix; a wrong number, length or value is a ValueError."""
    if isinstance(raw, Iterable) and not isinstance(raw, list | tuple | str | bytes | Mapping):
        given = cast("Iterable[Any]", raw)
        raw = cast("Any", given if hasattr(given, "__array__") or hasattr(given, "to_numpy") else list(given))
    try:
        vectors: Vectors = np.asarray(plain_rows(raw), dtype=np.float32)
    except (TypeError, ValueError) as error:
        wanted = counted(count, "vector")
        raise ValueError(f"expected {wanted}, each a row of numbers of one length: {error}") from error
    if vectors.ndim == 3 and vectors.shape[1] == 1:
        # Each vector is the only row of a matrix.
        vectors = vectors[:, 0]
    if vectors.ndim != 2 or len(vectors) != count or (dimension and vectors.shape[1] != dimension):
        expected = "" if dimension is None else f" of dimension {dimension}"
        raise ValueError(f"expected {counted(count, 'vector')}{expected}, got an array of shape {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    return vectors


def shorten(vectors: Vectors, dimension: int | None, normalize: bool) -> Vectors:
    """Keep the first `dimension` numbers of every vector, and scale it to length 1."""
    vectors = vectors[:, :dimension]
    if not normalize:
        return np.ascontiguousarray(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return unit


def put(
    records: Sequence[Record], places: Sequence[int], vectors: Vectors, texts: Sequence[str | None]
) -> list[Record]:
    """Return the records, those at `places` with their vectors and texts."""
    result = list(records)
    for place, vector, text in zip(places, vectors, texts, strict=True):
        result[place] = replace(result[place], vec=vector, text=text, media=None)
    return result


def failure(step: object, ids: Sequence[object] | None, error: Exception, *, tries: int = 1) -> TransformError:
    """Return the error that says on which records (None: the query) a step failed, in how many tries, and why."""
    if ids is None:
        what = "the query"
    else:
        shown = ", ".join(repr(id_) for id_ in ids[:5])
        what = f"record {shown}" if len(ids) == 1 else f"records {shown}"
        what += f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    why = str(error) or type(error).__name__
    if isinstance(error, KeyError):
        # Its text is the key alone.
        why = f"KeyError: {why}"
    tried = f" in {tries} tries" if tries > 1 else ""
    return TransformError(f"{step!r} could not embed {what}{tried}: {why}")
