"""Records from any iterable into a collection: transformed, encoded, and written in one go."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any, Protocol

import psycopg

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.transforming import transform_records
from vecs._concurrency.calls import async_iterate, async_offload, async_offload_many, async_take, size_of
from vecs._concurrency.waiting import async_pause
from vecs._connecting.altered import may_be_altered
from vecs._connecting.errors import Conflict, conflict_pauses
from vecs._reports.bars import Progress, progress_updates
from vecs._sql import write
from vecs._sql.rows import ID, EncodedRow, check_storable_records, encode_record, recoder, row_shape
from vecs._sql.tables import Table
from vecs._writing.buffer import MEMORY_BYTES, RowBuffer, batches
from vecs._writing.stored_transform import keeps_metadata
from vecs.exc import ArgError, DatabaseError, VecsException
from vecs.records import Record, to_record
from vecs.transforms import Pipeline, Transform

# How many records are taken from the input at once where a model embeds them: enough to keep it busy.
RECORDS_PER_EMBEDDING = 128
# How many where they are only encoded. So few are freed before Python's garbage collector moves them to its oldest
# generation; with more, full collections stop everything else for a tenth of a second each.
RECORDS_PER_READ = 100


class AsyncWriteTarget:
    """The table that records are written to, as far as it is known, and how to look at it again."""

    def __init__(
        self,
        executor: AsyncExecutor,
        table: Table,
        transform: Transform | None,
        is_altered: AsyncQuestion,
        read_table: AsyncTableReader,
    ) -> None:
        self.executor, self.table, self.transform = executor, table, transform
        self._is_altered, self._read_table = is_altered, read_table

    async def follows(self, error: VecsException, buffer: RowBuffer) -> bool:
        """
        Whether the table was altered, and an error may come of that; what waits in the buffer then fits the new one.

        Raises ArgError where it cannot.
        """
        if not may_be_altered(error) or not await self._is_altered(self.table, error):
            return False
        former, self.table = self.table, await self._read_table()
        if row_shape(former) != row_shape(self.table):
            await async_offload_many(len(buffer), buffer.change, recoder(former, self.table))
        return True


class AsyncQuestion(Protocol):
    """Says whether the table is other than it was, after an error."""

    async def __call__(self, before: Table | None, error: VecsException) -> bool:
        """Return whether it is."""
        ...


class AsyncTableReader(Protocol):
    """Says what is known of the table."""

    async def __call__(self) -> Table:
        """Return it."""
        ...


async def upsert(
    to: AsyncWriteTarget,
    records: Iterable[Any] | AsyncIterable[Any],
    *,
    batch_size: int | None,
    progress: Progress,
) -> int:
    """Write records; all of them or none, or in batches that commit one by one. Returns how many were written."""
    source = async_iterate(records)
    total = size_of(records)
    size = RECORDS_PER_EMBEDDING if to.transform is not None else RECORDS_PER_READ
    if batch_size is not None:
        size = min(size, batch_size)
    taken = written = 0
    buffer = RowBuffer()
    with progress_updates(progress, total, to.table.name) as update:
        try:
            while items := await async_take(source, size):
                await _add(to, buffer, items, taken)
                taken += len(items)
                if batch_size is not None and len(buffer) >= batch_size:
                    written += await _write(to, buffer)
                    buffer.close()
                    buffer = RowBuffer()
                update(taken)
            written += await _write(to, buffer)
        finally:
            buffer.close()
    return written


async def _add(to: AsyncWriteTarget, buffer: RowBuffer, items: Sequence[Any], position: int) -> None:
    try:
        await _add_once(buffer, to.table, to.transform, items, position)
    except ArgError as error:
        # It may fit the table that is there now.
        if not await to.follows(error, buffer):
            raise
        await _add_once(buffer, to.table, to.transform, items, position)


async def _add_once(
    buffer: RowBuffer, table: Table, transform: Transform | None, items: Sequence[Any], position: int
) -> None:
    records = [to_record(item, position + index) for index, item in enumerate(items)]
    if transform is None:
        await async_offload_many(len(records), _encode_into, buffer, table, records)
        return
    # The last of each id: an older version need not be embedded.
    given = list({record.id: record for record in records}.values())
    if keeps_metadata(transform):
        await async_offload_many(len(given), check_storable_records, given)
    made = await transform_records(transform, given)
    if not table.has_text:
        made = [_without_text(record) for record in made]
    else:
        buffer.begin_documents(_replaced(transform, given))
    await async_offload_many(len(made), _encode_into, buffer, table, made)


def _encode_into(buffer: RowBuffer, table: Table, records: Sequence[Record]) -> None:
    buffer.extend(
        (
            None if record.document_id is None else str(record.document_id),
            encode_record(record, table),
        )
        for record in records
    )


def _replaced(transform: Transform, given: Sequence[Record]) -> list[str]:
    """
    Return the documents whose former chunks are all replaced by what is written now.

    A record that came with a document_id of its own is a chunk already: its siblings stay. An embedder alone
    splits nothing.
    """
    if not (isinstance(transform, Pipeline) and len(transform.steps) > 1):
        return []
    return [str(record.id) for record in given if record.document_id is None]


def _without_text(record: Record) -> Record:
    # A plain vector collection, such as one that vecs 0.4 made, has nowhere to keep it.
    return Record(record.id, vec=record.vec, metadata=record.metadata)


async def _write(to: AsyncWriteTarget, buffer: RowBuffer) -> int:
    try:
        return await _write_repeatedly(to.executor, to.table, buffer)
    except VecsException as error:
        # The transaction has undone itself.
        if not await to.follows(error, buffer):
            raise
    return await _write_repeatedly(to.executor, to.table, buffer)


async def _write_repeatedly(executor: AsyncExecutor, table: Table, buffer: RowBuffer) -> int:
    # Where the server undid a write because of another one, the rows are still here to be written again.
    for seconds in conflict_pauses():
        try:
            return await _write_once(executor, table, buffer)
        except Conflict:
            await async_pause(seconds)
    return await _write_once(executor, table, buffer)


async def _write_once(executor: AsyncExecutor, table: Table, buffer: RowBuffer) -> int:
    documents = list(buffer.documents)
    if buffer.spilled:
        await async_offload(buffer.finish)
        return await _write_spilled(executor, table, buffer, documents)
    rows = await async_offload_many(len(buffer), buffer.sorted_rows)
    if not rows:
        if documents:
            await executor.write(write.delete_documents(table, documents))
        return 0
    portions = list(batches(rows))
    if len(portions) == 1:
        await executor.write(await async_offload_many(len(rows), write.upsert_rows, table, rows, documents))
    else:
        await _write_portions(executor, table, portions, documents)
    return len(rows)


async def _write_portions(
    executor: AsyncExecutor, table: Table, portions: Sequence[Sequence[EncodedRow]], documents: Sequence[str]
) -> None:
    async with executor.transaction() as session:
        after = None
        for number, rows in enumerate(portions, 1):
            upto = (rows[-1][ID] or b"").decode() if number < len(portions) else None
            span = write.Span(after, upto)
            await session.execute(await async_offload_many(len(rows), write.upsert_rows, table, rows, documents, span))
            after = upto


async def _write_spilled(executor: AsyncExecutor, table: Table, buffer: RowBuffer, documents: Sequence[str]) -> int:
    async with executor.transaction({"work_mem": "64MB"}) as session:
        await _create_stage(session, table)
        async with session.copy(write.copy_into_stage(table)) as copy:
            for data in buffer.copy_data():
                await copy.write(data)
        if buffer.superseded:
            await session.execute(write.drop_superseded(buffer.superseded))
        await session.execute(write.upsert_stage(table, documents))
        written = session.rowcount
        if documents:
            await session.execute(write.delete_stale_of_stage(table, documents))
    return written


async def _create_stage(session: AsyncSession, table: Table) -> None:
    try:
        await session.execute(write.create_stage(table))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"{error}: more than {MEMORY_BYTES // 2**20} MB in one transaction go through a temporary table; grant "
            "TEMP on the database to this role, or commit in parts with upsert(batch_size=)",
            error.sqlstate,
        ) from error
