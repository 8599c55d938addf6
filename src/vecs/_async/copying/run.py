"""A copy from its first check to its last: rehearsed, streamed, compared, published."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from vecs._async.copying.destination import AsyncDestination
from vecs._async.copying.source import AsyncSource, read_source
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection
from vecs._async.tables.find import find_table
from vecs._async.tables.refused import saying_what_to_grant
from vecs._checks.settings import check_may_alter
from vecs._checks.shown import brief
from vecs._concurrency.waiting import AsyncEvent, async_beside
from vecs._reports.bars import Progress, progress_updates
from vecs._reports.copies import CopyReport
from vecs._sql import copied_rows
from vecs._sql.copied_rows import Checksum, Mark
from vecs._sql.copying import read_rest
from vecs._sql.settings import ping
from vecs._sql.tables import Table
from vecs.exc import ArgError, CollectionAlreadyExists, DatabaseError

log = logging.getLogger("vecs")


@dataclass(frozen=True)
class AsyncPlace:
    """One side of a copy: the executor of a client, the schema, and the collection's name there."""

    executor: AsyncExecutor
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{brief(self.name)} in schema {self.schema!r} of {self.executor.target}"


@dataclass(frozen=True)
class CopyOptions:
    """How a copy is made: how many records a transaction writes, and what is done with what is there."""

    replace: bool
    batch_size: int
    progress: Progress


async def copy_table(source: AsyncPlace, to: AsyncPlace, options: CopyOptions) -> CopyReport:
    """Copy a collection; it is there at the end, complete and compared, or it is not there at all."""
    async with _opened(to) as pinned:
        done = await _copied(source, to, options, pinned)
        # The snapshot has ended: what it keeps from being vacuumed need not wait for the indexes.
        records, checksum = done.total
        indexes = await done.writing.publish(done.mark, records)
    left_out = done.writing.definition.left_out
    if left_out:
        log.warning("not copied with %r: %s", source.name, ", ".join(left_out))
    return CopyReport(to.name, records, checksum, done.resumed, done.repaired, indexes, left_out)


async def check_copy(source: AsyncPlace, to: AsyncPlace, options: CopyOptions) -> None:
    """Raise what a copy would raise before it makes anything."""
    async with _opened(to) as pinned, _prepared(source, to, options, pinned):
        pass


@dataclass(frozen=True)
class AsyncDone:
    """Rows that were copied and compared: how many there are with their checksum, and what this run did."""

    writing: AsyncDestination
    mark: Mark
    resumed: int
    repaired: int
    total: tuple[int, str]


@asynccontextmanager
async def _opened(to: AsyncPlace) -> AsyncGenerator[AsyncPinnedConnection]:
    check_may_alter(to.executor.settings, f"to copy to {brief(to.name)}")
    # A read replaces dead connections, and starts an embedded server again that has died.
    await to.executor.read(ping())
    await to.executor.refresh_extension()
    async with saying_what_to_grant(to.executor, to.schema, None, "make"), to.executor.outside_pool() as pinned:
        yield pinned


async def _copied(source: AsyncPlace, to: AsyncPlace, options: CopyOptions, pinned: AsyncPinnedConnection) -> AsyncDone:
    async with _prepared(source, to, options, pinned) as (reading, writing):
        mark = await writing.begin()
        resumed = mark.records
        if resumed:
            log.info("the copy of %r goes on behind the %d records that are there", source.name, resumed)
        total = await reading.count() if options.progress is not False else None
        with progress_updates(options.progress, total, f"Copying {source.name}") as update:
            mark = await _stream(reading, writing, mark, options, update)
        repaired, found = await _compare(reading, writing, mark)
        return AsyncDone(writing, mark, resumed, repaired, found)


@asynccontextmanager
async def _prepared(
    source: AsyncPlace, to: AsyncPlace, options: CopyOptions, pinned: AsyncPinnedConnection
) -> AsyncGenerator[tuple[AsyncSource, AsyncDestination]]:
    there = await find_table(to.executor, to.schema, to.name)
    if there is not None and not options.replace:
        raise CollectionAlreadyExists(
            f"collection {brief(to.name)} already exists in schema {to.schema!r} of {to.executor.target}; copy it "
            "under another name (new_name=), or give replace=True to have it replaced"
        )
    extension = to.executor.extension
    schema = None if extension is None else extension.schema
    async with read_source(source.executor, source.schema, source.name, schema) as reading:
        if there is not None:
            await _check_other(to.executor, there, reading)
        table = replace(reading.table, schema=to.schema, name=to.name)
        writing = AsyncDestination(to.executor, pinned, table, source.name, reading.definition, reading.alike, there)
        try:
            await writing.rehearse()
        except DatabaseError as error:
            raise DatabaseError(f"{to} cannot be made: {error}; nothing was made", error.sqlstate) from error
        yield reading, writing


async def _check_other(executor: AsyncExecutor, there: Table, reading: AsyncSource) -> None:
    """Refuse to replace a collection by a copy of itself."""
    ((*_, server),) = await executor.read(read_rest(there))
    if server == reading.definition.table.server:
        raise ArgError(f"{brief(there.name)} would be copied onto itself: give new_name=, or another client as to=")


async def _stream(
    reading: AsyncSource, writing: AsyncDestination, mark: Mark, options: CopyOptions, update: Callable[[int], Any]
) -> Mark:
    while True:
        update(mark.records)
        upto = await reading.page_end(mark.after, options.batch_size)
        if upto is None:
            return mark
        mark = await writing.take(mark, replace(mark, after=upto), reading.page(mark.after, upto))


async def _compare(reading: AsyncSource, writing: AsyncDestination, mark: Mark) -> tuple[int, tuple[int, str]]:
    """
    Compare both sides; copy again where they differ, since the source may have changed between two runs.

    Return how many records were copied again, how many there are, and the checksum of all. Raises DatabaseError where
    they differ still.
    """
    wanted, found = await _checksums(reading, writing)
    differing = copied_rows.differing(wanted, found)
    repaired = 0
    if differing:
        repaired = await writing.take_again(mark, differing, reading.parts(differing))
        differing = copied_rows.differing(wanted, await writing.checksums())
    if differing:
        raise DatabaseError(
            f"the copy of {brief(reading.table.name)} differs from its source in {len(differing)} of 4096 parts: a "
            f"trigger or another type may change what is written. It was not made a collection; it is in the table "
            f"{writing.staging.sql}"
        )
    return repaired, copied_rows.total(wanted)


async def _checksums(
    reading: AsyncSource, writing: AsyncDestination
) -> tuple[dict[str, Checksum], dict[str, Checksum]]:
    """Return the checksums of both sides, which compute them at the same time."""
    found: list[dict[str, Checksum]] = []
    failed: list[Exception] = []

    async def look(_: AsyncEvent) -> None:
        try:
            found.append(await writing.checksums())
        except Exception as error:
            # Raised below: a thread's own error would reach nobody.
            failed.append(error)

    async with async_beside(look):
        wanted = await reading.checksums()
    if failed:
        raise failed.pop()
    return wanted, found.pop()
