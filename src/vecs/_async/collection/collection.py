"""A collection: a named set of records, searched by nearness."""

from __future__ import annotations

from vecs._async.collection.anew import async_anew
from vecs._async.collection.exporting import AsyncExporting
from vecs._async.collection.indexing import AsyncIndexing
from vecs._async.collection.mapping import AsyncMapping
from vecs._async.collection.measuring import AsyncMeasuring
from vecs._async.collection.reembedding import AsyncReembeddingAll
from vecs._async.collection.searching import AsyncSearching
from vecs._async.collection.summarising import AsyncSummarising
from vecs._checks.meant import OF_COLLECTIONS
from vecs._checks.wrong_calls import methods_explain_wrong_calls
from vecs._reports.info import CollectionInfo
from vecs._sql import tables


@methods_explain_wrong_calls
class AsyncCollection(
    AsyncReembeddingAll,
    AsyncExporting,
    AsyncSearching,
    AsyncSummarising,
    AsyncMeasuring,
    AsyncIndexing,
    AsyncMapping,
):
    """
    A named set of records in Postgres.

    A client's `get_or_create_collection`, `create_collection` or `get_collection` returns one.

    If the collection has about 10,000 records or more, a search without an index warns, once per measure. To turn these
    warnings off for this object, set `warns_without_index` to False.
    """

    _instead = OF_COLLECTIONS

    @async_anew("select")
    async def info(self) -> CollectionInfo:
        """Return facts about the collection: its size, columns and indexes; takes time if it has many records."""
        table = await self._table(0)
        facts = tables.read_table_facts(await self._executor.read(tables.table_facts(table)))
        return CollectionInfo(
            name=table.name,
            schema=table.schema,
            dimension=table.dimension,
            has_text=table.has_text,
            transform=None if self.transform is None else repr(self.transform),
            records=facts.records,
            size_bytes=facts.size_bytes,
            indexes=await self.indexes(),
            precision=table.storage.precision,
            sparse=table.storage.sparse,
            outdated_words=table.has_outdated_words,
            language=table.language,
        )

    async def rename(self, name: str) -> None:
        """Rename the collection; this object has the new name, too."""
        renamed = await self.client.rename_collection(self.name, name)
        self._given, self._known = renamed._given, renamed._known
