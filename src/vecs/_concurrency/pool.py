"""psycopg's pool, mended, and the gate that waiting tasks queue at."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, TypeVar, cast

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

C = TypeVar("C", bound=AsyncConnection[Any])


class _Tasks:
    """A pool's queue of work, which ends with the task that reads it."""

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks

    async def get(self) -> Any:
        if _is_being_cancelled(unknown=False):
            raise asyncio.CancelledError
        return await self._tasks.get()


class AsyncPool(AsyncConnectionPool[C]):
    """
    psycopg's pool, with workers that a cancellation ends.

    Its own go on when they are cancelled while they connect, and asyncio.run() then waits for them forever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Adding it again changes nothing.
        logging.getLogger("psycopg.pool").addFilter(_NOT_CANCELLED)
        super().__init__(*args, **kwargs)

    @classmethod
    async def worker(cls, q: Any) -> None:
        """Do the pool's work in the background."""
        await super().worker(cast("Any", _Tasks(q)))

    async def close(self, timeout: float = 5.0) -> None:
        """Close the pool, also where asyncio.run() has cancelled its tasks: it is not who calls that was."""
        try:
            await super().close(timeout)
        except asyncio.CancelledError:
            if _is_being_cancelled(unknown=True):
                raise


class _NotCancelled(logging.Filter):
    """Leaves out what psycopg says of attempts to connect that the end of an event loop cancelled: no fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(part, asyncio.CancelledError) for part in said)


_NOT_CANCELLED = _NotCancelled()


def _is_being_cancelled(*, unknown: bool) -> bool:
    """Whether the current task is; `unknown` on Python 3.10, which does not tell."""
    task: Any = asyncio.current_task()
    return bool(task.cancelling()) if hasattr(task, "cancelling") else unknown


Pool = ConnectionPool


class AsyncGate:
    """
    Lets so many tasks have a connection, and the others wait in the order they came.

    The pool would let them wait, too, at the cost of a task and a timer each: a tenth of a search.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def enter(self, seconds: float) -> bool:
        """Take a place; False where none became free in time."""
        if self._places > 0:
            self._places -= 1
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(seconds, _settle, waiter, False)
        try:
            return await waiter
        except asyncio.CancelledError:
            # It may have been given a place that it does not take.
            if not _settle(waiter, False) and not waiter.cancelled() and waiter.result():
                self.leave()
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give the place to who waits longest."""
        while self._waiting:
            if _settle(self._waiting.popleft(), True):
                return
        self._places += 1

    def open(self) -> None:
        """Let everybody in who waits: there is nothing to wait for any more."""
        while self._waiting:
            _settle(self._waiting.popleft(), True)


def _settle(waiter: asyncio.Future[bool], answer: bool) -> bool:
    """Answer who waits, if that is still to be done."""
    if waiter.done():
        return False
    waiter.set_result(answer)
    return True


class Gate:
    """Lets everybody in: a thread waits for the pool as well as for a gate."""

    def __init__(self, places: int) -> None:
        pass

    def enter(self, seconds: float) -> bool:
        """Let a thread in."""
        return True

    def leave(self) -> None:
        """Let a thread go."""

    def open(self) -> None:
        """Let everybody in."""
