"""Nodes into the store, and out of it for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import MetadataFilters

from llama_index.vector_stores.vecs._core import Core, batches, of_ids, on_any_loop, selected
from llama_index.vector_stores.vecs.nodes import check_embedded, checked_nodes, objects_of, to_record
from llama_index.vector_stores.vecs.transforms import embedder_of
from vecs.exc import ArgError
from vecs.sharing import AsyncEmbedder, async_transform_embedder, brief, check_known, takes_settings


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

        With commit="batch", every `batch_size` nodes (128 by default) are committed as soon as the store's transform
        has embedded them. An error after the first batch is then `vecs.exc.PartlyStored`: its `ids` are the first
        nodes, which are stored, and its `__cause__` is the error.

        With `skip_unchanged=True`, a node that is stored as it is, is not written, and not embedded by the store's
        transform. Nodes that come with embeddings are compared with what is stored.
        """
        size, commit, skips = batches(kwargs)
        listed = checked_nodes(nodes)
        if not listed:
            return []
        settings = self._settings
        embeds = settings.embeds
        embedder = await self._aembedder() if embeds else None
        if not embeds:
            check_embedded(listed)
        if not embeds and commit == "all":
            # Check all nodes first, so that no collection is made if some are refused.
            size = len(listed)
        records = (to_record(node, embed=embeds, on_nul=settings.on_nul) for node in listed)
        stored = await self._shared.aadd(
            records, embedder, batch_size=size, commit=commit, skip_transform=True, skip_unchanged=skips
        )
        self._objects.update(objects_of(listed))
        return stored

    async def _aembedder(self) -> AsyncEmbedder:
        collection = None
        with suppress(ArgError):
            # Its dimension or its language: an empty collection is replaced.
            collection = await self._shared.acollection(refresh=True)
        transform = embedder_of(self._settings.transform) if collection is None else collection.transform
        if transform is None:
            raise ArgError(
                f"collection {self._settings.name!r} has nothing to make vectors of nodes: give the store "
                "a transform=, or is_embedding_query=True and nodes with embeddings"
            )
        return async_transform_embedder(transform, "node", ", and split with LlamaIndex's node parsers")

    @on_any_loop
    @takes_settings
    async def adelete(
        self,
        ref_doc_id: str,
        *,
        filters: MetadataFilters | None = None,
        vecs_filters: Mapping[str, Any] | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """
        Delete all nodes of a document, or those that match the filters; a document without nodes is no error.

        An unknown argument, or a filter without a condition, raises ArgError.
        """
        if not isinstance(ref_doc_id, str):
            raise ArgError(f"ref_doc_id must be a document's id, a string, not {brief(ref_doc_id)}")
        # A misspelled filter would delete more than was meant.
        check_known(delete_kwargs, ("ref_doc_id", "filters", "vecs_filters"))
        chosen = selected("delete", {"$document_id": {"$in": [ref_doc_id]}}, filters, vecs_filters)
        if ref_doc_id:
            await self._shared.aon(lambda collection: collection.delete(filters=chosen), [], writes=True)

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
        chosen = selected("delete_nodes", of_ids(node_ids), filters, vecs_filters)
        await self._shared.aon(lambda collection: collection.delete(filters=chosen), [], writes=True)

    @on_any_loop
    @takes_settings
    async def aclear(self, *, settings: Mapping[str, Any] | None = None) -> None:
        """Delete all nodes; the collection and its indexes stay."""
        await self._shared.aon(lambda collection: collection.truncate(), None, writes=True)
