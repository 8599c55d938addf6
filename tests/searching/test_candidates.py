"""How many candidates are taken, and when their answer is doubtful."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._searching.candidates import (
    candidate_count,
    candidate_pool,
    candidates_found,
    is_doubtful,
    may_have_missed,
    pool_sizes,
)
from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.request import checked_request
from vecs._sql.selection import Selection
from vecs._sql.table import Extension, Table
from vecs.filters import parse_filters

TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), has_text=True, language="english")


@pytest.mark.parametrize(("rows", "sizes"), [(1, (41, 401)), (10, (50, 410)), (100, (500, 4100)), (1000, (1400, 5000))])
def test_a_pool_grows_with_the_rows_within_bounds(rows: int, sizes: tuple[int, int]) -> None:
    assert pool_sizes(rows) == sizes


def test_a_lower_precision_takes_more_candidates() -> None:
    assert candidate_count("full", 10, None) == 10
    assert candidate_count("half", 10, None) == 12
    assert candidate_count("binary", 10, None) == 100
    assert candidate_count("binary", 1, None) == 40
    assert candidate_count("binary", 1, 2.5) == 3
    assert candidate_count("binary", 2**62, 1000.0) == 2**63 - 1


def test_an_empty_answer_tells_nothing() -> None:
    request = checked_request(TABLE, Selection(), {"mode": "hybrid"})
    assert candidates_found([]) == 0
    assert not may_have_missed([], 3)
    assert not is_doubtful([], request)


@pytest.mark.parametrize(("limit", "exact"), [(0, False), (10, True)])
def test_what_takes_no_candidates_has_no_pool(limit: int, exact: bool) -> None:
    selection = Selection(filters=parse_filters({"a": 1}))
    given: Any = {"limit": limit, "exact": exact}
    assert candidate_pool(checked_request(TABLE, selection, given), None, KnownIndexes()) is None
    assert candidate_pool(checked_request(TABLE, Selection(), {}), None, KnownIndexes()) is None


def test_without_an_approximate_index_nothing_can_be_missed() -> None:
    selection = Selection(filters=parse_filters({"a": 1}))
    assert candidate_pool(checked_request(TABLE, selection, {}), None, KnownIndexes()) is None
