"""Documents with ids of each other's records, written at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

import vecs
from vecs.exc import ArgError


class Words:
    """A transform that makes a record of each word; of a single word one with the id that was given."""

    dimension = 1

    def transform_records(self, records: Sequence[vecs.Record]) -> list[vecs.Record]:
        return [
            vecs.Record(f"{record.id}#{n}" if len(words) > 1 else record.id, [1.0], word, document_id=record.id)
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
