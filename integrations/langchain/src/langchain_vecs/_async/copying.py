"""Documents copied out of langchain-postgres' tables."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from langchain_vecs._async.migration import open_source
from langchain_vecs._async.writing import AsyncWriting
from langchain_vecs.documents import Item, to_record
from langchain_vecs.migration import Source
from vecs import AsyncClient, Record
from vecs.sharing import Lease, on_any_loop


class AsyncCopying(AsyncWriting):
    """How a store is filled from langchain-postgres."""

    @on_any_loop
    async def _acopied(self, lease: Lease, source: Source, *, skip_without_embedding: bool) -> None:
        """Copy everything there is in the source's database, all of it or none, and give up the lease on that."""
        try:
            await self._acopy(await lease.aclient(), source, skip_without_embedding)
        finally:
            await lease.aclose()

    async def _acopy(self, client: AsyncClient, source: Source, skip_without_embedding: bool) -> None:
        async with (
            client.connection() as connection,
            open_source(connection, source, skip_without_embedding=skip_without_embedding) as reading,
        ):
            if reading.facts.dimension is None:
                # An empty table does not tell the dimension of its vectors.
                return
            precision = None if reading.facts.precision == "full" else reading.facts.precision
            collection = await self._shared.acollection(refresh=True)
            if collection is None:
                collection = await self._shared.acreate(reading.facts.dimension, precision=precision)
            await collection.upsert(self._arecords_of(reading.records()), skip_transform=True)

    async def _arecords_of(self, records: AsyncIterable[Record]) -> AsyncIterator[Record]:
        async for record in records:
            item = Item(str(record.id), record.text or "", record.metadata or {})
            yield to_record(item, record.vec, self._settings.defaults.namespace, self._settings.on_nul)
