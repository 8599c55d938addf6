"""
A pool: connections that are idle, and a place for each that may be in use.

No thread and no task belongs to it. A call that takes a connection opens it if none is idle. To give one back, and to
close the pool, nothing is waited for. So neither can be cancelled halfway, both work without an event loop, and a pool
that is dropped leaves nothing behind. A place that is lost nevertheless, as by Ctrl-C, comes back by itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

import psycopg
from psycopg.pq import TransactionStatus

from vecs._async.sending.sessions import AsyncVecsConnection
from vecs._concurrency.gate import AsyncGate, Place

# Seconds. A connection that is older is replaced, because what the server keeps for it grows; one that was idle for
# longer is closed with the next use of the pool.
MAX_AGE = 3600.0
MAX_IDLE = 600.0
# Seconds for which a server that took no more connections is not asked for another one.
FULL_FOR = 10.0


class PoolTimeout(Exception):
    """All connections were in use until the time was over."""


class PoolClosed(Exception):
    """The pool was closed before or while a connection was waited for."""


class AsyncPool:
    """Up to `size` connections to one server, the `first` among them; `arguments` are those of psycopg's connect()."""

    def __init__(self, arguments: Mapping[str, Any], size: int, first: AsyncVecsConnection) -> None:
        self._arguments = arguments
        self._gate = AsyncGate(size)
        # The one used last is used next, so that those at the other end can be closed.
        self._idle: deque[AsyncVecsConnection] = deque([first])
        self._open: WeakValueDictionary[int, AsyncVecsConnection] = WeakValueDictionary({id(first): first})
        # Places that are kept from use because the server is full, and until when.
        self._withheld: deque[tuple[float, Place]] = deque()
        self.closed = False

    @property
    def opened(self) -> int:
        """How many connections there are, idle and in use."""
        return sum(not connection.closed for connection in self._opened())

    @property
    def idle(self) -> int:
        """How many connections wait to be used."""
        return len(self._idle)

    async def take(self, seconds: float) -> tuple[AsyncVecsConnection, Place]:
        """
        Return a connection and the place that goes with it, for `give_back()`.

        Raises PoolTimeout, PoolClosed, and psycopg's errors where no connection can be made.
        """
        if self._withheld:
            self._restore()
        refused: psycopg.Error | None = None
        end = time.monotonic() + seconds
        while True:
            place = await self._gate.enter(seconds)
            if place is None:
                raise refused or PoolTimeout
            try:
                return await self._connection(), place
            except psycopg.OperationalError as error:
                if not self.opened:
                    self._gate.leave(place)
                    raise
                # The server takes no more: make do with those that are in use now.
                self._withheld.append((time.monotonic() + FULL_FOR, place))
                refused, seconds = error, max(0.0, end - time.monotonic())
            except BaseException:
                self._gate.leave(place)
                raise

    async def take_now(self) -> tuple[AsyncVecsConnection, Place] | None:
        """Return a connection and its place, if a place is free; waits for no other user of the pool."""
        place = self._gate.enter_now()
        if place is None:
            return None
        try:
            return await self._connection(), place
        except (psycopg.Error, PoolClosed):
            self._gate.leave(place)
            return None
        except BaseException:
            self._gate.leave(place)
            raise

    def give_back(self, connection: AsyncVecsConnection, place: Place) -> None:
        """Take a connection back; one that is lost, or in the middle of something, is closed."""
        status = connection.pgconn.transaction_status
        # A lock that is held belongs to a call that was interrupted, or to a borrower who is not done.
        if self.closed or status != TransactionStatus.IDLE or connection.lock.locked():
            connection.hang_up()
        else:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
            if self.closed:
                self._hang_up_idle()
        self._gate.leave(place)

    def close(self) -> None:
        """Close what is idle; what is in use is closed as it comes back, and who waits is told."""
        self.closed = True
        self._hang_up_idle()
        # Who is woken by it leaves it, and wakes the next.
        self._gate.add()

    def abandon(self) -> None:
        """Close what is in use, too: nobody will come back."""
        self.close()
        for connection in self._opened():
            connection.hang_up()

    def _opened(self) -> list[AsyncVecsConnection]:
        # A copy that is made in one step: other threads open connections meanwhile.
        found = [reference() for reference in self._open.valuerefs()]
        return [connection for connection in found if connection is not None]

    async def _connection(self) -> AsyncVecsConnection:
        if self.closed:
            raise PoolClosed
        now = time.monotonic()
        self._shrink(now)
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.opened_at > now - MAX_AGE and not connection.closed:
                return connection
            connection.hang_up()
        connection = await AsyncVecsConnection.connect(**self._arguments)
        self._open[id(connection)] = connection
        return connection

    def _shrink(self, now: float) -> None:
        # One stays: whoever calls now needs it.
        with suppress(IndexError):
            while len(self._idle) > 1 and self._idle[0].idle_since < now - MAX_IDLE:
                self._idle.popleft().hang_up()

    def _restore(self) -> None:
        now = time.monotonic()
        with suppress(IndexError):
            while True:
                until, place = self._withheld.popleft()
                if until >= now:
                    self._withheld.appendleft((until, place))
                    break
                self._gate.leave(place)

    def _hang_up_idle(self) -> None:
        # Other threads may be faster.
        with suppress(IndexError):
            while True:
                self._idle.pop().hang_up()
