"""The store in what LangChain and LangGraph build on stores."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import psycopg
import pytest
from langchain_core.documents import Document
from langchain_core.example_selectors import MaxMarginalRelevanceExampleSelector, SemanticSimilarityExampleSelector
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.stores import InMemoryStore

import vecs
from langchain_vecs import VecsRetriever, VecsVectorStore
from vecs.exc import ArgError

from .conftest import MakeStore
from .models import Table, at_angle

VECTORS = {"near": at_angle(10), "nearer": at_angle(9), "far": at_angle(-80), "query": at_angle(0)}


@pytest.fixture
def plane(make_store: MakeStore) -> VecsVectorStore:
    """Two documents near the query and near each other, and one that is far from both."""
    store = make_store(Table(VECTORS, 2))
    names = ["near", "nearer", "far"]
    store.add_texts(names, [{"name": name} for name in names], ids=names)
    return store


@pytest.fixture
def tenants(make_store: MakeStore) -> VecsVectorStore:
    """Ten documents of each of eight tenants."""
    store = make_store(Table())
    names = [f"{tenant}-{number}" for tenant in "abcdefgh" for number in range(10)]
    store.add_texts(names, [{"tenant": name[0]} for name in names], ids=names)
    return store


def ids(found: list[Document]) -> list[str | None]:
    return [document.id for document in found]


# --- retrievers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search_type", "search_kwargs", "found"),
    [
        ("similarity", {"k": 2}, ["nearer", "near"]),
        ("vector", {"k": 2}, ["nearer", "near"]),
        ("mmr", {"k": 2, "lambda_mult": 0.3}, ["nearer", "far"]),
        ("similarity_score_threshold", {"score_threshold": 0.9}, ["nearer", "near"]),
        ("keyword", {"text": "far"}, ["far"]),
        ("hybrid", {"k": 1, "text": "far", "weights": (0.01, 1)}, ["far"]),
    ],
)
async def test_a_retriever_searches_as_it_is_told(
    plane: VecsVectorStore, search_type: str, search_kwargs: dict[str, Any], found: list[str]
) -> None:
    retriever = plane.as_retriever(search_type=search_type, search_kwargs=search_kwargs)
    assert isinstance(retriever, VecsRetriever)
    assert ids(retriever.invoke("query")) == found
    assert ids(await retriever.ainvoke("query")) == found


def test_an_unknown_search_type_is_refused(plane: VecsVectorStore) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        plane.as_retriever(search_type="nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        plane.search("query", "nonsense")
    with pytest.raises(ValueError, match="score_threshold"):
        plane.as_retriever(search_type="similarity_score_threshold")


def test_an_unknown_argument_of_a_search_is_refused_by_name(plane: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="'filtre'.*'filter'"):
        plane.as_retriever(search_kwargs={"filtre": {}}).invoke("query")


def test_tags_name_the_store_and_its_embeddings(plane: VecsVectorStore) -> None:
    assert plane.as_retriever().tags == ["VecsVectorStore", "Table"]
    assert plane.as_retriever(tags=["mine"]).tags == ["mine"]


def test_arguments_of_a_call_win_over_the_retrievers(tenants: VecsVectorStore) -> None:
    retriever = tenants.as_retriever(search_kwargs={"k": 3, "filter": {"tenant": "a"}})
    assert len(retriever.invoke("query")) == 3
    found = retriever.invoke("query", k=5, filter={"tenant": "b"})
    assert {document.metadata["tenant"] for document in found} == {"b"}
    assert len(found) == 5
    assert retriever.search_kwargs == {"k": 3, "filter": {"tenant": "a"}}


async def test_filters_of_concurrent_calls_do_not_leak(tenants: VecsVectorStore) -> None:
    retriever = tenants.as_retriever(search_type="hybrid", search_kwargs={"k": 10})
    asked = [tenant for tenant in "abcdefgh" for _ in range(10)]
    calls = [retriever.ainvoke(f"{tenant}-1", filter={"tenant": tenant}) for tenant in asked]
    for tenant, found in zip(asked, await asyncio.gather(*calls), strict=True):
        assert [document.metadata["tenant"] for document in found] == [tenant] * 10


async def test_namespaces_of_concurrent_calls_do_not_leak(store: VecsVectorStore) -> None:
    for tenant in "abcd":
        store.add_texts([f"{tenant}{number}" for number in range(5)], namespace=tenant)
    asked = list("abcd" * 10)
    calls = [store.asimilarity_search("query", namespace=tenant) for tenant in asked]
    for tenant, found in zip(asked, await asyncio.gather(*calls), strict=True):
        assert {document.page_content[0] for document in found} == {tenant}


async def test_a_retriever_runs_in_batches_and_beside_others(tenants: VecsVectorStore) -> None:
    retriever = tenants.as_retriever(search_kwargs={"k": 1})
    asked = [f"{tenant}-{number}" for tenant in "abcdefgh" for number in range(10)]
    assert [found[0].id for found in retriever.batch(asked)] == asked
    assert [found[0].id for found in await retriever.abatch(asked, config={"max_concurrency": 5})] == asked
    both = RunnableParallel(
        found=retriever, words=tenants.as_retriever(search_type="keyword"), query=RunnablePassthrough()
    )
    for answer in (both.invoke("b-2"), await both.ainvoke("b-2")):
        assert answer["found"][0].id == "b-2"
        assert answer["query"] == "b-2"


async def test_a_retriever_keeps_the_configuration_it_runs_with(plane: VecsVectorStore) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    heard: list[list[str]] = []

    class Listener(BaseCallbackHandler):
        def on_retriever_start(self, serialized: Any, query: str, *, tags: Any = None, **kwargs: Any) -> None:
            heard.append(tags)

    retriever = plane.as_retriever().with_config(tags=["mine"], callbacks=[Listener()])
    retriever.invoke("query")
    await retriever.ainvoke("query")
    assert [sorted(tags) for tags in heard] == [["Table", "VecsVectorStore", "mine"]] * 2


async def test_a_chain_streams_what_a_retriever_found(plane: VecsVectorStore) -> None:
    chain = plane.as_retriever(search_kwargs={"k": 2}) | RunnableLambda(ids)
    assert list(chain.stream("query")) == [["nearer", "near"]]
    assert [part async for part in chain.astream("query")] == [["nearer", "near"]]


# --- example selectors ---------------------------------------------------------------------------------------

EXAMPLES = [{"input": name, "output": f"the output of {name}"} for name in ("near", "nearer", "far")]


@pytest.mark.parametrize("world", ["sync", "async"])
async def test_examples_are_selected_by_similarity(target: str, schema: str, world: str) -> None:
    kwargs: dict[str, Any] = {"k": 1, "input_keys": ["input"], "url": target, "schema": schema}
    table = Table(VECTORS, 2)
    if world == "sync":
        selector = SemanticSimilarityExampleSelector.from_examples(EXAMPLES, table, VecsVectorStore, **kwargs)
        assert selector.select_examples({"input": "query"}) == [EXAMPLES[1]]
        selector.add_example({"input": "query", "output": "itself"})
    else:
        selector = await SemanticSimilarityExampleSelector.afrom_examples(EXAMPLES, table, VecsVectorStore, **kwargs)
        assert await selector.aselect_examples({"input": "query"}) == [EXAMPLES[1]]
        await selector.aadd_example({"input": "query", "output": "itself"})
    assert selector.select_examples({"input": "query"}) == [{"input": "query", "output": "itself"}]
    selector.vectorstore.close()


@pytest.mark.parametrize("world", ["sync", "async"])
async def test_examples_are_selected_by_diversity(target: str, schema: str, world: str) -> None:
    kwargs: dict[str, Any] = {"k": 2, "fetch_k": 3, "input_keys": ["input"], "url": target, "schema": schema}
    table = Table({**VECTORS, "near": at_angle(40), "nearer": at_angle(39), "far": at_angle(-45)}, 2)
    selector_class = MaxMarginalRelevanceExampleSelector
    if world == "sync":
        selector = selector_class.from_examples(EXAMPLES, table, VecsVectorStore, **kwargs)
        selected = selector.select_examples({"input": "query"})
    else:
        selector = await selector_class.afrom_examples(EXAMPLES, table, VecsVectorStore, **kwargs)
        selected = await selector.aselect_examples({"input": "query"})
    assert selected == [EXAMPLES[1], EXAMPLES[2]]
    selector.vectorstore.close()


def test_examples_need_no_server(tmp_path: Path) -> None:
    selector = SemanticSimilarityExampleSelector.from_examples(
        EXAMPLES, Table(VECTORS, 2), VecsVectorStore, k=1, path=tmp_path / "kb"
    )
    assert len(selector.select_examples({"input": "query"})) == 1
    selector.vectorstore.close()


# --- langchain_classic's retrievers --------------------------------------------------------------------------


@pytest.mark.parametrize("search_type", ["similarity", "mmr", "similarity_score_threshold"])
async def test_parents_of_the_chunks_that_are_found(store: VecsVectorStore, search_type: str) -> None:
    from langchain_classic.retrievers import ParentDocumentRetriever
    from langchain_classic.retrievers.multi_vector import SearchType
    from langchain_text_splitters import CharacterTextSplitter

    retriever = ParentDocumentRetriever(
        vectorstore=store,
        docstore=InMemoryStore(),
        child_splitter=CharacterTextSplitter(separator=" ", chunk_size=6, chunk_overlap=0),
        search_type=SearchType(search_type),
        search_kwargs={"score_threshold": 0.9} if search_type == "similarity_score_threshold" else {"k": 1},
    )
    parents = [Document(page_content="apples pears"), Document(page_content="bread butter")]
    retriever.add_documents(parents[:1], ids=["fruit"])
    await retriever.aadd_documents(parents[1:], ids=["food"])
    assert store.count() == 4
    assert [document.page_content for document in retriever.invoke("butter")] == ["bread butter"]
    assert [document.page_content for document in await retriever.ainvoke("pears")] == ["apples pears"]


async def test_documents_found_by_their_summaries(store: VecsVectorStore) -> None:
    from langchain_classic.retrievers import MultiVectorRetriever

    documents: InMemoryStore = InMemoryStore()
    retriever = MultiVectorRetriever(vectorstore=store, docstore=documents, search_kwargs={"k": 1})
    store.add_texts(["summary one", "summary two"], [{"doc_id": "1"}, {"doc_id": "2"}])
    documents.mset([("1", Document(page_content="the first")), ("2", Document(page_content="the second"))])
    assert [document.page_content for document in retriever.invoke("summary two")] == ["the second"]
    assert [document.page_content for document in await retriever.ainvoke("summary one")] == ["the first"]


async def test_documents_weighed_by_their_age(store: VecsVectorStore) -> None:
    from langchain_classic.retrievers import TimeWeightedVectorStoreRetriever

    retriever = TimeWeightedVectorStoreRetriever(vectorstore=store, decay_rate=0.5, k=1)
    now = datetime.now()
    old = Document(page_content="old", metadata={"last_accessed_at": now - timedelta(days=9)})
    retriever.add_documents([old])
    await retriever.aadd_documents([Document(page_content="young")], current_time=now)
    stored = {document.page_content: document.metadata for document in store.similarity_search("old", k=2)}
    assert stored["old"]["last_accessed_at"] == now - timedelta(days=9)
    assert isinstance(stored["young"]["created_at"], datetime)
    assert [document.page_content for document in retriever.invoke("young")] == ["young"]
    assert [document.page_content for document in await retriever.ainvoke("young")] == ["young"]


async def test_an_ensemble_fuses_two_ways_of_searching(plane: VecsVectorStore) -> None:
    from langchain_classic.retrievers import EnsembleRetriever

    both = EnsembleRetriever(
        retrievers=[
            plane.as_retriever(search_kwargs={"k": 2}),
            plane.as_retriever(search_type="keyword", search_kwargs={"text": "far"}),
        ],
        weights=[0.5, 0.5],
    )
    assert sorted(document.page_content for document in both.invoke("query")) == ["far", "near", "nearer"]
    assert sorted(document.page_content for document in await both.ainvoke("query")) == ["far", "near", "nearer"]


async def test_what_was_found_is_compressed(plane: VecsVectorStore) -> None:
    from langchain_classic.retrievers import ContextualCompressionRetriever
    from langchain_core.documents import BaseDocumentCompressor

    class Shortest(BaseDocumentCompressor):
        def compress_documents(self, documents: Any, query: str, callbacks: Any = None) -> list[Document]:
            return sorted(documents, key=lambda document: len(document.page_content))[:1]

    retriever = ContextualCompressionRetriever(base_compressor=Shortest(), base_retriever=plane.as_retriever())
    assert ids(retriever.invoke("query")) == ids(await retriever.ainvoke("query")) == ["far"]


# --- LangGraph -----------------------------------------------------------------------------------------------


class State(TypedDict, total=False):
    question: str
    found: list[str]


def _graph(store: VecsVectorStore, checkpointer: Any) -> Any:
    from langgraph.graph import END, START, StateGraph

    retriever = store.as_retriever(search_type="hybrid", search_kwargs={"k": 1})

    def retrieve(state: State) -> State:
        return {"found": [*state.get("found", []), retriever.invoke(state["question"])[0].page_content]}

    async def aretrieve(state: State) -> State:
        found = await retriever.ainvoke(state["question"])
        return {"found": [*state.get("found", []), found[0].page_content]}

    graph = StateGraph(State)
    graph.add_node("retrieve", RunnableLambda(retrieve, aretrieve))
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", END)
    return graph.compile(checkpointer=checkpointer)


@pytest.fixture
def checkpoints(target: str) -> Any:
    """A connection string for checkpoints in the store's database, whose tables are dropped afterwards."""
    yield target
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(
            "drop table if exists checkpoints, checkpoint_blobs, checkpoint_writes, checkpoint_migrations"
        )


def test_a_graph_that_retrieves_is_checkpointed_in_the_same_database(plane: VecsVectorStore, checkpoints: str) -> None:
    from langgraph.checkpoint.postgres import PostgresSaver

    with PostgresSaver.from_conn_string(checkpoints) as saver:
        saver.setup()
        graph = _graph(plane, saver)
        config: Any = {"configurable": {"thread_id": "1"}}
        graph.invoke({"question": "near"}, config)
        assert graph.invoke({"question": "far"}, config)["found"] == ["near", "far"]
        assert graph.get_state(config).values["found"] == ["near", "far"]
    assert plane.client.collection_names() == ["docs"]


async def test_a_graph_in_a_loop_is_checkpointed_in_the_same_database(plane: VecsVectorStore, checkpoints: str) -> None:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    async with AsyncPostgresSaver.from_conn_string(checkpoints) as saver:
        await saver.setup()
        graph = _graph(plane, saver)

        async def ask(thread: int) -> list[str]:
            config: Any = {"configurable": {"thread_id": str(thread)}}
            await graph.ainvoke({"question": "near"}, config)
            return (await graph.ainvoke({"question": "far"}, config))["found"]

        assert await asyncio.gather(*(ask(number) for number in range(8))) == [["near", "far"]] * 8


# --- how a store is made -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"collection_name": "docs"}, "'collection_name'.*'collection'"),
        ({"connection": "postgresql://localhost/db"}, "'connection'.*'url'"),
        ({"pool_sise": 3}, "'pool_sise'.*'pool_size'"),
        ({"nonsense": 3}, "'nonsense'"),
        ({"distance": "cosine"}, "'distance'"),
        ({"measure": "cosin"}, "cosin"),
        ({"search_mode": "sparse"}, "search_mode.*'sparse'"),
        ({"on_nul": "ignore"}, "on_nul.*'ignore'"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": "4"}, "dimension"),
        ({"batch_size": 0}, "batch_size"),
        ({"namespace": ""}, "namespace"),
        ({"pool_size": 0}, "pool_size"),
        ({"url": "postgresql://localhost/db", "path": "folder"}, "url and path"),
        ({"embeddings": Table()}, "embedding and embeddings"),
        ({"collection": 3}, "collection"),
        ({"client": "postgresql://localhost/db"}, "client"),
    ],
)
def test_a_wrong_argument_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgError, match=said):
        VecsVectorStore(Table(), **given)


@pytest.mark.parametrize(("name", "said"), [("", "0 bytes"), ("a" * 64, "63")])
def test_a_name_that_postgres_cannot_hold_is_refused(make_store: MakeStore, name: str, said: str) -> None:
    with pytest.raises(ArgError, match=said):
        make_store(Table(), name).similarity_search("one")


def test_an_embedding_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ArgError, match="embedding must be .* not function"):
        VecsVectorStore(lambda text: [1.0])


def test_an_embedding_that_only_looks_like_one_is_refused_before_its_first_async_call() -> None:
    class Half:
        embed_documents = embed_query = aembed_documents = len

    with pytest.raises(ArgError, match=r"Half.* no aembed_query\(\)"):
        VecsVectorStore(Half())


def test_a_client_and_another_place_are_refused(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client, vecs.create_client(target) as other:
        collection = client.get_or_create_collection("docs", dimension=2, text=True)
        for given, said in (
            ({"client": client, "url": target}, "url and client"),
            ({"client": client, "path": "folder"}, "path and client"),
            ({"client": client, "schema": "other"}, "schema"),
            ({"client": client, "pool_size": 3}, "pool_size"),
            ({"collection": collection, "client": other}, "another client"),
            ({"collection": collection, "url": target}, "url and collection"),
        ):
            options: dict[str, Any] = given
            with pytest.raises(ArgError, match=said):
                VecsVectorStore(Table(), **options)


@pytest.mark.parametrize("kind", ["client", "async client", "collection", "async collection"])
def test_a_store_stands_on_what_it_is_given_in_both_worlds(target: str, schema: str, kind: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        made = client.get_or_create_collection("docs", dimension=4, text=True)

        async def async_collection() -> vecs.AsyncCollection:
            async with vecs.create_async_client(target, schema=schema) as opened:
                return await opened.get_collection("docs")

        given: dict[str, Any] = {
            "client": lambda: {"collection": "docs", "client": client},
            "async client": lambda: {"collection": "docs", "client": vecs.create_async_client(target, schema=schema)},
            "collection": lambda: {"collection": made},
            "async collection": lambda: {"collection": asyncio.run(async_collection())},
        }[kind]()
        with VecsVectorStore(Table(), **given) as store:
            store.add_texts(["one"], ids=["1"])
            assert ids(asyncio.run(store.asimilarity_search("one"))) == ["1"]
            asyncio.run(store.aadd_texts(["two"], ids=["2"]))
            assert ids(store.similarity_search("two", k=1)) == ["2"]
        assert made.count() == 2


def test_a_collection_with_a_transform_of_its_own_needs_no_embedding(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        transform = vecs.Embedding(Table().embed_documents, 4)
        collection = client.get_or_create_collection("docs", transform=transform)
        store = VecsVectorStore(collection=collection)
        store.add_texts(["one", "two"], ids=["1", "2"])
        assert store.similarity_search("two", k=1)[0].page_content == "two"
        assert asyncio.run(store.asimilarity_search("one", k=1))[0].page_content == "one"
        assert store.delete(["1"]) is True
        assert store.count() == 1
