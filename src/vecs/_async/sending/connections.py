"""
Connections to one target: opened, handed out, taken back, healed and closed.

The states, and what leads from one to the next:

             open(): a probe, then a pool          a connection comes back lost,
             and its first connection              or none becomes free in time
      fresh ----------------------------> open ---------------------------------> may be broken
        ^                                 |  ^                                      |      |
        |                                 |  +--------------------------------------+      |
        |    connections in use are       |       open(): a probe, then a new pool         |
        |    closed as they come back     v                                                |
        +----------------------------- closing <--------------- close() -------------------+

`open()` and `close()` look for two more, whatever the state is:

    abandoned   The event loop that opened the pool is closed: the sockets are closed without it, and all is fresh.
    forked      A parent process opened the pool: it keeps it and its sockets, and here all is fresh.

Calls that wait for a connection of a closing pool raise Unavailable; calls that begin later open a new pool. Before a
probe a dead embedded server is started again. Whether to repeat the statement of a lost connection, the executor says.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from vecs._async.sending.sessions import AsyncPinnedConnection, AsyncVecsConnection, connect_arguments, run_statement
from vecs._concurrency.calls import async_offload
from vecs._concurrency.loops import async_loop, loop_is_over, same_loop
from vecs._concurrency.pool import AsyncGate, AsyncPool
from vecs._concurrency.waiting import AsyncLock
from vecs._connecting.errors import connection_error, database_error
from vecs._connecting.options import Options
from vecs._connecting.parameters import server_parameters
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._sql.look import look_at_server, read_look
from vecs._sql.settings import NO_SETTINGS, Settings, base_settings
from vecs._sql.tables import Extension
from vecs.exc import Unavailable

if TYPE_CHECKING:
    from vecs.embedded import EmbeddedServer

log = logging.getLogger("vecs")

_Pool = AsyncPool[AsyncVecsConnection]

# How many connections in a row may be dead: with the first of a pool the whole pool is replaced.
_MOST_LOOKS = 10

# Pools of a parent process: kept from being finalised in a forked child, where their threads do not exist.
_ABANDONED: list[Any] = []


class AsyncCheckedOut(AsyncPinnedConnection):
    """A connection of the pool while it is in use, with the pool that takes it back."""

    pool: _Pool
    # None for a connection that did not wait at the gate.
    gate: AsyncGate | None


class AsyncConnections:
    """The connections to one target: a pool, and single ones outside it."""

    def __init__(self, target: ServerTarget | FolderTarget, options: Options) -> None:
        self.target, self.options = target, options
        # Until it is known there may be one.
        self.pooler = _said_of_pooler(target, options) is not False
        self._told_of_pooler = False
        self.extension: Extension | None = None
        self.server: EmbeddedServer | None = None
        # A call that began before a `close()` does not open the pool again.
        self._close_count = 0
        self._reset()

    def _reset(self) -> None:
        self._lock = AsyncLock()
        self._pool: _Pool | None = None
        self._checked_out: set[AsyncVecsConnection] = set()
        self._gate = AsyncGate(self.options.pool_size)
        self._all: WeakSet[AsyncVecsConnection] = WeakSet()
        self._may_be_broken = False
        self._base: Settings = NO_SETTINGS
        self._needed: Settings = NO_SETTINGS
        self._parameters: dict[str, Any] = {}
        self._pid = os.getpid()
        self._loop: object = None

    async def open(self) -> None:
        """Connect, if there is no connection yet; raises Unavailable, DatabaseError or ServerError."""
        running = async_loop()
        if self._loop is not running and loop_is_over(self._loop):
            self._abandon()
        if self._pool is None or self._may_be_broken or self._pid != os.getpid():
            await self._connect()
        else:
            same_loop(self._loop, running)

    def belongs_elsewhere(self) -> bool:
        """Whether the pool was opened in an event loop that is neither closed nor the running one."""
        return self._loop not in (None, async_loop()) and not loop_is_over(self._loop)

    def use_extension(self, extension: Extension | None) -> None:
        """Note which pgvector the server has: what every statement is set to follows from it."""
        self.extension = extension
        self._base = {**self._needed, **base_settings(extension, self.options.statement_timeout)}

    async def acquire(self, *, alive: bool = False) -> AsyncCheckedOut:
        """
        Hand out a connection of the pool, which is opened first if need be; `release()` takes it back.

        With `alive` it was looked at, for what cannot be repeated should the connection turn out to be dead.
        """
        # Behind a pooler an answer waits until one of its connections is free.
        seconds = self.options.pool_timeout if self.pooler else self.options.connect_timeout
        for _ in range(_MOST_LOOKS if alive else 0):
            used = await self._acquire()
            try:
                if await used.connection.is_alive(seconds):
                    return used
            except BaseException:
                await self.release(used)
                raise
            # Those of a pool that was replaced meanwhile tell nothing about the new one.
            used.lost = used.pool is self._pool
            await self.release(used)
        return await self._acquire()

    async def _acquire(self) -> AsyncCheckedOut:
        close_count = self._close_count
        await self.open()
        pool, gate = self._pool, self._gate
        if pool is None:
            raise self._closed_meanwhile()
        if not await gate.enter(self.options.pool_timeout):
            raise self._none_is_free()
        try:
            connection = await pool.getconn()
        except BaseException as error:
            gate.leave()
            if isinstance(error, PoolTimeout):
                raise self._none_is_free() from error
            if not isinstance(error, PoolClosed):
                raise
            if close_count != self._close_count:
                raise self._closed_meanwhile() from error
            # Another call found a dead connection and made a new pool.
            return await self._acquire()
        return self._check_out(connection, pool, gate)

    async def release(self, used: AsyncCheckedOut) -> None:
        """Take a connection back into its pool."""
        self._checked_out.discard(used.connection)
        used.connection.used_at = monotonic()
        if used.lost:
            self._may_be_broken = True
        try:
            await used.pool.putconn(used.connection)
        finally:
            if used.gate is not None:
                used.gate.leave()

    @asynccontextmanager
    async def pin(self) -> AsyncGenerator[AsyncPinnedConnection]:
        """Take one connection of the pool, which stands, for several statements."""
        used = await self.acquire(alive=True)
        try:
            yield used
        finally:
            await self.release(used)

    @asynccontextmanager
    async def pin_idle(self, most: int) -> AsyncGenerator[list[AsyncPinnedConnection]]:
        """Take one connection, waiting for it, and as many others as are idle: `most` in all."""
        async with AsyncExitStack() as taken:
            used = await self.acquire()
            taken.push_async_callback(self.release, used)
            pool, pinned = used.pool, [used]
            while len(pinned) < most:
                try:
                    # Not 0: then the pool would not even begin to make one for the next time.
                    connection = await pool.getconn(timeout=0.001)
                except (PoolTimeout, PoolClosed):
                    break
                used = self._check_out(connection, pool, None)
                taken.push_async_callback(self.release, used)
                pinned.append(used)
            yield list[AsyncPinnedConnection](pinned)

    @asynccontextmanager
    async def outside_pool(self) -> AsyncGenerator[AsyncPinnedConnection]:
        """Open a connection outside the pool, whose connections may all be in use, and close it at the end."""
        async with await self._connect_once(self._parameters) as connection:
            pinned = AsyncPinnedConnection(connection, self._base, self.pooler)
            try:
                yield pinned
            finally:
                if pinned.lost:
                    self._may_be_broken = True

    def _check_out(self, connection: AsyncVecsConnection, pool: _Pool, gate: AsyncGate | None) -> AsyncCheckedOut:
        self._checked_out.add(connection)
        used = AsyncCheckedOut(connection, self._base, self.pooler)
        used.pool, used.gate = pool, gate
        return used

    def _none_is_free(self) -> Unavailable:
        waited = f"no connection to {self.target} became free within {self.options.pool_timeout:g} s"
        if len(self._checked_out) >= self.options.pool_size:
            return Unavailable(f"{waited}: all {self.options.pool_size} are in use (see pool_size=)")
        self._may_be_broken = True
        return Unavailable(f"{waited}: the server does not answer")

    def _closed_meanwhile(self) -> Unavailable:
        return Unavailable(f"the client of {self.target} was closed during the call")

    async def _connect(self) -> None:
        if self._pid != os.getpid():
            _ABANDONED.append(self._pool)
            self._reset()
        if self._pool is not None:
            same_loop(self._loop, async_loop())
        close_count = self._close_count
        async with self._lock:
            if self._pool is not None and not self._may_be_broken:
                return
            parameters = await async_offload(self._start_server)
            await self._probe(parameters)
            self._parameters = parameters
            pool = await self._open_pool(parameters)
            if close_count != self._close_count:
                await pool.close()
                raise self._closed_meanwhile()
            old, self._pool = self._pool, pool
            self._loop, self._may_be_broken = async_loop(), False
        if old is not None:
            # Connections in use are closed as they come back.
            await old.close(timeout=1)

    def _start_server(self) -> dict[str, Any]:
        """Return libpq's parameters; for a folder, of the embedded server, which is started if it is not running."""
        if isinstance(self.target, ServerTarget):
            return server_parameters(self.target.parameters, self.options.connect_timeout)
        server = self.server
        if server is None:
            from vecs.embedded import open_server

            server = self.server = open_server(
                self.target.folder,
                settings=self.options.server_settings,
                keep_running=self.options.keep_running,
                report=self.options.report,
            )
        else:
            server.ensure_running()
        timeout = {"connect_timeout": str(self.options.connect_timeout)}
        return {**timeout, **server.conninfo, "application_name": "vecs"}

    async def _probe(self, parameters: dict[str, Any]) -> None:
        """Connect once outside the pool, which would try for half a minute and hide the reason; look at the server."""
        async with await self._connect_once(parameters) as connection:
            connection.patience = self.options.pool_timeout
            try:
                look = read_look(await run_statement(connection, look_at_server()))
            except psycopg.Error as error:
                raise database_error(error, lost=connection.closed) from error
            self._needed = look.needed
            self.use_extension(look.extension)
            self._notice_pooler(connection.info.backend_pid, look.pid)

    def _notice_pooler(self, expected: int, pid: int) -> None:
        said = _said_of_pooler(self.target, self.options)
        # A pooler makes up the process id that it gives its clients, or gives none.
        self.pooler = expected != pid if said is None else said
        if said is None and self.pooler and not self._told_of_pooler:
            self._told_of_pooler = True
            log.info(
                "a pooler is between vecs and %s: nothing is prepared, and nothing set for longer than a transaction; "
                "pooler=False changes that, for a pooler in session mode",
                self.target,
            )

    async def _connect_once(self, parameters: dict[str, Any]) -> AsyncVecsConnection:
        try:
            return await AsyncVecsConnection.connect(**connect_arguments(parameters, prepares=False))
        except psycopg.Error as error:
            raise connection_error(error, self.target) from error

    async def _open_pool(self, parameters: dict[str, Any]) -> _Pool:
        pool = _Pool(
            kwargs=connect_arguments(parameters, prepares=not self.pooler),
            connection_class=AsyncVecsConnection,
            configure=self._track,
            min_size=1,
            max_size=self.options.pool_size,
            timeout=self.options.pool_timeout,
            open=False,
            name="vecs",
        )
        try:
            # Waiting for the first connection: a getconn() meanwhile would open a second.
            await pool.open(wait=True, timeout=self.options.pool_timeout)
        except BaseException as error:
            await pool.close()
            if isinstance(error, PoolTimeout):
                raise Unavailable(f"{self.target} answered once and then no more") from error
            raise
        return pool

    async def _track(self, connection: AsyncVecsConnection) -> None:
        self._all.add(connection)

    async def close(self) -> None:
        """Return every connection and let go of the embedded server; a later call opens anew."""
        self._close_count += 1
        if loop_is_over(self._loop):
            self._abandon()
        same_loop(self._loop, async_loop())
        pool, server = self._pool, self.server
        self._pool = self.server = None
        self._loop = None
        self._lock = AsyncLock()
        gate, self._gate = self._gate, AsyncGate(self.options.pool_size)
        try:
            if pool is not None and self._pid == os.getpid():
                gate.open()
                try:
                    await pool.close()
                finally:
                    # Where asyncio.run() cancelled the pool's tasks, the pool keeps what they would have closed.
                    for connection in set(self._all) - self._checked_out:
                        await connection.close()
        finally:
            if server is not None:
                await async_offload(server.close)

    def _abandon(self) -> None:
        """Close the sockets without the event loop, which is closed and would be needed to say goodbye."""
        for connection in self._all:
            connection.pgconn.finish()
        self._reset()


def _said_of_pooler(target: ServerTarget | FolderTarget, options: Options) -> bool | None:
    """Return what the caller says, or else the connection string; None where both are silent."""
    if options.pooler is not None:
        return options.pooler
    # Nothing is between a client and an embedded server.
    return getattr(target, "pooler", None) if isinstance(target, ServerTarget) else False
