"""Sparse vectors: the values that are not zero, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.shown import brief, kind_of
from vecs.exc import ArgError

_GREATEST_DIMENSION = 1_000_000_000


@dataclass(frozen=True, eq=False)
class SparseVector:
    """
    A vector most of whose values are zero.

    `indices` count from 0, and `values` has one value for each of them. They can be in any order. They are stored
    sorted, as int32 and float32 arrays, without zeros. An index that is out of range or given twice, and different
    numbers of indices and values, raise ArgError.

    >>> SparseVector(5, [3, 1], [0.5, 2.0]).to_dense()
    array([0. , 2. , 0. , 0.5, 0. ], dtype=float32)
    """

    dimension: int
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]

    def __init__(self, dimension: int, indices: Any, values: Any) -> None:
        whole = hasattr(dimension, "__index__") and not isinstance(dimension, bool)
        if not whole or not 1 <= dimension <= _GREATEST_DIMENSION:
            raise ArgError(
                f"the dimension of a sparse vector is a whole number from 1 to {_GREATEST_DIMENSION}, not "
                f"{brief(dimension)}"
            )
        where, what = _array(indices, "iu", "indices"), _array(values, "fiu", "values")
        if where.shape != what.shape:
            raise ArgError(f"a sparse vector has one index per value, not {where.size} indices and {what.size} values")
        if where.size and not (where.min() >= 0 and where.max() < dimension):
            outside = where.min() if where.min() < 0 else where.max()
            raise ArgError(f"a sparse vector of dimension {dimension} has indices 0 to {dimension - 1}, not {outside}")
        order = np.argsort(where, kind="stable")
        where = where[order].astype(np.int32)
        with np.errstate(over="ignore"):
            what = what[order].astype(np.float32)
        twice = np.flatnonzero(where[1:] == where[:-1])
        if twice.size:
            raise ArgError(f"a sparse vector has one value per index; index {where[twice[0]]} is given twice")
        kept = what != 0
        object.__setattr__(self, "dimension", int(dimension))
        object.__setattr__(self, "indices", where[kept])
        object.__setattr__(self, "values", what[kept])

    @classmethod
    def from_mapping(cls, values: Mapping[int, float], dimension: int) -> SparseVector:
        """Make one from a dict of values by index, counted from 0."""
        return cls(dimension, list(values), list(values.values()))

    @classmethod
    def from_dense(cls, values: Any) -> SparseVector:
        """Make one from a sequence or one-dimensional array of all its values."""
        array = _array(values, "fiu", "values")
        where = np.flatnonzero(array)
        return cls(array.size, where, array[where])

    @classmethod
    def from_scipy(cls, row: Any) -> SparseVector:
        """Make one from a scipy sparse array or matrix with one axis or one row."""
        shape: list[int] = list(row.shape)
        if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
            raise ArgError(f"a sparse vector is one row; this scipy object has shape {tuple(shape)}")
        entries = row.tocoo(copy=True)
        entries.sum_duplicates()
        return cls(shape[-1], entries.col, entries.data)

    @classmethod
    def from_pgvector(cls, vec: Any) -> SparseVector:
        """Make a SparseVector from that of pgvector-python."""
        return cls(vec.dimensions(), vec.indices(), vec.values())

    def to_dense(self) -> npt.NDArray[np.float32]:
        """Return all values, as a float32 array."""
        dense = np.zeros(self.dimension, dtype=np.float32)
        dense[self.indices] = self.values
        return dense

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseVector):
            return NotImplemented
        return (
            self.dimension == other.dimension
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    def __len__(self) -> int:
        """How many values are not zero."""
        return self.indices.size


def is_scipy(value: Any) -> bool:
    """Whether a value is scipy's, by its methods: scipy need not be there."""
    return hasattr(value, "tocoo") and hasattr(value, "shape")


def is_pgvector(value: Any) -> bool:
    """Whether a value is pgvector-python's SparseVector: its attributes are methods, unlike those of others."""
    return all(callable(getattr(value, name, None)) for name in ("dimensions", "indices", "values"))


def is_mapping_of_indices(value: Any) -> bool:
    """Whether a value is a mapping whose keys are whole numbers."""
    # The first key is enough: mixed keys are refused where the values are checked.
    return isinstance(value, Mapping) and _is_index(next(iter(cast("Mapping[Any, Any]", value)), 0))


def _is_index(key: object) -> bool:
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def _array(given: Any, kinds: str, what: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise ArgError(f"the {what} of a sparse vector are not an array: {error}") from None
    if array.ndim != 1:
        raise ArgError(f"the {what} of a sparse vector have one axis, not shape {array.shape}")
    if array.size and array.dtype.kind not in kinds:
        wanted = "whole numbers" if kinds == "iu" else "numbers"
        raise ArgError(f"the {what} of a sparse vector are {wanted}, not {kind_of(array.dtype)}")
    return array
