"""Records read by id, by condition and page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters
from vecs._async.searching.columns import with_columns
from vecs._checks.numbers import checked_flag, checked_int
from vecs._checks.shown import brief
from vecs._reports.frames import to_arrow, to_pandas
from vecs._searching.columns import IncludeColumns, checked_columns
from vecs._sql.advice import check_unique
from vecs._sql.answers import Columns, RecordRow, read_record_rows, read_records
from vecs._sql.records import ALL, Page, count_documents, count_records, select_records
from vecs._sql.scalars import only_value
from vecs._sql.selection import Selection, selects_nothing
from vecs._writing.documents import in_order_of, portions
from vecs.exc import ArgError
from vecs.records import Record, RecordId

_DOCUMENTS_PER_PAGE = 100


class AsyncReading(AsyncHandle):
    """The methods that read records."""

    @async_anew("select")
    async def get(
        self,
        ids: Iterable[RecordId] | None = None,
        *,
        filters: Filters | None = None,
        document_ids: Iterable[RecordId] | None = None,
        limit: int | None = None,
        offset: int = 0,
        include_vector: bool = False,
        include_columns: IncludeColumns = False,
    ) -> list[Record]:
        """
        Read records: with ids, in the order of the ids; otherwise sorted by id.

        If the transform splits documents, the id of a document means all its records, in reading order, and the id of
        a record means that record. A record must meet all conditions that you give. Ids that do not exist are left
        out. No record is returned twice.

        `include_columns` are names of other columns of the table, whose values `columns` of a record has; True means
        all of them.
        """
        selection = await self._selection(ids, filters, document_ids)
        if limit is not None:
            limit = checked_int(limit, "limit", 0)
        offset = checked_int(offset, "offset", 0)
        include_vector = checked_flag(include_vector, "include_vector")
        if selects_nothing(selection):
            return []
        columns = Columns(vec=include_vector, extra=True)
        table = await self._table()
        wanted = checked_columns(table, include_columns)
        page = Page(limit, offset) if selection.ids is None else ALL
        found = read_records(table, await self._executor.read(select_records(table, columns, selection, page)))
        if include_columns:
            found = await with_columns(self._executor, table, found, wanted)
        if not found:
            await self._warn_of_columns(selection)
        if selection.ids is None:
            return found
        ordered = in_order_of(selection.ids, found, whole=selection.whole)
        return ordered[offset : None if limit is None else offset + limit]

    @async_anew("select")
    async def fetch(self, ids: Iterable[RecordId]) -> list[RecordRow]:
        """
        Read records by id as vecs 0.4 did: tuples `(id, vec, metadata)`, in any order.

        The id of a document means all its records, as in `get()`.
        """
        table = await self._table()
        selection = await self._selection(ids)
        if not selection.ids:
            return []
        columns = Columns(text=False, document_id=False, vec=True)
        return read_record_rows(table, await self._executor.read(select_records(table, columns, selection)))

    async def __getitem__(self, id: str) -> RecordRow:
        """Read one record; raises KeyError if it does not exist, or if the id is a document of several records."""
        if not isinstance(id, str):
            raise ArgError(f"items must be a string id, not {brief(id)}")
        rows = await self.fetch([id])
        if not rows:
            raise KeyError(f"no item found with requested id {brief(id)}")
        if len(rows) > 1:
            raise KeyError(f"{brief(id)} is a document of {len(rows)} records; get([{brief(id)}]) reads them")
        return rows[0]

    @async_anew("select")
    async def count(self, filters: Filters | None = None, *, documents: bool = False) -> int:
        """
        Count the records, or those that match a filter; the number is exact, not an estimate.

        `documents=True` counts the documents of these records; a record without a document counts as one.
        """
        counting = count_documents if checked_flag(documents, "documents") else count_records
        selection = await self._selection(filters=filters)
        count = only_value(await self._executor.read(counting(await self._table(), selection)))
        if not count:
            await self._warn_of_columns(selection)
        return count

    async def scan(
        self,
        *,
        ids: Iterable[RecordId] | None = None,
        filters: Filters | None = None,
        include_vector: bool = False,
        page_size: int = 1000,
        include_columns: IncludeColumns = False,
    ) -> AsyncIterator[Record]:
        """
        Yield all records, or all that match a filter, in id order, and read them page by page.

        With `ids` it yields the records that `get()` returns, in the same order. No transaction is open between pages:
        the loop may or may not see records that are written meanwhile. But the records of a document whose id you give
        are always of one version. `include_columns` is that of `get()`.
        """
        page_size = checked_int(page_size, "page_size", 1)
        include_vector = checked_flag(include_vector, "include_vector")
        check_unique(await self._table(), "scan()")
        if not isinstance(include_columns, bool):
            # It may be an iterator, and every page needs it.
            include_columns = [column.name for column in checked_columns(await self._table(), include_columns)]
        if ids is not None:
            yielded = set[str]()
            selection = await self._selected(ids, filters)
            for part in portions(selection.ids or (), await self._ids_per_page(page_size)):
                for record in await self._records(part, filters, include_vector, include_columns):
                    if record.id not in yielded:
                        yielded.add(str(record.id))
                        yield record
            if not yielded and selection.ids:
                await self._warn_of_columns(selection)
            return
        after: str | None = None
        while True:
            records = await self._page(filters, include_vector, Page(page_size, after=after), include_columns)
            for record in records:
                yield record
            if len(records) < page_size:
                return
            after = str(records[-1].id)

    @async_anew("select")
    async def _selected(self, ids: Iterable[RecordId], filters: Filters | None) -> Selection:
        return await self._selection(ids, filters)

    async def _ids_per_page(self, page_size: int) -> int:
        # A document may have many records. One statement reads all of them, so that they are of one version.
        return min(page_size, _DOCUMENTS_PER_PAGE) if await self._may_split() else page_size

    @async_anew("select")
    async def _records(
        self, ids: Sequence[str], filters: Filters | None, include_vector: bool, include_columns: IncludeColumns
    ) -> list[Record]:
        """Read what these ids mean, and matches a filter, in the order of the ids."""
        selection = await self._selection(ids, filters)
        table = await self._table()
        statement = select_records(table, Columns(vec=include_vector, extra=True), selection)
        found = read_records(table, await self._executor.read(statement))
        if include_columns:
            found = await with_columns(self._executor, table, found, checked_columns(table, include_columns))
        return in_order_of(selection.ids or ids, found, whole=selection.whole)

    @async_anew("select")
    async def _page(
        self, filters: Filters | None, include_vector: bool, page: Page, include_columns: IncludeColumns
    ) -> list[Record]:
        selection = await self._selection(filters=filters)
        table = await self._table()
        statement = select_records(table, Columns(vec=include_vector, extra=True), selection, page)
        found = read_records(table, await self._executor.read(statement))
        if not found and page.after is None:
            await self._warn_of_columns(selection)
        if include_columns:
            return await with_columns(self._executor, table, found, checked_columns(table, include_columns))
        return found

    def __aiter__(self) -> AsyncIterator[Record]:
        """Yield every record, without its vector; see `scan()`."""
        return self.scan()

    async def to_pandas(self, *, filters: Filters | None = None, include_vector: bool = True) -> Any:
        """Read the records into a pandas DataFrame, one row each."""
        return to_pandas([r async for r in self.scan(filters=filters, include_vector=include_vector)])

    async def to_arrow(self, *, filters: Filters | None = None, include_vector: bool = True) -> Any:
        """
        Read the records into a pyarrow Table; vectors as fixed-size lists of float32, metadata as JSON.

        Vectors of bits are lists of bool. Sparse vectors are structs of the indices and the values that are not
        zero.
        """
        found = [r async for r in self.scan(filters=filters, include_vector=include_vector)]
        return to_arrow(found, self.dimension, (await self._table()).vec_type)
