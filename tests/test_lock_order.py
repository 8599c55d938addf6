"""Writes of many rows from many threads wait for each other, and the server never has to undo one."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import vecs

THREADS = 8
ROUNDS = 25
# The order of their bytes is not that of a dictionary in any language.
IDS = [f"{'aBzÄößЖ日'[i % 8]}{'bAÜz'[i // 8 % 4]}{i}" for i in range(300)]


@pytest.fixture
def database(superuser_target: str, schema: str) -> Iterator[str]:
    """A database whose deadlocks are all of one test."""
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(schema)))
        yield make_conninfo(superuser_target, dbname=schema)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(schema)))


def deadlocks(database: str) -> int:
    """Count the deadlocks of a database that nobody uses any more."""
    with psycopg.connect(database, autocommit=True) as connection:
        others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        # What a session counted is to be had at the latest when it has ended.
        while connection.execute(others).fetchone() != (0,):
            threading.Event().wait(0.01)
        row = connection.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert row is not None
    return row[0]


def together(act: Callable[[int, random.Random], object]) -> None:
    """Let every thread act again and again, each in an order of its own."""

    def run(number: int) -> None:
        rng = random.Random(number)
        for _ in range(ROUNDS):
            act(number, rng)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(run, number) for number in range(THREADS)]:
            future.result()


def change(docs: vecs.Collection, number: int, rng: random.Random, *, text: bool) -> None:
    """Delete or update many records, chosen in one of the ways that there are."""
    update = partial(docs.update_metadata, {"by": str(number)})
    actions: list[Callable[[], object]] = [
        partial(update, filters={"n": {"$gte": rng.randrange(5)}}),
        partial(update, filters={"$id": {"$in": rng.sample(IDS, 100)}}),
        partial(update, ids=rng.sample(IDS, 100), replace=True),
        partial(docs.delete, filters={"n": rng.randrange(9)}),
        partial(docs.delete, rng.sample(IDS, 100)),
    ]
    if text:
        actions.append(partial(update, document_ids=rng.sample(IDS, 100)))
        actions.append(partial(docs.delete, document_ids=rng.sample(IDS, 30)))
        actions.append(partial(docs.enable_text, text_key="by"))
    rng.choice(actions)()


@pytest.mark.filterwarnings("ignore:no record of 'docs' has a string")
@pytest.mark.parametrize("text", [False, True])
def test_upserts_and_changes_of_the_same_records_do_not_deadlock(database: str, text: bool) -> None:
    with vecs.create_client(database, pool_size=THREADS) as client:
        docs = client.create_collection("docs", 3, text=text)

        def act(number: int, rng: random.Random) -> None:
            if number % 2:
                docs.upsert([(id_, [1, 2, rng.random()], {"n": rng.randrange(9)}) for id_ in rng.sample(IDS, 100)])
            else:
                change(docs, number, rng, text=text)

        together(act)
    assert deadlocks(database) == 0


def splitting() -> vecs.Pipeline:
    lengths = vecs.Embedding(lambda texts: [[len(text), 1.0, 2.0] for text in texts], 3, name="lengths")
    return vecs.Pipeline([vecs.RecursiveSplitter(max_characters=8), lengths])


@pytest.mark.filterwarnings("ignore:no record of 'docs' has a string")
# With 250 documents there are more than 500 chunks, which go through a staging table.
@pytest.mark.parametrize("count", [100, 250])
def test_documents_that_are_replaced_and_changed_do_not_deadlock(database: str, count: int) -> None:
    with vecs.create_client(database, pool_size=THREADS) as client:
        docs = client.create_collection("docs", transform=splitting())

        def act(number: int, rng: random.Random) -> None:
            if number % 2:
                # One to four chunks each, so that rows come and go.
                some = [(id_, "\n\n".join(["longword"] * rng.randint(1, 4))) for id_ in rng.sample(IDS, count)]
                docs.upsert([(id_, text, {"n": rng.randrange(9)}) for id_, text in some])
            else:
                change(docs, number, rng, text=True)

        together(act)
    assert deadlocks(database) == 0


def meanwhile(database: str, statement: str, act: Callable[[], list[str] | int]) -> list[str] | int:
    """Act while a transaction has run this statement; it commits when the action waits for it."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database, autocommit=True) as watch,
        psycopg.connect(database) as other,
    ):
        other.execute(statement.encode())
        future = pool.submit(act)
        while watch.execute(waiting).fetchone() != (1,):
            threading.Event().wait(0.01)
        other.commit()
        return future.result()


def test_what_no_longer_matches_when_its_lock_is_free_is_left_alone(database: str) -> None:
    with vecs.create_client(database, schema="s") as client:
        docs = client.create_collection("docs", 3)
        docs.upsert([(id_, [1, 2, 3], {"n": 1}) for id_ in "abc"])
        change = "update s.docs set metadata = '{\"n\": 2}' where id = 'b'"
        assert meanwhile(database, change, lambda: docs.update_metadata({"m": 1}, filters={"n": 1})) == ["a", "c"]
        assert [record.metadata for record in docs.get(["a", "b", "c"])] == [
            {"n": 1, "m": 1},
            {"n": 2},
            {"n": 1, "m": 1},
        ]
        change = "update s.docs set metadata = '{\"n\": 2}' where id = 'a'"
        assert meanwhile(database, change, lambda: docs.delete(filters={"n": 1})) == ["c"]
        change = "update s.docs set metadata = '{\"n\": 2, \"k\": 0}' where id = 'a'"
        assert sorted(meanwhile(database, change, lambda: docs.update_metadata({"z": 1}, filters={"n": 2}))) == [
            "a",
            "b",
        ]
        assert docs.get(["a"])[0].metadata == {"n": 2, "k": 0, "z": 1}


@pytest.mark.parametrize("others", [0, 600])
def test_a_stale_chunk_that_is_deleted_meanwhile_stays_deleted(database: str, others: int) -> None:
    with vecs.create_client(database, schema="s") as client:
        docs = client.create_collection("docs", transform=splitting())
        docs.upsert([("d", "longword longword longword", {})])
        new = [("d", "longword", {}), *((f"e{i}", "longword", {}) for i in range(others))]
        assert meanwhile(database, "delete from s.docs where id = 'd#001'", lambda: docs.upsert(new)) == 1 + others
        assert sorted(record.id for record in docs.scan()) == sorted(record[0] for record in new)


@pytest.fixture
def role(database: str, schema: str) -> Iterator[str]:
    """A role that may read, write and delete what is in the schema s, but not update it."""
    name = sql.Identifier(f"{schema}_role")
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("create role {}; create schema s").format(name))
        owner.execute(sql.SQL("grant usage on schema s to {}").format(name))
        yield make_conninfo(database, options=f"-c role={schema}_role")
        owner.execute(sql.SQL("drop schema s cascade; drop owned by {0}; drop role {0}").format(name))


def grant(database: str, role: str, statement: str) -> None:
    with psycopg.connect(role) as connection:
        name = connection.execute("select current_user::text").fetchone()
    assert name is not None
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(statement.replace("ROLE", name[0]).encode())


def test_a_role_without_the_privilege_to_update_deletes_many(database: str, role: str) -> None:
    with vecs.create_client(database, schema="s") as client:
        client.create_collection("docs", 3).upsert([(id_, [1, 2, 3], {"n": 1}) for id_ in "abc"])
    grant(database, role, "grant select, delete on s.docs to ROLE")
    with vecs.create_client(role, schema="s") as client:
        docs = client.get_collection("docs")
        assert sorted(docs.delete(["a", "b"])) == ["a", "b"]
        assert docs.delete(filters={"n": 1}) == ["c"]


@pytest.mark.parametrize("opened", ["before", "after"])
@pytest.mark.parametrize("others", [0, 600])
def test_rows_that_no_policy_lets_be_updated_are_deleted(database: str, role: str, others: int, opened: str) -> None:
    with vecs.create_client(database, schema="s") as client:
        plain = client.create_collection("docs", 3)
        plain.upsert([(id_, [1, 2, 3], {"n": 1}) for id_ in "abc"])
        client.create_collection("texts", transform=splitting()).upsert([("d", "longword longword longword", {})])
    if opened == "before":
        grant(database, role, "grant select, insert, update, delete on s.docs, s.texts to ROLE")
        with vecs.create_client(role, schema="s") as client:
            delete_and_replace(client, lambda: restrict(database, role), others)
    else:
        restrict(database, role)
        with vecs.create_client(role, schema="s") as client:
            delete_and_replace(client, lambda: None, others)


def restrict(database: str, role: str) -> None:
    """Let the role's rows be read, written and deleted, but not updated."""
    for table in ("docs", "texts"):
        grant(
            database,
            role,
            f"grant select, insert, update, delete on s.{table} to ROLE; "
            f"alter table s.{table} enable row level security; "
            f"create policy reads on s.{table} for select using (true); "
            f"create policy writes on s.{table} for insert with check (true); "
            f"create policy deletes on s.{table} for delete using (true)",
        )


def delete_and_replace(client: vecs.Client, restrict: Callable[[], None], others: int) -> None:
    docs, texts = client.get_collection("docs"), client.get_collection("texts", transform=splitting())
    restrict()
    assert sorted(docs.delete(["a", "b"])) == ["a", "b"]
    assert docs.delete(filters={"n": 1}) == ["c"]
    # The document is one short record now: its chunks are stale, and nothing that is there is updated.
    texts.upsert([("d", "short", {}), *((f"e{i}", "short", {}) for i in range(others))])
    assert sorted(record.id for record in texts.scan()) == sorted(["d", *(f"e{i}" for i in range(others))])
