"""A client behind PgBouncer: that it is there is found out, and everything works as without."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vecs
from vecs._sql.settings import ping
from vecs.exc import ArgError

# Writes of hundreds of records go by COPY, those of a few by INSERT.
pytestmark = pytest.mark.usefixtures("small_buffer")


@pytest.fixture
async def pooled(bouncer: str, superuser_target: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client behind PgBouncer that was not told of it."""
    name = "vecs_pooled"
    async with vecs.create_async_client(bouncer, schema=name, statement_timeout=30) as client:
        yield client
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))


async def test_a_pooler_is_found_out_and_said_once(bouncer: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vecs")
    async with vecs.create_async_client(bouncer) as client:
        for _ in range(2):
            assert (await client.info()).pooler
            await client.close()
    said = [record.getMessage() for record in caplog.records if "pooler" in record.getMessage()]
    assert len(said) == 1
    assert "there is a pooler between vecs and postgresql://" in said[0]


async def test_there_is_no_pooler_on_a_direct_connection(target: str, tmp_path: Any) -> None:
    async with vecs.create_async_client(target) as client:
        assert not (await client.info()).pooler
    async with vecs.create_async_client(tmp_path / "db") as client:
        assert not (await client.info()).pooler


async def test_what_is_said_of_the_pooler_by_hand_wins(bouncer: str, target: str) -> None:
    async with vecs.create_async_client(bouncer, pooler=False) as client:
        assert not (await client.info()).pooler
    async with vecs.create_async_client(target, pooler=True) as client:
        assert (await client.info()).pooler


async def test_each_new_pool_looks_whether_there_is_a_pooler_now(bouncer: str, target: str) -> None:
    async with vecs.create_async_client(bouncer) as client:
        connections: Any = client._executor._connections
        assert (await client.info()).pooler
        direct = vecs.AsyncClient(target)._executor.target
        await client.close()
        connections.target = direct
        assert not (await client.info()).pooler


@pytest.mark.parametrize("wrong", ["yes", 1, "transaction"])
async def test_a_wrong_pooler_is_refused(target: str, wrong: Any) -> None:
    with pytest.raises(ArgError, match="pooler must be True, False, or None"):
        vecs.AsyncClient(target, pooler=wrong)


async def test_everything_works_behind_a_pooler_that_nobody_told_of(pooled: vecs.AsyncClient) -> None:
    docs = await pooled.get_or_create_collection("docs", dimension=2, text=True)
    words = ("apple", "pear", "plum")
    records = [
        vecs.Record(f"{i:04}", [i, 1], metadata={"n": i}, text=f"{words[i % 3]} number {i}") for i in range(1200)
    ]
    assert await docs.upsert(records) == 1200
    assert await docs.upsert(records[:3]) == 3
    await docs.index()
    await docs.create_metadata_index("n")
    for number in range(8):
        assert len(await docs.search([1, 1], limit=100, ef_search=50)) == 100
        assert [m.id for m in await docs.search([5, 1], limit=1, filters={"n": {"$gte": 9}})] == ["0009"]
        assert len(await docs.search("plum", mode="keyword", limit=7, filters={"n": {"$lt": 600}})) == 7
        assert len(await docs.search([1, 1], text="pear", mode="hybrid", limit=5)) == 5
        (found,) = await docs.search("plums", mode="keyword", limit=1, offset=number, highlight=True)
        assert found.highlights == ((0, 4),)
    assert [len(found) for found in await docs.search_many([[i, 1] for i in range(30)], limit=4)] == [4] * 30
    assert [r.id for r in await docs.get(filters={"n": 3})] == ["0003"]
    assert len(await docs.update_metadata({"seen": True}, filters={"n": {"$lt": 5}})) == 5
    assert await docs.delete(["0003"]) == ["0003"]
    assert await docs.count() == 1199
    assert (await docs.recall(sample=5)).recall > 0.5
    async with pooled.connection() as connection, connection.transaction():
        await connection.execute(f"update {pooled.schema}.docs set metadata = '{{}}' where id = '0004'")
    assert (await docs.get(["0004"]))[0].metadata == {}
    assert (await pooled.rename_collection("docs", "papers")).name == "papers"
    await pooled.delete_collection("papers")
    assert await pooled.collection_names() == []


async def test_nothing_is_prepared_behind_a_pooler(pooled: vecs.AsyncClient, superuser_target: str) -> None:
    async with pooled.connection() as connection:
        began = await (await connection.execute("select clock_timestamp()")).fetchone()
    docs = await pooled.get_or_create_collection("docs", dimension=2)
    for _ in range(20):
        await docs.upsert([("a", [1, 2], {})])
        await docs.get(["a"])
    for _ in range(8):
        async with pooled.connection() as connection:
            # Other tests may have left some in the pooler's sessions.
            cursor = await connection.execute(
                "select statement from pg_prepared_statements where prepare_time >= %s", began
            )
            assert await cursor.fetchall() == []


async def test_names_of_prepared_statements_are_of_one_connection_alone(target: str) -> None:
    names = set[str]()
    async with (
        vecs.create_async_client(target, pool_size=2) as one,
        vecs.create_async_client(target) as other,
    ):
        connections: list[Any] = [one._executor._connections, one._executor._connections, other._executor._connections]
        pinned: list[Any] = []
        for each in connections:
            pinned.append(await each.acquire())
        for each in pinned:
            for _ in range(7):
                await each.execute(ping())
            cursor = await each.connection.execute("select name from pg_prepared_statements")
            names |= {row[0] for row in await cursor.fetchall()}
        for connection, each in zip(connections, pinned, strict=True):
            connection.release(each)
    assert len(names) == 3
    assert all(name.startswith("_pg3_") and int(name.removeprefix("_pg3_")) > 10_000 for name in names)
