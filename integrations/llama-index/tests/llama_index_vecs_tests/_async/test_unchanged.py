"""Nodes that did not change: not written, and not embedded by the store's transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import node


async def versions(client: vecs.AsyncClient) -> list[Any]:
    async with client.connection() as connection:
        found = await connection.execute(f'select id, xmin::text from "{client.schema}".nodes order by id')
        return await found.fetchall()


async def test_nodes_with_embeddings_are_written_only_if_they_changed(
    store: VecsVectorStore, client: vecs.AsyncClient
) -> None:
    nodes = [node("a", degrees=10, document="d", k=1), node("b", degrees=20)]
    assert await store.async_add(nodes, skip_unchanged=True) == ["a", "b"]
    before = await versions(client)
    assert await store.async_add(nodes, skip_unchanged=True) == ["a", "b"]
    assert await versions(client) == before
    await store.async_add([nodes[0], node("b", degrees=30)], skip_unchanged=True)
    after = await versions(client)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


@pytest.mark.parametrize("commit", ["all", "batch"])
async def test_the_transform_embeds_only_what_changed(make_store: MakeStore, commit: Any) -> None:
    texts: list[str] = []

    def embed(given: Sequence[str]) -> list[list[float]]:
        texts.extend(given)
        return [[float(len(text)), 1.0, 2.0] for text in given]

    chunked = vecs.Pipeline([vecs.ParagraphChunker(), vecs.Embedding(embed, 3, name="lengths")])
    store = make_store(transform=chunked)
    nodes = [node("a", "one", k=1), node("b", "two"), node("c", "three")]
    await store.async_add(nodes, commit=commit, batch_size=2, skip_unchanged=True)
    texts.clear()
    await store.async_add(nodes, commit=commit, batch_size=2, skip_unchanged=True)
    assert texts == []
    # Metadata is a part of what is embedded.
    await store.async_add([node("a", "one", k=2), node("b", "new"), nodes[2]], commit=commit, skip_unchanged=True)
    assert len(texts) == 2


async def test_odd_flags_are_refused(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="skip_unchanged must be True or False"):
        await store.async_add([node("a")], skip_unchanged="yes")
