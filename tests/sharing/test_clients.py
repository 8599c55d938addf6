"""Clients that many objects share, from any event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

import vecs
from vecs.sharing import SharedClients, needs_threads, shared_clients


class User:
    """Somebody who uses shared clients."""


@pytest.fixture
def shared(target: str, schema: str) -> SharedClients:
    return shared_clients(target, schema=schema, server_settings=None, pool_timeout=11)


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


async def use(shared: SharedClients) -> vecs.AsyncClient:
    client = await shared.async_client()
    await client.collection_names()
    return client


def test_the_same_target_schema_and_options_share_clients(target: str, schema: str) -> None:
    first = shared_clients(target, schema=schema, pool_size=3)
    assert shared_clients(target, schema=schema, pool_size=3) is first
    assert shared_clients(target, schema=schema, pool_size=4) is not first
    assert shared_clients(target, schema="another", pool_size=3) is not first


def test_nothing_is_shared_any_more_when_nobody_uses_it(target: str, schema: str) -> None:
    before = backends(target, 0)
    shared = shared_clients(target, schema=schema, pool_size=2)
    shared.client().collection_names()
    assert backends(target, before + 1) == before + 1
    del shared
    gc.collect()
    assert backends(target, before) <= before


def test_many_event_loops_in_turn_leave_no_connection(target: str, shared: SharedClients) -> None:
    before = backends(target, 0)
    for _ in range(25):
        asyncio.run(_used_by_many(shared))
        assert backends(target, before) <= before


async def _used_by_many(shared: SharedClients) -> None:
    await asyncio.gather(*(use(shared) for _ in range(5)))


def test_each_event_loop_has_one_client(shared: SharedClients) -> None:
    found: list[vecs.AsyncClient] = []

    async def twice() -> None:
        first, second = await asyncio.gather(use(shared), use(shared))
        assert first is second
        found.append(first)

    def run() -> None:
        asyncio.run(twice())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 4


def test_the_client_of_a_loop_that_was_just_closed_is_closed_by_the_next(target: str) -> None:
    before = backends(target, 0)
    code = f"""
import asyncio, time
from vecs.sharing import shared_clients
shared = shared_clients({target!r})
async def use():
    await (await shared.async_client()).collection_names()
for _ in range(3):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(use())
    loop.close()
asyncio.run(use())
# A server notices late who hung up.
for _ in range(100):
    with shared.client().connection() as connection:
        [left] = connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'vecs'"
        ).fetchone()
    if left == 1:
        break
    time.sleep(0.05)
print(left)
"""
    done = _run(code)
    # Its own, of the sync client.
    assert done.strip() == "1"
    assert backends(target, before) <= before


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600).stdout


def test_the_last_user_closes_everything(target: str, shared: SharedClients) -> None:
    before = backends(target, 0)
    first, second = User(), User()
    shared.hold(first)
    shared.hold(second)
    shared.client().collection_names()
    with asyncio.Runner() if sys.version_info >= (3, 11) else pytest.skip("Runner is Python 3.11's") as runner:
        runner.run(use(shared))
        shared.release(first)
        assert backends(target, before + 2) == before + 2
        # The loop is not running now.
        shared.release(second)
        assert backends(target, before) <= before
        runner.run(use(shared))


async def test_letting_go_inside_the_loop_closes_everything(target: str, shared: SharedClients) -> None:
    before = backends(target, 0)
    user = User()
    for sync in (True, False):
        shared.hold(user)
        shared.client().collection_names()
        await use(shared)
        assert backends(target, before + 2) == before + 2
        if sync:
            shared.release(user)
        else:
            await shared.arelease(user)
        assert await asyncio.to_thread(backends, target, before) <= before


async def test_the_client_of_a_loop_in_another_thread_is_closed_there(target: str, shared: SharedClients) -> None:
    before = backends(target, 0)
    user, begun, done = User(), threading.Event(), threading.Event()
    shared.hold(user)

    async def wait() -> None:
        await use(shared)
        begun.set()
        while not done.is_set():
            await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(wait()))
    thread.start()
    assert await asyncio.to_thread(begun.wait, 10)
    await shared.arelease(user)
    assert backends(target, before) <= before
    done.set()
    thread.join()


def test_a_client_that_was_handed_in_is_used_and_stays_open(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        before = backends(target)
        shared = shared_clients(client=client)
        assert shared_clients(client=client) is shared
        assert shared.client() is client
        user = User()
        shared.hold(user)
        twin = asyncio.run(use(shared))
        assert twin.schema == schema
        shared.release(user)
        assert backends(target, before) <= before
        assert client.collection_names() == []


async def test_an_async_client_that_was_handed_in_serves_its_loop(target: str, schema: str) -> None:
    before = backends(target, 0)
    async with vecs.create_async_client(target, schema=schema) as client:
        shared = shared_clients(client=client)
        assert await use(shared) is client
        assert shared.client().collection_names() == []
        assert await asyncio.to_thread(lambda: asyncio.run(use(shared))) is not client
        assert backends(target, before + 2) == before + 2
        shared.hold(shared_user := User())
        await shared.arelease(shared_user)
        assert backends(target, before + 1) == before + 1
        assert await client.collection_names() == []


async def test_an_async_client_that_was_handed_in_is_left_to_the_loop_that_opened_it(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        shared = shared_clients(client=client)
        assert await asyncio.to_thread(lambda: asyncio.run(use(shared))) is not client
        assert await use(shared) is client


def test_loops_closed_in_many_threads_are_cleared_away_once(shared: SharedClients) -> None:
    def work() -> None:
        for _ in range(20):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(shared.async_client())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(work) for _ in range(8)]:
                done.result()
    finally:
        sys.setswitchinterval(interval)


def test_a_broken_connection_heals(target: str, shared: SharedClients) -> None:
    async def broken() -> None:
        client = await use(shared)
        async with client.connection() as connection:
            pid = connection.info.backend_pid
        with psycopg.connect(target, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", [pid])
        assert await client.collection_names() == []

    asyncio.run(broken())


async def test_a_client_that_was_handed_in_outlives_who_was_given_it(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        assert await use(shared_clients(client=client)) is client
        async with client.connection() as connection:
            pid = connection.info.backend_pid
        gc.collect()
        await asyncio.sleep(0.05)
        async with client.connection() as connection:
            assert connection.info.backend_pid == pid


def test_a_program_whose_clients_are_local_ends_in_silence(target: str) -> None:
    code = f"""
import asyncio
from vecs.sharing import shared_clients
async def main():
    # A slow machine makes slow steps, which -X dev tells: they are not what is left at the end.
    asyncio.get_running_loop().slow_callback_duration = 600
    client = await shared_clients({target!r}).async_client()
    await asyncio.gather(*(client.collection_names() for _ in range(5)))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_busy_event_loop_is_waited_for_a_while_and_told_of(
    shared: SharedClients, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vecs.sharing.clients.PATIENCE", 0.1)
    user, begun, done = User(), threading.Event(), threading.Event()
    shared.hold(user)

    async def busy() -> None:
        await use(shared)
        begun.set()
        done.wait(10)

    thread = threading.Thread(target=lambda: asyncio.run(busy()))
    thread.start()
    begun.wait(10)
    shared.release(user)
    done.set()
    thread.join()
    assert "busy" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_finds_no_lock_that_its_parent_held(target: str) -> None:
    code = f"""
import os, vecs.sharing, vecs.sharing.clients
with vecs.sharing.clients._lock:
    child = os.fork()
    if child == 0:
        vecs.sharing.shared_clients({target!r})
        os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert _run(code).strip() == "0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_forked_child_connects_anew_and_leaves_the_parents_connections(target: str) -> None:
    code = f"""
import asyncio, os
from vecs.sharing import shared_clients
shared = shared_clients({target!r})
async def use():
    client = await shared.async_client()
    async with client.connection() as connection:
        return connection.info.backend_pid
async def main():
    mine = await use()
    child = os.fork()
    if child == 0:
        # In the child no loop is running, whatever the copy says.
        asyncio.events._set_running_loop(None)
        status = 1
        try:
            status = int(asyncio.run(use()) == mine)
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), await use() == mine)
asyncio.run(main())
"""
    assert _run(code).split() == ["0", "True"]


def test_a_proactor_loop_needs_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked() -> bool:
        return needs_threads()

    assert asyncio.run(asked()) is (sys.platform == "win32")
    # Only Windows has one.
    monkeypatch.setattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop, raising=False)
    assert asyncio.run(asked())


def test_the_repr_hides_the_password() -> None:
    assert "secret" not in repr(shared_clients("postgresql://me:secret@localhost/db"))


async def test_a_sync_and_an_async_client_that_are_handed_in_are_both_used_and_left_open(
    target: str, schema: str
) -> None:
    user = User()
    client = vecs.Client(target, schema=schema)
    async with vecs.create_async_client(target, schema=schema) as async_client:
        shared = shared_clients(client=client, async_client=async_client)
        assert shared_clients(client=client, async_client=async_client) is shared
        assert shared_clients(client=client) is not shared
        shared.hold(user)
        assert shared.client() is client
        assert await shared.async_client() is async_client
        assert client.collection_names() == await async_client.collection_names() == []
        async with async_client.connection() as connection:
            with client.connection() as other:
                await shared.arelease(user)
                assert other.execute("select 1").fetchone() == (1,)
                assert await (await connection.execute("select 1")).fetchone() == (1,)
    client.close()
