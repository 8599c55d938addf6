"""How statements are sent: the pool, transactions, settings, errors, and what happens when a connection dies."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg_pool import PoolClosed, PoolTimeout

from vecs._concurrency.calls import async_offload
from vecs._concurrency.loops import async_loop, loop_is_over, same_loop
from vecs._concurrency.pool import AsyncGate, AsyncPool
from vecs._concurrency.waiting import AsyncLock, async_pause
from vecs._connecting.errors import (
    Conflict,
    ConnectionLost,
    PlanIsStale,
    conflict_pauses,
    connection_error,
    database_error,
    plan_is_stale,
)
from vecs._connecting.options import Options
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._searching.known_indexes import KnownIndexes
from vecs._sql.binary import ADAPTERS
from vecs._sql.fragment import Fragment
from vecs._sql.settings import (
    FORGET_SESSION,
    NO_SETTINGS,
    Settings,
    base_settings,
    deallocate,
    find_prepared,
    ping,
    reset_statement,
    set_statement,
)
from vecs._sql.table import Extension, find_extension, read_extension
from vecs.exc import Unavailable, VecsException
from vecs.measures import IndexMeasure

if TYPE_CHECKING:
    from vecs.embedded import EmbeddedServer

Rows = list[tuple[Any, ...]]

# Settings that index scans alone look at.
_OF_SCANS = ("hnsw.", "ivfflat.")

# Fewer than this are not worth a second connection.
FEW_STATEMENTS = 2
MOST_CONNECTIONS = 4

# Pools of a parent process: kept from being finalised in a forked child, where their threads do not exist.
_ABANDONED: list[Any] = []


class _AsyncConnection(AsyncConnection[Any]):
    """A connection that remembers what it was set to, so that a query is one statement."""

    applied: Mapping[str, str] = NO_SETTINGS
    # Where it was let through; None while it is in the pool.
    gate: AsyncGate | None = None


class AsyncSession:
    """One open transaction."""

    def __init__(self, cursor: AsyncRawCursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    async def execute(self, statement: Fragment) -> Rows:
        """Run one statement; return its rows, if it has any."""
        text, params = statement.render()
        await self._cursor.execute(text, params, binary=True)
        return await self._cursor.fetchall() if _has_rows(self._cursor) else []

    @property
    def rowcount(self) -> int:
        """How many rows the last statement touched."""
        return self._cursor.rowcount

    @asynccontextmanager
    async def copy(self, statement: Fragment) -> AsyncGenerator[psycopg.AsyncCopy]:
        """Start a COPY."""
        async with self._cursor.copy(statement.render()[0]) as copy:
            yield copy


class AsyncHeld:
    """One connection for several statements, in and outside of transactions, with what its session locks."""

    def __init__(self, executor: AsyncExecutor, connection: _AsyncConnection) -> None:
        self._executor = executor
        self._connection = connection

    async def execute(self, statement: Fragment) -> Rows:
        """Run one statement, with the settings every connection has; return its rows, if it has any."""
        return await self._executor.run_on(self._connection, statement)

    async def alone(self, statement: Fragment, settings: Settings = NO_SETTINGS) -> None:
        """Run one statement that must not be in a transaction, such as CREATE INDEX CONCURRENTLY."""
        await self._executor.alone_on(self._connection, statement, settings)

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        async with self._executor.transaction_on(self._connection, settings) as session:
            yield session

    @contextmanager
    def hearing(self, listener: Callable[[str], object]) -> Generator[None]:
        """Call a function with each notice and warning that the server sends meanwhile."""

        def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
            listener(diagnostic.message_primary or "")

        self._connection.add_notice_handler(hear)
        try:
            yield
        finally:
            self._connection.remove_notice_handler(hear)

    async def close(self) -> None:
        """End the session, and what it locked, instead of handing the connection on."""
        await self._connection.close()


class AsyncExecutor:
    """
    Sends statements to one target through one pool.

    It connects with the first statement and again after `close()`, a fork or a broken connection.
    """

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
        self._pool: AsyncPool[_AsyncConnection] | None = None
        self._lent: set[_AsyncConnection] = set()
        self._gate = AsyncGate(self.options.pool_size)
        self._made: WeakSet[_AsyncConnection] = WeakSet()
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

    async def _connect_alone(self, parameters: dict[str, Any]) -> _AsyncConnection:
        return await _AsyncConnection.connect(**parameters, autocommit=True, context=ADAPTERS, prepare_threshold=None)

    async def refresh_extension(self, connection: AsyncConnection[Any] | None = None) -> None:
        """Read anew whether pgvector is there; after it was created, for one."""
        if connection is None:
            rows = await self.read(find_extension())
        else:
            rows = await _execute(connection, find_extension())
        self.extension = read_extension(rows)
        self._base = base_settings(self.extension, self.options.statement_timeout)

    def _make_pool(self, parameters: dict[str, Any]) -> AsyncPool[_AsyncConnection]:
        return AsyncPool(
            kwargs={
                **parameters,
                "autocommit": True,
                "context": ADAPTERS,
                "prepare_threshold": self._prepare_threshold(),
            },
            connection_class=_AsyncConnection,
            configure=self._remember,
            min_size=1,
            max_size=self.options.pool_size,
            timeout=self.options.pool_timeout,
            open=False,
            name="vecs",
        )

    async def _remember(self, connection: _AsyncConnection) -> None:
        self._made.add(connection)

    def _closed_meanwhile(self) -> Unavailable:
        return Unavailable(f"the client of {self.target} was closed during the call")

    def _prepare_threshold(self) -> int | None:
        # A transaction pooler hands the next transaction to another server connection.
        return None if self.options.pooler else 5

    async def _acquire(self) -> tuple[AsyncPool[_AsyncConnection], _AsyncConnection]:
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

    async def _release(self, pool: AsyncPool[_AsyncConnection], connection: _AsyncConnection) -> None:
        self._lent.discard(connection)
        gate, connection.gate = connection.gate, None
        try:
            await pool.putconn(connection)
        finally:
            if gate is not None:
                gate.leave()

    async def read(
        self, statement: Fragment, settings: Settings | None = None, *, prepare: Literal[False] | None = None
    ) -> Rows:
        """
        Run one statement that changes nothing; once more if its connection turns out to be dead.

        Settings hold for it alone; None is for what does not search. With `prepare=False` it is planned for its
        very values each time.
        """
        try:
            return await self._run(statement, settings, prepare)
        except ConnectionLost:
            return await self._run(statement, settings, prepare)

    async def read_many(
        self,
        statements: Sequence[Fragment],
        settings: Settings | None = None,
        *,
        prepare: Literal[False] | None = None,
    ) -> list[Rows]:
        """
        Run statements that change nothing; return the rows of each.

        They are sent without waiting for each other's answers, over as many connections as are idle, so that
        the server works on several at once.
        """
        if len(statements) == 1:
            return [await self.read(statements[0], settings, prepare=prepare)]
        if self.options.pooler or len(statements) < FEW_STATEMENTS or not psycopg.Pipeline.is_supported():
            return [await self.read(statement, settings, prepare=prepare) for statement in statements]
        try:
            return await self._run_many(statements, settings, prepare)
        except (ConnectionLost, PlanIsStale):
            return [await self.read(statement, settings, prepare=prepare) for statement in statements]

    async def _run_many(
        self, statements: Sequence[Fragment], settings: Settings | None, prepare: Literal[False] | None
    ) -> list[Rows]:
        async with AsyncExitStack() as held:
            pool, connection = await self._acquire()
            held.push_async_callback(self._release, pool, connection)
            connections = [connection]
            while len(connections) < min(len(statements) // FEW_STATEMENTS, MOST_CONNECTIONS):
                try:
                    # Not 0: then the pool would not even begin to make one for the next time.
                    connection = await pool.getconn(timeout=0.001)
                except (PoolTimeout, PoolClosed):
                    break
                self._lent.add(connection)
                held.push_async_callback(self._release, pool, connection)
                connections.append(connection)
            try:
                return await self._pipelined(connections, statements, settings, prepare)
            except BaseException as error:
                lost = any(connection.closed for connection in connections)
                for connection in connections:
                    # psycopg may think that it prepared there what the server never saw.
                    await connection.close()
                if not isinstance(error, psycopg.Error):
                    raise
                if plan_is_stale(error):
                    raise PlanIsStale("the table was altered") from error
                self._suspect = self._suspect or lost
                raise database_error(error, lost=lost) from error

    async def _pipelined(
        self,
        connections: Sequence[_AsyncConnection],
        statements: Sequence[Fragment],
        settings: Settings | None,
        prepare: Literal[False] | None,
    ) -> list[Rows]:
        async with AsyncExitStack() as pipelines:
            for connection in connections:
                await self._apply(connection, settings)
                await pipelines.enter_async_context(connection.pipeline())
            cursors = [_cursor(connections[number % len(connections)]) for number in range(len(statements))]
            for cursor, statement in zip(cursors, statements, strict=True):
                text, params = statement.render()
                await cursor.execute(text, params, prepare=prepare, binary=True)
            return [await cursor.fetchall() for cursor in cursors]

    async def write(self, statement: Fragment) -> Rows:
        """
        Run one statement that may change something, atomic by itself.

        It is repeated only where the server says that it undid it, because of a deadlock.
        """
        for seconds in conflict_pauses():
            try:
                return await self._run(statement, None)
            except Conflict:
                await async_pause(seconds)
        return await self._run(statement, None)

    async def alone(self, statement: Fragment, settings: Settings = NO_SETTINGS) -> None:
        """Run one statement that must not be in a transaction, such as DROP INDEX CONCURRENTLY."""
        async with self.hold() as held:
            await held.alone(statement, settings)

    async def alone_on(self, connection: _AsyncConnection, statement: Fragment, settings: Settings) -> None:
        """Run one statement outside of a transaction, on a connection that is held."""
        try:
            if not self.options.pooler:
                await self._apply(connection, settings)
            await _execute(connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

    async def _run(self, statement: Fragment, settings: Settings | None, prepare: Literal[False] | None = None) -> Rows:
        pool, connection = await self._acquire()
        try:
            return await self.run_on(connection, statement, settings, prepare)
        finally:
            await self._release(pool, connection)

    async def run_on(
        self,
        connection: _AsyncConnection,
        statement: Fragment,
        settings: Settings | None = None,
        prepare: Literal[False] | None = None,
    ) -> Rows:
        """Run one statement on a connection that is held."""
        try:
            if self.options.pooler:
                async with connection.transaction():
                    await self._set_local(connection, {**self._base, **(settings or NO_SETTINGS)})
                    return await _execute(connection, statement, prepare=False)
            await self._apply(connection, settings)
            try:
                return await _execute(connection, statement, prepare=prepare)
            except psycopg.errors.FeatureNotSupported as error:
                # The table was altered under a prepared statement.
                if not plan_is_stale(error):
                    raise
                return await _execute(connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

    async def _apply(self, connection: _AsyncConnection, settings: Settings | None) -> None:
        """Set what is wanted and undo the rest; None minds nothing that an earlier search set for index scans."""
        wanted = {**self._base, **settings} if settings else self._base
        if connection.applied == wanted:
            return
        undone = connection.applied.keys() - wanted.keys()
        if settings is None:
            # Searches and other calls take turns: undone and set again each time, it would triple their statements.
            undone = {name for name in undone if not name.startswith(_OF_SCANS)}
        # Remembered one by one: a value that is refused leaves the earlier ones set.
        for name in undone:
            await _execute(connection, reset_statement(name), prepare=False)
            connection.applied = {key: value for key, value in connection.applied.items() if key != name}
        for name, value in wanted.items():
            if connection.applied.get(name) != value:
                await _execute(connection, set_statement(name, value, local=False), prepare=False)
                connection.applied = {**connection.applied, name: value}

    async def _set_local(self, connection: _AsyncConnection, settings: Settings) -> None:
        for name, value in settings.items():
            await _execute(connection, set_statement(name, value, local=True), prepare=False)

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        async with self.hold() as held, held.transaction(settings) as session:
            yield session

    @asynccontextmanager
    async def transaction_on(self, connection: _AsyncConnection, settings: Settings) -> AsyncGenerator[AsyncSession]:
        """Open a transaction on a connection that is held."""
        try:
            if not self.options.pooler:
                await self._apply(connection, NO_SETTINGS)
            async with connection.transaction():
                await self._set_local(connection, {**self._base, **settings} if self.options.pooler else settings)
                yield AsyncSession(_cursor(connection))
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

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

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """Lend a connection; what its borrower set, created or left open does not reach the next one."""
        # What makes a dead connection heal: nobody should borrow one.
        await self.read(ping())
        pool, connection = await self._acquire()
        try:
            if not self.options.pooler:
                await self._apply(connection, NO_SETTINGS)
            yield connection
            if connection.info.transaction_status == TransactionStatus.INTRANS:
                await connection.commit()
        finally:
            try:
                await self._take_back(connection)
            finally:
                await self._release(pool, connection)

    async def _take_back(self, connection: _AsyncConnection) -> None:
        connection.applied = NO_SETTINGS
        if connection.closed:
            self._suspect = True
            return
        try:
            await connection.rollback()
            await connection.set_autocommit(True)
            await connection.set_read_only(None)
            await connection.set_isolation_level(None)
            await connection.set_deferrable(None)
            connection.prepare_threshold = self._prepare_threshold()
            connection.row_factory = tuple_row
            if not self.options.pooler:
                for statement in FORGET_SESSION:
                    await _execute(connection, statement, prepare=False)
                for (name,) in await _execute(connection, find_prepared(), prepare=False):
                    await _execute(connection, deallocate(name), prepare=False)
        except psycopg.Error:
            # Whatever is wrong with it, it ends here; the pool replaces it.
            await connection.close()
        except BaseException:
            # Cancelled halfway: nobody knows what is still set.
            await connection.close()
            raise

    def _failed(self, connection: _AsyncConnection, error: psycopg.Error) -> VecsException:
        # A closed connection, not the error's class: Citus reports a dead worker as a connection failure.
        if connection.closed:
            self._suspect = True
        return database_error(error, lost=connection.closed)

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


def _cursor(connection: AsyncConnection[Any]) -> AsyncRawCursor[tuple[Any, ...]]:
    # The connection's own row factory may be a borrower's.
    return AsyncRawCursor(connection, row_factory=tuple_row)


def _has_rows(cursor: AsyncRawCursor[Any]) -> bool:
    # Not `description`, which makes an object a column: a tenth of a search's time on this side.
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0


async def _execute(connection: AsyncConnection[Any], statement: Fragment, *, prepare: bool | None = None) -> Rows:
    text, params = statement.render()
    cursor = _cursor(connection)
    await cursor.execute(text, params, prepare=prepare, binary=True)
    return await cursor.fetchall() if _has_rows(cursor) else []
