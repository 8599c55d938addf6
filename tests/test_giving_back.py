"""What a call took is given back, wherever it ends: cancelled, interrupted, dropped, forked, at the end of Python."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs._sql.fragment import fragment
from vecs.exc import Unavailable, VecsException

POOL_SIZE = 2
ROWS = [(f"{i}", [1.0, i], {"n": i}) for i in range(30)]
MANY = [(f"{i}", [1.0, i], {"n": i}) for i in range(700)]


class Interrupted:
    """Awaits something, and calls a function before each suspension from the `at`-th on; once, or again and again."""

    def __init__(self, work: Awaitable[Any], at: int, cancel: Callable[[], object], *, again: bool) -> None:
        self.work, self.at, self.cancel, self.again = work, at, cancel, again
        self.suspended = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self.work.__await__()
        step: Callable[..., Any] = inner.send
        value: Any = None
        while True:
            try:
                waiting = step(value)
            except StopIteration as end:
                return end.value
            self.suspended += 1
            if self.suspended == self.at or (self.again and self.suspended > self.at):
                self.cancel()
            try:
                value = yield waiting
            except BaseException as error:
                step, value = inner.throw, error
            else:
                step = inner.send


async def cancelled_at(work: Awaitable[Any], at: int, how: str) -> bool:
    """Cancel some work at its `at`-th suspension; return whether it came so far, and was told to end."""
    if how == "anyio":
        with anyio.CancelScope() as scope:
            call = Interrupted(work, at, scope.cancel, again=False)
            await call
        return call.suspended >= at

    async def run() -> None:
        task: Any = asyncio.current_task()
        nonlocal call
        call = Interrupted(work, at, task.cancel, again=how == "again")
        await call

    call: Any = None
    task = asyncio.create_task(run())
    await asyncio.wait([task])
    reached = call.suspended >= at
    if reached and not task.cancelled():
        # Only the very last suspension may be one that the call has no more use for.
        assert task.exception() is None, task.exception()
    elif not reached:
        await task
    return reached


async def everything_is_there(client: vecs.AsyncClient, target: str, name: str) -> None:
    """All places of the pool are free, no session is in a transaction, has a lock or a setting left."""
    connections = client._executor._connections
    async with AsyncExitStack() as taken:
        for _ in range(POOL_SIZE):
            pinned = await taken.enter_async_context(connections.pin())
            await pinned.apply({})
            rows = await (
                await pinned.connection.execute(
                    "select name from pg_settings where source = 'session' and name ~ '^(hnsw|ivfflat|statement)'"
                )
            ).fetchall()
            assert {name for (name,) in rows} <= connections._base.keys()
    question = """
        select count(*) from pg_stat_activity as a where application_name = %s and (
            state like 'idle in%%' or state = 'active'
            or exists (select from pg_locks as l where l.pid = a.pid and l.locktype = 'advisory'))"""
    async with await psycopg.AsyncConnection.connect(target, autocommit=True) as connection:
        for _ in range(600):
            if (await (await connection.execute(question, [name])).fetchone()) == (0,):
                return
            # A server notices late that somebody hung up.
            await asyncio.sleep(0.05)
    pytest.fail("a session is left in the middle of something")


async def each(found: AsyncGenerator[Any]) -> list[Any]:
    return [item async for item in found]


async def borrow(client: vecs.AsyncClient) -> None:
    async with client.connection() as connection:
        await connection.execute("set statement_timeout = '77s'")
        async with connection.transaction():
            await connection.execute("select pg_advisory_lock(1)")


async def remake(client: vecs.AsyncClient) -> None:
    await client.delete_collection("other")
    await client.create_collection("other", 2)
    await client.delete_collection("another")
    await client.rename_collection("other", "another")


Call = Callable[[vecs.AsyncClient, vecs.AsyncCollection], Awaitable[Any]]

QUICK: dict[str, Call] = {
    "AsyncClient.collection_names": lambda client, _: client.collection_names(),
    "AsyncClient.connection": lambda client, _: borrow(client),
    "AsyncClient.get_collection": lambda client, _: client.get_collection("docs"),
    "AsyncCollection.search": lambda _, docs: docs.search([1, 2], exact=True),
    "AsyncCollection.search_many": lambda _, docs: docs.search_many([[1, 2], [2, 1]] * 12, exact=True),
    "AsyncCollection.upsert": lambda _, docs: docs.upsert(ROWS),
    "AsyncCollection.delete": lambda _, docs: docs.delete(["1", "2"]),
}
FULL: dict[str, Call] = {
    "AsyncClient.close": lambda client, _: client.close(),
    "AsyncClient.connect": lambda client, _: reconnect(client),
    "AsyncClient.create_collection": lambda client, _: remake(client),
    "AsyncClient.get_or_create_collection": lambda client, _: client.get_or_create_collection("docs", dimension=2),
    "AsyncClient.info": lambda client, _: client.info(),
    "AsyncClient.list_collections": lambda client, _: client.list_collections(),
    "AsyncCollection.count": lambda _, docs: docs.count(),
    "AsyncCollection.create_index": lambda _, docs: docs.create_index(replace=True),
    "AsyncCollection.create_metadata_index": lambda _, docs: docs.create_metadata_index("n", "number"),
    "AsyncCollection.drop_index": lambda _, docs: build_and_drop(docs),
    "AsyncCollection.explain": lambda _, docs: docs.explain([1, 2]),
    "AsyncCollection.fetch": lambda _, docs: docs.fetch(["1", "2"]),
    "AsyncCollection.get": lambda _, docs: docs.get(["1", "2"]),
    "AsyncCollection.index": lambda _, docs: docs.index(progress=lambda _: None),
    "AsyncCollection.indexes": lambda _, docs: docs.indexes(),
    "AsyncCollection.info": lambda _, docs: docs.info(),
    "AsyncCollection.query": lambda _, docs: docs.query([1, 2]),
    "AsyncCollection.recall": lambda _, docs: docs.recall(sample=10),
    "AsyncCollection.scan": lambda _, docs: each(docs.scan(batch_size=10)),
    "AsyncCollection.search by index": lambda _, docs: docs.search([1, 2], ef_search=77),
    "AsyncCollection.update_metadata": lambda _, docs: docs.update_metadata({"m": 1}, filters={"n": {"$lt": 9}}),
    "AsyncCollection.upsert by COPY": lambda _, docs: docs.upsert(MANY),
}


async def reconnect(client: vecs.AsyncClient) -> None:
    await client.close()
    await client.connect()


async def build_and_drop(docs: vecs.AsyncCollection) -> None:
    await docs.drop_index(await docs.create_metadata_index("m", "string"))


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    own = make_conninfo(target, application_name=schema)
    async with vecs.create_async_client(own, schema=schema, pool_size=POOL_SIZE, pool_timeout=20) as client:
        yield client


async def _cancel_everywhere(client: vecs.AsyncClient, target: str, call: Call, how: str) -> None:
    docs = await client.get_or_create_collection("docs", dimension=2)
    await docs.upsert(ROWS)
    for at in count(1):
        reached = await cancelled_at(call(client, docs), at, how)
        await everything_is_there(client, target, client.schema)
        if not reached:
            break
    # And it still does what it is for.
    await call(client, docs)


@pytest.mark.filterwarnings("ignore:Query does not have a covering index")
@pytest.mark.parametrize("how", ["once", "again", "anyio"])
@pytest.mark.parametrize("name", QUICK)
async def test_a_call_that_is_cancelled_at_any_await_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    await _cancel_everywhere(client, target, QUICK[name], how)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Query does not have a covering index")
@pytest.mark.parametrize("how", ["once", "again", "anyio"])
@pytest.mark.parametrize("name", FULL)
async def test_every_call_that_is_cancelled_at_any_await_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    await _cancel_everywhere(client, target, FULL[name], how)


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


EXITS = {
    "a client": "client = vecs.create_client(target); client.collection_names()",
    "a cycle": "class A: pass\na = A(); a.a = a; a.client = vecs.create_client(target); a.client.connect(); del a",
    "an atexit handler": "import atexit\nclient = vecs.create_client(target); atexit.register(client.collection_names)",
    "threads": "import threading\nclient = vecs.create_client(target)\n"
    "for _ in range(4): threading.Thread(target=client.collection_names).start()",
    "a borrowed connection": "client = vecs.create_client(target); lent = client.connection(); "
    "lent.__enter__().execute('begin')",
    "a loop that ended": "client = vecs.create_async_client(target)\nasync def main():\n"
    "    await asyncio.gather(*(client.collection_names() for _ in range(5)))\nasyncio.run(main())",
    "a loop left open": "client = vecs.create_async_client(target)\nasync def main():\n"
    "    await asyncio.gather(*(client.collection_names() for _ in range(5)))\n"
    "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
    "a task left behind": "client = vecs.create_async_client(target)\nasync def use():\n"
    "    async with client.connection() as lent: await lent.execute('select pg_sleep(60)')\nasync def main():\n"
    "    task = asyncio.create_task(use()); await asyncio.sleep(0.5)\nasyncio.run(main())",
}


@pytest.mark.parametrize("ends", ["", "sys.exit(5)", "raise ValueError('mine')"], ids=["end", "exit", "error"])
@pytest.mark.parametrize("name", EXITS)
def test_a_script_that_does_not_close_ends_at_once_and_silently(target: str, name: str, ends: str) -> None:
    if ends and name not in ("a client", "a loop that ended"):
        pytest.skip("one of each world is enough")
    code = f"import asyncio, sys, vecs\ntarget = {target!r}\n{EXITS[name]}\n{ends}"
    # It takes a second. psycopg's pool waited for its threads, some 20 s; a machine may be slow.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    said = done.stderr.strip().splitlines()
    if "mine" in ends:
        assert (done.returncode, said[-1], len(said) < 6) == (1, "ValueError: mine", True)
    else:
        assert (done.returncode, said) == (5 if ends else 0, [])


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


def test_these_are_all_calls() -> None:
    """So that a new one is cancelled, too. Those left out are made of others, or need a transform or text."""
    left_out = {
        *("disconnect", "rename_collection", "delete_collection", "rename", "tune", "enable_text"),
        *("is_indexed_for_measure", "to_pandas", "to_arrow", "truncate"),
    }
    tested = {name.split(".")[1].split()[0] for name in (*QUICK, *FULL)}
    for cls in (vecs.AsyncClient, vecs.AsyncCollection):
        for name, method in inspect.getmembers(cls, callable):
            inner = inspect.unwrap(method)
            if name.startswith("_") or not (inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)):
                continue
            assert name in tested | left_out, name
