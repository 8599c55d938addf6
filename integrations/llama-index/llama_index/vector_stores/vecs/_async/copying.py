"""Nodes copied out of a table of llama-index-vector-stores-postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from psycopg import AsyncConnection, AsyncRawServerCursor

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from llama_index.vector_stores.vecs.migration import Source, find_table, read_node, select_rows
from llama_index.vector_stores.vecs.nodes import to_record
from vecs import AsyncClient, Record
from vecs.exc import ArgError, CollectionNotFound
from vecs.sharing import Lease
from vecs.sql import async_execute

_ROWS = 200


class AsyncCopying(Core):
    """How a store is filled from a PGVectorStore."""

    @on_any_loop
    async def _acopied(self, lease: Lease, source: Source) -> None:
        """Copy everything there is in the source's database, all of it or none, and give up the lease on that."""
        try:
            await self._acopy(await lease.aclient(), source)
        finally:
            await lease.aclose()

    async def _acopy(self, client: AsyncClient, source: Source) -> None:
        # One transaction: the table as it is at one moment.
        async with client.connection() as connection, connection.transaction():
            found = await async_execute(connection, find_table(source))
            columns = {name: (type, modifier) for name, type, modifier in found}
            missing = {"node_id", "text", "metadata_", "embedding", "id"} - columns.keys()
            if not columns:
                raise CollectionNotFound(f"there is no table {source.schema}.{source.table}")
            if missing:
                raise ArgError(
                    f"{source.schema}.{source.table} is no table of a PGVectorStore: it has no column "
                    + ", ".join(sorted(missing))
                )
            type, dimension = columns["embedding"]
            collection = await self._shared.acollection(refresh=True)
            if collection is None:
                precision = "half" if type.rpartition(".")[2] == "halfvec" else None
                if dimension < 1:
                    raise ArgError(f"the embeddings in {source.schema}.{source.table} have no dimension")
                collection = await self._shared.acreate(dimension, precision=precision)
            await collection.upsert(self._arecords(connection, source), skip_transform=True)

    async def _arecords(self, connection: AsyncConnection[Any], source: Source) -> AsyncIterator[Record]:
        async with AsyncRawServerCursor(connection, "vecs_copied") as cursor:
            await cursor.execute(*select_rows(source).render(), binary=True)
            while rows := await cursor.fetchmany(_ROWS):
                for row in rows:
                    yield to_record(read_node(row), embed=False)
