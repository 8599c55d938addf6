"""Stores whose transform makes the vectors: of nodes that are never split, and of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

import vecs
from vecs.exc import ArgError

from ..conftest import MakeStore


def lengths(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


class Own:
    """A transform of the caller's, with what it makes changed."""

    dimension = 2

    def __init__(self, change: Any) -> None:
        self.change = change

    def transform_records(self, records: Sequence[vecs.Record]) -> Any:
        return self.change(vecs.Embedding(lengths, 2).transform_records(records))

    def transform_query(self, query: Any) -> Any:
        return vecs.Embedding(lengths, 2).transform_query(query)


class Parts:
    """A chunker of the caller's."""

    dimension = None
    # No sign of a chunker.
    chunks = 0

    def transform_records(self, records: Sequence[vecs.Record]) -> Any:
        return [
            replace(record, id=f"{record.id}-{place}", media=None, text=part, document_id=record.id)
            for record in records
            for place, part in enumerate((record.text or "").split("."))
        ]

    def transform_query(self, query: Any) -> Any:
        return query


NODES = [TextNode(id_="a", text="x"), TextNode(id_="b", text="a longer text"), TextNode(id_="a", text="xyz")]


async def test_vectors_belong_to_nodes_by_id_in_any_order(make_store: MakeStore) -> None:
    store = make_store(transform=Own(lambda made: list(reversed(made))))
    await store.async_add(NODES)
    read = await store.aget_nodes(include_embeddings=True)
    assert [(node.node_id, node.embedding) for node in read] == [("a", [1.0, 3.0]), ("b", [1.0, 13.0])]


@pytest.mark.parametrize(
    ("transform", "problem"),
    [
        (Own(lambda made: made[:-1]), "Own returned no record with the id of node 'b'"),
        (
            Own(lambda made: [made[0], replace(made[1], id="new")]),
            "Own returned no record with the id of node 'b', but one with the id 'new'",
        ),
        (Own(lambda made: [*made, replace(made[1], id="new")]), "Own made 3 records of 2 nodes"),
        (Own(lambda made: [*made, made[0]]), "Own gave two records the id 'a'"),
        (
            vecs.Pipeline([Parts(), vecs.Embedding(lengths, 2)]),
            "never splits a node, but Parts made 2 records of node 'c': leave it out, and split with LlamaIndex's node",
        ),
    ],
    ids=range(5),
)
async def test_a_transform_that_makes_other_records_is_refused(
    make_store: MakeStore, transform: Any, problem: str
) -> None:
    nodes = [TextNode(id_="c", text="Two. Parts")] if isinstance(transform, vecs.Pipeline) else NODES[:2]
    store = make_store(transform=transform)
    with pytest.raises(ArgError, match=problem):
        await store.async_add(nodes)
    assert store.client.list_collections() == []


async def test_a_step_is_no_chunker_by_the_name_of_an_attribute(make_store: MakeStore) -> None:
    class Upper(Parts):
        def transform_records(self, records: Sequence[vecs.Record]) -> Any:
            return [replace(record, text=(record.text or "").upper()) for record in records]

    seen: list[str] = []
    embed = vecs.Embedding(lambda texts: seen.extend(texts) or lengths(texts), 2)
    store = make_store(transform=vecs.Pipeline([vecs.MarkdownChunker(), Upper(), embed]))
    await store.async_add([TextNode(id_="a", text="# one\n\n# two")])
    assert seen == ["# ONE\n\n# TWO"]


@pytest.mark.parametrize("transform", [vecs.ParagraphChunker(), vecs.Pipeline([vecs.ParagraphChunker()])], ids=range(2))
async def test_a_transform_that_only_splits_is_told(make_store: MakeStore, transform: Any) -> None:
    with pytest.raises(ArgError, match="only splits.*add an embedder"):
        make_store(transform=transform)


async def test_a_query_is_embedded_by_the_model_of_the_nodes(make_store: MakeStore) -> None:
    store = make_store(transform=vecs.Embedding(lengths, 2))
    await store.async_add(NODES[:2])
    # As from a QueryBundle with the embedding of LlamaIndex's own model.
    found = await store.aquery(VectorStoreQuery(query_str="y", query_embedding=[0.5] * 7, similarity_top_k=1))
    assert found.ids == ["a"]
    found = await store.aquery(VectorStoreQuery(query_embedding=[1.0, 13.0], similarity_top_k=1))
    assert found.ids == ["b"]


async def test_what_cannot_be_stored_is_called_a_node(make_store: MakeStore) -> None:
    with pytest.raises(ArgError, match="the id of node ''"):
        await make_store(transform=vecs.Embedding(lengths, 2)).async_add([TextNode(id_="", text="t")])
