"""Which precision an index is built in, which index answers a search, and why: in words, too."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from vecs._sql.indexes import BY_ANGLE, IndexInfo, indexed_type
from vecs._sql.table import Table
from vecs._sql.vectors import fits_half
from vecs.exc import ArgError
from vecs.measures import MeasureSpec
from vecs.records import StoredVector
from vecs.storage import PRECISIONS, VEC_TYPES, IndexPrecision, Precision, check_version

# How many times as many candidates as results are compared exactly; measured by benchmarks/precision.py.
OVERSAMPLING: dict[Precision, float] = {"full": 1.0, "half": 1.2, "binary": 10.0}
# As many as a scan of an HNSW index finds at once; fewer codes miss the very nearest too often.
LEAST_CODES = 40
_MOST = 2**63 - 1

_WORDS: dict[Precision, str] = {
    "full": "a full-precision index",
    "half": "an index of half precision",
    "binary": "an index of binary codes",
}


def precision_to_build(table: Table, measure: MeasureSpec, wanted: IndexPrecision) -> Precision:
    """
    Return the precision of an index; "auto" is the highest that takes the collection's dimension.

    "full" is that of the vectors as they are stored. Raises ArgError where there is no such index.
    """
    if wanted != "auto" and wanted not in PRECISIONS:
        raise ArgError(f"unknown precision {wanted!r}; expected one of auto, {', '.join(PRECISIONS)}")
    if table.dimension is None:
        raise ArgError(f"collection {table.name!r} was made without a dimension; its vectors cannot be indexed")
    precision: Precision = automatic_precision(table) if wanted == "auto" else wanted
    if precision == table.storage.precision:
        precision = "full"
    _check_precision(table, precision)
    if precision == "binary" and measure.measure not in BY_ANGLE:
        raise ArgError(
            f"binary codes tell of the angle between vectors, not of their {measure.measure.value}; they serve "
            f"{', '.join(m.value for m in BY_ANGLE)}" + _above("half", table)
        )
    return precision


def automatic_precision(table: Table) -> Precision:
    """Return the highest precision an index of the collection can have."""
    there = _precisions(table)
    for precision in there:
        if (table.dimension or 0) <= _greatest(table, precision):
            return precision
    return there[-1]


def _precisions(table: Table) -> tuple[Precision, ...]:
    """Return the precisions an index of the collection can have, that of the vectors as they are stored first."""
    if table.vec_type == "vector":
        return PRECISIONS
    return ("full", "binary") if table.vec_type == "halfvec" else ("full",)


def _greatest(table: Table, precision: Precision) -> int:
    return VEC_TYPES[indexed_type(table, precision)].indexed


def _above(precision: Precision, table: Table) -> str:
    greatest = _greatest(table, precision)
    if (table.dimension or 0) <= greatest:
        return f". precision={precision!r} is for all measures"
    return (
        f". Up to {greatest:,} dimensions there is precision={precision!r}; collection {table.name!r} has "
        f"{table.dimension:,}, and searches work without an index, by comparing every record"
    )


def _check_precision(table: Table, precision: Precision) -> None:
    if precision not in _precisions(table):
        raise ArgError(
            f"collection {table.name!r} holds {table.storage.described}, of which there is no index with "
            f"precision={precision!r}; leave precision out"
        )
    dimension, greatest = table.dimension or 0, _greatest(table, precision)
    if dimension > greatest:
        raise ArgError(
            f"collection {table.name!r} has {dimension:,} dimensions; {_WORDS[precision]} takes up to {greatest:,}. "
            "precision='auto' chooses what fits; searches work without an index, too, by comparing every record"
        )
    if precision != "full":
        what = f"{_WORDS[precision]} on the {dimension:,} dimensions of collection {table.name!r}"
        instead = "search without an index, which compares every record"
        if dimension <= _greatest(table, "full"):
            instead = "use precision='full'"
        check_version(table.extension.version, VEC_TYPES[indexed_type(table, precision)].since, what, instead)


def best_index(indexes: Iterable[IndexInfo], measure: MeasureSpec) -> IndexInfo | None:
    """Return the index of the highest precision that answers searches by a measure, or None."""
    best: IndexInfo | None = None
    for index in indexes:
        if index.measure is measure.measure and index.precision == "full":
            # Nothing is better: most searches end here.
            return index
        if measure.measure in index.measures and (best is None or index.precision == "half"):
            best = index
    return best


def usable(index: IndexInfo | None, vec: StoredVector) -> IndexInfo | None:
    """Return the index if a query can ask it: what half precision cannot hold is compared with every record."""
    return None if index is not None and index.precision == "half" and not fits_half(vec) else index


def candidate_count(precision: Precision, rows: int, oversampling: float | None) -> int:
    """Return how many candidates are compared exactly, for `rows` results."""
    if oversampling is not None:
        return min(_MOST, math.ceil(rows * oversampling))
    least = LEAST_CODES if precision == "binary" else 0
    return min(_MOST, max(least, math.ceil(rows * OVERSAMPLING[precision])))


def checked_oversampling(oversampling: Any) -> float | None:
    """Return how many times as many candidates, at least 1, or None for the default."""
    if oversampling is None:
        return None
    number = isinstance(oversampling, Real) and not isinstance(oversampling, bool)
    if not number or not 1 <= float(oversampling) <= 1e6:
        raise ArgError(f"oversampling must be a number from 1 to 1,000,000, not {oversampling!r}")
    return float(oversampling)


def why_precision(table: Table, index: IndexInfo | None, candidates: int) -> list[str]:
    """Tell which precision answers a search and why; nothing where it is that of the vectors as they are stored."""
    if index is None or index.precision in (None, "full"):
        return []
    found = (
        f"It finds {candidates:,} candidates by {index.precision} precision and ranks them by their exact distance, "
        "from the vectors as they are stored."
    )
    dimension, greatest = table.dimension or 0, _greatest(table, "full")
    if index.precision != automatic_precision(table) or dimension <= greatest:
        return [f"Index {index.name} was made with precision={index.precision!r}.", found]
    limits = f"{_WORDS['full'] if table.vec_type == 'vector' else 'an index of them'} takes up to {greatest:,}"
    if index.precision == "binary" and table.vec_type == "vector":
        limits += f", one of half precision up to {_greatest(table, 'half'):,}"
    chose = f"so index() chose {index.precision} precision."
    return [f"The vectors have {dimension:,} dimensions; {limits}, {chose}", found]
