"""Vectors of any kind as the rows of one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vecs.records import StoredVector
from vecs.sparse import SparseVector

Matrix: TypeAlias = "npt.NDArray[np.float32]"

# Sparse vectors with more dimensions are folded into so many.
_MOST_DENSE = 2048


def dense_rows(vectors: Sequence[StoredVector]) -> Matrix:
    """
    Return vectors as rows of length 1; a vector of zeros stays one.

    A map shows directions, as cosine distance does. Sparse vectors of many dimensions are folded: each dimension is
    added to one of a few, with a sign, so that their dot products stay what they are, but for noise.
    """
    if not vectors:
        return np.zeros((0, 1), dtype=np.float32)
    if isinstance(vectors[0], SparseVector):
        rows = _unfolded(vectors)
    else:
        rows = np.asarray(vectors, dtype=np.float32)
    # In float64: squares of numbers that float32 can hold may be too great for it.
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    lengths[lengths == 0] = 1
    return (rows / lengths[:, np.newaxis]).astype(np.float32)


def _unfolded(vectors: Sequence[Any]) -> npt.NDArray[np.float64]:
    width = min(vectors[0].dimension, _MOST_DENSE)
    rows = np.zeros((len(vectors), width), dtype=np.float64)
    for row, vector in zip(rows, vectors, strict=True):
        places: npt.NDArray[np.uint64] = vector.indices.astype(np.uint64)
        values: npt.NDArray[np.float64] = vector.values.astype(np.float64)
        if vector.dimension > _MOST_DENSE:
            # Knuth's multiplicative hash: the upper bits are well mixed.
            mixed = (places * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
            values = values * np.array([-1.0, 1.0])[(mixed & np.uint64(1)).astype(np.intp)]
            places = (mixed >> np.uint64(1)) % np.uint64(width)
        np.add.at(row, places.astype(np.intp), values)
    return rows
