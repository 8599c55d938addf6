"""The indexes that make searches fast."""

from __future__ import annotations

from typing import Any

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from vecs.sharing import takes_settings


class AsyncIndexing(Core):
    """The methods that index."""

    @on_any_loop
    @takes_settings
    async def acreate_index(self, **options: Any) -> None:
        """
        Index the collection for the store's measure: HNSW on the vectors, GIN on the metadata.

        Without an index, searches are exact, and slow with more than about ten thousand nodes. Calling it again
        changes nothing. The arguments are those of vecs' `Collection.index`, among them `method=`, `precision=`,
        `concurrently=` and `progress=`. Raises CollectionNotFound if no node was added yet.
        """
        collection = await self._shared.arequired()
        measure: Any = self._settings.defaults.measure
        await collection.index(**{"measure": measure, **options})
