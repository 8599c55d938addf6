"""Code written for vecs 0.4: names, arguments, shapes and errors are those it relies on."""

from __future__ import annotations

import importlib
import warnings
from collections import defaultdict
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import vecs
from vecs import IndexArgsHNSW, IndexArgsIVFFlat, IndexMeasure, IndexMethod
from vecs.exc import (
    ArgError,
    CollectionAlreadyExists,
    CollectionNotFound,
    FilterError,
    MismatchedDimension,
    MissingDependency,
    VecsException,
)

X, Y, Z = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.get_or_create_collection(name="docs", dimension=3)
    await docs.upsert([("x", X, {"n": 1}), ("y", Y, {"n": 2}), ("z", Z, {})])
    await docs.create_index()
    return docs


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("vecs", "IndexArgsIVFFlat IndexArgsHNSW IndexMethod IndexMeasure Collection Client exc create_client"),
        ("vecs", "__version__ __project__"),
        ("vecs.client", "Client"),
        ("vecs.collection", "Collection CollectionNotFound IndexMethod IndexMeasure IndexArgsIVFFlat IndexArgsHNSW"),
        ("vecs.collection", "Record Metadata INDEX_MEASURE_TO_OPS"),
        ("vecs.adapter", "Adapter AdapterContext AdapterStep NoOp ParagraphChunker TextEmbedding TextEmbeddingModel"),
        ("vecs.adapter", "MarkdownChunker"),
        ("vecs.adapter.base", "Adapter AdapterContext AdapterStep"),
        ("vecs.adapter.noop", "NoOp"),
        ("vecs.adapter.text", "ParagraphChunker TextEmbedding TextEmbeddingModel"),
        ("vecs.adapter.markdown", "MarkdownChunker"),
        ("vecs.exc", "VecsException CollectionAlreadyExists CollectionNotFound ArgError MismatchedDimension"),
        ("vecs.exc", "FilterError IndexNotFound Unreachable MissingDependency"),
    ],
)
def test_every_name_can_be_imported_from_where_it_was(module: str, names: str) -> None:
    found = importlib.import_module(module)
    missing = [name for name in names.split() if not hasattr(found, name)]
    assert missing == []


def test_names_at_two_paths_are_one_object() -> None:
    assert importlib.import_module("vecs.client").Client is vecs.Client
    assert importlib.import_module("vecs.collection").Collection is vecs.Collection
    assert importlib.import_module("vecs.collection").CollectionNotFound is CollectionNotFound


def test_everything_that_was_in_all_still_is() -> None:
    old = {"IndexArgsIVFFlat", "IndexArgsHNSW", "IndexMethod", "IndexMeasure", "Collection", "Client", "exc"}
    assert old <= set(vecs.__all__)


def test_enumerations_are_strings_with_the_old_values() -> None:
    assert [m.value for m in IndexMethod] == ["auto", "ivfflat", "hnsw"]
    old = ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"]
    assert [m.value for m in IndexMeasure][:4] == old
    assert IndexMethod.hnsw == "hnsw"
    assert IndexMeasure.l2_distance == "l2_distance"


def test_index_arguments_have_the_old_fields_and_defaults() -> None:
    assert IndexArgsIVFFlat(100).n_lists == 100
    assert (IndexArgsHNSW().m, IndexArgsHNSW().ef_construction) == (16, 64)
    assert IndexArgsHNSW(8, 32) == IndexArgsHNSW(m=8, ef_construction=32)


def test_the_error_tree_keeps_its_branches() -> None:
    for error in (CollectionAlreadyExists, CollectionNotFound, ArgError, FilterError, vecs.exc.IndexNotFound):
        assert issubclass(error, VecsException)
    assert issubclass(MismatchedDimension, ArgError)
    assert issubclass(MissingDependency, ImportError)
    assert issubclass(vecs.exc.Unreachable, VecsException)


# --- clients -----------------------------------------------------------------------------------------


async def test_a_client_is_made_with_its_old_keyword(target: str, schema: str) -> None:
    async with vecs.create_async_client(connection_string=target, schema=schema) as client:
        assert await client.list_collections() == []


async def test_a_client_class_is_called_with_its_old_keyword(target: str, schema: str) -> None:
    async with vecs.AsyncClient(connection_string=target, schema=schema) as client:
        assert await client.list_collections() == []


async def test_a_disconnected_client_connects_again(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    await client.disconnect()
    await client.disconnect()
    assert await docs.query(X, limit=1) == ["x"]
    assert [c.name for c in await client.list_collections()] == ["docs"]


async def test_a_client_tells_the_version_of_pgvector(client: vecs.AsyncClient) -> None:
    assert client.vector_version is not None
    assert client.vector_version[0].isdigit()


async def test_get_or_create_wants_a_dimension_even_if_the_collection_exists(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    for name in ("docs", "absent"):
        with pytest.raises(ArgError, match="One of dimension or adapter must provide a dimension"):
            await client.get_or_create_collection(name)
    assert await client.collection_names() == ["docs"]


async def test_get_or_create_refuses_another_dimension(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    with pytest.raises(MismatchedDimension):
        await client.get_or_create_collection("docs", dimension=4)
    adapter = importlib.import_module("vecs.adapter")
    with pytest.raises(MismatchedDimension):
        await client.get_or_create_collection("docs", adapter=adapter.Adapter([adapter.NoOp(4)]))
    with pytest.raises(MismatchedDimension):
        await client.get_or_create_collection("other", dimension=5, adapter=adapter.Adapter([adapter.NoOp(4)]))
    assert await docs.query(X, limit=1) == ["x"]


async def test_an_adapter_gives_the_dimension(client: vecs.AsyncClient) -> None:
    adapter = importlib.import_module("vecs.adapter")
    made = adapter.Adapter([adapter.NoOp(dimension=4)])
    docs = await client.get_or_create_collection("adapted", adapter=made)
    assert docs.dimension == 4
    assert docs.adapter is made


async def test_the_deprecated_methods_work_without_a_warning(client: vecs.AsyncClient) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = await client.create_collection("docs", 3)
        found = await client.get_collection("docs")
        by_keyword = await client.create_collection(name="more", dimension=4)
    assert (made.name, made.dimension) == (found.name, found.dimension) == ("docs", 3)
    assert by_keyword.dimension == 4


async def test_collections_that_exist_or_do_not_raise_the_old_errors(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    with pytest.raises(CollectionAlreadyExists):
        await client.create_collection("docs", 3)
    with pytest.raises(CollectionNotFound):
        await client.get_collection("absent")


async def test_list_collections_lists_collections(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    await client.create_collection("more", 4)
    found = await client.list_collections()
    assert [(c.name, c.dimension) for c in found] == [("docs", 3), ("more", 4)]
    assert await found[0].query(X, limit=1) == ["x"]


async def test_deleting_a_collection_returns_none_and_absent_is_no_error(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    assert await client.delete_collection("docs") is None
    assert await client.delete_collection(name="docs") is None
    assert await client.collection_names() == []


# --- collections -------------------------------------------------------------------------------------


async def test_a_collection_shows_itself_and_its_attributes(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    assert repr(docs) == f'vecs.{type(docs).__name__}(name="docs", dimension=3)'
    assert (docs.name, docs.dimension, docs.client) == ("docs", 3, client)


async def test_a_collection_can_be_made_by_hand(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    by_position = vecs.AsyncCollection("docs", 3, client)
    by_keyword = vecs.AsyncCollection(name="docs", dimension=3, client=client, adapter=None)
    assert await by_position.query(X, limit=1) == ["x"]
    assert await by_keyword.query(X, limit=1) == ["x"]


async def test_upsert_takes_records_by_position_by_keyword_and_by_their_first_name(
    docs: vecs.AsyncCollection,
) -> None:
    await docs.upsert([("a", X, {})])
    await docs.upsert(records=[("b", X, {})], skip_adapter=True)
    await docs.upsert([("c", X, {})], True)
    await docs.upsert(vectors=[("d", X, {})])
    assert sorted(row.id for row in await docs.fetch(["a", "b", "c", "d"])) == ["a", "b", "c", "d"]


async def test_upsert_takes_the_old_kinds_of_ids_and_vectors(docs: vecs.AsyncCollection) -> None:
    await docs.upsert(
        [
            (1, tuple(X), {}),
            (UUID(int=2), np.array(X), {}),
            ("f16", np.array(X, np.float16), {}),
            ("i8", np.array([1, 0, 0], np.int8), {}),
            ("ints", [1, 0, 0], {}),
            ("none", X, None),
            ("two", X),
        ]
    )
    ids = ["1", str(UUID(int=2)), "f16", "i8", "ints", "none", "two"]
    rows = await docs.fetch(ids)
    assert sorted(row.id for row in rows) == sorted(ids)
    assert all(np.array_equal(row.vec, X) and row.metadata == {} for row in rows)


async def test_fetched_rows_are_tuples_with_attributes(docs: vecs.AsyncCollection) -> None:
    (row,) = await docs.fetch(ids=["x"])
    id_, vec, metadata = row
    assert (row.id, row.metadata) == (id_, metadata) == ("x", {"n": 1})
    assert row.vec is vec
    assert isinstance(vec, np.ndarray)
    assert vec.dtype == np.float32
    assert len(row) == 3
    assert row[0] == "x"


async def test_fetch_leaves_out_missing_ids_and_duplicates(docs: vecs.AsyncCollection) -> None:
    rows = await docs.fetch(["x", "absent", "x", "y"])
    assert sorted(row.id for row in rows) == ["x", "y"]
    assert await docs.fetch([]) == []
    assert len(await docs.fetch(f"{i}" for i in range(100))) == 0


async def test_fetch_and_delete_take_one_tuples(docs: vecs.AsyncCollection) -> None:
    one_tuples: Any = [("x",), ("y",)]
    assert sorted(row.id for row in await docs.fetch(one_tuples)) == ["x", "y"]
    assert sorted(await docs.delete(one_tuples)) == ["x", "y"]


async def test_a_string_is_not_a_list_of_ids(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match="ids must be a list of strings"):
        await docs.fetch("x")
    with pytest.raises(ArgError, match="ids must be a list of strings"):
        await docs.delete("x")
    with pytest.raises(ArgError, match="not a dict; a condition on metadata is filters={'x': 1}"):
        await docs.delete({"x": 1})
    assert await docs.count() == 3


async def test_delete_takes_ids_or_filters_and_returns_ids(docs: vecs.AsyncCollection) -> None:
    assert await docs.delete(["x", "absent"]) == ["x"]
    assert await docs.delete(filters={"n": {"$eq": 2}}) == ["y"]
    assert await docs.delete(ids=[]) == []
    assert await docs.count() == 1


async def test_delete_takes_an_array_of_ids(docs: vecs.AsyncCollection) -> None:
    assert sorted(await docs.delete(np.array(["x", "y"]))) == ["x", "y"]


async def test_delete_wants_ids_or_filters_and_not_both(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match=r"Either ids or filters must be provided\."):
        await docs.delete()
    with pytest.raises(ArgError, match="Either ids or filters must be provided, not both"):
        await docs.delete(ids=["x"], filters={"n": 1})
    assert await docs.count() == 3


# --- queries -----------------------------------------------------------------------------------------


async def test_a_query_returns_ids_or_tuples_in_a_fixed_order(docs: vecs.AsyncCollection) -> None:
    assert await docs.query(X, limit=1) == ["x"]
    (row,) = await docs.query(X, limit=1, include_value=True)
    assert tuple(row) == ("x", pytest.approx(0.0))
    (row,) = await docs.query(X, limit=1, include_metadata=True)
    assert tuple(row) == ("x", {"n": 1})
    assert row.metadata == {"n": 1}
    (row,) = await docs.query(X, limit=1, include_vector=True)
    assert (row.id, list(row.vec)) == ("x", X)
    (row,) = await docs.query(X, limit=1, include_metadata=True, include_vector=True, include_value=True)
    assert (row[0], row[1], list(row[2]), row[3]) == ("x", pytest.approx(0.0), X, {"n": 1})


async def test_a_query_takes_its_arguments_by_position(docs: vecs.AsyncCollection) -> None:
    rows = await docs.query(X, 1, {"n": {"$gte": 1}}, "cosine_distance", True, True, True)
    assert [(row.id, row.metadata) for row in rows] == [("x", {"n": 1})]


async def test_a_query_takes_its_arguments_by_keyword(docs: vecs.AsyncCollection) -> None:
    found = await docs.query(
        data=np.array(X),
        limit=3,
        filters=None,
        measure=IndexMeasure.cosine_distance,
        include_value=False,
        include_metadata=False,
        include_vector=False,
        probes=5,
        ef_search=100,
        skip_adapter=True,
    )
    assert found[0] == "x"
    assert sorted(found) == ["x", "y", "z"]


async def test_the_lines_of_the_announcement_run(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection(name="announced", dimension=3)
    await docs.upsert(vectors=[("vec0", [0.1, 0.2, 0.3], {"year": 1973}), ("vec1", [0.7, 0.8, 0.9], {"year": 2012})])
    await docs.index()
    rows = await docs.query(
        query_vector=[0.10, 0.21, 0.29],
        limit=1,
        filters={"year": {"$eq": 1973}},
        measure="cosine_distance",
        include_value=True,
        include_metadata=True,
    )
    assert [tuple(row) for row in rows] == [("vec0", pytest.approx(0.000697, abs=2e-6), {"year": 1973})]


@pytest.mark.parametrize(
    ("measure", "distance"),
    [("cosine_distance", 0.0), ("l2_distance", 0.0), ("max_inner_product", -1.0), ("l1_distance", 0.0)],
)
async def test_the_value_is_the_operators_own(docs: vecs.AsyncCollection, measure: Any, distance: float) -> None:
    await docs.create_index(measure)
    (row,) = await docs.query(X, limit=1, measure=measure, include_value=True)
    assert tuple(row) == ("x", pytest.approx(distance))


async def test_the_value_beside_a_zero_vector_is_the_greatest(docs: vecs.AsyncCollection) -> None:
    rows = await docs.query([0, 0, 0], include_value=True)
    assert [row[1] for row in rows] == [2.0, 2.0, 2.0]


async def test_a_query_without_data_selects_by_filter_alone(docs: vecs.AsyncCollection) -> None:
    assert await docs.query(None, filters={"n": {"$eq": 2}}) == ["y"]
    rows = await docs.query(data=None, limit=2, filters={"n": {"$gte": 1}}, include_value=True, include_metadata=True)
    assert sorted(tuple(row) for row in rows) == [("x", None, {"n": 1}), ("y", None, {"n": 2})]


async def test_filters_may_be_a_defaultdict(docs: vecs.AsyncCollection) -> None:
    filters: Any = defaultdict(list)
    filters["$and"].append({"n": {"$eq": 1}})
    assert await docs.query(X, filters=filters) == ["x"]
    assert await docs.query(X, limit=1, filters=defaultdict(list)) == ["x"]


async def test_an_unindexed_query_warns_as_it_did(client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecs._searching.known_indexes.WORTH_AN_INDEX", 1)
    docs = await client.create_collection("unindexed", 3)
    await docs.upsert([("x", X, {})])
    with pytest.warns(UserWarning, match="Query does not have a covering index"):
        assert await docs.query(X) == ["x"]


async def test_wrong_query_arguments_raise_the_old_errors(docs: vecs.AsyncCollection) -> None:
    for probes in (0, -1, "5", 1.5):
        wrong: Any = probes
        with pytest.raises(ArgError):
            await docs.query(X, probes=wrong)
    with pytest.raises(ArgError, match="Invalid index measure"):
        await docs.query(X, measure="invalid")  # type: ignore[arg-type]
    with pytest.raises(MismatchedDimension):
        await docs.query([1.0, 0.0])


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([], "filters must be a dict"),
        ({1: 2}, r"filters.* keys must be strings"),
        ({"$and": {"n": 1}}, "filters must have associated list of conditions"),
        ({"$or": "n"}, "filters must have associated list of conditions"),
        ({"n": {"$nope": 1}}, "unknown operator"),
        ({"n": {"$in": 5}}, r"argument to \$in filter must be a list"),
        ({"n": {"$in": [[1]]}}, "list of scalars"),
        ({"n": {"$contains": [1]}}, r"argument to \$contains filter must be a scalar"),
    ],
)
async def test_malformed_filters_raise_the_old_messages(docs: vecs.AsyncCollection, filters: Any, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        await docs.query(X, filters=filters)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"n": {"$eq": 5}}, "i f"),
        ({"n": {"$eq": "5"}}, "s"),
        ({"n": {"$eq": None}}, "null"),
        ({"n": {"$eq": True}}, "b"),
        ({"n": {"$eq": [1, 2]}}, "l"),
        ({"n": {"$eq": {"a": 1}}}, "d"),
        ({"n": {"$ne": 5}}, "s null b l d"),
        ({"n": {"$gte": 5}}, "i f"),
        ({"n": {"$in": [5, "5"]}}, "i f s"),
        ({"n": {"$in": []}}, ""),
        ({"n": {"$contains": 1}}, "l"),
        ({"$or": [{"n": {"$eq": "5"}}, {"$and": [{"n": {"$eq": True}}]}]}, "s b"),
        ({"a.b": {"$eq": 1}}, "dot"),
    ],
)
async def test_filters_match_what_they_matched(client: vecs.AsyncClient, filters: Any, expected: str) -> None:
    docs = await client.create_collection("filtered", 3)
    values = {"i": 5, "f": 5.0, "s": "5", "null": None, "b": True, "l": [1, 2], "d": {"a": 1}}
    await docs.upsert([(id_, X, {"n": value}) for id_, value in values.items()])
    await docs.upsert([("absent", X, {}), ("dot", X, {"a.b": 1})])
    assert sorted(await docs.query(None, filters=filters)) == sorted(expected.split())


# --- indexes -----------------------------------------------------------------------------------------


async def test_is_indexed_for_measure_takes_enumerations_strings_and_nonsense(docs: vecs.AsyncCollection) -> None:
    assert await docs.is_indexed_for_measure(IndexMeasure.cosine_distance)
    assert await docs.is_indexed_for_measure(measure="cosine_distance")
    assert not await docs.is_indexed_for_measure(IndexMeasure.l2_distance)
    assert not await docs.is_indexed_for_measure("invalid")


async def test_create_index_takes_its_old_arguments(docs: vecs.AsyncCollection) -> None:
    await docs.create_index()
    await docs.create_index("l2_distance", "hnsw", IndexArgsHNSW(8, 32), True)
    await docs.create_index(
        measure=IndexMeasure.max_inner_product,
        method=IndexMethod.ivfflat,
        index_arguments=IndexArgsIVFFlat(n_lists=2),
        replace=True,
    )
    found = {i.measure: (i.method, dict(i.options)) for i in await docs.indexes() if i.measure}
    assert found == {
        IndexMeasure.cosine_distance: ("hnsw", {"m": "16", "ef_construction": "64"}),
        IndexMeasure.l2_distance: ("hnsw", {"m": "8", "ef_construction": "32"}),
        IndexMeasure.max_inner_product: ("ivfflat", {"lists": "2"}),
    }


async def test_index_arguments_may_be_none(docs: vecs.AsyncCollection) -> None:
    await docs.create_index("l2_distance", "hnsw", IndexArgsHNSW(m=None, ef_construction=None))
    (index,) = [i for i in await docs.indexes() if i.measure is IndexMeasure.l2_distance]
    assert dict(index.options) == {"m": "16", "ef_construction": "64"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "invalid"}, "invalid index method"),
        ({"measure": "invalid"}, "(?i)unknown index measure"),
        ({"index_arguments": IndexArgsHNSW()}, r"not allowed when using the IndexMethod\.auto index"),
        (
            {"method": "hnsw", "index_arguments": IndexArgsIVFFlat(5)},
            "build parameters were supplied but .* index was specified",
        ),
        (
            {"method": "ivfflat", "index_arguments": IndexArgsHNSW()},
            "build parameters were supplied but .* index was specified",
        ),
        ({"replace": False}, "replace is set to False but an index exists"),
    ],
)
async def test_wrong_index_arguments_raise_the_old_errors(
    docs: vecs.AsyncCollection, arguments: Any, message: str
) -> None:
    before = await docs.indexes()
    with pytest.raises(ArgError, match=message):
        await docs.create_index(**arguments)
    assert [i.name for i in await docs.indexes()] == [i.name for i in before]


# --- adapters ----------------------------------------------------------------------------------------


async def test_an_adapter_of_ones_own_turns_media_into_vectors(client: vecs.AsyncClient) -> None:
    adapter = importlib.import_module("vecs.adapter")

    class Lengths(adapter.AdapterStep):
        @property
        def exported_dimension(self) -> int:
            return 3

        def __call__(self, records: Any, adapter_context: Any) -> Any:
            for id_, media, metadata in records:
                yield id_, [float(len(media)), 1.0, 0.0], metadata or {}

    made = adapter.Adapter([adapter.ParagraphChunker(skip_during_query=True), Lengths()])
    docs = await client.get_or_create_collection("adapted", adapter=made)
    await docs.upsert([("doc", "one\n\nthree", {"k": 1})])
    await docs.create_index()
    assert await docs.query("three", limit=1) == ["doc_para_001"]
    assert await docs.query([5.0, 1.0, 0.0], limit=1, skip_adapter=True) == ["doc_para_001"]
    await docs.upsert([("raw", [9.0, 1.0, 0.0], {})], skip_adapter=True)
    assert (await docs.fetch(["raw"]))[0].metadata == {}


async def test_an_adapter_that_makes_no_single_vector_of_a_query_is_refused(client: vecs.AsyncClient) -> None:
    adapter = importlib.import_module("vecs.adapter")
    made = adapter.Adapter([adapter.ParagraphChunker(skip_during_query=False), adapter.NoOp(3)])
    docs = await client.get_or_create_collection("adapted", adapter=made)
    with pytest.raises(ArgError, match="Failed to produce exactly one query vector from input"):
        await docs.query("one\n\ntwo")


def test_an_adapter_wants_a_step() -> None:
    adapter = importlib.import_module("vecs.adapter")
    with pytest.raises(ArgError, match="Adapter must contain at least 1 step"):
        adapter.Adapter([])
