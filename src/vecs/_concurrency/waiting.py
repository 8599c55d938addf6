"""Locks, events, pauses and work in the background, in both worlds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


AsyncLock = asyncio.Lock
Lock = threading.Lock
AsyncEvent = asyncio.Event
Event = threading.Event


async def async_pause(seconds: float) -> None:
    """Wait so many seconds; the event loop goes on."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Wait so many seconds."""
    time.sleep(seconds)


async def async_happens(event: AsyncEvent, seconds: float) -> bool:
    """Wait for an event, at most so many seconds; return whether it happened."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return False
    return True


def happens(event: Event, seconds: float) -> bool:
    """Wait for an event, at most so many seconds; return whether it happened."""
    return event.wait(seconds)


@asynccontextmanager
async def async_beside(work: Callable[[AsyncEvent], Coroutine[Any, Any, None]]) -> AsyncGenerator[None]:
    """Run a function in a task of its own during the block; at the end its event is set, and it is waited for."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(stop))
    try:
        yield
    finally:
        stop.set()
        await task


@contextmanager
def beside(work: Callable[[Event], None]) -> Generator[None]:
    """Run a function in a thread of its own during the block; at the end its event is set, and it is waited for."""
    stop = threading.Event()
    # The block stays in the calling thread, where Ctrl-C arrives.
    thread = threading.Thread(target=work, args=(stop,), name="vecs-beside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def async_shielded(work: Coroutine[Any, Any, T]) -> T:
    """Finish some work even if the task is cancelled meanwhile; it is cancelled afterwards."""
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
    """Return the result of work that is done by now: sync calls are not cancelled."""
    return work
