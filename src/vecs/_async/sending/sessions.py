"""One connection: its settings, its statements and its transactions."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, AsyncServerCursor
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap
from psycopg.rows import tuple_row

from vecs._connecting.errors import database_error, plan_is_stale
from vecs._connecting.prepared import name_uniquely
from vecs._connecting.silence import GRACE, INTERRUPTED, Silent, is_readable, patience_for, watched
from vecs._sql.answers import unreadable_record
from vecs._sql.binary import ADAPTERS, UnreadableJson
from vecs._sql.fragment import Fragment
from vecs._sql.settings import BEGIN, COMMIT, NO_SETTINGS, Settings, ping, reset_statement, set_all, set_statement
from vecs.exc import DatabaseError, Unavailable, VecsException

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

# After so many idle seconds something between here and the server may have dropped a connection without a word.
LONG_IDLE = 3.0
_TIMEOUT = "statement_timeout"
# psycopg's default.
_PREPARED_MAX = 100
# The settings that only index scans look at.
_SCAN_SETTINGS = ("hnsw.", "ivfflat.")
# What a server says before it hangs up.
_LAST_WORDS = (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown, psycopg.errors.IdleSessionTimeout)
# No value of a setting: it has a NUL.
_UNKNOWN = "\0"


class AsyncVecsConnection(AsyncConnection[Any]):
    """A connection that remembers what it was set to, so that a search is one statement."""

    applied: Settings = NO_SETTINGS
    # By time.monotonic(): since when it waits in the pool.
    idle_since = 0.0
    # How many seconds the server may be silent during a call; None for ever.
    patience: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name_uniquely(self)
        self.opened_at = self.idle_since = monotonic()
        self._made_by = os.getpid()

    def is_inherited(self) -> bool:
        """Whether this process was forked from the one that made the connection, which still uses it."""
        return self._made_by != os.getpid()

    def hang_up(self) -> None:
        """Close at once, with or without an event loop; in a forked child do nothing."""
        if not self.is_inherited():
            self.pgconn.finish()

    def __del__(self, *_: object) -> None:
        """Say nothing, unlike psycopg: the connections of a client that is dropped may be dropped with it."""

    async def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for the server, as all of psycopg's calls do, and hang up when it is silent for too long."""
        patience = self.patience
        try:
            return await super().wait(watched(gen, lambda: self.patience), *args, **kwargs)
        except Silent:
            self.pgconn.finish()
            raise
        finally:
            # Where the call was interrupted it is short.
            self.patience = patience

    async def _try_cancel(self, *, timeout: float = INTERRUPTED) -> None:
        # psycopg calls this when a call is interrupted, and would wait for a server that is gone for ten seconds.
        self.patience = INTERRUPTED
        await super()._try_cancel(timeout=min(timeout, INTERRUPTED))

    def forget_registrations(self, adapters: AdaptersMap = ADAPTERS) -> None:
        """Undo a borrower's changes of the object: how values are read (now by `adapters`), who gets notices."""
        self._adapters = AdaptersMap(adapters)
        self._notice_handlers.clear()
        self._notify_handlers.clear()
        self.row_factory, self.cursor_factory, self.server_cursor_factory = tuple_row, AsyncCursor, AsyncServerCursor
        self.prepared_max = _PREPARED_MAX

    async def is_alive(self, seconds: float) -> bool:
        """
        Look whether an idle connection still stands; False once it is closed.

        A server that speaks unasked may be saying goodbye, and something in between may have dropped what was idle
        for long: then it is asked, and has so many seconds for the answer.
        """
        try:
            if monotonic() - self.idle_since > LONG_IDLE or is_readable(self.pgconn.socket):
                self.patience = seconds
                await run_statement(self, ping(), prepare=False)
        except psycopg.Error:
            self.hang_up()
        return not self.closed


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
    # Those of the request: they are in force for its statements, each in a transaction, and not beyond.
    own: Settings = NO_SETTINGS

    def __init__(self, connection: AsyncVecsConnection, base: Settings, pooler: bool) -> None:
        self.connection = connection
        self._base = base
        self.pooler = pooler

    async def execute(
        self, statement: Fragment, settings: Settings | None = None, *, prepare: Literal[False] | None = None
    ) -> Rows:
        """Run one statement, with settings beside those of every statement; return its rows, if it has any."""
        try:
            await self.apply(settings)
            if self.own or self.pooler:
                return await self._run_with_settings(self.local(settings), statement, prepare)
            return await run_statement(self.connection, statement, prepare=prepare)
        except psycopg.Error as error:
            # The table was altered under a prepared statement.
            if prepare is not False and plan_is_stale(error):
                return await self.execute(statement, settings, prepare=False)
            raise self._translated(error) from error

    async def _run_with_settings(self, settings: Settings, statement: Fragment, prepare: Literal[False] | None) -> Rows:
        try:
            prepare = False if self.pooler else prepare
            return await run_with_settings(self.connection, settings, statement, prepare, pooler=self.pooler)
        except psycopg.Error:
            try:
                # Ends the transaction, which COMMIT did not, and has psycopg forget what it may not have prepared.
                await self.connection.rollback()
            except psycopg.Error:
                # A connection that dies leaves psycopg in the pipeline.
                await self.discard()
            raise
        except BaseException:
            # Cancelled halfway: where the pipeline is, is unknown.
            await self.discard()
            raise

    async def outside_transaction(self, statement: Fragment, settings: Settings = NO_SETTINGS) -> None:
        """
        Run one statement that must not be in a transaction, such as CREATE INDEX CONCURRENTLY.

        The request's own settings are those of the session meanwhile. Behind a pooler there is no session to set.
        """
        self.check_session()
        try:
            await self.apply(settings)
            if not self.own:
                await run_statement(self.connection, statement, prepare=False)
                return
            await self._run_in_session(statement, settings)
        except psycopg.Error as error:
            raise self._translated(error) from error

    def check_session(self) -> None:
        """Refuse what is to be done outside of transactions where its settings cannot be."""
        if self.own and self.pooler:
            raise DatabaseError(
                "behind a transaction pooler a client with settings cannot build or drop indexes, which has to be "
                "outside of transactions; do it through the client without settings"
            )

    async def _run_in_session(self, statement: Fragment, settings: Settings) -> None:
        own = self.local(settings)
        done = False
        try:
            await run_statement(self.connection, set_all(own, local=False), prepare=False)
            await run_statement(self.connection, statement, prepare=False)
            # The role first: it may not be allowed to set the others.
            for name in sorted(own, key=lambda name: name != "role"):
                await run_statement(self.connection, reset_statement(name), prepare=False)
            # What is reset was perhaps set by `apply()`.
            self.connection.applied = {k: v for k, v in self.connection.applied.items() if k not in own}
            done = True
        finally:
            if not done:
                # What is still set is unknown.
                await self.discard()

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        try:
            await self.apply(NO_SETTINGS)
            if _TIMEOUT in settings:
                self._bear(settings[_TIMEOUT])
            async with self.connection.transaction():
                for name, value in settings.items():
                    # Not by a query, after which the isolation cannot be set.
                    await run_statement(self.connection, set_statement(name, value, local=True), prepare=False)
                local = {name: value for name, value in self.local(None).items() if name not in settings}
                if local:
                    await run_statement(self.connection, set_all(local, local=True), prepare=False)
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
        self.connection.hang_up()

    async def apply(self, settings: Settings | None) -> None:
        """
        Set the session to the base settings and these, and undo all others.

        None leaves the index-scan settings of earlier searches in place.
        """
        self._bear((settings or NO_SETTINGS).get(_TIMEOUT) or self.own.get(_TIMEOUT) or self._base.get(_TIMEOUT))
        if self.pooler:
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
        # And unknown meanwhile: where the call is cancelled, it may be set or not.
        for name in undone:
            connection.applied = {**connection.applied, name: _UNKNOWN}
            await run_statement(connection, reset_statement(name), prepare=False)
            connection.applied = {key: value for key, value in connection.applied.items() if key != name}
        for name, value in wanted.items():
            if connection.applied.get(name) != value:
                connection.applied = {**connection.applied, name: _UNKNOWN}
                await run_statement(connection, set_statement(name, value, local=False), prepare=False)
                connection.applied = {**connection.applied, name: value}

    def _bear(self, statement_timeout: str | None) -> None:
        self.connection.patience = patience_for(statement_timeout)

    def local(self, settings: Settings | None) -> Settings:
        """Return what a transaction is set to, beside what `apply()` sets the session to; a call's come first."""
        if self.pooler:
            return {**self._base, **self.own, **(settings or NO_SETTINGS)}
        return {name: value for name, value in self.own.items() if not settings or name not in settings}

    def _translated(self, error: psycopg.Error) -> VecsException:
        # Not by the error's class: Citus reports a dead worker as a connection failure.
        self.lost = is_lost(self.connection, error)
        if self.lost:
            self.connection.hang_up()
        return translated(error, lost=self.lost)


def connect_arguments(parameters: Mapping[str, Any], *, prepares: bool) -> dict[str, Any]:
    """Return the arguments of psycopg's `connect()` for the parameters of a target."""
    return {**parameters, "autocommit": True, "context": ADAPTERS, "prepare_threshold": prepare_threshold(prepares)}


def prepare_threshold(prepares: bool) -> int | None:
    """Return after how many runs psycopg prepares a statement; None for never."""
    return 5 if prepares else None


def translated(error: psycopg.Error, *, lost: bool) -> VecsException:
    """Return vecs' error for one of a statement."""
    if isinstance(error, Silent):
        # Not repeated: the call took as long as it may.
        return Unavailable(f"the connection was closed: {error}, which is statement_timeout= and {GRACE:g} s more")
    return database_error(error, lost=lost)


def is_lost(connection: AsyncConnection[Any], error: psycopg.Error) -> bool:
    """Whether an error is the connection's last; the server may have said so before the connection is closed."""
    # psycopg raises errors of its own while it leaves a pipeline whose server has said goodbye.
    return connection.closed or isinstance(error, _LAST_WORDS) or isinstance(error.__context__, _LAST_WORDS)


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


async def run_with_settings(
    connection: AsyncConnection[Any], settings: Settings, statement: Fragment, prepare: bool | None, *, pooler: bool
) -> Rows:
    """
    Run one statement in a transaction that has these settings, in one round trip where libpq can.

    Errors are psycopg's; after one the transaction may be open. Poolers lose their place in pipelines: see DESIGN.md.
    """
    if pooler or not psycopg.Pipeline.is_supported():
        async with connection.transaction():
            await run_statement(connection, set_all(settings, local=True))
            return await run_statement(connection, statement, prepare=prepare)
    text, params = statement.render()
    cursor = open_cursor(connection)
    failed: psycopg.Error | None = None
    try:
        async with connection.pipeline():
            try:
                await begin_with(connection, settings)
                await cursor.execute(text, params, prepare=prepare, binary=True)
                await send(connection, COMMIT)
            except psycopg.Error as error:
                # An answer was there already. Raised from here, it would make psycopg log what follows.
                failed = error
    except psycopg.Error as error:
        raise (failed or error) from None
    if failed is not None:
        raise failed
    return await fetched(cursor) if _has_rows(cursor) else []


async def begin_with(connection: AsyncConnection[Any], settings: Settings) -> None:
    """Begin a transaction with these settings, in a pipeline."""
    await send(connection, BEGIN)
    await send(connection, set_all(settings, local=True))


async def send(connection: AsyncConnection[Any], statement: Fragment) -> None:
    """Send one statement in a pipeline whose rows nobody reads."""
    text, params = statement.render()
    await open_cursor(connection).execute(text, params, prepare=False, binary=True)


async def fetched(cursor: AsyncRawCursor[tuple[Any, ...]]) -> Rows:
    """Return the rows of an answer; raises DatabaseError that names the record whose JSON cannot be read."""
    try:
        return await cursor.fetchall()
    except UnreadableJson as error:
        if cursor.pgresult is None:
            raise
        raise unreadable_record(cursor.pgresult) from error
