"""
Compare llama-index-vector-stores-vecs with vecs itself, and with PGVectorStore, on the same data in the same run.

    python benchmarks/llamaindex.py [--target DSN-or-folder] [add] [query] [filtered] [loop] [import]

Ratios are our store's time over the other's. Runs alternate. `add` sets it against serialising the nodes plus the
core's upsert, `query` against the core's search, `loop` is how long `async_add` keeps an event loop from anything
else. PGVectorStore (llama-index-vector-stores-postgres) is measured beside it where it is installed. Without a target
a temporary embedded server is used.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
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

from core import make_records, queries
from llama_index.core.schema import NodeRelationship, ObjectType, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.utils import node_to_metadata_dict

import vecs
from llama_index.vector_stores.vecs import VecsVectorStore
from llama_index.vector_stores.vecs.nodes import to_record

ROWS, DIMENSION = 2000, 384


def make_nodes(rows: int) -> list[TextNode]:
    """Make nodes as a node parser makes them: with a source, a neighbour, offsets and metadata."""
    nodes: list[TextNode] = []
    for place, (id, vector, metadata, text) in enumerate(make_records(rows, DIMENSION)):
        source = RelatedNodeInfo(
            node_id=f"document-{place // 10}", node_type=ObjectType.DOCUMENT, metadata=metadata, hash="0" * 64
        )
        after = RelatedNodeInfo(node_id=f"{id}-next", node_type=ObjectType.TEXT, metadata={}, hash="1" * 64)
        nodes.append(
            TextNode(
                id_=id,
                text=text,
                metadata=metadata,
                embedding=vector.tolist(),
                relationships={NodeRelationship.SOURCE: source, NodeRelationship.NEXT: after},
                excluded_embed_metadata_keys=["n"],
                start_char_idx=place,
                end_char_idx=place + len(text),
            )
        )
    return nodes


def milliseconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1000


def told(name: str, times: dict[str, list[float]]) -> None:
    """Print medians, and the ratio of the first to each other one."""
    medians = {who: statistics.median(values) for who, values in times.items()}
    first = next(iter(medians.values()))
    print(f"{name:28}", *(f"{who} {value:8.2f} ms ({first / value:5.2f})" for who, value in medians.items()), sep="  ")


def peer(target: str) -> Any:
    """Return PGVectorStore on an empty table, or None where it is not installed."""
    with suppress(ImportError):
        from llama_index.vector_stores.postgres import PGVectorStore
        from sqlalchemy.engine import URL

        with vecs.create_client(target) as client, client.connection() as connection:
            connection.execute("create extension if not exists vector")
            connection.execute("drop table if exists public.data_peer")
            info = connection.info
            where = {"host": info.host, "port": str(info.port)}
            urls = [
                URL.create(driver, info.user, database=info.dbname, query=where).render_as_string(hide_password=False)
                for driver in ("postgresql+psycopg2", "postgresql+asyncpg")
            ]
        hnsw = {"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40}
        return PGVectorStore(*urls, table_name="peer", embed_dim=DIMENSION, hnsw_kwargs=hnsw, use_jsonb=True)
    return None


def bench_add(target: str, nodes: list[TextNode]) -> None:
    client = vecs.create_client(target)
    times: dict[str, list[float]] = {"add": [], "ours + core": [], "LlamaIndex's + core": []}
    parts: dict[str, list[float]] = {"core": [], "our serialisation": [], "LlamaIndex's": []}
    for _ in range(7):
        client.delete_collection("core")
        client.delete_collection("adapter")
        core = client.create_collection("core", dimension=DIMENSION, text=True)
        client.create_collection("adapter", dimension=DIMENSION, text=True)
        store = VecsVectorStore("adapter", client=client)
        ours = milliseconds(lambda: [to_record(node, embed=False) for node in nodes])
        theirs = milliseconds(lambda: [node_to_metadata_dict(node, remove_text=True) for node in nodes])
        records = [to_record(node, embed=False) for node in nodes]
        taken = milliseconds(partial(core.upsert, records))
        times["add"].append(milliseconds(partial(store.add, nodes)))
        times["ours + core"].append(ours + taken)
        times["LlamaIndex's + core"].append(theirs + taken)
        for name, value in zip(parts, (taken, ours, theirs), strict=True):
            parts[name].append(value)
    told(f"add {len(nodes)} x {DIMENSION}", times)
    told("  of which", parts)
    theirs_store = peer(target)
    if theirs_store is not None:
        taken = milliseconds(partial(theirs_store.add, nodes))
        ours = statistics.median(times["add"])
        print(f"{'  PGVectorStore, with index':28}  {taken:.0f} ms ({ours / taken:.2f})")


def bench_query(target: str, nodes: list[TextNode], filtered: bool = False) -> None:
    client = vecs.create_client(target)
    client.delete_collection("adapter")
    store = VecsVectorStore("adapter", client=client)
    store.add(nodes)
    store.create_index()
    core = client.get_collection("adapter")
    theirs = peer(target)
    if theirs is not None:
        theirs.add(nodes)
    low = MetadataFilters(filters=[MetadataFilter(key="share", value=5, operator="<")]) if filtered else None
    own = {"share": {"$lt": 5}} if filtered else None
    asked = [vec.tolist() for vec in queries(make_records(ROWS, DIMENSION), 300)]
    for top_k in (2, 10):
        times: dict[str, list[float]] = {"query": [], "core": []}
        if theirs is not None:
            times["PGVectorStore"] = []
        for number, vec in enumerate(asked):
            query = VectorStoreQuery(query_embedding=vec, similarity_top_k=top_k, filters=low)
            both = {
                "core": lambda v=vec, k=top_k: core.search(v, limit=k, filters=own, include_extra=True),
                "query": lambda q=query: store.query(q),
            }
            # Who comes second finds the pages warm.
            for name in sorted(both, reverse=number % 2 == 0):
                times[name].append(milliseconds(both[name]))
            if theirs is not None:
                times["PGVectorStore"].append(milliseconds(lambda q=query: theirs.query(q)))
        told(f"query, {top_k} nodes{', filtered' if filtered else ''}", {n: v[50:] for n, v in times.items()})
        mine, cores = (statistics.median(times[name][50:]) for name in ("query", "core"))
        print(f"{'':28}  the store adds {mine - cores:.2f} ms")
        if not filtered:
            asyncio.run(_async_query(target, asked, top_k))


async def _async_query(target: str, asked: list[list[float]], top_k: int) -> None:
    async with (
        vecs.create_async_client(target) as client,
        VecsVectorStore("adapter", async_client=client) as store,
    ):
        core = await client.get_collection("adapter")
        times: dict[str, list[float]] = {"aquery": [], "core": []}
        for number, vec in enumerate(asked):
            query = VectorStoreQuery(query_embedding=vec, similarity_top_k=top_k)
            for name in sorted(times, reverse=number % 2 == 0):
                start = time.perf_counter()
                if name == "core":
                    await core.search(vec, limit=top_k, include_extra=True)
                else:
                    await store.aquery(query)
                times[name].append((time.perf_counter() - start) * 1000)
        told(f"aquery, {top_k} nodes", {n: v[50:] for n, v in times.items()})
        mine, cores = (statistics.median(values[50:]) for values in times.values())
        print(f"{'':28}  the store adds {mine - cores:.2f} ms")


async def _stalls(store: VecsVectorStore, nodes: list[TextNode]) -> float:
    worst = 0.0
    running = True

    async def watch() -> None:
        nonlocal worst
        while running:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - start - 0.001)

    watching = asyncio.create_task(watch())
    await store.async_add(nodes)
    running = False
    await watching
    return worst * 1000


def bench_loop(target: str) -> None:
    nodes = make_nodes(4000)

    async def run() -> float:
        async with vecs.create_async_client(target) as client:
            await client.delete_collection("adapter")
            async with VecsVectorStore("adapter", async_client=client) as store:
                return await _stalls(store, nodes)

    # Python's garbage collector stops everything now and then, for longer the more objects there are.
    for name, prepare in (("", gc.enable), (", gc off", gc.disable)):
        prepare()
        worst = ", ".join(f"{asyncio.run(run()):.0f}" for _ in range(9))
        print(f"{f'async_add of 4000 nodes{name}':32}  keeps the loop for at most {worst} ms")
    gc.enable()


def bench_import() -> None:
    code = "import time; t = time.perf_counter(); import {}; print((time.perf_counter() - t) * 1000)"
    for module in ("vecs", "llama_index.core.vector_stores.types", "llama_index.vector_stores.vecs"):
        runs = [
            float(subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, check=True).stdout)
            for _ in range(5)
        ]
        print(f"import {module:36} {statistics.median(runs):7.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--target")
    parser.add_argument("parts", nargs="*", default=["add", "query", "filtered", "loop", "import"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    nodes = make_nodes(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        target = arguments.target or folder
        for part in arguments.parts:
            if part == "add":
                bench_add(target, nodes)
            if part == "query":
                bench_query(target, nodes)
            if part == "filtered":
                bench_query(target, nodes, filtered=True)
            if part == "loop":
                bench_loop(target)
            if part == "import":
                bench_import()


if __name__ == "__main__":
    main()
