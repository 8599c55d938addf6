"""Searches under a filter: how much is asked of an index, and whether to believe what it found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vecs._searching.known_indexes import MANY, KnownIndexes
from vecs._searching.request import Request
from vecs._sql.indexes import IndexInfo, serves_part
from vecs.storage import Precision

# Up to so many records comparing all that match costs less than making sure of an index's answer.
_FEW = 2000


@dataclass(frozen=True)
class Pool:
    """
    Candidates for a search under a filter.

    `sizes` are how many are asked for, one after the other while the answer is in doubt. With `probe` the records
    around the query are looked at, too.
    """

    sizes: tuple[int, ...]
    probe: bool


def pool_for(request: Request, index: IndexInfo | None, known: KnownIndexes) -> Pool | None:
    """Return the candidates to ask for; None where a search needs none, or a lower precision gathers its own."""
    if request.mode != "vector" or request.exact or not request.filtered or request.fetched == 0:
        return None
    if not known.approximate:
        return None
    rows = request.fetched + request.skipped
    probe = index is not None and index.approximate
    if index is not None and index.precision not in (None, "full"):
        least = candidate_count(index.precision, rows, request.oversampling)
        return Pool((max(least, pools(rows)[0]),), probe)
    filters = request.selection.filters
    served = filters is not None and serves_part(known.all, filters)
    # Without an index on all vectors a probe would compare every record.
    return Pool(pools(rows)[: 2 if served or known.rows >= MANY else 1], probe)


def compares_all(request: Request, known: KnownIndexes) -> bool:
    """Whether so few records are there that all that match a filter are better compared."""
    return request.filtered and 0 < known.rows <= _FEW


def pools(rows: int) -> tuple[int, int]:
    """Return how many candidates give the nearest `rows` under a filter, mostly, and how many where it is hard."""
    more = min(max(4 * rows, 40), 400)
    return rows + more, rows + 10 * more


def unsettled(rows: Sequence[tuple[Any, ...]], wanted: int) -> bool:
    """
    Whether other candidates may be nearer than this answer of `nearest_of_pool`.

    A search that is near its end finds farther and farther records; one that still finds near ones late is not.
    And a graph leads to the records around the query: where the filter keeps none of them, it leads nowhere.
    """
    return any(row[9] == 0 for row in rows[:1]) or any(
        row[7] is not None and row[7] > wanted + (row[8] - wanted) // 4 for row in rows
    )


def candidates_found(rows: Sequence[tuple[Any, ...]]) -> int:
    """Return how many candidates an answer of `nearest_of_pool` was taken from."""
    return rows[0][8] if rows else 0


# How many times as many candidates as results are compared exactly; measured by benchmarks/precision.py.
OVERSAMPLING: dict[Precision, float] = {"full": 1.0, "half": 1.2, "binary": 10.0}
# As many as a scan of an HNSW index finds at once; fewer codes miss the very nearest too often.
LEAST_CODES = 40
_MOST = 2**63 - 1


def candidate_count(precision: Precision, rows: int, oversampling: float | None) -> int:
    """Return how many candidates are compared exactly, for `rows` results."""
    if oversampling is not None:
        return min(_MOST, math.ceil(rows * oversampling))
    least = LEAST_CODES if precision == "binary" else 0
    return min(_MOST, max(least, math.ceil(rows * OVERSAMPLING[precision])))
