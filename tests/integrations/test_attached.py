"""Both stores on a table of one's own: what they write, find and delete, and what they leave alone."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import psycopg
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import index
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters, VectorStoreQuery
from psycopg import sql

import langchain_vecs
import vecs
from llama_index.vector_stores import vecs as llama_index_vecs
from vecs.exc import ArgError, CollectionNotFound

IDS = [str(UUID(int=n)) for n in (1, 2)]


@pytest.fixture
def attached(target: str, schema: str) -> Iterator[vecs.AttachedCollection]:
    """A table as a program of users may have it, with a row, and a collection of the same name beside it."""
    table = sql.Identifier(f"{schema}_own", "arts")
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("create extension if not exists vector")
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(f"{schema}_own")))
        connection.execute(
            sql.SQL(
                "create table {} (key uuid primary key, body text, v vector(2), price numeric, ok boolean, "
                "tags text[], meta jsonb, ts tsvector generated always as (to_tsvector('english', body)) stored)"
            ).format(table)
        )
    with vecs.create_client(target, schema=schema) as client:
        client.create_collection("arts", 2).upsert([("x", [1, 2])])
        yield client.attach(
            (f"{schema}_own", "arts"), vec="v", text="body", metadata="meta", columns=["price", "ok", "tags"]
        )
        # Whatever was refused is still there.
        assert client.get_collection("arts").count() == 1
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(f"{schema}_own")))


def test_langchain_has_documents_in_a_table(attached: vecs.AttachedCollection) -> None:
    embedding = DeterministicFakeEmbedding(size=2)
    store = langchain_vecs.VecsVectorStore(embedding, attached)
    documents = [
        Document("A cat sleeps", metadata={"price": 5, "ok": True, "when": date(2024, 1, 1)}),
        Document("Bread", metadata={"price": 7.5, "tags": ["a"]}),
    ]
    assert store.add_documents(documents, ids=IDS) == IDS

    for filter in ({"price": {"$lt": 6}}, {"$price": {"$lt": 6}}, {"ok": True}, {"when": "2024-01-01"}):
        for mode in ("vector", "keyword", "hybrid"):
            (found,) = store.similarity_search("cat sleeps", 5, filter=filter, mode=mode)
            # Without a column for notes on types, a date is a string.
            assert found.metadata == {"price": 5, "ok": True, "when": "2024-01-01"}
    assert [d.page_content for d in store.get_by_ids([IDS[1], "abc"])] == ["Bread"]
    assert store.update_metadata([IDS[0].upper()], {"price": 1, "z": 2}) == [IDS[0]]
    assert attached.count(filters={"price": 1, "z": 2}) == 1
    copied = pickle.loads(pickle.dumps(store))
    assert len(asyncio.run(copied.asimilarity_search("cat", 5))) == 2
    asyncio.run(copied.aclose())
    assert isinstance(store.collection, vecs.AttachedCollection)
    for call in (
        store.drop,
        store.create_index,
        lambda: store.delete(delete_all=True),
        lambda: store.add_texts(["x"], ids=["abc"]),
        lambda: store.add_texts(["x"], [{"price": "dear"}], ids=IDS[:1]),
    ):
        with pytest.raises(ArgError):
            call()
    assert store.delete([IDS[0], "abc"])
    assert attached.count() == 1


def test_llama_index_has_nodes_in_a_table(attached: vecs.AttachedCollection) -> None:
    store = llama_index_vecs.VecsVectorStore.from_collection(attached)
    nodes = [
        TextNode(id_=IDS[0], text="Some dogs", embedding=[1, 2], metadata={"price": 3, "ok": False, "w": 1}),
        TextNode(id_=IDS[1], text="Bread", embedding=[2, 1], metadata={"price": 1, "tags": ["a"]}),
    ]
    nodes[0].relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id="d1")
    assert store.add(nodes) == IDS

    def found(*conditions: tuple[str, Any, str], **query: Any) -> list[str]:
        filters = MetadataFilters(
            filters=[MetadataFilter(key=key, value=value, operator=op) for key, value, op in conditions]
        )
        asked = VectorStoreQuery(query_embedding=[1, 2], similarity_top_k=5, filters=filters, **query)
        return store.query(asked).ids or []

    # Its filters know no types: 1 is also True, and a part of a text is also an item of a list.
    assert found(("price", 1, "==")) == [IDS[1]]
    assert found(("ok", 0, "==")) == [IDS[0]]
    assert found(("price", 0, ">"), ("w", 1, "==")) == [IDS[0]]
    assert found(("tags", "a", "contains")) == [IDS[1]]
    assert found(("tags", None, "is_empty")) == [IDS[0]]
    assert found(("price", "x", "==")) == []
    assert found(("price", 3, "!=")) == [IDS[1]]
    assert found(query_str="dogs", mode="hybrid")[0] == IDS[0]
    (node,) = store.get_nodes([IDS[0]])
    assert (type(node), node.metadata) == (TextNode, {"price": 3, "ok": False, "w": 1})
    copied = pickle.loads(pickle.dumps(store))
    assert len(asyncio.run(copied.aget_nodes(vecs_filters={"$price": {"$lt": 2}}))) == 1
    asyncio.run(copied.aclose())
    assert f"schema_name='{attached.schema}'" in repr(store)
    for call in (store.clear, lambda: store.delete("d1"), store.create_index, store.to_dict, store.to_json):
        with pytest.raises(ArgError):
            call()
    store.delete_nodes([IDS[0]])
    assert attached.count() == 1


def test_a_namespace_is_refused_where_ids_or_metadata_cannot_hold_it(
    attached: vecs.AttachedCollection, target: str, schema: str
) -> None:
    embedding, client = DeterministicFakeEmbedding(size=2), attached.client
    with pytest.raises(ArgError, match="column 'key' of .*arts is uuid: namespaces need ids of type text"):
        langchain_vecs.VecsVectorStore(embedding, attached, namespace="a")
    with psycopg.connect(target, autocommit=True) as connection:
        table = sql.Identifier(schema, "keyed")
        made = "create table {} (k text primary key, body text, v vector(2), _namespace text)"
        connection.execute(sql.SQL(made).format(table))
    with pytest.raises(ArgError, match=r"with metadata=, or with columns=\['_namespace'\]"):
        langchain_vecs.VecsVectorStore(embedding, client.attach((schema, "keyed"), vec="v"), namespace="a")
    docs = client.attach((schema, "keyed"), vec="v", text="body", columns=["_namespace"])
    store = langchain_vecs.VecsVectorStore(embedding, docs, namespace="a")
    assert store.add_texts(["one"], ids=["1"]) == ["1"]
    assert [d.id for d in store.similarity_search("one")] == ["1"]
    assert langchain_vecs.VecsVectorStore(embedding, docs, namespace="b").similarity_search("one") == []


def test_a_table_that_is_gone_is_not_made(attached: vecs.AttachedCollection, target: str, schema: str) -> None:
    store = langchain_vecs.VecsVectorStore(DeterministicFakeEmbedding(size=2), attached)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(f"{schema}_own", "arts")))
    assert store.similarity_search("x") == []
    with pytest.raises(CollectionNotFound, match="any more"):
        store.add_texts(["x"], ids=IDS[:1])


def test_rows_of_a_table_come_with_those_next_to_them(
    attached: vecs.AttachedCollection, target: str, schema: str
) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        table = sql.Identifier(schema, "parts")
        connection.execute(
            sql.SQL(
                "create table {0} (n int primary key, body text, v vector(2), doc text); insert into {0} select n, "
                "'text ' || n, array[1, n]::vector, case when n < 12 then 'd' || n / 10 end "
                "from generate_series(8, 12) as n"
            ).format(table)
        )
    parts = attached.client.attach((schema, "parts"), vec="v", text="body", document_id="doc")
    store = llama_index_vecs.VecsVectorStore.from_collection(parts)
    asked = VectorStoreQuery(query_embedding=[1, 9], similarity_top_k=5)
    found = {node.node_id: node.metadata["window"] for node in store.query(asked, context=1).nodes or []}
    assert found == {
        "8": "text 8\n\ntext 9",
        "9": "text 8\n\ntext 9",
        "10": "text 10\n\ntext 11",
        "11": "text 10\n\ntext 11",
        "12": "text 12",
    }
    bare = llama_index_vecs.VecsVectorStore.from_collection(attached.client.attach((schema, "parts"), vec="v"))
    with pytest.raises(ArgError, match="context= needs texts and document ids"):
        bare.query(asked, context=1)


def test_index_keeps_the_documents_of_each_table_apart(
    attached: vecs.AttachedCollection, target: str, schema: str
) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        for name, columns in ((f"{schema}_own", "v2 vector(2)"), (schema, "v vector(2)")):
            table = sql.Identifier(name, "other")
            made = "create table {} (key uuid primary key, body text, {})"
            connection.execute(sql.SQL(made).format(table, sql.SQL(columns)))
        connection.execute(
            sql.SQL("alter table {} add column v vector(2)").format(sql.Identifier(f"{schema}_own", "other"))
        )
    embedding, client = DeterministicFakeEmbedding(size=2), attached.client
    stores = [
        langchain_vecs.VecsVectorStore(embedding, attached),
        langchain_vecs.VecsVectorStore(embedding, client.get_collection("arts")),
        *(
            langchain_vecs.VecsVectorStore(embedding, client.attach((name, "other"), vec=vec, text="body"))
            for name, vec in ((f"{schema}_own", "v"), (f"{schema}_own", "v2"), (schema, "v"))
        ),
    ]
    namespaces = {store.record_manager().namespace for store in stores}
    assert len(namespaces) == len(stores)
    assert f"vecs/{schema}.arts" in namespaces
    stores[0].record_manager().create_schema()
    for store in (stores[0], *stores[2:]):
        made = index([Document("A cat")], store.record_manager(), store, cleanup=None, key_encoder=_uuid_of)
        assert made["num_added"] == 1
        assert [d.page_content for d in store.similarity_search("A cat")] == ["A cat"]


def _uuid_of(document: Document) -> str:
    return str(uuid5(NAMESPACE_OID, document.page_content))
