"""Documents with ids of each other's records, written at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs.exc import ArgError


class Words:
    """A transform that makes a record of each word; of a single word one with the id that was given."""

    dimension = 1

    def transform_records(self, records: Sequence[vecs.Record]) -> list[vecs.Record]:
        return [
            vecs.Record(f"{record.id}#{n}" if len(words) > 1 else record.id, [1.0], word, record.metadata, record.id)
            for record in records
            for words in [(record.text or "").split()]
            for n, word in enumerate(words)
        ]

    def transform_query(self, query: object) -> object:
        return query


@pytest.mark.parametrize("text", ["one", "one two"])
def test_one_of_two_documents_that_share_an_id_is_refused(target: str, schema: str, text: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", transform=Words(), text=True)
        refused: list[str] = []

        def write(id: str, text: str) -> None:
            start.wait()
            try:
                docs.upsert([(id, text, {})])
            except ArgError:
                refused.append(id)

        for n in range(15):
            start = threading.Barrier(2)
            threads = [threading.Thread(target=write, args=args) for args in [(f"{n}", "a b"), (f"{n}#1", text)]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(refused) == n + 1
            # One of both is there, and whole.
            assert [r.document_id for r in docs.get([f"{n}", f"{n}#1"])] in (
                [f"{n}"] * 2,
                [f"{n}#1"] * len(text.split()),
            )


def together(*calls: Callable[[], object]) -> None:
    """Begin calls at the same moment, each in a thread."""
    start = threading.Barrier(len(calls))

    def call(each: Callable[[], object]) -> None:
        start.wait()
        each()

    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(call, each) for each in calls]:
            done.result()


@pytest.mark.parametrize("size", ["small", "staged"])
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_versions_of_a_document_that_are_written_at_once_do_not_mix(
    target: str, schema: str, isolation: str, size: str, request: pytest.FixtureRequest
) -> None:
    if size == "staged":
        request.getfixturevalue("small_buffer")
    options = make_conninfo(target, options=f"-c default_transaction_isolation={isolation.replace(' ', chr(92) + ' ')}")
    versions = ["one", "two two", "four four four four"]
    with vecs.create_client(options, schema=schema) as client:
        docs = client.create_collection("docs", transform=Words(), text=True)
        ids = [f"{n}" for n in range(1 if size == "small" else 40)]
        for _ in range(12 if size == "small" else 3):
            together(*(partial(docs.upsert, [(id, text, {}) for id in ids]) for text in versions))
            found = [[record.text for record in docs.get([id])] for id in ids]
            assert all(texts in [text.split() for text in versions] for texts in found)


def test_a_document_that_is_written_and_deleted_or_changed_at_once_is_whole(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", transform=Words(), text=True)
        for _ in range(20):
            docs.upsert([("a", "old", {})])
            together(lambda: docs.upsert([("a", "new new new", {})]), lambda: docs.delete(["a"]))
            assert len(docs.get(["a"])) in (0, 3)
            docs.upsert([("a", "old old", {})])
            together(
                lambda: docs.upsert([("a", "new new new", {})]), lambda: docs.update_metadata({"seen": True}, ids=["a"])
            )
            assert len({str(record.metadata) for record in docs.get(["a"])}) == 1


# Each on a document that has two records now, and gets three.
CHANGES: dict[str, Callable[[vecs.Collection], object]] = {
    "delete by filter": lambda docs: docs.delete(filters={"n": 1}),
    "delete by document": lambda docs: docs.delete(filters={"$document_id": "a"}),
    "change by filter": lambda docs: docs.update_metadata({"seen": True}, filters={"n": 1}),
    "delete what a tenant sees": lambda docs: docs.with_settings({"app.tenant": "a"}).truncate(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_filter_finds_all_of_a_document_that_is_written_meanwhile(
    target: str, schema: str, change: Callable[[vecs.Collection], object]
) -> None:
    waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with (
        vecs.create_client(target, schema=schema) as client,
        psycopg.connect(target) as holder,
        psycopg.connect(target, autocommit=True) as watcher,
        ThreadPoolExecutor(2) as threads,
    ):
        docs = client.create_collection("docs", transform=Words(), text=True)
        docs.upsert([("a", "old old", {"n": 1})])
        holder.execute(f'select from "{schema}".docs for update')
        done: list[Future[object]] = []
        for call in (partial(docs.upsert, [("a", "new new new", {"n": 1})]), partial(change, docs)):
            done.append(threads.submit(call))
            while len(watcher.execute(waiting).fetchall()) < len(done):
                time.sleep(0.01)
        holder.rollback()
        for each in done:
            each.result()
        found = list(docs.scan())
        assert len(found) in (0, 3)
        assert len({str(record.metadata) for record in found}) <= 1
