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

`release()` gives back what was taken, and waits for nothing, so that no cancellation gets in between. Where a call
ends before it can ask for that, as by Ctrl-C, it comes back by itself. A client that is dropped closes what it has.

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

import psycopg

from vecs._async.sending.pool import AsyncPool, PoolClosed, PoolTimeout
from vecs._async.sending.sessions import (
    AsyncPinnedConnection,
    AsyncVecsConnection,
    connect_arguments,
    prepare_threshold,
    run_statement,
)
from vecs._concurrency.calls import async_offload
from vecs._concurrency.gate import Place
from vecs._concurrency.loops import async_loop, loop_is_over, same_loop
from vecs._concurrency.waiting import AsyncLock, async_pause
from vecs._connecting.errors import (
    ConnectionLost,
    ServerBusy,
    ServerStarting,
    again,
    connection_error,
    database_error,
    without_frames,
)
from vecs._connecting.options import Options
from vecs._connecting.parameters import server_parameters
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._sql.extension import Extension
from vecs._sql.look import look_at_server, read_look
from vecs._sql.settings import NO_SETTINGS, Settings, base_settings, read_only_settings
from vecs.exc import Unavailable, VecsException

if TYPE_CHECKING:
    from vecs.embedded import EmbeddedServer

log = logging.getLogger("vecs")

# Seconds for the recovery of an embedded server, which reads all that was written since its last checkpoint.
RECOVERY = 600
# How many connections in a row may be dead: with the first of a pool the whole pool is replaced.
_MOST_LOOKS = 10


class AsyncCheckedOut(AsyncPinnedConnection):
    """A connection of the pool while it is in use, with the pool that takes it back."""

    pool: AsyncPool
    # None once it was given back.
    place: Place | None


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
        self._pool: AsyncPool | None = None
        self._may_be_broken = False
        self._base: Settings = NO_SETTINGS
        self._needed: Settings = NO_SETTINGS
        self._parameters: dict[str, Any] = {}
        # How many attempts to connect have begun, and the last one that failed: its number and its error.
        self._attempts = 0
        self._failed: tuple[int, VecsException] | None = None
        self._pid = os.getpid()
        self._loop: object = None

    async def open(self) -> None:
        """Connect, if there is no connection yet; raises Unavailable, DatabaseError or ServerError."""
        running = async_loop()
        if self._pid != os.getpid():
            self._reset()
        if self._loop is not running and loop_is_over(self._loop):
            self._abandon()
        if self._pool is None or self._may_be_broken:
            await self._connect()
        else:
            same_loop(self._loop, running)

    def belongs_elsewhere(self) -> bool:
        """Whether the pool was opened in an event loop that is neither closed nor the running one."""
        return self._loop not in (None, async_loop()) and not loop_is_over(self._loop)

    def use_extension(self, extension: Extension | None) -> None:
        """Note which pgvector the server has: what every statement is set to follows from it."""
        if self.extension is not None and self.extension != extension:
            # Sessions know the former: its library, and its types in the statements that were prepared.
            self._may_be_broken = True
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
                self.release(used)
                raise
            used.lost = True
            self.release(used)
        return await self._acquire()

    async def _acquire(self) -> AsyncCheckedOut:
        again = True
        while True:
            close_count = self._close_count
            await self.open()
            pool = self._pool
            if pool is None:
                raise self._closed_meanwhile()
            try:
                connection, place = await pool.take(self.options.pool_timeout)
            except PoolTimeout as error:
                raise self._none_is_free(pool) from error
            except PoolClosed as error:
                if close_count != self._close_count:
                    raise self._closed_meanwhile() from error
                # Another call found a dead connection and made a new pool.
            except psycopg.Error as error:
                self._doubt(pool)
                if not again:
                    raise connection_error(error, self.target) from without_frames(error)
                # Once: a probe says why, or starts the embedded server again.
                again = False
            else:
                return self._check_out(connection, pool, place)

    def release(self, used: AsyncCheckedOut) -> None:
        """Take a connection back into its pool."""
        if used.lost:
            self._doubt(used.pool)
        place, used.place = used.place, None
        if place is not None:
            used.pool.give_back(used.connection, place)

    def _doubt(self, pool: AsyncPool | None) -> None:
        """Have the next call look at the server again, if this is still the pool."""
        if pool is self._pool:
            self._may_be_broken = True

    @asynccontextmanager
    async def pin(self) -> AsyncGenerator[AsyncPinnedConnection]:
        """Take one connection of the pool, which stands, for several statements."""
        used = await self.acquire(alive=True)
        try:
            yield used
        finally:
            self.release(used)

    @asynccontextmanager
    async def pin_idle(self, most: int) -> AsyncGenerator[list[AsyncPinnedConnection]]:
        """Take one connection, waiting for it, and as many others as are idle: `most` in all."""
        async with AsyncExitStack() as taken:
            used = await self.acquire()
            taken.callback(self.release, used)
            pool, pinned = used.pool, [used]
            while len(pinned) < most:
                # To open one takes a while: the calls to come have it, too.
                grows = not pool.idle
                more = await pool.take_now()
                if more is None:
                    break
                used = self._check_out(more[0], pool, more[1])
                taken.callback(self.release, used)
                pinned.append(used)
                if grows:
                    break
            yield list[AsyncPinnedConnection](pinned)

    @asynccontextmanager
    async def outside_pool(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncPinnedConnection]:
        """Open a connection outside the pool, whose connections may all be in use, and close it at the end."""
        pool = self._pool
        connection = await self._connect_once(self._parameters)
        try:
            pinned = AsyncPinnedConnection(connection, {**self._settings(), **settings}, self.pooler)
            try:
                yield pinned
            finally:
                if pinned.lost:
                    self._doubt(pool)
        finally:
            connection.hang_up()

    def _check_out(self, connection: AsyncVecsConnection, pool: AsyncPool, place: Place) -> AsyncCheckedOut:
        used = AsyncCheckedOut(connection, self._settings(), self.pooler)
        used.pool, used.place = pool, place
        return used

    def _settings(self) -> Settings:
        if not self.options.read_only:
            return self._base
        return {**self._base, **read_only_settings(pooler=self.pooler)}

    def _none_is_free(self, pool: AsyncPool) -> Unavailable:
        waited = f"no connection to {self.target} became free within {self.options.pool_timeout:g} s"
        if pool.opened >= self.options.pool_size:
            return Unavailable(f"{waited}: all {self.options.pool_size} are in use (see pool_size=)")
        self._doubt(pool)
        return Unavailable(f"{waited}: the server does not answer")

    def _closed_meanwhile(self) -> Unavailable:
        return Unavailable(f"the client of {self.target} was closed during the call")

    async def _connect(self) -> None:
        if self._pool is not None:
            same_loop(self._loop, async_loop())
        close_count, begun = self._close_count, self._attempts
        async with self._lock:
            if self._pool is not None and not self._may_be_broken:
                return
            if self._failed is not None and self._failed[0] > begun:
                # It was tried while this call waited. Were each to try, the last would wait for all of them.
                raise again(self._failed[1])
            self._attempts = attempt = self._attempts + 1
            try:
                parameters, first = await self._reach(close_count)
            except VecsException as error:
                if isinstance(error, ServerBusy) and self._pool is not None and self._pool.opened:
                    # It takes no more: those that stand go on.
                    self._may_be_broken = False
                    return
                self._failed = attempt, again(error)
                raise
            self._failed, self._parameters = None, parameters
            pool = self._pool_of(parameters, first)
            if close_count != self._close_count:
                pool.close()
                raise self._closed_meanwhile()
            old, self._pool = self._pool, pool
            self._loop, self._may_be_broken = async_loop(), False
        if old is not None:
            # Connections in use are closed as they come back.
            old.close()

    async def _reach(self, close_count: int) -> tuple[dict[str, Any], AsyncVecsConnection]:
        """Return libpq's parameters and a first connection; wait for an embedded server until its recovery is over."""
        started = monotonic()
        while True:
            parameters = await async_offload(self._start_server, close_count)
            try:
                return parameters, await self._probe(parameters)
            except (ServerStarting, ConnectionLost):
                # A server that one of its processes has left may take a connection, and end it with the others.
                if isinstance(self.target, ServerTarget) or monotonic() - started > RECOVERY:
                    raise
                await async_pause(0.05)

    def _start_server(self, close_count: int) -> dict[str, Any]:
        """Return libpq's parameters; for a folder, of the embedded server, which is started if it is not running."""
        if isinstance(self.target, ServerTarget):
            return server_parameters(self.target.parameters, self.options.connect_timeout)
        server = self.server
        if server is None:
            from vecs.embedded import open_server

            server = open_server(
                self.target.folder,
                settings=self.options.server_settings,
                keep_running=self.options.keep_running,
                report=self.options.report,
            )
            # Else the client was closed during a call that was cancelled, whose thread goes on.
            if close_count == self._close_count:
                self.server = server
        else:
            server.ensure_running()
        timeout = str(self.options.connect_timeout)
        return {**server.conninfo, "connect_timeout": timeout, "application_name": "vecs"}

    async def _probe(self, parameters: dict[str, Any]) -> AsyncVecsConnection:
        """Connect, and look at the server."""
        connection = await self._connect_once(parameters)
        connection.patience = self.options.pool_timeout
        try:
            look = read_look(await run_statement(connection, look_at_server()))
        except psycopg.Error as error:
            lost = connection.closed
            connection.hang_up()
            raise database_error(error, lost=lost) from error
        except BaseException:
            connection.hang_up()
            raise
        self._needed = look.needed
        self.use_extension(look.extension)
        self._notice_pooler(connection.info.backend_pid, look.pid)
        connection.patience = None
        return connection

    def _notice_pooler(self, expected: int, pid: int) -> None:
        said = _said_of_pooler(self.target, self.options)
        # A pooler makes up the process id that it gives its clients, or gives none.
        self.pooler = expected != pid if said is None else said
        if said is None and self.pooler and not self._told_of_pooler:
            self._told_of_pooler = True
            log.info(
                "there is a pooler between vecs and %s: vecs uses no prepared statements, and its settings last for "
                "one transaction; if the pooler is in session mode, pooler=False makes searches faster",
                self.target,
            )

    async def _connect_once(self, parameters: dict[str, Any]) -> AsyncVecsConnection:
        try:
            return await AsyncVecsConnection.connect(**connect_arguments(parameters, prepares=False))
        except (psycopg.Error, UnicodeError) as error:
            raise connection_error(error, self.target) from without_frames(error)

    def _pool_of(self, parameters: dict[str, Any], first: AsyncVecsConnection) -> AsyncPool:
        """Return a pool with its first connection."""
        prepares = not self.pooler
        first.prepare_threshold = prepare_threshold(prepares)
        return AsyncPool(connect_arguments(parameters, prepares=prepares), self.options.pool_size, first)

    async def close(self) -> None:
        """Return every connection and let go of the embedded server; a later call opens anew."""
        self._close_count += 1
        if self._pid != os.getpid():
            self._reset()
        if loop_is_over(self._loop):
            self._abandon()
        same_loop(self._loop, async_loop())
        pool, server = self._pool, self.server
        self._pool = self.server = None
        self._loop = None
        self._lock = AsyncLock()
        if pool is not None:
            pool.close()
        if server is not None:
            await async_offload(server.close)

    def _abandon(self) -> None:
        """Close what an event loop opened that is closed: nothing of it comes back."""
        if self._pool is not None:
            self._pool.abandon()
        self._reset()


def _said_of_pooler(target: ServerTarget | FolderTarget, options: Options) -> bool | None:
    """Return what the caller says, or else the connection string; None where both are silent."""
    if options.pooler is not None:
        return options.pooler
    # Nothing is between a client and an embedded server.
    return target.pooler if isinstance(target, ServerTarget) else False
