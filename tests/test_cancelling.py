"""Every public method, cancelled at each of its awaits, gives everything back."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from psycopg.conninfo import make_conninfo

import langchain_vecs
import vecs
from llama_index.vector_stores import vecs as llama_index_vecs
from tests.cancelling import HOWS, POOL_SIZE, ROWS, cancelled_everywhere

MANY = [(f"{i}", [1.0, i], {"n": i}) for i in range(700)]
TENANT = {"app.tenant": "a"}


async def each(found: AsyncGenerator[Any]) -> list[Any]:
    return [item async for item in found]


async def borrow(client: vecs.AsyncClient) -> None:
    async with client.connection() as connection:
        await connection.execute("set statement_timeout = '77s'")
        async with connection.transaction():
            await connection.execute("select pg_advisory_lock(1)")


async def remake(client: vecs.AsyncClient) -> None:
    await client.delete_collection("other")
    await client.create_collection("other", 2)
    await client.delete_collection("another")
    await client.rename_collection("other", "another")


Call = Callable[[vecs.AsyncClient, vecs.AsyncCollection], Awaitable[Any]]

QUICK: dict[str, Call] = {
    "AsyncClient.collection_names": lambda client, _: client.collection_names(),
    "AsyncClient.connection": lambda client, _: borrow(client),
    "AsyncClient.get_collection": lambda client, _: client.get_collection("docs"),
    "AsyncCollection.search": lambda _, docs: docs.search([1, 2], exact=True),
    "AsyncCollection.search_many": lambda _, docs: docs.search_many([[1, 2], [2, 1]] * 12, exact=True),
    "AsyncCollection.upsert": lambda _, docs: docs.upsert(ROWS),
    "AsyncCollection.delete": lambda _, docs: docs.delete(["1", "2"]),
}
FULL: dict[str, Call] = {
    "AsyncClient.attach": lambda client, _: client.attach((client.schema, "docs"), id="id", vec="vec", text="text"),
    "AsyncClient.close": lambda client, _: client.close(),
    "AsyncClient.connect": lambda client, _: reconnect(client, client.close),
    "AsyncClient.connection of a view": lambda client, _: borrow(client.with_settings(TENANT)),
    "AsyncClient.create_collection, delete_collection, rename_collection": lambda client, _: remake(client),
    "AsyncClient.get_or_create_collection": lambda client, _: client.get_or_create_collection("docs", dimension=2),
    "AsyncClient.disconnect": lambda client, _: reconnect(client, client.disconnect),
    "AsyncClient.info": lambda client, _: client.info(),
    "AsyncClient.list_collections": lambda client, _: client.list_collections(),
    # The second calls the first for each.
    "AsyncClient.copy_collection, copy_collections": lambda client, _: client.copy_collection(
        "docs", new_name="copied", replace=True
    ),
    "AsyncCollection.atlas": lambda _, docs: draw(docs),
    "AsyncCollection.count": lambda _, docs: docs.count(),
    "AsyncCollection.create_index": lambda _, docs: docs.create_index(replace=True),
    "AsyncCollection.create_metadata_index": lambda _, docs: docs.create_metadata_index("n", "number"),
    "AsyncCollection.drop_index": lambda _, docs: build_and_drop(docs),
    "AsyncCollection.enable_text": lambda client, _: enable_text(client),
    "AsyncCollection.explain": lambda _, docs: docs.explain([1, 2]),
    "AsyncCollection.facets, stats": lambda _, docs: summarise(docs),
    "AsyncCollection.fetch": lambda _, docs: docs.fetch(["1", "2"]),
    "AsyncCollection.get": lambda _, docs: docs.get(["1", "2"]),
    "AsyncCollection.index": lambda _, docs: docs.index(progress=lambda _: None),
    "AsyncCollection.indexes": lambda _, docs: docs.indexes(),
    "AsyncCollection.info": lambda _, docs: docs.info(),
    "AsyncCollection.is_indexed_for_measure": lambda _, docs: docs.is_indexed_for_measure("cosine_distance"),
    "AsyncCollection.query": lambda _, docs: docs.query([1, 2]),
    "AsyncCollection.recall": lambda _, docs: docs.recall(sample=10),
    "AsyncCollection.plot": lambda _, docs: docs.plot(projection="pca"),
    "AsyncCollection.reembed, cancel_reembed": lambda client, _: reembed(client),
    "AsyncCollection.replace_all": lambda _, docs: docs.replace_all(MANY, skip_unchanged=True),
    "AsyncCollection.rename": lambda client, _: rename(client),
    "AsyncCollection.scan": lambda _, docs: each(docs.scan(page_size=10)),
    "AsyncCollection.search by index": lambda _, docs: docs.search([1, 2], ef_search=77),
    "AsyncCollection.search with highlights": lambda client, _: highlight(client),
    "AsyncCollection.search of a view": lambda _, docs: docs.with_settings(TENANT).search([1, 2], ef_search=77),
    "AsyncCollection.search_many of a view": lambda _, docs: docs.with_settings(TENANT).search_many([[1, 2]] * 24),
    "AsyncCollection.to_arrow": lambda _, docs: docs.to_arrow(),
    "AsyncCollection.to_pandas": lambda _, docs: docs.to_pandas(),
    "AsyncCollection.truncate": lambda _, docs: docs.truncate(),
    "AsyncCollection.tune": lambda _, docs: tune(docs),
    "AsyncCollection.update_metadata": lambda _, docs: docs.update_metadata({"m": 1}, filters={"n": {"$lt": 9}}),
    "AsyncCollection.upsert by COPY": lambda _, docs: docs.upsert(MANY),
    "AsyncCollection.upsert of a view": lambda _, docs: docs.with_settings(TENANT).upsert(ROWS),
}


async def reconnect(client: vecs.AsyncClient, close: Callable[[], Awaitable[None]]) -> None:
    await close()
    await client.connect()


async def highlight(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection("texts", dimension=2, text=True)
    await docs.upsert([vecs.Record("a", [1.0, 2.0], "cats")])
    # A word that no search met before, so that the server is asked.
    (found,) = await docs.search([1, 2], text=f"cat w{time.monotonic_ns()}", highlight=True)
    assert found.highlights == ((0, 4),)


async def draw(docs: vecs.AsyncCollection) -> None:
    async with await docs.atlas(projection="pca") as atlas:
        await asyncio.to_thread(atlas.wait)


async def summarise(docs: vecs.AsyncCollection) -> None:
    await docs.facets("n")
    await docs.stats("n")


async def reembed(client: vecs.AsyncClient) -> None:
    old = vecs.Embedding(_embedded, dimension=2, name="old")
    await client.get_or_create_collection("texts", transform=old)
    docs = await client.get_collection("texts")
    await docs.cancel_reembed()
    await docs.reembed(vecs.Embedding(_embedded, dimension=2, name=f"new {time.monotonic_ns()}"))


def _embedded(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


async def build_and_drop(docs: vecs.AsyncCollection) -> None:
    await docs.drop_index(await docs.create_metadata_index("m", "string"))


async def enable_text(client: vecs.AsyncClient) -> None:
    await client.delete_collection("plain")
    plain = await client.create_collection("plain", 2)
    await plain.enable_text()


async def rename(client: vecs.AsyncClient) -> None:
    old, new = ("docs", "other") if "docs" in await client.collection_names() else ("other", "docs")
    await (await client.get_collection(old)).rename(new)


async def tune(docs: vecs.AsyncCollection) -> None:
    if not await docs.is_indexed_for_measure("cosine_distance"):
        await docs.create_index()
    await docs.tune(sample=5, limit=3)


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    own = make_conninfo(target, application_name=schema)
    async with vecs.create_async_client(own, schema=schema, pool_size=POOL_SIZE, pool_timeout=20) as client:
        yield client


async def _cancelled_everywhere(client: vecs.AsyncClient, target: str, call: Call, how: str) -> None:
    docs = await client.get_or_create_collection("docs", dimension=2)
    await docs.upsert(ROWS)
    await cancelled_everywhere(lambda: call(client, docs), how, client, target)


@pytest.mark.filterwarnings("ignore:Query does not have a covering index")
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", QUICK)
async def test_a_call_that_is_cancelled_at_any_await_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    await _cancelled_everywhere(client, target, QUICK[name], how)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Query does not have a covering index")
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", FULL)
async def test_every_call_that_is_cancelled_at_any_await_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    await _cancelled_everywhere(client, target, FULL[name], how)


@pytest.mark.full
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", ["AsyncClient.connection", "AsyncCollection.search_many", "AsyncCollection.upsert"])
async def test_behind_a_pooler_a_call_that_is_cancelled_gives_everything_back(
    bouncer: str, superuser_target: str, schema: str, name: str, how: str
) -> None:
    own = make_conninfo(bouncer, application_name=schema)
    async with vecs.create_async_client(own, schema=schema, pool_size=POOL_SIZE, pool_timeout=20) as client:
        await _cancelled_everywhere(client, superuser_target, QUICK[name], how)


# --- the stores -----------------------------------------------------------------------------------------------------

StoreCall = Callable[[Any], Awaitable[Any]]
TEXTS, IDS, VECTORS = ["one", "two", "three"], ["1", "2", "3"], [[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]]


def _documents() -> list[Document]:
    return [Document(text, id=id) for text, id in zip(TEXTS, IDS, strict=True)]


def _nodes() -> list[TextNode]:
    return [TextNode(id_=id, text=id, embedding=vector) for id, vector in zip(IDS, VECTORS, strict=True)]


async def _drop(store: Any) -> None:
    await store.adrop()
    await store.aadd_texts(TEXTS, ids=IDS)


async def _clear(store: Any) -> None:
    await store.aclear()
    await store.async_add(_nodes())


async def _drop_keys(manager: Any) -> None:
    await manager.adrop()
    await manager.acreate_schema()
    await manager.aupdate(IDS)


LANGCHAIN: dict[str, StoreCall] = {
    "aadd_documents": lambda store: store.aadd_documents(_documents()),
    "aadd_embeddings": lambda store: store.aadd_embeddings(TEXTS, VECTORS, ids=IDS),
    "aadd_texts": lambda store: store.aadd_texts(TEXTS, ids=IDS),
    "aclose": lambda store: store.aclose(),
    "acount": lambda store: store.acount(),
    "acreate_index": lambda store: store.acreate_index(),
    "adelete": lambda store: store.adelete(["1"]),
    "adrop": _drop,
    "afrom_documents": lambda store: type(store).afrom_documents(
        _documents(), store.embeddings, client=store.own_client, collection="other"
    ),
    "afrom_texts": lambda store: type(store).afrom_texts(
        TEXTS, store.embeddings, ids=IDS, client=store.own_client, collection="other"
    ),
    "aget": lambda store: store.aget(where={"n": 1}),
    "aget_by_ids": lambda store: store.aget_by_ids(IDS),
    "amax_marginal_relevance_search": lambda store: store.amax_marginal_relevance_search("one"),
    "amax_marginal_relevance_search_by_vector": lambda store: store.amax_marginal_relevance_search_by_vector([1, 1]),
    "amax_marginal_relevance_search_with_score": lambda store: store.amax_marginal_relevance_search_with_score("one"),
    "amax_marginal_relevance_search_with_score_by_vector": lambda store: (
        store.amax_marginal_relevance_search_with_score_by_vector([1, 1])
    ),
    "asearch": lambda store: store.asearch("one", "similarity"),
    "asimilarity_search": lambda store: store.asimilarity_search("one"),
    "asimilarity_search of a view": lambda store: store.asimilarity_search("one", settings=TENANT),
    "asimilarity_search_by_vector": lambda store: store.asimilarity_search_by_vector([1, 1]),
    "asimilarity_search_with_relevance_scores": lambda store: store.asimilarity_search_with_relevance_scores("one"),
    "asimilarity_search_with_score": lambda store: store.asimilarity_search_with_score("one"),
    "asimilarity_search_with_score_by_vector": lambda store: store.asimilarity_search_with_score_by_vector([1, 1]),
    "aupdate_document": lambda store: store.aupdate_document("1", Document("four")),
    "aupdate_documents": lambda store: store.aupdate_documents(IDS, _documents()),
    "aupdate_metadata": lambda store: store.aupdate_metadata(IDS, {"n": 2}),
}
RECORD_MANAGER: dict[str, StoreCall] = {
    "aclose": lambda manager: manager.aclose(),
    "acreate_schema": lambda manager: manager.acreate_schema(),
    "adelete_keys": lambda manager: manager.adelete_keys(["1"]),
    "adrop": _drop_keys,
    "aexists": lambda manager: manager.aexists(IDS),
    "aget_time": lambda manager: manager.aget_time(),
    "alist_keys": lambda manager: manager.alist_keys(),
    "aupdate": lambda manager: manager.aupdate(IDS),
}
LLAMA_INDEX: dict[str, StoreCall] = {
    "aclear": _clear,
    "aclose": lambda store: store.aclose(),
    "acreate_index": lambda store: store.acreate_index(),
    "adelete": lambda store: store.adelete("1"),
    "adelete_nodes": lambda store: store.adelete_nodes(["1"]),
    "aget_nodes": lambda store: store.aget_nodes(),
    "aquery": lambda store: store.aquery(VectorStoreQuery(query_embedding=[1, 1], similarity_top_k=2)),
    "aquery of a view": lambda store: store.aquery(VectorStoreQuery(query_embedding=[1, 1]), settings=TENANT),
    "async_add": lambda store: store.async_add(_nodes()),
}


class _Store(langchain_vecs.VecsVectorStore):
    own_client: vecs.AsyncClient


@pytest.mark.full
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", LANGCHAIN)
async def test_a_call_of_langchains_store_that_is_cancelled_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    store = _Store(DeterministicFakeEmbedding(size=2), client=client)
    store.own_client = client
    await store.aadd_texts(TEXTS, ids=IDS)
    await cancelled_everywhere(lambda: LANGCHAIN[name](store), how, client, target)


@pytest.mark.full
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", RECORD_MANAGER)
async def test_a_call_of_a_record_manager_that_is_cancelled_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    manager = langchain_vecs.VecsRecordManager("docs", client=client)
    await manager.acreate_schema()
    await manager.aupdate(IDS)
    await cancelled_everywhere(lambda: RECORD_MANAGER[name](manager), how, client, target)


@pytest.mark.full
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", LLAMA_INDEX)
async def test_a_call_of_llama_indexs_store_that_is_cancelled_gives_everything_back(
    client: vecs.AsyncClient, target: str, name: str, how: str
) -> None:
    store = llama_index_vecs.VecsVectorStore(async_client=client)
    await store.async_add(_nodes())
    await cancelled_everywhere(lambda: LLAMA_INDEX[name](store), how, client, target)


def _tested(names: Any) -> set[str]:
    """Return the methods of names such as "upsert by COPY" and "AsyncClient.close, connect"."""
    return {part.split(".")[-1].split()[0] for name in names for part in name.split(", ")}


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (vecs.AsyncClient, [*QUICK, *FULL]),
        (vecs.AsyncCollection, [*QUICK, *FULL]),
        # Both copy the tables of other libraries, by calls that are here: scan() and upsert().
        (langchain_vecs.VecsVectorStore, [*LANGCHAIN, "afrom_langchain_postgres"]),
        (langchain_vecs.VecsRecordManager, RECORD_MANAGER),
        (llama_index_vecs.VecsVectorStore, [*LLAMA_INDEX, "afrom_pgvector_store"]),
    ],
    ids=["client", "collection", "langchain", "record manager", "llama-index"],
)
def test_every_async_method_is_among_them(cls: type, names: Any) -> None:
    found: set[str] = set()
    for name, method in inspect.getmembers(cls, callable):
        inner = inspect.unwrap(method)
        ours = "vecs" in (getattr(inner, "__module__", None) or "")
        waits = inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
        if ours and waits and not name.startswith("_"):
            found.add(name)
    assert found - _tested(names) == set()
    assert len(found) > 5
