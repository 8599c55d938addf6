"""Statements sent to one target: reads, writes, pipelines, and what is repeated."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import AdaptersMap

from vecs._async.sending.connections import AsyncConnections
from vecs._async.sending.lending import lend
from vecs._async.sending.sessions import (
    AsyncPinnedConnection,
    AsyncSession,
    Rows,
    begin_with,
    fetched,
    is_lost,
    open_cursor,
    send,
    translated,
)
from vecs._concurrency.calls import async_offload
from vecs._concurrency.waiting import async_pause, async_shielded
from vecs._connecting.errors import (
    Conflict,
    ConnectionLost,
    PlanIsStale,
    conflict_pauses,
    plan_is_stale,
)
from vecs._connecting.options import Options
from vecs._connecting.secrets import with_hidden_values
from vecs._connecting.target import FolderTarget, ServerTarget
from vecs._sql.extension import Extension, find_extension, read_extension
from vecs._sql.fragment import Fragment
from vecs._sql.lent import lent_adapters
from vecs._sql.settings import COMMIT, NO_SETTINGS, READ_COMMITTED, Settings

if TYPE_CHECKING:
    from vecs.embedded import EmbeddedServer

# A pipeline takes one connection for so many statements, as far as connections are idle, and at most so many.
STATEMENTS_PER_CONNECTION = 2
MOST_CONNECTIONS = 4


class Closable(Protocol):
    """Something with a `close()` that blocks for a moment, and that may be closed already."""

    @property
    def closed(self) -> bool: ...

    def close(self) -> None: ...


class AsyncExecutor:
    """
    Sends statements to one target.

    It connects with the first statement and again after `close()`, a fork or a broken connection. `settings` are those
    of each request: every statement has them, and no connection keeps them.
    """

    def __init__(self, target: ServerTarget | FolderTarget, options: Options, settings: Settings = NO_SETTINGS) -> None:
        self.target = target
        self.options = options
        self.settings = with_hidden_values(settings)
        self._connections = AsyncConnections(target, options)
        self._adapters: dict[Extension | None, AdaptersMap] = {}
        # What ends with the client, besides its connections; views have the same.
        self._closing: list[Closable] = []
        # Whether it uses the connections of another executor, which closes them.
        self._borrows = False

    def with_settings(self, settings: Settings) -> AsyncExecutor:
        """Return an executor on the same connections, whose statements have other settings."""
        view = copy.copy(self)
        view.settings, view._borrows = with_hidden_values(settings), True
        return view

    @property
    def connections_id(self) -> int:
        """Return what is equal for executors that send through the same connections."""
        return id(self._connections)

    @property
    def pooler(self) -> bool:
        """Whether a transaction pooler is between here and the server."""
        return self._connections.pooler

    @property
    def extension(self) -> Extension | None:
        """The server's pgvector, as it was when the client connected; None before that, and without pgvector."""
        return self._connections.extension

    @property
    def server(self) -> EmbeddedServer | None:
        """The embedded server, once it was started."""
        return self._connections.server

    async def open(self) -> None:
        """Connect, if there is no connection yet; raises Unavailable, DatabaseError or ServerError."""
        await self._connections.open()

    async def close(self) -> None:
        """Return every connection and let go of the embedded server; a later call opens anew."""
        if not self._borrows:
            while self._closing:
                await async_offload(self._closing.pop().close)
            await self._connections.close()

    def close_with(self, other: Closable) -> None:
        """Have something closed when the client is."""
        self._closing[:] = [each for each in self._closing if not each.closed]
        self._closing.append(other)

    def belongs_elsewhere(self) -> bool:
        """Whether it was opened in an event loop that is neither closed nor the running one."""
        return self._connections.belongs_elsewhere()

    async def refresh_extension(self) -> None:
        """Look again which pgvector the server has, for example after it was created, moved or updated."""
        self._connections.use_extension(read_extension(await self.read(find_extension())))

    async def read(
        self, statement: Fragment, settings: Settings | None = None, *, prepare: Literal[False] | None = None
    ) -> Rows:
        """
        Run one statement that changes nothing; once more if its connection turns out to be dead.

        The settings hold for this statement alone; None is for statements that do not search. With `prepare=False`
        the server plans it for its very values each time.
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
        the server works on several at once. Behind a pooler they are sent one after the other.
        """
        if len(statements) == 1:
            return [await self.read(statements[0], settings, prepare=prepare)]
        # Behind a pooler each alone: see `run_with_settings`.
        if not statements or self.pooler or not psycopg.Pipeline.is_supported():
            return await self._read_each(statements, settings, prepare)
        try:
            return await self._run_many(statements, settings, prepare)
        except (ConnectionLost, PlanIsStale):
            return await self._read_each(statements, settings, prepare)

    async def write(self, statement: Fragment, first: Fragment | None = None) -> Rows:
        """
        Run one statement that may change something, atomic by itself.

        `first` runs before it, in the same transaction. It takes locks for what the statement finds. The statement is
        repeated only if the server says that it undid it, because of a deadlock.
        """
        for seconds in conflict_pauses():
            try:
                return await self._write(statement, first)
            except Conflict:
                await async_pause(seconds)
        return await self._write(statement, first)

    async def _write(self, statement: Fragment, first: Fragment | None) -> Rows:
        if first is None:
            return await self._run(statement, None, None, True)
        async with self.transaction(READ_COMMITTED) as session:
            await session.execute(first)
            return await session.execute(statement)

    async def outside_transaction(self, statement: Fragment, settings: Settings = NO_SETTINGS) -> None:
        """Run one statement that must not be in a transaction, such as DROP INDEX CONCURRENTLY."""
        async with self._pin() as pinned:
            await pinned.outside_transaction(statement, settings)

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        async with self._pin() as pinned, pinned.transaction(settings) as session:
            yield session

    @asynccontextmanager
    async def outside_pool(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncPinnedConnection]:
        """
        Open a connection outside the pool, whose connections may all be in use, and close it at the end.

        The settings hold for all its statements but those that a pooler takes outside of a transaction.
        """
        async with self._connections.outside_pool(settings) as pinned:
            pinned.own = {name: value for name, value in self.settings.items() if name not in settings}
            yield pinned

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """Lend a connection; what its borrower sets, creates or leaves open does not reach the next one."""
        # This also finds and replaces dead connections, so that none is lent.
        await self.refresh_extension()
        extension = self.extension
        if extension not in self._adapters:
            # The first time this imports pgvector-python.
            self._adapters[extension] = await async_offload(lent_adapters, extension)
        adapters = self._adapters[extension]
        async with self._pin() as pinned, lend(pinned, self.options.pool_timeout, adapters) as connection:
            yield connection

    @asynccontextmanager
    async def _pin(self) -> AsyncGenerator[AsyncPinnedConnection]:
        async with self._connections.pin() as pinned:
            pinned.own = self.settings
            yield pinned

    async def _run(
        self,
        statement: Fragment,
        settings: Settings | None,
        prepare: Literal[False] | None = None,
        alive: bool = False,
    ) -> Rows:
        pinned = await self._connections.acquire(alive=alive)
        pinned.own = self.settings
        try:
            return await pinned.execute(statement, settings, prepare=prepare)
        finally:
            self._connections.release(pinned)

    async def _read_each(
        self, statements: Sequence[Fragment], settings: Settings | None, prepare: Literal[False] | None
    ) -> list[Rows]:
        return [await self.read(statement, settings, prepare=prepare) for statement in statements]

    async def _run_many(
        self, statements: Sequence[Fragment], settings: Settings | None, prepare: Literal[False] | None
    ) -> list[Rows]:
        most = min(len(statements) // STATEMENTS_PER_CONNECTION, MOST_CONNECTIONS)
        async with self._connections.pin_idle(most) as pinned:
            for each in pinned:
                each.own = self.settings
            try:
                return await _pipelined(pinned, statements, settings, prepare)
            except psycopg.Error as error:
                if plan_is_stale(error):
                    raise PlanIsStale("the table was altered") from error
                raise translated(error, lost=any(each.lost for each in pinned)) from error


async def _pipelined(
    pinned: Sequence[AsyncPinnedConnection],
    statements: Sequence[Fragment],
    settings: Settings | None,
    prepare: Literal[False] | None,
) -> list[Rows]:
    """Run statements in a pipeline on each connection; where anything fails, the connections are discarded."""
    rows: list[Rows] = []
    failure: BaseException | None = None
    pipelines: list[Any] = []
    in_transaction: list[AsyncConnection[Any]] = []
    try:
        for each in pinned:
            await each.apply(settings)
            pipeline = each.connection.pipeline()
            await pipeline.__aenter__()
            pipelines.append(pipeline)
            if local := each.local(settings):
                await begin_with(each.connection, local)
                in_transaction.append(each.connection)
        cursors = [open_cursor(pinned[number % len(pinned)].connection) for number in range(len(statements))]
        for cursor, statement in zip(cursors, statements, strict=True):
            text, params = statement.render()
            await cursor.execute(text, params, prepare=prepare, binary=True)
        for connection in in_transaction:
            await send(connection, COMMIT)
        rows = [await fetched(cursor) for cursor in cursors]
    except BaseException as error:
        failure = error
        await _discard_all(pinned, error)
    # Shielded: what psycopg does here, it does not end well when it is cancelled.
    late = await async_shielded(_leave(pipelines))
    if late is not None and failure is None:
        failure = late
        await _discard_all(pinned, late)
    if failure is not None:
        try:
            raise failure
        finally:
            # Else error and frame keep each other, and what the call took, until the garbage collector comes.
            del failure, late
    return rows


async def _leave(pipelines: Sequence[Any]) -> BaseException | None:
    """Leave pipelines; return what went wrong."""
    failure: BaseException | None = None
    for pipeline in pipelines:
        try:
            # Never with an error: psycopg would log that pipelines of closed connections do not end well.
            await pipeline.__aexit__(None, None, None)
        except BaseException as error:
            failure = error
    return failure


async def _discard_all(pinned: Sequence[AsyncPinnedConnection], error: BaseException) -> None:
    for each in pinned:
        each.lost = isinstance(error, psycopg.Error) and is_lost(each.connection, error)
        # psycopg may think that it prepared there what the server never saw.
        await each.discard()
        # Ctrl-C may have come between two steps of psycopg: the end of its pipeline would wait for this for ever.
        if each.connection.lock.locked():
            each.connection.lock.release()
