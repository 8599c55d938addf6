"""One record manager for all threads and event loops; many of them at once."""

from __future__ import annotations

import asyncio
import copy
import pickle
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from blockbuster import blockbuster_ctx

import vecs
from langchain_vecs.record_manager import VecsRecordManager
from vecs.exc import ArgError
from vecs.sharing import SharedClients


@pytest.fixture
def manager(target: str, schema: str) -> Iterator[VecsRecordManager]:
    with VecsRecordManager("docs", url=target, schema=schema) as manager:
        manager.create_schema()
        yield manager


def backends(target: str, wanted: int | None = None) -> int:
    """How many others are connected; waits a little for a number, since a server notices hang-ups late."""
    with psycopg.connect(target, autocommit=True) as connection:
        for _ in range(50):
            row: Any = connection.execute(
                """select count(*) from pg_stat_activity
                   where backend_type = 'client backend' and pid <> pg_backend_pid()"""
            ).fetchone()
            if wanted is None or row[0] <= wanted:
                break
            time.sleep(0.05)
        return row[0]


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Call them from as many threads, all at the same moment."""
    barrier = threading.Barrier(len(calls))

    def call(function: Callable[[], Any]) -> Any:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def test_eight_at_once_create_one_table(target: str, schema: str) -> None:
    for _ in range(3):
        with vecs.create_client(target, schema=schema) as client, client.connection() as connection:
            connection.execute(f"drop schema if exists {schema} cascade")
        # Of each its own connections.
        clients = [vecs.create_client(target, schema=schema) for _ in range(8)]
        managers = [VecsRecordManager("docs", client=client) for client in clients]
        for client in clients:
            client.connect()
        at_once([manager.create_schema for manager in managers])
        managers[0].update(["a"])
        assert [manager.exists(["a"]) for manager in managers] == [[True]] * 8
        for client in clients:
            client.close()


async def test_eight_tasks_at_once_create_one_table(target: str, schema: str) -> None:
    managers = [VecsRecordManager(str(number), url=target, schema=schema) for number in range(8)]
    await asyncio.gather(*(manager.acreate_schema() for manager in managers))
    await asyncio.gather(*(manager.aupdate([manager.namespace]) for manager in managers))
    assert await asyncio.gather(*(manager.alist_keys() for manager in managers)) == [[str(n)] for n in range(8)]
    await asyncio.gather(*(manager.aclose() for manager in managers))


def test_collections_and_the_table_are_created_at_once(target: str, schema: str) -> None:
    clients = [vecs.create_client(target, schema=schema) for _ in range(8)]
    calls: list[Callable[[], Any]] = []
    for number, client in enumerate(clients):
        client.connect()
        if number % 2:
            calls.append(VecsRecordManager("docs", client=client).create_schema)
        else:
            calls.append(lambda client=client: client.get_or_create_collection("books", dimension=2))
    at_once(calls)
    assert clients[0].collection_names() == ["books"]
    for client in clients:
        client.close()


def test_updates_of_the_same_keys_do_not_wait_for_each_other(manager: VecsRecordManager) -> None:
    def update(seed: int) -> None:
        keys = [str(number) for number in range(500)]
        random.Random(seed).shuffle(keys)
        for _ in range(5):
            manager.update(keys, group_ids=[str(seed)] * 500)

    at_once([lambda seed=seed: update(seed) for seed in range(8)])
    assert len(manager.list_keys()) == 500


def test_both_worlds_and_several_event_loops_use_one_manager(manager: VecsRecordManager) -> None:
    manager.update(["sync"])

    async def both(number: int) -> list[bool]:
        await manager.aupdate([str(number)])
        # A sync call inside a running loop.
        manager.update([f"sync {number}"])
        return await manager.aexists(["sync", str(number), f"sync {number}"])

    for number in range(5):
        assert asyncio.run(both(number)) == [True, True, True]
    assert at_once([lambda n=n: asyncio.run(both(n)) for n in range(5, 9)]) == [[True] * 3] * 4
    assert len(manager.list_keys()) == 19


def test_threads_share_one_manager(manager: VecsRecordManager) -> None:
    at_once([lambda number=number: manager.update([str(number)]) for number in range(16)])
    assert len(manager.list_keys()) == 16


def test_on_a_proactor_loop_async_calls_go_through_threads(
    monkeypatch: pytest.MonkeyPatch, target: str, schema: str
) -> None:
    async def refused(_: SharedClients) -> vecs.AsyncClient:
        raise AssertionError("psycopg cannot wait here")

    monkeypatch.setattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop, raising=False)
    monkeypatch.setattr(SharedClients, "async_client", refused)

    async def every_call() -> None:
        async with VecsRecordManager("docs", url=target, schema=schema) as manager:
            await manager.acreate_schema()
            await manager.aupdate(["a", "b"], group_ids=["one", None], time_at_least=await manager.aget_time())
            await manager.adelete_keys(["b"])
            assert await manager.aexists(["a", "b"]) == [True, False]
            assert await manager.alist_keys(group_ids=["one"]) == ["a"]
            await manager.adrop()
            assert await manager.alist_keys() == []

    asyncio.run(every_call())


def test_async_calls_do_not_block_the_event_loop(target: str, schema: str) -> None:
    async def every_call() -> None:
        async with VecsRecordManager("docs", url=target, schema=schema) as manager:
            await manager.acreate_schema()
            await manager.aupdate(["a"])
            assert await manager.alist_keys() == ["a"]

    with blockbuster_ctx():
        asyncio.run(every_call())


def test_closing_leaves_no_connection(target: str, schema: str) -> None:
    before = backends(target, 0)
    with VecsRecordManager("docs", url=target, schema=schema) as manager:
        manager.create_schema()
        with VecsRecordManager("other", url=target, schema=schema) as other:
            other.update(["a"])
            # Shared.
            assert backends(target, before + 1) == before + 1
        assert manager.list_keys() == []
    assert backends(target, before) <= before

    async def used() -> None:
        async with VecsRecordManager("docs", url=target, schema=schema) as manager:
            assert await manager.alist_keys() == []
            assert await asyncio.to_thread(backends, target, before + 1) == before + 1

    asyncio.run(used())
    assert backends(target, before) <= before


def test_a_client_that_was_handed_in_is_used_and_stays_open(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        with VecsRecordManager("docs", client=client) as manager:
            manager.create_schema()
            manager.update(["a"])
        assert client.collection_names() == []
        assert asyncio.run(manager.aexists(["a"])) == [True]


def test_it_keeps_records_in_an_embedded_server(tmp_path: Path) -> None:
    with VecsRecordManager("docs", path=tmp_path / "server") as manager:
        manager.create_schema()
        manager.update(["a"])
    with VecsRecordManager("docs", path=str(tmp_path / "server")) as manager:
        assert manager.list_keys() == ["a"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_works_and_is_closed_by_itself(
    target: str, schema: str, copied: Callable[[VecsRecordManager], VecsRecordManager]
) -> None:
    before = backends(target, 0)
    with VecsRecordManager("docs", url=target, schema=schema) as manager:
        manager.create_schema()
        manager.update(["a"])
        with copied(manager) as twin:
            assert twin.namespace == "docs"
            assert twin.list_keys() == ["a"]
            assert asyncio.run(twin.alist_keys()) == ["a"]
        assert manager.list_keys() == ["a"]
    assert backends(target, before) <= before


@pytest.mark.parametrize("make", [vecs.create_client, vecs.create_async_client])
def test_an_unpickled_manager_has_a_client_of_its_own(
    target: str, schema: str, make: Callable[..., vecs.Client | vecs.AsyncClient]
) -> None:
    client = make(target, schema=schema)
    manager = VecsRecordManager("docs", client=client)
    before = backends(target, 0)
    with pickle.loads(pickle.dumps(manager)) as twin:
        twin.create_schema()
        assert asyncio.run(twin.aexists(["a"])) == [False]
        assert twin.exists(["a"]) == [False]
    # Of tests before this one some may have been closing still.
    assert backends(target, before) <= before
    if isinstance(client, vecs.Client):
        client.close()


def test_a_copy_shares_the_connections(target: str, schema: str) -> None:
    with VecsRecordManager("docs", url=target, schema=schema) as manager:
        manager.create_schema()
        for twin in (copy.copy(manager), copy.deepcopy(manager)):
            twin.update(["a"])
            assert twin.client is manager.client
            twin.close()
        assert manager.exists(["a"]) == [True]


def test_the_repr_hides_the_password() -> None:
    manager = VecsRecordManager("docs", url="postgresql://me:secret@localhost/db", schema="mine")
    assert repr(manager) == "VecsRecordManager('docs', vecs.Client('postgresql://me:***@localhost/db', schema='mine'))"


def test_only_one_place_is_named(target: str, tmp_path: Path) -> None:
    client = vecs.create_async_client(target, schema="mine")
    with pytest.raises(ArgError, match="url and path each say where"):
        VecsRecordManager("docs", url=target, path=tmp_path)
    with pytest.raises(ArgError, match="url and client each say where"):
        VecsRecordManager("docs", url=target, client=client)
    with pytest.raises(ArgError, match="client= has its own schema"):
        VecsRecordManager("docs", client=client, schema="other")
