"""A store in many event loops and threads."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from blockbuster import blockbuster_ctx
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from llama_index.vector_stores.vecs import VecsVectorStore

from .conftest import MakeStore
from .models import near, node


def backends(target: str) -> int:
    """How many others are connected; waits a little until it stays so, since a server notices hang-ups late."""
    with psycopg.connect(target, autocommit=True) as connection:
        for _ in range(40):
            row = connection.execute(
                """select count(*) from pg_stat_activity
                   where backend_type = 'client backend' and pid <> pg_backend_pid()"""
            ).fetchone()
            assert row is not None
            if row[0] <= 1:
                break
            time.sleep(0.05)
        return row[0]


def test_each_asyncio_run_uses_the_store_and_leaves_no_connection(store: VecsVectorStore, target: str) -> None:
    store.add([node("a")])
    before = backends(target)

    async def found() -> list[str] | None:
        await store.async_add([node("b")])
        return (await store.aquery(near())).ids

    for _ in range(25):
        assert asyncio.run(found()) == ["a", "b"]
    assert backends(target) <= before


def test_threads_share_a_store(store: VecsVectorStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: store.add([node(f"n{number}")]), range(40)))
        found = list(threads.map(lambda _: len(store.query(near(top_k=40)).ids or []), range(40)))
    assert found == [40] * 40


def test_threads_with_loops_of_their_own_share_a_store(store: VecsVectorStore) -> None:
    store.add([node("a")])

    def ask(_: int) -> int:
        async def go() -> int:
            return len((await store.aquery(near())).ids or [])

        return asyncio.run(go())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(12))) == [1] * 12


async def test_many_queries_run_at_once(store: VecsVectorStore) -> None:
    await store.async_add([node(f"n{number}", degrees=number) for number in range(20)])
    found = await asyncio.gather(*(store.aquery(near(number, top_k=1)) for number in range(100)))
    assert [len(one.ids or []) for one in found] == [1] * 100
    await store.aclose()


async def test_stores_that_are_new_add_at_once(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(6)]
    await asyncio.gather(*(store.async_add([node(f"n{place}")]) for place, store in enumerate(stores)))
    assert len(await stores[0].aget_nodes()) == 6
    for store in stores:
        await store.aclose()


async def test_sync_methods_work_inside_a_running_loop(store: VecsVectorStore) -> None:
    store.add([node("a")])
    assert store.query(near()).ids == (await store.aquery(near())).ids == ["a"]
    await store.aclose()


def test_no_async_method_blocks_the_event_loop(target: str, schema: str) -> None:
    many = [node(f"n{number}", degrees=number, document="d") for number in range(300)]
    words = VectorStoreQuery(query_str="text", mode=VectorStoreQueryMode.TEXT_SEARCH, similarity_top_k=3)

    async def work() -> None:
        with blockbuster_ctx():
            store = VecsVectorStore("nodes", url=target, schema_name=schema)
            assert len(await store.async_add(many)) == 300
            assert len((await store.aquery(near(top_k=300))).ids or []) == 300
            assert len((await store.aquery(words)).ids or []) == 3
            assert len(await store.aget_nodes()) == 300
            await store.acreate_index()
            await store.adelete("d")
            await store.adelete_nodes(["a"])
            await store.aclear()
            await store.aclose()

    asyncio.run(work())


@pytest.mark.parametrize("threaded", [True, False])
async def test_every_async_method_works_where_psycopg_cannot_wait(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, threaded: bool
) -> None:
    monkeypatch.setattr("vecs.sharing.loops.needs_threads", lambda: threaded)
    store = make_store()
    main = threading.get_ident()
    used: list[int] = []
    client = store._shared._clients.client

    def noted() -> object:
        used.append(threading.get_ident())
        return client()

    monkeypatch.setattr(store._shared._clients, "client", noted)
    await store.async_add([node("a", document="d"), node("b")])
    await store.acreate_index()
    assert (await store.aquery(near())).ids == ["a", "b"]
    assert len(await store.aget_nodes(["a"])) == 1
    await store.adelete("d")
    await store.adelete_nodes(["b"])
    await store.aclear()
    assert bool(used) is threaded
    assert main not in used
    monkeypatch.undo()
    await store.aclose()
