"""Nodes read by id and by condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import MetadataFilters

from llama_index.vector_stores.vecs._core import Core, on_any_loop
from llama_index.vector_stores.vecs.filters import all_of, to_filters
from llama_index.vector_stores.vecs.nodes import to_node
from vecs import Record
from vecs.exc import ArgError
from vecs.sharing import async_each, brief, takes_settings


class AsyncReading(Core):
    """The methods that read."""

    @on_any_loop
    @takes_settings
    async def aget_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        vecs_filters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        include_embeddings: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> list[BaseNode]:
        """
        Read nodes by id, in the order of the ids, and by filters; without both, all nodes in id order.

        Ids that do not exist are left out. For an empty list of ids, the answer is empty.
        """
        if isinstance(node_ids, str):
            raise ArgError(f"node_ids must be a list of ids, not {brief(node_ids)}")
        chosen = all_of([to_filters(filters), vecs_filters or None])
        nothing: list[Record] = []
        records = await self._shared.aon(
            lambda collection: collection.get(
                node_ids, filters=chosen, limit=limit, offset=offset, include_vector=include_embeddings
            ),
            nothing,
        )
        return await async_each(records, lambda record: to_node(record, include_embedding=include_embeddings))
