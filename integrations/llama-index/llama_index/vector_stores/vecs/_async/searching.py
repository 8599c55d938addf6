"""Nodes found: by nearness, by words, by both, spread out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from llama_index.vector_stores.vecs.nodes import to_node
from llama_index.vector_stores.vecs.objects import count_of_ids, find_others
from llama_index.vector_stores.vecs.search_arguments import Search, check_options, check_query, parse_search
from llama_index.vector_stores.vecs.windows import Windows, by_id
from vecs import AsyncCollection, Match, Record
from vecs.exc import DatabaseError
from vecs.sharing import async_contexts_of, async_each, storable, takes_settings
from vecs.sql import async_execute, only_value


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
        `oversampling`, `group_by` ("ref_doc_id" for the best nodes of each source document), `group_size`, `like`,
        `unlike`, as in vecs' `Collection.search`; `mmr_threshold` (from 0, the most diverse, to 1, the order of
        similarity), `mmr_prefetch_factor`, `mmr_prefetch_k`; `include_embeddings`. Others raise ArgError.

        With `context`, a number of nodes or a pair (before, after), the text of each node together with those before
        and after it is in its metadata, under "window", as LlamaIndex' MetadataReplacementPostProcessor takes it. These
        nodes are found by the relationships that node parsers make. With `highlight`, the places of the query's words
        in the text of each node are in its metadata, under "_highlights", as lists [start, end].
        """
        check_query(query)
        # A misspelled filter would show all nodes.
        check_options(kwargs)
        settings, words = self._settings, query.query_str
        if isinstance(words, str):
            # As texts are stored.
            query = replace(query, query_str=storable(words, settings.on_nul))
        if settings.embeds and query.query_str:
            # Another model made it than the nodes' vectors.
            query = replace(query, query_embedding=None)
        search = parse_search(query, kwargs, settings.defaults)
        if search.node_ids and await self._ais_unrestricted(search.node_ids, from_retriever=words is not None):
            search = parse_search(replace(query, node_ids=None), kwargs, settings.defaults)
        found = await self._shared.aon(lambda collection: self._afound(collection, search), [])
        nodes = await async_each(found, search.node)
        if search.context is not None:
            await self._aadd_windows(Windows(found, nodes, search.context))
        return search.answer(found, nodes)

    async def _ais_unrestricted(self, ids: Sequence[str], *, from_retriever: bool) -> bool:
        """
        Return whether these ids are a list that an index sends to mean all nodes.

        A retriever's query always has words. Its ids mean all nodes unless one of them is that of a stored text node;
        a text node that replaced an image or index node of this store does not count. A query without words is not
        from a retriever: its ids mean all nodes only if they are the ids of all image nodes and index nodes.
        """
        if from_retriever:
            ids = [id for id in ids if id not in self._objects]
            if not ids:
                return True
        if self._settings.attached is not None or await self._shared.acollection() is None:
            return False
        client, name = await self._shared.aclient(), self._settings.name
        try:
            async with client.connection() as connection:
                ((found, objects),) = await async_execute(connection, count_of_ids(client.schema, name, ids))
                if from_retriever:
                    return found == objects
                if not found or found != objects:
                    return False
                return not only_value(await async_execute(connection, find_others(client.schema, name, ids)))
        except psycopg.ProgrammingError:
            # The table has other columns, is deleted, or this role may not read it: the search reports that.
            return False
        except psycopg.Error as error:
            raise DatabaseError(f"cannot read which nodes are objects: {error}", error.sqlstate) from error

    async def _afound(self, collection: AsyncCollection, search: Search) -> Sequence[Match | Record]:
        if search.reads:
            return await collection.get(**search.reading)
        return await collection.search(search.query, **search.options)

    async def _aadd_windows(self, windows: Windows) -> None:
        """Read the nodes next to those found, step by step, and write their texts."""
        while ids := windows.wanted():
            records = await self._shared.aon(lambda collection, ids=ids: collection.get(ids), list[Record]())
            windows.take(by_id(records, await async_each(records, to_node)))
        places = windows.of_others()
        if places or self._settings.attached is not None:
            found = [windows.found[at] for at in places]
            around = windows.context
            made = await self._shared.aon(lambda collection: async_contexts_of(collection, found, around), [])
            for at, context in zip(places, made, strict=False):
                windows.put(at, context)
        windows.write()
