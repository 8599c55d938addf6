"""How a store is made, copied, pickled and closed."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStore
from psycopg.conninfo import conninfo_to_dict

import llama_index.vector_stores.vecs
import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension

from .conftest import MakeStore
from .models import near, node, where

FOLDER = Path(llama_index.vector_stores.vecs.__file__).parent


def test_it_is_a_llama_index_vector_store(store: VecsVectorStore) -> None:
    assert BasePydanticVectorStore in VecsVectorStore.__mro__
    assert isinstance(store, VectorStore)
    assert store.stores_text is True
    assert store.is_embedding_query is True
    assert store.flat_metadata is False
    assert VecsVectorStore.class_name() == "VecsVectorStore"


def test_the_whole_interface_is_its_own() -> None:
    for name in (
        "add", "async_add", "delete", "adelete", "delete_nodes", "adelete_nodes", "get_nodes", "aget_nodes", "clear",
        "aclear", "query", "aquery", "client", "class_name",
    ):  # fmt: skip
        assert getattr(VecsVectorStore, name) is not getattr(BasePydanticVectorStore, name), name


def test_every_public_method_is_documented() -> None:
    for name in set(dir(VecsVectorStore)) - set(dir(BasePydanticVectorStore)):
        assert name.startswith("_") or getattr(VecsVectorStore, name).__doc__, name


def test_the_package_shares_its_namespaces() -> None:
    assert (FOLDER / "py.typed").exists()
    assert not (FOLDER.parent / "__init__.py").exists()
    assert not (FOLDER.parent.parent / "__init__.py").exists()
    assert find_spec("llama_index.vector_stores.postgres") is not None


def test_a_name_is_enough(tmp_path: Path) -> None:
    code = """
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery
from llama_index.vector_stores.vecs import VecsVectorStore

with VecsVectorStore("essays") as store:
    store.add([TextNode(id_="a", text="t", embedding=[1.0, 0.0, 0.0])])
    print(store.query(VectorStoreQuery(query_embedding=[1.0, 0.0, 0.0])).ids, store.collection.dimension)
"""
    environment = {name: value for name, value in os.environ.items() if name != "VECS_URL"}
    environment |= {"XDG_DATA_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['a'] 3", done.stderr


def test_a_folder_is_an_embedded_server(tmp_path: Path) -> None:
    with VecsVectorStore("essays", path=tmp_path / "kb") as store:
        store.add([node("a")])
    with VecsVectorStore("essays", path=str(tmp_path / "kb")) as store:
        assert [n.node_id for n in store.get_nodes()] == ["a"]


def test_the_dimension_is_learned_or_given(make_store: MakeStore) -> None:
    learned, given = make_store("learned"), make_store("given", dimension=2)
    learned.add([node("a")])
    given.add([node("a")])
    assert learned.collection.dimension == given.collection.dimension == 2
    with pytest.raises(MismatchedDimension):
        make_store("other", dimension=3).add([node("a")])


def test_nothing_connects_before_the_first_call() -> None:
    store = VecsVectorStore("nodes", url="postgresql://nobody@localhost:1/nowhere", pool_timeout=0.2)
    assert store.to_dict()["collection_name"] == "nodes"
    store.close()


def test_clients_are_taken_and_left_open(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        with VecsVectorStore("nodes", client=client) as store:
            assert store.client is client
            assert store.schema_name == schema
            store.add([node("a")])
        assert client.get_collection("nodes").count() == 1


async def test_both_clients_are_taken_and_left_open(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as async_client:
        client = vecs.Client(target, schema=schema)
        async with VecsVectorStore("nodes", client=client, async_client=async_client) as store:
            await store.async_add([node("a")])
            assert await store._shared.aclient() is async_client
            assert store.client is client
            assert len(store.get_nodes()) == 1
        assert await async_client.collection_names() == ["nodes"]
        assert client.collection_names() == ["nodes"]
        client.close()


async def test_an_async_client_alone_is_enough(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as async_client:
        async with VecsVectorStore("nodes", async_client=async_client) as store:
            await store.async_add([node("a")])
            assert await store._shared.aclient() is async_client
            assert len(store.get_nodes()) == 1
        assert await async_client.collection_names() == ["nodes"]


async def test_a_store_is_made_of_a_collection_of_either_world(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema) as async_client:
        async_collection = await async_client.create_collection("nodes", dimension=2, text=True)
        client = vecs.Client(target, schema=schema)
        collection = client.get_collection("nodes")
        for given in ([collection], [async_collection], [collection, async_collection]):
            async with VecsVectorStore.from_collection(*given) as store:
                await store.async_add([node("a")])
                assert len(store.get_nodes()) == 1
                assert store.is_embedding_query is True
        client.close()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "postgresql://h/d", "path": "x"}, "url and path"),
        ({"collection_name": ""}, "collection_name"),
        ({"collection_name": None}, "collection_name"),
        ({"dimension": 0}, "dimension"),
        ({"measure": "manhattan"}, "manhattan"),
        ({"client": "postgresql://h/d"}, "client must be a vecs.Client"),
        ({"async_client": 5}, "async_client must be a vecs.AsyncClient"),
        ({"rerank": 5}, "rerank"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ArgError, match=problem):
        VecsVectorStore(**options)


def test_a_client_has_options_of_its_own(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        with pytest.raises(ArgError, match="pool_size"):
            VecsVectorStore("nodes", client=client, pool_size=3)
        with pytest.raises(ArgError, match="schema_name"):
            VecsVectorStore("nodes", client=client, schema_name="other")


def test_the_collection_is_the_cores(store: VecsVectorStore) -> None:
    with pytest.raises(CollectionNotFound, match="add nodes first"):
        _ = store.collection
    store.add([node("a", k=1)])
    assert isinstance(store.collection, vecs.Collection)
    assert store.collection.count({"k": 1}) == 1


# --- over a collection with a transform ---------------------------------------------------------------------


def letters(texts: list[str]) -> list[list[float]]:
    return [[text.count(letter) + 0.1 for letter in "abc"] for text in texts]


def test_a_collection_makes_its_own_vectors(target: str, schema: str) -> None:
    from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery

    transform = vecs.Pipeline([vecs.ParagraphChunker(skip_during_query=True), vecs.Embedding(letters, dimension=3)])
    with vecs.create_client(target, schema=schema) as client:
        collection = client.create_collection("nodes", transform=transform)
        store = VecsVectorStore.from_collection(collection)
        assert store.is_embedding_query is False
        nodes = [TextNode(id_="a", text="aaa\n\naa"), TextNode(id_="b", text="bbb"), TextNode(id_="c", text="cc")]
        index = VectorStoreIndex(
            nodes,
            storage_context=StorageContext.from_defaults(vector_store=store),
            embed_model=MockEmbedding(embed_dim=7),
        )
        assert [found.node_id for found in index.as_retriever(similarity_top_k=1).retrieve("bb")] == ["b"]
        assert [found.node_id for found in index.as_retriever(similarity_top_k=1).retrieve("a")] == ["a"]
        assert store.get_nodes() == nodes
        by_text = VectorStoreQuery(query_str="c", similarity_top_k=1)
        assert store.query(by_text).ids == ["c"]
        assert store.collection.transform is not None
        assert collection.search("b", limit=1, exact=True)[0].id == "b"


def test_a_transform_can_be_given_with_a_name(make_store: MakeStore) -> None:
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery

    store = make_store(transform=vecs.Embedding(letters, dimension=3))
    store.add([TextNode(id_="a", text="aaa"), TextNode(id_="b", text="bbb")])
    assert store.query(VectorStoreQuery(query_str="b")).ids == ["b"]
    assert store.collection.dimension == 3


# --- serialised, copied --------------------------------------------------------------------------------------


def test_to_dict_has_no_secrets() -> None:
    store = VecsVectorStore(
        "nodes", url="postgresql://me:geheim@localhost:1/d", server_settings={"x": "geheim"}, dimension=3
    )
    for shown in (json.dumps(store.to_dict()), store.to_json(), repr(store), str(store), str(store.model_dump())):
        assert "geheim" not in shown
        assert "localhost" not in shown
    store.close()


def test_a_store_is_made_again_of_its_dict(make_store: MakeStore, target: str) -> None:
    store = make_store(dimension=2, measure="l2_distance", language="german")
    again = VecsVectorStore.from_dict(store.to_dict(), url=target)
    assert again.to_dict() == store.to_dict()
    store.add([node("a")])
    assert len(again.get_nodes()) == 1
    again.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda store: store.model_copy()])
def test_copies_have_the_same_nodes(store: VecsVectorStore, copied: Any) -> None:
    store.add([node("a")])
    twin = copied(store)
    assert twin.get_nodes() == store.get_nodes()
    assert twin.to_dict() == store.to_dict()
    store.close()
    assert len(twin.get_nodes()) == 1
    twin.close()


def test_a_pickled_store_finds_its_nodes_in_another_process(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(measure="l2_distance")
    store.add([node("a")])
    (tmp_path / "store").write_bytes(pickle.dumps(store))
    code = """
import pickle, sys
store = pickle.load(open(sys.argv[1], "rb"))
print([node.node_id for node in store.get_nodes()], store.measure)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "store"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['a'] l2_distance", done.stderr


def test_what_an_index_names_is_known_to_a_pickled_store(store: VecsVectorStore) -> None:
    from llama_index.core.schema import IndexNode

    store.add([node("a"), IndexNode(id_="table", text="t", index_id="x", embedding=[1, 0])])
    twin = pickle.loads(pickle.dumps(store))
    assert len(twin.query(near(node_ids=["table"])).ids) == 2
    twin.close()


def test_a_store_with_a_client_is_pickled_with_it(target: str, schema: str) -> None:
    with vecs.create_client(target, schema=schema) as client:
        store = VecsVectorStore("nodes", client=client)
        store.add([node("a")])
        twin = pickle.loads(pickle.dumps(store))
        assert twin.client is not client
        assert len(twin.get_nodes()) == 1
        twin.close()
        assert len(store.get_nodes()) == 1


def test_a_store_that_was_closed_and_used_keeps_its_connections(make_store: MakeStore) -> None:
    first, second = make_store(), make_store()
    first.add([node("a")])
    first.close()
    assert len(first.get_nodes()) == 1
    second.close()
    with first.client.connection() as connection:
        second.close()
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_closed_store_connects_again(store: VecsVectorStore) -> None:
    store.add([node("a")])
    store.close()
    store.close()
    assert len(store.get_nodes()) == 1


def test_persisting_a_storage_context_is_harmless(store: VecsVectorStore, tmp_path: Path) -> None:
    from llama_index.core import StorageContext

    store.add([node("a")])
    StorageContext.from_defaults(vector_store=store).persist(str(tmp_path))
    assert len(store.get_nodes()) == 1


# --- PGVectorStore's arguments -------------------------------------------------------------------------------


def test_the_arguments_of_pgvectorstore_make_a_store(target: str, schema: str) -> None:
    parts = conninfo_to_dict(target)
    store = VecsVectorStore.from_params(
        host=parts["host"],
        port=parts.get("port"),
        database=parts["dbname"],
        user=parts["user"],
        password="p@ss/w:rd 'x'",
        table_name="essays",
        schema_name=schema,
        embed_dim=2,
        hybrid_search=True,
        text_search_config="german",
        hnsw_kwargs={
            "hnsw_m": 8, "hnsw_ef_construction": 32, "hnsw_ef_search": 60, "hnsw_dist_method": "vector_l2_ops"
        },
        use_halfvec=True,
        use_jsonb=True,
        indexed_metadata_keys={("year", "int"), ("kind", "text"), ("tags", "text[]")},
    )  # fmt: skip
    with store:
        store.add([node("a", "Die Katzen schlafen", year=1, kind="x", tags=["t"])])
        store.add([node(f"n{number}", degrees=number) for number in range(50)])
        assert len(store.query(near(top_k=50)).ids or []) == 50
        assert store.query(near(filters=where("year", "GTE", 1))).ids == ["a"]
        assert store.measure == "l2_distance"
        collection = store.collection
        assert collection.name == "essays"
        assert collection.info().precision == "half"
        indexes = {index.name for index in collection.indexes()}
        assert sum("hnsw" in name and "m8" in name for name in indexes) == 1
        assert len(indexes) >= 3
        german = store.collection.search("Katze", mode="keyword")
        assert [match.id for match in german] == ["a"]


def test_a_connection_string_is_taken_in_sqlalchemys_forms() -> None:
    from sqlalchemy.engine import URL

    url = URL.create("postgresql+psycopg2", "me", "p@ss/:word", "db.example", 5433, "d")
    store = VecsVectorStore.from_params(connection_string=url, async_connection_string="postgresql+asyncpg://x/d")
    assert "me:***@db.example:5433/d" in repr(store.client)
    plain = VecsVectorStore.from_params(connection_string="postgresql+psycopg2://me:pw@db.example/d")
    assert "me:***@db.example/d" in repr(plain.client)
    with pytest.raises(ArgError, match="host"):
        VecsVectorStore.from_params(connection_string=url, host="h")


def test_what_concerns_sqlalchemy_warns_or_is_refused() -> None:
    with pytest.warns(UserWarning, match="create_engine_kwargs"):
        VecsVectorStore.from_params(host="h", create_engine_kwargs={"pool_size": 3})
    with pytest.raises(ArgError, match="customize_query_fn"):
        VecsVectorStore.from_params(host="h", customize_query_fn=print)
    with pytest.raises(ArgError, match="bogus_ops"):
        VecsVectorStore.from_params(host="h", hnsw_kwargs={"hnsw_dist_method": "bogus_ops"})


def test_the_distribution_says_where_it_is_imported_from() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib is new in Python 3.11")
    import tomllib

    configured = tomllib.loads((FOLDER.parents[2] / "pyproject.toml").read_text())
    assert configured["tool"]["llamahub"]["import_path"] == VecsVectorStore.__module__.rpartition(".")[0]
    assert list(configured["tool"]["llamahub"]["class_authors"]) == ["VecsVectorStore"]
    assert distribution("llama-index-core").version


def test_a_connection_string_in_the_place_of_the_name_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ArgError, match="that is url=") as raised:
        VecsVectorStore("postgresql://me:secret@localhost/db", path=tmp_path)
    assert "secret" not in str(raised.value)
