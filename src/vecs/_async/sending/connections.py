"""Connections to a target: opened, handed out, taken back, healed and closed."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import PoolClosed, PoolTimeout

from vecs._async.sending.sessions import AsyncHeld, AsyncSessions, AsyncVecsConnection, run_statement
from vecs._concurrency.calls import async_offload
from vecs._concurrency.loops import async_loop, loop_is_over, same_loop
from vecs._concurrency.pool import AsyncGate, AsyncPool
from vecs._concurrency.waiting import AsyncLock
from vecs._connecting.errors import connection_error
from vecs._connecting.options import Options
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._searching.known_indexes import KnownIndexes
from vecs._sql.binary import ADAPTERS
from vecs._sql.settings import NO_SETTINGS, Settings, base_settings
from vecs._sql.table import Extension, find_extension, read_extension
from vecs.exc import Unavailable
from vecs.measures import IndexMeasure

if TYPE_CHECKING:
    from vecs.embedded import EmbeddedServer

# Pools of a parent process: kept from being finalised in a forked child, where their threads do not exist.
_ABANDONED: list[Any] = []


class AsyncConnections(AsyncSessions):
    """Opens, hands out, takes back and closes the connections to one target."""

    def __init__(self, target: ServerTarget | FolderTarget, options: Options) -> None:
        self.target = target
        self.options = options
        self.extension: Extension | None = None
        self.server: EmbeddedServer | None = None
        # The valid indexes of each collection, by schema and name, and when they were read: looked for now and then,
        # so that a search is one statement.
        self.indexes: dict[tuple[str, str], tuple[float, KnownIndexes]] = {}
        # Collections and measures of which a warning was given that no index covers them.
        self.warned: set[tuple[str, str, IndexMeasure]] = set()
        # How often a table's columns were altered here: what collections know of theirs is older then.
        self.altered = 0
        # How often this was closed: a call that began before does not open it again.
        self._closings = 0
        self._reset()

    def _reset(self) -> None:
        self._lock = AsyncLock()
        self._pool: AsyncPool[AsyncVecsConnection] | None = None
        self._lent: set[AsyncVecsConnection] = set()
        self._gate = AsyncGate(self.options.pool_size)
        self._made: WeakSet[AsyncVecsConnection] = WeakSet()
        # A connection was found dead: the others may be, too.
        self._suspect = False
        self._base: Settings = NO_SETTINGS
        self._parameters: dict[str, Any] = {}
        self._pid = os.getpid()
        self._loop: object = None

    async def open(self) -> None:
        """Connect, if there is no connection yet; raises Unavailable, DatabaseError or ServerError."""
        if loop_is_over(self._loop):
            self._abandon()
        if self._pool is None or self._suspect or self._pid != os.getpid():
            await self._connect()
        else:
            same_loop(self._loop, async_loop())

    def belongs_elsewhere(self) -> bool:
        """Whether an event loop opened it that goes on, and is not the running one."""
        return self._loop not in (None, async_loop()) and not loop_is_over(self._loop)

    def _abandon(self) -> None:
        """Hang up without the event loop that would be needed to do it properly; it is closed."""
        for connection in self._made:
            connection.pgconn.finish()
        self._reset()

    async def _connect(self) -> None:
        if self._pid != os.getpid():
            _ABANDONED.append(self._pool)
            self._reset()
        if self._pool is not None:
            same_loop(self._loop, async_loop())
        closings = self._closings
        async with self._lock:
            if self._pool is not None and not self._suspect:
                return
            parameters = await async_offload(self._start_server)
            await self._look(parameters)
            self._parameters = parameters
            pool = self._make_pool(parameters)
            try:
                # Waiting for the first connection: a getconn() meanwhile would open a second.
                await pool.open(wait=True, timeout=self.options.pool_timeout)
            except BaseException as error:
                await pool.close()
                if isinstance(error, PoolTimeout):
                    raise Unavailable(f"{self.target} answered once and then no more") from error
                raise
            if closings != self._closings:
                await pool.close()
                raise self._closed_meanwhile()
            old, self._pool = self._pool, pool
            self._loop = async_loop()
            self._suspect = False
        if old is not None:
            # Connections in use are closed as they come back.
            await old.close(timeout=1)

    def _start_server(self) -> dict[str, Any]:
        if isinstance(self.target, ServerTarget):
            defaults = {"connect_timeout": str(self.options.connect_timeout)}
            return {**defaults, "application_name": "vecs", **self.target.parameters}
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
        return {**server.conninfo, "application_name": "vecs"}

    async def _look(self, parameters: dict[str, Any]) -> None:
        """Connect once outside the pool: the pool would wait half a minute and hide the reason."""
        try:
            connection = await self._connect_alone(parameters)
        except psycopg.Error as error:
            raise connection_error(error, self.target) from error
        async with connection:
            await self.refresh_extension(connection)

    async def _connect_alone(self, parameters: dict[str, Any]) -> AsyncVecsConnection:
        return await AsyncVecsConnection.connect(
            **parameters, autocommit=True, context=ADAPTERS, prepare_threshold=None
        )

    async def refresh_extension(self, connection: AsyncConnection[Any] | None = None) -> None:
        """Read anew whether pgvector is there; after it was created, for one."""
        if connection is None:
            rows = await cast("Any", self).read(find_extension())
        else:
            rows = await run_statement(connection, find_extension())
        self.extension = read_extension(rows)
        self._base = base_settings(self.extension, self.options.statement_timeout)

    def _make_pool(self, parameters: dict[str, Any]) -> AsyncPool[AsyncVecsConnection]:
        return AsyncPool(
            kwargs={
                **parameters,
                "autocommit": True,
                "context": ADAPTERS,
                "prepare_threshold": self._prepare_threshold(),
            },
            connection_class=AsyncVecsConnection,
            configure=self._remember,
            min_size=1,
            max_size=self.options.pool_size,
            timeout=self.options.pool_timeout,
            open=False,
            name="vecs",
        )

    async def _remember(self, connection: AsyncVecsConnection) -> None:
        self._made.add(connection)

    def _closed_meanwhile(self) -> Unavailable:
        return Unavailable(f"the client of {self.target} was closed during the call")

    async def _acquire(self) -> tuple[AsyncPool[AsyncVecsConnection], AsyncVecsConnection]:
        closings = self._closings
        await self.open()
        pool = self._pool
        if pool is None:
            raise self._closed_meanwhile()
        gate = self._gate
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
            if closings != self._closings:
                raise self._closed_meanwhile() from error
            # Another call found a dead connection and made a new pool.
            return await self._acquire()
        connection.gate = gate
        self._lent.add(connection)
        return pool, connection

    def _none_is_free(self) -> Unavailable:
        waited = f"no connection to {self.target} became free within {self.options.pool_timeout:g} s"
        if len(self._lent) >= self.options.pool_size:
            return Unavailable(f"{waited}: all {self.options.pool_size} are in use (see pool_size=)")
        self._suspect = True
        return Unavailable(f"{waited}: the server does not answer")

    async def _release(self, pool: AsyncPool[AsyncVecsConnection], connection: AsyncVecsConnection) -> None:
        self._lent.discard(connection)
        gate, connection.gate = connection.gate, None
        try:
            await pool.putconn(connection)
        finally:
            if gate is not None:
                gate.leave()

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[AsyncHeld]:
        """Take one connection of the pool for several statements."""
        pool, connection = await self._acquire()
        try:
            yield AsyncHeld(self, connection)
        finally:
            await self._release(pool, connection)

    @asynccontextmanager
    async def aside(self) -> AsyncGenerator[AsyncHeld]:
        """Open a connection outside the pool, which may be all in use."""
        try:
            connection = await self._connect_alone(self._parameters)
        except psycopg.Error as error:
            raise connection_error(error, self.target) from error
        async with connection:
            yield AsyncHeld(self, connection)

    async def close(self) -> None:
        """Return every connection and let go of the embedded server; a later call opens anew."""
        self._closings += 1
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
                    # Where asyncio.run() cancelled the pool's tasks it keeps what they would have closed.
                    for connection in set(self._made) - self._lent:
                        await connection.close()
        finally:
            if server is not None:
                await async_offload(server.close)
