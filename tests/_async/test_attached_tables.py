"""What can be attached, what is refused and with which SQL, and tables that are nearly collections."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

import vecs
from vecs import Record
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, FilterError, VecsException


async def refused(call: Callable[..., Any], *args: Any, error: type[Exception] = ArgError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        await call(*args, **options)
    return str(caught.value)


TABLE = """
    create table {s}.t (k bigint primary key, v vector(2), body text, price numeric, need int not null default 1);
    insert into {s}.t values (1, '[1,0]', 'cats', 5), (2, '[0,1]', 'dogs', 7);
"""


@pytest.mark.parametrize(
    "made",
    [
        "create view {s}.x as select * from {s}.t",
        "create materialized view {s}.x as select * from {s}.t",
    ],
)
async def test_views_are_read_and_not_written(client: vecs.AsyncClient, run: Callable[[str], None], made: str) -> None:
    run(TABLE + made)
    docs = await client.attach("x", id="k", vec="v", text="body", columns=["price"])

    assert [m.id for m in await docs.search([1, 0], filters={"price": {"$lt": 6}})] == ["1"]
    assert [r.id for r in await docs.get(["2"])] == ["2"]
    assert "view; attach the table itself" in await refused(docs.upsert, [(1, [1, 2])])
    assert "view; attach the table itself" in await refused(docs.delete, ["1"])
    assert "say which column has the ids with id=" in await refused(client.attach, "x", vec="v")


async def test_a_partitioned_table_is_one_table(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""
        create table {s}.t (id text primary key, vec vector(2), metadata jsonb, extra_column int)
            partition by hash (id);
        create table {s}.t0 partition of {s}.t for values with (modulus 2, remainder 0);
        create table {s}.t1 partition of {s}.t for values with (modulus 2, remainder 1);
        create index by_vec on {s}.t using hnsw (vec vector_cosine_ops);
    """)
    docs = await client.attach("t", vec="vec", metadata="metadata", columns=["extra_column"])
    await docs.upsert([(f"{i}", [i, 1], {"extra_column": i, "n": i}) for i in range(20)])
    assert await docs.count(filters={"extra_column": {"$lt": 5}}) == 5
    assert len(await docs.delete(filters={"n": {"$gte": 10}})) == 10
    assert [m.id for m in await docs.search([0, 1], limit=1)] == ["0"]

    # Partitions are no collections.
    assert await client.collection_names() == ["t"]
    assert [c.name for c in await client.list_collections()] == ["t"]
    assert "partition of" in await refused(client.get_collection, "t0", error=CollectionNotFound)


async def test_ids_that_are_not_unique_are_read_and_not_written(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("create table {s}.t (id text, vec vector(2), metadata jsonb); insert into {s}.t values ('a', '[1,2]', '{}')")
    for docs in (await client.attach("t", id="id", vec="vec"), await client.get_collection("t")):
        assert [r.id for r in await docs.get(["a"])] == ["a"]
        for said in (await refused(docs.upsert, [("a", [1, 2])]), await refused(docs.delete, ["a"])):
            assert f"alter table {client.schema}.t add unique (id)" in said.replace('"', "")
    assert "add unique (id)" in await refused((await client.get_collection("t")).index)
    attached = await client.attach("t", id="id", vec="vec")
    run("insert into {s}.t values ('b', '[2,2]', '{}'), ('a', '[3,1]', '{}')")
    for docs in (attached, await client.get_collection("t")):
        found = await docs.get(["b", "?", "a"], include_vector=True)
        assert [(r.id, list(r.vec)) for r in found] == [("b", [2, 2]), ("a", [1, 2]), ("a", [3, 1])]
        assert len(await docs.get(["b", "a"], limit=1, offset=2)) == 1
        told = [await refused(docs.search, [1, 1], **{name: ["a"]}) for name in ("like", "unlike", "include_columns")]
        told += [await refused(docs.get, ["a"], include_columns=True), await refused(_scanned, docs, ids=["a"])]
        assert all("add unique (id)" in each for each in told)
    run("delete from {s}.t where vec = '[3,1]'; alter table {s}.t add unique (id)")
    assert await docs.upsert([("a", [1, 3])]) == 1


async def _scanned(docs: vecs.AsyncCollection, **options: Any) -> list[Any]:
    return [record async for record in docs.scan(**options)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("create table {s}.t (k int primary key, v vector(2)); create table {s}.c () inherits ({s}.t)", "one by one"),
        ("create table {s}.t (k int primary key deferrable, v vector(2))", "its constraint is deferrable"),
        (
            "create table {s}.t (k int, v vector(2), n int, primary key (k, n)) partition by hash (n);"
            "create table {s}.c partition of {s}.t for values with (modulus 1, remainder 0)",
            "partitioned by this column alone; otherwise attach",
        ),
    ],
)
async def test_ids_that_only_seem_unique_are_told(
    client: vecs.AsyncClient, run: Callable[[str], None], made: str, said: str
) -> None:
    run(made)
    docs = await client.attach("t", id="k", vec="v")
    run("insert into {s}.t values (1, '[1,1]')" if "n int" not in made else "insert into {s}.t values (1, '[1,1]', 1)")
    assert said in await refused(docs.upsert, [(1, [1, 2])])
    assert said in await refused(docs.search, [1, 1], group_by="$id")
    assert [r.id for r in await docs.get(["1"])] == ["1"]
    if "inherits" not in made:
        return
    run("insert into {s}.c values (1, '[2,2]')")
    assert len(await docs.get(["1"])) == 2


# --- tables that are nearly collections ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "ids"), [("uuid", [str(UUID(int=1)), str(UUID(int=2))]), ("bigint", ["2", "10"]), ("serial", ["2", "10"])]
)
async def test_a_collection_may_have_other_ids(
    client: vecs.AsyncClient, run: Callable[[str], None], type: str, ids: list[str]
) -> None:
    run(
        f"create table {{s}}.t (id {type} primary key, vec vector(2), metadata jsonb, text text, document_id text, "
        "extra jsonb, text_search tsvector generated always as (to_tsvector('english', text)) stored, price int)"
    )
    docs = await client.get_collection("t")
    await docs.upsert([Record(id, [1, 2], f"t {id}", {"n": 1}, document_id="d", extra={"e": 1}) for id in ids])

    assert [r.id for r in await docs.get([ids[1], "?", ids[0]])] == [ids[1], ids[0]]
    assert [r.id async for r in docs.scan(page_size=1)] == ids
    assert [m.id for m in await docs.search([1, 2], filters={"$id": ids[0]}, include_extra=True)] == [ids[0]]
    assert {m.id for m in await docs.search("t", text="t", mode="keyword")} == set()
    assert await docs.update_metadata({"m": 2}, document_ids=["d"], extra={"f": 1}) == ids
    assert (await docs.get([ids[0]]))[0] == Record(ids[0], None, f"t {ids[0]}", {"n": 1, "m": 2}, "d", {"e": 1, "f": 1})
    assert "ix_vector" in await docs.index()
    assert await docs.delete(document_ids=["d"]) == ids
    assert [c.name for c in await client.list_collections()] == ["t"]


async def test_metadata_of_type_json_is_cast_and_not_indexed(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("""create table {s}.t (id text primary key, vec vector(2), metadata json);
        insert into {s}.t values ('a', '[1,2]', '{"n": 1}'), ('b', '[1,2]', null)""")
    docs = await client.get_collection("t")
    assert [m.id for m in await docs.search([1, 2], filters={"n": {"$lte": 1}})] == ["a"]
    assert await docs.update_metadata({"m": 2}, ids=["a", "b"]) == ["a", "b"]
    assert [r.metadata for r in await docs.get()] == [{"n": 1, "m": 2}, {"m": 2}]
    assert "alter column metadata type jsonb" in await refused(docs.index)
    assert [i.name for i in await docs.indexes()] == ["t_pkey"]


async def test_what_is_listed_can_be_opened(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""create table {s}.a (id numeric primary key, vec vector(2), metadata jsonb);
        create table {s}.b (id text primary key, vec vector(2), metadata text);
        create domain {s}.key as text; create table {s}.c (id {s}.key primary key, vec vector(2), metadata jsonb)""")
    assert await client.collection_names() == ["c"]
    assert [c.name for c in await client.list_collections()] == ["c"]
    assert "column id has type numeric" in await refused(client.get_collection, "a", error=CollectionNotFound)
    assert "column metadata has type text" in await refused(client.get_collection, "b", error=CollectionNotFound)


async def test_columns_that_somebody_added_are_filtered_and_returned(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    docs = await client.get_or_create_collection("docs", dimension=2, text=True)
    await docs.upsert([Record("a", [1, 2], "cats", {"price": 1}), Record("b", [2, 1], "dogs")])
    run(
        "alter table {s}.docs add price numeric, add kind text default 'k'; "
        "update {s}.docs set price = 5 where id = 'a'"
    )
    await docs._table(0)

    assert [m.id for m in await docs.search([1, 2], filters={"$price": {"$lt": 10}})] == ["a"]
    assert [m.id for m in await docs.search("cats", mode="keyword", filters={"$price": 5, "price": 1})] == ["a"]
    assert await docs.count(filters={"price": 5}) == 0
    assert "$kind" in await refused(docs.count, filters={"$nope": 1}, error=FilterError)
    assert "numeric" in await refused(docs.count, filters={"$price": "x"}, error=FilterError)
    assert "only metadata can" in await refused(docs.index, filters={"$price": 5})
    (found,) = await docs.search([1, 2], limit=1, include_columns=["price"])
    assert (found.columns, found.to_dict()["columns"]) == ({"price": 5}, {"price": 5})
    assert [r.columns for r in await docs.get(include_columns=True)] == [
        {"kind": "k", "price": 5},
        {"kind": "k", "price": None},
    ]
    assert [r.columns async for r in docs.scan(ids=["b"], include_columns=iter(["kind"]))] == [{"kind": "k"}]
    assert (await docs.get(["a"]))[0].columns is None
    assert "'pricey'" in await refused(docs.get, include_columns=["pricey"])
    assert await docs.update_metadata({"x": 1}, filters={"$price": 5}) == ["a"]
    await docs.upsert(await docs.get(["a"], include_vector=True, include_columns=True))
    assert await docs.delete(filters={"$price": {"$gte": 4.5}}) == ["a"]


# --- what is refused -----------------------------------------------------------------------------------


async def test_nothing_is_altered_and_the_sql_is_shown(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run(TABLE)
    docs = await client.attach("t", vec="v", text="body", columns=["price"])
    for found, said in [
        (await refused(docs.index), "create index concurrently on {s}.t using hnsw (v vector_cosine_ops)"),
        (await refused(docs.index, "l2_distance", "ivfflat"), "on {s}.t using ivfflat (v vector_l2_ops)"),
        (await refused(docs.index, precision="half"), "using hnsw ((v::halfvec(2)) halfvec_cosine_ops)"),
        (await refused(docs.index, precision="binary"), "using hnsw ((binary_quantize(v)::bit(2)) bit_hamming_ops)"),
        (await refused(docs.create_metadata_index, "price"), "create index concurrently on {s}.t (price)"),
        (await refused(docs.create_metadata_index, "other"), "columns=['other']"),
        (await refused(docs.enable_text), "alter table {s}.t add column text_search tsvector"),
        (await refused(docs.search, "cats", mode="keyword"), "alter table {s}.t add column text_search tsvector"),
        (await refused(docs.truncate), "truncate {s}.t"),
        (await refused(docs.rename, "u"), 'alter table {s}.t rename to "u"'),
        (await refused(docs.drop_index, "i"), "drop index concurrently"),
    ]:
        assert said.replace("{s}", client.schema) in found.replace(f'"{client.schema}".t', f"{client.schema}.t")
    # What is shown runs, and is known then.
    run("""create index on {s}.t using hnsw ((binary_quantize(v)::bit(2)) bit_hamming_ops);
        alter table {s}.t add column text_search tsvector generated always as (to_tsvector('english', body)) stored""")
    docs = await client.attach("t", vec="v", text="body")
    assert [i.precision for i in await docs.indexes() if i.measure] == ["binary"]
    assert [m.id for m in await docs.search("cat", mode="keyword")] == ["1"]


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (5, {"vec": "v"}, "not 5"),
    ("a.b.c", {"vec": "v"}, "names no table"),
    ("", {"vec": "v"}, "names no table"),
    (("a",), {"vec": "v"}, "a pair (schema, table)"),
    ("t", {}, "give vec='v'"),
    ("t", {"vec": "w"}, "its columns are 'k', 'v', 'body'"),
    ("t", {"vec": "body"}, "vectors are of type"),
    ("t", {"vec": 5}, "vec= is the name of a column"),
    ("t", {"vec": "v", "id": "price"}, "is numeric; ids may be of type uuid"),
    ("t", {"vec": "v", "text": "price"}, "texts are of type text"),
    ("t", {"vec": "v", "metadata": "body"}, "metadata is of type jsonb"),
    ("t", {"vec": "v", "text_search": "body"}, "keywords are of type tsvector"),
    ("t", {"vec": "v", "document_id": "price"}, "document ids are of type"),
    ("t", {"vec": "v", "columns": "price"}, "columns=['price']"),
    ("t", {"vec": "v", "columns": "*"}, "name each"),
    ("t", {"vec": "v", "columns": True}, "include_columns=True"),
    ("t", {"vec": "v", "columns": ["$id"]}, "begins with $"),
    ("t", {"vec": "v", "columns": ["prize"]}, "did you mean 'price'"),
    ("t", {"vec": "v", "columns": ["price", "price"]}, "twice"),
    ("t", {"vec": "v", "columns": ["k"]}, "is named by id= and by columns="),
    ("t", {"vec": "v", "columns": [1]}, "is the name of a column"),
    ("t", {"vec": "v", "read_only": "yes"}, "read_only"),
    ("t", {"vec": "v", "id": "v\0"}, "NUL"),
    ("t", {"vec": "v", "transform": vecs.TextPreprocessor("all-MiniLM-L6-v2")}, "one row per id"),
    ("t", {"text": "body", "transform": vecs.TextEmbedding("all-MiniLM-L6-v2")}, "vec="),
    ("t", {"vec": "v", "transform": vecs.Embedding(len, 3)}, "dimension 3"),
]


async def test_mistakes_name_the_argument(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run(TABLE)
    for name, arguments, said in WRONG:
        assert said in await refused(client.attach, name, **arguments, error=VecsException), (name, arguments)
    assert "did you mean 't'" in await refused(client.attach, f"{client.schema}.T", vec="v", error=CollectionNotFound)
    docs = await client.attach((client.schema, "t"), vec="v", text="body", columns=["price"], read_only=True)
    assert "read_only=True" in await refused(docs.upsert, [(1, [1, 2])])
    docs = await client.attach(f'"{client.schema}"."t"', vec="v", columns=["price"])
    for record, said in [
        (Record(1, [1, 2], metadata={"price": "x"}), "numeric"),
        (Record(1, [1, 2], metadata={"need": 1}), "columns=['need']"),
        (Record(1, [1, 2], metadata={"other": 1}), "add column metadata jsonb"),
        (Record(1, [1, 2], "text"), "give it text="),
        (Record(1, [1, 2], document_id="d"), "give it document_id="),
        (Record(1, [1, 2], extra={"a": 1}), "extra="),
        (Record(1, [1, 2, 3]), "dimension"),
    ]:
        assert said in await refused(docs.upsert, [record]), record
    assert "columns=['need']" in await refused(docs.update_metadata, {"need": 1}, ids=[1])
    assert "vectors" in await refused((await client.attach("t", text="body")).search, [1, 2])
    run("alter table {s}.t alter need drop default")
    assert "declare columns=['need']" in await refused(docs.upsert, [(9, [1, 2])], error=DatabaseError)
    # A row that is there needs no value for it.
    assert await docs.upsert([(1, [5, 2])]) == 1


# --- where it is used ----------------------------------------------------------------------------------


async def test_embeddings_that_are_missing_are_made(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""create table {s}.t (k bigint primary key, title text not null, body text, v vector(1), created date);
        insert into {s}.t (k, title, body) select g, 'title', repeat('x', g::int) from generate_series(1, 30) as g""")
    lengths = vecs.Embedding(lambda texts: [[len(text)] for text in texts], 1, name="lengths")
    docs = await client.attach("t", vec="v", text="body", transform=lengths)

    missing = {"$v": {"$exists": False}}
    assert await docs.upsert(docs.scan(filters=missing, page_size=7)) == 30
    assert await docs.count(filters=missing) == 0
    assert [m.id for m in await docs.search("xxxxx", measure="l2_distance", limit=1)] == ["5"]


async def test_an_attached_table_is_pickled_and_seen_with_settings(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run(
        TABLE
        + """
        alter table {s}.t enable row level security; alter table {s}.t force row level security;
        create policy p on {s}.t using (price::text = current_setting('app.price', true));
    """
    )
    docs = await client.attach("t", vec="v", text="body", columns=["price"])
    copied: vecs.AsyncAttachedCollection = pickle.loads(pickle.dumps(docs))
    for seen in (docs.with_settings({"app.price": "5"}), copied.with_settings({"app.price": "5"})):
        rows = [m.id for m in await seen.search([1, 2], filters={"price": {"$lt": 100}})]
        assert rows == ["1"]
    async with copied.client:
        assert (copied.schema, copied.name, copied.dimension) == (client.schema, "t", 2)
    run("alter table {s}.t rename body to content")
    assert "no column 'body'" in await refused(docs.search, [1, 2])


async def test_it_works_through_a_pooler(target: str, schema: str, run: Callable[[str], None]) -> None:
    run(TABLE)
    async with vecs.create_async_client(target, schema=schema, pooler=True) as client:
        docs = await client.attach("t", vec="v", text="body", columns=["price"])
        await docs.upsert([(3, [1, 1], {"price": 1})])
        assert [m.id for m in await docs.search([1, 1], filters={"price": {"$lt": 2}})] == ["3"]


async def test_a_column_that_may_not_be_read_is_left_out(superuser_target: str, schema: str) -> None:
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        name = sql.Identifier(f"{schema}_part")
        for statement in (
            "create extension if not exists vector",
            "create schema {name}",
            "create table {name}.t (k bigint primary key, v vector(2), secret text, price int)",
            "insert into {name}.t values (1, '[1,2]', 's', 3)",
            "create role {name}",
            "grant usage on schema {name} to {name}",
            "grant select (k, v, price) on {name}.t to {name}",
        ):
            connection.execute(sql.SQL(statement).format(name=name))
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        seen = client.with_settings({"role": f"{schema}_part"})
        docs = await seen.attach(f"{schema}_part.t", vec="v", columns=["price"])
        assert [m.metadata for m in await docs.search([1, 2], filters={"$price": 3})] == [{"price": 3}]
        assert "'$secret'" in await refused(docs.count, filters={"$secret": "s"}, error=FilterError)


async def test_a_name_that_is_no_collections_but_a_tables_is_told(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("create table {s}.other (k bigint primary key, v vector(2)); create sequence {s}.numbers")
    name = f"{client.schema}.other"
    said = await refused(client.get_collection, name, error=CollectionNotFound)
    assert f"there is a table {name}, which client.attach('{name}', vec=...) opens" in said
    assert "attach" not in await refused(client.get_collection, f"{client.schema}.numbers", error=CollectionNotFound)
    assert "attach" not in await refused(client.get_collection, "a.b.c", error=CollectionNotFound)
    with pytest.warns(UserWarning, match=rf"though there is a table {name}: client.attach\('{name}'"):
        await client.get_or_create_collection(name, dimension=2)
    await client.get_or_create_collection(name, dimension=2)
    await client.create_collection("with.dot", dimension=2)


async def test_ids_that_a_store_made_up_are_told(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run(TABLE)
    docs = await client.attach("t", vec="v")
    assert "stores make UUIDs where no ids are given: give ids=" in await refused(docs.upsert, [(UUID(int=9), [1, 2])])
    assert "UUIDs" not in await refused(docs.upsert, [("a", [1, 2])])
