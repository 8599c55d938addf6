"""The map of a collection: a page on this machine, or a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import Filters
from vecs._async.collection.reading import AsyncReading
from vecs._atlas.gathering import Gathered, Gathering
from vecs._atlas.projection import BASIS_ROWS
from vecs._atlas.wanted import DEFAULT_LIMIT, checked_color, checked_size, checked_wanted
from vecs._concurrency.calls import async_offload
from vecs._serving.handle import Atlas, open_atlas
from vecs._serving.layout import figure
from vecs._sql.advice import check_unique
from vecs._sql.answers import Columns, read_records
from vecs._sql.records import Page, count_records, select_records
from vecs._sql.sampling import HAS_VECTOR, sample_ids
from vecs._sql.scalars import first_column, only_value
from vecs._writing.documents import portions
from vecs.records import Record

if TYPE_CHECKING:
    from typing_extensions import Self

Projection = Literal["tsne", "pca"]

# How many records are read at once, and how many ids.
_PAGE = 1000
_IDS_PAGE = 20_000
_SEED = 0


class AsyncMapping(AsyncReading):
    """The methods that draw a map."""

    async def atlas(
        self,
        *,
        color: str | None = None,
        filters: Filters | None = None,
        limit: int = DEFAULT_LIMIT,
        projection: Projection = "tsne",
        port: int = 0,
    ) -> Atlas:
        """
        Serve a map of the records on this machine, and return it: `atlas.url` is the link to open in a browser.

        Records whose vectors are near each other stand together. The page searches, filters, colours the points by
        metadata, shows records and their nearest neighbours, and exports what you select; nothing leaves the
        machine. In a notebook, the map is shown below the cell.

        `color` is a metadata key or path to colour by at first; the page has a list of all. If more than `limit`
        records match `filters`, a random sample of so many is shown; searches find the others, too. Main components
        are shown at once. With `projection="tsne"`, t-SNE moves the points a while later; it takes seconds to minutes
        of the processor's time, and is kept in a cache. `port` 0 takes a free one.

        The map is served by a thread, with connections of its own, until you close it, or the client; it also is a
        context manager. It shows the records as they were when it was opened.

            atlas = docs.atlas(color="module")
            print(atlas.url)
        """
        wanted = checked_wanted(color, limit, projection, port)
        await self._check_can_be_mapped(filters)
        apart = self._apart()
        apart._map_filters = filters
        atlas = await async_offload(open_atlas, apart, wanted)
        self._executor.close_with(atlas)
        return atlas

    async def plot(
        self,
        *,
        color: str | None = None,
        filters: Filters | None = None,
        limit: int = DEFAULT_LIMIT,
        projection: Projection = "tsne",
        size: tuple[float, float] = (9.0, 7.0),
    ) -> Any:
        """
        Draw a map of the records as a matplotlib Figure; `figure.savefig("map.png")` writes it.

        `size` is its width and height in inches. The other arguments are those of `atlas()`. With
        `projection="tsne"` it takes seconds to minutes of the processor's time.
        """
        wanted = checked_wanted(color, limit, projection, 0, figure=True)
        inches = checked_size(size)
        await self._check_can_be_mapped(filters)
        gathered = await self._gathered(filters, wanted.limit, lambda done, total: None)
        if wanted.color is not None:
            checked_color(gathered.columns, wanted.color)
        return await async_offload(figure, gathered, wanted, self.name, inches)

    # The filters of a map; of its own copy of a collection.
    _map_filters: Filters | None = None

    def _apart(self) -> Self:
        """Return this collection with a client of its own, which has the same target, options and settings."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin.client = type(self.client).__new__(type(self.client))
        twin.client.__setstate__(self.client.__getstate__())
        twin._executor, twin._catalog = twin.client._executor, twin.client._catalog
        twin._known = None
        twin.warns_without_index = False
        return twin

    @async_anew("select")
    async def _check_can_be_mapped(self, filters: Filters | None) -> None:
        # Read now: there may be no such collection any more.
        check_unique(await self._table(0), "a map")
        await self._selection(filters=filters)

    @async_anew("select")
    async def _gathered(self, filters: Filters | None, limit: int, told: Callable[[int, int], object]) -> Gathered:
        """Read what a map needs of the records, batch by batch; `told` is called with how many of how many are read."""
        table, selection = await self._table(), await self._selection(filters=filters)
        total = only_value(await self._executor.read(count_records(table, selection)))
        with_vector = only_value(await self._executor.read(count_records(table, selection, HAS_VECTOR)))
        gathering = Gathering()
        shown = min(with_vector, limit)
        if with_vector > limit:
            for ids in portions(await self._sample(filters, limit), _PAGE):
                await async_offload(gathering.add, await self._vectors_of(ids))
                told(gathering.count, shown)
            return await async_offload(gathering.finish, total, with_vector)
        if with_vector > BASIS_ROWS:
            sample: list[Any] = []
            for ids in portions(await self._sample(filters, BASIS_ROWS), _PAGE):
                sample += [record.vec for record in await self._vectors_of(ids) if record.vec is not None]
            if sample:
                await async_offload(gathering.use_sample, sample)
        after: str | None = None
        while True:
            statement = select_records(table, _OF_MAP, selection, Page(_PAGE, after=after))
            records = read_records(table, await self._executor.read(statement))
            await async_offload(gathering.add, records)
            told(gathering.count, shown)
            if len(records) < _PAGE:
                return await async_offload(gathering.finish, total, with_vector)
            after = str(records[-1].id)

    async def _sample(self, filters: Filters | None, count: int) -> list[str]:
        """Return the ids of so many random records that have vectors; the same ones each time."""
        selection = await self._selection(filters=filters)
        return first_column(await self._executor.read(sample_ids(await self._table(), selection, count, _SEED)))

    async def _vectors_of(self, ids: Sequence[str]) -> list[Record]:
        """Read vectors and metadata of records, in the order of their ids in the list."""
        table, selection = await self._table(), await self._selection(ids)
        found = read_records(table, await self._executor.read(select_records(table, _OF_MAP, selection)))
        by_id = {str(record.id): record for record in found}
        return [by_id[id] for id in ids if id in by_id]

    @async_anew("select")
    async def _ids_page(self, filters: Filters | None, after: str | None) -> tuple[list[str], str | None]:
        """Return the next ids of the records that match, and the one to go on behind; None at the end."""
        table, selection = await self._table(), await self._selection(filters=filters)
        statement = select_records(table, _IDS, selection, Page(_IDS_PAGE, after=after))
        found = [str(record.id) for record in read_records(table, await self._executor.read(statement))]
        return found, found[-1] if len(found) == _IDS_PAGE else None

    @async_anew("select")
    async def _search_facts(self) -> tuple[bool, bool, bool]:
        """Return whether it searches by texts' vectors, whether by words, and whether there are other columns."""
        table = await self._table()
        return self.transform is not None, table.has_text and table.language is not None, bool(table.extras)


_OF_MAP = Columns(text=False, document_id=False, vec=True)
_IDS = Columns(text=False, metadata=False, document_id=False)
