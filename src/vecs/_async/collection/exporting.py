"""Records as data frames."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import Filters
from vecs._async.collection.reading import AsyncReading
from vecs._checks.numbers import checked_flag, checked_int
from vecs._concurrency.calls import async_offload
from vecs._reports.frames import ArrowForm, PandasColumns, arrow_batch, arrow_schema, columns_beside, require
from vecs._reports.key_columns import KeyColumn, KeyColumns, checked_key_columns, key_column
from vecs._searching.keys import checked_keyed
from vecs._sql.summaries import find_kinds
from vecs.exc import ArgError
from vecs.records import Record

# How many records are read at once where nothing is said.
_PAGE = 1000


class AsyncExporting(AsyncReading):
    """The methods that return data frames."""

    async def to_pandas(
        self,
        *,
        filters: Filters | None = None,
        include_vector: bool = True,
        columns: Sequence[str] | Mapping[str, str] | None = None,
        batches: int | None = None,
    ) -> Any:
        """
        Read the records into a pandas DataFrame, one row each, in id order.

        Metadata is a column of dicts. With `columns`, keys of metadata as in filters, these keys are typed columns
        in its place: whole numbers, numbers, strings, booleans, lists of them; other values, and those of several
        types, are values of Python. `columns={"author.name": "author"}` gives them other names.

        With `batches=1000` it returns an iterator of DataFrames of so many rows, and only one is in memory.
        """
        await async_offload(require, "pandas")
        size = None if batches is None else checked_int(batches, "batches", 1)
        include_vector = checked_flag(include_vector, "include_vector")
        keys = await self._key_columns(columns, filters)
        pages = self._pages(filters, include_vector, size or _PAGE)
        if size is not None:
            return _pandas_batches(pages, keys)
        whole = PandasColumns(keys)
        async for records in pages:
            await async_offload(whole.add, records)
        return await async_offload(whole.frame)

    async def to_arrow(
        self,
        *,
        filters: Filters | None = None,
        include_vector: bool = True,
        columns: Sequence[str] | Mapping[str, str] | None = None,
        batches: int | None = None,
    ) -> Any:
        """
        Read the records into a pyarrow Table; vectors as fixed-size lists of float32, metadata as JSON.

        Vectors of bits are lists of bool. Sparse vectors are structs of the indices and the values that are not
        zero. `columns` is as in `to_pandas()`; objects, and values of several types, are JSON text.

        With `batches=1000` it returns an iterator of RecordBatches of so many rows, and only one is in memory.
        """
        arrow = await async_offload(require, "pyarrow")
        size = None if batches is None else checked_int(batches, "batches", 1)
        include_vector = checked_flag(include_vector, "include_vector")
        keys = await self._key_columns(columns, filters)
        form = ArrowForm(self.dimension, (await self._table()).vec_type, keys)
        schema = await async_offload(arrow_schema, form)
        made = _arrow_batches(self._pages(filters, include_vector, size or _PAGE), form, schema)
        if size is not None:
            return made
        return arrow.Table.from_batches([batch async for batch in made], schema)

    async def _pages(
        self, filters: Filters | None, include_vector: bool, page_size: int
    ) -> AsyncIterator[list[Record]]:
        page: list[Record] = []
        async for record in self.scan(filters=filters, include_vector=include_vector, page_size=page_size):
            page.append(record)
            if len(page) == page_size:
                yield page
                page = []
        if page:
            yield page

    @async_anew("select")
    async def _key_columns(self, columns: KeyColumns | None, filters: Filters | None) -> list[KeyColumn] | None:
        """Return the columns for keys of metadata, of the types that the records have."""
        if columns is None:
            return None
        table = await self._table()
        names = checked_key_columns(columns, columns_beside(columns))
        keys = [checked_keyed(key, table, "columns") for key in names]
        for keyed in keys:
            if keyed.key.startswith("$"):
                raise ArgError(f"columns= takes keys of metadata, and {keyed.key!r} is a column: get(include_columns=)")
        if not keys:
            return []
        found = await self._executor.read(
            find_kinds(table, keys, await self._selection(filters=filters)), prepare=False
        )
        kinds = list(zip(*found, strict=True)) or [() for _ in keys]
        return [key_column(key, name, kind) for (key, name), kind in zip(names.items(), kinds, strict=True)]


async def _pandas_batches(pages: AsyncIterator[list[Record]], keys: Sequence[KeyColumn] | None) -> AsyncIterator[Any]:
    async for records in pages:
        part = PandasColumns(keys)
        part.add(records)
        yield await async_offload(part.frame)


async def _arrow_batches(pages: AsyncIterator[list[Record]], form: ArrowForm, schema: Any) -> AsyncIterator[Any]:
    async for records in pages:
        yield await async_offload(arrow_batch, records, form, schema)
