"""Documents deleted and changed, collections opened again, indexed and dropped."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest
from langchain_core.documents import Document
from psycopg import sql
from psycopg.conninfo import make_conninfo

import vecs
from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, MismatchedDimension

from ..conftest import MakeStore
from ..models import Table, at_angle, random_vector

MEASURES = ("cosine_distance", "l2_distance", "max_inner_product", "l1_distance")


@pytest.fixture
async def five(store: VecsVectorStore) -> VecsVectorStore:
    """A store of five documents."""
    await store.aadd_texts(list("abcde"), [{"n": number} for number in range(5)], ids=list("abcde"))
    return store


async def ids_of(store: VecsVectorStore, **options: Any) -> list[str]:
    return (await store.aget(**options))["ids"]


# --- deleting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"ids": ["a", "c"]}, "bde"),
        ({"filter": {"n": {"$gte": 2}}}, "ab"),
        ({"ids": ["a", "c"], "filter": {"n": {"$gte": 2}}}, "abde"),
        ({"ids": ["nobody", "a"]}, "bcde"),
        ({"ids": []}, "abcde"),
        ({"ids": [], "filter": {"n": 1}}, "abcde"),
        ({"filter": {"n": 99}}, "abcde"),
        ({"delete_all": True}, ""),
    ],
)
async def test_what_is_asked_for_is_deleted(five: VecsVectorStore, given: dict[str, Any], left: str) -> None:
    assert await five.adelete(**given) is True
    assert await ids_of(five) == list(left)


@pytest.mark.parametrize(
    "given",
    [{}, {"ids": None}, {"filter": None}, {"filter": {}}, {"filter": {"$and": []}}, {"ids": ["a"], "filter": {}}],
)
async def test_delete_without_a_word_deletes_nothing_and_raises(five: VecsVectorStore, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="delete_all=True"):
        await five.adelete(**given)
    assert await five.acount() == 5
    # Where documents are read, it is no condition.
    assert len(await five.asimilarity_search("a", k=9, filter={"$and": []})) == 5


@pytest.mark.parametrize("given", [{"ids": "abc"}, {"delete_all": True, "ids": ["a"]}, {"filtre": {"n": 1}}])
async def test_delete_refuses_what_it_may_misunderstand(five: VecsVectorStore, given: dict[str, Any]) -> None:
    with pytest.raises(ArgError, match=r"must be a list|without ids|'filtre'"):
        await five.adelete(**given)
    assert await five.acount() == 5


async def test_before_the_first_document_there_is_nothing_to_delete(store: VecsVectorStore) -> None:
    assert await store.adelete(["a"]) is True
    assert await store.adelete(filter={"n": 1}) is True
    assert await store.adelete(delete_all=True) is True
    await store.adrop()


async def test_deleting_many_ids_is_one_call(five: VecsVectorStore) -> None:
    assert await five.adelete([*(str(number) for number in range(70_000)), "a"]) is True
    assert await ids_of(five) == list("bcde")


async def test_the_same_id_in_two_collections_is_two_documents(make_store: MakeStore) -> None:
    one, two = make_store(Table(), "one"), make_store(Table(), "two")
    for store in (one, two):
        await store.aadd_texts(["text"], ids=["1"])
    await one.adelete(["1"])
    assert (await one.acount(), await two.acount()) == (0, 1)
    await one.adrop()
    assert await two.acount() == 1


async def test_the_same_id_in_two_namespaces_is_two_documents(make_store: MakeStore) -> None:
    one, two = make_store(Table(), namespace="one"), make_store(Table(), namespace="two")
    for store in (one, two):
        await store.aadd_texts([f"of {store.namespace}"], ids=["1"])
    assert [document.page_content for document in await two.aget_by_ids(["1"])] == ["of two"]
    await one.adelete(["1"])
    assert (await one.acount(), await two.acount()) == (0, 1)


@pytest.mark.parametrize("everything", ["drop", "delete"])
async def test_a_namespace_is_emptied_alone(make_store: MakeStore, everything: str) -> None:
    one, two = make_store(Table(), namespace="one"), make_store(Table(), namespace="two")
    for store in (one, two):
        await store.aadd_texts(list("ab"))
    if everything == "drop":
        await one.adrop()
    else:
        await one.adelete(delete_all=True)
    assert (await one.acount(), await two.acount()) == (0, 2)


async def test_a_namespace_that_is_a_prefix_of_another_is_not_the_other(make_store: MakeStore) -> None:
    one, longer = make_store(Table(), namespace="a"), make_store(Table(), namespace="ab")
    await longer.aadd_texts(["text"], ids=["1"])
    assert await one.aget_by_ids(["1", "b1"]) == []
    assert await one.asimilarity_search("text") == []


# --- changing ------------------------------------------------------------------------------------------------


async def test_documents_are_replaced_by_id(five: VecsVectorStore) -> None:
    await five.aupdate_documents(
        list("ab"), [Document(page_content="A"), Document(page_content="B", metadata={"m": 1})]
    )
    await five.aupdate_document("c", Document(id="x", page_content="C"))
    assert await five.aget_by_ids(["a", "b", "c", "x"]) == [
        Document(id="a", page_content="A"),
        Document(id="b", page_content="B", metadata={"m": 1}),
        Document(id="c", page_content="C"),
    ]


async def test_metadata_changes_without_embedding(make_store: MakeStore, five: VecsVectorStore) -> None:
    table = Table()
    store = make_store(table)
    assert await store.aupdate_metadata(["a"], {"m": 2}) == ["a"]
    assert sorted(await store.aupdate_metadata(metadata={"late": True}, filter={"n": {"$gt": 2}})) == ["d", "e"]
    assert await store.aupdate_metadata(["b"], {"only": 1}, replace=True) == ["b"]
    found = {document.id: document.metadata for document in await store.aget_by_ids(list("abcd"))}
    assert found == {"a": {"n": 0, "m": 2}, "b": {"only": 1}, "c": {"n": 2}, "d": {"n": 3, "late": True}}
    assert table.calls == []


async def test_metadata_of_nobody_is_not_changed_by_mistake(five: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="needs ids= or filter="):
        await five.aupdate_metadata(metadata={"m": 1})
    with pytest.raises(ArgError, match="needs metadata="):
        await five.aupdate_metadata(["a"])
    assert await five.aupdate_metadata(["nobody"], {"m": 1}) == []


# --- opened again --------------------------------------------------------------------------------------------


async def test_a_second_store_finds_what_is_there(make_store: MakeStore, five: VecsVectorStore) -> None:
    assert await make_store(Table()).acount() == 5
    # Of other options, hence with connections of its own.
    assert await make_store(Table(), pool_size=1).acount() == 5


async def test_a_dimension_that_is_not_the_collections_is_refused_with_both(
    make_store: MakeStore, five: VecsVectorStore
) -> None:
    store = make_store(Table(dimension=5), dimension=5)
    with pytest.raises(MismatchedDimension, match=r"5.*'docs'.*4"):
        await store.asimilarity_search("a")
    with pytest.raises(MismatchedDimension, match=r"5.*'docs'.*4"):
        await store.aadd_texts(["a"])


async def test_another_embedding_models_vectors_are_refused_with_both_dimensions(
    make_store: MakeStore, five: VecsVectorStore
) -> None:
    store = make_store(Table(dimension=5))
    with pytest.raises(MismatchedDimension, match=r"5.*4|4.*5"):
        await store.aadd_texts(["a"])
    with pytest.raises(MismatchedDimension, match=r"5.*4|4.*5"):
        await store.asimilarity_search("a")
    assert await five.acount() == 5


async def test_a_collection_that_somebody_dropped_is_made_anew(make_store: MakeStore, five: VecsVectorStore) -> None:
    other = make_store(Table(dimension=3))
    assert await other.acount() == 5
    await other.adrop()
    assert await five.acount() == 0
    assert await five.asimilarity_search("a") == []
    await other.aadd_texts(["three"])
    assert await five.acount() == 1
    await other.adrop()
    await five.aadd_texts(["four"])
    assert len(await five.asimilarity_search("four")) == 1


async def test_a_store_that_is_closed_opens_again(target: str, schema: str) -> None:
    async with VecsVectorStore(Table(), url=target, schema=schema, pool_size=2) as store:
        await store.aadd_texts(["a zebra"])
        await store.aclose()
        await store.aclose()
        assert await store.acount() == 1


# --- indexes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
async def test_making_an_index_twice_makes_one(make_store: MakeStore, measure: str) -> None:
    store = make_store(Table(), measure=measure)
    await store.aadd_texts(list("abc"))
    await store.acreate_index()
    before = [index.name for index in store.collection.indexes()]
    await store.acreate_index()
    assert [index.name for index in store.collection.indexes()] == before
    assert store.collection.is_indexed_for_measure(measure)


@pytest.mark.parametrize("dimension", [2_001, 4_001])
async def test_vectors_beyond_what_pgvector_indexes_in_full_are_indexed(make_store: MakeStore, dimension: int) -> None:
    store = make_store(Table(dimension=dimension))
    texts = [f"text {number}" for number in range(50)]
    await store.aadd_texts(texts)
    await store.acreate_index()
    for text in texts[:5]:
        assert (await store.asimilarity_search(text, k=1))[0].page_content == text


async def test_an_index_of_another_kind_is_made_and_dropped(five: VecsVectorStore) -> None:
    await five.acreate_index(method="ivfflat")
    [name] = [index.name for index in five.collection.indexes() if index.measures]
    five.collection.drop_index(name)
    assert len(await five.asimilarity_search("a", k=5)) == 5
    await five.acreate_index(method="hnsw")
    assert len(await five.asimilarity_search("a", k=5)) == 5


async def test_indexes_of_collections_with_long_and_like_names_do_not_clash(make_store: MakeStore) -> None:
    stores = [make_store(Table(), "a" * 60 + ending) for ending in ("one", "two")]
    for store in stores:
        await store.aadd_texts(list("abc"))
        await store.acreate_index()
    for store in stores:
        assert store.collection.is_indexed_for_measure("cosine_distance")


async def test_an_index_before_the_first_document_is_refused(store: VecsVectorStore) -> None:
    with pytest.raises(CollectionNotFound, match="add documents first"):
        await store.acreate_index()


@pytest.fixture
async def indexed(make_store: MakeStore) -> VecsVectorStore:
    """Two thousand documents with an HNSW index; one in twenty is red."""
    store = make_store(Table(dimension=16))
    texts = [f"text {number}" for number in range(2000)]
    metadatas = [{"color": "red" if number % 20 == 7 else "blue"} for number in range(2000)]
    await store.aadd_texts(texts, metadatas, ids=[str(number) for number in range(2000)])
    await store.acreate_index()
    return store


async def test_a_filter_that_keeps_few_leaves_k_documents_the_nearest(indexed: VecsVectorStore) -> None:
    red = {"color": "red"}
    shared = 0
    for number in range(10):
        found = await indexed.asimilarity_search(f"question {number}", k=10, filter=red)
        assert len(found) == 10
        assert all(document.metadata == red for document in found)
        exact = await indexed.asimilarity_search(f"question {number}", k=10, filter=red, exact=True)
        shared += len({document.id for document in found} & {document.id for document in exact})
    assert shared >= 90


async def test_more_documents_than_the_index_looks_at_are_found(indexed: VecsVectorStore) -> None:
    assert len(await indexed.asimilarity_search("a question", k=100)) == 100
    assert len(await indexed.amax_marginal_relevance_search("a question", k=100)) == 100
    assert len(await indexed.asimilarity_search("a question", k=100, mode="hybrid")) == 100
    assert len(await indexed.asimilarity_search("a question", k=100, filter={"color": "red"})) == 100


# --- read only -----------------------------------------------------------------------------------------------


@pytest.fixture
async def reader(superuser_target: str) -> AsyncGenerator[str]:
    """A connection string of a role that may read the schema "readable" and nothing else, and can start no write."""
    name = "vecs_reader"
    schema = sql.Identifier("readable")
    async with VecsVectorStore(Table(), url=superuser_target, schema="readable") as store:
        await store.aadd_texts(["apple", "bread", "cherry"], ids=list("abc"))
        await store.acreate_index()
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, sql.Identifier(name)))
        connection.execute(
            sql.SQL("grant select on all tables in schema {} to {}").format(schema, sql.Identifier(name))
        )
    yield make_conninfo(superuser_target, options=f"-c role={name} -c default_transaction_read_only=on")
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(sql.SQL("drop schema {} cascade").format(schema))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_a_role_that_may_only_read_can_search(reader: str, mode: str) -> None:
    async with VecsVectorStore(Table(), url=reader, schema="readable", search_mode=mode) as store:
        assert (await store.asimilarity_search("apple", k=1))[0].id == "a"
        assert (await store.amax_marginal_relevance_search("apple", k=1))[0].id == "a"
        assert len(await store.asimilarity_search("apple", filter={"n": 1})) == 0
        assert len(await store.aget_by_ids(["a"])) == 1
        assert await store.acount() == 3


async def test_a_role_that_may_only_read_is_told_what_it_may_not(reader: str) -> None:
    async with VecsVectorStore(Table(), url=reader, schema="readable") as store:
        with pytest.raises(DatabaseError, match="read-only transaction|permission denied"):
            await store.aadd_texts(["d"])
        with pytest.raises(DatabaseError, match="read-only transaction|permission denied"):
            await store.adelete(["a"])


async def test_a_role_that_may_only_read_finds_nothing_where_there_is_nothing(reader: str) -> None:
    async with VecsVectorStore(Table(), "absent", url=reader, schema="readable") as store:
        assert await store.asimilarity_search("a") == []
    async with VecsVectorStore(Table(), url=reader, schema="nowhere") as store:
        assert await store.asimilarity_search("a") == []


# --- what it is made of --------------------------------------------------------------------------------------


async def test_a_client_that_is_handed_in_is_used_and_stays_open(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        async with VecsVectorStore(Table(), client=client) as store:
            await store.aadd_texts(["text"])
        assert await client.collection_names() == ["langchain"]


async def test_a_collection_that_is_handed_in_is_used(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as client:
        collection = await client.get_or_create_collection("mine", dimension=2, text=True)
        await collection.upsert([vecs.Record("1", vec=at_angle(0), text="one")])
        async with VecsVectorStore(Table({"one": at_angle(0)}), collection) as store:
            assert (await store.asimilarity_search("one"))[0].id == "1"
        assert await collection.count() == 1


async def test_the_collection_is_there_for_what_the_store_does_not_do(five: VecsVectorStore) -> None:
    assert five.collection.count() == 5
    with five.client.connection() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


async def test_without_a_collection_there_is_none_to_hand_out(store: VecsVectorStore) -> None:
    with pytest.raises(CollectionNotFound, match="add documents first"):
        _ = store.collection


async def test_vectors_of_another_function_are_stored_as_they_are(five: VecsVectorStore) -> None:
    vector = random_vector("another", 4)
    await five.aadd_embeddings(["given"], [vector], ids=["g"])
    assert (await five.asimilarity_search_by_vector(vector, k=1))[0].id == "g"
