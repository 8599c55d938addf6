"""The pairs written by hand: how the sync and the async world each wait, lock and call a user's function."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import threading
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ParamSpec, TypeVar, cast

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from vecs.exc import VecsException

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=AsyncConnection[Any])

# Items that are encoded in well under a millisecond.
FEW = 20
_NEVER_BLOCK = (type(iter(())), type(iter([])))

AsyncLock = asyncio.Lock
Lock = threading.Lock
AsyncEvent = asyncio.Event
Event = threading.Event


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


async def async_offload(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread: the event loop goes on."""
    return await asyncio.to_thread(function, *args, **kwargs)


def offload(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function here: a sync caller waits for it anyway."""
    return function(*args, **kwargs)


async def async_offload_many(count: int, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function over `count` items, in a thread if they are many: for a few, the way there takes longer."""
    if count <= FEW:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


def offload_many(count: int, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function here."""
    return function(*args, **kwargs)


async def async_pause(seconds: float) -> None:
    """Wait; the event loop goes on."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def async_happens(event: AsyncEvent, seconds: float) -> bool:
    """Wait for an event so long; return whether it happened."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True


def happens(event: Event, seconds: float) -> bool:
    """Wait for an event so long; return whether it happened."""
    return event.wait(seconds)


@asynccontextmanager
async def async_beside(work: Callable[[AsyncEvent], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Run a function in a task beside what is inside; its event tells it to end, which is waited for."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(stop))
    try:
        yield
    finally:
        stop.set()
        await task


@contextmanager
def beside(work: Callable[[Event], None]) -> Generator[None]:
    """Run a function in a thread beside what is inside; its event tells it to end, which is waited for."""
    stop = threading.Event()
    # A thread of the work beside, so that what is inside stays where Ctrl-C arrives.
    thread = threading.Thread(target=work, args=(stop,), name="vecs-beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def async_shielded(work: Coroutine[Any, Any, T]) -> T:
    """Finish some work, and be cancelled only then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


def shielded(work: T) -> T:
    """Return what was done: only Ctrl-C ends a sync call early."""
    return work


async def async_resolve(value: T | Awaitable[T]) -> T:
    """Await what a user's function answered, if it was a coroutine function."""
    if inspect.isawaitable(value):
        return await cast("Awaitable[T]", value)
    return cast("T", value)


def resolve(value: T | Awaitable[T]) -> T:
    """Wait for what a user's function answered, if it was a coroutine function."""
    if inspect.isawaitable(value):
        return _LOOP.run(cast("Awaitable[T]", value))
    return cast("T", value)


class _UserLoop:
    """
    One event loop, in a thread of its own, for the async functions a user hands to a sync client.

    One and the same loop, because HTTP clients keep connections that belong to it; in a thread, because the
    caller may be inside a loop of its own, as in a notebook. It starts with the first such function.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def run(self, value: Awaitable[T]) -> T:
        async def wait() -> T:
            return await value

        return asyncio.run_coroutine_threadsafe(wait(), self._started()).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # The thread does not survive a fork.
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="vecs-user-loop", daemon=True).start()
            return self._loop


_LOOP = _UserLoop()


def async_loop() -> object:
    """Return the event loop this runs in."""
    return asyncio.get_running_loop()


def loop() -> object:
    """Return None: no loop is involved."""
    return None


def loop_is_over(owner: object) -> bool:
    """Whether the event loop that a client was opened in is closed, as after asyncio.run()."""
    return isinstance(owner, asyncio.AbstractEventLoop) and owner.is_closed()


def same_loop(owner: object, current: object) -> None:
    """Refuse a client that another event loop opened: its connections wait on that loop."""
    if owner is not None and owner is not current:
        raise VecsException(
            "this AsyncClient belongs to another event loop; make one client per loop "
            "(for example inside the function given to asyncio.run), or close it first"
        )


async def async_take(source: AsyncIterator[T] | Iterator[T], count: int) -> list[T]:
    """Take up to `count` items; a plain iterator is read in a thread, since it may block."""
    if isinstance(source, AsyncIterator):
        items: list[T] = []
        while len(items) < count:
            try:
                items.append(await anext(source))
            except StopAsyncIteration:
                break
        return items
    if isinstance(source, _NEVER_BLOCK):
        return take(source, count)
    return await asyncio.to_thread(take, source, count)


def take(source: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items."""
    return [item for _, item in zip(range(count), source, strict=False)]


def async_iterate(source: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T] | Iterator[T]:
    """Start iterating over an iterable of either kind."""
    if isinstance(source, AsyncIterable):
        return aiter(source)
    return iter(source)


def iterate(source: Iterable[T]) -> Iterator[T]:
    """Start iterating."""
    return iter(source)


def async_started(client: T) -> T:
    """Return the client as it is: it connects with its first call, in the event loop of that call."""
    return client


def started(client: T) -> T:
    """Connect the client: a wrong connection string is better known now."""
    cast("Any", client).connect()
    return client


class AsyncDunders:
    """What Python's syntax cannot await is not there for async collections; see count() and get()."""


class Dunders:
    """`len(collection)` and `id in collection`."""

    def __len__(self) -> int:
        return cast("Any", self).count()

    def __contains__(self, id: object) -> bool:
        return bool(cast("Any", self).get([id]))
