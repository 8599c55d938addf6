"""Nodes into a store and out of it: what comes back is what went in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageDocument,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import MetadataFilters, VectorStoreQuery

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError, CollectionNotFound, PartlyStored

from ..conftest import MakeStore
from ..models import near, node, where

RELATED = {
    NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d1", node_type=ObjectType.DOCUMENT, metadata={"p": 1}, hash="h"),
    NodeRelationship.PREVIOUS: RelatedNodeInfo(node_id="n0", node_type=ObjectType.TEXT, hash="x"),
    NodeRelationship.CHILD: [RelatedNodeInfo(node_id="c1"), RelatedNodeInfo(node_id="c2")],
}
METADATA = {
    "title": "A",
    "page": 3,
    "share": 0.5,
    "tags": ["x", "y"],
    "nested": {"b": 1, "a": [None, True]},
    "no": None,
}
NODES: list[BaseNode] = [
    TextNode(id_="plain", text="hello"),
    TextNode(
        id_="full",
        text="héllo 🙂\n100%",
        metadata=METADATA,
        relationships=RELATED,
        excluded_embed_metadata_keys=["page"],
        excluded_llm_metadata_keys=["title"],
        metadata_template="{key}={value}",
        metadata_separator="; ",
        text_template="{content}",
        mimetype="text/markdown",
        start_char_idx=5,
        end_char_idx=17,
    ),
    TextNode(id_="empty", text=""),
    TextNode(id_="own keys", text="t", metadata={"text": "mine", "doc_id": "mine", "_node_content": "mine", "id_": 1}),
    ImageNode(id_="image", text="a cat", image="aGk=", image_path="cat.png", image_url="http://x/cat.png"),
    ImageNode(id_="text of image", text="a dog", text_embedding=[0.5, 0.25], metadata={"k": 1}),
    IndexNode(id_="index", text="a table", index_id="table-1", metadata={"k": 1}, relationships=RELATED),
    IndexNode(id_="object", text="a table", index_id="o", obj=TextNode(id_="inner", text="inside", metadata={"a": 1})),
    Document(id_="document", text="a document", metadata={"file": "a.txt"}, excluded_llm_metadata_keys=["file"]),
    Document(id_="no text", metadata={"file": "a.txt"}),
    ImageDocument(id_="picture", text="a picture", image_resource=MediaResource(path=Path("cat.png"))),
    Node(
        id_="media",
        text_resource=MediaResource(text="words", mimetype="text/html"),
        image_resource=MediaResource(url="http://x/cat.png", mimetype="image/png"),
        metadata={"k": 1},
        relationships=RELATED,
    ),
]


def without_embedding(node: BaseNode) -> BaseNode:
    return node.model_copy(update={"embedding": None})


def embedded(node: BaseNode) -> BaseNode:
    return node.model_copy(update={"embedding": [0.6, 0.8]})


@pytest.mark.parametrize("given", NODES, ids=lambda node: node.node_id)
async def test_a_node_comes_back_as_it_went_in(store: VecsVectorStore, given: BaseNode) -> None:
    await store.async_add([embedded(given)])
    (read,) = await store.aget_nodes([given.node_id])
    found = await store.aquery(near())
    assert read == given
    assert type(read) is type(given)
    assert list(found.nodes or []) == [given]


@pytest.mark.parametrize("given", NODES, ids=lambda node: node.node_id)
async def test_hash_and_content_are_what_they_were(store: VecsVectorStore, given: BaseNode) -> None:
    await store.async_add([embedded(given)])
    (read,) = await store.aget_nodes()
    assert read.hash == given.hash
    assert read.get_metadata_str() == given.get_metadata_str()
    assert read.get_content() == given.get_content()
    assert read.ref_doc_id == given.ref_doc_id


async def test_the_nodes_given_are_left_as_they_are(store: VecsVectorStore) -> None:
    nodes = [embedded(node) for node in NODES]
    before = [node.model_copy(deep=True) for node in nodes]
    assert await store.async_add(nodes) == [node.node_id for node in before]
    assert nodes == before


async def test_embeddings_come_back_when_asked_for(store: VecsVectorStore) -> None:
    await store.async_add([embedded(NODES[1])])
    (read,) = await store.aget_nodes(include_embeddings=True)
    found = await store.aquery(near(), include_embeddings=True)
    assert read.embedding == pytest.approx([0.6, 0.8])
    assert found.nodes is not None
    assert found.nodes[0].embedding == pytest.approx([0.6, 0.8])


async def test_a_subclass_of_somebodys_own_comes_back_as_the_nearest_class(store: VecsVectorStore) -> None:
    class Page(TextNode):
        number: int = 0

        @classmethod
        def class_name(cls) -> str:
            return "Page"

    await store.async_add([Page(id_="p", text="t", number=4, embedding=[1, 0])])
    assert await store.aget_nodes() == [TextNode(id_="p", text="t")]


async def test_metadata_are_clean_for_others(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    await store.async_add([embedded(NODES[1])])
    collection = await client.get_collection("nodes")
    (record,) = await collection.get()
    assert record.metadata == METADATA
    assert record.text == "héllo 🙂\n100%"
    assert record.document_id == "d1"
    assert await collection.count({"tags": {"$contains": "x"}}) == 1


async def test_a_node_without_a_document_has_no_document_id(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    await store.async_add([node("a")])
    (record,) = await (await client.get_collection("nodes")).get()
    assert record.document_id is None


async def test_records_of_others_are_text_nodes(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    collection = await client.create_collection("nodes", dimension=2, text=True)
    await collection.upsert(
        [
            vecs.Record("a", vec=[1, 0], text="words", metadata={"k": 1}, document_id="d"),
            vecs.Record("b", vec=[0, 1], extra={"langchain:k": "date"}),
        ]
    )
    first, second = await store.aget_nodes()
    assert first == TextNode(
        id_="a", text="words", metadata={"k": 1}, relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
    )
    assert second == TextNode(id_="b", text="")
    await store.adelete("d")
    assert [node.node_id for node in await store.aget_nodes()] == ["b"]


async def test_metadata_and_text_that_others_changed_are_seen(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    await store.async_add([TextNode(id_="a", text="t", metadata={"z": 1, "a": 2}, embedding=[1, 0])])
    collection = await client.get_collection("nodes")
    await collection.update_metadata({"a": 3, "new": 4}, ids=["a"])
    (read,) = await store.aget_nodes()
    assert list(read.metadata.items()) == [("z", 1), ("a", 3), ("new", 4)]


async def test_metadata_json_has_no_type_for_comes_back_as_it_went_in(
    store: VecsVectorStore, client: vecs.AsyncClient
) -> None:
    metadata = {"day": date(2024, 5, 6), "kinds": {"x"}, "price": Decimal("1.10"), "z": np.float32(0.5)}
    given = node("a", array=np.arange(2), **metadata)
    # As a node parser copies a document's metadata.
    given.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id="d", metadata=dict(metadata))
    await store.async_add([given])
    (read,) = await store.aget_nodes()
    assert read.metadata == {**metadata, "array": [0, 1]}
    assert read.ref_doc_id == "d"
    (record,) = await (await client.get_collection("nodes")).get()
    assert record.metadata["day"] == "2024-05-06"


async def test_adding_a_node_again_replaces_it(store: VecsVectorStore) -> None:
    await store.async_add([node("a", "old", document="d", k=1), node("b")])
    await store.async_add([node("a", "new")])
    nodes = await store.aget_nodes()
    assert [(n.node_id, n.get_content(), n.metadata, n.ref_doc_id) for n in nodes] == [
        ("a", "new", {}, None),
        ("b", "text of b", {}, None),
    ]


async def test_of_nodes_with_one_id_the_last_wins(store: VecsVectorStore) -> None:
    ids = await store.async_add([node("a", "first"), node("b"), node("a", "last")])
    assert ids == ["a", "b", "a"]
    assert [n.get_content() for n in await store.aget_nodes(["a"])] == ["last"]


async def test_adding_nothing_makes_nothing(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    assert await store.async_add([]) == []
    assert await client.collection_names() == []


async def test_many_nodes_are_added_at_once(store: VecsVectorStore) -> None:
    given = [node(f"n{number:04}", degrees=number / 20, n=number) for number in range(1500)]
    assert await store.async_add(given) == [n.node_id for n in given]
    assert [n.node_id for n in await store.aget_nodes()] == [n.node_id for n in given]


async def test_a_store_without_nodes_is_empty(store: VecsVectorStore) -> None:
    await store.adelete("d")
    await store.adelete_nodes(["a"])
    await store.aclear()
    assert await store.aget_nodes() == []
    found = await store.aquery(near())
    assert (found.nodes, found.similarities, found.ids) == ([], [], [])


async def test_all_nodes_of_a_document_are_deleted(store: VecsVectorStore) -> None:
    await store.async_add([node(f"a{number}", document="d") for number in range(700)])
    await store.async_add([node("b", document="e"), node("c")])
    await store.adelete("d")
    assert [n.node_id for n in await store.aget_nodes()] == ["b", "c"]


@pytest.mark.parametrize("name", ["None", "null", "", "unknown", "%", "'; drop table nodes; --"])
async def test_deleting_a_document_that_has_no_nodes_deletes_nothing(store: VecsVectorStore, name: str) -> None:
    await store.async_add([node("a"), node("b", document="e")])
    await store.adelete(name)
    assert len(await store.aget_nodes()) == 2


async def test_nodes_are_deleted_by_id_and_by_filter(store: VecsVectorStore) -> None:
    await store.async_add([node(id, k=place) for place, id in enumerate("abcdef")])
    await store.adelete_nodes(["a", "unknown"])
    await store.adelete_nodes(filters=where("k", "GTE", 4))
    await store.adelete_nodes(["b", "c"], where("k", "EQ", 1))
    await store.adelete_nodes(vecs_filters={"k": 3})
    assert [n.node_id for n in await store.aget_nodes()] == ["c"]


async def test_an_empty_list_of_ids_deletes_nothing(store: VecsVectorStore) -> None:
    await store.async_add([node("a")])
    await store.adelete_nodes([])
    assert len(await store.aget_nodes()) == 1


@pytest.mark.parametrize("own", [{}, {"$and": []}])
async def test_a_filter_without_a_condition_reads_all_and_deletes_nothing(
    store: VecsVectorStore, own: dict[str, Any]
) -> None:
    await store.async_add([node("a"), node("b")])
    assert len(await store.aget_nodes(vecs_filters=own)) == 2
    for arguments in ({"vecs_filters": own}, {"filters": MetadataFilters(filters=[])}):
        for ids in (None, ["a"]):
            with pytest.raises(ArgError, match="not empty"):
                await store.adelete_nodes(ids, **arguments)
    assert len(await store.aget_nodes()) == 2


async def test_nodes_are_read_in_the_order_of_the_ids(store: VecsVectorStore) -> None:
    await store.async_add([node(id, k=place) for place, id in enumerate("abcd")])

    async def ids(*args: Any, **options: Any) -> list[str]:
        return [n.node_id for n in await store.aget_nodes(*args, **options)]

    assert await ids(["d", "unknown", "a", "d"]) == ["d", "a"]
    assert await ids([]) == []
    assert await ids(["a", "b"], where("k", "GT", 0)) == ["b"]
    assert await ids(filters=where("k", "IN", [0, 3])) == ["a", "d"]
    assert await ids(vecs_filters={"k": {"$lt": 2}}) == ["a", "b"]
    assert await ids(limit=2, offset=1) == ["b", "c"]


async def test_clear_leaves_the_collection(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    await store.async_add([node("a")])
    await store.aclear()
    assert await store.aget_nodes() == []
    assert await client.collection_names() == ["nodes"]


async def test_a_collection_that_was_deleted_is_made_anew(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    await store.async_add([node("a")])
    await client.delete_collection("nodes")
    assert await store.aget_nodes() == []
    assert (await store.aquery(near())).ids == []
    await store.async_add([TextNode(id_="b", text="t", embedding=[1, 0, 0])])
    assert [n.node_id for n in await store.aget_nodes()] == ["b"]


async def test_a_collection_that_was_remade_for_other_vectors_is_searched(
    store: VecsVectorStore, client: vecs.AsyncClient
) -> None:
    await store.async_add([node("a")])
    await store.aquery(near())
    await client.delete_collection("nodes")
    collection = await client.create_collection("nodes", dimension=3, text=True)
    await collection.upsert([("b", [1, 0, 0], {})])
    found = await store.aquery(VectorStoreQuery(query_embedding=[1, 0, 0]))
    assert found.ids == ["b"]


async def test_without_setup_no_collection_is_made(make_store: MakeStore) -> None:
    store = make_store(perform_setup=False)
    with pytest.raises(CollectionNotFound, match="perform_setup"):
        await store.async_add([node("a")])


async def test_an_index_is_made_on_request(store: VecsVectorStore, client: vecs.AsyncClient) -> None:
    with pytest.raises(CollectionNotFound):
        await store.acreate_index()
    await store.async_add([node(f"n{number}", degrees=number) for number in range(90)])
    await store.acreate_index()
    await store.acreate_index()
    indexes = await (await client.get_collection("nodes")).indexes()
    assert sum("hnsw" in index.name for index in indexes) == 1
    assert len((await store.aquery(near(top_k=50))).ids or []) == 50


def lengths(texts: list[str]) -> list[list[float]]:
    """A model that stops at one text, and knows long ones from short ones."""
    if any("stop" in text for text in texts):
        raise OSError("429: too many requests")
    return [[1.0, float(len(text))] for text in texts]


async def test_a_transform_embeds_what_llama_index_would(make_store: MakeStore) -> None:
    seen: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return lengths(texts)

    store = make_store(transform=vecs.Embedding(embed, 2))
    given = TextNode(id_="a", text="words", metadata={"title": "T", "page": 3}, excluded_embed_metadata_keys=["page"])
    await store.async_add([given])
    assert seen == [given.get_content(MetadataMode.EMBED)]
    assert "title: T" in seen[0]
    assert await store.aget_nodes() == [given]
    found = await store.aquery(VectorStoreQuery(query_str="words"))
    assert seen[1:] == ["words"]
    assert found.nodes == [given]


async def test_what_was_embedded_is_kept_batch_by_batch(make_store: MakeStore) -> None:
    store = make_store(transform=vecs.Embedding(lengths, 2))
    nodes = [TextNode(id_=id, text=f"text {id}") for id in ("a", "b", "c", "d", "stop")]
    with pytest.raises(vecs.exc.TransformError, match="too many requests"):
        await store.async_add(nodes)
    assert await store.aget_nodes() == []
    with pytest.raises(PartlyStored, match="first 4 nodes are stored.*too many requests") as caught:
        await store.async_add(nodes, batch_size=2, commit="batch")
    assert caught.value.ids == ["a", "b", "c", "d"] == [n.node_id for n in await store.aget_nodes()]
    assert isinstance(caught.value.__cause__, vecs.exc.TransformError)
    with pytest.raises(ArgError, match="did you mean 'commit'"):
        await store.async_add(nodes, comit="batch")


async def test_a_transform_without_a_vector_is_named_and_nothing_is_made(make_store: MakeStore) -> None:
    class Nothing(vecs.Embedding):
        def transform_records(self, records: Any) -> Any:
            return list(records)

    store = make_store(transform=Nothing(lengths, 2))
    with pytest.raises(ArgError, match="Nothing returned None, but node 'a'"):
        await store.async_add([TextNode(id_="a", text="t")])
    assert store.client.list_collections() == []


async def test_nodes_are_never_embedded_by_another_model(make_store: MakeStore) -> None:
    # LlamaIndex embeds for this store; that its model made nothing is no reason to take the collection's.
    await make_store(transform=vecs.Embedding(lengths, 2, name="m")).async_add([TextNode(id_="a", text="t")])
    other = make_store(transform=vecs.Embedding(lengths, 2, name="m"), is_embedding_query=True)
    with pytest.raises(ArgError, match="'c' has no embedding"):
        await other.async_add([node("b"), TextNode(id_="c", text="t")])
    assert len(await other.aget_nodes()) == 1


async def test_an_index_can_be_made_first_where_the_dimension_is_known(make_store: MakeStore) -> None:
    store = make_store(dimension=2)
    await store.acreate_index()
    await store.async_add([node("a")])
    with pytest.raises(CollectionNotFound, match="dimension="):
        await make_store("other").acreate_index()
    with pytest.raises(CollectionNotFound):
        await make_store("third", dimension=2, perform_setup=False).acreate_index()
