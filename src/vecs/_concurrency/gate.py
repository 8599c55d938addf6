"""The gate of a pool: so many places, which nobody can lose."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from queue import Empty, SimpleQueue


class Place:
    """
    The right to have one connection.

    Whoever loses it gives it back as it is finalised: Ctrl-C may end a call between any two steps.
    """

    __slots__ = ("_gate",)

    def __init__(self, gate: AsyncGate | Gate) -> None:
        # Weak: a gate that is gone needs no places.
        self._gate = weakref.ref(gate)

    def __del__(self) -> None:
        gate = self._gate()
        if gate is not None:
            gate.add()


class AsyncGate:
    """Admits as many tasks as there are places; the others wait, in the order in which they came."""

    def __init__(self, places: int) -> None:
        self._free = [Place(self) for _ in range(places)]
        self._waiting: deque[asyncio.Future[Place | None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def enter(self, seconds: float) -> Place | None:
        """Take a place; return None if none became free in time."""
        if self._free:
            return self._free.pop()
        self._loop = loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Place | None] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(seconds, _settle, waiter, None)
        try:
            return await waiter
        except BaseException:
            if not waiter.done():
                self._waiting.remove(waiter)
            elif not waiter.cancelled() and (place := waiter.result()) is not None:
                # It was given a place meanwhile, which goes to the next one.
                self.leave(place)
            raise
        finally:
            timer.cancel()

    def enter_now(self) -> Place | None:
        """Take a place, if one is free."""
        return self._free.pop() if self._free else None

    def leave(self, place: Place) -> None:
        """Give the place to the task that has waited longest."""
        while self._waiting:
            if _settle(self._waiting.popleft(), place):
                return
        self._free.append(place)

    def add(self) -> None:
        """Add a place, for one that was lost; called from whatever thread finalises that."""
        if self._loop is None or self._loop.is_closed():
            # Nobody waits.
            self._free.append(Place(self))
        else:
            self._loop.call_soon_threadsafe(lambda: self.leave(Place(self)))


def _settle(waiter: asyncio.Future[Place | None], answer: Place | None) -> bool:
    """Answer a waiting task; return False if it was answered or cancelled before."""
    if waiter.done():
        return False
    waiter.set_result(answer)
    return True


class Gate:
    """
    Admits as many threads as there are places; the others wait.

    A SimpleQueue, because its methods are single steps that no Ctrl-C divides, and because it may be put to while
    something is finalised.
    """

    def __init__(self, places: int) -> None:
        self._free: SimpleQueue[Place] = SimpleQueue()
        for _ in range(places):
            self._free.put(Place(self))

    def enter(self, seconds: float) -> Place | None:
        """Take a place; return None if none became free in time."""
        try:
            return self._free.get(timeout=min(seconds, threading.TIMEOUT_MAX))
        except Empty:
            return None

    def enter_now(self) -> Place | None:
        """Take a place, if one is free."""
        try:
            return self._free.get_nowait()
        except Empty:
            return None

    def leave(self, place: Place) -> None:
        """Give the place to a thread that waits."""
        self._free.put(place)

    def add(self) -> None:
        """Add a place, for one that was lost."""
        self._free.put(Place(self))
