"""Both stores and the language of keyword search: another one than the collection's is an error, a wrong one early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

import langchain_vecs
import vecs
from llama_index.vector_stores import vecs as llama_index_vecs
from vecs.exc import ArgError


class Counting(Embeddings):
    """One vector for all texts, and how often it was asked for some."""

    calls = 0

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls += 1
        return [[1.0, 1.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 1.0]


class Store:
    """A store of either framework, with one way to make, write and ask it."""

    def __init__(self, kind: str, name: Any, language: Any, **options: Any) -> None:
        self.embedding = Counting()
        self.store: Any
        if kind == "langchain":
            self.store = langchain_vecs.VecsVectorStore(self.embedding, name, language=language, **options)
        elif isinstance(name, str):
            self.store = llama_index_vecs.VecsVectorStore(name, language=language, **options)
        else:
            self.store = llama_index_vecs.VecsVectorStore.from_collection(name, language=language, **options)

    def write(self) -> None:
        if isinstance(self.store, langchain_vecs.VecsVectorStore):
            self.store.add_texts(["Häuser"])
        else:
            self.store.add([TextNode(text="Häuser", embedding=[1.0, 1.0])])

    async def awrite(self) -> None:
        if isinstance(self.store, langchain_vecs.VecsVectorStore):
            await self.store.aadd_texts(["Häuser"])
        else:
            await self.store.async_add([TextNode(text="Häuser", embedding=[1.0, 1.0])])

    def read(self) -> Any:
        is_langchain = isinstance(self.store, langchain_vecs.VecsVectorStore)
        return self.store.get_by_ids(["a"]) if is_langchain else self.store.get_nodes(["a"])


def awritten(store: Store) -> None:
    asyncio.run(store.awrite())


@pytest.fixture(params=["langchain", "llama_index"])
def make(request: pytest.FixtureRequest) -> Callable[..., Store]:
    return lambda *given, **options: Store(request.param, *given, **options)


@pytest.fixture
def client(target: str, schema: str) -> Iterator[vecs.Client]:
    with vecs.create_client(target, schema=schema) as client:
        yield client


def test_a_store_refuses_another_language_than_the_collection_has(
    make: Callable[..., Store], client: vecs.Client
) -> None:
    docs = client.create_collection("docs", 2, language="english")
    docs.upsert([vecs.Record("a", [1, 1], "a house")])
    for name in ("docs", docs):
        for ask in (Store.write, Store.read, awritten):
            with pytest.raises(ArgError, match="exists with keywords in english, not 'german'; leave language= out"):
                ask(make(name, "german", **({"client": client} if name == "docs" else {})))
    assert docs.count() == 1
    # That changes the language, too.
    assert make("docs", "german", client=client).store.collection.info().language == "english"
    make("docs", "english", client=client).write()
    make("docs", None, client=client).write()
    assert docs.count() == 3


def test_a_store_makes_an_empty_collection_anew_in_its_language(
    make: Callable[..., Store], client: vecs.Client
) -> None:
    client.create_collection("docs", 2, text=True)
    make("docs", "german", client=client).write()
    assert client.get_collection("docs").info().language == "german"


def test_a_store_on_a_collection_without_texts_refuses_a_language(
    make: Callable[..., Store], client: vecs.Client
) -> None:
    client.create_collection("docs", 2).upsert([("a", [1, 1], {})])
    with pytest.raises(ArgError, match="exists without keywords"):
        make("docs", "german", client=client).read()


def test_an_unknown_language_is_told_before_anything_is_embedded(
    make: Callable[..., Store], client: vecs.Client
) -> None:
    for write in (Store.write, awritten):
        store = make("docs", "Deutsch", client=client)
        with pytest.raises(ArgError, match="did you mean 'german'"):
            write(store)
        assert store.embedding.calls == 0
    assert client.collection_names() == []


@pytest.mark.parametrize("language", [5, "", b"german", ["german"]])
def test_what_is_no_name_is_refused_as_the_store_is_made(make: Callable[..., Store], language: Any) -> None:
    with pytest.raises(ArgError, match="language must be a string such as 'english', not"):
        make("docs", language, url="postgresql://localhost/x")


def test_arguments_of_the_other_names_are_told(target: str, schema: str) -> None:
    store = langchain_vecs.VecsVectorStore(Counting(), "docs", url=target, schema=schema)
    wrong: Any = langchain_vecs.VecsVectorStore
    for call, meant in (
        (lambda: store.similarity_search("a", search_mode="hybrid"), "mode"),
        (lambda: store.similarity_search("a", limit=3), "k"),
        (lambda: wrong(Counting(), "docs", mode="hybrid"), "search_mode"),
        (lambda: llama_index_vecs.VecsVectorStore("docs").query(VectorStoreQuery([1.0]), weights=(1, 1)), "alpha"),
    ):
        with pytest.raises(ArgError, match=f"did you mean '{meant}'"):
            call()
