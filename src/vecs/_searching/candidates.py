"""How many candidates a search takes, and what an answer tells of how far to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vecs._searching.known_indexes import LARGE_COLLECTION, KnownIndexes
from vecs._searching.request import Request
from vecs._sql.answers import FOUND_AS, Row, evidence
from vecs._sql.indexes import IndexInfo, serves_part
from vecs._sql.selection import EVERYTHING
from vecs.storage import Precision

# How many times as many candidates as results are compared exactly; measured by benchmarks/precision.py.
OVERSAMPLING: dict[Precision, float] = {"full": 1.0, "half": 1.2, "binary": 10.0}
# As many as a scan of an HNSW index finds at once; fewer codes miss the very nearest too often.
LEAST_CODES = 40
_MOST = 2**63 - 1

# The figures below were chosen by benchmarks/filters.py (2026-11-22; 297 filters in three stages, 50,000 synthetic and
# 9,724 real vectors): with them no filter's recall@10 was below 0.963.
# Up to so many records, comparing all that match costs less than making sure of an index's answer.
_EXACT_UP_TO = 2000
# How many candidates a first pool has beyond the rows that are wanted: four times as many, within bounds.
_MORE_PER_ROW, _LEAST_MORE, _MOST_MORE = 4, 40, 400
# A second pool has ten times as many beyond them.
_SECOND_POOL = 10
# The share of a pool's surplus in which the wanted rows must have been found.
_SETTLED_WITHIN = 4

# How many records are grouped first: four times as many as are wanted, and 50 at least. Then it is four times as many
# each time, up to 10,000 and up to a tenth of the records. Beyond, to group all of them takes no longer.
_MORE_PER_GROUP, _LEAST_GROUPED, _MOST_GROUPED, _SHARE_GROUPED = 4, 50, 10_000, 10


class CandidatePool(NamedTuple):
    """
    Candidates for a search under a filter.

    `sizes` are how many are asked for, one after the other while the answer is in doubt. With `probe` the records
    around the query are looked at, too.
    """

    sizes: tuple[int, ...]
    probe: bool


def candidate_pool(request: Request, index: IndexInfo | None, known: KnownIndexes) -> CandidatePool | None:
    """Return the candidates to ask for; None where a search needs none."""
    if request.mode != "vector" or request.exact or not request.filtered or request.fetched == 0:
        return None
    if not known.approximate:
        return None
    rows = request.fetched + request.skipped
    # What row-level security hides is not among the records around the query.
    probe = index is not None and index.approximate and request.selection != EVERYTHING
    if index is not None and index.precision not in (None, "full"):
        least = candidate_count(index.precision, rows, request.oversampling)
        return CandidatePool((max(least, pool_sizes(rows)[0]),), probe)
    filters = request.selection.filters
    served = filters is not None and serves_part(known.all, filters)
    # Without an index on all vectors a probe would compare every record.
    return CandidatePool(pool_sizes(rows)[: 2 if served or known.rows >= LARGE_COLLECTION else 1], probe)


def group_pool(request: Request, index: IndexInfo | None, known: KnownIndexes) -> CandidatePool | None:
    """Return how many records are grouped, one number after the other while there are too few groups; None for all."""
    first = max(_LEAST_GROUPED, _MORE_PER_GROUP * (request.fetched + request.skipped) * request.group_size)
    if request.mode == "hybrid" or request.exact or first > _MOST_GROUPED:
        return None
    if request.mode == "keyword":
        # Its words make about as many candidates at most, and all of them are ranked.
        return CandidatePool((_MOST_GROUPED,), probe=False)
    answers = index is not None or (request.filtered and known.on_parts)
    if not known.approximate or not answers or 0 < known.rows <= _EXACT_UP_TO:
        return None
    most = min(max(known.rows // _SHARE_GROUPED, first), _MOST_GROUPED)
    sizes = tuple(more_groups(first, most))
    return CandidatePool(sizes, index is not None and index.approximate and request.selection != EVERYTHING)


def more_groups(first: int, most: int = _MOST_GROUPED) -> Iterator[int]:
    """Yield how many records are grouped, one number after the other; the first of them in any case."""
    yield first
    while (first := first * _MORE_PER_GROUP) <= most:
        yield first


def prefers_exact(request: Request, known: KnownIndexes) -> bool:
    """Whether the collection is so small that all records that match the filter are better compared."""
    return request.filtered and 0 < known.rows <= _EXACT_UP_TO


def pool_sizes(rows: int) -> tuple[int, int]:
    """Return how many candidates hold the nearest `rows` under most filters, and how many under hard ones."""
    more = min(max(_MORE_PER_ROW * rows, _LEAST_MORE), _MOST_MORE)
    return rows + more, rows + _SECOND_POOL * more


def candidate_count(precision: Precision, rows: int, oversampling: float | None) -> int:
    """Return how many candidates are compared exactly, for `rows` results."""
    if oversampling is not None:
        return min(_MOST, math.ceil(rows * oversampling))
    least = LEAST_CODES if precision == "binary" else 0
    return min(_MOST, max(least, math.ceil(rows * OVERSAMPLING[precision])))


def candidates_found(rows: Sequence[Row]) -> int:
    """Return how many candidates an answer of `nearest_of_pool` was taken from."""
    told = evidence(rows)
    return 0 if told is None else told.candidates


def may_have_missed(rows: Sequence[Row], wanted: int) -> bool:
    """
    Whether other candidates may be nearer than this answer of `nearest_of_pool`, whose pool was full.

    A graph leads to the records around the query: where the filter keeps none of them, it leads nowhere. And if one
    of the best `wanted` was found only in the last three quarters of the surplus, the scan had not converged.
    """
    told = evidence(rows)
    if told is None:
        return False
    latest = wanted + (told.candidates - wanted) // _SETTLED_WITHIN
    return told.kept_around == 0 or any(row[FOUND_AS] is not None and row[FOUND_AS] > latest for row in rows)


def is_doubtful(rows: Sequence[Row], request: Request) -> bool:
    """Whether nearness had too few candidates for this answer of `by_both`, or none of those around the query."""
    told = evidence(rows)
    return told is not None and (told.candidates < request.candidates[0] or told.kept_around == 0)
