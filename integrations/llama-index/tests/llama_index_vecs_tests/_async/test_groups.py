"""Nodes per source document, with those before and after them, and like nodes that are stored."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.postprocessor import MetadataReplacementPostProcessor
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError

from ..models import Words, near, node


def linked(document: str, count: int, degrees: float) -> list[TextNode]:
    """Nodes of a document as a node parser makes them: ids that say nothing, and who comes before and after."""
    made = [node(f"{document}-{'qwerty'[n]}", f"text {n}", degrees + n, document) for n in range(count)]
    for before, after in pairwise(made):
        before.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=after.node_id)
        after.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=before.node_id)
    return made


@pytest.fixture
async def filled(store: VecsVectorStore) -> VecsVectorStore:
    await store.async_add([*linked("a", 6, 10), *linked("b", 2, 40), node("alone", "by itself", 70)])
    return store


async def test_the_best_nodes_of_each_source_document_are_found(filled: VecsVectorStore) -> None:
    found = await filled.aquery(near(0, 3), group_by="$document_id")
    assert found.ids == ["a-q", "b-q", "alone"]
    found = await filled.aquery(near(0, 2), group_by="$document_id", group_size=2)
    assert found.ids == ["a-q", "a-w", "b-q", "b-w"]


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        (1, ["text 0\n\ntext 1", "text 0\n\ntext 1", "by itself"]),
        ((0, 2), ["text 0\n\ntext 1\n\ntext 2", "text 0\n\ntext 1", "by itself"]),
        (100, ["\n\n".join(f"text {n}" for n in range(6)), "text 0\n\ntext 1", "by itself"]),
        (0, ["text 0", "text 0", "by itself"]),
    ],
)
async def test_nodes_come_with_those_next_to_them(filled: VecsVectorStore, context: Any, texts: list[str]) -> None:
    found = await filled.aquery(near(0, 3), group_by="$document_id", context=context)
    nodes = list(found.nodes or [])
    assert [each.metadata["window"] for each in nodes] == texts
    assert [each.get_content() for each in nodes] == ["text 0", "text 0", "by itself"]
    for each in nodes:
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            assert "window" not in each.get_content(metadata_mode=mode)


async def test_nodes_that_lead_in_a_circle_or_nowhere_end_a_text(store: VecsVectorStore) -> None:
    one, two, three = (node(id, f"text of {id}", 10 * n, "d") for n, id in enumerate(("one", "two", "three")))
    other = node("other", "text of another document", 50, "e")
    for each, following in ((one, two), (two, one), (three, other)):
        each.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=following.node_id)
    three.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id="gone")
    await store.async_add([one, two, three, other])
    found = await store.aquery(near(0, 3), context=9)
    assert [each.metadata["window"] for each in found.nodes or []] == [
        "text of one\n\ntext of two",
        "text of two\n\ntext of one",
        "text of three",
    ]


async def test_nodes_like_stored_ones_are_found(filled: VecsVectorStore) -> None:
    found = await filled.aquery(VectorStoreQuery(similarity_top_k=2), like=["b-q"], unlike=["alone"])
    assert found.ids == ["b-w", "a-y"] or found.ids == ["a-y", "a-t"]
    assert found.similarities is not None
    assert len(found.similarities) == 2
    found = await filled.aquery(near(70, 1), like=["alone"])
    assert found.ids == ["b-w"]
    with pytest.raises(ArgError, match=r"there are none with \['nobody'\]"):
        await filled.aquery(near(), like=["nobody"])


@pytest.mark.parametrize("context", [(1, 2, 3), "a", -1])
async def test_a_context_is_a_number_or_a_pair(filled: VecsVectorStore, context: Any) -> None:
    with pytest.raises(ArgError, match="context must be"):
        await filled.aquery(near(), context=context)


async def test_chunks_that_vecs_made_have_neighbours_and_are_examples_by_their_document(
    target: str, schema: str, client: vecs.AsyncClient
) -> None:
    embedding = vecs.Embedding(lambda texts: [[len(text), 1] for text in texts], 2, name="lengths")
    splitting = vecs.Pipeline([vecs.RecursiveSplitter(max_characters=9, overlap=0), embedding])
    docs = await client.create_collection("split", transform=splitting)
    await docs.upsert([("one", "one. two two. three"), ("other", "four four. 5")])
    store = VecsVectorStore("split", url=target, schema_name=schema, transform=embedding)
    asked = VectorStoreQuery(query_str="one.", similarity_top_k=1)
    (found,) = (await store.aquery(asked, context=(0, 1))).nodes or []
    (match,) = await docs.search("one.", limit=1, context=(0, 1))
    assert match.context is not None
    assert (found.node_id, found.metadata["window"]) == (match.id, match.context.text)
    assert len(match.context.after) == 1

    like = await store.aquery(VectorStoreQuery(similarity_top_k=9), like=["one"])
    assert like.ids == [m.id for m in await docs.search(like=["one"])]
    assert {each.ref_doc_id for each in like.nodes or []} == {"other"}
    await store.aclose()


@pytest.mark.parametrize("key", ["ref_doc_id", "doc_id", "document_id"])
async def test_the_source_document_has_the_names_that_it_has_in_filters(filled: VecsVectorStore, key: str) -> None:
    assert (await filled.aquery(near(0, 3), group_by=key)).ids == ["a-q", "b-q", "alone"]


async def test_a_retriever_hands_on_the_text_around_a_node(store: VecsVectorStore) -> None:
    index = VectorStoreIndex.from_vector_store(store, embed_model=Words())
    nodes = linked("a", 3, 0)
    for each, text in zip(nodes, ("the cat", "the dog", "the ship"), strict=True):
        each.text, each.embedding = text, None
    index.insert_nodes(nodes)
    retriever = index.as_retriever(similarity_top_k=1, vector_store_kwargs={"context": (1, 0)})
    found = await retriever.aretrieve("dog")
    (replaced,) = MetadataReplacementPostProcessor("window").postprocess_nodes(found)
    assert replaced.get_content() == "the cat\n\nthe dog"


async def test_places_of_words_are_in_the_metadata_and_hidden_from_models(store: VecsVectorStore) -> None:
    await store.async_add([node("a", "Cats and a cat", 10), node("b", "a dog", 20)])
    for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.MMR):
        found = await store.aquery(near(0, 2, query_str="the cats", mode=mode), highlight=True)
        places = {each.node_id: each.metadata["_highlights"] for each in found.nodes or []}
        assert places == {"a": [[0, 4], [11, 14]], "b": []}
        for each in found.nodes or []:
            for shown in (MetadataMode.EMBED, MetadataMode.LLM):
                assert "_highlights" not in each.get_content(metadata_mode=shown)
    found = await store.aquery(near(0, query_str="dogs", mode=VectorStoreQueryMode.SPARSE), highlight=True, context=1)
    assert [each.metadata for each in found.nodes or []] == [{"_highlights": [[2, 5]], "window": "a dog"}]
    found = await store.aquery(near(0, query_str="dogs"))
    assert not any("_highlights" in each.metadata for each in found.nodes or [])
    with pytest.raises(ArgError, match="highlight= needs words"):
        await store.aquery(near(0), highlight=True)


async def test_a_retriever_hands_on_the_places_of_words(store: VecsVectorStore) -> None:
    index = VectorStoreIndex.from_vector_store(store, embed_model=Words())
    index.insert_nodes([TextNode(text="the cat"), TextNode(text="the dog")])
    retriever = index.as_retriever(similarity_top_k=1, vector_store_kwargs={"highlight": True})
    (found,) = await retriever.aretrieve("dogs")
    assert found.node.metadata["_highlights"] == [[4, 7]]


async def test_what_a_search_added_to_a_node_is_not_stored_with_it(store: VecsVectorStore) -> None:
    plain, parsed = node("a", "a cat", 10, "d"), node("b", "a dog", 20, "d")
    # As SentenceWindowNodeParser makes it.
    parsed.metadata = {"n": 1, "window": "of the parser"}
    parsed.excluded_embed_metadata_keys, parsed.excluded_llm_metadata_keys = ["window"], ["window"]
    await store.async_add([plain, parsed])
    stored = await store.aget_nodes(include_embeddings=True)
    query = near(0, 2, query_str="cats", mode=VectorStoreQueryMode.HYBRID)
    found = (await store.aquery(query, highlight=True, context=1, include_embeddings=True)).nodes or []
    assert {*found[0].metadata} == {"_highlights", "window"}
    before = [each.to_dict() for each in found]
    await store.async_add(pickle.loads(pickle.dumps(found)))
    await store.async_add(found)
    assert [each.to_dict() for each in found] == before
    assert await store.aget_nodes(include_embeddings=True) == stored
    assert [each.metadata for each in stored] == [{}, {"n": 1, "window": "of the parser"}]
