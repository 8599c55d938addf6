"""Records from any iterable into a collection: transformed, encoded, and written in one go."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, MappingView, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, cast

import psycopg

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.transforming import transform_records
from vecs._concurrency.calls import async_iterate, async_offload, async_offload_many, async_take, size_of
from vecs._concurrency.waiting import async_pause
from vecs._connecting.altered import may_be_altered
from vecs._connecting.errors import Conflict, conflict_pauses
from vecs._reports.bars import Progress, progress_updates
from vecs._sql import documents, mapped_merge, mapped_named, mapped_write, write
from vecs._sql.fragment import Fragment
from vecs._sql.rows import ID, EncodedRow, check_storable_records, encode_record, ids_of, recoder, row_shape
from vecs._sql.scalars import first_column
from vecs._sql.settings import READ_COMMITTED
from vecs._sql.tables import Table
from vecs._writing.buffer import MEMORY_BYTES, RowBuffer, batches
from vecs._writing.documents import check_ids, check_is_to_split, check_not_split, with_documents
from vecs._writing.frame_records import SizedFrameRecords
from vecs._writing.made_ids import IdMaker, MadeIds
from vecs._writing.stored_transform import check_embeddable, keeps_metadata
from vecs.exc import ArgError, DatabaseError, VecsException
from vecs.records import Record, UpsertResult, stored_id, to_record
from vecs.transforms import Transform

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
        *,
        splits: bool,
        same_table: bool,
    ) -> None:
        self.executor, self.table, self.transform = executor, table, transform
        # How many of the records given are committed.
        self.stored = 0
        self._splits = splits
        # Whether it is known of all records that the table takes them.
        self.checked = False
        # Whether rows must not go into a table that has been made anew: it may be one for the vectors of another model.
        self.same_table = same_table
        self._is_altered, self._read_table = is_altered, read_table

    @property
    def guards(self) -> write.Guards:
        """What a write fails for."""
        return write.Guards(self.guarded, self.same_table)

    @property
    def guarded(self) -> bool:
        """Whether records of one document must not overwrite those of another: true if the transform splits."""
        return self._splits and self.table.has_text and self.table.mapped is None

    async def follows(self, error: VecsException, buffer: RowBuffer) -> bool:
        """
        Whether the table was altered, and an error may come of that; what waits in the buffer then fits the new one.

        Raises ArgError where it cannot.
        """
        if not may_be_altered(error) or not await self._is_altered(self.table, error):
            return False
        former, self.table = self.table, await self._read_table()
        self.checked = False
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
    ids: IdMaker,
) -> UpsertResult:
    """Write records; all of them or none, or in batches that commit one by one. Returns how many were written."""
    source = async_iterate(records)
    total = size_of(records)
    size = RECORDS_PER_EMBEDDING if to.transform is not None else RECORDS_PER_READ
    if batch_size is not None:
        size = min(size, batch_size)
    taken = 0
    written: list[UpsertResult] = []
    buffer = RowBuffer()
    with progress_updates(progress, total, to.table.name) as update:
        try:
            if to.transform is not None and isinstance(records, list | tuple | MappingView | SizedFrameRecords):
                # A data frame is read twice: in memory, its records take many times as much.
                given = records if isinstance(records, SizedFrameRecords) else list(cast("list[Any]", records))
                await _check_all(to, to.transform, buffer, given, ids.how)
                to.checked = True
            while items := await async_take(source, size):
                # To hash texts takes time.
                items = await async_offload_many(len(items) * (ids.how == "content"), ids.named, items, taken)
                try:
                    await _add(to, buffer, items, taken)
                except ArgError as error:
                    ids.tell(error)
                    raise
                taken += len(items)
                if batch_size is not None and len(buffer) >= batch_size:
                    written.append(await _write(to, buffer))
                    to.stored = taken
                    buffer.close()
                    buffer = RowBuffer()
                update(taken)
            written.append(await _write(to, buffer))
        finally:
            buffer.close()
    return UpsertResult(sum(written), sum(each.documents for each in written), ids.made)


async def _check_all(
    to: AsyncWriteTarget, transform: Transform, buffer: RowBuffer, items: Iterable[Any], how: MadeIds
) -> None:
    """Check all records at hand, before a model works on the first one; raise an error if one cannot be stored."""
    try:
        await async_offload(_check_items, items, to.table, transform, how)
    except ArgError as error:
        if not await to.follows(error, buffer):
            raise
        await async_offload(_check_items, items, to.table, transform, how)


def _check_items(items: Iterable[Any], table: Table, transform: Transform, how: MadeIds) -> None:
    keeps = keeps_metadata(transform)
    ids = IdMaker(how, None if table.mapped is None else table.mapped.key)
    for position, item in enumerate(items):
        record = to_record(ids.named([item], position)[0], position)
        if keeps:
            try:
                check_storable_records([record], table)
                check_embeddable(transform, record)
            except ArgError as error:
                ids.tell(error)
                raise


async def _add(to: AsyncWriteTarget, buffer: RowBuffer, items: Sequence[Any], position: int) -> None:
    try:
        await _add_once(to, buffer, items, position)
    except ArgError as error:
        # It may fit the table that is there now.
        if not await to.follows(error, buffer):
            raise
        await _add_once(to, buffer, items, position)


async def _add_once(to: AsyncWriteTarget, buffer: RowBuffer, items: Sequence[Any], position: int) -> None:
    records = [to_record(item, position + index) for index, item in enumerate(items)]
    table, transform = to.table, to.transform
    if transform is None:
        made = given = records
    else:
        # The last of each id: an older version need not be embedded. In a table of somebody else it may be part of one.
        given = records if table.mapped else list({record.id: record for record in records}.values())

        def check(records: Sequence[Record]) -> None:
            check_storable_records(records, table)

        def check_split(records: Sequence[Record]) -> None:
            if to.guarded:
                check_not_split(records, given)
                check_is_to_split(records, given, table.name, table.comment.get("transform"))
                check_ids(with_documents(records, given))

        made = await transform_records(transform, given, check, check_split, checked=to.checked)
    if to.guarded:
        check_not_split(made, given)
        check_is_to_split(made, given, table.name, table.comment.get("transform"))
        buffer.begin_documents(_replaced(given))
        made = with_documents(made, given)
    await async_offload_many(len(made), _encode_into, buffer, table, made, transform is not None)


def _encode_into(buffer: RowBuffer, table: Table, records: Sequence[Record], transformed: bool) -> None:
    # A collection of vectors only, such as one of vecs 0.4, has no column for text.
    stripped = transformed and not table.has_text
    buffer.extend(
        (
            None if record.document_id is None else str(record.document_id),
            encode_record(Record(record.id, record.vec, metadata=record.metadata) if stripped else record, table),
        )
        for record in (map(_with_stored_id, records) if transformed else records)
    )


def _with_stored_id(record: Record) -> Record:
    return replace(record, id=stored_id(record.id, "the id of a record that the transform made"))


def _replaced(given: Sequence[Record]) -> list[str]:
    """
    Return the documents whose old chunks are all replaced by these records.

    A record that was given with its own document_id is already a chunk: the other chunks of its document stay.
    """
    return [str(record.id) for record in given if record.document_id is None]


async def _write(to: AsyncWriteTarget, buffer: RowBuffer) -> UpsertResult:
    try:
        written = await _write_repeatedly(to, buffer)
    except VecsException as error:
        # The transaction has undone itself.
        if not await to.follows(error, buffer):
            raise
        written = await _write_repeatedly(to, buffer)
    return await async_offload_many(len(buffer), buffer.result, written)


async def _write_repeatedly(to: AsyncWriteTarget, buffer: RowBuffer) -> int:
    # Where the server undid a write because of another one, the rows are still here to be written again.
    for seconds in conflict_pauses():
        try:
            return await _write_once(to, buffer)
        except Conflict:
            await async_pause(seconds)
    return await _write_once(to, buffer)


async def _write_once(to: AsyncWriteTarget, buffer: RowBuffer) -> int:
    replaced = list(buffer.documents)
    if buffer.spilled:
        await async_offload(buffer.finish)
        return await _write_spilled(to, buffer, replaced)
    guarded = to.guarded
    mapped = to.table.mapped
    by_number = mapped is not None and mapped.key.kind == "integer"
    merge = None if mapped is None else mapped_merge.merger(to.table)
    rows = await async_offload_many(len(buffer), buffer.sorted_rows, guarded=guarded, by_number=by_number, merge=merge)
    if not rows:
        if replaced:
            first = documents.lock_ids(to.table, (), replaced) if guarded else None
            await to.executor.write(write.delete_documents(to.table, replaced), first)
        return 0
    # All that takes time is done before the transaction: a thread may have to be waited for, behind a model.
    statements = await async_offload_many(len(rows), _statements, to, rows, replaced, buffer.has_chunks)
    if len(statements.upserts) == 1 and statements.lock is None:
        await to.executor.write(statements.upserts[0])
        return len(rows)
    async with to.executor.transaction(READ_COMMITTED) as session:
        if statements.lock is not None:
            await session.execute(statements.lock)
        for statement in statements.upserts:
            await session.execute(statement)
        if statements.check is not None:
            # Undoes the transaction if an id is a document now and also a record of another one.
            _raise(documents.ambiguous(await session.execute(statements.check)))
    return len(rows)


class _Statements(NamedTuple):
    """The upserts of one transaction; where documents are guarded, the lock before them and the check behind."""

    upserts: list[Fragment]
    lock: Fragment | None
    check: Fragment | None


def _statements(to: AsyncWriteTarget, rows: Sequence[EncodedRow], replaced: Sequence[str], chunks: bool) -> _Statements:
    table, portions = to.table, list(batches(rows))
    upserts: list[Fragment] = []
    after = None
    for number, portion in enumerate(portions, 1):
        upto = (portion[-1][ID] or b"").decode() if number < len(portions) else None
        if table.mapped is not None:
            upserts.append(mapped_write.upsert_rows(table, portion, mapped_named.named_in(table, portion)))
        else:
            upserts.append(write.upsert_rows(table, portion, replaced, write.Span(after, upto), to.guards))
        after = upto
    if not to.guarded or not (replaced or chunks or len(portions) > 1):
        return _Statements(upserts, None, None)
    ids, owners = ids_of(table, portions)
    lock = documents.lock_ids(table, ids, [*owners, *replaced])
    return _Statements(upserts, lock, documents.find_ambiguous(table, [*ids, *owners]) if chunks else None)


async def _write_spilled(to: AsyncWriteTarget, buffer: RowBuffer, replaced: Sequence[str]) -> int:
    table, guarded = to.table, to.guarded
    async with to.executor.transaction({**READ_COMMITTED, "work_mem": "64MB"}) as session:
        await _create_stage(session, table)
        async with session.copy(write.copy_into_stage(table)) as copy:
            for data in buffer.copy_data():
                await copy.write(data)
        if buffer.superseded:
            await session.execute(write.drop_superseded(buffer.superseded))
        if table.mapped is not None:
            await session.execute(mapped_merge.merge_staged(table))
            found = first_column(await session.execute(mapped_named.named_in_stage(table)))
            await session.execute(mapped_write.upsert_stage(table, mapped_named.read_named(table, found)))
            return session.rowcount
        if guarded:
            _raise(documents.read_shared(await session.execute(documents.find_shared_of_stage())))
            await session.execute(documents.lock_all_ids(table))
        await session.execute(write.upsert_stage(table, replaced, to.guards))
        written = session.rowcount
        if replaced:
            await session.execute(write.delete_stale_of_stage(table, replaced))
        if guarded and buffer.has_chunks:
            _raise(documents.ambiguous(await session.execute(documents.find_ambiguous_of_stage(table))))
    return written


def _raise(error: VecsException | None) -> None:
    if error is not None:
        raise error


async def _create_stage(session: AsyncSession, table: Table) -> None:
    try:
        made = write.create_stage(table) if table.mapped is None else mapped_write.create_stage(table)
        await session.execute(made)
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"{error}: more than {MEMORY_BYTES // 2**20} MB in one transaction go through a temporary table; grant "
            "TEMP on the database to this role, or commit in parts with upsert(batch_size=)",
            error.sqlstate,
        ) from error
