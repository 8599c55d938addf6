"""Tables of one's own as collections: read, searched, filtered and written, and not altered."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

import vecs
from vecs import Record
from vecs._writing.buffer import RowBuffer
from vecs.exc import ArgError, FilterError

ONE, TWO, THREE = (str(UUID(int=n)) for n in (1, 2, 3))


SUPABASE = """
    create table {s}.documents (
        id bigserial primary key, content text, metadata jsonb, embedding vector(3)
    );
    insert into {s}.documents (content, metadata, embedding) values
        ('a cat sleeps', '{"kind": "animal"}', '[1,0,0]'), ('bread is baked', '{"kind": "food"}', '[0,1,0]'),
        ('nothing yet', null, null);
"""
ARTICLES = """
    create type {s}.mood as enum ('sad', 'ok', 'happy');
    create domain {s}.amount as numeric(10, 2) check (value >= 0);
    create table {s}.articles (
        article_id uuid primary key default gen_random_uuid(),
        title text not null, body text, "My Vec" halfvec(3), price {s}.amount, n smallint, big bigint, r real,
        ok boolean, d date, ts timestamp, tz timestamptz, m {s}.mood, tags text[], nums int[], attrs jsonb,
        code varchar(5), u uuid, notes json, twice int generated always as (n * 2) stored,
        created timestamptz not null default now(),
        words tsvector generated always as (to_tsvector('english', title || ' ' || coalesce(body, ''))) stored
    );
"""
COLUMNS = [
    *("title", "price", "n", "big", "r", "ok", "d", "ts", "tz", "m", "tags", "nums", "attrs", "code", "u", "twice")
]
CATS: dict[str, Any] = {
    "title": "Cats",
    "price": 9.99,
    "n": 5,
    "big": 2**40,
    "r": 0.1,
    "ok": True,
    "d": "2024-05-17",
    "ts": "2024-05-17T12:00:00",
    "tz": "2024-05-17T12:00:00+00:00",
    "m": "ok",
    "tags": ["a", "b"],
    "nums": [1, 2],
    "attrs": {"k": [1, None]},
    "code": "x",
    "u": ONE,
    "other": [1],
}


async def articles(client: vecs.AsyncClient, run: Callable[[str], None]) -> vecs.AsyncAttachedCollection:
    run(ARTICLES)
    found = await client.attach("articles", vec="My Vec", text="body", metadata="notes", columns=COLUMNS)
    given: dict[str, Any] = {
        **CATS,
        "price": Decimal("9.99"),
        "d": date(2024, 5, 17),
        "ts": datetime(2024, 5, 17, 12),
        "tz": datetime(2024, 5, 17, 14, tzinfo=timezone(timedelta(hours=2))),
        "u": UUID(int=1),
    }
    await found.upsert(
        [
            Record(ONE, [1, 0, 0], "The cat sleeps", given),
            Record(TWO, [0, 1, 0], "Dogs bark", {"title": "Dogs", "n": 7}),
        ]
    )
    return found


async def refused(call: Callable[..., Any], *args: Any, error: type[Exception] = ArgError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        await call(*args, **options)
    return str(caught.value)


# --- reading and searching -----------------------------------------------------------------------------


async def test_supabases_table_is_searched_read_and_written(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run(SUPABASE)
    docs = await client.attach("documents", vec="embedding", text="content", metadata="metadata")

    assert [m.id for m in await docs.search([1, 0, 0])] == ["1", "2"]
    assert [m.text for m in await docs.search([1, 0, 0], filters={"kind": "food"})] == ["bread is baked"]
    assert [r.id for r in await docs.get(["2", "1", "abc", "99", "9" * 30])] == ["2", "1"]
    assert await docs.upsert([(2, [0, 0, 1], {"kind": "bread"}), ("10", [1, 1, 1])]) == 2
    assert [r.id async for r in docs.scan(page_size=1)] == ["1", "2", "3", "10"]
    assert (await docs.get(["2"]))[0] == Record("2", text="bread is baked", metadata={"kind": "bread"})
    assert await docs.update_metadata({"x": 1}, ids=["3"]) == ["3"]
    assert await docs.count(filters={"x": 1}) == 1
    assert await docs.count(filters={"$embedding": {"$exists": False}}) == 1
    assert await docs.delete(["10", "11"]) == ["10"]
    assert (await docs.info()).records == 3
    assert (await docs.recall(sample=2, limit=1)).recall == 1


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_every_mode_finds_by_filters_of_columns_and_of_metadata(
    client: vecs.AsyncClient, run: Callable[[str], None], mode: Any
) -> None:
    docs = await articles(client, run)
    for filters in ({"price": {"$lt": 10}}, {"other": {"$contains": 1}}, {"$id": ONE}, {"$title": "Cats"}):
        words = None if mode == "vector" else "cats dogs"
        (found,) = await docs.search([1, 0, 0], text=words, mode=mode, filters=filters)
        assert found.id == ONE
        assert found.metadata == {**CATS, "twice": 10}
    many = await docs.search_many([[1, 0, 0], [0, 1, 0]], limit=1, include_columns=["created", "n"])
    assert [[(m.id, sorted(m.columns or ()), (m.columns or {})["n"]) for m in each] for each in many] == [
        [(ONE, ["created", "n"], 5)],
        [(TWO, ["created", "n"], 7)],
    ]


@pytest.mark.parametrize("name", ['a"b', "it's", "Dotted.Name", "id", "key", "select", "%s {x} $1", "text"])
async def test_names_are_what_they_are(client: vecs.AsyncClient, run: Callable[[str], None], name: str) -> None:
    quoted = sql.Identifier(name).as_string(None)
    run(
        f"create table {{s}}.{quoted} ({quoted} integer primary key, "
        f"{sql.Identifier(name + '; drop').as_string(None)} text, v vector(2), "
        f"{sql.Identifier(name + '2').as_string(None)} int, vec int, metadata text, shown int)"
    )
    columns = [f"{name}2", "vec", "metadata", "shown"]
    docs = await client.attach((client.schema, name), id=name, vec="v", text=f"{name}; drop", columns=columns)
    values: dict[str, Any] = {f"{name}2": 3, "vec": 4, "metadata": "m'\\", "shown": 5}
    await docs.upsert([Record(1, [1, 2], "t", values), Record(2, [2, 1], "u", {f"{name}2": 4})])

    assert (await docs.get([1])) == [Record("1", text="t", metadata=values)]
    for filters in ({f"{name}2": 3}, {f"${name}2": 3}, {"$vec": 4}):
        assert [m.id for m in await docs.search([1, 2], filters=filters)] == ["1"]
    assert await docs.update_metadata({f"{name}2": 9}, filters={"shown": 5}) == ["1"]
    assert await docs.delete(filters={f"{name}2": 9}) == ["1"]


@pytest.mark.parametrize(
    ("type", "ids", "strange"),
    [
        ("uuid", [ONE, TWO], ["abc", "1"]),
        ("integer", ["1", "-2"], ["abc", "1.0", "99999999999", "\u0661"]),
        ("smallint", ["1", "2"], ["70000"]),
        ("text", ["b", "a'\\"], []),
        ("varchar(20)", ["b", "ä"], []),
    ],
)
async def test_ids_are_strings_whatever_their_type(
    client: vecs.AsyncClient, run: Callable[[str], None], type: str, ids: list[str], strange: list[str]
) -> None:
    run(f"create table {{s}}.t (k {type} primary key, v vector(2))")
    docs = await client.attach("t", vec="v")
    await docs.upsert([(id, [1, 2]) for id in ids])

    assert [r.id for r in await docs.get([*strange, *ids, "zz"])] == ids
    assert sorted([r.id async for r in docs.scan(page_size=1)]) == sorted(ids)
    assert await docs.count(filters={"$id": {"$in": [ids[0], *strange]}}) == 1
    assert await docs.count(filters={"$id": {"$nin": [ids[0], *strange]}}) == 1
    for id in strange:
        assert await docs.count(filters={"$id": id}) == 0
        assert await docs.count(filters={"$id": {"$ne": id}}) == 2
        for said in (
            await refused(docs.upsert, [(id, [1, 2])]),
            await refused(docs.delete, [id]),
            await refused(docs.update_metadata, {}, ids=[id]),
        ):
            assert repr(id) in said
    assert await docs.delete([ids[1]]) == [ids[1]]


async def test_another_spelling_of_a_uuid_is_the_same_row(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("create table {s}.t (k uuid primary key, v vector(2))")
    docs = await client.attach("t", vec="v")
    lower = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    await docs.upsert([(lower.upper(), [1, 2]), (f"{{{lower}}}", [3, 4]), (UUID(lower), [5, 6])])

    assert [(r.id, list(r.vec)) for r in await docs.get([lower.upper()], include_vector=True)] == [(lower, [5, 6])]


async def test_a_name_that_begins_with_a_dollar_is_reached_by_two(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run('create table {s}.t (k text primary key, v vector(2), "$x" int, x int, "and" int)')
    assert "filters reach it as '$$x'" in await refused(client.attach, "t", vec="v", columns=["$x", "x"])
    docs = await client.attach("t", vec="v", columns=["x", "and"])
    await docs.upsert([("a", [1, 2], {"x": 2, "and": 3})])
    run('update {s}.t set "$x" = 1')

    assert (await docs.get(["a"]))[0].metadata == {"x": 2, "and": 3}
    assert [await docs.count(filters=f) for f in ({"$$x": 1}, {"$x": 2}, {"x": 2}, {"and": 3})] == [1, 1, 1, 1]


# --- filters -------------------------------------------------------------------------------------------


FILTERS: list[tuple[dict[str, Any], int]] = [
    ({"price": 9.99}, 1),
    ({"price": Decimal("9.990")}, 1),
    ({"n": {"$lt": 6.5}}, 1),
    ({"n": {"$gt": 5.5}}, 1),
    ({"n": 5.5}, 0),
    ({"n": {"$ne": 5.5}}, 2),
    ({"n": {"$gt": 2**70}}, 0),
    ({"n": {"$lte": 2**70}}, 2),
    ({"n": {"$gte": -1e300}}, 2),
    ({"n": {"$in": [5, 7.0, 8.5, 10**30]}}, 2),
    ({"n": {"$nin": [5, 8.5]}}, 1),
    ({"n": {"$between": [4.5, 5.5]}}, 1),
    ({"r": 0.1}, 1),
    ({"r": {"$lte": 0.1}}, 1),
    ({"r": {"$lt": 10**400}}, 1),
    ({"r": {"$gt": 1e-300}}, 1),
    ({"ok": {"$ne": False}}, 1),
    ({"d": {"$lt": "2024-05-17T01:00:00Z"}}, 1),
    ({"d": datetime(2024, 5, 17, 1)}, 0),
    ({"ts": {"$between": ["2024-05-17", date(2024, 5, 18)]}}, 1),
    ({"tz": datetime(2024, 5, 17, 14, tzinfo=timezone(timedelta(hours=2)))}, 1),
    ({"m": {"$gt": "sad", "$lt": "happy"}}, 1),
    ({"tags": {"$contains": "a"}}, 1),
    ({"tags": {"$contains_any": ["z", "b"]}}, 1),
    ({"tags": {"$contains_all": ["z", "b"]}}, 0),
    ({"tags": ["a", "b"]}, 1),
    ({"nums": {"$contains": 1.5}}, 0),
    ({"nums": {"$contains_any": [1.5, 2]}}, 1),
    ({"attrs": {"$eq": {"k": [1, None]}}}, 1),
    ({"code": {"$ilike": "X%"}}, 1),
    ({"title": {"$contains": "at"}}, 1),
    ({"u": ONE.upper()}, 1),
    ({"twice": 14}, 1),
    ({"$created": {"$gte": "2020-01-01"}}, 2),
    ({"$not": {"price": {"$lt": 10}}}, 1),
    ({"price": {"$not": {"$lt": 10}}}, 1),
    ({"price": {"$exists": False}}, 1),
    ({"$or": [{"n": 7}, {"other": {"$contains": 1}}]}, 2),
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"n": "5"}, "smallint"),
    ({"n": True}, "smallint"),
    ({"price": "x"}, "amount"),
    ({"price": float("nan")}, "amount"),
    ({"ok": 1}, "boolean"),
    ({"d": 5}, "date"),
    ({"d": "tomorrow"}, "date"),
    ({"u": "x"}, "uuid"),
    ({"m": "angry"}, "'sad', 'ok', 'happy'"),
    ({"tags": "a"}, "text[]"),
    ({"nums": {"$contains": "x"}}, "integer[]"),
    ({"code": 5}, "character varying(5)"),
    ({"code": "a\0"}, "character varying(5)"),
    ({"code": None}, "'$exists': False"),
    ({"n": {"$in": [1, None]}}, "'$exists': False"),
    ({"n": {"$like": "x"}}, "smallint"),
    ({"$words": "x"}, "tsvector"),
    ({"$nope": 1}, "$price"),
]


async def test_columns_compare_by_their_own_types(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    docs = await articles(client, run)
    for filters, count in FILTERS:
        assert (filters, await docs.count(filters=filters)) == (filters, count)
    for filters, said in WRONG:
        assert said in await refused(docs.count, filters=filters, error=FilterError), filters


async def test_indexes_of_the_table_answer(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""
        create table {s}.big (k bigint primary key, v vector(2), h vector(2), price numeric, m jsonb not null, t text,
            s tsvector generated always as (to_tsvector('english', t)) stored);
        insert into {s}.big select g, array[g, 1]::vector, array[g, 1]::vector, g, jsonb_build_object('g', g), 'w' || g
            from generate_series(1, 3000) as g;
        create index by_v on {s}.big using hnsw (v vector_cosine_ops);
        create index by_h on {s}.big using hnsw ((h::halfvec(2)) halfvec_l2_ops);
        create index by_price on {s}.big (price);
        create index by_m on {s}.big using gin (m jsonb_path_ops);
        create index by_s on {s}.big using gin (s);
        analyze {s}.big;
    """)
    docs = await client.attach("big", vec="v", text="t", metadata="m", columns=["price"])
    halves = await client.attach("big", vec="h")

    assert "by_v" in await docs.explain([1, 1])
    assert "by_h" in await halves.explain([1, 1], measure="l2_distance")
    assert "by_price" in await docs.explain([1, 1], filters={"price": 5})
    assert "by_m" in await docs.explain([1, 1], filters={"g": 5})
    assert "big_pkey" in await docs.explain([1, 1], filters={"$id": "5"})
    assert "by_s" in await docs.explain("w5", mode="keyword")
    assert {(i.column, i.precision) for i in await halves.indexes() if i.measure} == {("h", "half")}
    assert [m.id for m in await docs.search([1, 1], limit=1, filters={"price": {"$gte": 2999.5}})] == ["3000"]


# --- writing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("staged", [False, True])
async def test_what_no_record_names_stays_as_it_is(
    client: vecs.AsyncClient, run: Callable[[str], None], staged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await articles(client, run)
    if staged:
        monkeypatch.setattr(RowBuffer.__init__, "__defaults__", (0,))
    assert await docs.upsert([Record(ONE, [0, 0, 1]), Record(ONE, [0, 1, 1])]) == 1
    (cats,) = await docs.get([ONE], include_vector=True)
    assert (list(cats.vec), cats.text, cats.metadata) == ([0, 1, 1], "The cat sleeps", {**CATS, "twice": 10})

    await docs.upsert(
        [
            Record(ONE, metadata={"n": 6}),
            Record(TWO, metadata={"price": 3, "tags": [None, "c"], "n": None}),
            Record(THREE, text="t", metadata={"title": "New"}),
        ]
    )
    cats, dogs, new = await docs.get(include_columns=["created"])
    assert cats.metadata == {**CATS, "n": 6, "twice": 12}
    assert dogs.metadata == {"title": "Dogs", "price": 3, "tags": [None, "c"]}
    assert (new.metadata, new.columns["created"] is None) == ({"title": "New"}, False)


# Values of each type of column, and what may be compared with them.
VALUES: dict[str, tuple[str, list[Any]]] = {
    "integer": ("int", [1, -5, 2**31 - 1]),
    "numeric": ("numeric", [1, 1.5, 10**20]),
    "float": ("float8", [0.5, -3.25, 1e300]),
    "text": ('text collate "C"', ["a", "B", "", "ä%_\\", "a b"]),
    "date": ("date", ["2024-05-17", "0001-01-01", "9999-12-31"]),
    "moment": ("timestamp", ["2024-05-17T01:02:03", "2024-05-17T01:02:03.5", "1999-01-01T00:00:00"]),
    "uuid": ("uuid", [ONE, TWO]),
    "bool": ("boolean", [True, False]),
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$in": lambda value, operand: value in operand,
    "$nin": lambda value, operand: value not in operand,
    "$between": lambda value, operand: operand[0] <= value <= operand[1],
}


@pytest.mark.parametrize("kind", VALUES)
async def test_conditions_keep_what_python_keeps(
    client: vecs.AsyncClient, run: Callable[[str], None], kind: str
) -> None:
    type, values = VALUES[kind]
    run(f"create table {{s}}.t (k int primary key, v vector(1), c {type})")
    docs = await client.attach("t", vec="v", columns=["c"])
    stored = {str(n): value for n, value in enumerate([*values, None])}
    await docs.upsert([Record(id, [1], metadata={"c": value}) for id, value in stored.items()])
    others = [1.25, 2**40] if kind in ("integer", "numeric", "float") else []
    conditions: list[tuple[str, Any]] = []
    for value in [*values, *others]:
        compared = ("$eq", "$ne") if kind == "bool" else ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte")
        conditions += [(name, value) for name in compared]
        conditions += [(name, [value, values[0]]) for name in ("$in", "$nin")]
        conditions += [] if kind == "bool" else [("$between", [value, values[1]])]
    for name, operand in [*conditions, ("$in", []), ("$nin", [])]:
        kept = [id for id, value in stored.items() if value is not None and COMPARE[name](value, operand)]
        rest = [id for id in stored if id not in kept]
        assert [r.id for r in await docs.get(filters={"c": {name: operand}})] == kept, (name, operand)
        assert [r.id for r in await docs.get(filters={"$not": {"$c": {name: operand}}})] == rest, (name, operand)
