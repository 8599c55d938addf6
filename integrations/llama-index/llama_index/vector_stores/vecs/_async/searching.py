"""Nodes found: by nearness, by words, by both, spread out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from llama_index.vector_stores.vecs.search_arguments import KNOWN, Search, parse_search
from vecs import AsyncCollection, Match, Record
from vecs.sharing import async_each, check_known, takes_settings


class AsyncSearching(Core):
    """The methods that search."""

    @on_any_loop
    @takes_settings
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
        greatest spread), `mmr_prefetch_factor`, `mmr_prefetch_k`; `include_embeddings`. An unknown one raises ArgError.
        """
        # A misspelled filter would show all nodes.
        check_known(kwargs, KNOWN)
        search = parse_search(query, kwargs, self._settings.defaults, self._shared.object_ids)
        found = await self._shared.aon(lambda collection: self._afound(collection, search), [])
        return search.answer(found, await async_each(found, search.node))

    async def _afound(self, collection: AsyncCollection, search: Search) -> Sequence[Match | Record]:
        if search.query is None:
            return await collection.get(**search.reading)
        return await collection.search(search.query, **search.options)
