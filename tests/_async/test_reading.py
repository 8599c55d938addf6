"""Reading records: by id, by condition, page by page; indexes and facts."""

from __future__ import annotations

from array import array
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import vecs
from vecs import IndexArgsHNSW, IndexArgsIVFFlat
from vecs.exc import ArgError, CollectionAlreadyExists, CollectionNotFound, IndexNotFound, MismatchedDimension


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([(f"{i:03}", [i, 1], {"n": i, "even": i % 2 == 0}) for i in range(250)])
    return docs


async def test_get_returns_records_in_the_order_of_the_ids(docs: vecs.AsyncCollection) -> None:
    found = await docs.get(["200", "nothing", "003", "200"])
    assert [record.id for record in found] == ["200", "003"]
    assert [record.vec for record in found] == [None, None]
    assert await docs.get([]) == []


async def test_get_takes_ids_as_they_were_given_to_upsert(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("ids", 1)
    await docs.upsert([(7, [1], {}), (UUID(int=8), [1], {})])
    assert [record.id for record in await docs.get([UUID(int=8), 7])] == [str(UUID(int=8)), "7"]


async def test_get_pages_over_what_a_filter_selects(docs: vecs.AsyncCollection) -> None:
    found = await docs.get(filters={"even": True}, limit=3, offset=2)
    assert [record.id for record in found] == ["004", "006", "008"]


async def test_fetch_returns_rows_as_vecs_04_did(docs: vecs.AsyncCollection) -> None:
    (row,) = await docs.fetch(["003", "003"])
    id, vec, metadata = row
    assert (id, metadata) == ("003", {"n": 3, "even": False})
    np.testing.assert_array_equal(vec, np.array([3, 1], np.float32))
    assert (row.id, row.metadata) == (id, metadata)


async def test_an_item_is_a_row_and_a_missing_one_a_key_error(docs: vecs.AsyncCollection) -> None:
    assert (await docs["007"]).metadata == {"n": 7, "even": False}
    with pytest.raises(KeyError, match="nothing"):
        await docs["nothing"]
    with pytest.raises(ArgError, match="items must be a string id"):
        await docs[7]  # type: ignore[index]


@pytest.mark.parametrize("page_size", [1, 7, 250, 1000])
async def test_scan_yields_every_record_once(docs: vecs.AsyncCollection, page_size: int) -> None:
    ids = [record.id async for record in docs.scan(page_size=page_size)]
    assert ids == [f"{i:03}" for i in range(250)]
    some = [record.id async for record in docs.scan(page_size=page_size, filters={"n": {"$lt": 5}})]
    assert some == ["000", "001", "002", "003", "004"]


async def test_a_collection_is_true_even_when_empty(client: vecs.AsyncClient) -> None:
    assert await client.create_collection("empty", 2)


async def test_frames_hold_every_record(docs: vecs.AsyncCollection) -> None:
    frame = await docs.to_pandas()
    assert list(frame["id"]) == [f"{i:03}" for i in range(250)]
    assert frame["metadata"][3] == {"n": 3, "even": False}
    table = await docs.to_arrow(filters={"n": 3})
    assert table.to_pylist() == [
        {"id": "003", "vec": [3.0, 1.0], "text": None, "metadata": '{"n":3,"even":false}', "document_id": None}
    ]


async def test_index_builds_both_indexes_and_a_second_call_keeps_them(docs: vecs.AsyncCollection) -> None:
    name = await docs.index()
    again = await docs.create_index()
    assert again == name
    assert name.startswith("ix_vector_cosine_ops_hnsw_m16_efc64_")
    kinds = [(index.method, index.column) for index in await docs.indexes()]
    assert sorted(kinds) == [("btree", "id"), ("gin", "metadata"), ("hnsw", "vec")]


async def test_an_index_with_other_parameters_replaces_the_one_of_its_measure(docs: vecs.AsyncCollection) -> None:
    first = await docs.index()
    other = await docs.index(measure="l2_distance", method=IndexArgsIVFFlat(n_lists=5))
    second = await docs.index(method=IndexArgsHNSW(m=8, ef_construction=32))
    names = {index.name for index in await docs.indexes()}
    assert first not in names
    assert {second, other} <= names
    with pytest.raises(ArgError, match="replace is set to False but an index exists"):
        await docs.index(replace=False)
    assert await docs.is_indexed_for_measure("l2_distance")
    assert not await docs.is_indexed_for_measure("l1_distance")


async def test_an_index_can_be_built_concurrently_with_memory_and_workers(docs: vecs.AsyncCollection) -> None:
    name = await docs.index(concurrently=True, memory="64MB", workers=1)
    assert name in {index.name for index in await docs.indexes() if index.valid}


async def test_drop_index_names_what_there_is(docs: vecs.AsyncCollection) -> None:
    name = await docs.index()
    await docs.drop_index(name)
    assert not await docs.is_indexed_for_measure("cosine_distance")
    with pytest.raises(IndexNotFound, match=name):
        await docs.drop_index(name)
    with pytest.raises(IndexNotFound, match="no index 'docs_pkey'"):
        await docs.drop_index("docs_pkey")


async def test_info_counts_and_measures(docs: vecs.AsyncCollection) -> None:
    info = await docs.info()
    assert (info.name, info.dimension, info.records, info.has_text) == ("docs", 2, 250, False)
    assert info.size_bytes > 8192


async def test_collections_are_created_opened_listed_renamed_and_deleted(client: vecs.AsyncClient) -> None:
    assert await client.collection_names() == []
    created = await client.create_collection("b", 2)
    await (await client.get_or_create_collection("a", dimension=3)).upsert([("x", [1, 2, 3], {})])
    assert [collection.name for collection in await client.list_collections()] == ["a", "b"]
    with pytest.raises(CollectionAlreadyExists, match="'b' already exists"):
        await client.create_collection("b", 2)
    with pytest.raises(MismatchedDimension, match="dimension is 4, but collection 'a' has dimension 3"):
        await client.get_or_create_collection("a", dimension=4)
    await created.upsert([("x", [1, 2], {})])
    await created.rename("c")
    assert created.name == "c"
    assert await created.count() == 1
    with pytest.raises(CollectionAlreadyExists, match="'a' is taken"):
        await client.rename_collection("c", "a")
    with pytest.raises(CollectionNotFound, match="no collection 'b'"):
        await client.get_collection("b")
    await client.delete_collection("c")
    await client.delete_collection("c")
    assert await client.collection_names() == ["a"]


async def test_a_name_may_hold_anything(client: vecs.AsyncClient) -> None:
    for name in ("Übung/v1.0 'x' \"y\" %s {z} $1", "_hidden", "select", "a" * 63, "日" * 21):
        docs = await client.create_collection(name, 2)
        await docs.upsert([("a", [1, 2], {"n": 1})])
        await docs.index()
        again = await client.get_or_create_collection(name, dimension=2)
        assert [match.id for match in await again.search([1, 2], filters={"n": 1})] == ["a"]
        assert await again.update_metadata({"n": 2}, ids=["a"]) == ["a"]
        assert await again.delete(["a"]) == ["a"]
    assert len(await client.collection_names()) == 5


async def test_a_vector_collection_has_exactly_three_columns(client: vecs.AsyncClient) -> None:
    await client.create_collection("docs", 3)
    async with client.connection() as connection:
        cursor = await connection.execute(
            "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a "
            "where a.attrelid = %s::regclass and a.attnum > 0 order by a.attnum",
            [f'"{client.schema}".docs'],
        )
        assert await cursor.fetchall() == [("id", "text"), ("vec", "vector(3)"), ("metadata", "jsonb")]


@pytest.mark.parametrize("dimension", [0, -1, 16_001, 2.5, "3", True])
async def test_a_dimension_postgres_cannot_store_is_refused(client: vecs.AsyncClient, dimension: Any) -> None:
    with pytest.raises(ArgError, match="dimension must be an integer from 1 to 16000"):
        await client.get_or_create_collection("docs", dimension=dimension)


async def test_a_vector_of_the_largest_dimension_is_found(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("wide", 16_000)
    await docs.upsert([("a", np.ones(16_000), {})])
    assert (await docs.search(np.ones(16_000), exact=True))[0].id == "a"
    with pytest.raises(ArgError, match="16,000 dimensions; a full-precision index takes up to 2,000"):
        await docs.index(precision="full")


async def test_get_pages_in_the_order_of_the_ids(docs: vecs.AsyncCollection) -> None:
    assert [record.id for record in await docs.get(["007", "003", "005"], limit=2)] == ["007", "003"]
    assert [record.id for record in await docs.get(["007", "003", "005"], offset=1)] == ["003", "005"]


async def test_exact_pages_fit_together_where_distances_are_equal(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("ties", 2)
    await docs.upsert([(f"{i}", [1, 1], {}) for i in range(200)])
    pages = [await docs.search([1, 2], limit=10, offset=offset, exact=True) for offset in range(0, 200, 10)]
    assert len({match.id for page in pages for match in page}) == 200


async def test_text_columns_are_decided_at_creation(client: vecs.AsyncClient) -> None:
    wrong: Any = "german"
    for create in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(ArgError, match="text must be True or False, not 'german'"):
            await create("plain", dimension=2, text=wrong)
    await (await client.create_collection("plain", 2)).upsert([("x", [1, 2], {})])
    with pytest.raises(ArgError, match="'plain' exists without text columns"):
        await client.get_or_create_collection("plain", dimension=2, text=True)


async def test_any_array_of_numbers_is_a_vector(client: vecs.AsyncClient) -> None:
    class Tensor:
        ndim = 1

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([1.0, 2.0])

    docs = await client.create_collection("arrays", 2)
    vectors: list[Any] = [[1, 2], (1, 2), np.array([1, 2]), np.array([1, 2], np.float16), array("f", [1, 2]), Tensor()]
    await docs.upsert([(i, vector) for i, vector in enumerate(vectors)])
    assert [list((await docs[f"{i}"]).vec) for i in range(len(vectors))] == [[1, 2]] * len(vectors)
    assert len(await docs.search(Tensor(), exact=True)) == len(vectors)


@pytest.mark.parametrize("target", ["localhost:5432/db", "db.example.com:5432", "postgres:/x", "u:s3cret@h/d"])
async def test_a_mistyped_server_is_not_taken_for_a_folder(target: str) -> None:
    with pytest.raises(ArgError, match="looks like a connection string"):
        vecs.AsyncClient(target)
