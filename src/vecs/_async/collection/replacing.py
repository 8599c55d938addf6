"""The records of a collection, or of a part of it, replaced by others."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from vecs._async.collection.handle import Filters
from vecs._async.collection.writing import AsyncWriting, WriteOptions
from vecs._async.tables.refused import saying_what_to_grant
from vecs._async.writing.replacing import AsyncReplacing
from vecs._checks.numbers import checked_flag
from vecs._reports.bars import Progress
from vecs._reports.upsert_result import UpsertResult
from vecs._sql.advice import shown
from vecs._writing.frames import ArrowStream
from vecs._writing.made_ids import MadeIds
from vecs._writing.stored import say_stored
from vecs.exc import ArgError, FilterError
from vecs.filters import conditions_of
from vecs.typed import Typed


class AsyncReplacingAll(AsyncWriting):
    """The method that replaces all records."""

    async def replace_all(
        self,
        records: Iterable[Any] | AsyncIterable[Any] | ArrowStream,
        filters: Filters | None = None,
        *,
        batch_size: int | None = None,
        progress: Progress = False,
        skip_transform: bool = False,
        skip_unchanged: bool = False,
        allow_empty: bool = False,
        columns: Mapping[str, str | None] | None = None,
        ids: MadeIds = "uuid",
    ) -> UpsertResult:
        """
        Write records, and delete all others that match the filter; without a filter, all others.

        The records are written first, as `upsert()` does, which takes the same arguments. Only if all of them were
        read and written, the others are deleted: those that were there when the call began, and that still match the
        filter. So whenever it fails, or its process ends, nothing is lost, and the next call deletes what is left over.
        Records that others add meanwhile stay. The result has the number of records `deleted`.

        A record that does not match the filter raises FilterError, since no later call would delete it. An input
        without a record raises ArgError, unless `allow_empty=True`: then all records that match the filter are deleted.
        """
        allow_empty = checked_flag(allow_empty, "allow_empty")
        options = WriteOptions(
            batch_size,
            progress,
            checked_flag(skip_transform, "skip_transform"),
            checked_flag(skip_unchanged, "skip_unchanged"),
            columns,
            ids,
        )
        table = await self._writable()
        if table.mapped is not None:
            raise ArgError(f"replace_all() is for collections that vecs made, not for {shown(table)}")
        within = (await self._selection(filters=filters, writes=True)).filters
        if within is not None and any(isinstance(part, Typed) for part in conditions_of(within)):
            raise FilterError("replace_all() takes no conditions on columns that records do not have")
        by_document = await self._may_split()
        replacing = AsyncReplacing(self._executor, within, by_document=by_document)
        try:
            done = await self._upsert(records, options, "replace_all", replacing)
            if not replacing.count and not allow_empty:
                what = "that match the filter" if within is not None else "of the collection"
                raise ArgError(
                    f"no record came, so replace_all() would delete all records {what}; if that is meant, give "
                    "allow_empty=True"
                )
        finally:
            self._catalog.forget()
        try:
            async with saying_what_to_grant(self._executor, self.schema, self.name, "select", "delete"):
                deleted = await replacing.delete_rest(await self._table())
        except Exception as error:
            say_stored(error, replacing.count)
            raise
        return UpsertResult(done.records, done.documents, done.unchanged, done.embedded, deleted, done.ids)
