"""Records written, changed and deleted."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, cast

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters
from vecs._async.indexing.guard import altering
from vecs._async.tables.enable_text import enable_text
from vecs._async.tables.refused import saying_what_to_grant
from vecs._async.writing.upsert import AsyncWriteTarget, upsert
from vecs._checks.arguments import one_of, required
from vecs._checks.numbers import checked_flag, checked_int
from vecs._checks.settings import check_may_alter, of_tenants
from vecs._concurrency.calls import async_offload
from vecs._connecting.refused import Need
from vecs._reports.bars import Progress
from vecs._sql import mapped_write, tables, write
from vecs._sql.advice import shown, why_not_written
from vecs._sql.documents import lock_all_ids, lock_ids
from vecs._sql.fragment import Fragment
from vecs._sql.rows import encode_metadata
from vecs._sql.scalars import first_column
from vecs._sql.selection import EVERYTHING, Selection, selects_nothing
from vecs._sql.tables import Table
from vecs._writing.documents import check_one_row_each, ids_found
from vecs._writing.frame_records import frame_records
from vecs._writing.frames import ArrowStream, is_frame
from vecs._writing.made_ids import IdMaker, MadeIds, checked_made_ids
from vecs._writing.stored import say_stored
from vecs.exc import ArgError
from vecs.records import Metadata, Record, RecordId, UpsertResult

_REPLACES_CHUNKS: tuple[Need, ...] = ("select", "insert", "update", "delete")


class AsyncWriting(AsyncHandle):
    """The methods that write."""

    async def upsert(
        self,
        records: Iterable[Any] | AsyncIterable[Any] | ArrowStream | None = None,
        skip_adapter: bool = False,
        *,
        vectors: Iterable[Any] | None = None,
        batch_size: int | None = None,
        progress: Progress = False,
        skip_transform: bool = False,
        columns: Mapping[str, str | None] | None = None,
        ids: MadeIds = "uuid",
    ) -> UpsertResult:
        """
        Write records, replacing those with the same id, and return how many were written.

        The result is an int, the number of records. It also has `documents`, the number of their documents.

        A record is a tuple `(id, vector or media, metadata)`, a Record, or a dict of a Record's fields. The input may
        be any iterable; it is read lazily. A transform makes a vector from text or other media; a vector that you give
        is stored as it is. If a chunker splits a document, the new chunks replace all old chunks of this document. Of
        several records with one id, the last one is stored. But a document never overwrites another one: if it, or
        one of its chunks, has the id of another document or of that one's chunk, ArgError names both ids.

        All records are written or none, in one transaction, which begins after the input was read. With
        `batch_size=`, every batch is committed. If the call fails after that, the error says that the first so many of
        your records are stored; errors of vecs also have this number as `stored`. `progress` is True for a bar, or a
        callable `(done, total)`. If a record is invalid, ArgError names it.

        Of a list, all records are checked before the first one is embedded, so that no model works for nothing.

        A record without an id, or whose id is None, gets one: a random UUID, or with `ids="content"` the first 32
        hexadecimal digits of the SHA-256 of its text. `ids` of the result are those that were made, in order.

        The input may be a data frame of pandas or polars, a table, a batch or a stream of Arrow, or a dataset of
        Hugging Face. Its columns id, vec, text, metadata and document_id are the parts of a record, and every other
        one is a key of the metadata. `columns` names others: `columns={"id": "key", "text": "body"}`, also for `extra`
        and `media`. What is missing in a cell is null. It needs the extra `data`; see docs/data.md.
        """
        given: Any = required("records", one_of("records", records, "vectors", vectors))
        made_by = checked_made_ids(ids)
        frame = None
        if columns is not None or is_frame(given):
            # In a thread: what reads it may have to be imported.
            given = frame = await async_offload(frame_records, given, columns)
        iterable = isinstance(given, Iterable | AsyncIterable)
        if not iterable or isinstance(given, str | bytes | Mapping | Record):
            raise ArgError(f"upsert takes an iterable of records, not one {type(cast('Any', given)).__name__}")
        if batch_size is not None:
            batch_size = checked_int(batch_size, "batch_size", 1)
        skip = checked_flag(skip_adapter, "skip_adapter") or checked_flag(skip_transform, "skip_transform")
        transform = None if skip else self.transform
        table = await self._writable()
        if frame is not None:
            frame.needs_content = not table.attached
        if transform is not None and not table.has_text:
            # Where text columns were added elsewhere, texts would be lost without a word.
            table = await self._table(0)
        if table.mapped is not None and transform is not None:
            what = f"{shown(table)}, whose columns are of other types than those of a collection of vecs,"
            check_one_row_each(transform, what, "get_collection()")
        splits = await self._may_split()
        writing = AsyncWriteTarget(
            self._executor,
            table,
            transform,
            self._is_altered,
            self._table,
            splits=splits,
            same_table=self.transform is not None,
        )
        replaces = splits or transform is not None
        needs: tuple[Need, ...] = _REPLACES_CHUNKS if replaces else ("select", "insert", "update")
        try:
            async with saying_what_to_grant(self._executor, self.schema, self.name, *needs):
                done = await upsert(
                    writing,
                    cast("Iterable[Any]", given),
                    batch_size=batch_size,
                    progress=progress,
                    ids=IdMaker(made_by, None if table.mapped is None else table.mapped.key),
                )
        except Exception as error:
            say_stored(error, writing.stored)
            raise
        self._catalog.wrote(*self._place, int(done))
        return done

    @async_anew("select", "delete")
    async def delete(
        self,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        *,
        document_ids: Iterable[RecordId] | None = None,
    ) -> list[str]:
        """
        Delete records by id, by filter or by their document; return the ids that existed.

        If the transform splits documents, the id of a document means all its records, and those of your ids that
        existed are returned.

        Give exactly one of the three arguments. An empty list deletes nothing, and a filter without a condition raises
        FilterError. `truncate()` deletes everything.
        """
        given = sum(part is not None for part in (ids, filters, document_ids))
        if given == 0:
            raise ArgError("Either ids or filters must be provided. (or document_ids; truncate() deletes all)")
        if given > 1:
            raise ArgError("Either ids or filters must be provided, not both. (nor document_ids besides)")
        selection = await self._selection(ids, filters, document_ids, writes=True)
        if selects_nothing(selection):
            return []
        table = await self._writable()
        statement = (write if table.mapped is None else mapped_write).delete(table, selection)
        return await self._change(selection, statement)

    @async_anew("select", "update")
    async def update_metadata(
        self,
        metadata: Metadata,
        *,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
        replace: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """
        Add keys to the metadata of the selected records and return their ids; nothing is embedded.

        The value of an existing key is replaced; `replace=True` replaces all metadata. Give at least one of ids,
        filters and document_ids; records must meet all that you give. The id of a document means all its records, as
        in `delete()`.

        `extra` changes the records' `extra` in the same way, in the same statement. None leaves it unchanged, also
        with `replace=True`. To change only `extra`, give `metadata={}` without `replace`. Raises ArgError for a
        collection without text, because its records have no extra.
        """
        selection = await self._selection(ids, filters, document_ids, writes=True)
        if selection == Selection():
            raise ArgError("update_metadata needs ids, filters or document_ids to say which records")
        replace = checked_flag(replace, "replace")
        encoded = encode_metadata(metadata, "metadata")
        encoded_extra = None if extra is None else encode_metadata(extra, "extra")
        table = await self._writable()
        if extra is not None and not table.has_extra:
            if table.attached:
                raise ArgError(f"{shown(table)} has no column for extra=; put it into the metadata")
            raise ArgError(
                f"collection {self.name!r} keeps no extra; call its enable_text(), or create the collection with "
                "text=True"
            )
        if selects_nothing(selection):
            return []
        if table.mapped is None:
            statement = write.update_metadata(table, selection, encoded, encoded_extra, replace=replace)
        else:
            statement = mapped_write.update_metadata(table, selection, metadata, encoded_extra, replace=replace)
        return await self._change(selection, statement)

    async def _writable(self) -> Table:
        """Return the table; raises ArgError where it cannot be written."""
        table = await self._table()
        if why_not_written(table) is not None:
            # It may have been mended meanwhile.
            table = await self._table(0)
            why = why_not_written(table)
            if why is not None:
                raise ArgError(f"the records of {shown(table)} cannot be written: {why}")
        return table

    async def _change(self, selection: Selection, statement: Fragment) -> list[str]:
        given = selection.ids if selection.whole else selection.document_ids
        changed = _ids_of(selection, await self._executor.write(statement, await self._locking(given)))
        if not changed:
            await self._warn_of_columns(selection)
        return changed

    async def _locking(self, documents: Sequence[str] | None) -> Fragment | None:
        """Return what locks all records of these documents, also those that an upsert is about to commit."""
        if not await self._may_split():
            return None
        # Which documents have records that meet a filter is not known before.
        return lock_all_ids(await self._table()) if documents is None else lock_ids(await self._table(), (), documents)

    async def truncate(self) -> None:
        """
        Delete all records; the indexes stay.

        Postgres does not apply policies to TRUNCATE. So if row-level security hides records from the role, and through
        a view with a role or settings of its own, this deletes the records that the role sees, one by one.
        """
        if (await self._table(0)).row_security or of_tenants(self._executor.settings):
            await self._delete_all()
        else:
            await self._truncate()
        # How common words were is no longer true.
        self._catalog.forget()

    @async_anew("select", "delete")
    async def _delete_all(self) -> None:
        table = await self._table()
        if table.mapped is None:
            await self._executor.write(write.delete_all(table), await self._locking(None))
        else:
            await self._executor.write(mapped_write.delete(table, EVERYTHING))

    @async_anew("truncate")
    async def _truncate(self) -> None:
        table = await self._table()
        async with altering(self._executor, table) as session:
            await session.execute(tables.truncate_table(table))

    @async_anew("own", "create")
    async def enable_text(self, language: str | None = None, *, text_key: str | None = None) -> None:
        """
        Let a collection store texts, and be searched by keywords and in hybrid mode.

        Adds the columns and indexes that a collection made with `text=True` has. `language` is a text search
        configuration of Postgres, such as "german" or "simple"; without it, the collection keeps its language, and a
        new one is "english". If the collection has text in another language, or its keywords are those of an earlier
        version of vecs, they are built again. `text_key` names a metadata key: its strings become the text of records
        that have no text. Postgres locks and rewrites the table, which takes minutes per million records.
        """
        check_may_alter(self._executor.settings, "enable_text()")
        try:
            await enable_text(self._executor, await self._table(), language, text_key)
        finally:
            self._catalog.altered += 1


def _ids_of(selection: Selection, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    return ids_found(selection.ids or [], rows) if selection.whole else first_column(rows)
