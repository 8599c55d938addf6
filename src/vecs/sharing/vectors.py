"""Check the vectors of a framework's embedder before anything is created or written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from vecs._checks.shown import brief, counted
from vecs._writing.documents import may_split
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Record
from vecs.sparse import SparseVector, is_mapping_of_indices, is_pgvector, is_scipy
from vecs.transforms import Transform
from vecs.transforms._pipeline import steps_of


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
        raise ArgError(f"{got} {brief(cast(Any, made))}; expected {counted(len(records), 'vector')}")
    vecs: list[Any] = list(cast("Iterable[Any]", made))
    if len(vecs) != len(records):
        raise ArgError(f"{got} {counted(len(vecs), 'vector')} for {counted(len(records), 'text')}")
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


def vectors_by_id(
    made: Sequence[Record], given: Mapping[str, Record], transform: Transform, what: str, instead: str
) -> dict[str, Any]:
    """
    Return the vectors that a transform made of the given records, by id.

    Raises ArgError unless it made one record of each; `what` and `instead` are the framework's words for the error.
    """
    vectors = {str(record.id): record.vec for record in made}
    missing = [id for id in given if id not in vectors]
    extra = [id for id in vectors if id not in given]
    if len(made) == len(given) and not missing:
        return vectors
    name = type(transform).__name__
    if len(made) > len(given):
        splitting = [type(step).__name__ for step in steps_of(transform) if may_split(step)]
        # Custom steps may leave out what a record was made of.
        id, count = Counter(_origin(record, given) for record in made).most_common(1)[0]
        known = id is not None and count > 1
        whole = f"{what} {brief(id)}" if known else counted(len(given), what)
        made_of = f"{count if known else len(made)} records of {whole}"
        raise ArgError(
            f"the store never splits a {what}, but {' or '.join(splitting) or name} made {made_of}: leave it out"
            f"{instead}"
        )
    other = f", but one with the id {brief(extra[0])}" if extra else ""
    raise ArgError(
        f"{name} returned no record with the id of {what} {brief(missing[0])}{other}: a transform for a store must "
        "return each record with the id it has"
    )


def _origin(record: Record, given: Mapping[str, Record]) -> str | None:
    """Return the id of the given record that a record was made of, or None if that is not known."""
    ids = [str(id) for id in (record.document_id, record.id) if id is not None]
    return next((id for id in ids if id in given), None)


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
