"""Bad input: an error that says what, where and what would be right; nothing written; the next call works."""

from __future__ import annotations

import random
import socket
import string
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

import vecs
from vecs import Record
from vecs.exc import ArgError, DatabaseError, FilterError, MismatchedDimension, Unavailable, VecsException

pytestmark = pytest.mark.filterwarnings("ignore:Query does not have a covering index:UserWarning")

X = [1.0, 2.0, 3.0]
NAN, INF = float("nan"), float("inf")


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"k": value}
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def incompressible(size: int) -> str:
    return "".join(random.Random(size).choices(string.ascii_letters + string.digits, k=size))


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> AsyncGenerator[vecs.AsyncCollection]:
    """One record, which must be there unchanged when the test has done its worst."""
    docs = await client.create_collection("docs", 3)
    await docs.upsert([("kept", X, {"n": 1})])
    yield docs
    assert [(r.id, r.metadata) for r in await docs.get()] == [("kept", {"n": 1})]
    assert await docs.query(None, filters={"n": 1}) == ["kept"]


@pytest.fixture
async def texts(client: vecs.AsyncClient) -> AsyncGenerator[vecs.AsyncCollection]:
    texts = await client.create_collection("texts", 3, text=True)
    yield texts
    assert await texts.count() == 0
    assert await texts.upsert([("next", X, {})]) == 1


# --- records -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vec", "error", "message"),
    [
        ([1, 2], MismatchedDimension, "'bad'.*dimension 2.*'docs' has dimension 3"),
        ([1, 2, 3, 4], MismatchedDimension, "'bad'.*dimension 4.*'docs' has dimension 3"),
        ([], MismatchedDimension, "'bad'.*dimension 0"),
        ([1, NAN, 3], ArgError, "'bad'.*nan at position 1.*finite"),
        ([1, 2, INF], ArgError, "'bad'.*inf at position 2.*finite"),
        ([-INF, 2, 3], ArgError, "'bad'.*-inf at position 0"),
        ([1e39, 2, 3], ArgError, "'bad'.*inf at position 0"),
        (np.array([1, NAN, 3], np.float16), ArgError, "'bad'.*position 1"),
        ([1, None, 3], ArgError, "'bad'.*not a vector"),
        (["1", "2", "3"], ArgError, "'bad'.*not numbers"),
        ([b"1", b"2", b"3"], ArgError, "'bad'.*not numbers"),
        ([True, False, True], ArgError, "'bad'.*not numbers"),
        ([1j, 2, 3], ArgError, "'bad'.*not numbers"),
        ([10**40, 2, 3], ArgError, "'bad'"),
        ([[1], [2, 3], 4], ArgError, "'bad'.*not a vector"),
        ([[1, 2, 3], [4, 5, 6]], ArgError, r"'bad'.*shape \(2, 3\).*one at a time"),
        (np.ones((2, 3)), ArgError, r"'bad' has ndarray of shape \(2, 3\).*a record of each row"),
        (np.float32(1), ArgError, "'bad'"),
        ("[1,2,3]", ArgError, "'bad' has text.*needs a vector"),
        (b"[1,2,3]", ArgError, "'bad' has bytes.*needs a vector"),
        (5, ArgError, "'bad' has int.*needs a vector"),
        ({1, 2, 3}, ArgError, "'bad' has set.*needs a vector"),
        ({"a": 1}, ArgError, "'bad' has dict.*needs a vector"),
        (None, ArgError, "'bad' has None"),
        (object(), ArgError, "'bad' has object.*needs a vector"),
    ],
)
async def test_a_wrong_vector_is_refused(docs: vecs.AsyncCollection, vec: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        await docs.upsert([("good", X, {}), ("bad", vec, {})])


@pytest.mark.parametrize(
    "vec", [[1, 2], [], [1, NAN, 3], [INF, 2, 3], ["1", "2", "3"], [X, X], np.ones((2, 3)), "text", 5, {1, 2, 3}]
)
async def test_a_wrong_query_is_refused(docs: vecs.AsyncCollection, vec: Any) -> None:
    for search in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="query"):
            await search(vec)
    with pytest.raises(ArgError, match="query"):
        await docs.search_many([X, vec])


@pytest.mark.parametrize(
    ("id_", "message"),
    [
        (1.0, r"the id of record 1 is 1\.0"),
        (True, "the id of record 1 is True"),
        (b"id", "the id of record 1 is b'id'"),
        (["id"], r"the id of record 1 is \['id'\]"),
        (("id",), "the id of record 1"),
        ({}, "the id of record 1"),
        (np.float64(1), "the id of record 1"),
        ("", "the id of record 1 is an empty string"),
        ("a\0b", "the id of record 1.*NUL character at position 1"),
        ("a\ud800", "the id of record 1.*lone surrogate.*position 1"),
    ],
)
async def test_a_wrong_id_is_refused(docs: vecs.AsyncCollection, id_: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        await docs.upsert([("good", X, {}), (id_, X, {})])
    if id_ != ("id",):
        for call in (docs.get, docs.fetch, docs.delete):
            with pytest.raises(ArgError):
                await call(["kept", id_])
        with pytest.raises(ArgError):
            await docs.update_metadata({"n": 2}, ids=["kept", id_])


async def test_none_is_no_id_to_read_or_change_by(docs: vecs.AsyncCollection) -> None:
    for call in (docs.get, docs.fetch, docs.delete):
        with pytest.raises(ArgError, match="an id is None .*; ids must be a str, an int or a UUID"):
            await call(["kept", None])


@pytest.mark.parametrize("ids", ["kept", b"kept", 5, 5.5, True, object()])
async def test_ids_that_are_no_list_are_refused(docs: vecs.AsyncCollection, ids: Any) -> None:
    for call in (docs.get, docs.fetch, docs.delete):
        with pytest.raises(ArgError, match="ids must be a list"):
            await call(ids)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([1], "not a mapping"),
        ("text", "not a mapping"),
        (5, "not a mapping"),
        ({"a": {b"x"}}, "bytes, which has no JSON form"),
        ({"a": object()}, "object, which has no JSON form"),
        ({"a": b"x"}, "bytes, which has no JSON form"),
        ({"a": [1, {"b": NAN}]}, r"nan at a\[1\]\.b"),
        ({"a": INF}, "inf at a"),
        ({"a": np.float32(NAN)}, "nan"),
        ({"a": np.array([1, NAN])}, "nan"),
        ({"a": Decimal("NaN")}, "NaN"),
        ({"a": Decimal("sNaN")}, "sNaN"),
        ({"a": Decimal("-Infinity")}, "Infinity"),
        ({"a": 1j}, "complex"),
        ({1: 2}, "key 1.*keys are strings"),
        ({"a": {None: 2}}, "key None at a.*keys are strings"),
        ({"a": {True: 2}}, "key True at a.*keys are strings"),
        ({"a": "x\0"}, "at a.*NUL character at position 1"),
        ({"a": [{"b": "x\0"}]}, r"at a\[0\]\.b.*NUL"),
        ({"a\0": 1}, "NUL"),
        ({"a": {"b\0": 1}}, "NUL"),
        ({"a": "\udfff"}, "at a.*lone surrogate"),
        ({"\ud800": 1}, "lone surrogate"),
        (cyclic(), "nested too deeply or contains itself"),
        (nested(100_000), "nested too deeply or contains itself"),
        ({"a": 10**5000}, "a"),
    ],
    ids=range(26),
)
async def test_wrong_metadata_is_refused(docs: vecs.AsyncCollection, metadata: Any, message: str) -> None:
    with pytest.raises(ArgError, match=f"(?s)record 'bad': metadata is .*{message}"):
        await docs.upsert([("good", X, {}), ("bad", X, metadata)])
    with pytest.raises(ArgError, match="metadata is "):
        await docs.update_metadata(metadata, ids=["kept"])
    with pytest.raises(ArgError):
        await docs.update_metadata(metadata, filters={"n": 1}, replace=True)


async def test_metadata_that_could_be_written_can_be_read_from_any_depth_of_calls(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("deep", 3)
    written: list[int] = []
    for depth in (10, 50, 100, 200, 400, 600, 800, 900, 950, 970, 980):
        try:
            await docs.upsert([(f"{depth}", X, nested(depth))])
            written.append(depth)
        except ArgError:
            break

    async def read_below(calls: int) -> int:
        if calls:
            return await read_below(calls - 1)
        return len(await docs.get())

    assert len(written) > 1
    assert await read_below(200) == len(written)


@pytest.mark.parametrize("value", ["1e20000000", "-1e9999999", "1e999999"])
def test_a_huge_exponent_is_refused_at_once(value: str) -> None:
    # In a process of its own: where it is expanded, nothing else ends it. The limit is of processor time.
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (8, 8))\n"
        "from decimal import Decimal; from vecs._checks.json import encode_json; from vecs.exc import ArgError\n"
        f"try:\n    encode_json({{'n': Decimal('{value}')}})\nexcept ArgError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "record 1 is None"),
        ("text", "record 1 is 'text'"),
        (b"x", "record 1 is b'x'"),
        (5, "record 1 is 5"),
        ((), r"record 1 is \(\)"),
        (("a",), r"record 1 is \('a',\)"),
        (("a", X, {}, 4), "record 1 is .*expected .id, vector"),
        ({"id": "a", "vector": X}, "record 1, a dict, has the unknown field 'vector'; did you mean 'vec'"),
        ({}, r"record '.*' has neither vec nor text \(it is record 1, and its id was made\)"),
        ({1: 2}, "has the unknown field 1;"),
        (Record("a"), "record 'a' has neither vec nor text"),
        ({"id": "a"}, "record 'a' has neither vec nor text"),
        (Record("a", X, text="words"), "record 'a' has text=.*create the collection with text=True"),
        (Record("a", X, document_id="d"), "record 'a' has document_id="),
        (Record("a", X, extra={}), "record 'a' has extra="),
        ({"a", "b"}, "record 1 is "),
        (object(), "record 1 is "),
    ],
)
async def test_a_record_of_the_wrong_shape_is_refused(docs: vecs.AsyncCollection, record: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        await docs.upsert([("good", X, {}), record])
    with pytest.raises(ArgError):
        await docs.upsert([*((f"{i}", X, {}) for i in range(1000)), record])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record("a", X, text="a\0"), "record 'a': text is not storable.*NUL"),
        (Record("a", X, text="\ud800"), "record 'a': text is not storable.*surrogate"),
        (Record("a", X, {"k": 1}), "text is dict, not str; metadata is the fourth argument of vecs.Record"),
        (Record("a", X, text=5), "record 'a': text is int"),  # type: ignore[arg-type]
        (Record("a", X, text=b"x"), "record 'a': text is bytes"),  # type: ignore[arg-type]
        (Record("a", X, document_id="a\0"), "NUL"),
        (Record("a", X, document_id=""), "empty"),
        (Record("a", X, document_id=1.5), "str, an int or a UUID"),  # type: ignore[arg-type]
        (Record("a", X, extra={"x": {1j}}), "record 'a': extra is .*complex"),
        (Record("a", X, extra=[1]), "record 'a': extra is list"),  # type: ignore[arg-type]
        (Record("a", X, extra={"x": "\0"}), "record 'a': extra is .*NUL"),
        (("a", "text", {}), "record 'a' has text.*transform"),
    ],
)
async def test_a_wrong_part_of_a_text_record_is_refused(texts: vecs.AsyncCollection, record: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        await texts.upsert([("good", X, {}), record])


@pytest.mark.parametrize("records", [None, 5, "abc", b"abc", {"id": "a", "vec": X}, Record("a", X), True])
async def test_records_that_are_no_iterable_of_records_are_refused(docs: vecs.AsyncCollection, records: Any) -> None:
    with pytest.raises(ArgError):
        await docs.upsert(records)


@pytest.mark.parametrize("queries", [None, 5, "text", {"a": 1}])
async def test_queries_that_are_no_iterable_are_refused(docs: vecs.AsyncCollection, queries: Any) -> None:
    with pytest.raises(ArgError):
        await docs.search_many(queries)


# --- options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["10", True, 1.5, -1, [1], NAN, 2**63, 10**30])
async def test_a_wrong_limit_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    for call in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="limit must be an integer"):
            await call(X, limit=wrong)
    with pytest.raises(ArgError, match="limit must be an integer"):
        await docs.query(None, limit=wrong)
    with pytest.raises(ArgError, match="limit must be an integer"):
        await docs.get(limit=wrong)


@pytest.mark.parametrize("wrong", ["10", None, True, 1.5, -1, 2**63])
async def test_a_wrong_offset_or_size_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    with pytest.raises(ArgError, match="offset must be an integer"):
        await docs.search(X, offset=wrong)
    with pytest.raises(ArgError, match="offset must be an integer"):
        await docs.get(offset=wrong)
    with pytest.raises(ArgError, match="page_size must be an integer"):
        assert [r async for r in docs.scan(page_size=wrong)]
    if wrong is not None:
        with pytest.raises(ArgError, match="batch_size must be an integer"):
            await docs.upsert([("a", X, {})], batch_size=wrong)


async def test_a_limit_and_an_offset_too_large_together_are_an_empty_page(docs: vecs.AsyncCollection) -> None:
    assert await docs.search(X, limit=2**62, offset=2**62) == []
    assert await docs.search(X, limit=0) == []
    assert await docs.get(limit=0) == []
    assert await docs.query(X, limit=0) == []


@pytest.mark.parametrize("wrong", [0, -1, "40", 1.5, True, 1001, "40; drop table docs"])
async def test_a_wrong_ef_search_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    for call in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="ef_search must be an integer from 1 to 1000"):
            await call(X, ef_search=wrong)


@pytest.mark.parametrize("wrong", [0, -1, "10", 1.5, True, 32769])
async def test_a_wrong_number_of_probes_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    for call in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="probes must be an integer from 1 to 32768"):
            await call(X, probes=wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, NAN, INF, "0.5", True, [0.5]])
async def test_a_wrong_threshold_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    with pytest.raises(ArgError, match="threshold"):
        await docs.search(X, threshold=wrong)


async def test_a_threshold_may_be_a_numpy_number(docs: vecs.AsyncCollection) -> None:
    assert [m.id for m in await docs.search(X, threshold=np.float32(0.5))] == ["kept"]


@pytest.mark.parametrize("wrong", ["cosine", "", 5, [], "<=>", "cosine_distance; drop"])
async def test_an_unknown_measure_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    for call in (docs.search, docs.query, docs.explain):
        with pytest.raises(ArgError, match="measure.*expected one of cosine_distance, l2_distance"):
            await call(X, measure=wrong)
    with pytest.raises(ArgError, match="measure.*expected one of"):
        await docs.index(wrong)
    with pytest.raises(ArgError, match=r"'hnsw' is a method, not a measure; write index\(method='hnsw'\)"):
        await docs.index("HNSW")
    assert not await docs.is_indexed_for_measure(wrong)


@pytest.mark.parametrize("wrong", ["", "Vector", None, 5, "semantic"])
async def test_an_unknown_mode_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    with pytest.raises(ArgError, match="mode"):
        await docs.search(X, mode=wrong)


@pytest.mark.parametrize("wrong", ["", "a\0", "x" * 64, "ü" * 32, "\ud800", None, 5, b"docs", ["docs"]])
async def test_a_wrong_name_is_refused_by_everything_that_takes_one(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str, wrong: Any
) -> None:
    for call in (client.get_collection, client.delete_collection, docs.rename):
        with pytest.raises(ArgError, match="name"):
            await call(wrong)
    for make in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(ArgError, match="name"):
            await make(wrong, dimension=3)
    with pytest.raises(ArgError, match="name"):
        await client.rename_collection("docs", wrong)
    with pytest.raises(ArgError, match="name"):
        vecs.AsyncClient(target, schema=wrong)
    with pytest.raises(ArgError, match="name"):
        await vecs.AsyncCollection(wrong, 3, client).count()


@pytest.mark.parametrize("wrong", [0, -1, "3", 3.0, True, 16_001, NAN, [3]])
async def test_a_wrong_dimension_is_refused(client: vecs.AsyncClient, docs: vecs.AsyncCollection, wrong: Any) -> None:
    for make in (client.create_collection, client.get_or_create_collection):
        for name in ("docs", "new"):
            with pytest.raises(ArgError, match="dimension must be an integer from 1 to 16000"):
                await make(name, dimension=wrong)
    assert await client.collection_names() == ["docs"]


async def test_a_dimension_may_be_a_numpy_integer(client: vecs.AsyncClient) -> None:
    dimension: Any = np.int64(3)
    docs = await client.get_or_create_collection("docs", dimension=dimension)
    assert docs.dimension == 3


@pytest.mark.parametrize(
    "options",
    [
        {"pool_size": 0},
        {"pool_size": "10"},
        {"pool_timeout": 0},
        {"pool_timeout": NAN},
        {"connect_timeout": 0},
        {"connect_timeout": "1"},
        {"statement_timeout": -1},
        {"statement_timeout": INF},
        {"statement_timeout": "5s"},
    ],
)
def test_wrong_client_options_are_refused(target: str, options: Any) -> None:
    with pytest.raises(ArgError, match=next(iter(options))):
        vecs.AsyncClient(target, **options)


async def test_a_transform_that_is_none_is_refused(client: vecs.AsyncClient) -> None:
    wrong: Any
    for wrong in ("all-MiniLM-L6-v2", 5, len, object()):
        with pytest.raises(ArgError, match="not a transform"):
            await client.get_or_create_collection("docs", dimension=3, transform=wrong)
    assert await client.collection_names() == []


# --- filters -----------------------------------------------------------------------------------------


class Lying(Mapping[str, Any]):
    """A mapping with an entry, that says it is empty."""

    def __getitem__(self, key: str) -> Any:
        return {"n": {"$gte": 100}}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["n"])

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return False


FILTERS: list[Any] = [
    [],
    [{"n": 1}],
    "n = 1",
    5,
    True,
    ("n", 1),
    {"n"},
    np.array([1, 2]),
    {1: 2},
    {None: 1},
    {("a",): 1},
    {"$eq": 1},
    {"$nope": 1},
    {"$": 1},
    {"$nor": [{"n": 1}]},
    {"$or": {"n": 1}},
    {"$or": None},
    {"$or": "n"},
    {"$or": [5]},
    {"$or": [None]},
    {"$or": [[{"n": 1}]]},
    {"$and": [{"$or": []}]},
    {"$or": [{"$and": []}, {"n": 1}]},
    {"$not": {}},
    {"$not": [{}, {"n": 1}]},
    {"$not": []},
    {"$not": 5},
    {"n": {}},
    {"n": {"a": 1}},
    {"n": {"$nope": 1}},
    {"n": {"$gt": 1, "x": 1}},
    {"n": {5: 1}},
    {"n": {"$gt": None}},
    {"n": {"$gt": True}},
    {"n": {"$gt": [1]}},
    {"n": {"$gt": NAN}},
    {"n": {"$lt": INF}},
    {"n": {"$gt": Decimal("NaN")}},
    {"n": {"$gt": "\0"}},
    {"n": {"$between": 5}},
    {"n": {"$between": [1]}},
    {"n": {"$between": [1, 2, 3]}},
    {"n": {"$between": [1, "a"]}},
    {"n": {"$between": [None, None]}},
    {"n": {"$in": 5}},
    {"n": {"$in": "abc"}},
    {"n": {"$in": {"a": 1}}},
    {"n": {"$in": [{}]}},
    {"n": {"$in": [[1]]}},
    {"n": {"$in": [NAN]}},
    {"n": {"$in": ["\0"]}},
    {"n": {"$nin": None}},
    {"n": {"$nin": [object()]}},
    {"n": {"$exists": 1}},
    {"n": {"$exists": None}},
    {"n": {"$exists": "true"}},
    {"n": {"$like": 5}},
    {"n": {"$like": None}},
    {"n": {"$like": "a\\"}},
    {"n": {"$ilike": "\0"}},
    {"n": {"$ilike": ["a"]}},
    {"n": {"$contains": [1]}},
    {"n": {"$contains": {}}},
    {"n": {"$contains_any": 1}},
    {"n": {"$contains_all": [[1]]}},
    {"n": {"$not": 5}},
    {"n": {"$not": {}}},
    {"n": {"$not": {"x": 1}}},
    {"n": {"$eq": object()}},
    {"n": {"$eq": range(1)}},
    {"n": {"$eq": {"a": NAN}}},
    {"n": {"$eq": {1: 1}}},
    {"n": {"$eq": cyclic()}},
    {"n": {"$eq": nested(100_000)}},
    {"n": {"$ne": b"x"}},
    {"n": NAN},
    {"n": "\ud800"},
    {"n\0": 1},
    {"\ud800": 1},
    {"n": 10**5000},
    {".".join("a" * 20_000): 1},
    {".".join("a" * 20_000): {"$gt": 1}},
    {"$ID": "a"},
    {"$metadata": {"n": 1}},
    {"$id": {}},
    {"$id": []},
    {"$id": None},
    {"$id": True},
    {"$id": 1.5},
    {"$id": b"a"},
    {"$id": ""},
    {"$id": "\0"},
    {"$id": "\ud800"},
    {"$id": {"$eq": {}}},
    {"$id": {"$in": "abc"}},
    {"$id": {"$in": ["a", None]}},
    {"$id": {"$nin": ["a", "\0"]}},
    {"$id": {"$in": [["a"]]}},
    {"$id": {"$like": 5}},
    {"$id": {"$like": "a\\"}},
    {"$id": {"$exists": True}},
    {"$id": {"$contains": "a"}},
    {"$id": {"$not": "a"}},
    {"$id": {"$not": {"$gt": 1}}},
    {"$id": {"$and": [{"$eq": "a"}]}},
    {"$or": [{"$id": {"$between": ["a", "b"]}}]},
    {"$document_id": None},
    {"$document_id": {"$exists": 1}},
    {"$document_id": {"$gte": "a"}},
    {"$text": None},
    {"$text": 5},
    {"$text": b"a"},
    {"$text": "\0"},
    {"$text": {"$contains": ""}},
    {"$text": {"$contains": ["a"]}},
    {"$text": {"$contains": "a\0"}},
    {"$text": {"$contains": "\udfff"}},
    {"$text": {"$ne": "a"}},
    {"$text": {"$ilike": "\0"}},
    {"$text": {"$like": "\\\\\\"}},
    {"$text": {"$exists": "true"}},
]


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
async def test_a_malformed_filter_is_refused_before_any_sql(docs: vecs.AsyncCollection, filters: Any) -> None:
    with pytest.raises(FilterError):
        await docs.search(X, filters=filters)
    with pytest.raises(FilterError):
        await docs.query(None, filters=filters)
    with pytest.raises(FilterError):
        await docs.count(filters)
    with pytest.raises(FilterError):
        await docs.get(filters=filters)
    with pytest.raises(FilterError):
        assert [r async for r in docs.scan(filters=filters)]
    with pytest.raises(ArgError):
        await docs.update_metadata({"n": 2}, filters=filters)
    with pytest.raises(ArgError):
        await docs.delete(filters=filters)


@pytest.mark.parametrize("operator", ["$and", "$or", "$not"])
async def test_filters_nested_without_end_are_refused(docs: vecs.AsyncCollection, operator: str) -> None:
    filters: Any = {"n": 1}
    for _ in range(5000):
        filters = {operator: [filters]}
    with pytest.raises(FilterError, match="nested"):
        await docs.search(X, filters=filters)


async def test_a_mapping_that_says_it_is_empty_deletes_what_it_matches_only(docs: vecs.AsyncCollection) -> None:
    assert await docs.delete(filters=Lying()) == []
    assert await docs.count() == 1


@pytest.mark.parametrize(
    "filters",
    [
        {"$or": [{"a": i} for i in range(70_000)]},
        {"$and": [{"a": i} for i in range(70_000)]},
    ],
    ids=["or", "and"],
)
async def test_more_conditions_than_a_statement_takes_are_refused_in_words(
    docs: vecs.AsyncCollection, filters: Any
) -> None:
    with pytest.raises(FilterError):
        await docs.count(filters)


async def test_many_values_over_large_metadata_do_not_exhaust_the_server(client: vecs.AsyncClient) -> None:
    # Where every value unpacks the metadata anew the server needs values x size: here 3 GB in one backend.
    docs = await client.create_collection("large", 3)
    await docs.upsert([("large", X, {"text": "x" * 1_000_000, "n": 1})])
    values = [*range(2, 3000)]
    for filters in ({"n": {"$in": values}}, {"n": {"$nin": values}}, {"n": {"$contains_any": values}}):
        assert await _peak_of(client, partial(docs.count, filters)) < 500


@pytest.mark.parametrize(
    ("key", "each"),
    [
        ("{}", {"$eq": -1}),
        ("text", {"$lt": " "}),
        ("{}", {"$in": [-1, -2]}),
        ("text", {"$contains_any": [-1, -2]}),
        ("o.{}", {"$like": "y"}),
        ("text", {"$not": {"$not": {"$ilike": "y"}}}),
        ("$text", {"$ilike": "y"}),
        ("{}", {"$not": {"$exists": False}}),
    ],
    ids=str,
)
async def test_many_conditions_over_large_metadata_do_not_exhaust_the_server(
    client: vecs.AsyncClient, key: str, each: Any
) -> None:
    # Where every condition unpacks the metadata anew, the server needs 1 to 5 GB.
    docs = await client.create_collection("large", 3, text=True)
    large = "x" * 1_000_000
    await docs.upsert([vecs.Record("large", X, large, {"text": large, "o": {"text": large}})])
    filters = {"$or": [{key.format(f"k{n}"): each} for n in range(1000)]}
    assert await _peak_of(client, lambda: docs.count(filters)) < 500
    assert await _peak_of(client, lambda: docs.search(X, filters=filters)) < 500
    assert await _peak_of(client, lambda: docs.update_metadata({"a": 1}, ids=["large"], filters=filters)) < 500
    assert await _peak_of(client, lambda: docs.delete(filters=filters)) < 500


async def _peak_of(client: vecs.AsyncClient, act: Callable[[], Awaitable[Any]]) -> int:
    """Call on a connection of its own; return the most memory its backend had, in MB."""
    await client.close()
    await act()
    async with client.connection() as connection:
        row = await (await connection.execute("select pg_backend_pid()")).fetchone()
        assert row
        try:
            status = Path(f"/proc/{row[0]}/status").read_text()
        except OSError:
            status = ""
    if "Name:\tpostgres" not in status:
        pytest.skip("the server's memory cannot be read from here")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


# --- sizes -------------------------------------------------------------------------------------------


async def test_large_metadata_and_text_are_stored_and_found(client: vecs.AsyncClient) -> None:
    texts = await client.create_collection("texts", 3, text=True)
    metadata = {"x": incompressible(1_000_000), "k" * 1000: 1}
    text = "needle " + incompressible(1000) + " word" * 1_000_000
    assert await texts.upsert([Record("large", X, text=text, metadata=metadata, extra=metadata)]) == 1
    await texts.index()
    (found,) = await texts.get(["large"])
    assert (found.text, found.metadata, found.extra) == (text, metadata, metadata)
    assert len(await texts.search(X, filters=metadata)) == 1


@pytest.mark.parametrize(
    "letters",
    ["абвгдежзиклмнопрстуфхцчшщэюя", "".join(map(chr, range(0x20000, 0x20100)))],
    ids=["cyrillic", "chinese"],
)
async def test_text_whose_words_overflow_a_tsvector_is_stored_or_refused_by_name(
    client: vecs.AsyncClient, letters: str
) -> None:
    texts = await client.create_collection("texts", 3, text=True)
    chosen = random.Random(1)
    text = " ".join("-".join("".join(chosen.choices(letters, k=4)) for _ in range(2)) for _ in range(40_000))
    refused = ""
    try:
        await texts.upsert([Record("wordy", X, text=text)])
    except ArgError as error:
        refused = str(error)
    stored = [record.text for record in await texts.get(["wordy"])]
    assert stored == [text] or (stored == [] and "wordy" in refused)


async def test_twenty_thousand_ids_are_one_call(docs: vecs.AsyncCollection) -> None:
    ids = [f"{i}" for i in range(20_000)]
    assert await docs.upsert([(id_, X, {}) for id_ in ids]) == 20_000
    assert len(await docs.get(ids)) == 20_000
    assert len(await docs.fetch(ids)) == 20_000
    assert len(await docs.update_metadata({"n": 5}, ids=ids)) == 20_000
    assert len(await docs.delete(ids)) == 20_000


@pytest.mark.parametrize("size", [3000, 100_000])
async def test_an_id_too_long_for_an_index_is_refused_by_name(docs: vecs.AsyncCollection, size: int) -> None:
    with pytest.raises(ArgError, match="(?i)the id of record 1"):
        await docs.upsert([("good", X, {}), (incompressible(size), X, {})])


async def test_an_id_of_two_thousand_bytes_is_fine(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("long ids", 3)
    long = incompressible(2000)
    await docs.upsert([(long, X, {})])
    assert [r.id async for r in docs.scan(page_size=1)] == [long]
    assert await docs.get([incompressible(100_000)]) == []
    assert await docs.delete([long]) == [long]


# --- connections -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["target", "connection_string"])
def test_an_empty_target_is_not_the_embedded_server(name: str) -> None:
    with pytest.raises(ArgError, match="the target is an empty string"):
        vecs.AsyncClient(**{name: ""})


SECRETS = [
    "postgresql://user:s3cret%zz@127.0.0.1:1/db",
    "postgresql://user:p@s3cret@127.0.0.1:1/db",
    "postgresql://user:p/s3cret@127.0.0.1:1/db",
    "postgresql://user:1/s3cret@127.0.0.1:1/db",
    "postgresql://user:p#s3cret@127.0.0.1:1/db",
    "postgresql://user:p?s3cret@127.0.0.1:1/db",
    "postgresql://user:p s3cret@127.0.0.1:1/db",
    "postgresql://user:s3cret@127.0.0.1:1/db\ud800",
    "postgresql://user:s3cret@127.0.0.1:1/db\0",
    "postgresql://user:s3cret@127.0.0.1:1/db?nope=1",
    "postgresql://user:s3cret@127.0.0.1:1/db?sslmode=nope",
    "postgresql://user:s3cret@127.0.0.1:99999/db",
    "postgresql://user@127.0.0.1:1/db?password=s3cret",
    "postgresql:/user:s3cret@127.0.0.1:1/db",
    "postgresql//user:s3cret@127.0.0.1:1/db",
    "postgres:user:s3cret@127.0.0.1:1/db",
    "user:s3cret@127.0.0.1:1/db",
    "mysql://user:s3cret@127.0.0.1/db",
    "host=127.0.0.1 port=1 user=u password='s3cret",
    "host=127.0.0.1 port=1 user=u password=a s3cret",
    "host=127.0.0.1 port=1 user=u password=s3cret nope=1",
    "host=127.0.0.1 port=1 user=u password=s3cret connect_timeout=nope",
]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException | None] = [None]
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__]


@pytest.mark.parametrize("dsn", SECRETS, ids=range(len(SECRETS)))
async def test_a_password_is_shown_nowhere(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown: list[str] = []
    try:
        client = vecs.AsyncClient(dsn, connect_timeout=2)
        shown.append(f"{client!r}")
        if not shown[0].count("s3cret"):
            await client.connect()
    except VecsException as caught:
        shown += [f"{error!s} {error!r} {error.args!r}" for error in _chain(caught)]
    assert shown
    assert [text for text in shown if "s3cret" in text] == []
    # What was meant as a server did not become a folder.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["", " ", 5, b"postgresql://h/db", ["x"], "mysql://h/db", "http://h", "a\0b"])
def test_a_target_that_is_none_is_refused(target: Any) -> None:
    with pytest.raises(ArgError):
        vecs.AsyncClient(target)


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        client = vecs.AsyncClient(f"postgresql://u@127.0.0.1:{port}/db", connect_timeout=2)
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            await client.connect()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        await client.collection_names()
    await client.close()


async def test_a_database_that_is_not_there_is_named(target: str) -> None:
    client = vecs.AsyncClient(make_conninfo(target, dbname="absent database"))
    for _ in range(2):
        with pytest.raises(DatabaseError, match='"absent database" does not exist') as caught:
            await client.connect()
        assert not isinstance(caught.value, Unavailable)
    await client.close()


async def test_a_database_without_pgvector_says_what_is_missing_to_one_who_may_not_create_it(
    superuser_target: str,
) -> None:
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute('drop database if exists "no vector"')
        connection.execute("drop role if exists powerless")
        connection.execute('create database "no vector"')
        connection.execute("create role powerless")
    bare = make_conninfo(superuser_target, dbname="no vector")
    async with vecs.create_async_client(make_conninfo(bare, options="-c role=powerless")) as client:
        assert client.vector_version is None
        assert await client.collection_names() == []
        for _ in range(2):
            with pytest.raises(DatabaseError, match="permission denied"):
                await client.get_or_create_collection("docs", dimension=3)
        # Somebody who may makes it meanwhile: the same client sees it.
        async with vecs.create_async_client(bare) as owner:
            docs = await owner.create_collection("docs", 3)
            await docs.upsert([("a", X, {})])
            async with owner.connection() as connection:
                await connection.execute("grant usage on schema vecs to powerless")
                await connection.execute("grant select on all tables in schema vecs to powerless")
        seen = await client.get_or_create_collection("docs", dimension=3)
        assert [m.id for m in await seen.search(X, exact=True)] == ["a"]


async def test_a_statement_that_takes_too_long_ends_and_the_next_one_runs(
    target: str, docs: vecs.AsyncCollection, schema: str
) -> None:
    async with vecs.create_async_client(target, schema=schema, statement_timeout=0.2) as client:
        slow = await client.get_collection("docs")
        with psycopg.connect(target) as locking:
            locking.execute(sql.SQL("lock table {}").format(sql.Identifier(schema, "docs")))
            with pytest.raises(DatabaseError, match="timeout") as caught:
                await slow.search(X)
            assert caught.value.sqlstate == "57014"
            with pytest.raises(DatabaseError, match="timeout"):
                await slow.upsert([(f"{i}", X, {}) for i in range(1000)])
        assert await slow.count() == 1


async def test_what_a_borrower_changes_of_a_connection_does_not_reach_the_next_one(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
        docs = await client.create_collection("docs", 3)
        async with client.connection() as connection:
            connection.row_factory = dict_row  # type: ignore[assignment]
            connection.prepare_threshold = None
            await connection.set_read_only(True)
            await connection.set_isolation_level(psycopg.IsolationLevel.SERIALIZABLE)
            await connection.execute("prepare mine as select 1")
        assert await docs.upsert([(f"{i}", X, {}) for i in range(1000)]) == 1000
        assert len(await docs.search(X)) == 10
        async with client.connection() as connection:
            cursor = await connection.execute("select count(*) from pg_prepared_statements where name = 'mine'")
            assert await cursor.fetchone() == (0,)


@pytest.mark.parametrize("statement", ["deallocate all", "discard all", "begin", "selec", "reset all", "set role none"])
async def test_what_a_borrower_runs_does_not_disturb_the_next_call(target: str, schema: str, statement: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
        docs = await client.create_collection("docs", 3)
        await docs.upsert([("a", X, {})])
        for _ in range(8):
            await docs.search(X)
            await docs.get(["a"])
        try:
            async with client.connection() as connection:
                await connection.execute(statement)  # type: ignore[call-overload]
        except psycopg.Error:
            assert statement == "selec"
        for _ in range(8):
            assert [m.id for m in await docs.search(X)] == ["a"]
            assert len(await docs.get(["a"])) == 1
        assert await docs.upsert([("a", X, {})]) == 1


async def test_a_connection_that_its_borrower_closed_is_replaced(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
        docs = await client.create_collection("docs", 3)
        async with client.connection() as connection:
            await connection.close()
        assert await docs.upsert([("a", X, {})]) == 1
