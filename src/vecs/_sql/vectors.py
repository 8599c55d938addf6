"""The vectors of a collection, whatever their type: checked, encoded, decoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.shown import brief, kind_of
from vecs._sql import binary
from vecs._sql.binary import Binary, as_array, as_float32
from vecs._sql.tables import Table
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import StoredVector
from vecs.sparse import SparseVector, is_mapping_of_indices, is_pgvector, is_scipy
from vecs.storage import MAX_HALF, MAX_NONZERO, VecTypeName


@dataclass(frozen=True)
class _Codec:
    check: Callable[[Any, Table, str], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], StoredVector]
    param: Callable[[Any], Binary]


def encode_vec(values: Any, table: Table, what: str) -> bytes:
    """Check a vector, of which `what` tells in errors, and encode it as the collection's type."""
    codec = _CODECS[table.vec_type]
    return codec.encode(codec.check(values, table, what))


def checked_vector(values: Any, table: Table, what: str) -> StoredVector:
    """
    Return a vector as the collection stores it: finite float32s, bools or a SparseVector, of its dimension.

    Raises ArgError or MismatchedDimension.
    """
    return _CODECS[table.vec_type].check(values, table, what)


def vec_param(vec: StoredVector, table: Table) -> Binary:
    """Wrap a checked vector as a parameter of the collection's type."""
    return _CODECS[table.vec_type].param(vec)


def vec_decoder(table: Table) -> Callable[[bytes], StoredVector]:
    """Return what decodes the collection's vectors."""
    return _CODECS[table.vec_type].decode


def vec_oid(table: Table) -> int:
    """Return the OID of the vectors' type."""
    extension = table.extension
    return {
        "vector": extension.vector_oid,
        "halfvec": extension.halfvec_oid,
        "bit": binary.BIT_OID,
        "sparsevec": extension.sparsevec_oid,
    }[table.vec_type]


def fits_half(vec: StoredVector) -> bool:
    """Whether every value fits into half precision."""
    return not isinstance(vec, np.ndarray) or not vec.size or bool(np.abs(vec).max() <= MAX_HALF)


def _checked_dense(values: Any, table: Table, what: str) -> npt.NDArray[np.float32]:
    if not isinstance(values, np.ndarray | list) and _is_sparse(values):
        kind = type(cast("object", values)).__name__
        raise ArgError(
            f"{what} is sparse, {kind}, but collection {table.name!r} holds "
            f"{table.storage.described}; give all its values, or create the collection with sparse=True"
        )
    try:
        vec = as_float32(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgError(f"{what} is not a vector: {error}") from None
    _check_shape(vec, table, what)
    # The dot product is the cheap test; it overflows on huge finite values, hence the second look.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not math.isfinite(np.dot(vec, vec))
    if suspicious:
        _check_finite(vec, what)
    return vec


def _is_sparse(values: Any) -> bool:
    return isinstance(values, SparseVector | Mapping) or is_scipy(values) or is_pgvector(values)


def _check_shape(vec: npt.NDArray[Any], table: Table, what: str) -> None:
    if vec.ndim != 1:
        many = f"; these are {len(vec):,}: give one at a time, or give several queries to search_many()"
        raise ArgError(f"{what} has shape {vec.shape}, but a vector has one axis{many if vec.ndim == 2 else ''}")
    _check_dimension(vec.shape[0], table, what)


def _check_dimension(dimension: int, table: Table, what: str) -> None:
    if table.dimension is not None and dimension != table.dimension:
        raise MismatchedDimension(
            f"{what} has dimension {dimension}; collection {table.name!r} has dimension {table.dimension}"
        )


def _check_finite(vec: npt.NDArray[np.float32], what: str) -> None:
    finite = np.isfinite(vec)
    if not finite.all():
        position = int(np.flatnonzero(~finite)[0])
        raise ArgError(f"{what} has {vec[position]} at position {position}; every value must be finite")


def _checked_half(values: Any, table: Table, what: str) -> npt.NDArray[np.float32]:
    vec = _checked_dense(values, table, what)
    if not fits_half(vec):
        position = int(np.flatnonzero(np.abs(vec) > MAX_HALF)[0])
        raise ArgError(
            f"{what} has {vec[position]} at position {position}; half precision goes up to {MAX_HALF:,}: scale the "
            "vectors (normalized ones stay within 1), or use a collection with precision='full'"
        )
    return vec


def _checked_bits(values: Any, table: Table, what: str) -> npt.NDArray[np.bool_]:
    try:
        array = as_array(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgError(f"{what} is not a row of bits: {error}") from None
    if array.dtype.kind not in "biuf" and array.size:
        raise ArgError(
            f"{what} holds {kind_of(array.dtype)}; collection {table.name!r} holds bits: True or False, 1 or 0"
        )
    _check_shape(array, table, what)
    wrong = np.flatnonzero((array != 0) & (array != 1))
    if wrong.size:
        raise ArgError(
            f"{what} has {array[wrong[0]]} at position {wrong[0]}; collection {table.name!r} holds bits: True or "
            "False, 1 or 0. The usual code of a float vector is `vec > 0`"
        )
    return array.astype(np.bool_, copy=False)


def _checked_sparse(values: Any, table: Table, what: str) -> SparseVector:
    try:
        vec = _sparse(values, table, what)
    except (ArgError, TypeError, ValueError) as error:
        raise ArgError(f"{what} is not a sparse vector: {error}") from None
    _check_dimension(vec.dimension, table, what)
    _check_finite_sparse(vec, what)
    if len(vec) > MAX_NONZERO:
        raise ArgError(f"{what} has {len(vec):,} values that are not zero; pgvector stores up to {MAX_NONZERO:,}")
    return vec


def _sparse(values: Any, table: Table, what: str) -> SparseVector:
    if isinstance(values, SparseVector):
        return values
    if is_scipy(values):
        return SparseVector.from_scipy(values)
    if is_pgvector(values):
        return SparseVector.from_pgvector(values)
    if not isinstance(values, Mapping):
        return SparseVector.from_dense(as_float32(values))
    mapping = cast("Mapping[int, float]", values)
    if not is_mapping_of_indices(mapping):
        raise ArgError(f"the keys of a mapping are its indices, whole numbers, not {brief(next(iter(mapping)))}")
    if table.dimension is None:
        raise ArgError(f"collection {table.name!r} has no dimension to complete a mapping with; give a SparseVector")
    return SparseVector.from_mapping(mapping, table.dimension)


def _check_finite_sparse(vec: SparseVector, what: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(vec.values))
    if wrong.size:
        raise ArgError(
            f"{what} has {vec.values[wrong[0]]} at position {vec.indices[wrong[0]]}; every value must be finite"
        )


_CODECS: dict[VecTypeName, _Codec] = {
    "vector": _Codec(_checked_dense, binary.encode_vector, binary.decode_vector, binary.vector_param),
    "halfvec": _Codec(_checked_half, binary.encode_half, binary.decode_half, binary.half_param),
    "bit": _Codec(_checked_bits, binary.encode_bits, binary.decode_bits, binary.bits_param),
    "sparsevec": _Codec(_checked_sparse, binary.encode_sparse, binary.decode_sparse, binary.sparse_param),
}
