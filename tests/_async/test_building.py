"""Builds of indexes: what they report, take, replace, refuse, and leave behind when they end early."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

import vecs
from vecs import IndexArgsHNSW, IndexArgsIVFFlat
from vecs._async.indexing import watch
from vecs.exc import ArgError, DatabaseError, Unavailable

ROWS, DIMENSION = 3_000, 64
# Long enough to be looked at a few times, on any machine.
SLOW = IndexArgsHNSW(m=16, ef_construction=128)
VECTORS = np.random.default_rng(0).normal(size=(8_000, DIMENSION)).astype(np.float32)


async def filled(client: vecs.AsyncClient, rows: int = ROWS) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", DIMENSION)
    await docs.upsert((f"{i}", VECTORS[i], {"n": i}) for i in range(rows))
    return docs


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds are looked at ten times as often as a user's, so that they may be short."""
    monkeypatch.setattr(watch, "PERIOD", 0.02)


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    return await filled(client)


@pytest.fixture
async def other(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """Another client on the same collections."""
    async with vecs.create_async_client(target, schema=schema) as other:
        yield other


class Seen(list[vecs.BuildProgress]):
    """A callback that keeps what it is told."""

    def __call__(self, at: vecs.BuildProgress) -> None:
        self.append(at)

    def phases(self) -> list[str]:
        return list(dict.fromkeys(at.phase for at in self))


def names(indexes: list[vecs.IndexInfo]) -> list[str]:
    return [index.name for index in indexes if not index.primary]


def building_now(target: str, schema: str) -> list[Any]:
    with psycopg.connect(target) as connection:
        return connection.execute(
            "select pid from pg_stat_activity where state <> 'idle' and query like 'create index%%' and query like %s",
            (f"%{schema}%",),
        ).fetchall()


def interrupted_build(target: str, schema: str, name: str) -> None:
    """Leave an invalid index as an interrupted build does."""
    create = sql.SQL("create index concurrently {} on {} using hnsw (vec vector_l2_ops)")
    table = sql.Identifier(schema, "docs")
    with psycopg.connect(target) as writer, psycopg.connect(target, autocommit=True) as connection:
        # The build begins with waiting for all who may write.
        writer.execute(sql.SQL("lock table {} in row exclusive mode").format(table))
        connection.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(create.format(sql.Identifier(name), table))


# --- progress ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrently", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
async def test_a_build_reports_its_way_from_nothing_to_a_hundred(
    docs: vecs.AsyncCollection, concurrently: bool, workers: int
) -> None:
    seen = Seen()
    name = await docs.index(method=SLOW, concurrently=concurrently, workers=workers, progress=seen)
    percents = [at.percent for at in seen if at.percent is not None]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    assert (seen[-1].phase, seen[-1].percent, seen[-1].index) == ("done", 100, name)
    loading = [at for at in seen if at.phase == "loading tuples" and at.done]
    assert loading
    assert all(at.index == name and at.unit == "tuples" and at.done <= ROWS for at in loading)
    assert all(at.total is not None and at.done <= at.total <= 1.5 * ROWS for at in loading)
    # Half of the tuples is about half of the way.
    assert all(abs((at.percent or 0) - 94 * at.done / ROWS) < 10 for at in loading)
    assert [at.seconds for at in seen] == sorted(at.seconds for at in seen)


async def test_a_build_too_short_to_watch_reports_its_end(client: vecs.AsyncClient) -> None:
    docs = await filled(client, 10)
    seen = Seen()
    name = await docs.index(progress=seen)
    assert (seen[-1].phase, seen[-1].percent, seen[-1].index) == ("done", 100, name)


@pytest.mark.parametrize("concurrently", [False, True])
@pytest.mark.parametrize("options", [{"pool_size": 1}, {"pooler": True}])
async def test_progress_needs_no_second_connection_of_the_pool(
    docs: vecs.AsyncCollection, target: str, schema: str, concurrently: bool, options: Any
) -> None:
    async with vecs.create_async_client(target, schema=schema, pool_timeout=5, **options) as client:
        seen = Seen()
        same = await client.get_collection("docs")
        await same.index(method=SLOW, concurrently=concurrently, progress=seen)
        assert "loading tuples" in seen.phases()
        assert seen[-1].percent == 100


@pytest.mark.parametrize("kind", ["tqdm", "rich"])
async def test_a_bar_is_drawn_to_its_end(docs: vecs.AsyncCollection, capfd: Any, kind: Any) -> None:
    await docs.index(method=SLOW, progress=kind)
    drawn = "".join(capfd.readouterr())
    assert "docs: done" in drawn
    assert "100%" in drawn


@pytest.mark.parametrize("wrong", ["yes", 5, None, []])
async def test_a_wrong_progress_is_refused(docs: vecs.AsyncCollection, wrong: Any) -> None:
    with pytest.raises(ArgError, match="progress must be"):
        await docs.index(progress=wrong)
    assert names(await docs.indexes()) == []


@pytest.mark.parametrize("concurrently", [False, True])
async def test_an_error_of_the_callback_ends_the_build(
    docs: vecs.AsyncCollection, target: str, schema: str, concurrently: bool
) -> None:
    def fail(at: vecs.BuildProgress) -> None:
        if at.phase == "loading tuples":
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await docs.index(method=SLOW, concurrently=concurrently, progress=fail, memory="1MB")
    assert building_now(target, schema) == []
    assert names(await docs.indexes()) == []
    assert len(await docs.index(concurrently=concurrently)) > 0


# --- the same again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["hnsw", "ivfflat", IndexArgsHNSW(m=8), IndexArgsIVFFlat(7)])
@pytest.mark.parametrize("concurrently", [False, True])
async def test_the_same_call_again_builds_nothing_and_says_so(
    docs: vecs.AsyncCollection, caplog: Any, method: Any, concurrently: bool
) -> None:
    caplog.set_level(logging.INFO, "vecs")
    name = await docs.index(method=method, concurrently=concurrently)
    before = await docs.indexes()
    assert "nothing to build" not in caplog.text
    seen = Seen()
    assert await docs.index(method=method, concurrently=concurrently, progress=seen) == name
    assert f"already has the index {name}; nothing to build" in caplog.text
    assert [(at.phase, at.percent, at.index) for at in seen] == [("exists already", 100, name)]
    assert await docs.indexes() == before


# --- replacing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrently", [False, True])
async def test_searches_go_through_an_index_while_it_is_replaced(
    docs: vecs.AsyncCollection, other: vecs.AsyncClient, concurrently: bool
) -> None:
    first = await docs.index(method=IndexArgsHNSW(m=8))
    reader = await other.get_collection("docs")
    answers: list[tuple[str, int, str]] = []

    async def search(at: vecs.BuildProgress) -> None:
        plan = await reader.explain(VECTORS[5])
        answers.append((at.phase, len(await reader.search(VECTORS[5])), plan))

    second = await docs.index(method=SLOW, concurrently=concurrently, progress=search)
    assert len(answers) > 2
    assert {"dropping the index that was replaced", "done"} <= {phase for phase, _, _ in answers}
    assert {count for _, count, _ in answers} == {10}
    assert all(first in plan or second in plan for _, _, plan in answers)
    assert first not in names(await docs.indexes())


async def test_writers_do_not_wait_for_a_concurrent_build(docs: vecs.AsyncCollection, other: vecs.AsyncClient) -> None:
    writer = await other.get_collection("docs")
    written: list[int] = []

    async def write(at: vecs.BuildProgress) -> None:
        if at.phase == "loading tuples":
            written.append(await writer.upsert([(f"new {len(written)}", VECTORS[0], {})]))

    await docs.index(method=SLOW, concurrently=True, progress=write)
    assert written
    assert await docs.count() == ROWS + len(written)


# --- ended early -------------------------------------------------------------------------------------


async def test_what_an_interrupted_build_left_is_dropped_and_what_others_made_is_not(
    docs: vecs.AsyncCollection, target: str, schema: str
) -> None:
    interrupted_build(target, schema, "ix_vector_l2_ops_hnsw_m16_efc64_abcdef0")
    interrupted_build(target, schema, "mine")
    assert sorted(names(await docs.indexes())) == ["ix_vector_l2_ops_hnsw_m16_efc64_abcdef0", "mine"]
    name = await docs.index()
    left = {index.name: index.valid for index in await docs.indexes() if index.method == "hnsw"}
    assert left == {name: True, "mine": False}


@pytest.mark.parametrize("pooler", [False, True])
async def test_a_concurrent_build_whose_connection_dies_leaves_no_index(
    docs: vecs.AsyncCollection, target: str, schema: str, pooler: bool
) -> None:
    def kill(at: vecs.BuildProgress) -> None:
        if at.phase == "loading tuples":
            with psycopg.connect(target, autocommit=True) as connection:
                for (pid,) in building_now(target, schema):
                    connection.execute("select pg_terminate_backend(%s)", (pid,))

    async with vecs.create_async_client(target, schema=schema, pooler=pooler) as client:
        same = await client.get_collection("docs")
        # They do not reach a concurrent build through a pooler.
        slow: Any = {} if pooler else {"workers": 0, "memory": "1MB"}
        with pytest.raises(Unavailable):
            await same.index(method=SLOW, concurrently=True, progress=kill, **slow)
    assert names(await docs.indexes()) == []
    await docs.index(concurrently=True)


async def test_a_statement_that_fails_leaves_no_index(docs: vecs.AsyncCollection, target: str, schema: str) -> None:
    def cancel(at: vecs.BuildProgress) -> None:
        if at.phase == "loading tuples":
            with psycopg.connect(target, autocommit=True) as connection:
                for (pid,) in building_now(target, schema):
                    connection.execute("select pg_cancel_backend(%s)", (pid,))

    for concurrently in (False, True):
        with pytest.raises(DatabaseError, match="canceling statement"):
            await docs.index(method=SLOW, concurrently=concurrently, progress=cancel, workers=0, memory="1MB")
        assert names(await docs.indexes()) == []


# --- memory and workers ------------------------------------------------------------------------------


async def test_memory_is_enough_by_default(docs: vecs.AsyncCollection, caplog: Any) -> None:
    caplog.set_level(logging.WARNING, "vecs")
    for workers in (0, 2):
        await docs.index(method=IndexArgsHNSW(m=24 + workers, ef_construction=64), workers=workers)
    assert caplog.text == ""


@pytest.mark.parametrize("concurrently", [False, True])
async def test_too_little_memory_is_told(docs: vecs.AsyncCollection, caplog: Any, concurrently: bool) -> None:
    await docs.index(memory="1MB", concurrently=concurrently, workers=0)
    assert "does not fit into 1MB" in caplog.text
    assert "index(memory=)" in caplog.text


async def test_too_little_memory_for_lists_says_what_to_do(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(DatabaseError, match="memory required is .*memory="):
        await docs.index(method=IndexArgsIVFFlat(100), memory="1MB")
    await docs.index(method=IndexArgsIVFFlat(1000))


@pytest.mark.parametrize(
    "memory", ["1 GB", "lots", "-1", "-64MB", "64", "1.5GB", "1gb", "", "500kB", "99TB", 64, 1.5, []]
)
async def test_a_wrong_memory_is_refused(docs: vecs.AsyncCollection, memory: Any) -> None:
    with pytest.raises(ArgError, match=r"memory must be .*(MB|GB)"):
        await docs.index(memory=memory)


@pytest.mark.parametrize("workers", [-1, 1025, "2", 1.5, True])
async def test_wrong_workers_are_refused(docs: vecs.AsyncCollection, workers: Any) -> None:
    with pytest.raises(ArgError, match="workers must be an integer from 0 to 1024"):
        await docs.index(workers=workers)


# --- lists -------------------------------------------------------------------------------------------


async def test_lists_follow_the_number_of_records(client: vecs.AsyncClient, caplog: Any) -> None:
    docs = await client.create_collection("docs", DIMENSION)
    lists: list[str] = []
    for rows in (0, 3000, 5000, 8000):
        await docs.upsert((f"{i}", VECTORS[i], {}) for i in range(rows))
        await docs.index(method="ivfflat")
        lists += [index.options["lists"] for index in await docs.indexes() if index.measure]
        assert ("load them first" in caplog.text) == (rows == 0)
        caplog.clear()
    assert lists == ["1", "3", "3", "8"]


async def test_an_index_on_a_part_warns_by_the_records_of_that_part(client: vecs.AsyncClient, caplog: Any) -> None:
    docs = await client.create_collection("parts", 3)
    await docs.upsert([(str(n), [1, n, 2], {"kind": "rare" if n < 2 else "common"}) for n in range(50)])
    caplog.set_level(logging.WARNING, "vecs")
    await docs.index(method=IndexArgsIVFFlat(5), filters={"kind": "rare"})
    assert "was built from about 2 records" in caplog.text
