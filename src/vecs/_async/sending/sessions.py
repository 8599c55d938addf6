"""One connection: its settings, its statements and its transactions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import tuple_row

from vecs._connecting.errors import database_error, plan_is_stale
from vecs._sql.answers import unreadable_record
from vecs._sql.binary import ADAPTERS, UnreadableJson
from vecs._sql.fragment import Fragment
from vecs._sql.settings import NO_SETTINGS, Settings, reset_statement, set_statement
from vecs.exc import VecsException

Rows = list[tuple[Any, ...]]

# The settings that only index scans look at.
_SCAN_SETTINGS = ("hnsw.", "ivfflat.")


class AsyncVecsConnection(AsyncConnection[Any]):
    """A connection that remembers what it was set to, so that a search is one statement."""

    applied: Settings = NO_SETTINGS


class AsyncSession:
    """A transaction that is open."""

    def __init__(self, cursor: AsyncRawCursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    async def execute(self, statement: Fragment) -> Rows:
        """Run one statement; return its rows, if it has any."""
        text, params = statement.render()
        await self._cursor.execute(text, params, binary=True)
        return await fetched(self._cursor) if _has_rows(self._cursor) else []

    @property
    def rowcount(self) -> int:
        """How many rows the last statement touched."""
        return self._cursor.rowcount

    @asynccontextmanager
    async def copy(self, statement: Fragment) -> AsyncGenerator[psycopg.AsyncCopy]:
        """Start a COPY."""
        async with self._cursor.copy(statement.render()[0]) as copy:
            yield copy


class AsyncPinnedConnection:
    """
    One connection for several statements, in and outside of transactions, with the locks of its session.

    `base` are the settings of every statement. Behind a transaction pooler the next transaction may be in another
    session of the server, so nothing is set or prepared for longer than one transaction.
    """

    # Whether an error of the server or of the network closed the connection: the others may be broken, too. psycopg
    # also closes the connection of a call that is cancelled twice, which tells nothing about the server.
    lost = False

    def __init__(self, connection: AsyncVecsConnection, base: Settings, pooler: bool) -> None:
        self.connection = connection
        self._base = base
        self._pooler = pooler

    async def execute(
        self, statement: Fragment, settings: Settings | None = None, *, prepare: Literal[False] | None = None
    ) -> Rows:
        """Run one statement, with settings beside those of every statement; return its rows, if it has any."""
        connection = self.connection
        try:
            if self._pooler:
                async with connection.transaction():
                    await self._set_local({**self._base, **(settings or NO_SETTINGS)})
                    return await run_statement(connection, statement, prepare=False)
            await self.apply(settings)
            try:
                return await run_statement(connection, statement, prepare=prepare)
            except psycopg.errors.FeatureNotSupported as error:
                # The table was altered under a prepared statement.
                if not plan_is_stale(error):
                    raise
                return await run_statement(connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._translated(error) from error

    async def outside_transaction(self, statement: Fragment, settings: Settings = NO_SETTINGS) -> None:
        """Run one statement that must not be in a transaction, such as CREATE INDEX CONCURRENTLY."""
        try:
            await self.apply(settings)
            await run_statement(self.connection, statement, prepare=False)
        except psycopg.Error as error:
            raise self._translated(error) from error

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        try:
            await self.apply(NO_SETTINGS)
            async with self.connection.transaction():
                await self._set_local({**self._base, **settings} if self._pooler else settings)
                yield AsyncSession(open_cursor(self.connection))
        except psycopg.Error as error:
            raise self._translated(error) from error

    @contextmanager
    def hearing(self, listener: Callable[[str], object]) -> Generator[None]:
        """Call a function with each notice and warning that the server sends meanwhile."""

        def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
            listener(diagnostic.message_primary or "")

        self.connection.add_notice_handler(hear)
        try:
            yield
        finally:
            self.connection.remove_notice_handler(hear)

    async def discard(self) -> None:
        """Close the connection instead of handing it on, and with it the session, its locks and its settings."""
        await self.connection.close()

    async def apply(self, settings: Settings | None) -> None:
        """
        Set the session to the base settings and these, and undo all others.

        None leaves the index-scan settings of earlier searches in place.
        """
        if self._pooler:
            return
        connection = self.connection
        wanted = {**self._base, **settings} if settings else self._base
        if connection.applied == wanted:
            return
        undone = connection.applied.keys() - wanted.keys()
        if settings is None:
            # Searches and other calls alternate: to undo and set these each time would triple their statements.
            undone = {name for name in undone if not name.startswith(_SCAN_SETTINGS)}
        # Remembered one by one: if the server refuses a value, those before it are set.
        for name in undone:
            await run_statement(connection, reset_statement(name), prepare=False)
            connection.applied = {key: value for key, value in connection.applied.items() if key != name}
        for name, value in wanted.items():
            if connection.applied.get(name) != value:
                await run_statement(connection, set_statement(name, value, local=False), prepare=False)
                connection.applied = {**connection.applied, name: value}

    async def _set_local(self, settings: Settings) -> None:
        for name, value in settings.items():
            await run_statement(self.connection, set_statement(name, value, local=True), prepare=False)

    def _translated(self, error: psycopg.Error) -> VecsException:
        # Not by the error's class: Citus reports a dead worker as a connection failure.
        self.lost = self.connection.closed
        return database_error(error, lost=self.lost)


def connect_arguments(parameters: Mapping[str, Any], *, prepares: bool) -> dict[str, Any]:
    """Return the arguments of psycopg's `connect()` for the parameters of a target."""
    return {**parameters, "autocommit": True, "context": ADAPTERS, "prepare_threshold": prepare_threshold(prepares)}


def prepare_threshold(prepares: bool) -> int | None:
    """Return after how many runs psycopg prepares a statement; None for never."""
    return 5 if prepares else None


def open_cursor(connection: AsyncConnection[Any]) -> AsyncRawCursor[tuple[Any, ...]]:
    """Return a cursor for statements with $1, $2 ... that gives rows as tuples."""
    # A borrower may have given the connection another row factory.
    return AsyncRawCursor(connection, row_factory=tuple_row)


def _has_rows(cursor: AsyncRawCursor[Any]) -> bool:
    # Not by `description`, which makes one object per column: a tenth of a search's time on the client's side.
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0


async def run_statement(connection: AsyncConnection[Any], statement: Fragment, *, prepare: bool | None = None) -> Rows:
    """Run one statement and return its rows, if it has any; errors are psycopg's."""
    text, params = statement.render()
    cursor = open_cursor(connection)
    await cursor.execute(text, params, prepare=prepare, binary=True)
    return await fetched(cursor) if _has_rows(cursor) else []


async def fetched(cursor: AsyncRawCursor[tuple[Any, ...]]) -> Rows:
    """Return the rows of an answer; raises DatabaseError that names the record whose JSON cannot be read."""
    try:
        return await cursor.fetchall()
    except UnreadableJson as error:
        if cursor.pgresult is None:
            raise
        raise unreadable_record(cursor.pgresult) from error
