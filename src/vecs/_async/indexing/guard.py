"""Lets one client at a time build, drop and alter on a collection, and clears away what failed builds left."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

from vecs._async.indexing.watch import AsyncWatch
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection, AsyncSession
from vecs._checks.shown import brief
from vecs._concurrency.waiting import async_pause, async_shielded
from vecs._connecting.errors import ConnectionLost
from vecs._sql import builds, indexes
from vecs._sql.fragment import Fragment
from vecs._sql.indexes import IndexInfo
from vecs._sql.scalars import first_column, only_value
from vecs._sql.settings import NO_SETTINGS, READ_COMMITTED, Settings, ping
from vecs._sql.tables import Table
from vecs.exc import DatabaseError, Unavailable

log = logging.getLogger("vecs")

NO_TIMEOUT = {"statement_timeout": "0", "lock_timeout": "0"}
# Cancelled, a lock that was not to be had in time, a transaction that took too long.
_TIMEOUTS = ("57014", "55P03", "25P04")
WAITING = "waiting for another build"


@asynccontextmanager
async def building_session(
    executor: AsyncExecutor, table: Table, watch: AsyncWatch
) -> AsyncGenerator[AsyncPinnedConnection]:
    """
    Hold a connection on which indexes of a collection are built and dropped, one client at a time.

    Otherwise two clients would build the same index twice, and two concurrent builds wait for each other until
    the server ends one. Other programs build without the lock, so they are waited for besides.
    """
    # A read replaces dead connections, and starts an embedded server again that has died.
    await executor.read(ping())
    # Outside the pool, since builds that wait would use it up.
    async with executor.outside_pool(NO_TIMEOUT) as pinned:
        pinned.check_session()
        if executor.pooler:
            async with _locked_beside(executor, table, watch), _naming_timeouts(pinned):
                await until(pinned, builds.none_built(table), watch)
                yield pinned
            return
        try:
            await until(pinned, builds.try_lock(table), watch)
            await until(pinned, builds.none_built(table), watch)
            yield pinned
        finally:
            await async_shielded(_unlock(pinned, table))


@asynccontextmanager
async def _locked_beside(executor: AsyncExecutor, table: Table, watch: AsyncWatch) -> AsyncGenerator[None]:
    """
    Hold the lock in a transaction on a connection of its own: a pooler changes sessions between statements.

    It is idle and, at this isolation level, holds no snapshot, so no concurrent build waits for it.
    """
    settings = {**READ_COMMITTED, "idle_in_transaction_session_timeout": "0"}
    done = False
    try:
        async with executor.outside_pool() as beside, beside.transaction(settings) as session:
            await until(session, builds.try_lock_transaction(table), watch)
            yield
            done = True
    except ConnectionLost:
        # Poolers end idle transactions. After the block that does no harm.
        if not done:
            raise


@asynccontextmanager
async def _naming_timeouts(pinned: AsyncPinnedConnection) -> AsyncGenerator[None]:
    """Have the error of a statement that a timeout ended say which: outside a transaction a pooler sets none to 0."""
    try:
        yield
    except DatabaseError as error:
        said = await timeouts_of_pooler(pinned) if error.sqlstate in _TIMEOUTS else None
        if said is None:
            raise
        raise DatabaseError(f"{error}; {said}", error.sqlstate) from error.__cause__


async def timeouts_of_pooler(pinned: AsyncPinnedConnection) -> str | None:
    """Say which timeouts hold for statements outside of transactions, and what to do; None if there are none."""
    found = first_column(await pinned.execute(builds.timeouts()))
    if not found:
        return None
    return (
        f"concurrent builds through a pooler are ended by timeouts of the role or the database ({', '.join(found)}): "
        "build with a client of a direct connection to the server, or leave concurrently=True out"
    )


@asynccontextmanager
async def altering(
    executor: AsyncExecutor, table: Table, settings: Settings = NO_SETTINGS
) -> AsyncGenerator[AsyncSession]:
    """
    Open a transaction in which a collection may be altered or dropped, when nobody builds its indexes.

    A statement that waits for the table holds a snapshot. CREATE INDEX CONCURRENTLY waits for that, and holds
    the table: a deadlock, which leaves an invalid index. So this asks again and again for the lock of builds.
    """
    limit = None if settings else executor.options.statement_timeout
    seconds, began = 0.02, monotonic()
    while True:
        # Under the lock the last changes have to be seen.
        async with executor.transaction({**READ_COMMITTED, **settings}) as session:
            if await unbuilt(session, table):
                yield session
                return
        log.info("waiting for a build of an index of %r, before it is altered", table.name)
        if limit is not None and monotonic() - began > limit:
            raise Unavailable(
                f"collection {brief(table.name)} was not altered within statement_timeout={limit:g} s: an index of it "
                "is being built, or another session holds the lock of builds"
            )
        await async_pause(seconds)
        seconds = min(1.5 * seconds, 0.5)


async def unbuilt(session: AsyncSession, table: Table) -> bool:
    """Take the lock of builds until the transaction ends; return whether nobody builds indexes of a collection."""
    if not only_value(await session.execute(builds.try_lock_transaction(table))):
        return False
    # Other programs build without the lock. A null may be a build of any table.
    return set(first_column(await session.execute(builds.being_built(table)))) <= {None}


async def until(session: AsyncPinnedConnection | AsyncSession, question: Fragment, watch: AsyncWatch) -> None:
    """Ask until the answer is true; no snapshot is pinned during the pauses, nor afterwards."""
    seconds = 0.02
    while True:
        answer = only_value(await session.execute(question))
        await session.execute(builds.RELEASE_SNAPSHOT)
        if answer:
            return
        await watch.tell(watch.tracker.at(WAITING))
        await async_pause(seconds)
        seconds = min(1.5 * seconds, 0.5)


async def _unlock(pinned: AsyncPinnedConnection, table: Table) -> None:
    try:
        await pinned.execute(builds.unlock(table))
    except DatabaseError:
        # It is lost, or stuck in a statement that was cancelled. The lock ends with its session.
        await pinned.discard()


async def without_leftovers(pinned: AsyncPinnedConnection, table: Table, watch: AsyncWatch) -> list[IndexInfo]:
    """
    Drop the invalid indexes that interrupted builds left, and return the indexes that remain.

    Only indexes that vecs named and that no session builds now are dropped. A build that runs without the lock is
    waited for.
    """
    seconds = 0.05
    while True:
        existing = indexes.read_indexes(await pinned.execute(indexes.list_indexes(table)), table)
        unfinished = await _drop_leftovers(pinned, table, existing, NO_SETTINGS)
        if unfinished is None:
            return existing
        if unfinished:
            await watch.tell(watch.tracker.at(WAITING))
            await async_pause(seconds)
            seconds = min(1.5 * seconds, 0.5)


async def _drop_leftovers(
    pinned: AsyncPinnedConnection, table: Table, existing: Sequence[IndexInfo], settings: Settings
) -> set[str] | None:
    """Drop the leftovers among some indexes; return those that are being built, or None if nothing is to be done."""
    invalid = {index.name for index in existing if not index.valid and builds.named_by_vecs(index.name)}
    building = set(first_column(await pinned.execute(builds.being_built(table)))) if invalid else set[str]()
    # A build of another role is shown without a name, so it may be of any of them.
    if not invalid or (None in building and not invalid & building):
        return None
    if "" in building:
        # It may be any of them: the server shows an index to all before it tells that it builds it.
        return invalid
    for name in sorted(invalid - building):
        log.info("dropping the index %s, which an interrupted build left invalid", name)
        await pinned.outside_transaction(indexes.drop_index(table, name, concurrently=True), settings)
    return invalid & building


async def tidy(
    executor: AsyncExecutor, pinned: AsyncPinnedConnection, table: Table, statements: Sequence[Fragment]
) -> None:
    """Cancel what still runs of concurrent builds that failed, and drop what they left; give up after a while."""
    try:
        try:
            await _tidy(pinned, table, statements)
        except DatabaseError:
            # The build's own connection is gone, but the server may answer on another one.
            async with executor.outside_pool() as other:
                await _tidy(other, table, statements)
    except DatabaseError as error:
        log.warning(
            "an interrupted build may have left an invalid index on %r, which the next index() drops: %s",
            table.name,
            error,
        )


async def _tidy(pinned: AsyncPinnedConnection, table: Table, statements: Sequence[Fragment]) -> None:
    for _ in range(20):
        for statement in statements:
            await pinned.execute(builds.cancel(statement))
        existing = indexes.read_indexes(await pinned.execute(indexes.list_indexes(table)), table)
        # Dropping waits for the transactions that are open on the collection, the caller's own among them.
        if not await _drop_leftovers(pinned, table, existing, {"statement_timeout": "10s"}):
            return
        await async_pause(0.25)
