"""Check the vectors of a framework's embedder before anything is created or written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Record
from vecs.sparse import SparseVector, is_mapping_of_indices, is_pgvector, is_scipy


def checked_vectors(
    made: Any, records: Sequence[Record], made_by: str | None, dimension: int | None = None, what: str = "record"
) -> list[Record]:
    """
    Return records with the vectors that were made for them.

    `made_by` names in errors what made them, such as "OpenAIEmbeddings.embed_documents()"; None means the caller.
    `what` is the framework's word for a record. Raises ArgError unless there is a vector of finite numbers for each
    record, and MismatchedDimension if the vectors do not have the same dimension, or not the given one.
    """
    got = _got(made_by)
    if made is None or isinstance(made, str | bytes | Mapping) or not isinstance(made, Iterable):
        raise ArgError(f"{got} {brief(cast(Any, made))}, but {len(records)} vectors are needed")
    vecs: list[Any] = list(cast("Iterable[Any]", made))
    if len(vecs) != len(records):
        raise ArgError(f"{got} {len(vecs)} vectors of {len(records)} texts")
    done = [
        replace(record, vec=_checked(vec, got, f"{what} {brief(record.id)}"), media=None)
        for record, vec in zip(records, vecs, strict=True)
    ]
    check_dimensions(done, made_by, dimension, what)
    return done


def checked_query_vector(made: Any, made_by: str, dimension: int | None = None) -> Any:
    """Return the vector of a query, after the checks of `checked_vectors()`."""
    got = _got(made_by)
    vec = _checked(made, got, "the query")
    size = size_of(vec)
    if dimension is not None and size is not None and size != dimension:
        raise MismatchedDimension(
            f"{got} a vector of dimension {size} for the query, but the collection has dimension {dimension}: search "
            "with the model that made its vectors"
        )
    return vec


def size_of(vec: Any) -> int | None:
    """Return the dimension of a vector; None if it cannot be known from the vector."""
    if isinstance(vec, SparseVector):
        return vec.dimension
    if is_pgvector(vec):
        return vec.dimensions()
    return None if isinstance(vec, Mapping) else int(vec.shape[-1]) if is_scipy(vec) else len(vec)


def _got(made_by: str | None) -> str:
    return "got" if made_by is None else f"{made_by} returned"


def check_dimensions(records: Sequence[Record], made_by: str | None, dimension: int | None, what: str) -> None:
    """Raise MismatchedDimension if the vectors do not all have one dimension, or not the given one."""
    got = _got(made_by)
    sizes: dict[Any, Any] = {size_of(record.vec): record.id for record in reversed(records)}
    sizes.pop(None, None)
    shown = ", ".join(f"{size} ({what} {brief(id)})" for size, id in sorted(sizes.items()))
    if len(sizes) > 1:
        raise MismatchedDimension(f"the vectors differ in dimension: {got} some of {shown}")
    if dimension is not None and sizes and dimension not in sizes:
        raise MismatchedDimension(f"{got} vectors of dimension {shown}, but the collection has dimension {dimension}")


def _checked(vec: Any, got: str, whose: str) -> Any:
    if vec is None:
        raise ArgError(f"{got} None, but {whose} needs a vector")
    # For these types, vecs itself reports what is wrong.
    if isinstance(vec, SparseVector) or is_scipy(vec) or is_pgvector(vec) or is_mapping_of_indices(vec):
        return vec
    numbers = _numbers(vec)
    if numbers is None:
        raise ArgError(f"{got} {brief(vec)} ({type(vec).__name__}), but {whose} needs a vector")
    if not numbers.size:
        raise ArgError(f"{got} an empty vector for {whose}: it has no dimension")
    unfit = np.flatnonzero(~np.isfinite(numbers))
    if unfit.size:
        raise ArgError(f"{got} a vector for {whose} that has {float(numbers[unfit[0]])!r} at position {unfit[0]}")
    return numbers


def _numbers(vec: Any) -> Any:
    """Return a vector, or a matrix of one row, as an array; None if it is not a vector."""
    try:
        found: Any = np.asarray(vec.to_numpy() if hasattr(vec, "to_numpy") else vec)
        if found.dtype.kind == "O":
            found = found.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.ndim == 2 and len(found) == 1:
        found = found[0]
    return found if found.ndim == 1 and found.dtype.kind in "fiub" else None
