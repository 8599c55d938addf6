"""Nodes found: by nearness, by words, by both, spread out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from llama_index.vector_stores.vecs.search_arguments import Search, check_known, parse_search
from vecs import AsyncCollection, Match, Record
from vecs.sharing import async_each, takes_settings


class AsyncSearching(Core):
    """The methods that search."""

    @on_any_loop
    @takes_settings
    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """
        Find nodes, best first, with similarities from 0 to 1.

        The modes are "default" (nearest vectors), "text_search" and "sparse" (words of the query, rare ones count
        more), "hybrid" (both; `alpha` is the weight of the vectors, `hybrid_top_k` the number of nodes),
        "semantic_hybrid" (hybrid, and then reordered by `rerank`) and "mmr" (nodes that differ from each other, in
        the order of choice, so that similarities do not descend). Another mode raises ArgError, a ValueError.

        Keyword arguments, which a retriever takes as `vector_store_kwargs`: `vecs_filters`, a filter of vecs in
        addition to `query.filters`; `rerank`, `offset`, `exact`, `ef_search`, `probes`, `candidates`, `rrf_constant`,
        `oversampling`, as in vecs' `Collection.search`; `mmr_threshold` (from 0, the most diverse, to 1, the order of
        similarity), `mmr_prefetch_factor`, `mmr_prefetch_k`; `include_embeddings`. Others raise ArgError.
        """
        check_known(kwargs)
        search = parse_search(query, kwargs, self._settings.defaults, self._shared.object_ids)
        found = await self._shared.aon(lambda collection: self._afound(collection, search), [])
        return search.answer(found, await async_each(found, search.node))

    async def _afound(self, collection: AsyncCollection, search: Search) -> Sequence[Match | Record]:
        if search.query is None:
            return await collection.get(**search.reading)
        return await collection.search(search.query, **search.options)
