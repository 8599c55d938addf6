"""Databases that vecs 0.1 to 0.4 made open, search, write and index as they are; stock vecs finds our indexes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

import vecs
from vecs import IndexArgsHNSW, IndexMeasure, Record
from vecs.exc import ArgError

X, Y, Z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]

# What stock vecs looks for, `_` being a wildcard.
STOCK_PATTERN = re.compile(r"ix.vector", re.IGNORECASE)
OPS = ("vector_cosine_ops", "vector_l2_ops", "vector_ip_ops", "vector_l1_ops")

NAMES = [
    "docs",
    "adlumal/auslaw-embed-v1.0",
    "UPPER and lower",
    "with space",
    "日本語",
    'quo"ted',
    "it's",
    "per%cent %s $1 {x}",
    "back\\slash",
    "semi;colon--",
    "new\nline",
    "_leading",
    "select",
    "dotted.name",
    "1",
    " ",
    "x" * 63,
    "ü" * 31,
]


@pytest.fixture
def make_old(target: str, schema: str) -> Callable[..., None]:
    """Run statements as another program would; `{schema}` and `{table}` are filled in, quoted."""

    def run(*statements: str, name: str = "docs") -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("set client_min_messages = warning")
            for statement in statements:
                connection.execute(
                    sql.SQL(statement).format(  # type: ignore[arg-type]
                        schema=sql.Identifier(schema), table=sql.Identifier(schema, name)
                    )
                )

    run("create schema if not exists {schema}", "create extension if not exists vector")
    return run


TABLE = (
    "CREATE TABLE {table} (id VARCHAR NOT NULL, vec VECTOR(3) NOT NULL, "
    "metadata JSONB DEFAULT '{{}}'::jsonb NOT NULL, PRIMARY KEY (id))"
)
ROWS = (
    "insert into {table} values ('x', '[1,0,0]', '{{\"n\": 1}}'), ('y', '[0,1,0]', '{{\"n\": 2}}'), "
    "('z', '[0,0,1]', '{{}}')"
)


@pytest.mark.parametrize("name", NAMES)
async def test_a_collection_of_any_name_opens_and_does_everything(
    client: vecs.AsyncClient, make_old: Callable[..., None], name: str
) -> None:
    make_old(TABLE, ROWS, name=name)

    assert await client.collection_names() == [name]
    assert [c.name for c in await client.list_collections()] == [name]
    docs = await client.get_or_create_collection(name, dimension=3)
    await docs.index()
    assert await docs.query(X, limit=1) == ["x"]
    assert [m.id for m in await docs.search(Y, limit=1, filters={"n": 2})] == ["y"]
    assert await docs.upsert([("x", Z, {"n": 3}), ("w", X, {})]) == 2
    assert await docs.upsert([(f"many {i}", Z, {}) for i in range(600)]) == 600
    assert (await docs.fetch(["x"]))[0].metadata == {"n": 3}
    assert await docs.delete(["w"]) == ["w"]
    assert len([r async for r in docs.scan(page_size=100)]) == 603
    assert (await docs.info()).records == 603
    assert name in (await docs.explain(X)) or await docs.count() == 603
    await docs.index(method=IndexArgsHNSW(m=8))
    await docs.truncate()
    await client.delete_collection(name)
    assert await client.collection_names() == []


async def test_a_collection_of_any_name_can_be_created_and_reopened(client: vecs.AsyncClient) -> None:
    for name in NAMES:
        await client.get_or_create_collection(name, dimension=3)
        again = await client.get_or_create_collection(name, dimension=3)
        assert again.name == name
    assert sorted(await client.collection_names()) == sorted(NAMES)


async def test_names_that_differ_by_case_alone_are_two_collections(client: vecs.AsyncClient) -> None:
    lower = await client.create_collection("docs", 3)
    upper = await client.create_collection("Docs", 4)
    assert (lower.dimension, upper.dimension) == (3, 4)
    assert await client.collection_names() == ["Docs", "docs"]


@pytest.mark.parametrize(
    ("index", "measure", "method"),
    [
        ("ix_vec_cosine_30 {on} using ivfflat (vec vector_cosine_ops) with (lists=30)", "cosine_distance", "ivfflat"),
        (
            "ix_vector_l2_ops_30_abcdef1 {on} using ivfflat (vec vector_l2_ops) with (lists=30)",
            "l2_distance",
            "ivfflat",
        ),
        (
            "ix_vector_ip_ops_ivfflat_30_abcdef1 {on} using ivfflat (vec vector_ip_ops) with (lists=30)",
            "max_inner_product",
            "ivfflat",
        ),
        (
            "ix_vector_cosine_ops_hnsw_abcdef1 {on} using hnsw (vec vector_cosine_ops)",
            "cosine_distance",
            "hnsw",
        ),
        (
            "ix_vector_l2_ops_ivfflat_nl30_abcdef1 {on} using ivfflat (vec vector_l2_ops) with (lists=30)",
            "l2_distance",
            "ivfflat",
        ),
        (
            "ix_vector_l1_ops_hnsw_m16_efc64_abcdef1 {on} using hnsw (vec vector_l1_ops) "
            "with (m=16, ef_construction=64)",
            "l1_distance",
            "hnsw",
        ),
    ],
)
async def test_an_index_of_any_version_is_seen_and_can_be_replaced(
    client: vecs.AsyncClient, make_old: Callable[..., None], index: str, measure: Any, method: str
) -> None:
    make_old(TABLE, ROWS, "create index " + index.replace("{on}", "on {table}"))
    old_name = index.split()[0]
    docs = await client.get_collection("docs")

    assert await docs.is_indexed_for_measure(measure)
    assert [(i.name, i.measure, i.method) for i in await docs.indexes() if i.measure] == [(old_name, measure, method)]
    assert await docs.query(X, measure=measure, limit=1) == ["x"]  # and no warning
    with pytest.raises(ArgError, match="replace is set to False but an index exists"):
        await docs.create_index(measure, replace=False)
    new_name = await docs.create_index(measure, method=IndexArgsHNSW(m=8, ef_construction=32))
    assert [i.name for i in await docs.indexes() if i.measure] == [new_name]


async def test_an_old_index_on_metadata_is_kept_and_not_doubled(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, "create index ix_meta_abcdef1 on {table} using gin (metadata jsonb_path_ops)")
    docs = await client.get_collection("docs")
    await docs.index()
    assert [i.name for i in await docs.indexes() if i.column == "metadata"] == ["ix_meta_abcdef1"]


async def test_a_table_rebuilt_by_an_old_index_call_opens(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    # Before 0.4 index() rebuilt the table as `_name`: its primary key kept the name, and one may be left over.
    make_old(TABLE, ROWS, "alter table {table} rename constraint docs_pkey to _docs_pkey")
    make_old(TABLE, name="_docs")
    docs = await client.get_or_create_collection("docs", dimension=3)
    await docs.upsert([("x", Y, {})])
    assert await docs.count() == 3
    await docs.index()
    assert "_docs_pkey" in [i.name for i in await docs.indexes()]


async def test_the_varchar_ids_of_old_collections_are_found_by_their_index(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(
        TABLE,
        "insert into {table} select 'r' || n, array[1, n, 0]::vector(3) from generate_series(1, 20000) as n",
        "analyze {table}",
    )
    docs = await client.get_collection("docs")
    for filters in ({"$id": "r5"}, {"$id": {"$in": ["r5", "r6"]}}):
        assert "docs_pkey" in await docs.explain([1, 5, 0], filters=filters)
    await docs.index()
    assert {match.id for match in await docs.search([1, 5, 0], filters={"$id": {"$in": ["r5", "r600"]}})} == {
        "r5",
        "r600",
    }
    assert await docs.delete(filters={"$id": {"$nin": ["r5"]}, "$not": {"$id": {"$like": "r1%"}}})
    assert [record.id for record in await docs.get(filters={"$id": {"$like": "r5%"}})] == ["r5"]


async def test_metadata_that_is_json_null_reads_as_empty(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, "insert into {table} values ('null', '[1,0,0]', 'null')")
    docs = await client.get_collection("docs")
    await docs.index()
    assert (await docs.fetch(["null"]))[0].metadata == {}
    assert [m.metadata for m in await docs.search(X)] == [{}]
    assert [r.metadata for r in await docs.get()] == [{}]
    assert [tuple(r) for r in await docs.query(X, include_metadata=True)] == [("null", {})]


async def test_metadata_that_is_json_null_matches_no_condition_on_a_key(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, "insert into {table} values ('null', '[1,0,0]', 'null'), ('list', '[1,0,0]', '[1]')")
    docs = await client.get_collection("docs")
    filters: list[Any] = [{"n": 1}, {"n": None}, {"n": {"$ne": 1}}, {"n": {"$in": [1, None]}}, {"n": {"$exists": True}}]
    assert [await docs.count(f) for f in filters] == [0, 0, 0, 0, 0]
    assert await docs.count({"$not": {"n": 1}}) == 2
    assert await docs.count({"n": {"$exists": False}}) == 2


@pytest.mark.parametrize("stored", ["null", "[1, 2]", '"text"', "5"])
async def test_updating_metadata_that_is_no_object_makes_it_one(
    client: vecs.AsyncClient, make_old: Callable[..., None], stored: str
) -> None:
    make_old(TABLE, f"insert into {{table}} values ('a', '[1,0,0]', '{stored}')")
    docs = await client.get_collection("docs")
    await docs.update_metadata({"n": 1}, ids=["a"])
    assert (await docs.get(["a"]))[0].metadata == {"n": 1}


async def test_a_record_without_an_id_of_its_own_can_still_be_removed(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, "insert into {table} values ('', '[1,0,0]', '{{\"n\": 1}}')")
    docs = await client.get_collection("docs")
    assert [r.id for r in await docs.get()] == [""]
    assert [r.id async for r in docs.scan()] == [""]
    assert await docs.delete(filters={"n": 1}) == [""]


async def test_a_table_whose_vectors_have_no_dimension_opens(
    client: vecs.AsyncClient, make_old: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    make_old(
        "CREATE TABLE {table} (id VARCHAR NOT NULL PRIMARY KEY, vec VECTOR NOT NULL, "
        "metadata JSONB DEFAULT '{{}}'::jsonb NOT NULL)",
        "insert into {table} values ('x', '[1,0,0]', '{{}}')",
    )
    docs = await client.get_collection("docs")
    assert docs.dimension is None
    assert [c.dimension for c in await client.list_collections()] == [None]
    await docs.upsert([("y", Y, {}), *((f"{i}", Z, {}) for i in range(600))])
    with pytest.warns(UserWarning, match="covering index"):
        assert await docs.query(X, limit=1) == ["x"]
    assert np.array_equal((await docs.fetch(["y"]))[0].vec, Y)
    with pytest.raises(ArgError, match="without a dimension"):
        await docs.index()


async def test_relations_that_are_no_collections_do_not_disturb_the_list(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(
        TABLE,
        "create table {schema}.arrays (id text primary key, vec real[], metadata jsonb)",
        "create table {schema}.other (vec int)",
        "create view {schema}.shown as select * from {table}",
    )
    assert [c.name for c in await client.list_collections()] == ["docs"]
    assert await client.collection_names() == ["docs"]


async def test_a_relation_that_is_no_collection_is_not_found_as_one(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, "create view {schema}.shown as select * from {table}", "create table {schema}.users (id int)")
    for name in ("shown", "users", "docs_pkey"):
        with pytest.raises(vecs.exc.VecsException, match="not a collection"):
            await client.get_collection(name)
        with pytest.raises(vecs.exc.CollectionAlreadyExists, match="not a collection"):
            await client.get_or_create_collection(name, dimension=3)


async def test_a_table_that_is_no_collection_is_not_deleted_as_one(
    client: vecs.AsyncClient, make_old: Callable[..., None], target: str, schema: str
) -> None:
    make_old("create table {schema}.users (id int)")
    with pytest.raises(vecs.exc.VecsException):
        await client.delete_collection("users")
    make_old("insert into {schema}.users values (1)")


async def test_a_view_on_a_collection_survives_indexing_and_blocks_its_deletion(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE, ROWS, "create view {schema}.shown as select id, vec, metadata ->> 'n' as n from {table}")
    docs = await client.get_collection("docs")
    await docs.index()
    await docs.index(method=IndexArgsHNSW(m=8))
    make_old("select * from {schema}.shown")
    with pytest.raises(vecs.exc.DatabaseError, match="depend"):
        await client.delete_collection("docs")
    assert await docs.count() == 3


async def test_rows_made_elsewhere_sort_and_page_by_the_databases_collation(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(TABLE)
    docs = await client.get_collection("docs")
    ids = ["b", "B", "a", "A", "ä", "_", "-", "10", "9", "é", "e\u0301", "日", " ", "'"]
    await docs.upsert([(id_, X, {}) for id_ in ids])
    found = [r.id async for r in docs.scan(page_size=3)]
    assert sorted(found) == sorted(ids)
    assert found == [r.id for r in await docs.get()]


@pytest.mark.parametrize("measure", list(IndexMeasure)[:4])
async def test_stock_vecs_finds_an_index_we_make_and_its_measure(client: vecs.AsyncClient, measure: Any) -> None:
    docs = await client.create_collection("docs", 3)
    name = await docs.index(measure)
    others = [i.name for i in await docs.indexes() if i.name != name]
    assert STOCK_PATTERN.match(name)
    assert [ops for ops in OPS if ops in name] == [
        {
            "cosine_distance": "vector_cosine_ops",
            "l2_distance": "vector_l2_ops",
            "max_inner_product": "vector_ip_ops",
            "l1_distance": "vector_l1_ops",
        }[measure.value]
    ]
    assert re.fullmatch(r"ix_vector_\w+_ops_hnsw_m16_efc64_[0-9a-f]{7}", name)
    assert not any(STOCK_PATTERN.match(other) for other in others)


async def test_stock_vecs_can_write_to_a_collection_we_made(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    docs = await client.create_collection("docs", 3)
    make_old(
        "insert into {table} (id, vec, metadata) values ('x', '[1,0,0]', '{{\"n\": 1}}') "
        "on conflict (id) do update set vec = excluded.vec, metadata = excluded.metadata"
    )
    assert await docs.get(include_vector=True) == [Record("x", np.array(X, np.float32), metadata={"n": 1})]


async def test_a_partial_index_of_the_users_own_is_neither_taken_for_a_full_one_nor_dropped(
    client: vecs.AsyncClient, make_old: Callable[..., None]
) -> None:
    make_old(
        TABLE,
        ROWS,
        "create index mine on {table} using hnsw (vec vector_cosine_ops) with (m=16, ef_construction=64) "
        "where metadata @> '{{\"n\": 1}}'",
    )
    docs = await client.get_collection("docs")
    assert not await docs.is_indexed_for_measure("cosine_distance")
    made = await docs.index()
    await docs.index(method=IndexArgsHNSW(m=8))
    assert made != "mine"
    assert "mine" in [i.name for i in await docs.indexes()]


@pytest.mark.parametrize(
    "comment",
    [
        "a collection of documents",
        '{"vecs": 5}',
        '{"vecs": [1]}',
        '{"vecs": null}',
        '{"vecs": {"transform": 5}}',
        '{"vecs": {"transform": {"class": ["x"]}}}',
        '{"vecs": {"transform": {"class": "Pipeline", "steps": 5}}}',
        '{"vecs": {"transform": {"class": "Pipeline", "steps": [5]}}}',
        '{"vecs": {"identity": 5, "transform": null}}',
        '{"vecs": {"transform": {"class": "TextEmbedding", "model": "../../etc"}}}',
        '{"vecs": {"transform": {"class": "os.system"}}}',
        '{"vecs":' + "[" * 100_000,
    ],
    ids=range(12),
)
async def test_a_comment_of_somebody_elses_does_not_keep_a_collection_from_opening(
    client: vecs.AsyncClient, make_old: Callable[..., None], comment: str
) -> None:
    quoted = comment.replace("'", "''").replace("{", "{{").replace("}", "}}")
    make_old(TABLE, ROWS, f"comment on table {{table}} is '{quoted}'")
    docs = await client.get_collection("docs")
    assert (await docs.get(["x"]))[0].metadata == {"n": 1}
    assert len(await client.list_collections()) == 1
