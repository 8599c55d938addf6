"""Requests that ask for too much are refused before anything is sent, with the limit."""

from __future__ import annotations

from itertools import count, repeat
from typing import Any

import pytest

from vecs._checks.limits import LONGEST_PATTERN, MOST_CONDITIONS, MOST_IDS, MOST_VALUES, at_most, check_most
from vecs.exc import ArgError, FilterError
from vecs.filters import parse_filters
from vecs.records import id_list


@pytest.mark.parametrize(
    ("limited", "most", "what"),
    [
        (lambda n: {"$or": [{"a": 1}] * n}, MOST_CONDITIONS, "conditions of a filter"),
        (lambda n: {"a": {"$in": [1] * n}}, MOST_VALUES, "values in the lists of a filter"),
        (lambda n: {"$id": {"$nin": ["a"] * (n - 1)}, "b": {"$contains_any": [1]}}, MOST_VALUES, "values in the lists"),
        (lambda n: {"a": {"$like": "%" * n}}, LONGEST_PATTERN, "characters of the pattern for 'a'"),
        (lambda n: {"$text": {"$ilike": "%" * n}}, LONGEST_PATTERN, "characters of the pattern for '\\$text'"),
    ],
)
def test_a_filter_may_reach_its_limit_and_no_more(limited: Any, most: int, what: str) -> None:
    parse_filters(limited(most))
    with pytest.raises(FilterError, match=f"{what}.*{most + 1:,}, but at most {most:,} are allowed"):
        parse_filters(limited(most + 1))


def test_endless_lists_end() -> None:
    with pytest.raises(ArgError, match=f"more than {MOST_IDS:,} document_ids"):
        id_list(repeat("a"), what="document_ids")
    with pytest.raises(ArgError, match="more than 3 queries"):
        at_most(count(), 3, "queries")
    assert at_most(iter("abc"), 3, "queries") == ["a", "b", "c"]
    check_most(3, 3, "conditions")
