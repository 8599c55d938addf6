"""Several calls of reembed() at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

import vecs
from vecs import Embedding
from vecs.exc import ArgError


def embedder(name: str, first: float) -> Embedding:
    async def embed(texts: Sequence[str]) -> list[list[float]]:
        await asyncio.sleep(0.05)
        return [[first, 1.0, 2.0] for _ in texts]

    return Embedding(embed, 3, name=name)


OLD = embedder("old", 0)


@pytest.fixture
async def client(target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    async with vecs.create_async_client(target, schema=schema) as client:
        docs = await client.create_collection("docs", transform=OLD)
        await docs.upsert([(f"d{n:03}", f"text {n}", {}) for n in range(100)])
        yield client


async def firsts(docs: vecs.AsyncCollection) -> set[float]:
    return {float(record.vec[0]) async for record in docs.scan(include_vector=True)}


async def test_a_call_that_was_cancelled_mixes_no_vectors_into_those_of_another_model(
    client: vecs.AsyncClient,
) -> None:
    docs = await client.get_collection("docs", transform=OLD)
    other = await client.get_collection("docs", transform=OLD)
    running = asyncio.create_task(other.reembed(embedder("first", 1), batch_size=4))
    await asyncio.sleep(0.3)
    assert await docs.cancel_reembed()
    assert await docs.reembed(embedder("second", 2), batch_size=4) == 100
    with pytest.raises(ArgError, match="cancel"):
        await running
    assert await firsts(docs) == {2.0}


async def test_of_two_calls_with_one_model_both_succeed(client: vecs.AsyncClient) -> None:
    others = [await client.get_collection("docs", transform=OLD) for _ in range(2)]
    done = await asyncio.gather(*(other.reembed(embedder("new", 3), batch_size=4) for other in others))
    assert sum(done) >= 100
    assert await firsts(others[0]) == {3.0}
