"""LlamaIndex's vector store on any Postgres with pgvector."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.vector_stores.types import BasePydanticVectorStore
from typing_extensions import Self

from llama_index.vector_stores.vecs._async.copying import AsyncCopying
from llama_index.vector_stores.vecs._async.indexing import AsyncIndexing
from llama_index.vector_stores.vecs._async.reading import AsyncReading
from llama_index.vector_stores.vecs._async.searching import AsyncSearching
from llama_index.vector_stores.vecs._async.writing import AsyncWriting
from llama_index.vector_stores.vecs._core import Settings
from llama_index.vector_stores.vecs._loops import on_any_loop
from llama_index.vector_stores.vecs._sync.copying import Copying
from llama_index.vector_stores.vecs._sync.indexing import Indexing
from llama_index.vector_stores.vecs._sync.reading import Reading
from llama_index.vector_stores.vecs._sync.searching import Searching
from llama_index.vector_stores.vecs._sync.writing import Writing
from llama_index.vector_stores.vecs.migration import source_of
from llama_index.vector_stores.vecs.parameters import settings_of_pgvector, target_of
from llama_index.vector_stores.vecs.search_arguments import Defaults
from vecs import (
    AsyncClient,
    AsyncCollection,
    Client,
    Collection,
    IndexMeasure,
    Reranker,
    Transform,
    create_async_client,
    create_client,
)
from vecs._checks.numbers import checked_int
from vecs.exc import ArgError, CollectionNotFound
from vecs.measures import measure_spec
from vecs.rerankers import check_reranker
from vecs.sharing import SharedClients, shared_clients


class _User:
    """Stands for a store among those who share clients."""


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

        pip install "llama-index-vector-stores-vecs[embedded]"

    ```python
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.vector_stores.vecs import VecsVectorStore

    store = VecsVectorStore("essays")  # an embedded Postgres; url="postgresql://..." is a server's
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

    _settings: Settings = PrivateAttr()
    _where: dict[str, Any] = PrivateAttr()
    _clients: SharedClients = PrivateAttr()
    _user: object = PrivateAttr()
    _opened: dict[Any, Any] = PrivateAttr()
    _object_ids: set[str] = PrivateAttr()
    _told: set[str] = PrivateAttr()

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
        **client_options: Any,
    ) -> None:
        """
        Make a store; nothing connects before its first call.

        The collection is made with the first nodes, and its `dimension` learned from them. `url` is a server
        ("postgresql://user:password@host:5432/database"), `path` a folder for an embedded one; without both it is
        `$VECS_URL`, else the user's own embedded server. `client` and `async_client` are vecs clients that are open
        already, to share their pools; they stay open. `measure` is what searches go by (None: what suits the
        collection), `language` how Postgres reads the words of a collection that is made, `precision="half"` stores
        16 bits a number. `perform_setup=False` never makes a collection.

        With a `transform` the collection makes the vectors, of nodes and of queries: what LlamaIndex embeds is not
        used then, and `is_embedding_query` is False. `rerank` is the model of mode "semantic_hybrid".

        Further arguments are those of `vecs.create_client`, such as `pool_size` and `pooler`. Stores on one target
        share their clients.
        """
        # From to_dict(): constants.
        for name in ("stores_text", "flat_metadata", "class_name"):
            client_options.pop(name, None)
        where = _where(url, path, client, async_client, schema_name, client_options)
        settings = Settings(
            name=_checked_name(collection_name),
            transform=transform,
            dimension=None if dimension is None else checked_int(dimension, "dimension", 1),
            language=language,
            precision=precision,
            defaults=Defaults(None if measure is None else measure_spec(measure).measure.value, _checked(rerank)),
            embeds=transform is not None if is_embedding_query is None else not is_embedding_query,
            create=perform_setup,
        )
        self._enter(settings, where, shared_clients(**where))

    def _enter(
        self,
        settings: Settings,
        where: dict[str, Any],
        clients: SharedClients,
        object_ids: frozenset[str] = frozenset(),
    ) -> None:
        fields: dict[str, Any] = {
            "is_embedding_query": not settings.embeds,
            "collection_name": settings.name,
            "schema_name": clients.client().schema,
            "dimension": settings.dimension,
            "measure": settings.defaults.measure,
            "language": settings.language,
            "precision": settings.precision,
        }
        super().__init__(**fields)
        self._settings, self._where, self._clients = settings, where, clients
        self._user, self._opened, self._object_ids, self._told = _User(), {}, set(object_ids), set()
        clients.hold(self._user)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that serialised stores go by."""
        return "VecsVectorStore"

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings, "where": self._where, "object_ids": frozenset(self._object_ids)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        where = state["where"]
        client = where.get("client")
        # What was unpickled has a client of its own, which nobody else would close.
        clients = shared_clients(**where) if client is None else SharedClients(client, owned=True)
        self._enter(state["settings"], where, clients, state["object_ids"])

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        twin._enter(self._settings, self._where, self._clients, frozenset(self._object_ids))
        return twin

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Connections are shared, not copied.
        return copy.copy(self)

    # --- made of other things --------------------------------------------------------------------------

    @classmethod
    def from_collection(
        cls, collection: Collection | AsyncCollection, async_collection: AsyncCollection | None = None, **options: Any
    ) -> Self:
        """
        Make a store of a collection that is open, with its transform if it has one, and its client.

        `async_collection` is the same one as an AsyncClient sees it; the other arguments are the constructor's.
        """
        given: dict[str, Any] = {"transform": collection.transform, **options}
        given["client" if isinstance(collection.client, Client) else "async_client"] = collection.client
        if async_collection is not None:
            given["async_client"] = async_collection.client
        return cls(collection.name, **given)

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
        Make a store by the arguments of `PGVectorStore.from_params`; without a host it is the embedded server.

        `embed_dim` is the dimension, learned where it is left out; `text_search_config` the language; `hnsw_kwargs`
        and `indexed_metadata_keys` are indexes made with the collection; `use_halfvec` stores 16 bits a number.
        `perform_setup=False` makes nothing. Raises ArgError for `customize_query_fn`; what concerns SQLAlchemy warns
        and is left out. The other arguments are the constructor's. See `from_pgvector_store` for the nodes there.
        """
        target = target_of(connection_string, host=host, port=port, dbname=database, user=user, password=password)
        options, changes = settings_of_pgvector(parameters)
        store = cls(table_name, url=target, schema_name=schema_name, **options)
        store._enter(changes(store._settings), store._where, store._clients)
        return store

    @classmethod
    def from_pgvector_store(
        cls, source: Any, collection_name: str | None = None, *, source_schema: str | None = None, **options: Any
    ) -> Self:
        """
        Copy the nodes of a PGVectorStore (llama-index-vector-stores-postgres) into a collection.

        `source` is the PGVectorStore, or the `table_name` it was made with (and `source_schema` its `schema_name`,
        "public"). The collection is in the same database unless the arguments, the constructor's, say otherwise,
        and has the table's name unless `collection_name` is given. All nodes are copied or none; those that are
        there with the same id are replaced, rows without a vector left out. The table stays as it is.
        """
        found = source_of(source, source_schema)
        store = cls(collection_name or found.table.removeprefix("data_"), **_options_of_copy(options, found))
        if found.target is None:
            store._copied(store.client, found)
            return store
        with create_client(found.target) as client:
            store._copied(client, found)
        return store

    @classmethod
    @on_any_loop
    async def afrom_pgvector_store(
        cls, source: Any, collection_name: str | None = None, *, source_schema: str | None = None, **options: Any
    ) -> Self:
        """Do as `from_pgvector_store` without blocking the event loop."""
        found = source_of(source, source_schema)
        store = cls(collection_name or found.table.removeprefix("data_"), **_options_of_copy(options, found))
        if found.target is None:
            await store._acopied(await store._aclient(), found)
            return store
        async with create_async_client(found.target) as client:
            await store._acopied(client, found)
        return store

    # --- what it stands on -----------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The sync client, for everything that vecs can do and plain SQL: see `vecs.Client.connection`."""
        return self._client()

    @property
    def collection(self) -> Collection:
        """The collection as vecs knows it; raises CollectionNotFound before the first node."""
        try:
            return self.client.get_collection(self.collection_name, transform=self._settings.transform)
        except CollectionNotFound:
            raise CollectionNotFound(f"there is no collection {self.collection_name!r} yet: add nodes first") from None

    # --- opened and closed -----------------------------------------------------------------------------

    def close(self) -> None:
        """
        Let go of the connections; the last store on a target closes them.

        Twice is once, and a call after it connects again. A client that was handed in stays open.
        """
        self._opened = {}
        self._clients.release(self._user)

    @on_any_loop
    async def aclose(self) -> None:
        """Do as `close()` without blocking the event loop."""
        self._opened = {}
        await self._clients.arelease(self._user)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ArgError(f"collection_name must be a string that is not empty, not {name!r}; see from_collection()")
    if "://" in name:
        # Its value is not shown: it may hold a password.
        raise ArgError("collection_name is the collection's name, and was given a connection string; that is url=")
    return name


def _checked(rerank: Reranker | None) -> Reranker | None:
    if rerank is not None:
        check_reranker(rerank)
    return rerank


def _options_of_copy(options: Mapping[str, Any], source: Any) -> dict[str, Any]:
    places = ("url", "path", "client", "async_client")
    here = source.target if all(options.get(place) is None for place in places) else None
    return {"language": source.language, **({"url": here} if here else {}), **options}


def _where(
    url: str | None,
    path: str | os.PathLike[str] | None,
    client: Client | None,
    async_client: AsyncClient | None,
    schema: str | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments of `shared_clients`."""
    places = {"url": url, "path": path, "client": client or async_client}
    given = [name for name, value in places.items() if value is not None]
    if len(given) > 1:
        raise ArgError(f"{' and '.join(given)} each say where the collection is; give one of them")
    if client is not None or async_client is not None:
        _check_clients(client, async_client, schema, options)
        return {"client": client or async_client, "async_client": async_client if client is not None else None}
    # As a Path it is a folder, whatever it looks like.
    return {"target": url if path is None else Path(path), "schema": schema or "vecs", **options}


def _check_clients(client: Any, async_client: Any, schema: str | None, options: Mapping[str, Any]) -> None:
    for name, value, cls in (("client", client, Client), ("async_client", async_client, AsyncClient)):
        if value is not None and not isinstance(value, cls):
            raise ArgError(f"{name} must be a vecs.{cls.__name__}, not {type(value).__name__}: {value!r:.80}")
    own = (client or async_client).schema
    if options or schema not in (None, own):
        raise ArgError(f"client= has its own {', '.join([*options, *(['schema_name'] if schema != own else [])])}")
    if client is not None and async_client is not None and async_client.schema != own:
        raise ArgError(f"client is on schema {own!r} and async_client on {async_client.schema!r}; they must be one")
