"""Documents copied out of langchain-postgres' tables."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from langchain_vecs._async.migration import open_source
from langchain_vecs._async.opening import AsyncOpening
from langchain_vecs._loops import on_any_loop
from langchain_vecs.documents import Item, to_record
from langchain_vecs.migration import Source
from vecs import AsyncClient, Record
from vecs.sharing import SharedClients


class _Reader:
    """Who uses the clients of langchain-postgres' database meanwhile."""


class AsyncCopying(AsyncOpening):
    """How a store is filled from langchain-postgres."""

    @on_any_loop
    async def _acopied(self, clients: SharedClients, source: Source, *, skip_without_embedding: bool) -> None:
        """Copy everything there is, all of it or none."""
        user = _Reader()
        clients.hold(user)
        try:
            await self._acopy(await clients.async_client(), source, skip_without_embedding)
        finally:
            await clients.arelease(user)

    async def _acopy(self, client: AsyncClient, source: Source, skip_without_embedding: bool) -> None:
        async with (
            client.connection() as connection,
            open_source(connection, source, skip_without_embedding=skip_without_embedding) as reading,
        ):
            if reading.facts.dimension is None:
                # An empty table says nothing of its vectors.
                return
            precision = None if reading.facts.precision == "full" else reading.facts.precision
            collection = await self._acollection_for(reading.facts.dimension, precision)
            await collection.upsert(self._arecords_of(reading.records()), skip_transform=True)

    async def _arecords_of(self, records: AsyncIterable[Record]) -> AsyncIterator[Record]:
        async for record in records:
            item = Item(str(record.id), record.text or "", record.metadata or {})
            yield to_record(item, record.vec, self._settings.defaults.namespace, self._settings.on_nul)
