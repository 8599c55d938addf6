"""Work that is cancelled at one of its awaits, and what has to be there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import anyio
import psycopg
import pytest

import vecs

POOL_SIZE = 2
HOWS = ["once", "again", "anyio"]
ROWS = [(f"{i}", [1.0, i], {"n": i}) for i in range(30)]


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
            tenant = await (
                await pinned.connection.execute("select nullif(current_setting('app.tenant', true), '')")
            ).fetchone()
            assert tenant == (None,)
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


async def cancelled_everywhere(
    call: Callable[[], Awaitable[Any]], how: str, client: vecs.AsyncClient, target: str
) -> None:
    """Do a call again and again, cancelled at its first await, its second, ..., until there are no more."""
    for at in count(1):
        reached = await cancelled_at(call(), at, how)
        await everything_is_there(client, target, client.schema)
        if not reached:
            break
    # And it still does what it is for.
    await call()
