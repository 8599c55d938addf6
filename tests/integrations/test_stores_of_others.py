"""Stores that others built on vecs 0.4, as they are on the package index, run on this vecs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEM0 = """
import sys, types

# The package itself imports the clients of many services, and the store none of them.
package = types.ModuleType("mem0")
package.__path__ = [sys.argv[1] + "/mem0"]
sys.modules["mem0"] = package
from mem0.vector_stores.supabase import Supabase

store = Supabase(sys.argv[2], "mem0_memories", embedding_model_dims=3)
try:
    payloads = [{"user_id": "ann", "data": "likes tea"}, {"user_id": "bob", "data": "likes coffee"}]
    store.insert([[1, 0, 0], [0, 1, 0]], payloads, ["a", "b"])
    found = store.search("tea", [1, 0, 0], top_k=5)
    assert [match.id for match in found] == ["a", "b"] and found[0].score > 0.99, found
    assert found[0].payload == payloads[0], found
    assert [m.id for m in store.search("", [1, 0, 0], filters={"user_id": "bob"})] == ["b"]
    both = {"user_id": "bob", "data": "likes coffee"}
    assert [m.id for m in store.search("", [1, 0, 0], filters=both)] == ["b"]
    store.update("b", [0, 0, 1], {"user_id": "bob", "data": "likes water"})
    assert store.get("b").payload["data"] == "likes water"
    assert {each.id for each in store.list()[0]} == {"a", "b"}
    assert {each.id for each in store.list({"user_id": "ann"})[0]} == {"a"}
    store.delete("a")
    assert store.get("a") is None
    info = store.col_info()
    assert (info["name"], info["count"], info["dimension"]) == ("mem0_memories", 1, 3), info
    store.reset()
    assert store.list()[0] == []
finally:
    store.delete_col()
    store.db.disconnect()
print("fine")
"""

SUPABASE = """
import sys
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.supabase import SupabaseVectorStore
import vecs

store = SupabaseVectorStore(sys.argv[2], "supabase_nodes", dimension=2)
try:
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d")}
    first = TextNode(id_="a", text="a cat", embedding=[1, 0], metadata={"kind": "cat"}, relationships=source)
    second = TextNode(id_="b", text="a dog", embedding=[0, 1], metadata={"kind": "dog"})
    assert store.add([first, second]) == ["a", "b"]
    again = SupabaseVectorStore(sys.argv[2], "supabase_nodes", dimension=2)
    found = again.query(VectorStoreQuery(query_embedding=[1, 0.1], similarity_top_k=2))
    assert found.ids == ["a", "b"], found
    assert [node.text for node in found.nodes] == ["a cat", "a dog"], found.nodes
    dogs = MetadataFilters(filters=[MetadataFilter(key="kind", value="dog")])
    assert again.query(VectorStoreQuery(query_embedding=[1, 0], similarity_top_k=2, filters=dogs)).ids == ["b"]
    store.delete("d")
    assert again.query(VectorStoreQuery(query_embedding=[1, 0], similarity_top_k=2)).ids == ["b"]
finally:
    with vecs.create_client(sys.argv[2]) as client:
        client.delete_collection("supabase_nodes")
print("fine")
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("package", "code"),
    [("mem0ai==2.2.1", MEM0), ("llama-index-vector-stores-supabase==0.6.0", SUPABASE)],
    ids=["mem0", "llama_index"],
)
def test_a_store_built_on_04_runs(package: str, code: str, target: str, tmp_path: Path) -> None:
    # Without what it depends on: that is vecs 0.4, and nothing here is to change.
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), package]
    subprocess.run(install, check=True, capture_output=True)
    run = f"import sys; sys.path.insert(0, sys.argv[1])\n{code}"
    command = [sys.executable, "-c", run, str(tmp_path), target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr
