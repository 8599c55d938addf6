"""What vecs 0.4 got wrong: each claim is one of its defects, put right."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import vecs
from vecs import IndexArgsHNSW, IndexArgsIVFFlat
from vecs._sql.extension import read_extension
from vecs.exc import ArgError, CollectionAlreadyExists, CollectionNotFound, FilterError, MismatchedDimension

X = [1.0, 0.0, 0.0]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    """Many records, indexed: nearer ones first, one in a hundred rare."""
    docs = await client.create_collection("docs", 3)
    await docs.upsert([(f"{i:04}", [1.0, i / 1000, 0.0], {"n": i, "rare": i % 100 == 99}) for i in range(3000)])
    await docs.index()
    return docs


@pytest.fixture
async def victim(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    """What an injection would drop."""
    victim = await client.create_collection("victim", 3)
    await victim.upsert([("a", X, {})])
    return victim


# --- answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filters",
    [
        {"$or": []},
        {"$not": []},
        {"$and": [{"$or": []}]},
        {"$not": {}},
        {"n": {}},
        {"$or": [{"n": 1}, {}]},
    ],
)
async def test_an_empty_condition_is_refused_and_deletes_nothing(docs: vecs.AsyncCollection, filters: Any) -> None:
    with pytest.raises(FilterError):
        await docs.delete(filters=filters)
    with pytest.raises(FilterError):
        await docs.search(X, filters=filters)
    with pytest.raises(FilterError):
        await docs.update_metadata({"gone": True}, filters=filters)
    assert await docs.count() == 3000
    assert await docs.count({"gone": True}) == 0


@pytest.mark.parametrize("limit", [1, 40, 41, 100, 1001, 3000, 5000])
async def test_a_limit_above_ef_search_is_honoured(docs: vecs.AsyncCollection, limit: int) -> None:
    expected = min(limit, 3000)
    assert len(await docs.query(X, limit=limit)) == expected
    found = await docs.search(X, limit=limit, ef_search=1)
    assert len({m.id for m in found}) == expected
    assert [m.distance for m in found] == sorted(m.distance for m in found)


@pytest.mark.parametrize("index", [IndexArgsHNSW(), IndexArgsIVFFlat(50)])
async def test_a_filtered_search_returns_limit_rows(docs: vecs.AsyncCollection, index: Any) -> None:
    await docs.index(method=index)
    found = await docs.search(X, limit=10, filters={"rare": True})
    assert [m.id for m in found] == [f"{i:04}" for i in range(99, 1000, 100)]
    assert len(await docs.query(X, limit=30, filters={"rare": {"$eq": True}})) == 30
    assert len(await docs.search(X, limit=31, filters={"rare": True})) == 30
    assert await docs.search(X, limit=10, filters={"n": {"$gt": 5000}}) == []


async def test_a_page_behind_ef_search_is_full(docs: vecs.AsyncCollection) -> None:
    pages = [await docs.search(X, limit=50, offset=offset, exact=True) for offset in (0, 50, 100)]
    assert [m.id for page in pages for m in page] == [f"{i:04}" for i in range(150)]
    assert len(await docs.search(X, limit=50, offset=1000)) == 50
    assert len(await docs.search(X, limit=50, offset=2990)) == 10


@pytest.mark.parametrize("filters", [{"n": 5}, {"n": {"$eq": 5}}, {"n": 5, "rare": False}])
async def test_the_short_form_of_a_filter_means_something(docs: vecs.AsyncCollection, filters: Any) -> None:
    assert await docs.query(X, filters=filters) == ["0005"]


@pytest.mark.parametrize("filters", [{"$nor": []}, {"$nor": [{"n": 1}]}, {"n": {"nope": 1}}, {"$eq": 5}, {"": {}}])
async def test_a_malformed_filter_is_no_empty_answer(docs: vecs.AsyncCollection, filters: Any) -> None:
    with pytest.raises(FilterError):
        await docs.query(X, filters=filters)


@pytest.mark.parametrize("operator", ["$lt", "$lte", "$gt", "$gte"])
async def test_a_range_does_not_cross_types(client: vecs.AsyncClient, operator: str) -> None:
    docs = await client.create_collection("mixed", 3)
    values: list[Any] = ["5", "", None, True, False, [], [6], {}, {"a": 6}]
    await docs.upsert([(f"{i}", X, {"n": value}) for i, value in enumerate(values)])
    await docs.upsert([("number", X, {"n": 6}), ("absent", X, {})])
    assert await docs.query(None, filters={"n": {operator: 6}}) in ([], ["number"])
    assert await docs.query(None, filters={"n": {"$between": [-(10**9), 10**9]}}) == ["number"]


async def test_the_last_of_duplicate_ids_wins_near_and_far(docs: vecs.AsyncCollection) -> None:
    near = [("d", X, {"v": 1}), ("d", X, {"v": 2})]
    assert await docs.upsert(near) == 1
    assert (await docs.fetch(["d"]))[0].metadata == {"v": 2}
    far = [("d", X, {"v": 3}), *((f"f{i}", X, {}) for i in range(2000)), ("d", X, {"v": 4})]
    assert await docs.upsert(far) == 2001
    assert (await docs.fetch(["d"]))[0].metadata == {"v": 4}


# --- objects that live beside each other -------------------------------------------------------------


async def test_a_failed_opening_leaves_the_open_collection_alone(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    with pytest.raises(MismatchedDimension):
        await client.get_or_create_collection("docs", dimension=4)
    await docs.upsert([("new", X, {})])
    assert await docs.query(X, limit=1, filters={"n": 0}) == ["0000"]


async def test_an_index_made_elsewhere_is_noticed(
    docs: vecs.AsyncCollection, target: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    async with vecs.create_async_client(target, schema=schema) as other:
        there = await other.get_collection("docs")
        await there.index(method=IndexArgsHNSW(m=8))
        assert await docs.is_indexed_for_measure("cosine_distance")
        await docs.index(method=IndexArgsHNSW(m=10))
        (index,) = [i for i in await there.indexes() if i.measure]
        await there.drop_index(index.name)
    assert not await docs.is_indexed_for_measure("cosine_distance")
    with pytest.warns(UserWarning, match="covering index"):
        assert len(await docs.query(X, limit=100)) == 100
    await docs.index()
    assert await docs.is_indexed_for_measure("cosine_distance")


async def test_a_collection_deleted_elsewhere_is_not_found(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str, schema: str
) -> None:
    for _ in range(8):  # often enough for prepared statements
        await docs.search(X)
        await docs.get(["0000"])
    async with vecs.create_async_client(target, schema=schema) as other:
        await other.delete_collection("docs")
    with pytest.raises(CollectionNotFound):
        await docs.search(X)
    with pytest.raises(CollectionNotFound):
        await docs.get(["0000"])
    with pytest.raises(CollectionNotFound):
        await docs.upsert([("a", X, {})])
    with pytest.raises(CollectionNotFound):
        await docs.upsert([(f"{i}", X, {}) for i in range(1000)])
    with pytest.raises(CollectionNotFound):
        await docs.index()
    assert await client.collection_names() == []


async def test_a_collection_remade_elsewhere_works_or_says_why_not(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str, schema: str
) -> None:
    for _ in range(8):
        await docs.search(X)
        await docs.get(["0000"], include_vector=True)
        await docs.upsert([("0000", X, {})])
    async with vecs.create_async_client(target, schema=schema) as other:
        await other.delete_collection("docs")
        same = await other.create_collection("docs", 3, text=True)
        await same.upsert([("new", X, {})])
        assert [m.id for m in await docs.search(X)] == ["new"]
        assert [r.id for r in await docs.get()] == ["new"]
        assert await docs.upsert([("more", X, {})]) == 1

        await other.delete_collection("docs")
        await other.create_collection("docs", 4)
    with pytest.raises(vecs.exc.VecsException, match="dimension"):
        await docs.upsert([("a", X, {})])
    again = await client.get_or_create_collection("docs", dimension=4)
    assert await again.upsert([("a", [1, 2, 3, 4], {})]) == 1
    with pytest.raises(vecs.exc.VecsException, match="dimension"):
        await docs.search(X)
    assert await again.count() == 1


# --- names -------------------------------------------------------------------------------------------


async def test_a_name_of_64_bytes_does_not_open_the_collection_of_its_first_63(client: vecs.AsyncClient) -> None:
    tenant = await client.create_collection("t" * 63, 3)
    await tenant.upsert([("secret", X, {})])
    for name in ("t" * 64, "t" * 63 + "x", "ü" * 32):
        with pytest.raises(ArgError, match="63 bytes"):
            await client.get_or_create_collection(name, dimension=3)
        with pytest.raises(ArgError, match="63 bytes"):
            await client.get_collection(name)
        with pytest.raises(ArgError, match="63 bytes"):
            await client.delete_collection(name)
        with pytest.raises(ArgError, match="63 bytes"):
            await client.rename_collection("t" * 63, name)
    assert await client.collection_names() == ["t" * 63]
    assert await tenant.count() == 1


async def test_a_name_that_another_relation_has_is_refused_twice(
    client: vecs.AsyncClient, target: str, schema: str
) -> None:
    await client.create_collection("docs", 3)
    with psycopg.connect(target, autocommit=True) as connection:
        for statement in (
            "create view {}.v as select 1 as vec",
            "create table {}.t (id int)",
            "create sequence {}.s",
            "create materialized view {}.m as select 1 as vec",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(schema)))
    for name in ("v", "t", "s", "m", "docs_pkey"):
        for _ in range(2):
            with pytest.raises(CollectionAlreadyExists):
                await client.get_or_create_collection(name, dimension=3)
            with pytest.raises(CollectionAlreadyExists):
                await client.create_collection(name, 3)
    assert await client.collection_names() == ["docs"]


async def test_a_partitioned_table_is_a_collection(client: vecs.AsyncClient, target: str, schema: str) -> None:
    await client.create_collection("docs", 3)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "create table {0}.parts (id text primary key, vec {1}.vector(3) not null, "
                "metadata jsonb not null default '{{}}') partition by hash (id); "
                "create table {0}.parts_0 partition of {0}.parts for values with (modulus 1, remainder 0)"
            ).format(sql.Identifier(schema), sql.Identifier("public"))
        )
    parts = await client.get_or_create_collection("parts", dimension=3)
    assert await parts.upsert([(f"{i}", X, {"n": i}) for i in range(700)]) == 700
    await parts.index()
    assert len(await parts.search(X, limit=50)) == 50
    assert sorted(await parts.delete(filters={"n": {"$lt": 2}})) == ["0", "1"]


@pytest.mark.parametrize(
    "name",
    [
        'x" (id);drop table {schema}.victim;--',
        "x'; drop table {schema}.victim; --",
        "x'';drop table {schema}.victim;--",
        "x\\';drop table {schema}.victim;--",
        'x" is null;drop table {schema}.victim;--',
        "x $1 %s %(x)s {{x}}",
        'quo"te',
        '""',
        "-- comment",
        "/*",
    ],
)
async def test_a_hostile_name_runs_no_sql_of_its_own(
    client: vecs.AsyncClient, victim: vecs.AsyncCollection, schema: str, name: str
) -> None:
    name = name.format(schema=schema)
    docs = await client.get_or_create_collection(name, dimension=3)
    texts = await client.get_or_create_collection(name[:58] + " text", dimension=3, text=True)
    for collection in (docs, texts):
        await collection.upsert([(name, X, {name: name})])
        await collection.upsert([(f"{i}", X, {name: name}) for i in range(600)])
        await collection.index()
        await collection.index("l2_distance", concurrently=True)
        assert len(await collection.search(X, filters={name: name}, limit=700)) == 601
        assert await collection.update_metadata({name: 1}, ids=[name]) == [name]
        assert name in await collection.explain(X, filters={name: name}) or await collection.count() == 601
        assert (await collection.info()).records == 601
        for index in await collection.indexes():
            if not index.primary:
                await collection.drop_index(index.name)
        assert await collection.delete([name]) == [name]
    await docs.rename(name[:58] + " new")
    await docs.truncate()
    await client.delete_collection(docs.name)
    assert await victim.count() == 1


async def test_a_hostile_schema_name_runs_no_sql_of_its_own(target: str) -> None:
    schema = 'x"; drop schema public cascade; --'
    async with vecs.create_async_client(target, schema=schema) as client:
        try:
            docs = await client.get_or_create_collection("docs", dimension=3)
            await docs.upsert([("a", X, {})])
            await docs.index()
            assert [m.id for m in await docs.search(X)] == ["a"]
            assert await client.collection_names() == ["docs"]
        finally:
            async with client.connection() as connection:
                await connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": IndexArgsHNSW(ef_construction="64); drop table victim; --")},  # type: ignore[arg-type]
        {"method": IndexArgsHNSW(m="16")},  # type: ignore[arg-type]
        {"method": IndexArgsHNSW(m=True)},
        {"method": IndexArgsHNSW(m=1)},
        {"method": IndexArgsHNSW(m=101, ef_construction=500)},
        {"method": IndexArgsHNSW(m=16, ef_construction=31)},
        {"method": IndexArgsHNSW(ef_construction=1001)},
        {"method": IndexArgsHNSW(m=16.0)},  # type: ignore[arg-type]
        {"method": IndexArgsIVFFlat("30); drop table victim; --")},  # type: ignore[arg-type]
        {"method": IndexArgsIVFFlat(0)},
        {"method": IndexArgsIVFFlat(-1)},
        {"method": IndexArgsIVFFlat(32769)},
        {"method": IndexArgsIVFFlat(None)},  # type: ignore[arg-type]
        {"method": "hnsw; drop table victim"},
        {"method": "hnsw", "index_arguments": {"m": 16}},
        {"method": "ivfflat", "index_arguments": {"n_lists": 30}},
        {"method": "ivfflat", "index_arguments": 30},
        {"measure": "vector_cosine_ops); drop table victim; --"},
        {"measure": 5},
        {"method": None},
        {"workers": "2; drop table victim"},
        {"workers": -1},
        {"workers": 1.5},
        {"measure": "l1_distance", "method": "ivfflat"},
    ],
)
async def test_hostile_index_arguments_are_refused(victim: vecs.AsyncCollection, arguments: Any) -> None:
    with pytest.raises(ArgError):
        await victim.create_index(**arguments)
    assert [i.name for i in await victim.indexes() if not i.primary] == []
    assert await victim.count() == 1


@pytest.mark.parametrize("memory", ["lots", "1GB'; drop table victim; --", "", "-1", "1kB", "999999GB", 5.5, []])
@pytest.mark.parametrize("concurrently", [False, True])
async def test_a_wrong_build_memory_is_an_error_that_changes_nothing(
    target: str, schema: str, memory: Any, concurrently: bool
) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=1, statement_timeout=7) as client:
        docs = await client.create_collection("docs", 3)
        with pytest.raises(vecs.exc.VecsException):
            await docs.index(memory=memory, concurrently=concurrently)
        assert [i for i in await docs.indexes() if not i.primary] == []
        await docs.count()
        # What the failed build had set is not left behind.
        async with client.connection() as connection:
            row = await (await connection.execute("show statement_timeout")).fetchone()
        assert row == ("7s",)


async def test_a_dimension_that_no_index_takes_is_an_error_in_words(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("wide", 16_000)
    await docs.upsert([("a", [1.0] * 16_000, {})])
    refused = ""
    try:
        await docs.index()
    except ArgError as error:
        refused = str(error)
    indexed = await docs.is_indexed_for_measure("cosine_distance")
    assert indexed or "16000 dimensions" in refused
    with pytest.raises(ArgError, match="16000"):
        await client.create_collection("wider", 16_001)


# --- servers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "newer_than"), [("0.10.0", (0, 9)), ("0.11", (0, 8)), ("0.20", (0, 5)), ("1.0.0-rc1", (0, 99))]
)
def test_versions_of_pgvector_compare_by_number(version: str, newer_than: tuple[int, ...]) -> None:
    extension = read_extension([("public", version, 1, 2, 3)])
    assert extension is not None
    assert extension.version > newer_than
    assert extension.iterative_scan


async def test_an_index_brings_one_for_metadata(docs: vecs.AsyncCollection) -> None:
    assert [i.method for i in await docs.indexes() if i.column == "metadata"] == ["gin"]


def _database(superuser_target: str, name: str, *statements: str) -> str:
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    made = make_conninfo(superuser_target, dbname=name)
    with psycopg.connect(made, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]
    return made


async def test_a_role_that_may_only_select_lists_opens_and_searches(superuser_target: str) -> None:
    made = _database(superuser_target, "only select")
    async with vecs.create_async_client(made) as owner:
        docs = await owner.create_collection("docs", 3)
        await docs.upsert([(f"{i}", X, {"n": i}) for i in range(50)])
        await docs.index()
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute("drop role if exists only_select")
        connection.execute("create role only_select")
        connection.execute('revoke all on database "only select" from public')
        connection.execute("grant usage on schema vecs to only_select")
        connection.execute("grant select on all tables in schema vecs to only_select")
    async with vecs.create_async_client(make_conninfo(made, options="-c role=only_select")) as client:
        docs = await client.get_or_create_collection("docs", dimension=3)
        assert [c.name for c in await client.list_collections()] == ["docs"]
        assert len(await docs.search(X, limit=45, filters={"n": {"$gte": 0}})) == 45
        assert len(await docs.query(X)) == 10
        assert (await docs.info()).records == 50
        assert await docs.is_indexed_for_measure("cosine_distance")
        with pytest.raises(vecs.exc.DatabaseError, match="permission denied") as caught:
            await docs.upsert([("a", X, {})])
        assert caught.value.sqlstate == "42501"
        with pytest.raises(vecs.exc.DatabaseError, match="permission denied"):
            await docs.upsert([(f"{i}", X, {}) for i in range(1000)])
        with pytest.raises(vecs.exc.DatabaseError, match="permission denied"):
            await client.create_collection("more", 3)
        assert await docs.count() == 50


@pytest.mark.parametrize("pooler", [False, True])
async def test_everything_works_where_pgvector_is_in_a_schema_off_the_search_path(
    superuser_target: str, pooler: bool
) -> None:
    made = _database(superuser_target, "off path", "create schema ext", "create extension vector schema ext")
    made = make_conninfo(made, options="-c search_path=pg_catalog")
    async with vecs.create_async_client(made, pooler=pooler) as client:
        for name, has_text in (("docs", False), ("texts", True)):
            docs = await client.create_collection(name, 3, text=has_text)
            assert await docs.upsert([("a", X, {"n": 1})]) == 1
            assert await docs.upsert([(f"{i}", X, {}) for i in range(1000)]) == 1000
            for measure in ("cosine_distance", "l2_distance", "max_inner_product", "l1_distance"):
                await docs.index(measure)
                assert len(await docs.search(X, measure=measure, limit=60)) == 60
                assert len(await docs.search(X, measure=measure, exact=True)) == 10
            assert len(await docs.get(["a"], include_vector=True)) == 1
            assert "uses" in await docs.explain(X)
            assert await docs.delete(["a"]) == ["a"]
        assert len(await client.list_collections()) == 2


async def test_two_calls_of_ones_own_sql_are_one_transaction(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, schema: str
) -> None:
    delete = sql.SQL("delete from {}").format(sql.Identifier(schema, "docs"))
    insert = sql.SQL("insert into {} values ('a', '[1,0]')").format(sql.Identifier(schema, "docs"))

    async def both() -> None:
        async with client.connection() as connection, connection.transaction():
            await connection.execute(delete)
            await connection.execute(insert)

    with pytest.raises(psycopg.Error):
        await both()
    assert await docs.count() == 3000
