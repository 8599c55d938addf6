"""Nodes found: by nearness, by words, by both, spread out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from llama_index.vector_stores.vecs._async.opening import AsyncOpening
from llama_index.vector_stores.vecs._loops import on_any_loop
from llama_index.vector_stores.vecs._threads import async_each
from llama_index.vector_stores.vecs.search_arguments import KNOWN, Asked, asked, unknown_arguments
from vecs import AsyncCollection, Match, Record


class AsyncSearching(AsyncOpening):
    """The methods that search."""

    @on_any_loop
    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """
        Find nodes, best first, with similarities from 0 to 1.

        Modes are "default" (by nearness), "text_search" and "sparse" (by words, rare ones counting more), "hybrid"
        (by both, fused; `alpha` is the share of nearness, `hybrid_top_k` how many are returned), "semantic_hybrid"
        (that, reordered by a `rerank` model) and "mmr" (unlike each other; in the order of choice, so that
        similarities do not descend). Another one raises ArgError, a ValueError.

        Keyword arguments, `vector_store_kwargs` of a retriever: `vecs_filters`, a filter in vecs' own language
        besides `query.filters`; `rerank`, `offset`, `exact`, `ef_search`, `probes`, `candidates`, `rrf_constant`,
        `oversampling`, as in vecs' `Collection.search`; `mmr_threshold` (1 is the order of similarity, 0 the
        greatest spread), `mmr_prefetch_factor`, `mmr_prefetch_k`; `include_embeddings`. An unknown one warns, once.
        """
        if kwargs:
            self._tell_unknown(kwargs)
        request = asked(query, kwargs, self._settings.defaults, self._object_ids)
        found = await self._awith_collection(lambda collection: self._afound(collection, request), [])
        return request.answer(found, await async_each(found, request.node))

    async def _afound(self, collection: AsyncCollection, request: Asked) -> Sequence[Match | Record]:
        if request.query is None:
            return await collection.get(**request.reading)
        return await collection.search(request.query, **request.options)

    def _tell_unknown(self, given: Mapping[str, Any]) -> None:
        for name, hint in unknown_arguments(given):
            if name not in self._told:
                self._told.add(name)
                warnings.warn(
                    f"the query argument {name!r} is unknown and ignored; {hint or 'known are ' + ', '.join(KNOWN)}",
                    UserWarning,
                    stacklevel=3,
                )
