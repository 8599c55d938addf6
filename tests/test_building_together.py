"""Builds of several clients at once, and builds that are interrupted: by Ctrl-C, a cancellation, a dead process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs import IndexArgsHNSW

ROWS, DIMENSION = 4_000, 64
# Seconds, of which the tests need tenths.
SLOW = IndexArgsHNSW(m=16, ef_construction=1000)
VECTORS = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)


@pytest.fixture
def docs(target: str, schema: str) -> Iterator[vecs.Collection]:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", DIMENSION)
        docs.upsert((f"{i}", VECTORS[i], {"n": i}) for i in range(ROWS))
        yield docs


def names(docs: vecs.Collection) -> list[str]:
    return [index.name for index in docs.indexes() if not index.primary]


def builds(target: str, schema: str) -> int:
    with psycopg.connect(target) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where state <> 'idle' and query like 'create index%%' "
            "and query like %s",
            (f"%{schema}%",),
        ).fetchone()
    assert row is not None
    return int(row[0])


def wait_for_build(target: str, schema: str) -> None:
    for _ in range(1000):
        if builds(target, schema):
            return
        time.sleep(0.01)
    raise AssertionError("no build began")


@pytest.mark.parametrize("options", [{}, {"pooler": True}], ids=["direct", "pooler"])
@pytest.mark.parametrize("ways", ["concurrent", "plain", "mixed"])
def test_clients_that_build_the_same_at_once_build_it_once(
    docs: vecs.Collection, target: str, schema: str, options: Any, ways: str
) -> None:
    # A transaction that keeps its snapshot would be waited for by the very build it makes room for.
    target = make_conninfo(target, options="-c default_transaction_isolation=serializable")

    def build(number: int) -> str:
        concurrently = ways == "concurrent" or (ways == "mixed" and number % 2 == 0)
        with vecs.create_client(target, schema=schema, **options) as client:
            return client.get_collection("docs").index(concurrently=concurrently)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(build, range(4)))
    indexes = docs.indexes()
    assert all(index.valid for index in indexes)
    assert len(set(made)) == 1
    assert sorted(index.method for index in indexes) == ["btree", "gin", "hnsw"]


def test_tasks_that_build_for_other_measures_at_once_all_succeed(docs: vecs.Collection, target: str) -> None:
    async def main() -> None:
        async with vecs.create_async_client(target, schema=docs.client.schema) as client:
            same = await client.get_collection("docs")
            measures: Any = ["cosine_distance", "l2_distance", "max_inner_product"]
            await asyncio.gather(*(same.index(measure, concurrently=True) for measure in measures))

    asyncio.run(main())
    assert len({index.measure for index in docs.indexes() if index.measure and index.valid}) == 3


@contextmanager
def built_by_another_program(index: str, target: str, schema: str) -> Iterator[None]:
    """Build an index slowly, in a thread and without the lock of builds, until the end."""

    def build() -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(
                f'create index {index} on "{schema}".docs using hnsw (vec vector_cosine_ops) '
                "with (m = 16, ef_construction = 1000)"
            )

    building = threading.Thread(target=build)
    building.start()
    try:
        yield
    finally:
        building.join()


def test_an_index_that_another_program_builds_is_waited_for(docs: vecs.Collection, target: str, schema: str) -> None:
    name = "ix_vector_cosine_ops_hnsw_m16_efc1000_abcdef0"
    with built_by_another_program(f"concurrently {name}", target, schema):
        for _ in range(1000):
            if name in names(docs):
                break
            time.sleep(0.01)
        phases: list[str] = []
        assert docs.index(method=SLOW, concurrently=True, progress=lambda at: phases.append(at.phase)) == name
        assert phases[0] == "waiting for another build"


def test_an_index_is_no_leftover_while_the_server_does_not_tell_which_one_is_built(
    docs: vecs.Collection, target: str, schema: str
) -> None:
    leftover = "ix_vector_cosine_ops_hnsw_m4_abcdef0"
    with psycopg.connect(target, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(f'create unique index concurrently {leftover} on "{schema}".docs ((1))')
    assert leftover in names(docs)
    # Nobody else sees an index before it is committed.
    with built_by_another_program("other", target, schema):
        wait_for_build(target, schema)
        phases: list[str] = []
        docs.index(method=vecs.IndexArgsHNSW(m=4), progress=lambda at: phases.append(at.phase))
        assert phases[0] == "waiting for another build"
    assert leftover not in names(docs)


@pytest.fixture
def _control_c() -> Iterator[None]:
    """Control-C raises KeyboardInterrupt; where pytest was started in the background it would be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_control_c")
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("concurrently", [False, True])
def test_control_c_ends_a_build_and_leaves_nothing(
    docs: vecs.Collection,
    target: str,
    schema: str,
    concurrently: bool,
    watched: bool,
) -> None:
    def interrupt() -> None:
        wait_for_build(target, schema)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=interrupt)
    pressing.start()
    progress: Any = (lambda at: None) if watched else False
    with pytest.raises(KeyboardInterrupt):
        docs.index(method=SLOW, concurrently=concurrently, memory="4MB", workers=0, progress=progress)
    pressing.join()
    assert builds(target, schema) == 0
    assert names(docs) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "vecs-beside"]
    assert docs.index() in names(docs)


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("concurrently", [False, True])
def test_a_cancelled_task_ends_its_build_and_leaves_nothing(
    docs: vecs.Collection, target: str, schema: str, concurrently: bool, times: int, watched: bool
) -> None:
    progress: Any = (lambda at: None) if watched else False

    async def main() -> None:
        async with vecs.create_async_client(target, schema=schema, pool_size=1) as client:
            same = await client.get_collection("docs")
            task = asyncio.create_task(
                same.index(method=SLOW, concurrently=concurrently, memory="4MB", workers=0, progress=progress)
            )
            await asyncio.to_thread(wait_for_build, target, schema)
            await asyncio.sleep(0.3)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0.005)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert builds(target, schema) == 0
            assert await same.count() == ROWS
            assert not await same.is_indexed_for_measure("cosine_distance")
            assert names(docs) == []
            await same.index(concurrently=concurrently)

    asyncio.run(main())


def test_what_a_killed_process_left_is_cleared_by_the_next_build(
    docs: vecs.Collection, target: str, schema: str
) -> None:
    code = (
        f"import vecs; vecs.create_client({target!r}, schema={schema!r}).get_collection('docs')"
        ".index(concurrently=True, memory='4MB', workers=0, method=vecs.IndexArgsHNSW(ef_construction=1000))"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_for_build(target, schema)
    process.kill()
    process.wait()
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where query like 'create index%%' and query like %s",
            (f"%{schema}%",),
        )
    while builds(target, schema):
        time.sleep(0.01)
    assert [index.valid for index in docs.indexes() if not index.primary] == [False]
    name = docs.index("l2_distance")
    assert [index.name for index in docs.indexes() if index.method == "hnsw"] == [name]


@pytest.fixture
def few(target: str, schema: str) -> Iterator[vecs.Collection]:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", 2)
        docs.upsert((f"{i}", [i, 1], {"n": i}) for i in range(20))
        docs.create_metadata_index("n")
        yield docs


@contextmanager
def held_up(target: str, schema: str) -> Iterator[None]:
    """Builds on the collection that are begun inside end only after this."""
    with psycopg.connect(target) as connection:
        connection.execute(f'lock table "{schema}".docs in row exclusive mode')
        yield


ALTERING: dict[str, Any] = {
    "rename": lambda docs: docs.rename("renamed"),
    "delete": lambda docs: docs.client.delete_collection("docs"),
    "truncate": lambda docs: docs.truncate(),
    "enable_text": lambda docs: docs.enable_text(),
    "drop_index": lambda docs: docs.drop_index(next(name for name in names(docs) if name.startswith("ix_meta_n_"))),
}


# DROP INDEX CONCURRENTLY does not wait for a table that another program builds on.
@pytest.mark.parametrize(
    ("name", "program"), [*((name, "vecs") for name in ALTERING), *((name, "another") for name in list(ALTERING)[:-1])]
)
@pytest.mark.parametrize("options", [{}, {"pooler": True}], ids=["direct", "pooler"])
def test_what_alters_a_collection_waits_for_a_concurrent_build_and_both_succeed(
    few: vecs.Collection, target: str, schema: str, name: str, program: str, options: Any
) -> None:
    def build() -> None:
        if program == "vecs":
            few.index(concurrently=True)
            return
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(f'create index concurrently mine on "{schema}".docs using hnsw (vec vector_l2_ops)')

    with ThreadPoolExecutor(2) as pool, vecs.create_client(target, schema=schema, **options) as client:
        same = client.get_collection("docs")
        with held_up(target, schema):
            built = pool.submit(build)
            wait_for_build(target, schema)
            altered = pool.submit(ALTERING[name], same)
            time.sleep(0.5)
            assert not altered.done()
        built.result()
        altered.result()
        left = [] if name == "delete" else same.indexes()
    assert all(index.valid for index in left)
    assert name == "delete" or "hnsw" in [index.method for index in left]


WITH_BUILDS: dict[str, Any] = {
    "truncate": ALTERING["truncate"],
    "index": lambda docs: docs.index(),
    "create_metadata_index": lambda docs: docs.create_metadata_index("m", "number"),
    "drop_index": ALTERING["drop_index"],
}


@pytest.mark.parametrize("name", WITH_BUILDS)
def test_indexes_that_another_program_builds_anew_are_waited_for(
    few: vecs.Collection, target: str, schema: str, name: str
) -> None:
    def reindex() -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(f'reindex table concurrently "{schema}".docs')

    with ThreadPoolExecutor(2) as pool, psycopg.connect(target, autocommit=True) as watcher:
        with held_up(target, schema):
            built = pool.submit(reindex)
            while not watcher.execute("select from pg_stat_progress_create_index where lockers_total > 0").rowcount:
                time.sleep(0.01)
            done = pool.submit(WITH_BUILDS[name], few)
            time.sleep(0.5)
        # Neither is ended by the server for a deadlock.
        built.result()
        done.result()


@pytest.mark.parametrize(
    ("options", "how"),
    [({}, {"concurrently": True}), ({}, {}), ({"pooler": True}, {"memory": "64MB", "workers": 0})],
    ids=["concurrent", "plain", "pooler"],
)
def test_timeouts_of_searches_end_no_build(
    few: vecs.Collection, target: str, schema: str, options: Any, how: Any
) -> None:
    limited = make_conninfo(target, options="-c statement_timeout=1s -c lock_timeout=1s")
    with (
        ThreadPoolExecutor(1) as pool,
        vecs.create_client(limited, schema=schema, statement_timeout=1, **options) as client,
    ):
        same = client.get_collection("docs")
        with held_up(target, schema):
            built = pool.submit(lambda: same.index(**how))
            wait_for_build(target, schema)
            time.sleep(1.5)
            assert not built.done()
        assert built.result() in names(few)


def test_a_concurrent_build_through_a_pooler_names_the_timeout_that_ends_it(
    few: vecs.Collection, target: str, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    limited = make_conninfo(target, options="-c statement_timeout=1s")
    before = names(few)
    with vecs.create_client(limited, schema=schema, pooler=True) as client:
        same = client.get_collection("docs")
        with ThreadPoolExecutor(1) as pool:
            with held_up(target, schema):
                built = pool.submit(lambda: same.index(concurrently=True))
                wait_for_build(target, schema)
                time.sleep(1.5)
            with pytest.raises(vecs.exc.DatabaseError, match=r"by timeouts .*\(statement_timeout = 1000ms\)"):
                built.result()
        assert "statement_timeout = 1000ms" in caplog.text
        assert names(few) == before


@pytest.mark.parametrize("given", [{"memory": "1GB"}, {"workers": 2}])
def test_settings_that_do_not_reach_a_concurrent_build_through_a_pooler_are_refused(
    few: vecs.Collection, target: str, schema: str, given: Any
) -> None:
    with vecs.create_client(target, schema=schema, pooler=True) as client:
        same = client.get_collection("docs")
        with pytest.raises(vecs.exc.ArgError, match="has no effect on a concurrent build through a pooler"):
            same.index(concurrently=True, **given)
        assert [name for name in names(few) if "vector" in name] == []
        assert same.index(**given) in names(few)
