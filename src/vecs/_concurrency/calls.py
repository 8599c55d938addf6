"""Calls of blocking functions and of users' functions and iterators, in both worlds."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sized,
)
from typing import Any, ParamSpec, TypeVar, cast

from vecs._concurrency.dunders import AsyncDunders, Dunders
from vecs._concurrency.loops import running_loop

P = ParamSpec("P")
T = TypeVar("T")

# So many items are encoded in well under a millisecond: the event loop need not be spared that.
MAX_INLINE = 20
# The iterators of a tuple and of a list.
_NEVER_BLOCK = (type(iter(())), type(iter([])))


async def async_offload(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread: the event loop goes on."""
    running_loop()
    answers: list[T] = []
    cancelled = threading.Event()

    def call() -> T:
        answer = function(*args, **kwargs)
        answers.append(answer)
        if cancelled.is_set():
            _close(answers)
        return answer

    try:
        return await asyncio.to_thread(call)
    except asyncio.CancelledError:
        cancelled.set()
        _close(answers)
        raise


def _close(answers: list[Any]) -> None:
    """Close coroutines that nobody will await: Python would warn of them."""
    for answer in answers:
        if inspect.iscoroutine(answer):
            answer.close()


def offload(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function here: a sync caller waits for it anyway."""
    return function(*args, **kwargs)


async def async_offload_many(count: int, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function over `count` items; in a thread if they are many, since for a few the change takes longer."""
    if count <= MAX_INLINE:
        return function(*args, **kwargs)
    return await async_offload(function, *args, **kwargs)


def offload_many(count: int, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function here."""
    return function(*args, **kwargs)


async def async_resolve(value: T | Awaitable[T]) -> T:
    """Await what a user's function returned, if that can be awaited."""
    if inspect.isawaitable(value):
        return await cast("Awaitable[T]", value)
    return cast("T", value)


def resolve(value: T | Awaitable[T]) -> T:
    """Wait for what a user's function returned, if that can be awaited."""
    if inspect.isawaitable(value):
        return _LOOP.run(cast("Awaitable[T]", value))
    return cast("T", value)


class _UserLoop:
    """
    The event loop, in a thread of its own, for the async functions that a user hands to a sync client.

    There is one for all calls, because HTTP clients keep connections that belong to their loop. It is in a thread,
    because the caller may run in another loop, as in a notebook. It starts with the first such function.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def run(self, value: Awaitable[T]) -> T:
        """Await something on this loop; return its result."""

        async def wait() -> T:
            return await value

        future = asyncio.run_coroutine_threadsafe(wait(), self._started())
        try:
            return future.result()
        except BaseException:
            # Ctrl-C: nobody waits for it any more. Where it failed by itself this changes nothing.
            future.cancel()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # The thread does not survive a fork.
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="vecs-user-loop", daemon=True).start()
            return self._loop


_LOOP = _UserLoop()


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
    return await async_offload(take, source, count)


def take(source: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items."""
    return [item for _, item in zip(range(count), source, strict=False)]


def async_iterate(source: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T] | Iterator[T]:
    """Start iterating over an iterable of either kind; asynchronously, if it is both."""
    given: object = source
    # The __aiter__ of a sync collection only raises an error that says what to write.
    if isinstance(given, AsyncIterable) and not isinstance(given, Dunders):
        return aiter(cast("AsyncIterable[T]", source))
    return iter(cast("Iterable[T]", source))


def size_of(source: object) -> int | None:
    """Return the number of items; None if it is not known, or would have to be awaited."""
    return len(source) if isinstance(source, Sized) and not isinstance(source, AsyncDunders) else None


def iterate(source: Iterable[T]) -> Iterator[T]:
    """Start iterating."""
    return iter(source)
