"""What cannot be stored is refused by name, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.schema import IndexNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError, MismatchedDimension

from ..conftest import MakeStore
from ..models import node, where

BAD: list[tuple[Any, type[Exception], str]] = [
    (TextNode(id_="bad"), ArgError, "'bad' has no embedding"),
    (TextNode(id_="bad", embedding=[1, 2, 3]), MismatchedDimension, "'bad'"),
    (TextNode(id_="bad", embedding=[]), ArgError, "'bad'"),
    (TextNode(id_="bad", embedding=[1, float("nan")]), ArgError, "'bad'"),
    (TextNode(id_="bad", metadata={"k": [float("nan")]}, embedding=[1, 0]), ArgError, "'bad'.*nan"),
    (TextNode(id_="bad", metadata={"k": object()}, embedding=[1, 0]), ArgError, "'bad'.*JSON"),
    (TextNode(id_="bad", metadata={"k": 1, "k\x00": 2}, embedding=[1, 0]), ArgError, r"'bad'.*'k' and 'k\\x00'"),
    (IndexNode(id_="bad", index_id="i", obj=object(), embedding=[1, 0]), ArgError, "'bad'.*serialize"),
    (TextNode(id_="", embedding=[1, 0]), ArgError, "empty"),
    (TextNode(id_="b\x00d", embedding=[1, 0]), ArgError, "NUL"),
    ("text", ArgError, "node 3 is str"),
    (None, ArgError, "node 3 is NoneType"),
    (
        TextNode(
            id_="bad",
            embedding=[1, 0],
            relationships={NodeRelationship.SOURCE: [RelatedNodeInfo(node_id="a"), RelatedNodeInfo(node_id="b")]},
        ),
        ArgError,
        "'bad'.*Source",
    ),
]


@pytest.mark.parametrize(("bad", "error", "problem"), BAD)
async def test_a_bad_node_is_named_and_none_is_written(
    store: VecsVectorStore, bad: Any, error: type[Exception], problem: str
) -> None:
    await store.async_add([node("there")])
    with pytest.raises(error, match=problem):
        await store.async_add([node("a"), node("b"), node("there", "changed"), bad])
    assert [(n.node_id, n.get_content()) for n in await store.aget_nodes()] == [("there", "text of there")]


@pytest.mark.parametrize(("bad", "error", "problem"), BAD)
async def test_so_it_is_among_the_first_nodes(
    store: VecsVectorStore, bad: Any, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        await store.async_add([node("a"), node("b"), node("c"), bad])
    assert await store.aget_nodes() == []


UNSTORABLE = [
    TextNode(id_="bad", text="a\x00b", embedding=[1, 0]),
    TextNode(id_="bad", text="ab", metadata={"k\ud800": ["\x00x"]}, embedding=[1, 0]),
    TextNode(id_="bad", text="ab", metadata_separator="\x00", embedding=[1, 0]),
]


@pytest.mark.parametrize("bad", UNSTORABLE)
async def test_what_postgres_cannot_store_is_left_out_or_refused(make_store: MakeStore, bad: TextNode) -> None:
    with pytest.raises(ArgError, match="'bad'.*(NUL|surrogate)"):
        await make_store(on_nul="raise").async_add([bad])
    store = make_store()
    assert await store.aget_nodes() == []
    await store.async_add([bad])
    (read,) = await store.aget_nodes()
    assert (read.get_content(), read.metadata) == ("ab", {"k": ["x"]} if bad.metadata else {})
    found = await store.aquery(VectorStoreQuery(query_str="a\x00b", mode=VectorStoreQueryMode.TEXT_SEARCH))
    assert found.ids == ["bad"]


@pytest.mark.parametrize("nodes", ["text", None, 5, TextNode(id_="a", embedding=[1, 0])])
async def test_what_is_no_list_of_nodes_is_refused(store: VecsVectorStore, nodes: Any) -> None:
    with pytest.raises(ArgError, match="list of nodes"):
        await store.async_add(nodes)


async def test_another_dimension_than_the_collections_is_refused(make_store: MakeStore) -> None:
    await make_store().async_add([node("a")])
    with pytest.raises(MismatchedDimension, match="dimension is 3, but collection 'nodes' has dimension 2"):
        await make_store(dimension=3).aget_nodes()
    with pytest.raises(MismatchedDimension, match="'b'"):
        await make_store("empty", dimension=3).async_add([node("b")])


async def test_ids_are_a_list(store: VecsVectorStore) -> None:
    await store.async_add([node("a")])
    for call in (store.aget_nodes, store.adelete_nodes):
        with pytest.raises(ArgError, match="list of ids"):
            await call("a")
    with pytest.raises(ArgError, match="ref_doc_id"):
        await store.adelete(None)


async def test_the_nodes_of_a_document_are_deleted_by_filter_or_the_argument_is_refused(store: VecsVectorStore) -> None:
    await store.async_add([node(id, document="d", k=place) for place, id in enumerate("abc")])
    await store.adelete("d", vecs_filters={"k": 0})
    await store.adelete("d", filters=where("k", "EQ", 1))
    assert [n.node_id for n in await store.aget_nodes()] == ["c"]
    for options in ({"filter": {"k": 5}}, {"vecs_filters": {}}, {"vecs_filters": {"$and": []}}):
        with pytest.raises(ArgError, match="unknown argument 'filter'|not empty"):
            await store.adelete("d", **options)
    assert len(await store.aget_nodes()) == 1


async def test_deleting_without_saying_what_is_refused(store: VecsVectorStore) -> None:
    from llama_index.core.vector_stores.types import MetadataFilters

    await store.async_add([node("a")])
    for options in ({}, {"filters": MetadataFilters(filters=[])}, {"vecs_filters": {}}):
        with pytest.raises(ArgError, match="clear"):
            await store.adelete_nodes(**options)
    assert len(await store.aget_nodes()) == 1
