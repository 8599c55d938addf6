"""What Python's syntax cannot await: len, in, iteration."""

from __future__ import annotations

import pytest

import vecs


def test_a_collection_is_a_sized_iterable_container(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", 2)
        assert len(docs) == 0
        assert bool(docs)
        docs.upsert([("b", [1, 2], {}), ("a", [1, 2], {})])
        assert len(docs) == 2
        assert "a" in docs
        assert "c" not in docs
        assert [record.id for record in docs] == ["a", "b"]


def test_a_sync_client_connects_at_once() -> None:
    with pytest.raises(vecs.exc.Unavailable, match=r"cannot connect to postgresql://x@127.0.0.1:1/x"):
        vecs.create_client("postgresql://x@127.0.0.1:1/x")
