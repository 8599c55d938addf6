"""What vecs 0.4's callers rely on and only a sync client has: len(), `in`, subscripts, threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg
import pytest

import vecs
from vecs.exc import ArgError, Unavailable

X = [1.0, 0.0, 0.0]


@pytest.fixture
def client(target: str, schema: str) -> Iterator[vecs.Client]:
    with vecs.create_client(target, schema=schema) as client:
        yield client


@pytest.fixture
def docs(client: vecs.Client) -> vecs.Collection:
    docs = client.get_or_create_collection("docs", dimension=3)
    docs.upsert([(f"{i}", [1.0, float(i), 0.0], {"n": i}) for i in range(10)])
    docs.create_index()
    return docs


def test_len_counts_the_records(docs: vecs.Collection) -> None:
    assert len(docs) == 10
    docs.delete(["0"])
    assert len(docs) == 9


def test_an_empty_collection_is_there(client: vecs.Client) -> None:
    assert client.create_collection("empty", 3)


def test_a_subscript_reads_one_row(docs: vecs.Collection) -> None:
    row = docs["3"]
    assert (row.id, row.metadata) == ("3", {"n": 3})
    assert np.array_equal(row.vec, [1, 3, 0])
    with pytest.raises(KeyError, match="absent"):
        docs["absent"]
    wrong: Any = 3
    with pytest.raises(ArgError, match="items must be a string id"):
        docs[wrong]


def test_membership_is_by_id(docs: vecs.Collection) -> None:
    assert "3" in docs
    assert "absent" not in docs


def test_iterating_yields_the_records(docs: vecs.Collection) -> None:
    assert sorted(record.id for record in docs) == [f"{i}" for i in range(10)]


def test_a_client_connects_at_once_and_closes_with_its_block(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        assert client.vector_version
    with pytest.raises(vecs.exc.VecsException):
        vecs.create_client("postgresql://127.0.0.1:1/nothing")


def test_a_client_is_usable_from_many_threads_at_once(docs: vecs.Collection) -> None:
    with ThreadPoolExecutor(100) as threads:
        found = list(threads.map(lambda i: docs.query([1.0, i % 10, 0.0], limit=1), range(300)))
    assert found == [[f"{i % 10}"] for i in range(300)]


def _together(count: int, act: Callable[[int], Any]) -> list[Any]:
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        barrier.wait()
        try:
            return act(number)
        except vecs.exc.VecsException as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_clients_that_create_the_same_collection_at_once_all_get_it(target: str, schema: str) -> None:
    clients = [vecs.create_client(target, schema=schema) for _ in range(8)]
    try:
        for round_ in range(3):
            name = f"raced {round_}"
            made = _together(8, lambda i, name=name: clients[i].get_or_create_collection(name, dimension=3).dimension)
            assert made == [3] * 8
    finally:
        for client in clients:
            client.close()


def test_threads_that_upsert_the_same_ids_in_other_orders_do_not_deadlock(docs: vecs.Collection) -> None:
    ids = [f"{i}" for i in range(200)]

    def write(number: int) -> int:
        order = ids if number % 2 else ids[::-1]
        return sum(docs.upsert([(id_, X, {"by": number}) for id_ in order]) for _ in range(10))

    assert _together(6, write) == [2000] * 6


def test_reads_of_many_threads_heal_while_connections_are_killed(
    docs: vecs.Collection, target: str, schema: str
) -> None:
    stop = threading.Event()
    reads = [0] * 20

    def kill() -> None:
        with psycopg.connect(target, autocommit=True) as connection:
            for _ in range(5):
                before = list(reads)
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where application_name = %s and pid <> pg_backend_pid()",
                    [schema],
                )
                # No read is hit twice, as one retry is the promise: all that are under way began after the last time.
                while any(now < then + 2 for now, then in zip(reads, before, strict=True)) and not stop.wait(0.01):
                    pass
        stop.set()

    def read(number: int) -> None:
        try:
            while not stop.is_set():
                assert watched.query(X, limit=1) == ["0"]
                reads[number] += 1
        finally:
            stop.set()

    named = psycopg.conninfo.make_conninfo(target, application_name=schema)
    with vecs.create_client(named, schema=schema) as client:
        watched = client.get_collection("docs")
        watched.query(X)
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            answers = _together(len(reads), read)
        finally:
            stop.set()
            killer.join()
        assert [answer for answer in answers if isinstance(answer, Exception)] == []


def test_writes_and_deletes_of_the_same_records_do_not_deadlock(docs: vecs.Collection) -> None:
    ids = [f"{i}" for i in range(300)]

    def act(number: int) -> None:
        shuffled = random.Random(number)
        for _ in range(15):
            some = shuffled.sample(ids, 200)
            if number % 3 == 0:
                docs.upsert([(id_, X, {"n": 1}) for id_ in some])
            elif number % 3 == 1:
                docs.delete(some)
            else:
                docs.update_metadata({"z": number}, ids=some)

    assert _together(6, act) == [None] * 6


def test_a_pool_that_is_exhausted_opens_no_connection_beyond_its_size(target: str, schema: str) -> None:
    named = psycopg.conninfo.make_conninfo(target, application_name=schema)
    with vecs.create_client(named, schema=schema, pool_size=2, pool_timeout=0.2) as client:
        docs = client.create_collection("docs", 3)
        with client.connection() as one, client.connection() as two:
            for _ in range(2):
                with pytest.raises(Unavailable, match="pool_size"):
                    docs.count()
            row = one.execute("select count(*) from pg_stat_activity where application_name = %s", [schema]).fetchone()
            assert row == (2,)
            assert two.execute("select 1").fetchone() == (1,)
        assert docs.count() == 0
