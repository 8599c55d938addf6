"""What a call took is given back, wherever it ends: cancelled, interrupted, dropped, forked."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from tests.cancelling import POOL_SIZE, ROWS, cancelled_at
from vecs._sql.fragment import fragment
from vecs.exc import Unavailable, VecsException


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    own = make_conninfo(target, application_name=schema)
    async with vecs.create_async_client(own, schema=schema, pool_size=POOL_SIZE, pool_timeout=20) as client:
        yield client


async def test_a_call_that_is_cancelled_while_others_wait_lets_them_in(client: vecs.AsyncClient) -> None:
    """However many tasks are cancelled, those that are not are served; none waits until its time is over."""
    rounds = 6
    for at in range(1, rounds):
        calls = [cancelled_at(client.collection_names(), at, "again") for _ in range(10)]
        others = [client.collection_names() for _ in range(10)]
        done = await asyncio.gather(*calls, *others)
        assert [found for found in done[10:] if not isinstance(found, list)] == []


def test_ctrl_c_at_any_line_loses_no_place(target: str, schema: str) -> None:
    """A trace function raises at the n-th line of vecs and psycopg, for every n there is, in steps."""
    folders = tuple(str(Path(module.__file__ or "").parent) for module in (vecs, psycopg))
    with vecs.create_client(target, schema=schema, pool_size=POOL_SIZE, pool_timeout=20) as client:
        docs = client.get_or_create_collection("docs", dimension=2)
        docs.upsert(ROWS)
        connections = client._executor._connections
        for call in (
            lambda: docs.search([1, 2], exact=True),
            lambda: docs.search_many([[1, 2]] * 12, exact=True),
            lambda: docs.delete(["1"]),
            lambda: _borrow(client),
        ):
            for at in range(1, 5000, 61):
                if not _interrupted(call, at, folders):
                    break
                # The error and the frames of contextlib may keep each other, and with them the place.
                gc.collect()
                with ExitStack() as taken:
                    for _ in range(POOL_SIZE):
                        taken.enter_context(connections.pin())
                assert docs.count() >= 29


def _borrow(client: vecs.Client) -> None:
    with client.connection() as connection, connection.transaction():
        connection.execute("set local statement_timeout = '77s'")


def _interrupted(call: Callable[[], object], at: int, folders: tuple[str, ...]) -> bool:
    """Call a function and interrupt it at the `at`-th line it runs in these folders; return whether it had so many."""
    left = at
    last: dict[Any, int] = {}

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if event == "call":
            return trace if frame.f_code.co_filename.startswith(folders) else None
        # Forwards only: the step back to a `with`, before it is left, is none at which signals arrive.
        if event == "line" and frame.f_lineno > last.get(frame, 0):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        last[frame] = frame.f_lineno
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
        # Frames hold what the call took.
        last.clear()
    return False


def test_clients_that_are_dropped_leave_nothing(target: str, schema: str) -> None:
    def descriptors() -> int:
        return len(os.listdir("/dev/fd"))

    async def use(number: int) -> None:
        client = vecs.create_async_client(target, schema=schema)
        await asyncio.gather(*(client.collection_names() for _ in range(number)))

    async def use_many() -> int:
        await use(1)
        before = descriptors()
        for _ in range(20):
            await use(3)
        gc.collect()
        assert len(asyncio.all_tasks()) == 1
        return descriptors() - before

    assert asyncio.run(use_many()) == 0
    vecs.create_client(target, schema=schema).collection_names()
    before, threads = descriptors(), threading.active_count()
    for _ in range(20):
        vecs.create_client(target, schema=schema).collection_names()
    gc.collect()
    assert descriptors() == before
    assert threading.active_count() == threads


def test_an_embedded_server_ends_when_its_last_client_is_dropped(tmp_path: Path) -> None:
    client: Any = vecs.create_client(tmp_path / "db")
    client.collection_names()
    # Its postmaster holds this lock.
    pid = int((tmp_path / "db" / "pgdata" / "postmaster.pid").read_text().split()[0])
    del client
    gc.collect()
    for _ in range(600):
        if not (tmp_path / "db" / "pgdata" / "postmaster.pid").exists():
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"the server {pid} goes on")


def test_a_forked_child_leaves_its_parents_connections_alone(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.get_or_create_collection("docs", dimension=2)

        def backend() -> int:
            with client.connection() as connection:
                return connection.info.backend_pid

        before = backend()

        def drop() -> None:
            client._executor._connections._pool = None
            gc.collect()

        for work in (docs.count, client.close, drop, backend, lambda: (client.close(), docs.count())):
            assert _forked(work) == 0
            assert backend() == before
        with client.connection() as connection:
            # Leaving the block in the child.
            child = os.fork()
            if child:
                assert os.waitpid(child, 0)[1] == 0
                assert connection.execute("select 1").fetchone() == (1,)
        if not child:
            os._exit(_status(docs.count))
        assert backend() == before


def _forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        os._exit(_status(work))
    return os.waitpid(child, 0)[1]


def _status(work: Callable[[], object]) -> int:
    try:
        work()
    except BaseException:
        return 3
    return 0


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.collection_names(),
        lambda client: client.close(),
        lambda client: vecs.AsyncCollection("docs", 2, client).upsert(iter(ROWS)),
        lambda client: vecs.AsyncCollection("docs", 2, client).search([1, 2]),
        lambda client: client.connection().__aenter__(),
    ],
    ids=["read", "close", "upsert", "search", "connection"],
)
def test_async_calls_without_asyncio_say_what_they_need(target: str, call: Callable[[vecs.AsyncClient], Any]) -> None:
    """As under trio, which drives coroutines by hand, too."""
    coroutine = call(vecs.create_async_client(target))
    with pytest.raises(VecsException, match=r"need asyncio.*trio"):
        coroutine.send(None)


@pytest.fixture
def psycopg_says(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.WARNING, logger="psycopg"):
        yield lambda: [record.getMessage() for record in caplog.records if record.name.startswith("psycopg")]


async def test_search_many_on_connections_that_died_is_repeated_and_logs_nothing(
    client: vecs.AsyncClient, target: str, psycopg_says: Callable[[], list[str]]
) -> None:
    docs = await client.get_or_create_collection("docs", dimension=2)
    await docs.upsert(ROWS)
    queries = [[1, 2]] * 24
    wanted = [[match.id for match in found] for found in await docs.search_many(queries, exact=True)]
    for _ in range(5):
        searching = asyncio.create_task(docs.search_many(queries, exact=True))
        await asyncio.sleep(0)
        _kill(target, client.schema)
        assert [[match.id for match in found] for found in await searching] == wanted
    assert psycopg_says() == []


async def test_search_many_that_is_cancelled_logs_nothing(
    client: vecs.AsyncClient, psycopg_says: Callable[[], list[str]]
) -> None:
    docs = await client.get_or_create_collection("docs", dimension=2)
    await docs.upsert(ROWS)
    for at in count(1):
        if not await cancelled_at(docs.search_many([[1, 2]] * 24, exact=True), at, "once"):
            break
    gc.collect()
    assert [said for said in psycopg_says() if "Pipeline" in said or "ignored" in said] == []


def _kill(target: str, name: str) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", [name])


async def test_a_lost_connection_of_an_old_pool_says_nothing_about_the_new_one(
    client: vecs.AsyncClient, target: str
) -> None:
    connections = client._executor._connections
    await client.collection_names()
    async with connections.pin() as pinned:
        _kill(target, client.schema)
        await client.close()
        await client.collection_names()
        with pytest.raises(Unavailable):
            await pinned.execute(fragment("select 1"))
    assert not connections._may_be_broken


async def test_a_server_that_takes_no_more_connections_is_used_with_those_there_are(
    superuser_target: str, schema: str
) -> None:
    own = make_conninfo(superuser_target, user="vecs")
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("alter role vecs connection limit 2")
        try:
            async with vecs.create_async_client(own, schema=schema, pool_size=5, pool_timeout=20) as client:
                # The probe's place is free again only when the server has noticed that it hung up.
                await asyncio.sleep(0.5)
                done = await asyncio.gather(*(client.collection_names() for _ in range(20)))
        finally:
            connection.execute("alter role vecs connection limit -1")
    assert done == [[]] * 20
