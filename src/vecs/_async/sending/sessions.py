"""One connection: its settings, its statements and its transactions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import tuple_row

from vecs._concurrency.pool import AsyncGate
from vecs._connecting.errors import database_error, plan_is_stale
from vecs._connecting.options import Options
from vecs._sql.fragment import Fragment
from vecs._sql.settings import NO_SETTINGS, Settings, reset_statement, set_statement
from vecs.exc import VecsException

Rows = list[tuple[Any, ...]]

# Settings that index scans alone look at.
_OF_SCANS = ("hnsw.", "ivfflat.")


class AsyncVecsConnection(AsyncConnection[Any]):
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

    def __init__(self, executor: AsyncSessions, connection: AsyncVecsConnection) -> None:
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


class AsyncSessions:
    """Runs statements on one connection."""

    options: Options
    _suspect: bool
    _base: Settings

    async def alone_on(self, connection: AsyncVecsConnection, statement: Fragment, settings: Settings) -> None:
        """Run one statement outside of a transaction, on a connection that is held."""
        try:
            if not self.options.pooler:
                await self._apply(connection, settings)
            await run_statement(connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

    async def run_on(
        self,
        connection: AsyncVecsConnection,
        statement: Fragment,
        settings: Settings | None = None,
        prepare: Literal[False] | None = None,
    ) -> Rows:
        """Run one statement on a connection that is held."""
        try:
            if self.options.pooler:
                async with connection.transaction():
                    await self._set_local(connection, {**self._base, **(settings or NO_SETTINGS)})
                    return await run_statement(connection, statement, prepare=False)
            await self._apply(connection, settings)
            try:
                return await run_statement(connection, statement, prepare=prepare)
            except psycopg.errors.FeatureNotSupported as error:
                # The table was altered under a prepared statement.
                if not plan_is_stale(error):
                    raise
                return await run_statement(connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

    async def _apply(self, connection: AsyncVecsConnection, settings: Settings | None) -> None:
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
            await run_statement(connection, reset_statement(name), prepare=False)
            connection.applied = {key: value for key, value in connection.applied.items() if key != name}
        for name, value in wanted.items():
            if connection.applied.get(name) != value:
                await run_statement(connection, set_statement(name, value, local=False), prepare=False)
                connection.applied = {**connection.applied, name: value}

    async def _set_local(self, connection: AsyncVecsConnection, settings: Settings) -> None:
        for name, value in settings.items():
            await run_statement(connection, set_statement(name, value, local=True), prepare=False)

    @asynccontextmanager
    async def transaction_on(self, connection: AsyncVecsConnection, settings: Settings) -> AsyncGenerator[AsyncSession]:
        """Open a transaction on a connection that is held."""
        try:
            if not self.options.pooler:
                await self._apply(connection, NO_SETTINGS)
            async with connection.transaction():
                await self._set_local(connection, {**self._base, **settings} if self.options.pooler else settings)
                yield AsyncSession(open_cursor(connection))
        except psycopg.Error as error:
            raise self._failed(connection, error) from error

    def _failed(self, connection: AsyncVecsConnection, error: psycopg.Error) -> VecsException:
        # A closed connection, not the error's class: Citus reports a dead worker as a connection failure.
        if connection.closed:
            self._suspect = True
        return database_error(error, lost=connection.closed)

    def _prepare_threshold(self) -> int | None:
        # A transaction pooler hands the next transaction to another server connection.
        return None if self.options.pooler else 5


def open_cursor(connection: AsyncConnection[Any]) -> AsyncRawCursor[tuple[Any, ...]]:
    # The connection's own row factory may be a borrower's.
    return AsyncRawCursor(connection, row_factory=tuple_row)


def _has_rows(cursor: AsyncRawCursor[Any]) -> bool:
    # Not `description`, which makes an object a column: a tenth of a search's time on this side.
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0


async def run_statement(connection: AsyncConnection[Any], statement: Fragment, *, prepare: bool | None = None) -> Rows:
    text, params = statement.render()
    cursor = open_cursor(connection)
    await cursor.execute(text, params, prepare=prepare, binary=True)
    return await cursor.fetchall() if _has_rows(cursor) else []
