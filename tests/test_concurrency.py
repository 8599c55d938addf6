"""Many threads, tasks and processes on one client or one target."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from types import FrameType
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs._concurrency.gate import AsyncGate
from vecs._sql.fragment import fragment
from vecs._writing import buffer as _buffer
from vecs.exc import Unavailable, VecsException


@pytest.fixture
def client(target: str, schema: str) -> Iterator[vecs.Client]:
    with vecs.create_client(target, schema=schema) as client:
        yield client


@pytest.fixture
def docs(client: vecs.Client) -> vecs.Collection:
    docs = client.create_collection("docs", 8)
    docs.upsert([(f"{i}", np.eye(8)[i % 8] + i / 1000, {"n": i}) for i in range(500)])
    docs.index()
    return docs


def test_many_threads_share_one_client(docs: vecs.Collection) -> None:
    def use(i: int) -> int:
        if i % 10 == 0:
            docs.upsert([(f"t{i}", np.ones(8), {})])
        return len(docs.search(np.ones(8), limit=5))

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(use, range(400))) == {5}
    assert docs.count() == 540


def test_many_tasks_share_one_client(docs: vecs.Collection, target: str) -> None:
    async def main() -> list[int]:
        async with vecs.create_async_client(target, schema=docs.client.schema) as client:
            same = await client.get_collection("docs")
            found = await asyncio.gather(*(same.search(np.ones(8), limit=5) for _ in range(200)))
            return [len(matches) for matches in found]

    assert asyncio.run(main()) == [5] * 200


def test_clients_that_start_at_once_create_one_collection(target: str, schema: str) -> None:
    def start(_: int) -> int:
        with vecs.create_client(target, schema=schema) as client:
            docs = client.get_or_create_collection("docs", dimension=2, text=True)
            return docs.upsert([("a", [1, 2], {})])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [1] * 8


def test_overlapping_upserts_do_not_deadlock(docs: vecs.Collection) -> None:
    ids = [f"{i}" for i in range(800)]
    rng = np.random.default_rng(1)

    def write(_: int) -> int:
        return docs.upsert([(id, np.ones(8), {}) for id in rng.permutation(ids).tolist()])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(16))) == [800] * 16


def test_an_upsert_does_not_stall_the_event_loop(
    docs: vecs.Collection, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [(f"{i}", [float(i)] * 8, {"text": "x" * 200, "n": i}) for i in range(20_000)]

    async def main() -> list[float]:
        async with vecs.create_async_client(target, schema=docs.client.schema) as client:
            same = await client.get_collection("docs")
            await same.upsert(records[:10])
            task = asyncio.create_task(same.upsert(records))
            ticks = [time.perf_counter()]
            while not task.done():
                await asyncio.sleep(0.001)
                ticks.append(time.perf_counter())
            assert await task == 20_000
            return ticks

    where: set[int] = set()
    encode = _buffer.RowBuffer.extend

    def recorded(buffer: _buffer.RowBuffer, rows: Any) -> None:
        where.add(threading.get_ident())
        encode(buffer, rows)

    monkeypatch.setattr(_buffer.RowBuffer, "extend", recorded)
    ticks = asyncio.run(main())
    # How long each round of the loop took belongs to benchmarks; that the work was done elsewhere, here.
    assert len(ticks) > 20
    assert threading.get_ident() in where, "ten records are encoded at once"
    assert len(where) > 1


def test_an_async_client_refuses_another_event_loop(target: str) -> None:
    client = vecs.create_async_client(target)

    async def use() -> None:
        await client.collection_names()

    async def end() -> None:
        await client.close()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(use())
    with pytest.raises(VecsException, match="belongs to another event loop"):
        asyncio.run(use())
    loop.run_until_complete(end())
    loop.close()
    asyncio.run(use())
    client_again = vecs.create_async_client(target)

    async def both() -> None:
        async with client_again:
            await client_again.collection_names()

    asyncio.run(both())
    asyncio.run(both())


def _in_child(docs: vecs.Collection, results: Any) -> None:
    results.put([match.id for match in docs.search(np.eye(8)[3], limit=1)])
    results.put(docs.upsert([("child", np.ones(8), {})]))


def test_a_forked_process_connects_for_itself(docs: vecs.Collection) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(docs, results))
    child.start()
    assert results.get(timeout=600) == ["3"]
    assert results.get(timeout=600) == 1
    child.join(30)
    assert child.exitcode == 0
    assert docs["child"].metadata == {}


def test_a_full_pool_says_so(target: str) -> None:
    with (
        vecs.create_client(target, pool_size=1, pool_timeout=0.2) as client,
        client.connection(),
        pytest.raises(Unavailable, match="became free within 0.2 s: all 1 are in use"),
    ):
        client.collection_names()


def test_a_collection_made_anew_with_another_dimension_is_noticed(docs: vecs.Collection, target: str) -> None:
    for _ in range(8):
        docs.search(np.ones(8), include_vector=True, limit=2)
    with vecs.create_client(target, schema=docs.client.schema) as other:
        other.delete_collection("docs")
        other.create_collection("docs", 3).upsert([("a", [1, 2, 3], {})])
    with pytest.raises(vecs.exc.MismatchedDimension, match="dimension 8; collection 'docs' has dimension 3"):
        docs.search(np.ones(8), include_vector=True, limit=2)
    again = docs.client.get_collection("docs")
    assert again.search([1, 2, 3], include_vector=True, exact=True)[0].id == "a"


def test_a_dropped_collection_is_not_found(docs: vecs.Collection, target: str) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(f'drop table "{docs.client.schema}".docs')
    for use in (lambda: docs.search(np.ones(8)), docs.count, lambda: docs.upsert([("a", np.ones(8), {})])):
        with pytest.raises(vecs.exc.CollectionNotFound, match="docs"):
            use()


def test_an_async_client_outlives_the_loop_it_was_used_in(target: str, schema: str) -> None:
    name = f"loops-{schema}"
    client = vecs.create_async_client(make_conninfo(target, application_name=name), schema=schema)

    async def use() -> None:
        await client.collection_names()

    for _ in range(5):
        asyncio.run(use())
    asyncio.run(client.close())
    assert _gone(target, name)


def test_a_loop_may_end_while_the_pool_is_growing(target: str, schema: str) -> None:
    client = vecs.create_async_client(target, schema=schema)

    async def use() -> None:
        await asyncio.gather(*(client.collection_names() for _ in range(5)))

    for _ in range(5):
        asyncio.run(use())
    asyncio.run(client.close())


def _gone(target: str, name: str) -> bool:
    for _ in range(100):
        with psycopg.connect(target) as connection:
            query = "select count(*) from pg_stat_activity where application_name = %s"
            if connection.execute(query, [name]).fetchone() == (0,):
                return True
        time.sleep(0.02)
    return False


def test_a_cancelled_borrower_gives_its_connection_back(target: str) -> None:
    async def main() -> None:
        async with vecs.create_async_client(target, pool_size=1, pool_timeout=5) as client:

            async def borrow() -> None:
                async with client.connection() as connection:
                    await connection.execute("select pg_sleep(0.05)")

            for delay in range(40):
                task = asyncio.create_task(borrow())
                await asyncio.sleep(delay * 0.002)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                assert await client.collection_names() is not None

    asyncio.run(main())


def test_a_call_that_waits_when_its_client_is_closed_ends(target: str) -> None:
    async def main() -> None:
        client = vecs.create_async_client(target, pool_size=1)
        async with client.connection():
            waiting = asyncio.create_task(client.collection_names())
            await asyncio.sleep(0.1)
            closing = asyncio.create_task(client.close())
            with pytest.raises(Unavailable, match="was closed during the call"):
                await waiting
        await closing
        assert client._executor._connections._pool is None

    asyncio.run(main())


def test_clients_that_build_indexes_at_once_build_one(docs: vecs.Collection) -> None:
    docs.drop_index(next(index.name for index in docs.indexes() if index.method == "gin"))
    docs.drop_index(next(index.name for index in docs.indexes() if index.method == "hnsw"))
    with ThreadPoolExecutor(6) as pool:
        names = set(pool.map(lambda _: docs.index(), range(6)))
    assert len(names) == 1
    assert sorted(index.method for index in docs.indexes()) == ["btree", "gin", "hnsw"]


async def test_a_gate_loses_no_place_to_a_cancelled_task() -> None:
    gate = AsyncGate(2)
    inside = most = 0
    rng = random.Random(0)

    async def work() -> None:
        nonlocal inside, most
        place = await gate.enter(rng.choice([0.001, 5]))
        if place is None:
            return
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(rng.choice([0, 0.0005]))
        finally:
            inside -= 1
            gate.leave(place)

    tasks = [asyncio.create_task(work()) for _ in range(300)]
    while not all(task.done() for task in tasks):
        rng.choice(tasks).cancel()
        await asyncio.sleep(0.0005)
    assert most == 2
    places = [await gate.enter(5), await gate.enter(5), await gate.enter(0.01)]
    assert [place is not None for place in places] == [True, True, False]


async def test_cancelled_searches_give_their_connections_back(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=3, pool_timeout=5) as client:
        docs = await client.create_collection("docs", 2)
        await docs.upsert([(f"{i}", [1, i], {}) for i in range(50)])
        await docs.index()
        rng = random.Random(1)
        for _ in range(20):
            tasks = [asyncio.create_task(docs.search([1, 2])) for _ in range(30)]
            await asyncio.sleep(rng.random() / 200)
            for task in rng.sample(tasks, 15):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        found = await asyncio.gather(*(docs.search([1, 2]) for _ in range(50)))
        assert all(len(matches) == 10 for matches in found)


async def test_a_call_that_is_cancelled_twice_leaves_the_pool_as_it_is(target: str, schema: str) -> None:
    """psycopg closes the connection of such a call, as anyio's time limits make them; the server is well."""
    async with vecs.create_async_client(target, schema=schema, pool_size=2) as client:
        docs = await client.get_or_create_collection("docs", dimension=2)
        await docs.upsert([("a", [1, 2])])
        pool = client._executor._connections._pool
        for call in (
            lambda: client._executor.read(fragment("select pg_sleep(2)")),
            lambda: client._executor.read_many([fragment("select pg_sleep(1)")] * 4),
        ):
            task = asyncio.create_task(call())
            await asyncio.sleep(0.3)
            task.cancel()
            # The second comes while psycopg ends the statement.
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await docs.get(["a"]) != []
            assert client._executor._connections._pool is pool


class Unanswering:
    """A server that takes connections and says nothing; from `hang_up()` on it hangs up at once."""

    def __init__(self) -> None:
        self.attempts = 0
        self._ends = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"postgresql://me@127.0.0.1:{self._listener.getsockname()[1]}/db?sslmode=disable"
        threading.Thread(target=self._listen, daemon=True).start()

    def hang_up(self) -> None:
        self._ends.set()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.attempts += 1
            self._ends.wait()
            connection.close()

    def close(self) -> None:
        # Who accepts is woken by it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def unanswering() -> Iterator[Unanswering]:
    with closing(Unanswering()) as server:
        yield server


def test_threads_that_wait_for_a_server_that_is_gone_share_an_attempt(unanswering: Unanswering) -> None:
    client = vecs.Client(unanswering.target)
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(client.collection_names) for _ in range(10)]
        while sum(map(_connects, sys._current_frames().values())) < 10:
            time.sleep(0.01)
        unanswering.hang_up()
        errors = [call.exception() for call in calls]
    _shared(errors, unanswering.attempts)
    # Who calls later looks again.
    with pytest.raises(Unavailable):
        client.collection_names()
    assert unanswering.attempts == 3


async def test_tasks_that_wait_for_a_server_that_is_gone_share_an_attempt(unanswering: Unanswering) -> None:
    client = vecs.AsyncClient(unanswering.target)
    calls = [asyncio.create_task(client.collection_names()) for _ in range(10)]
    while not unanswering.attempts:
        await asyncio.sleep(0.01)
    unanswering.hang_up()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    _shared(errors, unanswering.attempts)
    with pytest.raises(Unavailable):
        await client.collection_names()
    assert unanswering.attempts == 3


def _shared(errors: list[Any], attempts: int) -> None:
    assert attempts == 2
    assert {type(error).__mro__[1] for error in errors} == {Unavailable}
    assert {type(error.__cause__) for error in errors} == {psycopg.OperationalError}
    assert len({id(error) for error in errors}) == len(errors) == 10


def _connects(frame: FrameType | None) -> bool:
    """Whether a thread is in the midst of connecting, or waits for another one that is."""
    while frame is not None and frame.f_code.co_name != "_connect":
        frame = frame.f_back
    return frame is not None


async def test_an_attempt_that_is_cancelled_is_no_answer_for_others(unanswering: Unanswering) -> None:
    client = vecs.AsyncClient(unanswering.target)
    calls = [asyncio.create_task(client.collection_names()) for _ in range(5)]
    while not unanswering.attempts:
        await asyncio.sleep(0.01)
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    assert calls[0].cancelled()
    unanswering.hang_up()
    errors: list[Any] = await asyncio.gather(*calls[1:], return_exceptions=True)
    assert [isinstance(error, Unavailable) for error in errors] == [True] * 4
    assert unanswering.attempts == 2
