"""Documents found: by nearness, by words, by both, spread out, above a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_vecs._core import Core
from langchain_vecs.search_arguments import OF_MMR, Search, parse_search, parse_vector_search, with_mmr
from vecs import AsyncCollection, Match
from vecs.exc import ArgError
from vecs.sharing import async_each, brief, checked_query_vector, on_any_loop, storable, takes_settings


class AsyncSearching(Core):
    """
    The methods that search.

    They all take `k` and these keyword arguments: `filter`, `namespace`, `mode` ("vector", "keyword" or "hybrid"),
    `score_threshold` (the least relevance, from 0 to 1), `offset`, `exact`, `ef_search`, `probes`, `weights`,
    `candidates`, `rrf_constant`, `rerank`, `oversampling`, `group_by` (a metadata key, or "$document_id"),
    `group_size`, `context`, `highlight`, `like`, `unlike` and `text`, the words to look for where they are not the
    query; they are those of vecs' `Collection.search`. An unknown one raises ArgError.

    With `group_by`, `k` counts groups. With `context=1`, the text of a document together with those before and after it
    is in its metadata, under "_context"; it needs a store whose texts a transform splits. With
    `highlight=True`, the places of the query's words in its text are in its metadata, under "_highlights", as lists
    [start, end].
    """

    @on_any_loop
    @takes_settings
    async def asearch(self, query: str, search_type: str, **kwargs: Any) -> list[Document]:
        """
        Search by a search type: "similarity", "mmr", "similarity_score_threshold", or one of the modes.

        "similarity" uses the store's own `search_mode`.
        """
        if search_type in ("similarity", "similarity_score_threshold"):
            return await self.asimilarity_search(query, **kwargs)
        if search_type == "mmr":
            return await self.amax_marginal_relevance_search(query, **kwargs)
        if search_type in ("vector", "keyword", "hybrid"):
            in_mode: dict[str, Any] = {"mode": search_type, **kwargs}
            return await self.asimilarity_search(query, **in_mode)
        raise ArgError(
            f"unknown search_type {brief(search_type)}; expected similarity, similarity_score_threshold, mmr, vector, "
            "keyword or hybrid"
        )

    @on_any_loop
    @takes_settings
    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """Return the `k` documents that answer a text best, best first; fewer only if no more match."""
        search = parse_search(self._settings.defaults, k, kwargs)
        return await async_each(await self._amatches(query, search), search.document)

    @on_any_loop
    @takes_settings
    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """
        Return documents with a score that is a distance: smaller is better, and the best is first, in every mode.

        In vector mode it is pgvector's own distance: 0 for the same vector with cosine and L2 distance, and the
        negative inner product with inner product. In keyword and hybrid mode, and after reranking, it is
        1 - relevance.
        """
        search = parse_search(self._settings.defaults, k, kwargs)
        return await async_each(await self._amatches(query, search), search.with_score)

    @on_any_loop
    @takes_settings
    async def asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """
        Return documents with a relevance: larger is better, from 0 to 1, in every mode and for every measure.

        With cosine distance, relevance is the cosine similarity, and 0 if that is negative. With L2 and L1 distance
        it is 1 / (1 + distance), with inner product p it is 0.5 + p / (2 + 2 |p|). `score_threshold` leaves out
        documents with a smaller relevance.
        """
        search = parse_search(self._settings.defaults, k, kwargs)
        return await async_each(await self._amatches(query, search), search.with_relevance)

    @on_any_loop
    @takes_settings
    async def asimilarity_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """Return the `k` documents nearest to a vector: a list or an array. Hybrid mode also needs `text=`."""
        search = parse_vector_search(self._settings.defaults, k, kwargs)
        return await async_each(await self._amatches(embedding, search), search.document)

    @on_any_loop
    @takes_settings
    async def asimilarity_search_with_score_by_vector(
        self, embedding: Sequence[float], k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Return the `k` documents nearest to a vector, with distances as in `similarity_search_with_score`."""
        search = parse_vector_search(self._settings.defaults, k, kwargs)
        return await async_each(await self._amatches(embedding, search), search.with_score)

    @on_any_loop
    @takes_settings
    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """
        Return `k` of the `fetch_k` best documents, chosen to differ from each other, in the order of choice.

        `lambda_mult` is from 0 (most diverse) to 1 (same order as by similarity).
        """
        search = with_mmr(parse_search(self._settings.defaults, k, kwargs, OF_MMR), fetch_k, lambda_mult)
        return await async_each(await self._amatches(query, search), search.document)

    @on_any_loop
    @takes_settings
    async def amax_marginal_relevance_search_with_score(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Do as `max_marginal_relevance_search`, with distances; they do not ascend."""
        search = with_mmr(parse_search(self._settings.defaults, k, kwargs, OF_MMR), fetch_k, lambda_mult)
        return await async_each(await self._amatches(query, search), search.with_score)

    @on_any_loop
    @takes_settings
    async def amax_marginal_relevance_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Do as `max_marginal_relevance_search` for a vector: a list or an array."""
        search = with_mmr(parse_vector_search(self._settings.defaults, k, kwargs, OF_MMR), fetch_k, lambda_mult)
        return await async_each(await self._amatches(embedding, search), search.document)

    @on_any_loop
    @takes_settings
    async def amax_marginal_relevance_search_with_score_by_vector(
        self, embedding: Sequence[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Do as `max_marginal_relevance_search_by_vector`, with distances; they do not ascend."""
        search = with_mmr(parse_vector_search(self._settings.defaults, k, kwargs, OF_MMR), fetch_k, lambda_mult)
        return await async_each(await self._amatches(embedding, search), search.with_score)

    async def _amatches(self, query: Any, search: Search) -> list[Match]:
        """Search for a text or a vector."""
        collection = await self._shared.acollection()
        if collection is None:
            return []
        on_nul, embedding = self._settings.on_nul, self._settings.embedding
        words = search.words if search.words is None else storable(search.words, on_nul)
        made_by = None
        if isinstance(query, str):
            # As texts are stored.
            query = storable(query, on_nul)
            if embedding is not None and search.mode != "keyword":
                words = query if words is None and search.reads_words else words
                query = await embedding.aembed_query(query)
                made_by = f"{type(embedding).__name__}.embed_query()"

        async def ask(collection: AsyncCollection) -> list[Match]:
            vec = query if made_by is None else checked_query_vector(query, made_by, collection.dimension)
            return await collection.search(vec, text=words, **search.options)

        return search.above_threshold(await self._shared.aon(ask, []))
