"""Searches from stored records: what is to be like them, or unlike them, as one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.shown import brief
from vecs._searching.request import SearchOptions
from vecs._sql.tables import Table
from vecs._sql.vectors import checked_vector
from vecs.exc import ArgError
from vecs.filters import And, Column, Filter, Not
from vecs.measures import IndexMeasure, MeasureSpec
from vecs.records import Record, id_list
from vecs.sparse import SparseVector

Floats = npt.NDArray[np.float64]


class Examples(NamedTuple):
    """The ids of records, or of documents, that matches are to be like and unlike."""

    like: list[str]
    unlike: list[str]

    @property
    def ids(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys((*self.like, *self.unlike)))


def checked_examples(options: SearchOptions, table: Table) -> Examples | None:
    """Return the examples among the arguments of `search()`, by ids as the table has them; None if there are none."""
    like, unlike = options.get("like"), options.get("unlike")
    if like is None and unlike is None:
        return None
    if options.get("mode") == "keyword":
        raise ArgError("like= and unlike= are for nearness: mode='vector' or mode='hybrid', and mode is 'keyword'")
    examples = Examples(
        [] if like is None else table.ids_of(id_list(like, what="like")),
        [] if unlike is None else table.ids_of(id_list(unlike, what="unlike")),
    )
    return examples if examples.ids else None


def check_has_target(examples: Examples | None, query: Any) -> None:
    """Raise ArgError if nothing says what matches are to be like."""
    if examples is None and query is None:
        raise ArgError("like= and unlike= are empty: give ids of stored records, or a query")
    if examples is not None and not examples.like and query is None:
        raise ArgError("unlike= says what not to find; give a query, or like=, too")


def without_examples(filters: Filter | None, examples: Examples, *, whole: bool) -> Filter:
    """Return the filter without the examples themselves; with `whole`, an id may mean all records of a document."""
    ids = tuple(examples.ids)
    parts: list[Filter] = [Column("id", "$in", ids)]
    if whole:
        parts.append(Column("document_id", "$in", ids))
    others = Not(tuple(parts))
    return others if filters is None else And((filters, others))


def example_vectors(examples: Examples, records: Sequence[Record], *, whole: bool) -> dict[str, list[Any]]:
    """
    Return the vectors of each example: of its record, or of the records of its document.

    Raises ArgError for ids that there are not, and for records without a vector.
    """
    by_id: dict[str, list[Record]] = {}
    for record in records:
        by_id.setdefault(str(record.id), []).append(record)
        if whole and record.document_id is not None and record.document_id != record.id:
            by_id.setdefault(str(record.document_id), []).append(record)
    missing = [id for id in examples.ids if id not in by_id]
    if missing:
        raise ArgError(f"like= and unlike= are ids of stored records, and there are none with {brief(missing)}")
    vectors = {id: [record.vec for record in by_id[id] if record.vec is not None] for id in examples.ids}
    empty = [id for id, found in vectors.items() if not found]
    if empty:
        raise ArgError(f"like= and unlike= need records with a vector, and {brief(empty)} have none")
    return vectors


def target_vector(
    table: Table, measure: MeasureSpec, examples: Examples, vectors: dict[str, list[Any]], query: Any
) -> Any:
    """
    Return the vector to search for: `mean(like) + (mean(like) - mean(unlike))`, or `mean(like)` without `unlike`.

    The vector of a query, if it is given, is one of those in `like`. The vector of a document is the mean of those of
    its records. For cosine distance, which knows no length, each vector is first made one of length 1. In a collection
    of bits, a bit is set if the result is more than 0.5.
    """
    unit = measure.measure is IndexMeasure.cosine_distance
    given = [vectors[id] for id in dict.fromkeys(examples.like)] + ([] if query is None else [[query]])
    against = [vectors[id] for id in dict.fromkeys(examples.unlike)]
    space = _Space([vec for example in (*given, *against) for vec in example])
    target = liked = space.mean(given, unit=unit)
    if against:
        target = 2 * liked - space.mean(against, unit=unit)
    if unit and not target.any():
        raise ArgError("the vectors of like= and unlike= cancel each other out, so nothing is nearest; give others")
    if table.vec_type == "bit":
        return target > 0.5
    with np.errstate(over="ignore"):
        return checked_vector(space.vector(target.astype(np.float32)), table, "the mean of like= and unlike=")


class _Space:
    """The numbers of some vectors; of sparse ones, of those places alone where any of them has a value."""

    def __init__(self, vectors: Sequence[Any]) -> None:
        sizes = {vec.dimension if isinstance(vec, SparseVector) else len(vec) for vec in vectors}
        if len(sizes) > 1:
            raise ArgError(f"like= and unlike= have vectors of {len(sizes)} dimensions: {brief(sorted(sizes))}")
        self._dimension: int = sizes.pop()
        sparse = [vec.indices for vec in vectors if isinstance(vec, SparseVector)]
        self._places = np.unique(np.concatenate(sparse)) if sparse else None

    def mean(self, examples: Sequence[Sequence[Any]], *, unit: bool) -> Floats:
        """Return the mean of examples, each of which is the mean of its vectors; with `unit`, all of length 1."""
        return self._sum([self._sum(vectors, unit) / len(vectors) for vectors in examples], unit) / len(examples)

    def vector(self, values: npt.NDArray[np.float32]) -> Any:
        """Return numbers as a vector."""
        if self._places is None:
            return values
        kept = np.flatnonzero(values)
        return SparseVector(self._dimension, self._places[kept], values[kept])

    def _sum(self, vectors: Sequence[Any], unit: bool) -> Floats:
        # One after the other: a document may have very many.
        total = np.zeros(self._dimension if self._places is None else len(self._places))
        for vec in vectors:
            if isinstance(vec, SparseVector):
                numbers = np.zeros_like(total)
                numbers[np.searchsorted(cast("Any", self._places), vec.indices)] = vec.values
            else:
                numbers = np.asarray(vec, np.float64)
            length = float(np.linalg.norm(numbers)) if unit else 1.0
            total += numbers / (length or 1.0)
        return total
