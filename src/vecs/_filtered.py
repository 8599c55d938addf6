"""Searches under a filter: how much is asked of an index, and whether to believe what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vecs._request import Request
from vecs._sql.indexes import IndexInfo, serves_part
from vecs._sql.search import EVERYTHING
from vecs._sql.settings import Settings

# Up to so many records comparing all that match costs less than making sure of an index's answer.
_FEW = 2000
# From here on pgvector's own limit of 20,000 records is the better moment to give an index scan up.
_MANY = 400_000


@dataclass(frozen=True)
class Pool:
    """
    Candidates for a search under a filter.

    `sizes` are how many are asked for, one after the other while the answer is in doubt. With `probe` the records
    around the query are looked at, too.
    """

    sizes: tuple[int, ...]
    probe: bool


def pool_for(request: Request, index: IndexInfo | None, indexes: Sequence[IndexInfo]) -> Pool | None:
    """Return the candidates to ask for; None where a search needs none, or a lower precision gathers its own."""
    if request.mode != "vector" or request.exact or request.selection == EVERYTHING or request.fetched == 0:
        return None
    if not approximate(indexes) or (index is not None and index.precision != "full"):
        return None
    filters = request.selection.filters
    served = filters is not None and serves_part(indexes, filters)
    sizes = pools(request.fetched + request.skipped)[: 2 if served or _covered(indexes) >= _MANY else 1]
    # Without an index on all vectors a probe would compare every record.
    return Pool(sizes, probe=index is not None and index.approximate)


def compares_all(request: Request, indexes: Iterable[IndexInfo]) -> bool:
    """Whether so few records are there that all that match a filter are better compared."""
    return request.selection != EVERYTHING and 0 < _covered(indexes) <= _FEW


def scan_limit(indexes: Iterable[IndexInfo], rows: int) -> Settings:
    """Return the setting that ends a scan where comparing all that match is faster than going on."""
    # Beyond some tenth of the records. In powers of two, so that a growing collection does not change the setting
    # all the time.
    covered = _covered(indexes)
    if covered == 0 or covered >= _MANY:
        return {}
    return {"hnsw.max_scan_tuples": str(max(1 << (covered // 10 | 512).bit_length(), 4 * rows))}


def _covered(indexes: Iterable[IndexInfo]) -> int:
    return max((index.rows for index in indexes), default=0)


def approximate(indexes: Iterable[IndexInfo]) -> bool:
    """Whether an index may have answered that does not find everything; be it the user's own."""
    return any(index.approximate for index in indexes)


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
    return any(row[9] == 0 for row in rows[:1]) or any(row[7] > wanted + (row[8] - wanted) // 4 for row in rows)


def candidates_found(rows: Sequence[tuple[Any, ...]]) -> int:
    """Return how many candidates an answer of `nearest_of_pool` was taken from."""
    return rows[0][8] if rows else 0
