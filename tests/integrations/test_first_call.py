"""A first call that fails makes nothing, and an empty collection that does not fit stands in no store's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from llama_index.core.schema import TextNode

import vecs
from langchain_vecs import VecsVectorStore as LangChainStore
from llama_index.vector_stores.vecs import VecsVectorStore as LlamaIndexStore
from vecs.exc import ArgError, MismatchedDimension, VecsException


def langchain(client: Any, vector: Sequence[float], *, sync: bool, **options: Any) -> None:
    store = LangChainStore(DeterministicFakeEmbedding(size=2), "docs", client=client, **options)
    made: tuple[Any, ...] = (["a text"], [vector])
    if sync:
        store.add_embeddings(*made)
    else:
        asyncio.run(store.aadd_embeddings(*made))


def llama_index(client: Any, vector: Sequence[float], *, sync: bool, **options: Any) -> None:
    store = LlamaIndexStore("docs", client=client, **options)
    nodes = [TextNode(text="a text", embedding=list(vector))]
    if sync:
        store.add(nodes)
    else:
        asyncio.run(store.async_add(nodes))


@pytest.fixture
def client(target: str, schema: str) -> Any:
    with vecs.create_client(target, schema=schema) as client:
        yield client


ADDS = pytest.mark.parametrize("add", [langchain, llama_index])
SYNC = pytest.mark.parametrize("sync", [True, False])


@ADDS
@SYNC
@pytest.mark.parametrize(
    ("vector", "options"),
    [([1, 2, 3], {"dimension": 4}), ([1, float("nan")], {}), ([], {})],
)
def test_vectors_that_do_not_fit_make_no_collection(
    client: Any, add: Callable[..., None], sync: bool, vector: list[float], options: Any
) -> None:
    with pytest.raises(ArgError):
        add(client, vector, sync=sync, **options)
    assert client.collection_names() == []


@SYNC
@pytest.mark.parametrize("broken", [lambda texts: 1 / 0, lambda texts: [[1.0] * 8 for _ in texts]])
def test_a_transform_that_fails_makes_no_collection(client: Any, sync: bool, broken: Any) -> None:
    with pytest.raises(VecsException):
        llama_index(client, [1, 2], sync=sync, transform=vecs.Embedding(broken, 3))
    assert client.collection_names() == []


@ADDS
@SYNC
def test_an_empty_collection_of_another_dimension_is_made_anew_and_one_with_records_is_not(
    client: Any, add: Callable[..., None], sync: bool
) -> None:
    client.create_collection("docs", 9, text=True)
    add(client, [1, 2], sync=sync)
    assert client.get_collection("docs").info().dimension == 2
    with pytest.raises(MismatchedDimension):
        add(client, [1, 2, 3], sync=sync)
    assert client.get_collection("docs").count() == 1


@ADDS
def test_a_store_of_many_records_without_an_index_says_how_to_make_one(
    client: Any, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    add(client, [1, 2], sync=True)
    store = LangChainStore(DeterministicFakeEmbedding(size=2), "docs", client=client)
    with pytest.warns(UserWarning, match=r"with store\.create_index\(\)") as warned:
        store.similarity_search("a")
    assert [one.filename for one in warned] == [__file__]
