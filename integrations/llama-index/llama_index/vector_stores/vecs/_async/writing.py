"""Nodes into the store, and out of it for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode, ImageNode, IndexNode
from llama_index.core.vector_stores.types import MetadataFilters

from llama_index.vector_stores.vecs._core import Core, on_any_loop, selected
from llama_index.vector_stores.vecs.nodes import check_embedded, checked_nodes, dimension_of, to_record
from llama_index.vector_stores.vecs.search_arguments import check_known
from vecs.exc import ArgError
from vecs.sharing import brief, takes_settings


class AsyncWriting(Core):
    """The methods that write."""

    @on_any_loop
    @takes_settings
    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """
        Add nodes, replacing those with the same id, and return their ids in order.

        All nodes are stored or none. Of several nodes with one id, the last one is stored. If the collection does not
        exist, it gets the dimension of these nodes. Raises ArgError (a ValueError), which names the node, if a node
        cannot be stored, and MismatchedDimension if its embedding has another length.
        """
        listed = checked_nodes(nodes)
        if not listed:
            return []
        embeds = self._settings.embeds
        collection = await self._shared.acollection(refresh=True)
        if (self._settings if collection is None else collection).transform is None:
            check_embedded(listed)
        if collection is None:
            collection = await self._shared.acreate(None if embeds else dimension_of(listed))
        # A generator: it is read in a thread, some hundred nodes at a time.
        await collection.upsert(to_record(node, embed=embeds) for node in listed)
        self._shared.object_ids.update(node.node_id for node in listed if isinstance(node, ImageNode | IndexNode))
        return [node.node_id for node in listed]

    @on_any_loop
    @takes_settings
    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete all nodes of a document; a document without nodes is no error."""
        if not isinstance(ref_doc_id, str):
            raise ArgError(f"ref_doc_id must be a document's id, a string, not {brief(ref_doc_id)}")
        if ref_doc_id:
            await self._shared.aon(lambda collection: collection.delete(document_ids=[ref_doc_id]), [], writes=True)

    @on_any_loop
    @takes_settings
    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        vecs_filters: Mapping[str, Any] | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """
        Delete the nodes with these ids that match the filters; ids that do not exist are no error.

        Without ids and filters it raises ArgError; `clear()` deletes everything.
        """
        # A misspelled filter would delete more than was meant.
        check_known(delete_kwargs, ("node_ids", "filters", "vecs_filters"))
        chosen = selected("delete_nodes", node_ids, filters, vecs_filters)
        await self._shared.aon(lambda collection: collection.delete(filters=chosen), [], writes=True)

    @on_any_loop
    @takes_settings
    async def aclear(self, *, settings: Mapping[str, Any] | None = None) -> None:
        """Delete all nodes; the collection and its indexes stay."""
        await self._shared.aon(lambda collection: collection.truncate(), None, writes=True)
