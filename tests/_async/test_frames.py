"""Data frames in and out of a collection."""

from __future__ import annotations

import math
import sys
from datetime import datetime
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import vecs
from vecs import Record
from vecs.exc import ArgError, DatabaseError, MissingDependency


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", 2, text=True)


ROWS: dict[str, Any] = {
    "id": ["a", "b", "c"],
    "vec": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    "text": ["x", None, "z"],
    "document_id": ["d", None, "d"],
    "year": [1999, 2012, 2020],
    "price": [1.5, None, 2.0],
    "kind": ["novel", None, "naïve 文"],
    "new": [True, None, False],
    "tags": [["sea", "war"], [], None],
}
KEYS = ["year", "price", "kind", "new", "tags"]


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame, datasets.Dataset.from_dict], ids=["arrow", "polars", "hf"])
async def test_arrow_goes_in_and_comes_out_the_same(docs: vecs.AsyncCollection, make: Any) -> None:
    assert await docs.upsert(make(ROWS)) == 3
    assert (await docs.to_arrow(columns=KEYS)).to_pydict() == ROWS
    (record,) = await docs.get(["b"])
    assert record.metadata == {"year": 2012, "price": None, "kind": None, "new": None, "tags": []}


async def test_pandas_goes_in_and_comes_out_the_same(docs: vecs.AsyncCollection) -> None:
    frame = pd.DataFrame(ROWS).astype({"new": "boolean"})
    frame["vec"] = [np.array(vec, np.float32) for vec in frame["vec"]]
    before = frame.copy(deep=True)
    await docs.upsert(frame)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(await docs.to_pandas(columns=KEYS), frame)


async def test_what_comes_out_goes_in_again_the_same(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    await docs.upsert(
        [
            Record("a", [1, 2], "x", {"n": 1, "o": {"a": [1, None]}, "f": 1.0}, "d"),
            Record("b", [0, 1], None, {"n": None}),
        ]
    )
    copied = await client.create_collection("copied", 2, text=True)
    for frame in (
        await docs.to_pandas(),
        await docs.to_arrow(),
        pl.from_arrow(await docs.to_arrow()),
        (await docs.to_arrow()).to_pandas(),
    ):
        await copied.truncate()
        await copied.upsert(frame)
        assert [r async for r in copied.scan(include_vector=True)] == [r async for r in docs.scan(include_vector=True)]
    found = await docs.search([1, 2], include_vector=True)
    await copied.truncate()
    await copied.upsert(found.to_pandas().drop(columns=["score", "distance"]))
    assert [r async for r in copied.scan(include_vector=True)] == [r async for r in docs.scan(include_vector=True)]


@pytest.mark.parametrize(("precision", "sparse"), [("half", False), ("binary", False), ("full", True)])
async def test_vectors_of_each_kind_come_back(client: vecs.AsyncClient, precision: Any, sparse: bool) -> None:
    docs = await client.create_collection("kinds", 4, precision=precision, sparse=sparse)
    copied = await client.create_collection("copied", 4, precision=precision, sparse=sparse)
    await docs.upsert([("a", {1: 0.5} if sparse else [1, 0, 1, 0], {}), ("b", {3: 1} if sparse else [0, 0, 1, 1], {})])
    for frame in (await docs.to_pandas(), await docs.to_arrow()):
        await copied.truncate()
        await copied.upsert(frame)
        assert [r async for r in copied.scan(include_vector=True)] == [r async for r in docs.scan(include_vector=True)]


async def test_batches_have_the_rows_of_the_whole(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([(f"{i}", [i, 1], {"n": i if i else None, "even": i % 2 == 0}) for i in range(10)])
    options: dict[str, Any] = {"columns": {"n": "number", "even": "even"}, "filters": {"$id": {"$ne": "9"}}}
    batches = [batch async for batch in await docs.to_arrow(batches=4, **options)]
    assert [batch.num_rows for batch in batches] == [4, 4, 1]
    assert pa.Table.from_batches(batches) == await docs.to_arrow(**options)
    frames = [frame async for frame in await docs.to_pandas(batches=4, **options)]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), await docs.to_pandas(**options))
    assert frames[1]["number"].dtype == frames[0]["number"].dtype == "Int64"
    assert [frame async for frame in await docs.to_pandas(batches=4, filters={"n": -1})] == []


async def test_keys_of_metadata_are_typed_by_the_records_that_match(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("a", [1, 1], {"k": 1, "p": {"q": "x"}}), ("b", [1, 1], {"k": "text", "big": 10**400})])
    mixed = await docs.to_arrow(columns=["k", "p.q", "big"])
    assert mixed.to_pydict()["k"] == ["1", '"text"']
    assert mixed.to_pydict()["p.q"] == ["x", None]
    assert str(mixed.schema.field("big").type) == "string"
    assert (await docs.to_arrow(columns=["k"], filters={"k": 1})).schema.field("k").type == pa.int64()
    assert (await docs.to_arrow(columns=["k"], filters={"k": 2})).num_rows == 0
    assert (await docs.to_pandas(columns=[])).columns.tolist() == ["id", "vec", "text", "document_id"]


async def test_a_value_of_another_type_written_meanwhile_is_told(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([(f"{i}", [1, 1], {"n": i}) for i in range(4)])
    batches = await docs.to_arrow(batches=2, columns=["n"])
    assert (await anext(batches)).num_rows == 2
    await docs.upsert([("3", [1, 1], {"n": "three"})])
    with pytest.raises(DatabaseError, match="values of another type were written at 'n'"):
        await anext(batches)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batches": 0}, "batches must be"),
        ({"columns": "year"}, "columns must be a list of keys"),
        ({"columns": ["text"]}, "the data frame already has a column 'text'"),
        ({"columns": ["$id"]}, r"columns= takes keys of metadata, and '\$id' is a column"),
        ({"columns": ["$no"]}, "unknown column"),
        ({"include_vector": "yes"}, "include_vector"),
    ],
)
async def test_wrong_arguments_of_frames_are_refused(docs: vecs.AsyncCollection, arguments: Any, message: str) -> None:
    for call in (docs.to_pandas, docs.to_arrow):
        with pytest.raises(ArgError, match=message):
            await call(**arguments)


async def test_a_record_without_an_id_gets_one(docs: vecs.AsyncCollection) -> None:
    done = await docs.upsert([Record(vec=[1, 1]), ("kept", [2, 2]), (None, [3, 3]), {"vec": [4, 4]}])
    assert (int(done), len(done.ids)) == (4, 3)
    assert [r.vec.tolist() for r in await docs.get(done.ids, include_vector=True) if r.vec is not None] == [
        [1, 1],
        [3, 3],
        [4, 4],
    ]
    assert (await docs.upsert([("kept", [2, 2])])).ids == []


async def test_ids_of_the_content_are_the_same_in_every_call(docs: vecs.AsyncCollection) -> None:
    frame = pd.DataFrame({"text": ["x", "y", "x"], "vec": [[1, 1], [2, 2], [3, 3]]})
    first, second = await docs.upsert(frame, ids="content"), await docs.upsert(frame, ids="content")
    assert list(first.ids) == list(second.ids)
    assert first.ids[0] == first.ids[2] != first.ids[1]
    assert await docs.count() == 2


async def test_ids_are_made_where_a_row_has_none(docs: vecs.AsyncCollection) -> None:
    done = await docs.upsert(pd.DataFrame({"id": [1, None], "vec": [[1, 1], [2, 2]]}))
    assert sorted(r.id for r in await docs.get()) == sorted(["1", *done.ids])


async def test_a_row_that_cannot_be_stored_is_named_and_nothing_is_written(docs: vecs.AsyncCollection) -> None:
    rows = [[1.0, 2.0]] * 700
    with pytest.raises(ArgError, match=r"it is record 699, and its id was made"):
        await docs.upsert(pa.table({"vec": [*rows[:-1], [1.0]]}))
    with pytest.raises(ArgError, match="record 'r699'.*vec"):
        await docs.upsert(pa.table({"id": [f"r{i}" for i in range(700)], "vec": [*rows[:-1], [1.0, math.nan]]}))
    with pytest.raises(ArgError, match="Timedelta.* at d is Timedelta, .*it is record 0"):
        await docs.upsert(pd.DataFrame({"vec": [[1, 1]], "d": pd.to_timedelta(["1h"])}))
    assert await docs.count() == 0


async def test_streams_are_read_lazily_with_progress_and_commits(docs: vecs.AsyncCollection) -> None:
    taken = list[int]()

    def batches() -> Any:
        for start in range(0, 1000, 250):
            taken.append(start)
            yield pa.record_batch(
                {"vec": pa.array([[float(start + i), 1] for i in range(250)], pa.list_(pa.float64()))}
            )

    schema = pa.schema([("vec", pa.list_(pa.float64()))])
    seen = list[tuple[int, int | None, int]]()

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total, len(taken)))

    await docs.upsert(pa.RecordBatchReader.from_batches(schema, batches()), batch_size=100, progress=progress)
    assert seen[0] == (100, None, 1)
    assert seen[-1] == (1000, None, 4)
    assert await docs.count() == 1000
    await docs.upsert(pd.DataFrame({"vec": [[1, 1]] * 150}), progress=progress)
    assert seen[-1][:2] == (150, 150)


async def test_without_the_extra_nothing_is_done(docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, table = pd.DataFrame({"vec": [[1, 1]]}), pa.table({"vec": [[1, 1]]})
    for name, given in (("narwhals", frame), ("pyarrow", table)):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, None)
            with pytest.raises(MissingDependency, match=rf"{name} .*: pip install 'vecs\[data\]'"):
                await docs.upsert(given)
    for name, call in (("pandas", docs.to_pandas), ("pyarrow", docs.to_arrow)):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, None)
            with pytest.raises(MissingDependency, match=r"pip install 'vecs\[data\]'"):
                await call(batches=10)
    assert await docs.count() == 0


@pytest.mark.parametrize("ids", ["hash", None, ["a"]])
async def test_wrong_ways_to_make_ids_are_refused(docs: vecs.AsyncCollection, ids: Any) -> None:
    with pytest.raises(ArgError, match="ids must be 'uuid' or 'content'"):
        await docs.upsert([("a", [1, 1])], ids=ids)
    with pytest.raises(ArgError, match="columns= names the columns of a data frame, and the records are list"):
        await docs.upsert([("a", [1, 1])], columns={"id": "key"})


async def test_a_frame_is_checked_before_a_model_works(client: vecs.AsyncClient) -> None:
    worked = list[str]()

    def embed(texts: list[str]) -> Any:
        worked.extend(texts)
        return [[1.0, 2.0] for _ in texts]

    docs = await client.create_collection("model", transform=vecs.Embedding(embed, dimension=2))
    texts = ["x"] * 600
    with pytest.raises(ArgError, match="record 'r599'"):
        await docs.upsert(
            pd.DataFrame({"id": [f"r{i}" for i in range(600)], "body": texts, "n": [*range(599), math.inf]}),
            columns={"text": "body"},
        )
    assert worked == []
    done = await docs.upsert(pd.DataFrame({"body": ["one", "two"]}), columns={"text": "body"})
    assert [r.text for r in await docs.get(done.ids)] == ["one", "two"]
    assert worked == ["one", "two"]


async def test_frames_of_tables_of_ones_own(client: vecs.AsyncClient, run: Any, schema: str) -> None:
    run(
        "create table {s}.books (id text primary key, embedding vector(2), body text, price numeric, born timestamp);"
        "create table {s}.numbered (n bigint primary key, embedding vector(2)); "
    )
    books = await client.attach((schema, "books"), vec="embedding", text="body", columns=["price", "born"])
    born = datetime(2020, 1, 31, 8, 30)
    await books.upsert(
        pd.DataFrame({"id": ["a", "b"], "vec": [[1, 2], None], "price": [1.5, None], "born": [born, None]})
    )
    await books.upsert(pd.DataFrame({"id": ["a"], "text": ["kept"]}))
    await books.upsert(pa.table({"id": ["a"], "price": [2.5]}))
    table = await books.to_arrow(columns=["price", "born"])
    assert table.to_pylist() == [
        {"id": "a", "vec": [1, 2], "text": "kept", "document_id": None, "price": 2.5, "born": "2020-01-31T08:30:00"},
        {"id": "b", "vec": None, "text": None, "document_id": None, "price": None, "born": None},
    ]
    await books.upsert(table)
    assert await books.to_arrow(columns=["price", "born"]) == table
    numbered = await client.attach((schema, "numbered"), vec="embedding")
    with pytest.raises(ArgError, match="record 0 has no id, and none can be made: column 'n'"):
        await numbered.upsert(pa.table({"vec": [[1, 2]]}))
    await numbered.upsert(pd.DataFrame({"id": [7], "vec": [[1, 2]]}))
    assert [record.id for record in await numbered.get()] == ["7"]


async def test_searches_return_lists_that_make_frames(docs: vecs.AsyncCollection) -> None:
    await docs.upsert(pa.table(ROWS))
    assert type(await docs.search([1, 2])) is vecs.Matches
    many = await docs.search_many([[1, 2], [3, 4]], limit=1)
    assert [type(found) for found in many] == [vecs.Matches] * 2
    grouped = await docs.search([1, 2], group_by="kind", include_columns=True)
    assert grouped.to_polars()["group"].to_list() == [None if m.group is None else f'"{m.group}"' for m in grouped]
    assert (await docs.search([1, 2], filters={"year": 1})).to_pandas().empty
