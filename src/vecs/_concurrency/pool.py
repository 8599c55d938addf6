"""psycopg's pool, mended, and the gate at which tasks wait for a connection."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, TypeVar, cast

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

C = TypeVar("C", bound=AsyncConnection[Any])


class _WorkQueue:
    """A pool's queue of work, which ends a worker that was cancelled when it asks for more."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    async def get(self) -> Any:
        """Return the next piece of work."""
        if _is_being_cancelled(unknown=False):
            raise asyncio.CancelledError
        return await self._queue.get()


class AsyncPool(AsyncConnectionPool[C]):
    """
    psycopg's pool, with workers that end when they are cancelled.

    Those of psycopg go on if they are cancelled while they connect, and asyncio.run() then waits for them forever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Adding it again changes nothing.
        logging.getLogger("psycopg.pool").addFilter(_NOT_CANCELLED)
        super().__init__(*args, **kwargs)

    @classmethod
    async def worker(cls, q: Any) -> None:
        """Do the pool's work in the background."""
        await super().worker(cast("Any", _WorkQueue(q)))

    async def close(self, timeout: float = 5.0) -> None:
        """Close the pool, also where asyncio.run() cancelled its tasks: they are workers, not the caller."""
        try:
            await super().close(timeout)
        except asyncio.CancelledError:
            if _is_being_cancelled(unknown=True):
                raise


class _NotCancelled(logging.Filter):
    """Leaves out that an attempt to connect failed, where only the end of the event loop cancelled it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message of psycopg's pool is to be logged."""
        args = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(arg, asyncio.CancelledError) for arg in args)


_NOT_CANCELLED = _NotCancelled()


def _is_being_cancelled(*, unknown: bool) -> bool:
    """Whether the current task is being cancelled; `unknown` on Python 3.10, which does not tell."""
    task: Any = asyncio.current_task()
    return bool(task.cancelling()) if hasattr(task, "cancelling") else unknown


Pool = ConnectionPool


class AsyncGate:
    """
    Admits as many tasks as there are connections; the others wait, in the order in which they came.

    The pool would let them wait, too, but with one more task and timer per call, which is a tenth of a search.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def enter(self, seconds: float) -> bool:
        """Take a place; return False if none became free in time."""
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
            # The place that this task may have been given meanwhile goes to the next one.
            if not _settle(waiter, False) and not waiter.cancelled() and waiter.result():
                self.leave()
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give the place to the task that has waited longest."""
        while self._waiting:
            if _settle(self._waiting.popleft(), True):
                return
        self._places += 1

    def open(self) -> None:
        """Wake all waiting tasks: the pool is closing and will refuse them."""
        while self._waiting:
            _settle(self._waiting.popleft(), True)


def _settle(waiter: asyncio.Future[bool], answer: bool) -> bool:
    """Answer a waiting task; return False if it was answered or cancelled before."""
    if waiter.done():
        return False
    waiter.set_result(answer)
    return True


class Gate:
    """Admits everybody: threads wait in the pool, at no other cost."""

    def __init__(self, places: int) -> None:
        pass

    def enter(self, seconds: float) -> bool:
        """Return True at once."""
        return True

    def leave(self) -> None:
        """Do nothing."""

    def open(self) -> None:
        """Do nothing: nobody waits here."""
