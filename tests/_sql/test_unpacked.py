"""Filters of many conditions: what stays outside the subselect that unpacks metadata once."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._sql.filters import condition
from vecs._sql.unpacked import MOST_COPIES, copies, matching
from vecs.filters import parse_filters

MANY = {"$or": [{f"k{n}": {"$like": f"{n}%"}} for n in range(100)]}


def sql(filters: dict[str, Any]) -> str:
    return matching(parse_filters(filters)).render()[0].decode()


@pytest.mark.parametrize(
    "filters",
    [
        {"a": 1},
        {"a": {"$in": list(range(50))}, "b": "x", "year": {"$gte": 1, "$lt": 5}},
        {"a": {"$in": list(range(1000))}, "b.c": {"$ilike": "x"}},
        {"$id": {"$in": [str(n) for n in range(1000)]}},
    ],
)
def test_a_filter_of_few_conditions_is_written_as_before(filters: dict[str, Any]) -> None:
    node = parse_filters(filters)
    assert copies(node) <= MOST_COPIES
    assert sql(filters) == condition(node).render()[0].decode()


CONDITIONS = [
    {"$eq": 1}, {"$eq": [1]}, {"$ne": 1}, {"$lt": 1}, {"$lt": "a"}, {"$lt": "a" * 300}, {"$in": [1, 2]}, {"$nin": [1]},
    {"$contains": 1}, {"$contains_any": [1, 2]}, {"$contains_any": list(range(60))}, {"$exists": True},
    {"$exists": False}, {"$like": "a%"}, {"$ilike": "a%"}, {"$not": {"$eq": 1}},
]  # fmt: skip


@pytest.mark.parametrize("key", ["k{}", "o.k{}", "same"])
@pytest.mark.parametrize("each", CONDITIONS)
@pytest.mark.parametrize("combine", ["$and", "$or", "$not"])
def test_however_many_conditions_make_few_copies_of_the_metadata(key: str, each: dict[str, Any], combine: str) -> None:
    text = sql({combine: [{key.format(n): each} for n in range(500)]})
    outside, unpacked, inside = text.partition("operator(pg_catalog.||) '{}'")
    assert unpacked
    # The levels above read what the subselect has taken out.
    outside = outside.partition("(\n            select ")[0]
    assert outside.count("metadata") <= 2 * MOST_COPIES
    assert "metadata" not in inside.partition(" as whole offset 0")[2]


def test_texts_are_unpacked_once_too() -> None:
    for each in ({"$like": "a"}, {"$ilike": "a"}, {"$contains": "a"}, {"$eq": "a"}):
        text = sql({"$or": [{"$text": each} for _ in range(100)] + [{"$text": {"$exists": False}}, {"$id": "a"}]})
        assert text.count("text operator(pg_catalog.||) '' as text") == 1


def test_what_an_index_answers_stays_outside() -> None:
    for indexed in ({"a": 1}, {"a": {"$in": list(range(50))}}, {"a": {"$gte": 5}}, {"$or": [{"a": 1}, {"b": 2}]}):
        text = sql({"$and": [{"z": {"$ne": 1}}, MANY, {"$not": {"y": 1}}, indexed]})
        assert text.startswith(condition(parse_filters(indexed)).render()[0].decode().partition("$1")[0])
