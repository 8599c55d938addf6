"""LlamaIndex's vector store on any Postgres with pgvector."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from llama_index.core.bridge.pydantic import BaseModel, PrivateAttr
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from typing_extensions import Self

from llama_index.vector_stores.vecs._async.copying import AsyncCopying
from llama_index.vector_stores.vecs._async.indexing import AsyncIndexing
from llama_index.vector_stores.vecs._async.reading import AsyncReading
from llama_index.vector_stores.vecs._async.searching import AsyncSearching
from llama_index.vector_stores.vecs._async.writing import AsyncWriting
from llama_index.vector_stores.vecs._core import Settings
from llama_index.vector_stores.vecs._sync.copying import Copying
from llama_index.vector_stores.vecs._sync.indexing import Indexing
from llama_index.vector_stores.vecs._sync.reading import Reading
from llama_index.vector_stores.vecs._sync.searching import Searching
from llama_index.vector_stores.vecs._sync.writing import Writing
from llama_index.vector_stores.vecs.migration import Source, source_of
from llama_index.vector_stores.vecs.parameters import settings_of_pgvector, target_of
from llama_index.vector_stores.vecs.search_arguments import Defaults
from llama_index.vector_stores.vecs.transforms import embedder_of
from vecs import AsyncClient, AsyncCollection, Client, Collection, IndexMeasure, Reranker, Transform
from vecs.exc import ArgError
from vecs.measures import measure_spec
from vecs.rerankers import check_reranker
from vecs.sharing import (
    ON_NUL,
    Lease,
    OnNul,
    SharedCollection,
    attachment_of,
    brief,
    check_client_options,
    checked_choice,
    checked_collection_name,
    checked_int,
    checked_name_of_others,
    client_of,
    explains_wrong_calls,
    hidden,
    resolve_target,
    unseen,
)
from vecs.storage import Precision


@explains_wrong_calls
class VecsVectorStore(
    AsyncWriting,
    Writing,
    AsyncReading,
    Reading,
    AsyncSearching,
    Searching,
    AsyncIndexing,
    Indexing,
    AsyncCopying,
    Copying,
    BasePydanticVectorStore,
):
    """
    Nodes in Postgres, searched by vectors, by words or by both.

        pip install "llama-index-vector-stores-vecs[embedded]>=1.0.0b1"

    ```python
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.vector_stores.vecs import VecsVectorStore

    store = VecsVectorStore("essays")  # an embedded Postgres; url="postgresql://..." names a server instead
    index = VectorStoreIndex.from_documents(
        [Document(text="Postgres can do that.")],
        storage_context=StorageContext.from_defaults(vector_store=store),
    )
    print(index.as_retriever(vector_store_query_mode="hybrid").retrieve("what can Postgres do?"))
    ```
    """

    stores_text: bool = True
    is_embedding_query: bool = True
    flat_metadata: bool = False
    collection_name: str
    schema_name: str = "vecs"
    dimension: int | None = None
    measure: str | None = "cosine_distance"
    language: str | None = None
    precision: str | None = None
    on_nul: str = "strip"

    _shared: SharedCollection[Settings] = PrivateAttr()
    _objects: set[str] = PrivateAttr(default_factory=lambda: set[str]())

    def __init__(
        self,
        collection_name: str = "llamaindex",
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
        schema_name: str | None = None,
        dimension: int | None = None,
        measure: IndexMeasure | str | None = "cosine_distance",
        language: str | None = None,
        precision: str | None = None,
        transform: Transform | None = None,
        is_embedding_query: bool | None = None,
        rerank: Reranker | None = None,
        perform_setup: bool = True,
        on_nul: OnNul = "strip",
        settings: Mapping[str, Any] | None = None,
        **client_options: Any,
    ) -> None:
        """
        Make a store; it connects at its first call.

        The store creates the collection with the first nodes, which also tell the `dimension`. `url` is a server
        ("postgresql://user:password@host:5432/database"), `path` a folder for an embedded server. Without both, the
        store uses `$VECS_URL` if it is set, and otherwise the user's own embedded server. `client` and `async_client`
        are open vecs clients, whose connections the store uses; they stay open. `measure` is how nearness is measured
        (None: the collection's default). `language` is the language of keyword search, and `precision="half"` stores
        16 bits per number, if the store creates the collection. `perform_setup=False` never creates one.

        With a `transform`, the collection makes the vectors of nodes and queries, and ignores the embeddings of
        LlamaIndex; `is_embedding_query` is then False. The transform embeds a node's text together with the metadata
        that LlamaIndex would embed (`MetadataMode.EMBED`); only the text is stored and searched for keywords. The
        store leaves out chunkers of the transform: it embeds each node as a whole. `rerank` is the model of mode
        "semantic_hybrid". Postgres cannot store NUL characters and lone surrogates: the store removes them from texts
        and metadata, or raises an error with `on_nul="raise"`.

        `settings` apply to every statement, such as `{"app.tenant": "a", "role": "tenant"}` for row-level
        security: see `vecs.Client.with_settings`. Methods take additional `settings=` for one call, and a retriever
        takes them in its `vector_store_kwargs`.

        Other arguments are those of `vecs.create_client`, such as `pool_size` and `pooler`. Stores with the same
        server or folder share their clients.
        """
        url, path, client_options = unseen(url), unseen(path), hidden(client_options)
        # to_dict() writes these, and they never change.
        for name in ("stores_text", "flat_metadata", "class_name"):
            client_options.pop(name, None)
        check_client_options(client_options, VecsVectorStore.__init__)
        made = Settings(
            name=checked_collection_name(collection_name, "collection_name", "; see from_collection()"),
            transform=transform,
            dimension=None if dimension is None else checked_int(dimension, "dimension", 1),
            language=language,
            precision=cast("Precision | None", precision),
            on_nul=checked_choice("on_nul", on_nul, ON_NUL),
            embeds=transform is not None if is_embedding_query is None else not is_embedding_query,
            existing_only=None if perform_setup else "perform_setup=False",
            defaults=Defaults(None if measure is None else measure_spec(measure).measure.value, _checked(rerank)),
        )
        if made.embeds and transform is not None and embedder_of(transform) is None:
            raise ArgError(
                f"the transform {brief(transform)} only splits, and the store never splits a node: add an embedder to "
                "it, or give is_embedding_query=True and nodes with embeddings"
            )
        target = resolve_target(
            url=url,
            path=path,
            client=client,
            async_client=async_client,
            schema=schema_name,
            schema_argument="schema_name",
            options=client_options,
            settings=settings,
        )
        fields: dict[str, Any] = {
            "is_embedding_query": not made.embeds,
            "collection_name": made.name,
            "schema_name": target.schema,
            "dimension": made.dimension,
            "measure": made.defaults.measure,
            "language": language,
            "precision": precision,
            "on_nul": made.on_nul,
        }
        super().__init__(**fields)
        self._shared = SharedCollection(target, made)

    # LlamaIndex's own would leave out what cannot be pickled, and make a store elsewhere of what is left.
    __getstate__ = BaseModel.__getstate__
    __setstate__ = BaseModel.__setstate__

    @classmethod
    def class_name(cls) -> str:
        """Return the class name in serialised stores."""
        return "VecsVectorStore"

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Describe the store without its server; raises ArgError if it is on a table that is attached."""
        if self._settings.attached is not None:
            raise ArgError(
                f"to_dict() does not keep which columns of {brief(self.collection_name)} hold what, so from_dict() "
                "would make a store on a collection of that name; pickle the store, or make it again: "
                "VecsVectorStore.from_collection(client.attach(...))"
            )
        return super().to_dict(**kwargs)

    # --- made of other things --------------------------------------------------------------------------

    @classmethod
    def from_collection(
        cls, collection: Collection | AsyncCollection, async_collection: AsyncCollection | None = None, **options: Any
    ) -> Self:
        """
        Make a store from an open collection, with its client and its transform, if it has one.

        `async_collection` is the same collection, opened by an AsyncClient. A table of your own can be one:
        `client.attach(...)` opens it. Other arguments are the constructor's.
        """
        options = hidden(options)
        kind = "client" if isinstance(collection, Collection) else "async_client"
        client = client_of(collection, client=options.get(kind), url=options.get("url"), path=options.get("path"))
        given: dict[str, Any] = {"transform": collection.transform, **options, kind: client}
        if async_collection is not None:
            given["async_client"] = client_of(async_collection, client=options.get("async_client"))
            if async_collection.name != collection.name:
                names = f"{collection.name!r} and {async_collection.name!r}"
                raise ArgError(f"collection and async_collection must be the same collection, not {names}")
        store = cls(collection.name, **given)
        attached = attachment_of(collection)
        if attached is not None:
            store._shared = SharedCollection(store._shared.target, replace(store._settings, attached=attached))
            # Shown alone: requests are for what `attached` names.
            store.schema_name = collection.schema
        return store

    @classmethod
    def from_params(
        cls,
        host: str | None = None,
        port: str | int | None = None,
        database: str | None = None,
        user: str | None = None,
        password: str | None = None,
        table_name: str = "llamaindex",
        schema_name: str | None = None,
        connection_string: Any = None,
        **parameters: Any,
    ) -> Self:
        """
        Make a store from the arguments of `PGVectorStore.from_params`; without a host, it uses the embedded server.

        `embed_dim` is the dimension; without it, the first nodes tell. `text_search_config` is the language. Indexes
        for `hnsw_kwargs` and `indexed_metadata_keys` are built with the collection. `use_halfvec` stores 16 bits per
        number. `perform_setup=False` creates nothing. `customize_query_fn` raises ArgError. Arguments for SQLAlchemy
        are ignored, with a warning. Other arguments are the constructor's. `from_pgvector_store` copies the old nodes.
        """
        connection_string, password, parameters = unseen(connection_string), unseen(password), hidden(parameters)
        target = target_of(connection_string, host=host, port=port, dbname=database, user=user, password=password)
        options, changes = settings_of_pgvector(parameters)
        store = cls(table_name, url=target, schema_name=schema_name, **options)
        store._shared = SharedCollection(store._shared.target, changes(store._settings))
        return store

    @classmethod
    def from_pgvector_store(
        cls, source: Any, collection_name: str | None = None, *, source_schema: str | None = None, **options: Any
    ) -> Self:
        """
        Copy the nodes of a PGVectorStore (llama-index-vector-stores-postgres) into a collection.

        `source` is the PGVectorStore, or the `table_name` it was made with; then `source_schema` is its `schema_name`.
        The collection is in the same database, unless arguments of the constructor name another one. It has the
        table's name, unless `collection_name` is given. All nodes are copied or none. They replace nodes with the same
        id. Rows without a vector are left out. The old table does not change.
        """
        options = hidden(options)
        found = source_of(
            checked_name_of_others(source, "source"), checked_name_of_others(source_schema, "source_schema")
        )
        store = cls(collection_name or found.table.removeprefix("data_"), **_options_of_copy(options, found))
        store._copied(store._lease_on(found), found)
        return store

    @classmethod
    async def afrom_pgvector_store(
        cls, source: Any, collection_name: str | None = None, *, source_schema: str | None = None, **options: Any
    ) -> Self:
        """Do as `from_pgvector_store` without blocking the event loop."""
        options = hidden(options)
        found = source_of(
            checked_name_of_others(source, "source"), checked_name_of_others(source_schema, "source_schema")
        )
        store = cls(collection_name or found.table.removeprefix("data_"), **_options_of_copy(options, found))
        await store._acopied(store._lease_on(found), found)
        return store

    def _lease_on(self, source: Source) -> Lease:
        return Lease(self._shared.target if source.target is None else resolve_target(url=source.target))

    # --- what it stands on -----------------------------------------------------------------------------

    @property
    def collection(self) -> Collection:
        """The collection of vecs; raises CollectionNotFound if no node was added yet."""
        return self._shared.plain_collection()


def _checked(rerank: Reranker | None) -> Reranker | None:
    if rerank is not None:
        check_reranker(rerank)
    return rerank


def _options_of_copy(options: Mapping[str, Any], source: Source) -> dict[str, Any]:
    places = ("url", "path", "client", "async_client")
    here = source.target if all(options.get(place) is None for place in places) else None
    return {"language": source.language, **({"url": here} if here else {}), **options}
