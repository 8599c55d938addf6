"""A connection lent to a borrower, and cleaned afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from vecs._async.sending.connections import AsyncConnections
from vecs._async.sending.sessions import (
    AsyncPinnedConnection,
    AsyncVecsConnection,
    prepare_threshold,
    run_statement,
)
from vecs._sql.settings import FORGET_SESSION, NO_SETTINGS, deallocate, find_prepared


@asynccontextmanager
async def lend(connections: AsyncConnections) -> AsyncGenerator[AsyncVecsConnection]:
    """Lend a connection; what its borrower sets, creates or leaves open does not reach the next one."""
    async with connections.pin() as pinned:
        connection = pinned.connection
        before = _reported(connection)
        try:
            await pinned.apply(NO_SETTINGS)
            # A borrower may listen for a day.
            connection.patience = None
            yield connection
            if connection.info.transaction_status == TransactionStatus.INTRANS and not connection.is_inherited():
                await connection.commit()
        finally:
            connection.patience = connections.options.pool_timeout
            await _clean(pinned, connections.pooler)
            if connections.pooler and not connection.closed and _reported(connection) != before:
                # Poolers set these in every session that the connection is given.
                await pinned.discard()


def _reported(connection: AsyncVecsConnection) -> list[str | None]:
    """Return what the server reports of the session's settings, or a pooler for it."""
    names = ("client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings")
    return [connection.info.parameter_status(name) for name in names]


async def _clean(pinned: AsyncPinnedConnection, pooler: bool) -> None:
    """Undo what a borrower did to a connection, or discard it."""
    connection = pinned.connection
    if connection.is_inherited():
        # The borrower forked: the connection is its parent's, who goes on with it.
        return
    connection.applied = NO_SETTINGS
    if connection.closed:
        pinned.lost = True
        return
    if connection.lock.locked():
        # A call that was interrupted, or one that the borrower left behind, is in the middle of it.
        await pinned.discard()
        return
    try:
        await connection.rollback()
        await connection.set_autocommit(True)
        await connection.set_read_only(None)
        await connection.set_isolation_level(None)
        await connection.set_deferrable(None)
        connection.prepare_threshold = prepare_threshold(not pooler)
        connection.row_factory = tuple_row
        if not pooler:
            await _forget_session(connection)
    except psycopg.Error:
        # Whatever is wrong with the connection, the pool replaces it.
        await pinned.discard()
    except BaseException:
        # Cancelled halfway: what is still set is unknown.
        await pinned.discard()
        raise


async def _forget_session(connection: AsyncVecsConnection) -> None:
    for statement in FORGET_SESSION:
        await run_statement(connection, statement, prepare=False)
    for (name,) in await run_statement(connection, find_prepared(), prepare=False):
        await run_statement(connection, deallocate(name), prepare=False)
