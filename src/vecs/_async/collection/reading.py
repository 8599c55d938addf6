"""Records read by id, by condition and page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters
from vecs._async.searching.columns import with_columns
from vecs._checks.numbers import checked_flag, checked_int
from vecs._checks.shown import brief
from vecs._reports.pages import Records
from vecs._searching.columns import IncludeColumns, checked_columns
from vecs._searching.paging import (
    check_pages,
    checked_order,
    indexed_type,
    likely_type,
    needs_type,
    read_cursor,
    written_cursor,
)
from vecs._searching.request import MOST_ROWS
from vecs._sql.advice import check_unique
from vecs._sql.answers import Columns, RecordRow, Row, read_record_rows, read_records
from vecs._sql.filters import KeyType
from vecs._sql.keyed import Keyed
from vecs._sql.ordering import Order, Place, Stretch, read_place, select_ordered, select_unvalued, types_at
from vecs._sql.records import ALL, Page, count_documents, count_records, select_records
from vecs._sql.scalars import first_column, only_value
from vecs._sql.selection import Selection, selects_nothing
from vecs._sql.tables import Table
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
        order_by: str | None = None,
        after: str | None = None,
    ) -> Records:
        """
        Read records: with ids, in the order of the ids; otherwise sorted by id.

        If the transform splits documents, the id of a document means all its records, in reading order, and the id of
        a record means that record. A record must meet all conditions that you give. Ids that do not exist are left
        out. No record is returned twice.

        `include_columns` are names of other columns of the table, whose values `columns` of a record has; True means
        all of them.

        `order_by="published"` sorts by a metadata key or path, or by a column such as "$id", and `"-published"` from
        the greatest on. Equal values are sorted by id. Values are those of one type, as in filters: numbers, or strings
        by their first 200 characters. It is that of the key's metadata index, which also finds each page; without one,
        that of most values. Records without such a value come last.

        `after` is the `cursor` of the page before: `get(order_by=..., limit=100, after=page.cursor)`. Pages hold each
        record that does not change exactly once. Give the same filters and order for all of them.
        """
        selection = await self._selection(ids, filters, document_ids)
        if limit is not None:
            limit = checked_int(limit, "limit", 0)
        offset = checked_int(offset, "offset", 0)
        include_vector = checked_flag(include_vector, "include_vector")
        table = await self._table()
        in_order = order_by is not None or after is not None
        if in_order:
            check_pages(order_by, offset, selection)
        order = checked_order(order_by, table)
        known, place = (None, None) if after is None else read_cursor(after, order)
        if selects_nothing(selection):
            return Records()
        columns = Columns(vec=include_vector, extra=True)
        wanted = checked_columns(table, include_columns)
        cursor = None
        if in_order:
            check_unique(table, "get(order_by=)")
            if needs_type(order):
                order = replace(order, type=known or await self._type_at(table, order.keyed))
            found, cursor = await self._in_order(table, columns, selection, order, place, limit)
        else:
            # One more tells whether there is another page.
            paged = selection.ids is None and limit is not None and 0 < limit < MOST_ROWS
            page = Page(limit + paged if limit is not None else None, offset) if selection.ids is None else ALL
            found = read_records(table, await self._executor.read(select_records(table, columns, selection, page)))
            if paged and limit is not None and len(found) > limit:
                del found[limit:]
                cursor = written_cursor(order, Place(None, str(found[-1].id)))
        if include_columns:
            found = await with_columns(self._executor, table, found, wanted)
        if not found:
            await self._warn_of_columns(selection)
        if in_order or selection.ids is None:
            return Records(found, cursor)
        ordered = in_order_of(selection.ids, found, whole=selection.whole)
        return Records(ordered[offset : None if limit is None else offset + limit])

    async def _type_at(self, table: Table, keyed: Keyed) -> KeyType:
        """Return the type of the values at a key: that of its index, or else that of the values."""
        found = indexed_type((await self._known_indexes()).all, keyed.key)
        if found is not None:
            return found
        return likely_type(first_column(await self._executor.read(types_at(table, keyed), prepare=False)))

    async def _in_order(
        self, table: Table, columns: Columns, selection: Selection, order: Order, after: Place | None, limit: int | None
    ) -> tuple[list[Record], str | None]:
        """Return the records behind a place, and the cursor for those behind them."""
        if limit == 0:
            return [], None
        # One more tells whether there is another page.
        wanted = None if limit is None else min(limit, MOST_ROWS) + 1
        rows = list[Row]()
        by_id = order.keyed.key == "$id"
        if by_id or after is None or after.value is not None:
            statement = select_ordered(table, columns, selection, order, Stretch(after, wanted))
            rows = await self._executor.read(statement, prepare=False)
            after = None
        if not by_id and (wanted is None or len(rows) < wanted):
            rest = None if wanted is None else wanted - len(rows)
            statement = select_unvalued(table, columns, selection, order, Stretch(after, rest))
            rows = [*rows, *await self._executor.read(statement, prepare=False)]
        if wanted is None or len(rows) < wanted:
            return read_records(table, rows), None
        kept = rows[: wanted - 1]
        return read_records(table, kept), written_cursor(order, read_place(kept[-1], by_id=by_id))

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
