"""
Compare langchain-vecs with vecs itself, and with langchain-postgres, on the same data in the same run.

    python benchmarks/langchain.py [--target DSN-or-folder] [add] [search] [filtered] [import]

Ratios are langchain-vecs' time over the other's. Runs alternate. `add` and `search` give what the integration costs
over the core; langchain-postgres (PGVectorStore) is measured beside it where it is installed. Without a target a
temporary embedded server is used.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from core import make_records, queries
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

import vecs
from langchain_vecs import VecsVectorStore

ROWS, DIMENSION = 2000, 384


class Known(Embeddings):
    """Vectors that are at hand: the time of a model is not what is measured."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.vectors[text]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)


def milliseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1000


def told(name: str, times: dict[str, list[float]]) -> None:
    """Print medians, and the ratio of the first to each other one."""
    medians = {who: statistics.median(values) for who, values in times.items()}
    first = next(iter(medians.values()))
    print(f"{name:34}", *(f"{who} {value:9.2f} ms ({first / value:5.2f})" for who, value in medians.items()), sep="  ")


def peer(target: str) -> Any:
    """Return langchain-postgres' store on an empty table, or None where it is not installed."""
    with suppress(ImportError):
        from langchain_postgres import PGEngine, PGVectorStore
        from langchain_postgres.v2.engine import Column

        made = vecs.create_client(target)
        with made.connection() as connection:
            connection.execute("drop table if exists public.peer")
            info = connection.info
            url = f"postgresql+psycopg://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"
        engine = PGEngine.from_connection_string(url=url)
        engine.init_vectorstore_table("peer", DIMENSION, id_column=Column("langchain_id", "text"))
        return lambda embedding: PGVectorStore.create_sync(engine, embedding, "peer")
    return None


def bench_add(target: str, records: list[Any]) -> None:
    embedding = Known({text: vector.tolist() for _, vector, _, text in records})
    texts = [text for *_, text in records]
    vectors = [vector.tolist() for _, vector, _, _ in records]
    metadatas = [metadata for _, _, metadata, _ in records]
    ids = [id for id, *_ in records]
    documents = [
        Document(id=id, page_content=text, metadata=metadata)
        for id, text, metadata in zip(ids, texts, metadatas, strict=True)
    ]
    client = vecs.create_client(target)
    plain = [
        vecs.Record(id, vec=vec, text=text, metadata=metadata)
        for id, vec, text, metadata in zip(ids, vectors, texts, metadatas, strict=True)
    ]
    store_of = peer(target)
    times: dict[str, list[float]] = {"add_embeddings": [], "core": []}
    by_document: dict[str, list[float]] = {"add_documents": [], "core": []}
    if store_of is not None:
        by_document["langchain-postgres"] = []
    for _ in range(7):
        client.delete_collection("core")
        client.delete_collection("adapter")
        core = client.create_collection("core", dimension=DIMENSION, text=True)
        client.create_collection("adapter", dimension=DIMENSION, text=True)
        store = VecsVectorStore(embedding, "adapter", client=client)
        taken = milliseconds(partial(core.upsert, plain))
        times["core"].append(taken)
        by_document["core"].append(taken)
        times["add_embeddings"].append(milliseconds(partial(store.add_embeddings, texts, vectors, metadatas, ids)))
        client.delete_collection("adapter")
        client.create_collection("adapter", dimension=DIMENSION, text=True)
        by_document["add_documents"].append(milliseconds(partial(store.add_documents, documents)))
        if store_of is not None:
            theirs = peer(target)(embedding)
            by_document["langchain-postgres"].append(milliseconds(partial(theirs.add_documents, documents)))
    told(f"add {len(records)} x {DIMENSION}, vectors given", times)
    told(f"add {len(records)} x {DIMENSION}, documents", by_document)


def bench_search(target: str, records: list[Any], filters: dict[str, Any] | None = None) -> None:
    texts = [text for *_, text in records]
    asked = queries(records, 300)
    embedding = Known(
        {text: vector.tolist() for _, vector, _, text in records}
        | {f"query {number}": vec.tolist() for number, vec in enumerate(asked)}
    )
    client = vecs.create_client(target)
    client.delete_collection("adapter")
    store = VecsVectorStore(embedding, "adapter", client=client)
    store.add_texts(texts, [metadata for _, _, metadata, _ in records], ids=[id for id, *_ in records])
    store.create_index()
    core = client.get_collection("adapter")
    store_of = peer(target)
    theirs = None
    if store_of is not None:
        theirs = store_of(embedding)
        theirs.add_texts(texts, [metadata for _, _, metadata, _ in records], ids=[id for id, *_ in records])
        from langchain_postgres.v2.indexes import HNSWIndex

        theirs.apply_vector_index(HNSWIndex())
    times: dict[str, list[float]] = {"langchain-vecs": [], "core": []}
    if theirs is not None:
        times["langchain-postgres"] = []
    given = {} if filters is None else {"filter": filters}
    for number, vec in enumerate(asked):
        text = f"query {number}"
        values = vec.tolist()
        both = {
            "core": lambda v=values: core.search(v, limit=4, filters=filters, include_extra=True),
            "langchain-vecs": lambda t=text: store.similarity_search(t, k=4, **given),
        }
        # Who comes second finds the pages warm.
        for name in sorted(both, reverse=number % 2 == 0):
            times[name].append(milliseconds(both[name]))
        if theirs is not None:
            times["langchain-postgres"].append(milliseconds(lambda t=text: theirs.similarity_search(t, k=4, **given)))
    told(f"similarity_search{', filtered' if filters else ''}", {n: v[50:] for n, v in times.items()})
    ours, cores = (statistics.median(times[name][50:]) for name in ("langchain-vecs", "core"))
    print(f"{'':34}  langchain-vecs adds {ours - cores:.2f} ms")
    if filters is None:
        asyncio.run(_async_search(target, asked, embedding))


async def _async_search(target: str, asked: list[np.ndarray], embedding: Known) -> None:
    async with (
        vecs.create_async_client(target) as client,
        VecsVectorStore(embedding, "adapter", client=client) as store,
    ):
        core = await client.get_collection("adapter")
        times: dict[str, list[float]] = {"langchain-vecs": [], "core": []}
        for number, vec in enumerate(asked):
            values, text = vec.tolist(), f"query {number}"
            for name in sorted(times, reverse=number % 2 == 0):
                start = time.perf_counter()
                if name == "core":
                    await core.search(values, limit=4, include_extra=True)
                else:
                    await store.asimilarity_search(text, k=4)
                times[name].append((time.perf_counter() - start) * 1000)
        told("asimilarity_search", {n: v[50:] for n, v in times.items()})


def bench_import() -> None:
    code = "import time; t = time.perf_counter(); import {}; print((time.perf_counter() - t) * 1000)"
    for module in ("vecs", "langchain_core.vectorstores", "langchain_vecs"):
        runs = [
            float(subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, check=True).stdout)
            for _ in range(5)
        ]
        print(f"import {module:30} {statistics.median(runs):7.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--target")
    parser.add_argument("parts", nargs="*", default=["add", "search", "filtered", "import"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    records = make_records(ROWS, DIMENSION)
    # Texts are what embeddings go by here.
    records = [(id, vector, metadata, f"{text} {id}") for id, vector, metadata, text in records]
    with tempfile.TemporaryDirectory() as folder:
        target = arguments.target or folder
        for part in arguments.parts:
            if part == "add":
                bench_add(target, records)
            if part == "search":
                bench_search(target, records)
            if part == "filtered":
                bench_search(target, records, {"share": {"$lt": 5}})
            if part == "import":
                bench_import()


if __name__ == "__main__":
    main()
