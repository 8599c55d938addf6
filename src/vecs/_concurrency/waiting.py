"""Locks, events, pauses and work in the background, in both worlds."""

from __future__ import annotations

import asyncio
import math
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

# Seconds for which a call that was cancelled still waits for what has to be put in order.
PATIENCE = 15.0

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
    except Exception:
        stop.set()
        await task
        raise
    except BaseException:
        # The caller is cancelled: it does not wait for a server that may be silent.
        await async_shielded(_end(task))
        raise
    stop.set()
    await task


@contextmanager
def beside(work: Callable[[Event], None]) -> Generator[None]:
    """Run a function in a thread of its own during the block; at the end its event is set, and it is waited for."""
    stop = threading.Event()
    # The block stays in the calling thread, where Ctrl-C arrives.
    thread = threading.Thread(target=work, args=(stop,), name="vecs-beside", daemon=True)
    seconds: float | None = PATIENCE
    try:
        thread.start()
        yield
        seconds = None
    except Exception:
        seconds = None
        raise
    finally:
        stop.set()
        # After Ctrl-C nobody waits for a server that may be silent.
        if thread.ident is not None:
            thread.join(seconds)


async def async_shielded(work: Coroutine[Any, Any, T]) -> T:
    """
    Finish some work even if the task is cancelled meanwhile; it is cancelled afterwards.

    The work is cancelled, too, where it takes longer than `PATIENCE` from then on.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    end = math.inf
    while not task.done():
        left = end - time.monotonic()
        if left <= 0:
            # Repeatedly: the second time psycopg closes the connection instead of waiting for the server.
            task.cancel()
            left = 1.0
        try:
            await asyncio.wait([task], timeout=None if left == math.inf else left)
        except asyncio.CancelledError as error:
            if cancelled is None:
                end = time.monotonic() + PATIENCE
            cancelled = error
    if cancelled is not None:
        # Asked for, so that nobody is told that it was never retrieved.
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it ends."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)


def shielded(work: T) -> T:
    """Return the result of work that is done by now: sync calls are not cancelled."""
    return work
