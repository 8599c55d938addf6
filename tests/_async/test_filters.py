"""Filters: Postgres' answer is that of a plain-Python evaluation."""

from __future__ import annotations

import re
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracle import matches

import vecs
from vecs._sql import unpacked
from vecs.exc import FilterError

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
IDS = st.one_of(st.sampled_from(["00", "01", "100%", "d'1\\", "ü", "%", 5, -1]), STRINGS.filter(bool))
TEXTS = st.one_of(STRINGS, st.sampled_from(["A ship. 100% of it's \\ and _", "a ship", "{x} $1 \n"]))
COLUMN_CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "$eq": IDS,
    "$ne": IDS,
    "$in": st.lists(IDS, max_size=3),
    "$nin": st.lists(IDS, max_size=3),
    "$like": PATTERNS,
    "$ilike": PATTERNS,
    "$exists": st.booleans(),
}
TEXT_CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "$eq": TEXTS,
    "$contains": st.one_of(TEXTS, st.sampled_from(["ship", "%", "_", "\\", "'"])).filter(bool),
    "$like": PATTERNS,
    "$ilike": PATTERNS,
    "$exists": st.booleans(),
}


def _column_filters(key: str, conditions: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from(sorted(conditions)).flatmap(lambda op: conditions[op].map(lambda operand: {op: operand}))
    several = st.tuples(one, one).map(lambda pair: {**pair[0], **pair[1]})
    return st.one_of(one, several, one.map(lambda inner: {"$not": inner}), conditions["$eq"]).map(lambda c: {key: c})


COLUMNS = st.one_of(
    _column_filters("$id", {op: operands for op, operands in COLUMN_CONDITIONS.items() if op != "$exists"}),
    _column_filters("$document_id", COLUMN_CONDITIONS),
    _column_filters("$text", TEXT_CONDITIONS),
)
FILTERS = st.recursive(
    st.one_of(FIELDS, COLUMNS, st.tuples(FIELDS, COLUMNS).map(lambda pair: {**pair[0], **pair[1]})),
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
    return await client.create_collection("docs", 1, text=True)


# The ids, documents and texts of as many records as are stored.
PARTS = st.lists(
    st.tuples(IDS.map(str), st.none() | IDS.map(str), st.none() | TEXTS),
    min_size=12,
    max_size=12,
    unique_by=lambda p: p[0],
)


@settings(
    max_examples=settings.default.max_examples * 3 // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    stored=st.lists(METADATA, min_size=1, max_size=12), parts=PARTS, filters=st.lists(FILTERS, min_size=1, max_size=8)
)
async def test_postgres_finds_what_plain_python_finds(
    docs: vecs.AsyncCollection,
    stored: list[dict[str, Any]],
    parts: list[tuple[str, str | None, str | None]],
    filters: list[dict[str, Any]],
) -> None:
    records = [
        vecs.Record(id, [1.0], text, metadata, document_id)
        for (id, document_id, text), metadata in zip(parts, stored, strict=False)
    ]
    await docs.truncate()
    await docs.upsert(records)
    for each, most in product(filters, (unpacked.MOST_COPIES, 0)):
        with pytest.MonkeyPatch.context() as patch:
            # With 0, as if the filter had many more conditions.
            patch.setattr(unpacked, "MOST_COPIES", most)
            found = {record.id for record in await docs.get(filters=each)}
        assert found == {
            str(record.id)
            for record, (id, document_id, text) in zip(records, parts, strict=False)
            if matches(record.metadata or {}, each, id=id, document_id=document_id, text=text)
        }, each


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


@pytest.mark.parametrize("most", [unpacked.MOST_COPIES, 0])
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
    docs: vecs.AsyncCollection,
    filters: dict[str, Any],
    expected: set[str],
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpacked, "MOST_COPIES", most)
    await docs.upsert([(id, [1.0], metadata) for id, metadata in RECORDS.items()])
    assert {record.id for record in await docs.get(filters=filters)} == expected
    assert {match.id for match in await docs.search([1.0], filters=filters, exact=True)} == expected
    assert await docs.count(filters) == len(expected)


WORDS = {"a": "A ship at sea", "b": "100% of it's \\ a_b", "c": None, "5": "", "7": "naïve 𝒳 " + "x" * 100_000}
SOME_UUID = UUID(int=9)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"$id": "a"}, "a"),
        ({"$id": 5}, "5"),
        ({"$id": {"$in": ["a", 5, SOME_UUID, "nothing"]}}, "a5"),
        ({"$id": {"$in": []}}, ""),
        ({"$id": {"$ne": "a"}}, "bc57"),
        ({"$id": {"$nin": ["a", "b"]}}, "c57"),
        ({"$id": {"$nin": []}}, "abc57"),
        ({"$id": {"$like": "_", "$nin": ["a"]}}, "bc57"),
        ({"$id": {"$ilike": "A"}}, "a"),
        ({"$id": {"$not": {"$in": ["a", "b"]}}}, "c57"),
        ({"$id": "a' or true --"}, ""),
        ({"$id": "x" * 100_000}, ""),
        ({"$document_id": "d'1%"}, "ab"),
        ({"$document_id": {"$in": ["d'1%", "2"]}}, "ab5"),
        ({"$document_id": {"$ne": "d'1%"}}, "5"),
        ({"$document_id": {"$nin": []}}, "ab5"),
        ({"$document_id": {"$exists": False}}, "c7"),
        ({"$document_id": {"$exists": True}}, "ab5"),
        ({"$not": {"$document_id": "d'1%"}}, "c57"),
        ({"$document_id": {"$not": {"$like": "d%"}}}, "c57"),
        ({"$text": "A ship at sea"}, "a"),
        ({"$text": ""}, "5"),
        ({"$text": {"$contains": "ship"}}, "a"),
        ({"$text": {"$contains": "SHIP"}}, ""),
        ({"$text": {"$contains": "%"}}, "b"),
        ({"$text": {"$contains": "_"}}, "b"),
        ({"$text": {"$contains": "\\"}}, "b"),
        ({"$text": {"$contains": "it's \\ a_"}}, "b"),
        ({"$text": {"$contains": "𝒳 " + "x" * 99_999}}, "7"),
        ({"$text": {"$contains": "x" * 200_000}}, ""),
        ({"$text": {"$like": "%\\%%"}}, "b"),
        ({"$text": {"$ilike": "%SHIP%"}}, "a"),
        ({"$text": {"$exists": False}}, "c"),
        ({"$text": {"$not": {"$contains": "ship"}}}, "bc57"),
        ({"$or": [{"$id": "c"}, {"$text": {"$contains": "sea"}, "n": 1}]}, "ac"),
    ],
)
async def test_a_filter_reaches_the_columns_of_a_record(
    docs: vecs.AsyncCollection, filters: dict[str, Any], expected: str
) -> None:
    documents = {"a": "d'1%", "b": "d'1%", "5": 2}
    # Metadata of the same name is not meant.
    await docs.upsert(
        vecs.Record(id, [1.0], text, {"n": 1, "$id": "a", "$text": "ship"}, documents.get(id))
        for id, text in WORDS.items()
    )
    assert {record.id for record in await docs.get(filters=filters)} == set(expected)
    assert {match.id for match in await docs.search([1.0], filters=filters, exact=True)} == set(expected)
    assert {record.id async for record in docs.scan(filters=filters)} == set(expected)
    assert await docs.count(filters) == len(expected)
    assert set(await docs.query(None, filters=filters)) == set(expected)
    assert set(await docs.update_metadata({"seen": True}, filters=filters)) == set(expected)
    assert await docs.count({"seen": True}) == len(expected)
    assert set(await docs.delete(filters=filters)) == set(expected)


async def test_tens_of_thousands_of_ids_are_one_condition(docs: vecs.AsyncCollection) -> None:
    await docs.upsert(vecs.Record(i, [1.0], "text", document_id=i) for i in range(100))
    many = [f"{i}" for i in range(50, 70_050)]
    for key in ("$id", "$document_id"):
        assert await docs.count({key: {"$in": many}}) == 50
        assert await docs.count({key: {"$nin": many}}) == 50
        assert len(await docs.search([1.0], filters={key: {"$in": many}}, limit=100, exact=True)) == 50


@pytest.mark.parametrize("key", ["$document_id", "$text"])
async def test_a_condition_on_columns_that_are_not_there_names_the_remedy(client: vecs.AsyncClient, key: str) -> None:
    plain = await client.create_collection("plain", 1)
    other = await client.get_collection("plain")
    await plain.upsert([("a", [1.0], {})])
    for filters in ({key: "a"}, {"$not": [{"n": 1}, {"$or": [{"n": 2}, {key: {"$exists": False}}]}]}):
        refused = pytest.raises(FilterError, match=rf"\{key} is for .* 'plain' has none; .*enable_text.*text=True")
        with refused:
            await plain.count(filters)
        with refused:
            await plain.delete(filters=filters)
        with refused:
            await plain.search([1.0], filters=filters)
    assert await plain.count({"$id": "a"}) == 1
    await plain.enable_text()
    assert await plain.count({key: {"$exists": False}}) == 1
    assert await other.count({key: {"$exists": False}}) == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"$what": 1}, "expected one of $and, $or, $not, $id, $document_id, $text"),
        ({"$id": {"$gt": 1}}, "for '$id'; expected one of $eq, $ne, $in, $nin, $like, $ilike, $not"),
        ({"$id": {"a": 1}}, "for '$id'; expected one of $eq, $ne, $in, $nin, $like, $ilike, $not"),
        ({"$document_id": {"$contains": "a"}}, "expected one of $eq, $ne, $in, $nin, $like, $ilike, $exists, $not"),
        ({"$document_id": None}, "{'$document_id': {'$exists': False}}"),
        ({"$text": {"$in": ["a"]}}, "for '$text'; expected one of $eq, $contains, $like, $ilike, $exists, $not"),
    ],
)
async def test_an_unknown_operator_is_told_those_of_its_key(
    docs: vecs.AsyncCollection, filters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(FilterError, match=re.escape(expected) + "$"):
        await docs.count(filters)


async def test_equality_is_answered_by_the_metadata_index(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("many", 2)
    await docs.upsert([(f"{i}", [i, 1], {"n": i, "s": f"s{i}", "tags": [i]}) for i in range(3000)])
    await docs.index()
    for filters in ({"n": 7}, {"s": "s7"}, {"s": {"$in": ["s7", "s8"]}}, {"tags": {"$contains": 7}}, {"a.b": 1}):
        plan = await docs.explain([1, 1], filters=filters)
        assert "ix_meta_" in plan, (filters, plan)
