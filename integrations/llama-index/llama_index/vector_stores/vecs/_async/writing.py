"""Nodes into the store, and out of it for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode, ImageNode, IndexNode
from llama_index.core.vector_stores.types import MetadataFilters

from llama_index.vector_stores.vecs._core import Core, on_any_loop, selected
from llama_index.vector_stores.vecs.nodes import check_embedded, checked_nodes, dimension_of, to_record
from vecs.exc import ArgError
from vecs.sharing import brief, check_known, takes_settings

# How many nodes are tried before a collection is made for them.
_TRIED = 100


class AsyncWriting(Core):
    """The methods that write."""

    @on_any_loop
    @takes_settings
    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """
        Add nodes, replacing those with the same id, and return their ids in order.

        All nodes are stored or none; of several with one id the last wins. The first nodes settle the dimension of
        a collection that is made with them. Raises ArgError (a ValueError) that names the node for what cannot be
        stored, and MismatchedDimension for an embedding of another length.
        """
        listed = checked_nodes(nodes)
        if not listed:
            return []
        embeds = self._settings.embeds
        if self._settings.transform is None and any(node.embedding is None for node in listed):
            found = await self._shared.acollection()
            if found is None or found.transform is None:
                check_embedded(listed)
        dimension = None if embeds else dimension_of(listed)
        first = [to_record(node, embed=embeds) for node in listed[:_TRIED]]
        collection = await self._shared.afor_records(first, dimension)
        # A generator: it is read in a thread, some hundred nodes at a time.
        await collection.upsert(to_record(node, embed=embeds) for node in listed)
        self._shared.object_ids.update(node.node_id for node in listed if isinstance(node, ImageNode | IndexNode))
        return [node.node_id for node in listed]

    @on_any_loop
    @takes_settings
    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete all nodes of a document; one that has none is no error."""
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
        Delete the nodes with these ids that match the filters; ids that are not there are no error.

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
