"""How statements are sent: reads, writes, pipelines and repetitions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from vecs._async.sending.lending import AsyncLending
from vecs._async.sending.sessions import AsyncSession, AsyncVecsConnection, Rows, open_cursor
from vecs._concurrency.waiting import async_pause
from vecs._connecting.errors import (
    Conflict,
    ConnectionLost,
    PlanIsStale,
    conflict_pauses,
    database_error,
    plan_is_stale,
)
from vecs._sql.fragment import Fragment
from vecs._sql.settings import NO_SETTINGS, Settings

# Fewer than this are not worth a second connection.
FEW_STATEMENTS = 2
MOST_CONNECTIONS = 4


class AsyncExecutor(AsyncLending):
    """
    Sends statements to one target through one pool.

    It connects with the first statement and again after `close()`, a fork or a broken connection.
    """

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
        connections: Sequence[AsyncVecsConnection],
        statements: Sequence[Fragment],
        settings: Settings | None,
        prepare: Literal[False] | None,
    ) -> list[Rows]:
        async with AsyncExitStack() as pipelines:
            for connection in connections:
                await self._apply(connection, settings)
                await pipelines.enter_async_context(connection.pipeline())
            cursors = [open_cursor(connections[number % len(connections)]) for number in range(len(statements))]
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

    async def _run(self, statement: Fragment, settings: Settings | None, prepare: Literal[False] | None = None) -> Rows:
        pool, connection = await self._acquire()
        try:
            return await self.run_on(connection, statement, settings, prepare)
        finally:
            await self._release(pool, connection)

    @asynccontextmanager
    async def transaction(self, settings: Settings = NO_SETTINGS) -> AsyncGenerator[AsyncSession]:
        """Open a transaction, with settings of its own; committed at the end, rolled back on an error."""
        async with self.hold() as held, held.transaction(settings) as session:
            yield session
