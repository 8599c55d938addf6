"""Values of a key, counted and summed up."""

from __future__ import annotations

from typing import Any, cast

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters
from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._searching.keys import checked_keyed
from vecs._searching.summing import chosen_stats
from vecs._sql.filters import KEY_TYPES, KeyType
from vecs._sql.keyed import column_at
from vecs._sql.summaries import MEASURED, ORDERED, Stats, count_values, read_sums, sum_up
from vecs.exc import ArgError


class AsyncSummarising(AsyncHandle):
    """The methods that tell which values there are."""

    @async_anew("select")
    async def facets(
        self, key: str, *, filters: Filters | None = None, limit: int | None = None
    ) -> list[tuple[Any, int]]:
        """
        Count the records that have each value at a key; return pairs (value, count), most frequent first.

        `key` is a metadata key or path, or a column, as in filters. An array counts for each of its elements, once per
        record; an object is one value. Values keep their types, and 1 and 1.0 are one value. A null is None; records
        without the key are left out, and so are empty arrays. Values that are as frequent are in the order of Postgres'
        jsonb. Without `limit`, all values are returned.
        """
        table = await self._table()
        keyed = checked_keyed(key, table, "key")
        most = None if limit is None else checked_int(limit, "limit", 0)
        selection = await self._selection(filters=filters)
        found = await self._executor.read(count_values(table, keyed, selection, most), prepare=False)
        if not found and most != 0:
            await self._warn_of_columns(selection)
            await self._warn_of_keys({keyed.key} - table.known_columns.keys(), "facets()")
        return [(value, count) for value, count in found]

    @async_anew("select")
    async def stats(self, key: str, *, filters: Filters | None = None, type: KeyType | None = None) -> Stats:
        """
        Sum up the values at a key: `count`, `min`, `max`, and `mean` if they are numbers.

        `key` is a metadata key or path, or a column, as in filters. Of metadata, numbers are summed up, or strings,
        which dates are: their order is that of filters, by code point. If there are both, ArgError says so: give
        `type="number"` or `type="string"`. Other values are not counted. A column is summed up by its own type; its
        dates are strings in ISO form.
        """
        if type is not None and (not isinstance(cast("Any", type), str) or type not in KEY_TYPES):
            raise ArgError(f"type must be 'number', 'string' or None, not {brief(type)}")
        table = await self._table()
        keyed = checked_keyed(key, table, "key")
        if keyed.column is not None and keyed.column.kind not in (*MEASURED, *ORDERED):
            what = f"column {brief(keyed.column.name)} is {keyed.column.shown}"
            raise ArgError(f"key={brief(key)}: {what}, which has no order; facets() counts its values")
        selection = await self._selection(filters=filters)
        sums = read_sums(await self._executor.read(sum_up(table, keyed, selection), prepare=False))
        made = chosen_stats(sums, key, type, of_column=column_at(keyed) is not None)
        if not made.count:
            await self._warn_of_columns(selection)
            await self._warn_of_keys({keyed.key} - table.known_columns.keys(), "stats()")
        return made
