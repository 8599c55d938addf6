"""A connection for its borrower, clean afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from vecs._async.sending.connections import AsyncConnections
from vecs._async.sending.sessions import AsyncVecsConnection, run_statement
from vecs._sql.settings import FORGET_SESSION, NO_SETTINGS, deallocate, find_prepared, ping


class AsyncLending(AsyncConnections):
    """Lends connections."""

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """Lend a connection; what its borrower set, created or left open does not reach the next one."""
        # What makes a dead connection heal: nobody should borrow one.
        await cast("Any", self).read(ping())
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

    async def _take_back(self, connection: AsyncVecsConnection) -> None:
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
                    await run_statement(connection, statement, prepare=False)
                for (name,) in await run_statement(connection, find_prepared(), prepare=False):
                    await run_statement(connection, deallocate(name), prepare=False)
        except psycopg.Error:
            # Whatever is wrong with it, it ends here; the pool replaces it.
            await connection.close()
        except BaseException:
            # Cancelled halfway: nobody knows what is still set.
            await connection.close()
            raise
