"""What only the sync world has: len, in, iteration, and async functions of its users."""

from __future__ import annotations

import asyncio

import pytest

import vecs
from vecs._sync.searching.refine import rerank


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


def test_a_sync_caller_may_bring_an_async_reranker() -> None:
    async def later(query: str, texts: list[str]) -> list[float]:
        await asyncio.sleep(0.001)
        return [float(len(text)) for text in texts]

    class Callable:
        async def __call__(self, query: str, texts: list[str]) -> list[float]:
            return await later(query, texts)

    matches = [vecs.Match(text, text, {}, None, 0, 0) for text in ("a", "ccc", "bb")]
    for reranker in (later, Callable()):
        assert [match.id for match in rerank(matches, "q", reranker, 2)] == ["ccc", "bb"]
