"""A connection lent to a borrower, and cleaned afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus

from vecs._async.sending.sessions import (
    AsyncPinnedConnection,
    AsyncVecsConnection,
    prepare_threshold,
    run_statement,
)
from vecs._sql.settings import (
    FORGET_SESSION,
    NO_SETTINGS,
    Settings,
    deallocate,
    find_prepared,
    find_prepared_since,
    set_all,
    settings_of_session,
)
from vecs.exc import DatabaseError


@asynccontextmanager
async def lend(
    pinned: AsyncPinnedConnection, patience: float, adapters: AdaptersMap
) -> AsyncGenerator[AsyncVecsConnection]:
    """
    Lend a connection; settings, temporary objects and open transactions of one borrower do not reach the next.

    `patience` is how many seconds the server may be silent when the connection comes back. `adapters` say how the
    borrower's values are read and written.
    """
    connection = pinned.connection
    before = _reported(connection)
    try:
        await pinned.apply(NO_SETTINGS)
        if pinned.pooler:
            async with _in_transaction(pinned, patience):
                connection.forget_registrations(adapters)
                yield connection
            return
        if pinned.own:
            await run_statement(connection, set_all(pinned.own, local=False), prepare=False)
        connection.forget_registrations(adapters)
        with _without_deadline(connection, patience):
            yield connection
        if connection.info.transaction_status == TransactionStatus.INTRANS and not connection.is_inherited():
            await connection.commit()
    finally:
        connection.patience = patience
        await _clean(pinned)
        if pinned.pooler and not connection.closed and _reported(connection) != before:
            # Poolers set these in every session that the connection is given.
            await pinned.discard()


@contextmanager
def _without_deadline(connection: AsyncVecsConnection, patience: float) -> Generator[None]:
    """Let a borrower wait for the server as long as they like: they may listen for a day."""
    connection.patience = None
    try:
        yield
    finally:
        connection.patience = patience


def _reported(connection: AsyncVecsConnection) -> list[str | None]:
    """Return what the server reports of the session's settings, or a pooler for it."""
    names = ("client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings")
    return [connection.info.parameter_status(name) for name in names]


@asynccontextmanager
async def _in_transaction(pinned: AsyncPinnedConnection, patience: float) -> AsyncGenerator[None]:
    """Hold one session of the server while it is lent: a pooler gives it to others after the transaction."""
    connection = pinned.connection
    async with connection.transaction():
        found: Settings = dict(await run_statement(connection, settings_of_session(), prepare=False))
        await run_statement(connection, set_all(pinned.local(None), local=True), prepare=False)
        try:
            # A savepoint: after an error the session is still there to be cleaned.
            async with connection.transaction():
                with _without_deadline(connection, patience):
                    yield
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    raise DatabaseError(
                        "the transaction of a borrowed connection was ended by SQL; behind a transaction pooler it "
                        "ends when the connection is given back, and what was set after it may have reached others"
                    )
        finally:
            status = connection.info.transaction_status
            if status == TransactionStatus.INTRANS:
                await _leave_session(pinned, found)
            elif status != TransactionStatus.IDLE:
                # Cancelled in the midst of the savepoint's end.
                await pinned.discard()


async def _leave_session(pinned: AsyncPinnedConnection, found: Settings) -> None:
    """Leave a pooler's session as it was found."""
    connection = pinned.connection
    try:
        await _forget_session(connection)
        for (name,) in await run_statement(connection, find_prepared_since(), prepare=False):
            await run_statement(connection, deallocate(name), prepare=False)
        await run_statement(connection, set_all(found, local=False), prepare=False)
    except BaseException:
        # Its locks outlive the transaction. A pooler closes a session whose client goes in the middle of one.
        await pinned.discard()
        raise


async def _clean(pinned: AsyncPinnedConnection) -> None:
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
        connection.prepare_threshold = prepare_threshold(not pinned.pooler)
        connection.forget_registrations()
        if not pinned.pooler:
            await _forget_session(connection)
            for (name,) in await run_statement(connection, find_prepared(), prepare=False):
                await run_statement(connection, deallocate(name), prepare=False)
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
