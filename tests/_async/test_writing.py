"""Upserts: shapes, last wins, all or nothing, many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import vecs
from vecs import Record
from vecs._writing import buffer as _buffer
from vecs.exc import ArgError, MismatchedDimension

VEC = [1.0, 2.0, 3.0]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("docs", 3)


@pytest.fixture
async def texts(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await client.create_collection("texts", 3, text=True)


async def test_upsert_takes_tuples_records_and_dicts_mixed(texts: vecs.AsyncCollection) -> None:
    written = await texts.upsert(
        [
            ("a", VEC, {"n": 1}),
            ("b", np.array(VEC)),
            ("c", tuple(VEC), None),
            Record("d", VEC, text="words", metadata={"n": 4}, document_id="doc", extra={"x": [1]}),
            {"id": 5, "vec": VEC, "metadata": {"n": 5}},
            (UUID(int=6), VEC, {}),
        ]
    )
    records = await texts.get(include_vector=True)
    assert written == 6
    assert [(r.id, r.metadata) for r in records] == [
        (str(UUID(int=6)), {}),
        ("5", {"n": 5}),
        ("a", {"n": 1}),
        ("b", {}),
        ("c", {}),
        ("d", {"n": 4}),
    ]
    assert records[-1] == Record(
        "d", np.array(VEC, np.float32), text="words", metadata={"n": 4}, document_id="doc", extra={"x": [1]}
    )


async def test_the_last_of_several_records_with_one_id_wins(docs: vecs.AsyncCollection) -> None:
    written = await docs.upsert([("a", VEC, {"n": 1}), ("b", VEC, {}), ("a", VEC, {"n": 2})])
    assert written == 2
    assert (await docs.get(["a"]))[0].metadata == {"n": 2}


async def test_an_upsert_replaces_every_part_of_a_record(texts: vecs.AsyncCollection) -> None:
    await texts.upsert([Record("a", VEC, text="old", metadata={"old": 1}, document_id="d", extra={"x": 1})])
    await texts.upsert([("a", [0, 0, 1], {"new": 1})])
    assert await texts.get(["a"], include_vector=True) == [
        Record("a", np.array([0, 0, 1], np.float32), metadata={"new": 1})
    ]


@pytest.mark.parametrize("rows", [1, 499, 501, 3000])
async def test_the_same_rows_arrive_by_every_path(docs: vecs.AsyncCollection, rows: int) -> None:
    records = [(f"{i}", [i, i + 1, i + 2], {"n": i, "s": "ü'%\\\n\t"}) for i in range(rows)]
    assert await docs.upsert(records) == rows
    assert await docs.upsert(reversed(records)) == rows
    found = {r.id: r async for r in docs.scan(include_vector=True)}
    assert found == {i: Record(i, np.array(vec, np.float32), metadata=metadata) for i, vec, metadata in records}


async def test_rows_beyond_the_memory_limit_are_sorted_by_the_server_and_the_last_wins(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_buffer.RowBuffer.__init__, "__defaults__", (10_000,))
    records = ((f"{i % 700}", VEC, {"n": i}) for i in range(2000))
    assert await docs.upsert(records) == 700
    newest = {r.id: r.metadata["n"] for r in await docs.get() if r.metadata}
    assert newest == {f"{i % 700}": i for i in range(2000)}


async def test_small_rows_count_with_what_they_cost_in_memory() -> None:
    buffer = _buffer.RowBuffer(memory=100_000)
    buffer.extend((None, (b"id", b"x", b"{}")) for _ in range(1000))
    assert buffer.spilled
    buffer.close()


async def test_an_invalid_record_leaves_nothing_written(docs: vecs.AsyncCollection) -> None:
    records = [*((f"{i}", VEC, {}) for i in range(1200)), ("bad", [1, 2], {})]
    with pytest.raises(MismatchedDimension, match=r"'bad'.*dimension 2.*'docs' has dimension 3"):
        await docs.upsert(records)
    assert await docs.count() == 0


async def test_batches_commit_one_by_one(docs: vecs.AsyncCollection) -> None:
    records = [*((f"{i}", VEC, {}) for i in range(25)), ("bad", [1, 2], {})]
    with pytest.raises(MismatchedDimension):
        await docs.upsert(records, batch_size=10)
    assert await docs.count() == 20


async def test_a_generator_that_fails_leaves_nothing_written(docs: vecs.AsyncCollection) -> None:
    def records() -> Iterator[Any]:
        for i in range(1000):
            yield (f"{i}", VEC, {})
        raise RuntimeError("the source dried up")

    with pytest.raises(RuntimeError, match="dried up"):
        await docs.upsert(records())
    assert await docs.count() == 0


async def test_nothing_to_write_is_no_error(docs: vecs.AsyncCollection) -> None:
    assert await docs.upsert([]) == 0


async def test_no_transaction_is_open_while_the_input_is_read(docs: vecs.AsyncCollection) -> None:
    seen: list[int] = []

    def records() -> Iterator[Any]:
        for i in range(1200):
            yield (f"{i}", VEC, {})
        with vecs.create_client(str(_dsn)) as other, other.connection() as connection:
            row = connection.execute(
                "select count(*) from pg_stat_activity "
                "where datname = current_database() and state like 'idle in transaction%'"
            ).fetchone()
            seen.extend(row or ())

    async with docs.client.connection() as connection:
        _dsn = connection.info.dsn
    await docs.upsert(records())
    assert seen == [0]


async def test_the_input_is_not_changed(docs: vecs.AsyncCollection) -> None:
    metadata, vec = {"n": 1}, np.array([1.0, 2.0, 3.0])
    records = [("a", vec, metadata)]
    await docs.upsert(records)
    assert metadata == {"n": 1}
    assert vec.dtype == np.float64
    assert records[0][1] is vec


async def test_progress_is_reported_to_a_callable(docs: vecs.AsyncCollection) -> None:
    calls: list[tuple[int, int | None]] = []
    await docs.upsert(
        [(f"{i}", VEC, {}) for i in range(1100)], progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(done, 1100) for done in range(100, 1101, 100)]
    calls.clear()
    await docs.upsert((("a", VEC, {}) for _ in range(3)), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, None)]


@pytest.mark.parametrize("bar", [True, "tqdm", "rich"])
async def test_progress_can_be_a_bar(docs: vecs.AsyncCollection, bar: Any, capfd: pytest.CaptureFixture[str]) -> None:
    await docs.upsert([(f"{i}", VEC, {}) for i in range(10)], progress=bar)
    assert "docs" in "".join(capfd.readouterr())


async def test_delete_returns_the_ids_that_existed(texts: vecs.AsyncCollection) -> None:
    await texts.upsert([Record(f"{i}", VEC, metadata={"n": i}, document_id=f"d{i % 2}") for i in range(8)])
    assert await texts.delete(["0", "1", "nothing"]) == ["0", "1"]
    assert sorted(await texts.delete(filters={"n": {"$lt": 4}})) == ["2", "3"]
    assert sorted(await texts.delete(document_ids=["d0"])) == ["4", "6"]
    assert [r.id for r in await texts.get()] == ["5", "7"]


async def test_update_metadata_merges_and_replaces_without_touching_vectors(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("a", VEC, {"x": 1, "y": {"z": 1}}), ("b", VEC, {"x": 1})])
    assert await docs.update_metadata({"y": 2, "w": None}, ids=["a", "nothing"]) == ["a"]
    assert (await docs.get(["a"]))[0].metadata == {"x": 1, "y": 2, "w": None}
    assert sorted(await docs.update_metadata({"k": 1}, filters={"x": 1}, replace=True)) == ["a", "b"]
    found = await docs.get(include_vector=True)
    assert [r.metadata for r in found] == [{"k": 1}, {"k": 1}]
    assert [list(np.asarray(r.vec)) for r in found] == [VEC, VEC]
    with pytest.raises(ArgError, match="needs ids, filters or document_ids"):
        await docs.update_metadata({"k": 2})


async def test_update_metadata_merges_and_replaces_extra_in_the_same_statement(texts: vecs.AsyncCollection) -> None:
    await texts.upsert([Record("a", VEC, extra={"x": 1, "y": {"z": 1}}), Record("b", VEC, metadata={"n": 1})])

    async def extras() -> list[Any]:
        return [record.extra for record in await texts.get()]

    hostile = {"y": None, "k'\"%\\ $1 {x}": "v'\"%\\"}
    assert sorted(await texts.update_metadata({}, ids=["a", "b"], extra=hostile)) == ["a", "b"]
    assert await extras() == [{"x": 1, **hostile}, hostile]
    assert [record.metadata for record in await texts.get()] == [{}, {"n": 1}]
    await texts.update_metadata({"n": 2}, ids=["a"], replace=True)
    assert await extras() == [{"x": 1, **hostile}, hostile]
    await texts.update_metadata({"m": 1}, filters={"$id": "b"}, replace=True, extra={"w": [1]})
    assert await extras() == [{"x": 1, **hostile}, {"w": [1]}]
    assert [record.metadata for record in await texts.get()] == [{"n": 2}, {"m": 1}]


@pytest.mark.parametrize("extra", [5, "a", [("a", 1)], {1: 2}, {"a": float("nan")}, {"a": "\0"}, {"\ud800": 1}])
async def test_an_extra_that_is_not_storable_is_refused(texts: vecs.AsyncCollection, extra: Any) -> None:
    with pytest.raises(ArgError, match="extra"):
        await texts.update_metadata({}, ids=["a"], extra=extra)


async def test_a_collection_without_text_keeps_no_extra(docs: vecs.AsyncCollection) -> None:
    for ids in (["a"], []):
        with pytest.raises(ArgError, match=r"'docs' keeps no extra; .*enable_text\(\).*text=True"):
            await docs.update_metadata({}, ids=ids, extra={})


async def test_truncate_removes_everything(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("a", VEC, {})])
    await docs.truncate()
    assert await docs.count() == 0
