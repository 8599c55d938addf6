"""Values of a key: counted, summed up, and records paged in their order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vecs
from vecs.exc import ArgError, FilterError

VALUES: list[Any] = [1, 1.0, 2, True, "true", "1", None, ["x", "y", "x"], ["y"], [], {"a": 1}, [[1], None], "naïve 文"]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2, text=True)
    rows = [(f"{i:02}", [i, 1], {"k": value, "n": i}) for i, value in enumerate(VALUES)]
    await docs.upsert([*rows, ("none", [1, 1], {"n": 100, "p": {"q": "deep"}}), ("dot", [1, 1], {"p.q": "flat"})])
    return docs


async def test_facets_count_records_by_value_and_keep_types(docs: vecs.AsyncCollection) -> None:
    found = await docs.facets("k")
    assert [count for _, count in found] == sorted((count for _, count in found), reverse=True)
    counted = {repr(value): count for value, count in found}
    one = counted.pop("1", None) or counted.pop("1.0")
    assert one == 2
    assert counted == {
        "2": 1,
        "True": 1,
        "'true'": 1,
        "'1'": 1,
        "None": 2,
        "'x'": 1,
        "'y'": 2,
        "{'a': 1}": 1,
        "[1]": 1,
        "'naïve 文'": 1,
    }


async def test_facets_are_what_a_filter_by_the_value_finds(docs: vecs.AsyncCollection) -> None:
    for value, count in await docs.facets("k"):
        if not isinstance(value, dict | list):
            assert await docs.count({"$or": [{"k": value}, {"k": {"$contains": value}}]}) == count


async def test_facets_take_paths_columns_filters_and_a_limit(docs: vecs.AsyncCollection) -> None:
    assert await docs.facets("p.q") == [("deep", 1), ("flat", 1)]
    assert await docs.facets("k", filters={"n": {"$in": [0, 1, 2]}}) == [(1, 2), (2, 1)]
    assert await docs.facets("k", limit=0) == []
    assert len(await docs.facets("k", limit=3)) == 3
    assert (await docs.facets("$id", limit=1)) == [("00", 1)]
    assert await docs.facets("$document_id") == []


async def test_facets_tell_of_a_key_that_may_be_a_column(docs: vecs.AsyncCollection) -> None:
    with pytest.warns(UserWarning, match=r"facets\(\) uses the metadata key 'text', but no record has it"):
        assert await docs.facets("text") == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda docs: docs.facets("$no"), "unknown column '\\$no' for key"),
        (lambda docs: docs.facets(5), "key must be a metadata key or one of '\\$id'"),
        (lambda docs: docs.facets(""), "key must be a metadata key"),
        (lambda docs: docs.facets("k", limit=-1), "limit"),
        (lambda docs: docs.facets("k", filters={"k": {"$no": 1}}), "unknown operator"),
        (lambda docs: docs.stats("k", type="date"), "type must be 'number', 'string' or None, not 'date'"),
        (lambda docs: docs.stats("k", type=["number"]), "type must be 'number'"),
        (lambda docs: docs.stats("$id", type="string"), "type='string' is for keys of metadata"),
        (lambda docs: docs.stats("k"), "'k' has 3 numbers and 3 strings; say which"),
        (lambda docs: docs.get(order_by=5), "order_by must be"),
        (lambda docs: docs.get(order_by="n", offset=1), "offset=1 does not go with order_by="),
        (lambda docs: docs.get(after="text"), "after= takes the cursor of a page"),
        (lambda docs: docs.get(["00"], after="text"), "after= needs order_by="),
    ],
)
async def test_wrong_keys_are_refused(docs: vecs.AsyncCollection, call: Callable[..., Any], message: str) -> None:
    with pytest.raises((ArgError, FilterError), match=message):
        await call(docs)


async def test_stats_sum_up_numbers_or_strings(docs: vecs.AsyncCollection) -> None:
    assert await docs.stats("n") == vecs.Stats(14, 0, 100, 178 / 14)
    assert await docs.stats("k", type="number") == vecs.Stats(3, 1, 2, 4 / 3)
    # By code point, whatever the collation of the database is.
    assert await docs.stats("k", type="string") == vecs.Stats(3, "1", "true", None)
    assert await docs.stats("n", filters={"n": {"$lt": 2}}) == vecs.Stats(2, 0, 1, 0.5)
    assert await docs.stats("p.q") == vecs.Stats(2, "deep", "flat", None)
    assert await docs.stats("missing") == vecs.Stats(0, None, None, None)
    assert (await docs.stats("$id")).count == 15
    await docs.upsert([("huge", [1, 1], {"h": 10**400}), ("day", [1, 1], {"d": "2020-01-31"})])
    assert await docs.stats("h") == vecs.Stats(1, 10**400, 10**400, 10**400)
    assert await docs.stats("d") == vecs.Stats(1, "2020-01-31", "2020-01-31", None)


async def test_columns_have_facets_stats_and_an_order_of_their_own_type(
    client: vecs.AsyncClient, run: Callable[[str], None], schema: str
) -> None:
    run(
        "create type {s}.size as enum ('small', 'large');"
        "create table {s}.shop (n bigint primary key, v vector(2), price numeric, at timestamptz, size {s}.size,"
        " tags text[], name text, big float8, meta jsonb);"
        "insert into {s}.shop values"
        " (9, '[1,2]', 1.50, '2020-01-31T08:30:00Z', 'small', '{a,b}', 'x', 'NaN', '{\"k\": 2}'),"
        " (10, '[1,2]', 10, '2020-01-31T08:30:00.5Z', 'large', '{b}', 'y', 1, '{\"k\": 1}'),"
        " (11, '[1,2]', 1.50, null, 'large', null, null, 2, null)"
    )
    shop = await client.attach((schema, "shop"), vec="v", metadata="meta", columns=["price", "at"])
    assert await shop.facets("price") == [(1.5, 2), (10, 1)]
    run("update {s}.shop set price = 0.12345678901234567890 where n = 9")
    exact = "0.12345678901234567890"
    assert sorted(map(str, dict(await shop.facets("price")))) == [exact, "1.5", "10"]
    assert (await shop.to_arrow(columns=["price"])).to_pydict()["price"] == [f'"{exact}"', "10", "1.5"]
    run("update {s}.shop set price = 1.50 where n = 9")
    assert await shop.facets("$size") == [("large", 2), ("small", 1)]
    assert await shop.facets("$tags") == [("b", 2), ("a", 1)]
    assert await shop.facets("k") == [(1, 1), (2, 1)]
    assert await shop.stats("price") == vecs.Stats(3, 1.5, 10, 13 / 3)
    assert await shop.stats("$size") == vecs.Stats(3, "small", "large", None)
    assert await shop.stats("at") == vecs.Stats(2, "2020-01-31T08:30:00+00:00", "2020-01-31T08:30:00.5+00:00", None)
    with pytest.raises(ArgError, match="column 'tags' is text\\[\\], which has no order"):
        await shop.stats("$tags")
    with pytest.raises(ArgError, match="column 'tags' is text\\[\\], which has no order"):
        await shop.get(order_by="$tags")
    for order_by, ids in [
        ("price", ["9", "11", "10"]),
        ("-price", ["10", "9", "11"]),
        ("-at", ["10", "9", "11"]),
        ("-$size", ["10", "11", "9"]),
        ("$big", ["10", "11", "9"]),
        ("-$name", ["10", "9", "11"]),
        ("k", ["10", "9", "11"]),
        ("-$id", ["11", "10", "9"]),
    ]:
        assert await paged(shop, 1, order_by=order_by) == ids, order_by


async def paged(docs: vecs.AsyncCollection, limit: int, **arguments: Any) -> list[str]:
    """Return the ids of all pages; a page that is not the last one is full."""
    ids = list[str]()
    page = await docs.get(limit=limit, **arguments)
    while True:
        ids += [str(record.id) for record in page]
        if page.cursor is None:
            return ids
        assert len(page) == limit
        page = await docs.get(limit=limit, after=page.cursor, **arguments)


@pytest.mark.parametrize("order_by", ["n", "-n", "s", "-s", "p.q", "$id", "-$id", None])
@pytest.mark.parametrize("limit", [1, 7, 40, 41, 100])
async def test_pages_have_each_record_once_in_order(client: vecs.AsyncClient, order_by: Any, limit: int) -> None:
    docs = await client.create_collection("paged", 1)
    chance = random.Random(1)
    numbers = [0, 1, 1, 2, 10**30, -0.5, 0.1, None, "text", True]
    texts = ["a", "b", "b", "文", "x" * 300, "x" * 300 + "y", "", None, 5]
    rows = {f"{i:02}": {"n": numbers[i % 10], "s": texts[i % 9], "p": {"q": i % 3}} for i in range(40)}
    del rows["39"]["n"], rows["38"]["p"]
    await docs.upsert([(id, [1], metadata) for id, metadata in chance.sample(sorted(rows.items()), 40)])
    key = (order_by or "$id").lstrip("-")
    kind: Any = str if key == "s" else (int, float)

    def value(id: str) -> Any:
        found = rows[id].get("p", {}).get("q") if key == "p.q" else rows[id].get(key)
        there = isinstance(found, kind) and not isinstance(found, bool)
        return found[:200] if isinstance(found, str) and there else found if there else None

    descending = (order_by or "").startswith("-")
    if key == "$id":
        expected = sorted(rows, reverse=descending)
    else:
        valued = [id for id in sorted(rows) if value(id) is not None]
        expected = sorted(valued, key=value, reverse=descending)
        if descending:
            # Equal values stay in the order of their ids.
            expected = [
                id for at in sorted({value(id) for id in valued}, reverse=True) for id in valued if value(id) == at
            ]
        expected += [id for id in sorted(rows) if value(id) is None]
    assert await paged(docs, limit, order_by=order_by) == expected
    assert [record.id for record in await docs.get(order_by=order_by)] == expected
    some = await paged(docs, limit, order_by=order_by, filters={"$id": {"$like": "%1"}})
    assert some == [id for id in expected if id.endswith("1")]


async def test_the_index_decides_the_type_and_finds_each_page(
    client: vecs.AsyncClient, target: str, schema: str
) -> None:
    docs = await client.create_collection("many", 1)
    await docs.upsert(
        [
            (f"{i:05}", [1], {"n": i * 7 % 5000, "s": f"v{i * 7 % 5000:05}", "mixed": i if i % 2 else "s"})
            for i in range(5000)
        ]
    )
    for key, type in (("n", "number"), ("s", "string"), ("mixed", "string")):
        await docs.create_metadata_index(key, type)
    assert (await docs.get(order_by="mixed", limit=1))[0].metadata == {"n": 0, "s": "v00000", "mixed": "s"}
    for order_by, first in (("n", 1000), ("-n", 4000), ("s", 1000), ("-s", 4000)):
        page = await docs.get(order_by=order_by, limit=20, filters={"n": {"$between": [1000, 4000]}})
        assert page[0].metadata == {**(page[0].metadata or {}), "n": first}
        plan = await plan_of(docs, target, order_by, page.cursor)
        assert "Index Scan" in plan, plan
        assert "Seq Scan" not in plan
        assert "Index Cond" in plan


async def plan_of(docs: vecs.AsyncCollection, target: str, order_by: str, cursor: str | None) -> str:
    """Return how Postgres reads a page."""
    sent = list[Any]()
    executor: Any = docs._executor
    read = executor.read

    async def record(statement: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(statement)
        return await read(statement, *args, **kwargs)

    executor.read = record
    try:
        await docs.get(order_by=order_by, limit=20, after=cursor)
    finally:
        executor.read = read
    (statement,) = sent
    with psycopg.connect(target) as connection:
        rows = connection.execute(b"explain " + statement.inline().replace(b"%", b"%%")).fetchall()
    return "\n".join(row[0] for row in rows)


async def test_pages_do_not_mind_what_is_written_elsewhere(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("changing", 1)
    await docs.upsert([(f"{i:02}", [1], {"n": i}) for i in range(10, 20)])
    page = await docs.get(order_by="n", limit=4)
    await docs.upsert([("00", [1], {"n": 0}), ("13", [1], {"n": 99})])
    await docs.delete(["12"])
    rest = await docs.get(order_by="n", after=page.cursor)
    assert [record.id for record in rest] == ["14", "15", "16", "17", "18", "19", "13"]
    assert rest.cursor is None


async def test_a_plain_page_has_a_cursor_if_there_is_more(docs: vecs.AsyncCollection) -> None:
    page = await docs.get(limit=14)
    assert len(page) == 14
    assert [record.id for record in await docs.get(after=page.cursor)] == ["none"]
    assert (await docs.get(limit=15)).cursor is None
    assert (await docs.get(limit=0)).cursor is None
    assert (await docs.get(limit=0, order_by="n")).cursor is None
    assert (await docs.get()).cursor is None
    assert (await docs.get(["00", "01"], limit=1)).cursor is None
    following = await docs.get(limit=2, offset=3)
    assert [record.id for record in await docs.get(limit=1, after=following.cursor)] == ["05"]
    assert len(await docs.get(limit=2**62, order_by="n")) == 15


async def test_ids_and_an_order_go_together(docs: vecs.AsyncCollection) -> None:
    assert await paged(docs, 1, ids=["01", "00", "none", "no"], order_by="-n") == ["none", "01", "00"]
    assert await docs.get([], order_by="n") == []


async def test_vectors_and_columns_come_with_pages(
    client: vecs.AsyncClient, run: Callable[[str], None], schema: str
) -> None:
    docs = await client.create_collection("wide", 1)
    await docs.upsert([("a", [1], {"n": 2}), ("b", [2], {"n": 1})])
    run("alter table {s}.wide add column price int default 7")
    docs = await client.get_collection("wide")
    found = await docs.get(order_by="n", limit=1, include_vector=True, include_columns=True)
    assert (found[0].id, found[0].columns) == ("b", {"price": 7})
    assert found[0].vec is not None
    assert found.cursor is not None
