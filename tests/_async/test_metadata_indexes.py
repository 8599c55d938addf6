"""Indexes on one key of the metadata: used by ranges, changing no answer, failing no write."""

from __future__ import annotations

import logging
import random
from datetime import date, timedelta
from typing import Any

import pytest
from tests.oracle import matches

import vecs
from vecs.exc import ArgError, IndexNotFound

MESSY: list[Any] = [
    *range(-3, 4), 0.5, 2.5, 10**40, -(10**40), 1e308, 5e-324, 10**4000 + 7,
    "", "a", "b", "B", "ab", "10", "2024-01-31", "ü", "𝒳", "\uffff", "%", "a\\b", "'", "x" * 199, "x" * 200, "x" * 201,
    "x" * 200 + "y", "x" * 5000, "é" * 10_000, True, False, None, [], [1], ["a"], {}, {"b": 1}, {"b": "a"},
]  # fmt: skip
BOUNDS: list[Any] = [
    -(10**40), -1, 0, 2.5, 1e308, 10**4000, "", "a", "b", "10", "2024", "é", "x" * 199, "x" * 200, "x" * 201,
    "x" * 200 + "y", "x" * 6000, "𝒳",
]  # fmt: skip
KEYS = ["a", "a.b", "k'e\"y %s {x} \\ $1", "ü日本", "", " ", "A", "a.", "..", "x" * 200]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", 1)


async def fill(docs: vecs.AsyncCollection, rows: int = 3000) -> None:
    first = date(2000, 1, 1)
    await docs.upsert(
        (f"{i:05}", [1.0], {"year": i, "day": first + timedelta(days=i), "a": {"b": i}, "kind": f"k{i % 7}"})
        for i in range(rows)
    )


async def plan(docs: vecs.AsyncCollection, filters: dict[str, Any]) -> str:
    return await docs.explain([1.0], filters=filters)


@pytest.mark.parametrize(
    ("key", "type", "filters"),
    [
        ("year", None, {"year": {"$lt": 20}}),
        ("year", "number", {"year": {"$between": [100, 110]}}),
        ("year", "number", {"year": {"$gte": 2990.5}, "kind": {"$ne": "k1"}}),
        ("day", None, {"day": {"$gt": date(2008, 3, 1)}}),
        ("day", "string", {"day": {"$between": ["2000-02-01", "2000-02-09"]}}),
        ("day", "string", {"day": {"$lt": "2000-01-09" + "x" * 300}}),
        ("a.b", None, {"a.b": {"$lt": 20}}),
    ],
)
async def test_ranges_are_answered_by_the_index(
    docs: vecs.AsyncCollection, key: str, type: Any, filters: dict[str, Any]
) -> None:
    await fill(docs)
    await docs.index()
    name = await docs.create_metadata_index(key, type)
    assert f"uses {name}" in await plan(docs, filters)
    # As often as it takes until Postgres would have kept a plan.
    expected = [record.id for record in await docs.get(filters=filters)]
    for _ in range(12):
        assert {match.id for match in await docs.search([1.0], limit=100, filters=filters)} == set(expected)


@pytest.mark.parametrize("key", KEYS)
async def test_no_index_changes_what_a_filter_finds_or_fails_a_write(docs: vecs.AsyncCollection, key: str) -> None:
    numbers = await docs.create_metadata_index(key, "number")
    strings = await docs.create_metadata_index(key, "string")
    records: list[dict[str, Any]] = [{key: value} for value in MESSY]
    records += [{"a": value, "a.b": 2} for value in MESSY] + [{"a": {"b": value}} for value in MESSY] + [{}]
    await docs.upsert([(f"{i:04}", [1.0], metadata) for i, metadata in enumerate(records)])
    filters: list[dict[str, Any]] = [{key: {op: b}} for op in ("$gt", "$gte", "$lt", "$lte") for b in BOUNDS]
    filters += [{"$not": f} for f in filters[::5]] + [
        {key: {"$between": ["a", "x" * 200]}},
        {key: {"$between": [0, 2]}},
    ]
    for each in filters:
        expected = [f"{i:04}" for i, metadata in enumerate(records) if matches(metadata, each)]
        assert [record.id for record in await docs.get(filters=each)] == expected, each
    assert {(i.name, i.key, i.key_type) for i in await docs.indexes() if i.key is not None} == {
        (numbers, key, "number"),
        (strings, key, "string"),
    }


async def test_indexes_that_are_used_give_the_answers_of_plain_python(docs: vecs.AsyncCollection) -> None:
    draw = random.Random(5)
    records: list[dict[str, Any]] = [{"a": draw.choice(MESSY)} if draw.random() < 0.9 else {} for _ in range(3000)]
    await docs.upsert([(f"{i:04}", [1.0], metadata) for i, metadata in enumerate(records)], batch_size=500)
    names = [await docs.create_metadata_index("a", "number"), await docs.create_metadata_index("a", "string")]
    used: set[str] = set()
    for bound in BOUNDS:
        for op in ("$gt", "$gte", "$lt", "$lte"):
            filters = {"a": {op: bound}}
            expected = [f"{i:04}" for i, metadata in enumerate(records) if matches(metadata, filters)]
            assert [record.id for record in await docs.get(filters=filters)] == expected, filters
            used |= {name for name in names if name in await plan(docs, filters)}
    assert used == set(names)


async def test_a_second_index_on_a_key_is_the_first(
    docs: vecs.AsyncCollection, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(docs, 100)
    name = await docs.create_metadata_index("year")
    assert name.startswith("ix_meta_year_number_")
    with caplog.at_level(logging.INFO, "vecs"):
        assert await docs.create_metadata_index("year", "number") == name
        assert await docs.create_metadata_index("year", concurrently=True) == name
    assert caplog.text.count(f"already has the index {name}") == 2
    other = await docs.create_metadata_index("day", concurrently=True)
    assert {(i.key, i.key_type) for i in await docs.indexes() if i.key} == {("year", "number"), ("day", "string")}
    # index() keeps them, and makes its own.
    await docs.index()
    assert {name, other} < {index.name for index in await docs.indexes()}
    await docs.drop_index(name)
    with pytest.raises(IndexNotFound):
        await docs.drop_index(name)
    assert await docs.create_metadata_index("year") != name


async def test_a_key_without_one_type_needs_it_said(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("a", [1], {"both": 1, "no": True}), ("b", [1], {"both": "1"})])
    with pytest.raises(ArgError, match="both numbers and strings at 'both'; give type='number' or type='string'"):
        await docs.create_metadata_index("both")
    with pytest.raises(ArgError, match=r"no numbers or strings \(but: boolean\) at 'no'"):
        await docs.create_metadata_index("no")
    with pytest.raises(ArgError, match=r"no numbers or strings \(but: nothing\) at 'absent'"):
        await docs.create_metadata_index("absent")
    assert await docs.create_metadata_index("both", "string") != await docs.create_metadata_index("both", "number")


@pytest.mark.parametrize(
    ("key", "type", "says"),
    [
        ("year", "date", "type must be 'number', 'string' or None, not 'date'"),
        (5, None, "must be a string, not 5"),
        ("$year", None, "begins with"),
        ("x" * 60_000, "number", "has 60000 bytes; an index takes keys of up to 200"),
        ("ü" * 101, "number", "has 202 bytes"),
        ("a\0b", "number", "NUL character"),
        ("a" + ".b" * 70, "number", "path of more than 64 steps"),
    ],
)
async def test_a_key_or_type_that_cannot_be_indexed_is_refused(
    docs: vecs.AsyncCollection, key: Any, type: Any, says: str
) -> None:
    with pytest.raises(ArgError, match=says):
        await docs.create_metadata_index(key, type)


async def test_statistics_of_the_key_tell_the_planner_what_a_range_keeps(docs: vecs.AsyncCollection) -> None:
    await fill(docs)
    await docs.create_metadata_index("year")
    text = await docs.explain([1.0], filters={"year": {"$lt": 300}}, analyze=True, limit=5000)
    scan = next(line for line in text.splitlines() if "Scan" in line and "cost" in line)
    estimated, found = (int(float(part.split("rows=")[1].split(" ")[0])) for part in scan.split("(")[1:3])
    assert found == 300
    assert 200 < estimated < 400
