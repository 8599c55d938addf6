"""One collection in the hands of LlamaIndex, of LangChain and of vecs itself."""

from __future__ import annotations

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore

from .models import near, node, where

langchain_vecs = pytest.importorskip("langchain_vecs")


def test_langchain_and_llama_index_read_each_other(store: VecsVectorStore, target: str, schema: str) -> None:
    from langchain_core.documents import Document
    from langchain_core.embeddings import DeterministicFakeEmbedding

    store.add([node("mine", "A node", kind="a", page=1)])
    with langchain_vecs.VecsVectorStore(
        DeterministicFakeEmbedding(size=2), "nodes", url=target, schema=schema
    ) as theirs:
        theirs.add_documents([Document(id="theirs", page_content="A document", metadata={"kind": "b"})])
        (read,) = theirs.get_by_ids(["mine"])
    assert (read.page_content, read.metadata) == ("A node", {"kind": "a", "page": 1})
    assert store.get_nodes(["theirs"]) == [TextNode(id_="theirs", text="A document", metadata={"kind": "b"})]
    assert store.query(near(filters=where("kind", "EQ", "b"))).ids == ["theirs"]


def test_a_document_that_vecs_split_is_a_document_here(store: VecsVectorStore, target: str, schema: str) -> None:
    def lengths(texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]

    transform = vecs.Pipeline([vecs.ParagraphChunker(skip_during_query=True), vecs.Embedding(lengths, dimension=2)])
    with vecs.create_client(target, schema=schema) as client:
        collection = client.create_collection("nodes", transform=transform)
        collection.upsert([("page", "first\n\nsecond", {"k": 1})])
        over = VecsVectorStore.from_collection(collection)
        nodes = over.get_nodes()
        assert [read.get_content() for read in nodes] == ["first", "second"]
        assert {read.ref_doc_id for read in nodes} == {"page"}
        assert nodes[0].relationships[NodeRelationship.SOURCE] == RelatedNodeInfo(node_id="page")
        over.delete("page")
        assert over.get_nodes() == []
