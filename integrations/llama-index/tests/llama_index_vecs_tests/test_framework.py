"""LlamaIndex's own machinery over a store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, Settings, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.indices.vector_store.retrievers import VectorIndexAutoRetriever, VectorIndexRetriever
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.memory import VectorMemory
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import ImageNode, IndexNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    MetadataInfo,
    VectorStoreInfo,
)

from llama_index.vector_stores.vecs import VecsVectorStore

from .conftest import MakeStore
from .models import Words, where

TEXTS = {
    "cat": "A cat sleeps on the stove.",
    "dog": "A dog barks at the postman.",
    "ship": "A ship sails to Valparaiso.",
    "bread": "Bread is baked with flour.",
}


def documents() -> list[Document]:
    return [Document(id_=id, text=text, metadata={"kind": id, "size": len(text)}) for id, text in TEXTS.items()]


def index_over(store: VecsVectorStore, **options: Any) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents(
        documents(),
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=Words(),
        **options,
    )


def retrieved(index: VectorStoreIndex, text: str, top_k: int = 1, **options: Any) -> list[str]:
    nodes = index.as_retriever(similarity_top_k=top_k, **options).retrieve(text)
    return [node.node.ref_doc_id or node.node_id for node in nodes]


@pytest.fixture
def scripts_loop(store: VecsVectorStore) -> Iterator[None]:
    """The event loop of the main thread, which LlamaIndex takes or makes, and does not close."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    store.close()
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("scripts_loop")
@pytest.mark.parametrize("use_async", [False, True])
def test_an_index_finds_documents(store: VecsVectorStore, use_async: bool) -> None:
    index = index_over(store, use_async=use_async)
    assert retrieved(index, "where does the cat sleep") == ["cat"]
    assert retrieved(index, "valparaiso", vector_store_query_mode="text_search") == ["ship"]
    assert retrieved(index, "valparaiso dog", vector_store_query_mode="sparse", top_k=2, sparse_top_k=1) != []
    assert retrieved(index, "a dog", vector_store_query_mode="hybrid", alpha=0.5) == ["dog"]
    assert len(retrieved(index, "a dog or cat", vector_store_query_mode="mmr", top_k=2)) == 2
    assert retrieved(index, "cat", filters=where("kind", "EQ", "bread")) == ["bread"]
    assert retrieved(index, "cat", doc_ids=["ship", "dog"], top_k=4) != ["cat"]
    assert retrieved(index, "cat", vector_store_kwargs={"vecs_filters": {"size": {"$lt": 5}}}) == []
    score = index.as_retriever(similarity_top_k=1).retrieve("cat")[0].score
    assert score == pytest.approx(1, abs=0.01)


async def test_an_index_is_used_inside_a_running_loop(store: VecsVectorStore) -> None:
    index = index_over(store, use_async=True)
    found = await index.as_retriever(similarity_top_k=1).aretrieve("cat")
    assert found[0].node.ref_doc_id == "cat"
    await index.ainsert(Document(id_="late", text="An index, an index", metadata={}))
    assert retrieved(index, "index") == ["late"]
    await index.adelete_ref_doc("late")
    assert "late" not in retrieved(index, "index", top_k=9)
    await store.aclose()


def test_documents_are_deleted_and_refreshed(store: VecsVectorStore) -> None:
    index = index_over(store)
    index.delete_ref_doc("cat", delete_from_docstore=True)
    assert sorted(retrieved(index, "cat", top_k=9)) == ["bread", "dog", "ship"]
    index.update_ref_doc(Document(id_="dog", text="Now about a vacuum", metadata={"kind": "dog"}))
    assert retrieved(index, "vacuum") == ["dog"]
    assert len(store.get_nodes()) == 3
    first = store.get_nodes()[0]
    index.delete_nodes([first.node_id])
    assert len(store.get_nodes()) == 2


def test_an_index_is_opened_from_the_store_alone(store: VecsVectorStore, make_store: MakeStore) -> None:
    index_over(store)
    index = VectorStoreIndex.from_vector_store(make_store(), embed_model=Words())
    assert retrieved(index, "bread") == ["bread"]


def test_an_index_is_persisted_and_loaded(store: VecsVectorStore, tmp_path: Path) -> None:
    index_over(store).storage_context.persist(str(tmp_path))
    context = StorageContext.from_defaults(persist_dir=str(tmp_path), vector_store=store)
    index: Any = load_index_from_storage(context, embed_model=Words())
    assert retrieved(index, "bread") == ["bread"]


def test_a_loaded_index_finds_texts_beside_its_objects(
    store: VecsVectorStore, make_store: MakeStore, tmp_path: Path
) -> None:
    nodes = [TextNode(id_="t0", text="cats sleep"), IndexNode(id_="i0", text="a cat table", index_id="x")]
    context = StorageContext.from_defaults(vector_store=store)
    VectorStoreIndex(nodes, storage_context=context, embed_model=Words()).storage_context.persist(str(tmp_path))
    context = StorageContext.from_defaults(persist_dir=str(tmp_path), vector_store=make_store())
    index: Any = load_index_from_storage(context, embed_model=Words())
    found = index.as_retriever(similarity_top_k=4).retrieve("cats")
    assert sorted(each.node.node_id for each in found) == ["i0", "t0"]


def test_texts_are_found_after_the_last_object_is_gone(store: VecsVectorStore, make_store: MakeStore) -> None:
    index = VectorStoreIndex(
        [
            TextNode(id_="t1", text="a cat"),
            TextNode(id_="t2", text="a dog", metadata={"k": 1}),
            IndexNode(id_="i0", text="a cat table", index_id="x"),
        ],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=Words(),
    )

    def found(**options: Any) -> list[str]:
        return sorted(retrieved(index, "cat dog", top_k=9, **options))

    index.delete_nodes(["i0"])
    assert found() == found(vector_store_query_mode="hybrid") == ["t1", "t2"]
    assert found(filters=where("k", "EQ", 1)) == ["t2"]
    # A node of the caller's choice is no object, and never was.
    chosen = VectorIndexRetriever(index, node_ids=["t2", "i0"], similarity_top_k=9, embed_model=Words())
    assert [each.node.node_id for each in chosen.retrieve("cat")] == ["t2"]
    # An object that a text replaces, here or elsewhere.
    index.insert_nodes([TextNode(id_="i0", text="a ship")])
    assert found() == ["i0", "t1", "t2"]
    store.clear()
    make_store().add([TextNode(id_=id, text="cat", embedding=Words().get_query_embedding("cat")) for id in ("i0", "b")])
    assert found() == ["b", "i0"]
    index.insert_nodes([ImageNode(id_="image", text="a cat", relationships=of_document("d"))])
    index.delete_ref_doc("d", delete_from_docstore=True)
    assert found() == ["b", "i0"]


def of_document(id: str) -> Any:
    return {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=id)}


def test_objects_and_texts_are_both_retrieved(store: VecsVectorStore) -> None:
    table = IndexNode(id_="table", text="cat prices", index_id="t", obj=TextNode(id_="inner", text="cat 5 dog 7"))
    index = VectorStoreIndex(
        nodes=[TextNode(id_="text", text="a cat sleeps")],
        objects=[table],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=Words(),
    )
    assert sorted(retrieved(index, "cat", top_k=5)) == ["inner", "text"]


@pytest.mark.parametrize(
    "strategy",
    [DocstoreStrategy.UPSERTS, DocstoreStrategy.UPSERTS_AND_DELETE, DocstoreStrategy.DUPLICATES_ONLY],
)
def test_a_pipeline_upserts(store: VecsVectorStore, strategy: DocstoreStrategy) -> None:
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0), Words()],
        docstore=SimpleDocumentStore(),
        docstore_strategy=strategy,
        vector_store=store,
    )
    pipeline.run(documents=documents())
    assert len(store.get_nodes()) == 4
    pipeline.run(documents=documents())
    assert len(store.get_nodes()) == 4
    if strategy == DocstoreStrategy.DUPLICATES_ONLY:
        return
    changed = [Document(id_="cat", text="Now a vacuum", metadata={}), *documents()[1:3]]
    pipeline.run(documents=changed)
    texts = {node.ref_doc_id: node.get_content() for node in store.get_nodes()}
    assert texts["cat"] == "Now a vacuum"
    assert ("bread" in texts) is (strategy == DocstoreStrategy.UPSERTS)


async def test_a_pipeline_upserts_async(store: VecsVectorStore) -> None:
    pipeline = IngestionPipeline(
        transformations=[Words()], docstore=SimpleDocumentStore(), vector_store=store,
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
    )  # fmt: skip
    for _ in range(2):
        # Nodes that have no source: only their ids keep them from doubling.
        await pipeline.arun(nodes=[TextNode(id_=id, text=text) for id, text in TEXTS.items()])
        assert len(await store.aget_nodes()) == 4
    await pipeline.arun(nodes=[TextNode(id_="cat", text="changed")])
    assert "changed" in [node.get_content() for node in await store.aget_nodes()]
    await store.aclose()


class Says(CustomLLM):
    """A model that always gives one answer."""

    answer: str

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.answer)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError


INFO = VectorStoreInfo(
    content_info="texts",
    metadata_info=[MetadataInfo(name="kind", type="str", description="what it is about")],
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"query": "cat", "filters": [{"key": "kind", "value": "dog", "operator": "=="}], "top_k": 2}', ["dog"]),
        ('{"query": "cat", "filters": [], "top_k": 1}', ["cat"]),
        ('{"query": "", "filters": [{"key": "size", "value": 26, "operator": "=="}], "top_k": 9}', ["bread", "cat"]),
        ('{"query": "cat", "filters": [{"key": "size", "value": "26", "operator": ">"}], "top_k": 9}', []),
        ('{"query": "cat", "filters": [{"key": "x\' or 1=1 --", "value": "\'; drop", "operator": "=="}]}', []),
    ],
)
def test_an_auto_retriever_filters_as_a_model_says(store: VecsVectorStore, answer: str, expected: list[str]) -> None:
    index = index_over(store)
    retriever = VectorIndexAutoRetriever(index, vector_store_info=INFO, llm=Says(answer=answer), max_top_k=10)
    assert sorted(node.node.ref_doc_id or "" for node in retriever.retrieve("anything")) == expected
    assert len(store.get_nodes()) == 4


def test_a_memory_of_vectors_is_kept(store: VecsVectorStore) -> None:
    from llama_index.core.llms import ChatMessage

    memory = VectorMemory.from_defaults(
        vector_store=store, embed_model=Words(), retriever_kwargs={"similarity_top_k": 1}
    )
    for text in ("My cat is called Mia", "My dog is called Rex"):
        memory.put(ChatMessage.from_str(text, "user"))
    assert [message.content for message in memory.get("what is the cat called")] == ["My cat is called Mia"]
    memory.reset()
    assert store.get_nodes() == []


def test_a_query_engine_answers(store: VecsVectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "_llm", Says(answer="On the stove."))
    answered: Any = index_over(store).as_query_engine(similarity_top_k=1).query("where does the cat sleep")
    assert answered.response == "On the stove."
    assert answered.source_nodes[0].node.ref_doc_id == "cat"


def test_filters_of_an_index_reach_the_store(store: VecsVectorStore) -> None:
    index = index_over(store)
    none_of = MetadataFilters(filters=[MetadataFilter(key="kind", value=["cat", "dog"], operator=FilterOperator.NIN)])
    assert sorted(retrieved(index, "cat", top_k=9, filters=none_of)) == ["bread", "ship"]


async def test_a_memory_block_keeps_sessions_apart(store: VecsVectorStore) -> None:
    from llama_index.core.llms import ChatMessage
    from llama_index.core.memory import VectorMemoryBlock

    block = VectorMemoryBlock(vector_store=store, embed_model=Words(), similarity_top_k=5)
    for session, text in (("one", "My cat is called Mia"), ("two", "My dog is called Rex")):
        await block.aput([ChatMessage(role="user", content=text)], session_id=session)
    said = await block.aget([ChatMessage(role="user", content="what is the cat called")], session_id="one")
    assert "Mia" in said
    assert "Rex" not in said
    await store.aclose()


def test_an_index_deletes_from_a_store_that_holds_many_nodes_of_a_document(store: VecsVectorStore) -> None:
    long = Document(id_="long", text="\n\n".join(f"Sentence number {number} on a cat." for number in range(400)))
    index = VectorStoreIndex.from_documents(
        [long, *documents()],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[SentenceSplitter(chunk_size=32, chunk_overlap=0)],
        embed_model=Words(),
    )
    assert len(store.get_nodes()) > 100
    index.delete_ref_doc("long")
    assert sorted(node.ref_doc_id or "" for node in store.get_nodes()) == sorted(TEXTS)
