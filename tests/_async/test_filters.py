"""Filters: Postgres' answer is that of a plain-Python evaluation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle import matches

import vecs

# A small world, so that filters hit: keys with dots, quotes, percent signs; values that are nearly the same.
KEYS = st.sampled_from(["a", "b", "a.b", "a.b.c", "", "k'ey", 'q"k', "100%", "%s", "ü", "$1", "{x}", "a\\b", "c"])
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 10, 10.5, 10.0, -1, 1e308, 5e-324, 10**40, 10**40 + 1, -(2**63), 2**53 + 1, 0.1, -0.0]),
    st.integers(-3, 3),
)
STRINGS = st.one_of(
    st.sampled_from(["", "a", "A", "ab", "a%b", "a_b", "a\\b", "10", "true", "null", "Ü", "ü", "é'\"%s", "\n", "𝒳"]),
    # Without the characters whose lower case Python and Postgres see differently.
    st.text(st.sampled_from("abAB%_\\'\"üÜ 1"), max_size=4),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, STRINGS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=4)


def _pattern_is_whole(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 0


BOUNDS = st.one_of(NUMBERS, STRINGS)
PATTERNS = st.one_of(STRINGS, st.text(st.sampled_from("ab%_\\Ü"), max_size=4)).filter(_pattern_is_whole)
LISTS = st.lists(SCALARS, max_size=3)
CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "$eq": VALUES,
    "$ne": VALUES,
    "$gt": BOUNDS,
    "$gte": BOUNDS,
    "$lt": BOUNDS,
    "$lte": BOUNDS,
    "$between": st.one_of(st.tuples(NUMBERS, NUMBERS), st.tuples(STRINGS, STRINGS)).map(list),
    "$in": LISTS,
    "$nin": LISTS,
    "$exists": st.booleans(),
    "$like": PATTERNS,
    "$ilike": PATTERNS,
    "$contains": SCALARS,
    "$contains_any": LISTS,
    "$contains_all": LISTS,
}
OPERATORS = st.sampled_from(sorted(CONDITIONS)).flatmap(lambda op: CONDITIONS[op].map(lambda operand: {op: operand}))
CONDITION = st.one_of(
    OPERATORS,
    st.tuples(OPERATORS, OPERATORS).map(lambda pair: {**pair[0], **pair[1]}),
    OPERATORS.map(lambda inner: {"$not": inner}),
    SCALARS,
    st.lists(SCALARS, max_size=2),
)
# Keys that start with $ are operators at the top of a filter.
FIELDS = st.dictionaries(KEYS.filter(lambda key: not key.startswith("$")), CONDITION, min_size=1, max_size=2)
FILTERS = st.recursive(
    FIELDS,
    lambda inner: st.one_of(
        st.sampled_from(["$and", "$or", "$not"]).flatmap(
            lambda op: st.lists(inner, min_size=1, max_size=3).map(lambda parts: {op: parts})
        ),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=4,
)


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", 1)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(stored=st.lists(METADATA, min_size=1, max_size=12), filters=st.lists(FILTERS, min_size=1, max_size=8))
async def test_postgres_finds_what_plain_python_finds(
    docs: vecs.AsyncCollection, stored: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    await docs.truncate()
    await docs.upsert([(f"{i:02}", [1.0], metadata) for i, metadata in enumerate(stored)])
    for each in filters:
        found = [record.id for record in await docs.get(filters=each)]
        assert found == [f"{i:02}" for i, metadata in enumerate(stored) if matches(metadata, each)], each


RECORDS: dict[str, dict[str, Any]] = {
    "int": {"x": 5},
    "float": {"x": 5.0},
    "string": {"x": "5"},
    "null": {"x": None},
    "true": {"x": True},
    "list": {"x": [5, "5"]},
    "object": {"x": {"y": 5}},
    "dotted": {"x.y": 5},
    "none": {},
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"x": 5}, {"int", "float"}),
        ({"x": {"$eq": None}}, {"null"}),
        ({"x": {"$ne": 5}}, {"string", "null", "true", "list", "object"}),
        ({"$not": {"x": 5}}, {"string", "null", "true", "list", "object", "dotted", "none"}),
        ({"x": {"$gte": 5}}, {"int", "float"}),
        ({"x": {"$gt": "4"}}, {"string"}),
        ({"x": {"$between": [4, 6]}}, {"int", "float"}),
        ({"x": {"$in": [5, None]}}, {"int", "float", "null"}),
        ({"x": {"$in": []}}, set()),
        ({"x": {"$nin": [5, None]}}, {"string", "true", "list", "object"}),
        ({"x": {"$nin": []}}, {"int", "float", "string", "null", "true", "list", "object"}),
        ({"x": {"$exists": True}}, {"int", "float", "string", "null", "true", "list", "object"}),
        ({"x": {"$exists": False}}, {"dotted", "none"}),
        ({"x": {"$contains": 5}}, {"list"}),
        ({"x": {"$contains_any": ["5", 6]}}, {"list"}),
        ({"x": {"$contains_all": [5, "5"]}}, {"list"}),
        ({"x": {"$contains_all": [5, 6]}}, set()),
        ({"x.y": 5}, {"object", "dotted"}),
        ({"x.y": {"$exists": True}}, {"object", "dotted"}),
        ({"x": [5, "5"]}, {"list"}),
        ({"x": {"$eq": {"y": 5.0}}}, {"object"}),
        ({"x": 5, "$or": [{"x": {"$gt": 1}}, {"x": {"$lt": 0}}]}, {"int", "float"}),
        ({"x": {"$gt": 1, "$lt": 4}}, set()),
        ({"$not": [{"x": 5}, {"x": {"$exists": False}}]}, {"string", "null", "true", "list", "object"}),
    ],
)
async def test_each_operator_matches_what_the_language_says(
    docs: vecs.AsyncCollection, filters: dict[str, Any], expected: set[str]
) -> None:
    await docs.upsert([(id, [1.0], metadata) for id, metadata in RECORDS.items()])
    assert {record.id for record in await docs.get(filters=filters)} == expected
    assert {match.id for match in await docs.search([1.0], filters=filters, exact=True)} == expected
    assert await docs.count(filters) == len(expected)


async def test_equality_is_answered_by_the_metadata_index(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("many", 2)
    await docs.upsert([(f"{i}", [i, 1], {"n": i, "s": f"s{i}", "tags": [i]}) for i in range(3000)])
    await docs.index()
    for filters in ({"n": 7}, {"s": "s7"}, {"s": {"$in": ["s7", "s8"]}}, {"tags": {"$contains": 7}}, {"a.b": 1}):
        plan = await docs.explain([1, 1], filters=filters)
        assert "ix_meta_" in plan, (filters, plan)
