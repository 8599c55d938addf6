"""Behind a PgBouncer that nobody told of, records stay in their collection, whatever runs at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import psycopg
import pytest
from psycopg import sql

import vecs

pytestmark = pytest.mark.filterwarnings("ignore:Query does not have a covering index")

NAMES = ("acme", "bolt")
ROUNDS = 40


@pytest.fixture
def pooled_schema(superuser_target: str) -> Iterator[str]:
    yield "pooled"
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier("pooled")))


def fill_and_search(collection: vecs.Collection, number: int) -> list[str]:
    """Write and search by turns; return the ids of another collection's records that came back."""
    name, wrong = collection.name, list[str]()
    for i in range(ROUNDS):
        collection.upsert([(f"{name}-{number}-{i}", [1, i], {"owner": name})])
        found = collection.query([1, 1], limit=3)
        wrong += [str(id) for id in found if not str(id).startswith(name)]
    return wrong


@pytest.mark.parametrize("pooler", [None, False], ids=["found out", "denied by hand"])
def test_collections_are_kept_apart_behind_a_pooler(bouncer: str, pooled_schema: str, pooler: bool | None) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        clients = [stack.enter_context(vecs.create_client(bouncer, schema=pooled_schema, pooler=pooler)) for _ in NAMES]
        both = [client.get_or_create_collection(name, dimension=2) for client, name in zip(clients, NAMES, strict=True)]
        done = [threads.submit(fill_and_search, collection, n) for collection in both for n in range(4)]
        failures = [future.exception() for future in done if future.exception() is not None]
        # Whoever denies the pooler gets errors, and never another collection's records.
        assert pooler is False or not failures
        assert all(isinstance(failure, vecs.exc.DatabaseError) for failure in failures)
        assert [wrong for future in done if future.exception() is None for wrong in future.result()] == []
    with vecs.create_client(bouncer, schema=pooled_schema, pooler=True) as client:
        for name in NAMES:
            records = list(client.get_collection(name).scan())
            assert {str(record.id).split("-")[0] for record in records} <= {name}
            assert pooler is False or len(records) == 4 * ROUNDS


def test_collections_are_kept_apart_behind_a_pooler_by_async_clients(bouncer: str, pooled_schema: str) -> None:
    async def work(collection: vecs.AsyncCollection, number: int) -> None:
        name = collection.name
        for i in range(ROUNDS):
            await collection.upsert([(f"{name}-{number}-{i}", [1, i], {"owner": name})])
            assert all(str(id).startswith(name) for id in await collection.query([1, 1], limit=3))

    async def main() -> None:
        async with (
            vecs.create_async_client(bouncer, schema=pooled_schema) as one,
            vecs.create_async_client(bouncer, schema=pooled_schema) as other,
        ):
            acme = await one.get_or_create_collection("acme", dimension=2)
            bolt = await other.get_or_create_collection("bolt", dimension=2)
            await asyncio.gather(*(work(each, number) for each in (acme, bolt) for number in range(4)))
            assert [await each.count() for each in (acme, bolt)] == [4 * ROUNDS, 4 * ROUNDS]

    asyncio.run(main())


def test_more_clients_than_connections_wait_for_the_pooler(
    start_bouncer: Callable[..., AbstractContextManager[str]], pooled_schema: str
) -> None:
    with (
        start_bouncer(default_pool_size=1) as dsn,
        vecs.create_client(dsn, schema=pooled_schema) as client,
        ThreadPoolExecutor(4) as threads,
    ):
        assert client.info().pooler
        docs = client.get_or_create_collection("docs", dimension=2)
        done = [threads.submit(fill_and_search, docs, n) for n in range(4)]
        assert [future.result() for future in done] == [[], [], [], []]
        assert docs.count() == 4 * ROUNDS


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler_is_found_out_in_either_mode(
    start_bouncer: Callable[..., AbstractContextManager[str]], mode: str
) -> None:
    with start_bouncer(pool_mode=mode, default_pool_size=20) as dsn, vecs.create_client(dsn) as client:
        assert client.info().pooler


def test_stores_that_were_only_given_a_connection_string_work_behind_a_pooler(bouncer: str, pooled_schema: str) -> None:
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores import VectorStoreQuery

    from langchain_vecs import VecsVectorStore
    from llama_index.vector_stores.vecs import VecsVectorStore as LlamaStore

    with VecsVectorStore(DeterministicFakeEmbedding(size=3), "chain", url=bouncer, schema=pooled_schema) as store:
        store.add_documents([Document(f"text {i}", metadata={"n": i}) for i in range(20)])
        assert store.client.info().pooler
        for _ in range(8):
            assert len(store.similarity_search("text 3", k=4)) == 4
    with LlamaStore("llama", url=bouncer, schema_name=pooled_schema) as other:
        other.add([TextNode(text=f"text {i}", embedding=[1.0, i, 0.0]) for i in range(20)])
        for _ in range(8):
            assert (
                len(other.query(VectorStoreQuery(query_embedding=[1.0, 0.0, 0.0], similarity_top_k=4)).ids or []) == 4
            )
