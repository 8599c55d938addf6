"""One store in many event loops and threads: what it leaves behind, and what it survives."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from langchain_vecs import VecsVectorStore
from vecs.sharing import loops

from .conftest import MakeStore
from .models import Table, random_vector
from .servers import backends, kill

TEXTS = ["one", "two", "three", "four", "five"]


@pytest.fixture(autouse=True)
def no_stores_of_earlier_tests() -> None:
    gc.collect()


@pytest.fixture
def filled(store: VecsVectorStore) -> Iterator[VecsVectorStore]:
    """Five documents, and no connection."""
    store.add_texts(TEXTS, ids=TEXTS)
    store.close()
    yield store
    store.close()


async def used(store: VecsVectorStore, times: int = 5) -> None:
    found = await asyncio.gather(*(store.asimilarity_search(text, k=1) for text in TEXTS[:times]))
    assert [document.id for [document] in found] == TEXTS[:times]


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do something in so many threads that all begin at once; return what they return."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> Any:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


# --- what is left behind -------------------------------------------------------------------------------------


def test_many_event_loops_in_turn_leave_no_connection(target: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)
    for _ in range(25):
        asyncio.run(used(filled))
        assert backends(target, before) <= before


def test_event_loops_that_also_write_leave_no_connection(target: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)

    async def written(number: int) -> None:
        await filled.aadd_texts([f"number {number}"], ids=[str(number)])
        assert [document.id for document in await filled.aget_by_ids([str(number)])] == [str(number)]
        await filled.adelete([str(number)])

    for number in range(10):
        asyncio.run(written(number))
    assert backends(target, before) <= before


def test_event_loops_that_failed_leave_no_connection(target: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)

    async def failing() -> None:
        await used(filled)
        raise ZeroDivisionError

    async def cancelled() -> None:
        await used(filled)
        searches = [asyncio.ensure_future(filled.asimilarity_search(text)) for text in TEXTS * 4]
        await asyncio.sleep(0)
        for search in searches[::2]:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)
        assert len(await filled.asimilarity_search("one", k=5)) == 5

    async def left_undone() -> None:
        for text in TEXTS * 4:
            asyncio.ensure_future(filled.asimilarity_search(text))  # noqa: RUF006
        await asyncio.sleep(0.01)

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(failing())
        asyncio.run(cancelled())
        asyncio.run(left_undone())
    assert backends(target, before) <= before


def test_stores_on_one_target_share_their_connections(target: str, schema: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)
    stores = [VecsVectorStore(Table(), "docs", url=target, schema=schema) for _ in range(50)]
    for store in stores:
        store.similarity_search("one")
    assert backends(target, before + 1) == before + 1
    in_threads(16, lambda number: [store.similarity_search("one") for store in stores[number::16]])
    assert backends(target) <= before + 10

    async def all_at_once() -> None:
        await asyncio.gather(*(store.asimilarity_search("one") for store in stores))
        assert await asyncio.to_thread(backends, target, before + 20) <= before + 20

    asyncio.run(all_at_once())
    for store in stores:
        store.close()
    assert backends(target, before) <= before


def test_context_managers_return_the_connections(target: str, schema: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)
    with VecsVectorStore(Table(), "docs", url=target, schema=schema) as store:
        store.similarity_search("one")
        # A pool opens another connection when one is asked for while the first is on its way back.
        assert backends(target) >= before + 1
    # `filled` is closed, and so the last one was.
    assert backends(target, before) <= before

    async def in_a_loop() -> None:
        async with VecsVectorStore(Table(), "docs", url=target, schema=schema) as store:
            await store.asimilarity_search("one")
            store.similarity_search("one")
            assert backends(target) >= before + 2
        assert await asyncio.to_thread(backends, target, before) <= before

    asyncio.run(in_a_loop())


def test_a_store_that_is_forgotten_returns_its_connections(target: str, schema: str) -> None:
    before = backends(target, 0)
    store = VecsVectorStore.from_texts(TEXTS, Table(), ids=TEXTS, url=target, schema=schema)
    asyncio.run(used(store, 1))
    del store
    gc.collect()
    assert backends(target, before) <= before

    async def in_a_loop() -> None:
        for _ in range(5):
            store = VecsVectorStore(Table(), url=target, schema=schema)
            assert len(await store.asimilarity_search("one")) == 4
            del store
            gc.collect()
        # One, kept for the next store on the target.
        assert await asyncio.to_thread(backends, target, before + 1) <= before + 1

    asyncio.run(in_a_loop())
    assert backends(target, before) <= before


@pytest.mark.parametrize("sync", [False, True])
def test_closing_as_the_last_thing_in_a_loop_leaves_no_connection(
    target: str, filled: VecsVectorStore, sync: bool
) -> None:
    before = backends(target, 0)

    async def closed() -> None:
        await used(filled)
        if sync:
            filled.close()
        else:
            await filled.aclose()

    for _ in range(5):
        asyncio.run(closed())
    assert backends(target, before) <= before


def test_closing_one_store_leaves_the_others_at_work(make_store: MakeStore, filled: VecsVectorStore) -> None:
    one, two = make_store(Table()), make_store(Table())
    assert one.count() == two.count() == 5
    pid = _pid(two)
    one.close()
    assert _pid(two) == pid


def test_a_store_that_was_closed_and_used_again_keeps_its_connection(
    make_store: MakeStore, filled: VecsVectorStore
) -> None:
    one, two = make_store(Table()), make_store(Table())
    one.close()
    assert one.count() == two.count() == 5
    pid = _pid(one)
    two.close()
    assert _pid(one) == pid


def _pid(store: VecsVectorStore) -> int:
    with store.client.connection() as connection:
        return connection.info.backend_pid


# --- threads and loops at once -------------------------------------------------------------------------------


def test_sixteen_threads_share_a_store(target: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)

    def work(number: int) -> None:
        for round in range(5):
            id = f"{number}-{round}"
            filled.add_texts([id], ids=[id])
            assert filled.similarity_search(id, k=1)[0].id == id

    in_threads(16, work)
    assert filled.count() == 85
    assert backends(target) <= before + 10


def test_sixteen_threads_with_a_loop_each_share_a_store(target: str, filled: VecsVectorStore) -> None:
    before = backends(target, 0)

    def work(number: int) -> None:
        for _ in range(3):
            asyncio.run(used(filled, 2))

    in_threads(16, work)
    asyncio.run(used(filled))
    assert backends(target, before) <= before


async def test_sync_calls_inside_a_running_loop(filled: VecsVectorStore) -> None:
    assert [document.id for document in filled.similarity_search("one", k=1)] == ["one"]
    filled.add_texts(["six"], ids=["six"])
    assert [document.id for document in filled.as_retriever().invoke("six", k=1)] == ["six"]
    filled.delete(["six"])
    assert filled.count() == 5
    filled.close()
    assert filled.count() == 5


async def test_sync_and_async_calls_take_turns(filled: VecsVectorStore) -> None:
    for number in range(10):
        id = str(number)
        if number % 2:
            filled.add_texts([id], ids=[id])
            assert [document.id for document in await filled.aget_by_ids([id])] == [id]
        else:
            await filled.aadd_texts([id], ids=[id])
            assert [document.id for document in filled.get_by_ids([id])] == [id]
    sync = [asyncio.to_thread(filled.similarity_search, text, k=1) for text in TEXTS * 4]
    found = await asyncio.gather(*sync, *(filled.asimilarity_search(text, k=1) for text in TEXTS * 4))
    assert [document.id for [document] in found] == TEXTS * 8


async def test_more_searches_at_once_than_connections(filled: VecsVectorStore) -> None:
    found = await asyncio.gather(*(filled.asimilarity_search(text, k=1) for text in TEXTS * 40))
    assert [document.id for [document] in found] == TEXTS * 40


def test_a_store_used_by_another_kind_of_loop(target: str, filled: VecsVectorStore) -> None:
    uvloop = pytest.importorskip("uvloop")
    before = backends(target)
    for _ in range(5):
        uvloop.run(used(filled))
        asyncio.run(used(filled))
    assert backends(target, before) <= before


@pytest.mark.parametrize("at_once", ["threads", "tasks"])
def test_the_first_documents_from_many_at_once_make_one_collection(
    target: str, schema: str, store: VecsVectorStore, at_once: str
) -> None:
    async def tasks() -> None:
        await asyncio.gather(*(store.aadd_texts([str(number)]) for number in range(8)))

    def of_its_own(number: int) -> None:
        # Options of its own: connections of its own.
        with VecsVectorStore(Table(), "docs", url=target, schema=schema, pool_timeout=20 + number) as mine:
            mine.add_texts([str(number)])

    if at_once == "tasks":
        asyncio.run(tasks())
    else:
        in_threads(8, of_its_own)
    assert store.count() == 8
    assert store.client.collection_names() == (["docs"])


def test_indexes_from_many_threads_at_once_are_one(filled: VecsVectorStore) -> None:
    in_threads(6, lambda _: filled.create_index())
    assert len([index for index in filled.collection.indexes() if index.measures]) == 1


# --- connections that break ----------------------------------------------------------------------------------

CALLS: dict[str, Callable[[VecsVectorStore], Any]] = {
    "similarity_search": lambda store: store.similarity_search("one"),
    "similarity_search_with_score": lambda store: store.similarity_search_with_score("one"),
    "max_marginal_relevance_search": lambda store: store.max_marginal_relevance_search("one"),
    "add_texts": lambda store: store.add_texts(["six"]),
    "get_by_ids": lambda store: store.get_by_ids(["one"]),
    "get": lambda store: store.get(limit=1),
    "count": lambda store: store.count(),
    "delete": lambda store: store.delete(["one"]),
    "delete_all": lambda store: store.delete(delete_all=True),
    "update_metadata": lambda store: store.update_metadata(["one"], {"a": 1}),
    "create_index": lambda store: store.create_index(),
    "drop": lambda store: store.drop(),
}
ASYNC_CALLS: dict[str, Callable[[VecsVectorStore], Coroutine[Any, Any, Any]]] = {
    "similarity_search": lambda store: store.asimilarity_search("one"),
    "similarity_search_with_score": lambda store: store.asimilarity_search_with_score("one"),
    "max_marginal_relevance_search": lambda store: store.amax_marginal_relevance_search("one"),
    "add_texts": lambda store: store.aadd_texts(["six"]),
    "get_by_ids": lambda store: store.aget_by_ids(["one"]),
    "get": lambda store: store.aget(limit=1),
    "count": lambda store: store.acount(),
    "delete": lambda store: store.adelete(["one"]),
    "delete_all": lambda store: store.adelete(delete_all=True),
    "update_metadata": lambda store: store.aupdate_metadata(["one"], {"a": 1}),
    "create_index": lambda store: store.acreate_index(),
    "drop": lambda store: store.adrop(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_broken_connection_heals_with_the_next_call(target: str, filled: VecsVectorStore, name: str) -> None:
    in_threads(4, lambda _: filled.similarity_search("one"))
    assert kill(target) >= 1
    CALLS[name](filled)
    filled.similarity_search("one")


@pytest.mark.parametrize("name", ASYNC_CALLS)
async def test_a_broken_connection_of_a_loop_heals_with_the_next_call(
    target: str, filled: VecsVectorStore, name: str
) -> None:
    await used(filled)
    assert kill(target) >= 1
    await ASYNC_CALLS[name](filled)
    await filled.asimilarity_search("one")


# --- loops that psycopg cannot wait in -----------------------------------------------------------------------


@pytest.fixture
def proactor(monkeypatch: pytest.MonkeyPatch, target: str) -> Iterator[None]:
    """Every event loop is taken for Windows' Proactor loop."""
    before = backends(target, 0)
    monkeypatch.setattr(asyncio, "ProactorEventLoop", asyncio.AbstractEventLoop, raising=False)
    yield
    assert backends(target, before) <= before


async def test_every_async_method_works_on_a_proactor_loop(
    proactor: None, monkeypatch: pytest.MonkeyPatch, target: str, schema: str
) -> None:
    async def never(*_: Any, **__: Any) -> None:
        raise AssertionError("psycopg refuses to connect in this loop")

    monkeypatch.setattr("psycopg.AsyncConnection.connect", never)
    where: dict[str, Any] = {"url": target, "schema": schema}
    store = await VecsVectorStore.afrom_texts(TEXTS, Table(), ids=TEXTS, **where)
    store = await VecsVectorStore.afrom_documents([Document(id="six", page_content="six")], Table(), **where)
    await store.aadd_documents([Document(id="seven", page_content="seven")])
    await store.aadd_texts(["eight"], ids=["eight"])
    await store.aadd_embeddings(["nine"], [random_vector("nine", 4)], ids=["nine"])
    await store.aupdate_documents(["six"], [Document(page_content="VI")])
    await store.aupdate_document("seven", Document(page_content="VII"))
    await store.aupdate_metadata(["eight"], {"n": 8})
    await store.acreate_index()
    assert [document.page_content for document in await store.aget_by_ids(["six", "seven"])] == ["VI", "VII"]
    assert (await store.aget(["eight"]))["metadatas"] == [{"n": 8}]
    assert await store.acount() == 9
    vector = random_vector("one", 4)
    for found in (
        await store.asimilarity_search("one"),
        await store.asimilarity_search_with_score("one"),
        await store.asimilarity_search_with_relevance_scores("one"),
        await store.asimilarity_search_by_vector(vector),
        await store.asimilarity_search_with_score_by_vector(vector),
        await store.amax_marginal_relevance_search("one"),
        await store.amax_marginal_relevance_search_with_score("one"),
        await store.amax_marginal_relevance_search_by_vector(vector),
        await store.amax_marginal_relevance_search_with_score_by_vector(vector),
        await store.asearch("one", "hybrid"),
        await store.as_retriever(search_type="mmr").ainvoke("one"),
    ):
        assert len(found) == 4
    assert await store.adelete(["one"]) is True
    await store.adrop()
    assert await store.acount() == 0
    async with store:
        pass
    await store.aclose()


def test_every_async_method_has_its_way_around_a_proactor_loop() -> None:
    names = [name for name in dir(VecsVectorStore) if name.startswith("a") and not name.startswith("as_")]
    methods = [name for name in names if asyncio.iscoroutinefunction(getattr(VecsVectorStore, name))]
    # Made of other methods alone; or, like closing, of nothing that waits for a connection of the loop.
    composed = {"afrom_texts", "afrom_documents", "afrom_langchain_postgres", "aclose"}
    without = [name for name in methods if not _goes_on_any_loop(getattr(VecsVectorStore, name))]
    assert set(without) == composed


def _goes_on_any_loop(method: Any) -> bool:
    while method.__code__.co_filename != loops.__file__:
        if not hasattr(method, "__wrapped__"):
            return False
        method = method.__wrapped__
    return True


# --- event loops that are not to be blocked ------------------------------------------------------------------


class SyncOnly(Embeddings):
    """A model without async methods, which blocks."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        import time

        time.sleep(0.001)
        return random_vector(text, 4)


def _unblocked(work: Callable[[], Awaitable[Any]]) -> None:
    async def watched() -> None:
        with blockbuster_ctx():
            await work()

    asyncio.run(watched())


@pytest.mark.parametrize("name", ASYNC_CALLS)
def test_no_async_method_blocks_the_event_loop(target: str, schema: str, filled: VecsVectorStore, name: str) -> None:
    async def work() -> None:
        store = VecsVectorStore(SyncOnly(), "docs", url=target, schema=schema)
        await ASYNC_CALLS[name](store)
        await ASYNC_CALLS["count"](store)
        await store.aclose()

    _unblocked(work)


def test_starting_the_embedded_server_does_not_block_the_event_loop(tmp_path: Path) -> None:
    async def work() -> None:
        store = await VecsVectorStore.afrom_texts(TEXTS, SyncOnly(), path=tmp_path / "kb")
        assert len(await store.asimilarity_search("one", mode="hybrid")) == 4
        await store.aclose()

    _unblocked(work)


def test_retrievers_do_not_block_the_event_loop(filled: VecsVectorStore) -> None:
    async def work() -> None:
        for search_type in ("similarity", "mmr", "hybrid", "keyword"):
            await filled.as_retriever(search_type=search_type).abatch(["one", "two"])

    _unblocked(work)


def test_blocking_is_noticed(filled: VecsVectorStore) -> None:
    async def work() -> None:
        SyncOnly().embed_query("one")

    with pytest.raises(Exception, match="Blocking call"):
        _unblocked(work)
