"""Documents per group, with the texts next to them, and like documents that are stored."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import vecs
from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import Table, at_angle

TEXTS = {f"{source}{n}": at_angle(20 * place + n) for place, source in enumerate("abc") for n in range(3)}
VECTORS = {**TEXTS, "query": at_angle(0)}


async def fill(store: VecsVectorStore, **options: Any) -> None:
    metadatas = [{"source": text[0], "at": {"page": int(text[1])}} for text in TEXTS]
    await store.aadd_texts(list(TEXTS), metadatas, ids=list(TEXTS), **options)


@pytest.fixture
async def store(make_store: MakeStore) -> VecsVectorStore:
    store = make_store(Table(VECTORS, 2))
    await fill(store)
    return store


def ids(found: Any) -> list[str]:
    return [document.id for document in found]


async def test_the_best_documents_of_each_group_are_found(store: VecsVectorStore) -> None:
    assert ids(await store.asimilarity_search("query", k=2, group_by="source")) == ["a0", "b0"]
    assert ids(await store.asimilarity_search("query", k=9, group_by="at.page")) == ["a0", "a1", "a2"]
    given: Any = {"k": 2, "group_by": "source", "group_size": 2}
    retriever = store.as_retriever(search_kwargs=given)
    assert ids(await retriever.ainvoke("query")) == ["a0", "a1", "b0", "b1"]
    scored = await store.asimilarity_search_with_score("query", **given)
    assert [document.id for document, _ in scored] == ["a0", "a1", "b0", "b1"]
    spread = await store.amax_marginal_relevance_search("query", k=3, fetch_k=3, lambda_mult=0.0, group_by="source")
    assert ids(spread) == ["a0", "c0", "b0"]
    with pytest.raises(TypeError, match="did you mean 'group_by'"):
        await store.asimilarity_search("query", group_by_field="source")


async def test_documents_like_stored_ones_are_found_in_their_namespace(make_store: MakeStore) -> None:
    store = make_store(Table(VECTORS, 2), namespace="n")
    await fill(store)
    await fill(store, namespace="other")
    assert ids(await store.asimilarity_search("query", k=3, like=["a1"])) == ["a0", "a2", "b0"]
    assert ids(await store.asimilarity_search_by_vector(at_angle(0), k=1, like=["c2"], unlike=["a0"])) == ["c1"]
    with pytest.raises(ArgError, match="like must be a list of strings, not 'a1'"):
        await store.asimilarity_search("query", like="a1")
    with pytest.raises(ArgError, match="there are none with"):
        await store.asimilarity_search("query", like=["x"])


async def test_texts_next_to_a_document_are_in_its_metadata(client: vecs.AsyncClient, make_store: MakeStore) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [VECTORS.get(text, at_angle(90)) for text in texts]

    transform = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(embed, 2)])
    collection = await client.create_collection("docs", transform=transform)
    store = make_store(None, collection)
    await store.aadd_texts(["a0\n\na1\n\na2", "b0"], [{"n": 1}, {"n": 2}], ids=["a", "b"])
    found = await store.asimilarity_search("query", k=2, group_by="$document_id", context=1)
    assert [(document.page_content, document.metadata) for document in found] == [
        ("a0", {"n": 1, "_context": "a0\n\na1"}),
        ("b0", {"n": 2, "_context": "b0"}),
    ]
    assert all("_context" not in document.metadata for document in await store.asimilarity_search("query"))


async def test_places_of_words_are_in_the_metadata(make_store: MakeStore) -> None:
    texts = {"Cats sleep.": at_angle(10), "A cat of the cats": at_angle(20), "dogs": at_angle(80), "a cat": at_angle(0)}
    store = make_store(Table(texts, 2))
    await store.aadd_texts(list(texts)[:3], [{"n": n} for n in range(3)])
    cats = {"Cats sleep.": [[0, 4]], "A cat of the cats": [[2, 5], [13, 17]]}
    for mode in ("vector", "keyword", "hybrid"):
        found = await store.asimilarity_search("a cat", mode=mode, highlight=True)
        assert {d.page_content: d.metadata["_highlights"] for d in found} == {
            text: cats.get(text, []) for text in (d.page_content for d in found)
        }
        assert len(found) == (2 if mode == "keyword" else 3)
        plain = await store.asimilarity_search("a cat", mode=mode)
        assert not any("_highlights" in document.metadata for document in plain)
    (found,) = await store.asimilarity_search_by_vector(at_angle(80), k=1, text="dog", mode="vector", highlight=True)
    assert found.metadata == {"n": 2, "_highlights": [[0, 4]]}
    (scored,) = await store.amax_marginal_relevance_search("a cat", k=1, highlight=True)
    assert scored.metadata["_highlights"] == [[0, 4]]
    with pytest.raises(ArgError, match="highlight= needs words: give text="):
        await store.asimilarity_search_by_vector(at_angle(0), highlight=True)


async def test_what_a_search_added_to_a_document_is_not_stored_with_it(
    client: vecs.AsyncClient, make_store: MakeStore
) -> None:
    transform = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(lambda texts: [at_angle(0) for _ in texts], 2)])
    store = make_store(None, await client.create_collection("docs", transform=transform))
    await store.aadd_texts(["a cat"], [{"n": 1, "when": date(2024, 1, 1)}], ids=["a"])
    stored = await store.aget_by_ids(["a"])
    (found,) = await store.asimilarity_search("cats", highlight=True, context=1)
    assert {*found.metadata} == {"n", "when", "_highlights", "_context"}
    await store.aadd_documents([found], ids=["a"])
    await store.aupdate_documents(["a"], [found])
    assert await store.aupdate_metadata(["a"], found.metadata) == ["a"]
    assert await store.aupdate_metadata(["a"], found.metadata, replace=True) == ["a"]
    assert {*found.metadata} == {"n", "when", "_highlights", "_context"}
    assert await store.aget_by_ids(["a"]) == stored
