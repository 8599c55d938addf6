"""What other stores answer, as records; and their packages themselves, where they are installed."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import vecs
from vecs import Record, importing
from vecs.exc import ArgError, CollectionNotFound
from vecs.importing import Incoming, from_chroma, from_lancedb
from vecs.importing.from_supabase import node_record


def test_answers_of_chroma_become_records() -> None:
    answer = {
        "ids": ["a", "b"],
        "embeddings": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "documents": ["Text “1”", None],
        "metadatas": [{"n": 1, "ok": True}, None],
        "uris": [None, "file:///x"],
    }
    first, second = from_chroma.records_of(answer)
    assert (first.id, list(first.vec), first.text, first.metadata) == ("a", [1, 2], "Text “1”", {"n": 1, "ok": True})
    assert (second.text, second.metadata) == (None, {"uri": "file:///x"})
    assert from_chroma.records_of({"ids": [], "embeddings": None, "documents": None}) == []


def rows(**columns: Any) -> tuple[Any, list[dict[str, Any]]]:
    table = pa.table(columns)
    return table.schema, table.to_pylist()


VECTORS = pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))


def test_rows_of_lancedb_become_records() -> None:
    schema, given = rows(
        id=[1, 2],
        vector=VECTORS,
        text=["é", None],
        when=[datetime(2026, 1, 2, 3), None],
        day=[date(2026, 1, 2), None],
        price=[Decimal("1.50"), None],
        raw=[b"x", b"y"],
        metadata=[{"source": "a", "page": None}, {"source": "b", "page": 2}],
    )
    columns = from_lancedb.columns_of("docs", schema, None, None, None)
    assert columns.left_out == ("raw",)
    first, second = from_lancedb.records_of(given, columns)
    assert (first.id, first.text, first.metadata) == (
        "1",
        "é",
        {"when": "2026-01-02T03:00:00", "day": "2026-01-02", "price": "1.50", "source": "a"},
    )
    assert (second.vec, second.metadata) == (None, {"source": "b", "page": 2})


def test_rows_without_ids_get_the_same_ids_in_every_run() -> None:
    schema, given = rows(v=VECTORS, body=["x", "y"])
    columns = from_lancedb.columns_of("docs", schema, None, None, "body")
    first, again = from_lancedb.records_of(given, columns), from_lancedb.records_of(given, columns)
    assert [record.id for record in first] == [record.id for record in again]
    assert len({record.id for record in first}) == 2


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({"a": ["x"]}, (None, None, None), "no column of vectors"),
        ({"a": VECTORS, "b": VECTORS}, (None, None, None), "the columns a, b of vectors: name the one"),
        ({"a": VECTORS}, (None, "c", None), "no column 'c' for vector="),
    ],
)
def test_a_table_whose_columns_are_not_clear_is_told(columns: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        from_lancedb.columns_of("docs", pa.table(columns).schema, *arguments)


def in_batches(*batches: list[Record]) -> Incoming:
    records = sum(map(len, batches))
    return Incoming("docs", records, 2, True, None, lambda: iter(batches))


async def test_both_worlds_load_and_a_second_run_changes_nothing(target: str, schema: str) -> None:
    given = in_batches([Record("a", [1, 2], "x", {"n": 1}), Record("b")], [Record("c", [3, 4], "y")])
    seen: list[tuple[int, int]] = []
    with vecs.create_client(target, schema=schema) as client:
        for _ in range(2):
            done = importing.load(client, given, progress=lambda *at: seen.append(at))
            assert (done.name, done.records, done.skipped, done.total) == ("docs", 2, 1, 2)
        assert seen == [(2, 3), (3, 3)] * 2
        async with vecs.create_async_client(target, schema=schema) as other:
            done = await importing.aload(other, given, name="more")
            assert (done.name, done.records, done.total) == ("more", 2, 2)
            wrong: Any = other
            with pytest.raises(ArgError, match="aload"):
                importing.load(wrong, given)
        nothing = Incoming("empty", 0, None, True, None, lambda: iter(()))
        assert importing.load(client, nothing).name is None
        assert client.collection_names() == ["docs", "more"]


def test_nodes_of_supabase_vector_store_are_read_as_they_were(target: str, schema: str) -> None:
    core = pytest.importorskip("llama_index.core.schema")
    utils = pytest.importorskip("llama_index.core.vector_stores.utils")
    nodes = pytest.importorskip("llama_index.vector_stores.vecs.nodes")
    node = core.TextNode(
        id_="n1", text="Text “1”", metadata={"kind": "a"}, excluded_embed_metadata_keys=["kind"], start_char_idx=3
    )
    node.relationships[core.NodeRelationship.SOURCE] = core.RelatedNodeInfo(node_id="doc-1")
    stored = utils.node_to_metadata_dict(node, remove_text=False)
    with vecs.create_client(target, schema=schema) as client:
        old = client.create_collection("old", 2)
        old.upsert([("n1", [1, 2], stored), ("plain", [3, 4], {"text": "t", "n": 1})])
        with importing.supabase(old) as (incoming,):
            assert importing.load(client, incoming, name="new").records == 2
        first, second = client.get_collection("new").get(include_vector=True)
        assert (first.text, first.metadata, first.document_id) == ("Text “1”", {"kind": "a"}, "doc-1")
        assert nodes.to_node(first).to_dict() == node.to_dict()
        assert (second.text, second.metadata) == ("t", {"text": "t", "n": 1})


def test_a_node_without_a_document_has_none_and_a_damaged_one_keeps_all() -> None:
    content = json.dumps({"id_": "a", "text": "x", "class_name": "TextNode"})
    found = node_record(Record("a", [1], None, {"_node_content": content, "ref_doc_id": "None", "n": 1}))
    assert (found.text, found.document_id, found.metadata) == ("x", None, {"n": 1})
    damaged = {"_node_content": "{", "n": 1}
    assert node_record(Record("a", [1], None, damaged)).metadata == damaged


def files_of(folder: Path) -> dict[Path, str]:
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.full
def test_a_folder_of_chroma_is_read_and_not_written_to(tmp_path: Path, target: str, schema: str) -> None:
    chromadb = pytest.importorskip("chromadb", reason="pip install chromadb")
    store = chromadb.PersistentClient(str(tmp_path / "chroma"))
    docs = store.create_collection("docs", embedding_function=None, metadata={"hnsw:space": "cosine"})
    docs.add(ids=["é", "b"], embeddings=[[1.0, 2.0], [3.0, 4.0]], documents=["x", "y"], metadatas=[{"n": 1}, {"n": 2}])
    store.create_collection("empty", embedding_function=None)
    before = files_of(tmp_path / "chroma")
    with vecs.create_client(target, schema=schema) as client:
        with importing.chroma(tmp_path / "chroma", batch_size=1) as found:
            done = [importing.load(client, incoming) for incoming in found]
        assert [(each.source, each.name, each.total) for each in done] == [("docs", "docs", 2), ("empty", None, 0)]
        assert client.get_collection("docs").get(["é"])[0].metadata == {"n": 1}
        with pytest.raises(CollectionNotFound), importing.chroma(tmp_path / "chroma", ["no"]):
            pass
    assert files_of(tmp_path / "chroma") == before


@pytest.mark.full
def test_tables_of_lancedb_are_read_and_not_written_to(tmp_path: Path, target: str, schema: str) -> None:
    lancedb = pytest.importorskip("lancedb", reason="pip install lancedb")
    store = lancedb.connect(str(tmp_path / "lance"))
    store.create_table("docs", data=[{"id": f"é{n}", "vector": [n, 1.0], "text": "x", "n": n} for n in range(5)])
    store.create_table("empty", schema=pa.schema([("vector", pa.list_(pa.float32(), 4))]))
    before = files_of(tmp_path / "lance")
    with vecs.create_client(target, schema=schema) as client:
        with importing.lancedb(tmp_path / "lance", batch_size=2) as found:
            done = [importing.load(client, incoming) for incoming in found]
        assert [(each.source, each.name, each.total) for each in done] == [("docs", "docs", 5), ("empty", None, 0)]
        assert client.get_collection("docs").get(["é3"])[0].metadata == {"n": 3}
        with pytest.raises(CollectionNotFound), importing.lancedb(tmp_path / "lance", ["no"]):
            pass
    assert files_of(tmp_path / "lance") == before
