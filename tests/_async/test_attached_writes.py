"""What writes of tables of one's own keep and replace, and how they are read."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from threading import Thread
from time import sleep
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vecs
from vecs import Record
from vecs._writing.buffer import RowBuffer
from vecs.exc import ArgError


async def refused(call: Callable[..., Any], *args: Any, error: type[Exception] = ArgError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        await call(*args, **options)
    return str(caught.value)


def _commit_once_waited_for(other: psycopg.Connection[Any], target: str) -> None:
    waits = "select count(*) from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
    with other, psycopg.connect(target, autocommit=True) as watch:
        for _ in range(2000):
            if watch.execute(waits, [other.info.backend_pid]).fetchone() != (0,):
                break
            sleep(0.005)


async def test_a_row_inserted_meanwhile_keeps_what_a_record_does_not_name(
    client: vecs.AsyncClient, run: Callable[[str], None], target: str, schema: str
) -> None:
    run("create table {s}.t (id int primary key, body text, v vector(2), note text, m jsonb not null default '{}')")
    docs = await client.attach("t", vec="v", text="body", columns=["note"], metadata="m")
    other = psycopg.connect(target)
    other.execute(
        sql.SQL("insert into {}.t values (1, 'kept', '[1,1]', 'kept', '{{\"a\": 1}}')").format(sql.Identifier(schema))
    )
    waiter = Thread(target=_commit_once_waited_for, args=(other, target))
    waiter.start()
    assert await docs.upsert([Record("1", [2, 2]), Record("2", [3, 3], "b", {"note": "n", "b": 1}), ("3", [1, 2])]) == 3
    waiter.join()

    first, second, third = await docs.get(["1", "2", "3"], include_vector=True)
    assert (first.text, first.metadata) == ("kept", {"note": "kept", "a": 1})
    vec: Any = first.vec
    assert list(vec) == [2, 2]
    assert (second.text, second.metadata) == ("b", {"note": "n", "b": 1})
    assert (third.text, third.metadata) == (None, {})


async def test_metadata_that_is_empty_is_written_and_none_is_kept(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), m json not null default '{}', price int);
        insert into {s}.t values (1, '[1,1]', '{"a": 1}', 5)
    """)
    docs = await client.attach("t", vec="v", metadata="m", columns=["price"])
    for kept in (("1", [1, 2]), Record("1", [1, 2]), Record("1", metadata=None), Record("1", metadata={"price": 6})):
        await docs.upsert([kept])
        assert (await docs.get(["1"]))[0].metadata in ({"a": 1, "price": 5}, {"a": 1, "price": 6})
    await docs.upsert([("1", [1, 2], {}), ("2", [1, 2], {"a": 1}), ("3", [1, 2])])
    assert [r.metadata for r in await docs.get(["1", "2", "3"])] == [{"price": 6}, {"a": 1}, {}]


async def test_a_transform_that_splits_is_refused_where_chunks_are_not_replaced(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (
            id text primary key, vec vector(2), metadata json default '{}', text text, document_id text, extra jsonb
        )
    """)
    embedding = vecs.Embedding(lambda texts: [[len(text), 1] for text in texts], 2)
    transform = vecs.Pipeline([vecs.RecursiveSplitter(max_characters=20, overlap=0), embedding])
    docs = await client.get_collection("t", transform=transform)
    assert "one that only embeds" in await refused(docs.upsert, [Record("d", text="one two three four five six")])
    assert await docs.upsert([("a", [1, 2])], skip_transform=True) == 1
    assert await (await client.get_collection("t", transform=embedding)).upsert([Record("b", text="b")]) == 1


async def test_keywords_that_a_trigger_fills_have_a_language(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int primary key, body text, kw tsvector,
            made tsvector generated always as (to_tsvector('english', body)) stored);
        insert into {s}.t values (1, 'he was running', to_tsvector('english', 'he was running'))
    """)
    docs = await client.attach("t", text="body", text_search="kw", language="english")
    assert [m.id for m in await docs.search("runs", mode="keyword")] == ["1"]
    assert [m.id for m in await pickle.loads(pickle.dumps(docs)).search("runs", mode="keyword")] == ["1"]
    simple = await client.attach("t", text="body", text_search="kw")
    assert await simple.search("runs", mode="keyword") == []
    assert "unknown language 'englsh'" in await refused(client.attach, "t", text="body", language="englsh")
    assert "leave out language=" in await refused(client.attach, "t", text="body", language="german")
    run("alter table {s}.t drop column made")
    assert "text_search=" in await refused(client.attach, "t", text="body", language="german")


async def test_examples_are_the_same_ids_as_in_get_and_are_left_out(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id uuid primary key, v vector(2));
        insert into {s}.t select ('a0ee0000-0000-0000-0000-00000000000' || i)::uuid, array[i, 1]::vector
            from generate_series(1, 5) as i
    """)
    docs = await client.attach("t", vec="v")
    first = "a0ee0000-0000-0000-0000-000000000001"
    found = [m.id[-1] for m in await docs.search(like=[first.upper()], unlike=[f"{{{first[:-1]}5}}"], limit=4)]
    assert found == ["2", "3", "4"]
    assert "none with ['abc']" in await refused(docs.search, like=["abc"])


async def test_ids_are_not_null_and_unique_where_records_are_told_by_them(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int, v vector(2), body text, doc text,
            words tsvector generated always as (to_tsvector('english', body)) stored);
        insert into {s}.t values (1, '[1,1]', 'cat', 'd'), (2, '[1,2]', 'cat', 'd'), (null, '[1,1]', 'cat', 'd');
        create view {s}.x as select * from {s}.t
    """)
    docs = await client.attach("t", id="id", vec="v", text="body", document_id="doc")
    assert [m.id for m in await docs.search([1, 1])] == [r.id for r in await docs.get()] == ["1", "2"]
    assert await docs.count() == 2
    options: list[Any] = [{"group_by": "doc"}, {"context": 1}, {"mode": "hybrid", "text": "cat"}]
    told = [await refused(docs.search, [1, 1], **each) for each in options]
    told.append(await refused(_scanned, docs))
    assert all("add unique (id)" in each for each in told)

    seen = await client.attach("x", id="id", vec="v", text="body", document_id="doc")
    assert await _scanned(seen) == ["1", "2"]
    assert [m.id for m in await seen.search([1, 1], group_by="$document_id")] == ["1"]
    run("alter table {s}.t add unique (id)")
    docs = await client.attach("t", id="id", vec="v", text="body", document_id="doc")
    assert await _scanned(docs) == ["1", "2"]
    assert [m.id for m in await docs.search([1, 1], mode="hybrid", text="cat")] == ["1", "2"]


async def _scanned(docs: vecs.AsyncAttachedCollection) -> list[Any]:
    return [record.id async for record in docs.scan(page_size=1)]


async def test_numbers_that_are_read_are_written_back_with_all_digits(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), n numeric, f float8);
        insert into {s}.t values (1, '[1,1]', 1.123456789012345678901, 'NaN'), (2, '[1,1]', 'NaN', '-Infinity'),
            (3, '[1,1]', 12345678901234567890123, 0.1), (4, '[1,1]', 1e-400, 1), (5, '[1,1]', 9.990, 1),
            (6, '[1,1]', 0.30000000000000004, 1), (7, '[1,1]', 1e300 + 0.1, 2);
        alter table {s}.t add a numeric[];
        update {s}.t set a = array[n, null, 2] where id > 1;
        update {s}.t set a = '{{}}' where id = 2;
        create table {s}.before as select * from {s}.t
    """)
    docs = await client.attach("t", vec="v", columns=["n", "f", "a"])
    read = [r.metadata or {} for r in await docs.get()]
    assert read[0] == {"n": "1.123456789012345678901", "f": "NaN"}
    assert read[1] == {"n": "NaN", "f": "-Infinity", "a": []}
    assert [each.get("a") for each in read[:3]] == [None, [], [12345678901234567890123, None, 2]]
    assert read[6]["a"][0] == read[6]["n"]
    assert [each["n"] for each in read[4:6]] == [9.99, 0.30000000000000004]
    for each in range(7):
        assert await docs.count(filters={"n": read[each]["n"]}) == 1
    assert await docs.upsert(await docs.get()) == 7
    run(
        "do $$ begin if exists (select id, n, f, a from {s}.t except select id, n, f, a from {s}.before) "
        "then raise 'changed'; end if; end $$"
    )
    assert "must be a number" in await refused(docs.upsert, [("1", [1, 1], {"n": "ten"})])


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            "create table {s}.x (id int primary key, v vector(2), m json)",
            ["create index concurrently on ", "((m::jsonb) j"],
        ),
        (
            "create table {s}.x (id int primary key, v vector(2), m jsonb) partition by hash (id)",
            ["create index on ", "(m jsonb_path_ops)"],
        ),
        (
            "create table {s}.t (id int primary key, v vector(2), m jsonb); create view {s}.x as select * from {s}.t",
            ["a view has no indexes; index the table below it"],
        ),
    ],
)
async def test_the_sql_of_an_index_is_such_as_the_relation_can_have(
    client: vecs.AsyncClient, run: Callable[[str], None], made: str, told: list[str]
) -> None:
    run(made)
    docs = await client.attach("x", id="id", vec="v", metadata="m")
    said = await refused(docs.index)
    assert all(each in said for each in told)


async def test_what_postgres_generates_is_read_and_written_back(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), title text,
            body text generated always as ('on ' || title) stored);
        insert into {s}.t values (1, '[1,1]', 'cats')
    """)
    docs = await client.attach("t", vec="v", text="body", columns=["title"])
    assert await docs.upsert(docs.scan(include_vector=True)) == 1
    await docs.upsert([Record("2", [1, 2], "another text", {"title": "dogs"})])
    assert [(r.id, r.text) for r in await docs.get()] == [("1", "on cats"), ("2", "on dogs")]


async def test_rows_are_written_in_one_order_however_many_they_are(
    client: vecs.AsyncClient, run: Callable[[str], None], target: str, schema: str
) -> None:
    run("create table {s}.n (id int primary key, v vector(2)); create table {s}.t (id text primary key, v vector(2))")
    for name, order in (("n", int), ("t", str)):
        docs = await client.attach(name, vec="v")
        ids = [str(id) for id in range(2500, 0, -1)]
        await docs.upsert([(id, [1, 1]) for id in ids])
        with psycopg.connect(target) as other:
            placed = sql.SQL("select id::text from {}.{} order by ctid").format(*map(sql.Identifier, (schema, name)))
            assert [row[0] for row in other.execute(placed)] == sorted(ids, key=order)


async def test_words_of_calls_that_alter_are_checked_before_they_are_refused(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("create table {s}.t (id int primary key, v vector(2), body text)")
    docs: Any = await client.attach("t", vec="v", text="body")
    assert "'metric'; did you mean" in await refused(docs.index, metric="cosine")
    assert "takes only" in await refused(docs.enable_text, "english", "body")
    assert "'kind'" in await refused(docs.create_metadata_index, "price", kind="number")


@pytest.mark.parametrize("how", ["at once", "staged", "in batches"])
async def test_of_one_id_twice_each_record_changes_what_it_names(
    client: vecs.AsyncClient, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), body text, a text, b int default 7, m jsonb);
        insert into {s}.t values (1, '[1,1]', 'old', 'old', 5, '{"old": 1}')
    """)
    if how == "staged":
        monkeypatch.setattr(RowBuffer.__init__, "__defaults__", (0,))
    docs = await client.attach("t", vec="v", text="body", columns=["a", "b"], metadata="m")
    written = await docs.upsert(
        [
            Record("1", text="T2", metadata={"a": "x", "k": 1, "n": 1}),
            Record("2", [2, 2], "two"),
            Record("01", metadata={"b": None, "k": 2}),
            Record("3", metadata={"a": "y"}),
            Record("1", metadata={"a": "z"}),
            Record("2", metadata={"b": 3}),
            Record("2", [3, 3]),
        ],
        batch_size=1 if how == "in batches" else None,
    )
    assert written == (7 if how == "in batches" else 3)
    one, two, three = await docs.get(include_vector=True)
    assert (one.text, one.metadata) == ("T2", {"a": "z", "k": 2})
    assert (list(two.vec), two.text, two.metadata) == ([3, 3], "two", {"b": 3})
    assert three.metadata == {"a": "y", "b": 7}
    embedding = vecs.Embedding(lambda texts: [[len(text), 9] for text in texts], 2)
    docs = await client.attach("t", vec="v", text="body", columns=["a", "b"], metadata="m", transform=embedding)
    await docs.upsert([Record("4", text="four", metadata={"a": "a"}), Record("4", [1, 1], metadata={"b": 1})])
    assert [(r.text, r.metadata) for r in await docs.get(["4"])] == [("four", {"a": "a", "b": 1})]


@pytest.mark.parametrize("staged", [False, True])
async def test_a_new_row_has_the_default_of_what_it_does_not_name(
    client: vecs.AsyncClient, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, staged: bool
) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), body text not null default 'none',
            a int not null default 7, b text default 'b', c int, m jsonb not null default '{"made": 1}',
            n int generated by default as identity);
        insert into {s}.t values (1, '[1,1]', 'old', 1, 'old', 1)
    """)
    if staged:
        monkeypatch.setattr(RowBuffer.__init__, "__defaults__", (0,))
    docs = await client.attach("t", vec="v", text="body", columns=["a", "b", "c", "n"], metadata="m")
    await docs.upsert(
        [
            Record("1", [1, 1], metadata={"c": 2}),
            Record("2", [1, 1], "two", {"a": 2, "n": 50}),
            Record("3", [1, 1], metadata={"b": None, "c": 3, "k": 1}),
            Record("4"),
        ]
    )
    one, two, three, four = await docs.get()
    assert (one.text, one.metadata) == ("old", {"a": 1, "b": "old", "c": 2, "made": 1, "n": 1})
    assert (two.text, two.metadata) == ("two", {"a": 2, "b": "b", "made": 1, "n": 50})
    assert (three.text, (three.metadata or {}).keys()) == ("none", {"a", "c", "k", "n"})
    assert (four.text, {**(four.metadata or {}), "n": 0}) == ("none", {"a": 7, "b": "b", "made": 1, "n": 0})
