"""Tables that llama-index-vector-stores-postgres made, copied into collections."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.schema import BaseNode, ImageNode, IndexNode, TextNode
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError, CollectionNotFound

from .models import at_angle, near, node, where

postgres = pytest.importorskip("llama_index.vector_stores.postgres")

NODES: list[BaseNode] = [
    node("a", "A cat's 100% \\ text", 0, "d1", zebra=1, kind="animal", tags=["x"]),
    node("b", "Bread", 40, "d1", kind="food"),
    node("c", "No document", 80),
    IndexNode(id_="i", text="a table", index_id="t", embedding=at_angle(120)),
    ImageNode(id_="p", text="a picture", image_url="http://x/p.png", embedding=at_angle(150)),
]


@pytest.fixture
def make_theirs(target: str, schema: str) -> Iterator[Callable[..., Any]]:
    """Make PGVectorStores in the test's schema."""
    made: list[Any] = []
    parts = conninfo_to_dict(target)

    def url(driver: str) -> URL:
        where = {"host": parts["host"], "port": str(parts.get("port") or 5432)}
        return URL.create(driver, parts["user"], database=parts["dbname"], query=where)

    def make(**options: Any) -> Any:
        made.append(
            postgres.PGVectorStore(
                connection_string=url("postgresql+psycopg2").render_as_string(hide_password=False),
                async_connection_string=url("postgresql+asyncpg").render_as_string(hide_password=False),
                schema_name=schema,
                **{"table_name": "Essays", "embed_dim": 2, **options},
            )
        )
        return made[-1]

    with vecs.create_client(target) as client, client.connection() as connection:
        connection.execute("create extension if not exists vector")
    yield make
    for store in made:
        if store.client is not None:
            store.client.dispose()


def without_embedding(nodes: list[BaseNode]) -> list[BaseNode]:
    return [node.model_copy(update={"embedding": None}) for node in nodes]


@pytest.mark.parametrize("options", [{}, {"hybrid_search": True, "use_jsonb": True}, {"use_halfvec": True}])
def test_the_nodes_of_a_pgvectorstore_are_copied(
    make_theirs: Callable[..., Any], schema: str, options: dict[str, Any]
) -> None:
    theirs = make_theirs(**options)
    theirs.add(NODES)
    with VecsVectorStore.from_pgvector_store(theirs, schema_name=schema) as store:
        assert store.collection_name == "essays"
        assert store.get_nodes() == without_embedding(NODES)
        assert store.query(near(0, top_k=1)).ids == ["a"]
        assert store.query(near(filters=where("kind", "EQ", "food"))).ids == ["b"]
        assert store.collection.info().precision == ("half" if "use_halfvec" in options else "full")
        assert list(store.get_nodes(["a"])[0].metadata) == ["zebra", "kind", "tags"]
        store.delete("d1")
        assert len(store.get_nodes()) == 3
        assert len(theirs.query(near()).ids) == 5


async def test_they_are_copied_without_blocking(make_theirs: Callable[..., Any], schema: str) -> None:
    theirs = make_theirs()
    theirs.add(NODES)
    async with await VecsVectorStore.afrom_pgvector_store(theirs, "copied", schema_name=schema) as store:
        assert await store.aget_nodes() == without_embedding(NODES)


def test_a_table_is_copied_by_the_name_it_was_given(make_theirs: Callable[..., Any], target: str, schema: str) -> None:
    make_theirs().add(NODES)
    options: dict[str, Any] = {"source_schema": schema, "url": target, "schema_name": schema}
    with VecsVectorStore.from_pgvector_store("Essays", "mine", **options) as store:
        assert len(store.get_nodes()) == 5
    with pytest.raises(CollectionNotFound, match="data_other"):
        VecsVectorStore.from_pgvector_store("other", **options)


async def test_a_table_is_copied_async_by_the_name_it_was_given(
    make_theirs: Callable[..., Any], target: str, schema: str
) -> None:
    make_theirs().add(NODES)
    options: dict[str, Any] = {"source_schema": schema, "url": target, "schema_name": schema}
    async with await VecsVectorStore.afrom_pgvector_store("Essays", "mine", **options) as store:
        assert len(await store.aget_nodes()) == 5


def test_of_a_node_that_was_added_twice_the_last_is_copied(make_theirs: Callable[..., Any], schema: str) -> None:
    theirs = make_theirs()
    theirs.add([node("a", "old")])
    theirs.add([node("a", "new")])
    with VecsVectorStore.from_pgvector_store(theirs, schema_name=schema) as store:
        assert [n.get_content() for n in store.get_nodes()] == ["new"]


def test_copying_again_changes_nothing(make_theirs: Callable[..., Any], schema: str) -> None:
    theirs = make_theirs()
    theirs.add([node(f"n{number}", degrees=number % 360) for number in range(700)])
    for _ in range(2):
        with VecsVectorStore.from_pgvector_store(theirs, schema_name=schema) as store:
            assert len(store.get_nodes()) == 700


def test_rows_of_others_are_copied_as_text_nodes(make_theirs: Callable[..., Any], target: str, schema: str) -> None:
    theirs = make_theirs()
    theirs.add([node("a")])
    with vecs.create_client(target) as client, client.connection() as connection:
        connection.execute(
            f"""insert into {schema}.data_essays (text, metadata_, node_id, embedding)
                values ('mine', '{{"k": 1}}', 'z', '[1,0]'), ('no vector', '{{}}', 'y', null)"""
        )
    with VecsVectorStore.from_pgvector_store(theirs, schema_name=schema) as store:
        assert store.get_nodes(["y", "z"]) == [TextNode(id_="z", text="mine", metadata={"k": 1})]


def test_what_is_no_pgvectorstore_is_refused(target: str, schema: str) -> None:
    with pytest.raises(ArgError, match="PGVectorStore or the table_name"):
        VecsVectorStore.from_pgvector_store(5)
    with vecs.create_client(target) as client, client.connection() as connection:
        connection.execute(f"create schema {schema}")
        connection.execute(f"create table {schema}.data_x (id int)")
    with pytest.raises(ArgError, match="no column embedding, metadata_, node_id, text"):
        VecsVectorStore.from_pgvector_store("x", url=target, source_schema=schema, schema_name=schema)


def test_the_collection_is_ready_for_words(make_theirs: Callable[..., Any], schema: str) -> None:
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    theirs = make_theirs(hybrid_search=True, text_search_config="german")
    theirs.add([node("a", "Die Katzen schlafen")])
    with warnings.catch_warnings(), VecsVectorStore.from_pgvector_store(theirs, schema_name=schema) as store:
        warnings.simplefilter("error")
        query = VectorStoreQuery(query_str="Katze", mode=VectorStoreQueryMode.TEXT_SEARCH, similarity_top_k=1)
        assert store.query(query).ids == ["a"]
