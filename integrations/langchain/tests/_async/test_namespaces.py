"""Namespaces: tenants of one collection, of whom none sees or changes what is another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.structured_query import Comparator, Comparison, Operation, Operator

import vecs
from langchain_vecs import VecsVectorStore
from langchain_vecs.namespaces import SEPARATOR
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import Table, random_vector

MINE = [Document("my text", id="1", metadata={"n": 1}), Document("my other text", id="2", metadata={"n": 2})]
THEIRS = [Document("their text", id="1", metadata={"n": 1}), Document("their other text", id="3", metadata={"n": 3})]


@pytest.fixture
async def both(make_store: MakeStore) -> VecsVectorStore:
    """A store without a namespace, over two that have documents."""
    store = make_store(Table())
    await store.aadd_documents(MINE, namespace="mine")
    await store.aadd_documents(THEIRS, namespace="theirs")
    return store


def by_id(documents: list[Document]) -> list[Document]:
    return sorted(documents, key=lambda document: str(document.id))


async def read(store: VecsVectorStore, **options: Any) -> list[list[Document]]:
    """What each method that reads has, in the order of the ids."""
    vector = random_vector("my text", 4)
    ids = ["1", "2", "3"]
    got = await store.aget(**options)
    picked = await store.aget(ids, **options)
    return [
        by_id(documents)
        for documents in (
            await store.asimilarity_search("text", **options),
            await store.asimilarity_search("text", mode="keyword", **options),
            await store.asimilarity_search("text", mode="hybrid", **options),
            await store.asimilarity_search_by_vector(vector, **options),
            await store.amax_marginal_relevance_search("text", **options),
            await store.amax_marginal_relevance_search_by_vector(vector, **options),
            [document for document, _ in await store.asimilarity_search_with_score("text", **options)],
            [document for document, _ in await store.asimilarity_search_with_relevance_scores("text", **options)],
            [document for document, _ in await store.asimilarity_search_with_score_by_vector(vector, **options)],
            [document for document, _ in await store.amax_marginal_relevance_search_with_score("text", **options)],
            await store.as_retriever(search_kwargs=options).ainvoke("text"),
            await store.as_retriever(search_type="mmr").ainvoke("text", **options),
            await store.aget_by_ids(ids, **options),
            [Document(d, id=i, metadata=m) for i, d, m in zip(*list(got.values())[:3], strict=True)],
            [Document(d, id=i, metadata=m) for i, d, m in zip(*list(picked.values())[:3], strict=True)],
        )
    ]


async def test_every_method_reads_the_calls_namespace_only(both: VecsVectorStore) -> None:
    for documents in await read(both, namespace="mine"):
        assert documents == MINE
    for documents in await read(both, namespace="theirs"):
        assert documents == THEIRS
    for documents in await read(both, namespace="nobody's"):
        assert documents == []


async def test_every_method_reads_the_stores_namespace_only(both: VecsVectorStore, make_store: MakeStore) -> None:
    store = make_store(Table(), namespace="mine")
    assert store.namespace == "mine"
    for documents in await read(store):
        assert documents == MINE


async def test_a_calls_namespace_wins_over_the_stores(both: VecsVectorStore, make_store: MakeStore) -> None:
    store = make_store(Table(), namespace="mine")
    for documents in await read(store, namespace="theirs"):
        assert documents == THEIRS


async def test_counts_are_of_a_namespace(both: VecsVectorStore) -> None:
    assert await both.acount() == 4
    assert await both.acount(namespace="mine") == 2
    assert await both.acount({"n": {"$gt": 1}}, namespace="mine") == 1


BREAKOUTS: list[Any] = [
    {"_namespace": "theirs"},
    {"_namespace": {"$ne": "mine"}},
    {"_namespace": {"$exists": True}},
    {"_namespace": {"$in": ["mine", "theirs"]}},
    {"$or": [{"_namespace": "theirs"}, {"n": {"$gt": 0}}]},
    {"$or": [{"n": 1}, {"$not": {"_namespace": "mine"}}]},
    {"$not": {"_namespace": "mine"}},
    {"$not": {"$and": [{"_namespace": "mine"}]}},
    {"$not": {"n": {"$exists": False}}},
    {"$id": {"$like": "theirs%"}},
    {"$id": f"theirs{SEPARATOR}1"},
    {"$not": {"$id": f"mine{SEPARATOR}1"}},
    {"$text": {"$contains": "their"}},
    {"tags": {"$not_contains": "mine"}},
    Comparison(comparator=Comparator.EQ, attribute="_namespace", value="theirs"),
    Operation(
        operator=Operator.NOT,
        arguments=[Comparison(comparator=Comparator.EQ, attribute="_namespace", value="mine")],
    ),
    Operation(
        operator=Operator.OR,
        arguments=[
            Comparison(comparator=Comparator.EQ, attribute="_namespace", value="theirs"),
            Comparison(comparator=Comparator.GT, attribute="n", value=0),
        ],
    ),
]


@pytest.mark.parametrize("filter", BREAKOUTS, ids=lambda value: str(value)[:60])
async def test_no_filter_reaches_into_another_namespace(both: VecsVectorStore, filter: Any) -> None:
    for mode in ("vector", "keyword", "hybrid"):
        for document in await both.asimilarity_search("text", mode=mode, filter=filter, namespace="mine"):
            assert document in MINE
    for document in await both.amax_marginal_relevance_search("text", filter=filter, namespace="mine"):
        assert document in MINE
    assert set((await both.aget(where=filter, namespace="mine"))["documents"]) <= {d.page_content for d in MINE}
    assert (await both.aget(["3"], where=filter, namespace="mine"))["ids"] == []
    assert await both.acount(filter, namespace="mine") <= 2
    await both.aupdate_metadata(filter=filter, metadata={"n": 9}, namespace="mine")
    await both.adelete(filter=filter, namespace="mine")
    await both.adelete(["1", "3"], filter=filter, namespace="mine")
    assert await both.aget_by_ids(["1", "3"], namespace="theirs") == THEIRS


@pytest.mark.parametrize("id", [f"theirs{SEPARATOR}3", f"{SEPARATOR}theirs{SEPARATOR}3", "3", 3, "../theirs/3"])
async def test_no_id_reaches_into_another_namespace(both: VecsVectorStore, id: Any) -> None:
    assert await both.aget_by_ids([id], namespace="mine") == []
    assert (await both.aget([id], namespace="mine"))["ids"] == []
    assert await both.aupdate_metadata([id], {"n": 9}, namespace="mine") == []
    await both.adelete([id], namespace="mine")
    await both.aadd_texts(["a"], ids=[id], namespace="mine")
    await both.aupdate_document(id, Document("b"), namespace="mine")
    assert [document.id for document in await both.aget_by_ids([id], namespace="mine")] == [str(id)]
    assert await both.aget_by_ids(["1", "3"], namespace="theirs") == THEIRS


async def test_the_same_id_in_two_namespaces_is_two_documents(both: VecsVectorStore) -> None:
    await both.aadd_texts(["new"], ids=["1"], namespace="mine")
    assert await both.aget_by_ids(["1"], namespace="theirs") == THEIRS[:1]
    await both.adelete(["1"], namespace="mine")
    assert await both.aget_by_ids(["1"], namespace="mine") == []
    assert await both.aget_by_ids(["1"], namespace="theirs") == THEIRS[:1]


async def test_the_same_id_in_two_collections_is_two_documents(make_store: MakeStore) -> None:
    one, two = make_store(Table(), "one"), make_store(Table(), "two")
    await one.aadd_texts(["in one"], ids=["1"])
    await two.aadd_texts(["in two"], ids=["1"])
    await one.adelete(["1"])
    assert await two.aget_by_ids(["1"]) == [Document("in two", id="1")]
    await one.adrop()
    assert await two.acount() == 1


async def test_namespaces_whose_names_begin_alike_are_apart(make_store: MakeStore) -> None:
    store = make_store(Table())
    await store.aadd_texts(["a"], ids=["1"], namespace="team")
    await store.aadd_texts(["b"], ids=["1"], namespace="team 1")
    await store.aadd_texts(["c"], ids=["1"], namespace="Team")
    assert await store.aget_by_ids(["1"], namespace="team") == [Document("a", id="1")]
    assert await store.asimilarity_search("a", namespace="team 1") == [Document("b", id="1")]


async def test_deleting_everything_in_a_namespace_leaves_the_others(both: VecsVectorStore) -> None:
    await both.adelete(delete_all=True, namespace="mine")
    assert await both.acount(namespace="mine") == 0
    assert await both.aget_by_ids(["1", "3"], namespace="theirs") == THEIRS


async def test_dropping_a_namespace_leaves_the_others(both: VecsVectorStore, make_store: MakeStore) -> None:
    await make_store(Table(), namespace="mine").adrop()
    assert await both.acount() == 2
    assert await both.aget_by_ids(["1", "3"], namespace="theirs") == THEIRS


async def test_metadata_is_updated_in_a_namespace_only(both: VecsVectorStore) -> None:
    await both.aupdate_metadata(filter={"n": 1}, metadata={"seen": True}, namespace="mine")
    assert await both.aget_by_ids(["1"], namespace="mine") == [
        Document("my text", id="1", metadata={"n": 1, "seen": True})
    ]
    assert await both.aget_by_ids(["1"], namespace="theirs") == THEIRS[:1]


async def test_a_document_stays_in_its_namespace_when_its_metadata_is_replaced(both: VecsVectorStore) -> None:
    assert await both.aupdate_metadata(["1"], {"new": 1}, replace=True, namespace="mine") == ["1"]
    found = await both.asimilarity_search("my text", k=1, filter={"new": 1}, namespace="mine")
    assert found == [Document("my text", id="1", metadata={"new": 1})]


async def test_the_key_of_the_namespace_is_not_for_documents(make_store: MakeStore) -> None:
    store = make_store(Table(), namespace="mine")
    for key in ("_namespace", "_namespace\x00", "_name\ud800space"):
        with pytest.raises(ArgError, match="holds the namespace"):
            await store.aadd_texts(["a"], [{key: "theirs"}])
        with pytest.raises(ArgError, match="holds the namespace"):
            await store.aupdate_metadata(filter={"n": 1}, metadata={key: "theirs"})
    assert await store.acount() == 0


async def test_documents_of_a_store_without_namespace_may_use_the_key(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a"], [{"_namespace": 5}], ids=["1"])
    assert await store.aget_by_ids(["1"]) == [Document("a", id="1", metadata={"_namespace": 5})]


async def test_a_store_without_namespace_reads_what_is_in_one_and_does_not_overwrite_it(both: VecsVectorStore) -> None:
    documents = [document for document in await both.asimilarity_search("text") if "my" in document.page_content]
    assert {document.page_content for document in documents} == {document.page_content for document in MINE}
    with pytest.raises(ArgError, match=r"it is '1' in the namespace 'mine'; give namespace= to reach it"):
        await both.aadd_documents(documents)
    for documents in await read(both, namespace="mine"):
        assert documents == MINE


@pytest.mark.parametrize("namespace", ["", f"a{SEPARATOR}b", 5, b"a", ["a"], True])
async def test_what_is_no_namespace_is_refused_by_every_method(store: VecsVectorStore, namespace: Any) -> None:
    vector = [1, 0, 0, 0]
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aadd_texts(["a"], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aadd_documents([Document("a")], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aadd_embeddings(["a"], [vector], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aupdate_documents(["1"], [Document("a")], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aupdate_metadata(["1"], {"x": 1}, namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.adelete(["1"], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.adelete(delete_all=True, namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aget_by_ids(["1"], namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.aget(namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.acount(namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.asimilarity_search("a", namespace=namespace)
    with pytest.raises(ArgError, match="a namespace is"):
        await store.amax_marginal_relevance_search_by_vector(vector, namespace=namespace)


@pytest.mark.parametrize("namespace", ["ü 😀", "it's", "%", "a/b", "_", "x" * 300])
async def test_a_namespace_may_be_any_text(make_store: MakeStore, namespace: str) -> None:
    store = make_store(Table(), namespace=namespace)
    await store.aadd_documents(MINE)
    for documents in await read(store):
        assert documents == MINE


# --- collections that have a transform of their own ---------------------------------------------------------


def embed(texts: list[str]) -> list[list[float]]:
    return [random_vector(text, 4) for text in texts]


LONG = "The cat sleeps.\n\nThe dog barks.\n\nThe fish swims."


async def embedding_itself(client: vecs.AsyncClient) -> Any:
    return await client.create_collection("docs", transform=vecs.Embedding(embed, 4))


async def splitting(client: vecs.AsyncClient) -> Any:
    transform = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(embed, 4)])
    return await client.create_collection("docs", transform=transform)


@pytest.mark.parametrize("namespace", [None, "mine"])
async def test_a_collection_may_embed_by_itself(
    make_store: MakeStore, client: vecs.AsyncClient, namespace: str | None
) -> None:
    store = make_store(None, await embedding_itself(client), namespace=namespace)
    assert store.embeddings is None
    assert await store.aadd_documents(MINE) == ["1", "2"]
    for documents in await read(store):
        assert documents == MINE
    await store.aupdate_metadata(["2"], {"n": 5})
    assert (await store.asimilarity_search("my other text", k=1))[0].metadata == {"n": 5}
    await store.adelete(["1"])
    assert [document.id for document in await store.aget_by_ids(["1", "2"])] == ["2"]


@pytest.mark.parametrize("namespace", [None, "mine"])
async def test_a_collection_may_split_documents(
    make_store: MakeStore, client: vecs.AsyncClient, namespace: str | None
) -> None:
    store = make_store(None, await splitting(client), namespace=namespace)
    assert await store.aadd_texts([LONG, "Another one."], [{"when": (1,)}, {}], ids=["1", "2"]) == ["1", "2"]
    parts = await store.aget_by_ids(["1"])
    assert [part.page_content.strip() for part in parts] == ["The cat sleeps.", "The dog barks.", "The fish swims."]
    assert len({part.id for part in parts}) == 3
    for part in parts:
        assert part.metadata["when"] == (1,)
        assert "_namespace" not in part.metadata
        assert str(part.id).startswith("1")
        assert await store.aget_by_ids([str(part.id)]) == [part]
    assert (await store.asimilarity_search("The dog barks.", k=1))[0] == parts[1]
    assert (await store.asimilarity_search("dog", k=1, mode="keyword"))[0] == parts[1]


async def test_what_was_split_is_changed_and_deleted_by_the_documents_id(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store = make_store(None, await splitting(client), namespace="mine")
    await store.aadd_texts([LONG, "Another one."], ids=["1", "2"])
    await store.aadd_texts([LONG], ids=["1"], namespace="theirs")
    assert await store.aupdate_metadata(["1", "3"], {"n": 1}) == ["1"]
    assert await store.acount({"n": 1}) == 3
    assert await store.acount({"n": 1}, namespace="theirs") == 0
    await store.aupdate_document("1", Document("The cat sleeps."))
    assert [part.page_content for part in await store.aget_by_ids(["1"])] == ["The cat sleeps."]
    await store.adelete(["1"])
    assert await store.aget_by_ids(["1"]) == []
    assert await store.acount() == 1
    assert len(await store.aget_by_ids(["1"], namespace="theirs")) == 3


@pytest.mark.parametrize("namespace", [None, "mine"])
async def test_a_store_with_an_embedding_deletes_and_replaces_what_the_collection_had_split(
    make_store: MakeStore, client: vecs.AsyncClient, namespace: str | None
) -> None:
    collection = await splitting(client)
    await make_store(None, collection, namespace=namespace).aadd_texts([LONG, LONG, LONG], ids=["1", "2", "3"])
    store = make_store(Table(), collection, namespace=namespace)
    assert len(await store.aget_by_ids(["1"])) == 3
    await store.aadd_texts(["Another one."], ids=["1"])
    assert [part.page_content for part in await store.aget_by_ids(["1"])] == ["Another one."]
    assert await store.adelete(["1", "2"], filter={"$text": {"$contains": "Another"}})
    assert len(await store.aget_by_ids(["1", "2"])) == 3
    assert await store.adelete(["2"])
    assert [part.page_content for part in await store.aget_by_ids(["2", "3"])] == LONG.split("\n\n")


@pytest.mark.parametrize(("limit", "offset"), [(-1, None), (None, -1)])
async def test_a_page_of_what_was_split_is_checked(
    make_store: MakeStore, client: vecs.AsyncClient, limit: Any, offset: Any
) -> None:
    store = make_store(None, await splitting(client))
    await store.aadd_texts([LONG], ids=["1"])
    assert len((await store.aget(["1"], limit=2, offset=2))["ids"]) == 1
    with pytest.raises(ArgError, match="limit|offset"):
        await store.aget(["1"], limit=limit, offset=offset)


async def test_parts_are_read_in_the_order_of_their_documents_ids(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store = make_store(None, await splitting(client))
    text = "\n\n".join(f"Part {number}." for number in range(12))
    await store.aadd_texts([text, "One."], ids=["a", "b"])
    parts = [part.page_content.strip() for part in await store.aget_by_ids(["b", "a"])]
    assert parts == ["One.", *(f"Part {number}." for number in range(12))]


async def test_nothing_is_added_where_nothing_embeds(make_store: MakeStore, client: vecs.AsyncClient) -> None:
    with pytest.raises(ArgError, match="nothing to make vectors: give it an embedding"):
        await make_store(None).aadd_texts(["a"])
    collection = await client.create_collection("docs", 4, text=True)
    with pytest.raises(ArgError, match="transform"):
        await make_store(None, collection).aadd_texts(["a"])


async def test_an_embedding_goes_before_that_of_the_collection(make_store: MakeStore, client: vecs.AsyncClient) -> None:
    table = Table({"a": [1, 0, 0, 0]})
    store = make_store(table, await embedding_itself(client))
    await store.aadd_texts(["a"])
    assert [distance for _, distance in await store.asimilarity_search_with_score("a")] == [0]
    assert table.calls == ["aembed_documents", "aembed_query"]


async def test_a_store_with_an_embedding_stores_whole_documents_in_a_splitting_collection(
    make_store: MakeStore, client: vecs.AsyncClient
) -> None:
    store = make_store(Table(), await splitting(client))
    assert await store.aadd_texts([LONG], ids=["1"]) == ["1"]
    assert await store.aget_by_ids(["1"]) == [Document(LONG, id="1")]


async def test_no_update_takes_a_document_out_of_its_namespace(make_store: Callable[..., VecsVectorStore]) -> None:
    acme, all_of_them = make_store(Table(), namespace="acme"), make_store(Table())
    await acme.aadd_texts(["a"], [{"n": 1}], ids=["1"])
    await all_of_them.aadd_texts(["b"], [{"n": 1}], ids=["2"])
    with pytest.raises(ArgError, match="1 documents out of their namespaces"):
        await all_of_them.aupdate_metadata(metadata={"n": 2}, filter={"n": 1}, replace=True)
    with pytest.raises(ArgError, match="holds the namespace"):
        await all_of_them.aupdate_metadata(["2"], {"_namespace": "acme"})
    with pytest.raises(ArgError, match="no id of the namespace 'acme'"):
        await all_of_them.aadd_texts(["c"], [{"_namespace": "acme"}], ids=["3"])
    assert await all_of_them.aupdate_metadata(["2"], {"n": 2}, replace=True) == ["2"]
    assert await acme.acount({"n": 1}) == 1


@pytest.mark.parametrize("name", ["tenant", "tenant_id", "partition", "collection_name"])
async def test_other_names_of_a_namespace_are_refused(store: VecsVectorStore, name: str) -> None:
    with pytest.raises(ArgError, match="did you mean 'namespace'"):
        await store.aadd_texts(["a"], **{name: "acme"})
    assert await store.acount() == 0


async def test_a_store_without_a_namespace_reaches_no_document_of_one_by_its_id(both: VecsVectorStore) -> None:
    id = f"theirs{SEPARATOR}3"
    for call in (
        lambda: both.aadd_texts(["mine now"], ids=[id]),
        lambda: both.aadd_documents([Document("mine now", id=id)]),
        lambda: both.aadd_embeddings(["mine now"], [[1.0] * 3], ids=[id]),
        lambda: both.aupdate_document(id, Document("mine now")),
        lambda: both.aupdate_metadata([id], {"n": 9}),
        lambda: both.aget_by_ids([id]),
        lambda: both.aget([id]),
        lambda: both.adelete([id]),
    ):
        with pytest.raises(ArgError, match=r"the id 'theirs\\x1f3' has the character U\+001F.*give namespace="):
            await call()
    assert await both.aget_by_ids(["1", "3"], namespace="theirs") == THEIRS
