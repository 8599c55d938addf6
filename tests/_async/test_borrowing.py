"""A borrowed connection takes and gives vectors, wherever pgvector is, and nothing of that reaches the client's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import Bit, HalfVector, SparseVector, Vector
from psycopg.conninfo import make_conninfo
from psycopg.types.string import StrDumper, TextLoader

import vecs


@pytest.fixture
def empty_database(superuser_target: str) -> Iterator[str]:
    """A connection string of a new database, without pgvector."""
    name = f"borrowed_{uuid4().hex[:8]}"
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield make_conninfo(superuser_target, dbname=name)
        connection.execute(f"drop database {name} with (force)")


async def there_and_back(connection: Any, value: object, *, binary: bool) -> Any:
    cursor = connection.cursor(binary=binary)
    await cursor.execute("select %s", (value,))
    return (await cursor.fetchone())[0]


def listed(vec: Any) -> list[float]:
    # A numpy array by pgvector-python before 0.5, its Vector since.
    return np.asarray(vec.to_numpy() if hasattr(vec, "to_numpy") else vec).tolist()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
async def test_a_borrower_writes_and_reads_vectors_of_every_type(
    superuser_target: str, request: pytest.FixtureRequest, binary: bool, pooled: bool
) -> None:
    target = request.getfixturevalue("bouncer") if pooled else superuser_target
    async with (
        vecs.create_async_client(target) as client,
        client.connection() as connection,
    ):
        assert listed(await there_and_back(connection, np.array([1, 0.5]), binary=binary)) == [1, 0.5]
        assert listed(await there_and_back(connection, Vector([1, 0.5]), binary=binary)) == [1, 0.5]
        assert (await there_and_back(connection, HalfVector([1, 2]), binary=binary)).to_list() == [1, 2]
        for sparse in (SparseVector({1: 2.0}, 3), vecs.SparseVector(3, [1], [2])):
            assert (await there_and_back(connection, sparse, binary=binary)).to_list() == [0, 2, 0]
        several = await there_and_back(connection, [Vector([1]), Vector([2])], binary=binary)
        assert [listed(vec) for vec in several] == [[1], [2]]
        cursor = await connection.execute("select %s = b'10'", (Bit([True, False]),))
        assert await cursor.fetchone() == (True,)


async def test_a_borrower_compares_vectors_of_a_collection(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {}), ("b", [0, 1], {})])
    async with client.connection() as connection:
        await connection.execute("create temp table mine (vec vector(2), codes sparsevec(2))")
        async with connection.cursor().copy("copy mine from stdin with (format binary)") as copy:
            copy.set_types(["vector", "sparsevec"])
            await copy.write_row((np.array([0, 1]), SparseVector([0, 1])))
        cursor = await connection.execute(
            f'select id, docs.vec from "{client.schema}".docs join mine on true order by docs.vec <=> mine.vec, id'
        )
        found = await cursor.fetchall()
    assert [(id, listed(vec)) for id, vec in found] == [("b", [0, 1]), ("a", [1, 0])]


async def test_pgvector_is_found_in_any_schema_and_when_it_is_moved_or_made_anew(empty_database: str) -> None:
    async with vecs.create_async_client(empty_database, pool_size=1) as client:
        async with client.connection() as connection:
            assert await there_and_back(connection, 1, binary=False) == 1
        with psycopg.connect(empty_database, autocommit=True) as other:
            other.execute("create schema far; create extension vector schema far")
            for change in (
                "select 1",
                "create schema further; alter extension vector set schema further",
                "drop extension vector; create extension vector schema far",
                "drop extension vector",
                "create extension vector",
            ):
                other.execute(change)
                async with client.connection() as connection:
                    if change == "drop extension vector":
                        with pytest.raises(psycopg.ProgrammingError, match="ndarray"):
                            await connection.execute("select %s", (np.array([1, 2]),))
                        continue
                    assert listed(await there_and_back(connection, np.array([1, 2]), binary=False)) == [1, 2]


async def test_what_a_borrower_registers_does_not_change_what_the_client_finds(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
        docs = await client.create_collection("docs", 2, text=True)
        docs.warns_without_index = False

        async def use() -> list[Any]:
            await docs.upsert([vecs.Record("a", [1, 0], text="word", metadata={"n": [1, "x"]}, extra={"m": 2})])
            return [
                await docs.search([1, 0.5], filters={"n": {"$contains": "x"}}, include_vector=True, include_extra=True),
                await docs.search("word", mode="keyword"),
                await docs.get(["a"], include_vector=True),
                await docs.info(),
            ]

        class Shout(StrDumper):
            def dump(self, obj: str) -> bytes:
                return obj.upper().encode()

        before = await use()
        async with client.connection() as connection:
            for type_ in ("vector", "jsonb", "text", "float8", "int8", "bool", "bytea", "int4"):
                connection.adapters.register_loader(type_, TextLoader)
            connection.adapters.register_dumper(str, Shout)
            connection.adapters.register_dumper(np.ndarray, Shout)
        assert await use() == before
