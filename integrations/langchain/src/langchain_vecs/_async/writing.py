"""Documents into the store, changed there, and out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from langchain_vecs._async.records import adelete_namespace
from langchain_vecs._core import Core, check_rest, identity_of
from langchain_vecs.documents import Item, checked_ids, items_of_documents, items_of_texts, to_record
from langchain_vecs.filters import to_filters
from langchain_vecs.metadata import TYPE_OF, stored_metadata
from langchain_vecs.namespaces import NAMESPACE_KEY, SEPARATOR, unqualified
from vecs import AsyncCollection, Record
from vecs.exc import ArgError, PartlyStored
from vecs.sharing import (
    COMMITS,
    AsyncEmbedder,
    Commit,
    async_filter_of_ids,
    async_keeps,
    check_known,
    checked_choice,
    checked_flag,
    checked_int,
    on_any_loop,
    takes_settings,
)


class AsyncWriting(Core):
    """The methods that write."""

    @on_any_loop
    @takes_settings
    async def aadd_documents(
        self,
        documents: Iterable[Document],
        *,
        ids: Iterable[Any] | None = None,
        namespace: str | None = None,
        batch_size: int | None = None,
        commit: Commit = "all",
        skip_unchanged: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """
        Add documents, replacing those with the same id, and return their ids in order.

        An id in `ids` takes precedence over the document's own id. If there is neither, an id is made. All documents
        are stored or none. `documents` may be any iterable. It is read and embedded `batch_size` documents at a time,
        so memory does not grow with their number.

        With commit="batch", each batch is committed as soon as it is embedded, so you keep the vectors that you have
        paid for. An error after the first batch is then `vecs.exc.PartlyStored`: its `ids` are the first documents,
        which are stored, and its `__cause__` is the error. Ctrl-C and the cancellation of a task carry no ids: give
        documents ids of your own, so that you can add the same documents again.

        With `skip_unchanged=True`, a document whose text and metadata are stored under its id is neither embedded nor
        written; if only its metadata changed, it is written and not embedded. Its id is returned as well. Documents
        without an id are always new.

        Raises ArgError (a ValueError), which names the document, if a document cannot be stored, and if there are
        more or fewer ids than documents.
        """
        check_rest(kwargs, ("ids", "namespace", "batch_size", "commit", "skip_unchanged"))
        items = items_of_documents(documents, ids)
        return await self._aadd(items, namespace, batch_size, commit, skip_unchanged=skip_unchanged)

    @on_any_loop
    @takes_settings
    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        *,
        ids: Iterable[Any] | None = None,
        namespace: str | None = None,
        batch_size: int | None = None,
        commit: Commit = "all",
        skip_unchanged: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts with their metadata, as `add_documents` does, and return their ids in order."""
        check_rest(kwargs, ("metadatas", "ids", "namespace", "batch_size", "commit", "skip_unchanged"))
        items = items_of_texts(texts, metadatas, ids)
        return await self._aadd(items, namespace, batch_size, commit, skip_unchanged=skip_unchanged)

    @on_any_loop
    @takes_settings
    async def aadd_embeddings(
        self,
        texts: Iterable[str],
        embeddings: Iterable[Sequence[float]],
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        ids: Iterable[Any] | None = None,
        *,
        namespace: str | None = None,
        batch_size: int | None = None,
        commit: Commit = "all",
        **kwargs: Any,
    ) -> list[str]:
        """Add texts with vectors that you already have: nothing is embedded. Return their ids in order."""
        check_rest(kwargs, ("metadatas", "ids", "namespace", "batch_size", "commit"))
        items = items_of_texts(texts, metadatas, ids, embeddings)
        return await self._aadd(items, namespace, batch_size, commit, embedded=True)

    @on_any_loop
    @takes_settings
    async def aupdate_documents(
        self,
        ids: Sequence[str],
        documents: Sequence[Document],
        *,
        namespace: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Replace the documents with these ids, text, vector and metadata; an id that is not there yet is added."""
        return await self._aadd(items_of_documents(documents, checked_ids(ids)), namespace, None)

    @on_any_loop
    @takes_settings
    async def aupdate_document(
        self,
        document_id: str,
        document: Document,
        *,
        namespace: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace the document with this id."""
        await self._aadd(items_of_documents([document], checked_ids([document_id])), namespace, None)

    @on_any_loop
    @takes_settings
    async def aupdate_metadata(
        self,
        ids: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        filter: Any = None,
        namespace: str | None = None,
        replace: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """
        Change only the metadata of the documents with these ids, or that match a filter; return their ids.

        Adds the keys, or replaces them if they exist. `replace=True` replaces the whole metadata. Nothing is embedded.
        With `ids`, returns those of your ids that existed, also if the collection's transform split the documents.
        """
        namespace = self._namespace(namespace)
        if metadata is None:
            raise ArgError("update_metadata needs metadata=, a dict of what is to be changed")
        plain, types = stored_metadata(metadata, "update_metadata", self._settings.on_nul)
        if NAMESPACE_KEY in plain:
            raise ArgError(f"the metadata key {NAMESPACE_KEY!r} holds the namespace and cannot be changed")
        if replace and namespace is not None:
            plain[NAMESPACE_KEY] = namespace
        # The notes on the types of the old values go with the values.
        extra = types if replace else {f"{TYPE_OF}{key}": types.get(f"{TYPE_OF}{key}") for key in plain}
        stored = self._stored(ids, namespace)
        filters = self._selected("update_metadata", stored, filter, namespace)
        if replace and namespace is None:
            await self._arefuse_namespaced(stored, filters)

        async def aupdated(collection: AsyncCollection) -> list[str]:
            kept = extra if "extra" in await async_keeps(collection) else None
            return await collection.update_metadata(plain, ids=stored, filters=filters, extra=kept, replace=replace)

        changed = await self._shared.aon(aupdated, [], writes=True)
        return [unqualified(id, namespace) for id in changed]

    async def _arefuse_namespaced(self, stored: Sequence[str] | None, filters: dict[str, Any] | None) -> None:
        """Raise ArgError where documents of namespaces are among those with these ids that match a filter."""
        of_namespaces = to_filters({NAMESPACE_KEY: {"$exists": True}}, None, filters)

        async def acounted(collection: AsyncCollection) -> int:
            return await collection.count(await self._awith_ids(collection, stored, of_namespaces))

        count = await self._shared.aon(acounted, 0)
        if count:
            raise ArgError(
                f"replace=True would take {count} documents out of their namespaces: replace their metadata with "
                "namespace=, or exclude them by the filter"
            )

    @on_any_loop
    @takes_settings
    async def adelete(
        self,
        ids: Sequence[str] | None = None,
        *,
        filter: Any = None,
        namespace: str | None = None,
        delete_all: bool = False,
        **kwargs: Any,
    ) -> bool:
        """
        Delete the documents with these ids, or that match a filter; with ids and filter, those that match both.

        Ids that do not exist are no error. `delete_all=True` deletes all documents of the namespace, or of the store
        if it has no namespace. `delete()` without any of the three raises ArgError, a ValueError.
        """
        # A misspelled filter or namespace would delete more than was meant.
        check_known(kwargs, ("ids", "filter", "namespace", "delete_all", "settings"))
        namespace = self._namespace(namespace)
        if delete_all:
            if ids is not None or filter is not None:
                raise ArgError("delete_all=True deletes everything; give it without ids and filter")
            await self._shared.aon(lambda collection: self._aemptied(collection, namespace), None, writes=True)
            return True
        stored = self._stored(ids, namespace)
        filters = self._selected("delete", stored, filter, namespace)

        async def adeleted(collection: AsyncCollection) -> list[str]:
            return await collection.delete(filters=await self._awith_ids(collection, stored, filters))

        await self._shared.aon(adeleted, [], writes=True)
        return True

    @on_any_loop
    @takes_settings
    async def adrop(self, *, settings: Mapping[str, Any] | None = None) -> None:
        """
        Delete the collection with its documents, and what its `record_manager()` recorded of them.

        A store with a namespace deletes only the documents of the namespace. With a role or settings of your own it
        raises DatabaseError, because tenants share the collection: use `delete(delete_all=True)` for one tenant.
        """
        self._shared.check_may_drop()
        # First: index() would skip what is recorded and is not there.
        await adelete_namespace(await self._shared.aclient(), self._records_name(), inside=SEPARATOR)
        if self._settings.defaults.namespace is None:
            await self._shared.adrop()
        else:
            await self.adelete(delete_all=True)

    async def _awith_ids(
        self, collection: AsyncCollection, stored: Sequence[str] | None, filters: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Return the filter for the records of documents with these ids, if any are given, that match a filter."""
        if stored is None:
            return filters
        return to_filters(None, None, await async_filter_of_ids(collection, stored), filters)

    async def _aemptied(self, collection: AsyncCollection, namespace: str | None) -> None:
        if namespace is None:
            await collection.truncate()
        else:
            await collection.delete(filters=to_filters(None, namespace))

    async def _aadd(
        self,
        items: Iterator[Item],
        namespace: str | None,
        batch_size: int | None,
        commit: Commit = "all",
        *,
        embedded: bool = False,
        skip_unchanged: bool = False,
    ) -> list[str]:
        settings, namespace = self._settings, self._namespace(namespace)
        size = settings.batch_size if batch_size is None else checked_int(batch_size, "batch_size", 1)
        checked_choice("commit", commit, COMMITS)
        skips = checked_flag(skip_unchanged, "skip_unchanged")
        records = (to_record(item, item.vec, namespace, settings.on_nul) for item in items)
        embedder = None if embedded else await self._aembedder()
        try:
            stored = await self._shared.aadd(records, embedder, batch_size=size, commit=commit, skip_unchanged=skips)
        except PartlyStored as error:
            raise error.with_ids([unqualified(id, namespace) for id in error.ids]) from error.__cause__
        return [unqualified(id, namespace) for id in stored]

    async def _aembedder(self) -> AsyncEmbedder | None:
        """Return what makes the vectors of documents; None if the collection makes them itself."""
        embedding = self._settings.embedding
        if embedding is None:
            return None

        async def embed(records: Sequence[Record]) -> Any:
            return await embedding.aembed_documents([record.text or "" for record in records])

        return AsyncEmbedder(f"{type(embedding).__name__}.embed_documents()", embed, identity_of(embedding))
