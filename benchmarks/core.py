"""
Compare vecs with hand-written psycopg on the same tables in the same run.

    python benchmarks/core.py [--target DSN-or-folder] [search] [bulk] [single] [filters] [memory] [loop] [start]

Prints medians and ratios; a ratio is vecs' figure over psycopg's, so that the machine's speed drops out. Runs
alternate between the two. Without a target a temporary embedded server is used.
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
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg

import vecs
from vecs._sql.binary import encode_vector

ROWS, DIMENSION = 10_000, 384
WORDS = [
    "postgres",
    "vector",
    "index",
    "search",
    "query",
    "table",
    "column",
    "record",
    "filter",
    "score",
    "text",
    "chunk",
]


def make_records(rows: int, dimension: int) -> list[tuple[str, np.ndarray, dict[str, Any], str]]:
    """Make clustered vectors, as embeddings are, with metadata and a text of about 40 words."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, dimension))
    vectors = centres[rng.integers(0, 200, rows)] + 0.6 * rng.normal(size=(rows, dimension))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    order = rng.permutation(rows)
    return [
        (
            f"doc-{order[i]:07}",
            vectors[i],
            {"year": 1970 + i % 55, "kind": WORDS[i % 12], "share": i % 100, "n": i},
            " ".join(WORDS[j] for j in rng.integers(0, 12, 40)),
        )
        for i in range(rows)
    ]


def queries(records: list[Any], count: int) -> list[np.ndarray]:
    """Make query vectors near stored ones."""
    rng = np.random.default_rng(1)
    picked = rng.integers(0, len(records), count)
    return [(records[i][1] + 0.02 * rng.normal(size=records[i][1].shape)).astype(np.float32) for i in picked]


def milliseconds(function: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1000


def versus(name: str, ours: list[float], theirs: list[float], unit: str = "ms") -> None:
    """Print medians and their ratio."""
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{name:42} vecs {a:9.3f} {unit}   psycopg {b:9.3f} {unit}   ratio {a / b:5.2f}")


@contextmanager
def plain(client: vecs.Client, table: str, *, text: bool = False):
    """Give a psycopg connection beside the client, as a user would write it by hand."""
    with client.connection() as borrowed:
        conninfo = borrowed.info.dsn
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("set hnsw.iterative_scan = relaxed_order")
        yield connection


class _Vector:
    def __init__(self, vec: np.ndarray) -> None:
        self.vec = vec


class _VectorDumper(psycopg.adapt.Dumper):
    """What pgvector-python registers: a binary vector."""

    format = psycopg.pq.Format.BINARY

    def dump(self, obj: _Vector) -> bytes:
        return encode_vector(obj.vec)


def register(connection: Any) -> None:
    """Register the vector type on a connection."""
    info = psycopg.types.TypeInfo.fetch(connection, "vector")
    assert info is not None
    dumper = type("Dumper", (_VectorDumper,), {"oid": info.oid})
    info.register(connection)
    connection.adapters.register_dumper(_Vector, dumper)


def filled(client: vecs.Client, name: str, records: list[Any]) -> vecs.Collection:
    """Make an indexed collection."""
    client.delete_collection(name)
    collection = client.create_collection(name, DIMENSION, text=True)
    collection.upsert(vecs.Record(i, v, t, m) for i, v, m, t in records)
    collection.index()
    return collection


SELECT = "select id, text, metadata, document_id, vec <=> %s as distance from vecs.bench order by distance limit 10"


def bench_search(client: vecs.Client) -> None:
    """Median latency of search and query against a prepared select on the same index."""
    records = make_records(ROWS, DIMENSION)
    collection = filled(client, "bench", records)
    with plain(client, "bench") as connection:
        register(connection)

        def by_hand(vec: np.ndarray) -> Any:
            return connection.execute(SELECT, [_Vector(vec)], prepare=True, binary=True).fetchall()

        def search(vec: np.ndarray) -> Any:
            return collection.search(vec)

        def query(vec: np.ndarray) -> Any:
            return collection.query(vec, include_value=True, include_metadata=True)

        for vec in queries(records, 50):
            by_hand(vec), search(vec), query(vec)
        times: dict[Any, list[float]] = {by_hand: [], search: [], query: []}
        order = list(times)
        for vec in queries(records, 1500):
            # The first to search for a vector warms the cache for the others: each is first as often.
            order.append(order.pop(0))
            for function in order:
                times[function].append(milliseconds(lambda f=function, v=vec: f(v)))
    versus("search, sync (target 1.25)", times[search], times[by_hand])
    versus("query, sync (target 1.25)", times[query], times[by_hand])
    asyncio.run(_bench_async(client, records))


async def _bench_async(client: vecs.Client, records: list[Any]) -> None:
    other = vecs.AsyncClient("postgresql://replaced")
    other.__setstate__(client.__getstate__())
    async with other:
        collection = await other.get_collection("bench")
        async with other.connection() as borrowed:
            conninfo = borrowed.info.dsn
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await connection.execute("set hnsw.iterative_scan = relaxed_order")
            info = await psycopg.types.TypeInfo.fetch(connection, "vector")
            assert info is not None
            info.register(connection)
            connection.adapters.register_dumper(_Vector, type("Dumper", (_VectorDumper,), {"oid": info.oid}))

            async def by_hand(vec: np.ndarray) -> None:
                cursor = await connection.execute(SELECT, [_Vector(vec)], prepare=True, binary=True)
                await cursor.fetchall()

            async def search(vec: np.ndarray) -> None:
                await collection.search(vec)

            times: dict[Any, list[float]] = {by_hand: [], search: []}
            order = list(times)
            for index, vec in enumerate(queries(records, 1050)):
                order.reverse()
                for function in order:
                    start = time.perf_counter()
                    await function(vec)
                    if index >= 50:
                        times[function].append((time.perf_counter() - start) * 1000)
        ours, theirs = times[search], times[by_hand]
    versus("search, async (target 1.5)", ours, theirs)


def bench_bulk(client: vecs.Client) -> None:
    """Rows per second of one upsert of 10,000 x 384 with metadata and text, against a staged COPY by hand."""
    records = make_records(ROWS, DIMENSION)
    given = [vecs.Record(i, v, t, m) for i, v, m, t in records]
    ours, theirs = [], []
    for repeat in range(5):
        collection = _empty(client, "bench_bulk")
        first = milliseconds(lambda c=collection: c.upsert(given)) / 1000
        again = milliseconds(lambda c=collection: c.upsert(given)) / 1000
        _empty(client, "bench_bulk")
        with plain(client, "bench_bulk") as connection:
            register(connection)
            hand_first = milliseconds(lambda: staged_copy(connection, records)) / 1000
            hand_again = milliseconds(lambda: staged_copy(connection, records)) / 1000
        if repeat:
            ours.append((ROWS / first, ROWS / again))
            theirs.append((ROWS / hand_first, ROWS / hand_again))
    for index, what in enumerate(("new records", "the same again")):
        versus(
            f"bulk upsert, {what} (target 0.85)",
            [rate[index] for rate in ours],
            [rate[index] for rate in theirs],
            "rows/s",
        )


def _empty(client: vecs.Client, name: str) -> vecs.Collection:
    client.delete_collection(name)
    return client.create_collection(name, DIMENSION, text=True)


def staged_copy(connection: psycopg.Connection[Any], records: list[Any]) -> None:
    """Upsert by hand: binary COPY into a temporary table, then INSERT .. SELECT .. ON CONFLICT."""
    oid = psycopg.types.TypeInfo.fetch(connection, "vector").oid
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            f"create temp table stage (id text, vec vector({DIMENSION}), metadata jsonb, text text) on commit drop"
        )
        with cursor.copy("copy stage from stdin (format binary)") as copy:
            copy.set_types(["text", oid, "jsonb", "text"])
            for identifier, vec, metadata, text in records:
                copy.write_row((identifier, _Vector(vec), psycopg.types.json.Jsonb(metadata), text))
        cursor.execute(
            "insert into vecs.bench_bulk (id, vec, metadata, text) select id, vec, metadata, text from stage "
            "on conflict (id) do update set vec = excluded.vec, metadata = excluded.metadata, text = excluded.text"
        )


def bench_single(client: vecs.Client) -> None:
    """Latency of upserting one record, against a prepared insert by hand."""
    records = make_records(2000, DIMENSION)
    client.delete_collection("bench_single")
    collection = client.create_collection("bench_single", DIMENSION)
    insert = (
        "insert into vecs.bench_single (id, vec, metadata) values (%s, %s, %s) "
        "on conflict (id) do update set vec = excluded.vec, metadata = excluded.metadata"
    )
    ours, theirs = [], []
    with plain(client, "bench_single") as connection:
        register(connection)
        for identifier, vec, metadata, _ in records:
            ours.append(milliseconds(lambda r=(identifier, vec, metadata): collection.upsert([r])))
            values = [identifier + "x", _Vector(vec), psycopg.types.json.Jsonb(metadata)]
            theirs.append(milliseconds(lambda v=values: connection.execute(insert, v, prepare=True)))
    versus("upsert of one record (target 1.5)", ours[200:], theirs[200:])


MEMORY = """
import resource, sys, time, numpy as np, vecs
warm = np.zeros(64, dtype=np.float32)
with vecs.create_client(sys.argv[1]) as client:
    client.delete_collection("bench_memory")
    collection = client.create_collection("bench_memory", 64)
    collection.upsert([("warm", warm, {})])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    n = int(sys.argv[2])
    written = collection.upsert((f"id-{i}", rng.random(64, dtype=np.float32), {"n": i}) for i in range(n))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{written:,} x 64 from a generator: {seconds:.1f} s, {written / seconds:,.0f} rows/s, "
          f"client memory {before:.0f} MB before, {peak:.0f} MB at most (target 300)")
    client.delete_collection("bench_memory")
"""


def bench_memory(client: vecs.Client, target: str) -> None:
    """Peak memory of a process that upserts a million records from a generator."""
    subprocess.run([sys.executable, "-c", MEMORY, target, "1000000"], check=True)


def bench_filters(client: vecs.Client) -> None:
    """Recall and row counts of filtered searches through the index, against the exact answer."""
    records = make_records(ROWS, DIMENSION)
    collection = filled(client, "bench", records)
    for share, filters in ((100, None), (10, {"share": {"$lt": 10}}), (1, {"share": 7}), (0.1, {"n": {"$lt": 10}})):
        found, rows, times = [], [], []
        for vec in queries(records, 100):
            start = time.perf_counter()
            matches = collection.search(vec, filters=filters)
            times.append((time.perf_counter() - start) * 1000)
            exact = collection.search(vec, filters=filters, exact=True)
            found.append(len({m.id for m in matches} & {m.id for m in exact}) / len(exact))
            rows.append(len(matches))
        print(
            f"filter keeping {share:5} %: recall@10 {statistics.mean(found):.3f}, rows {min(rows)}..{max(rows)}, "
            f"median {statistics.median(times):.2f} ms"
        )
    print(f"limit=100 returns {len(collection.search(queries(records, 1)[0], limit=100))} rows")


START = """
import sys, time
start = time.perf_counter()
import vecs
imported = time.perf_counter()
with vecs.create_client(sys.argv[1]) as client:
    names = client.collection_names()
    print(time.perf_counter() - imported, imported - start)
"""


def bench_start(_: vecs.Client) -> None:
    """Time from nothing to the first answer of an embedded server: a new folder, an existing one, a running one."""
    times: dict[str, list[float]] = {"new folder (target 1.5 s)": [], "stopped (target 0.3 s)": [], "running": []}
    imports: list[float] = []
    for _ in range(5):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for what, found in times.items():
                done = subprocess.run([sys.executable, "-c", START, folder], check=True, capture_output=True, text=True)
                seconds, importing = map(float, done.stdout.split())
                found.append(seconds)
                imports.append(importing)
                if what.startswith("new"):
                    time.sleep(5)  # It stops three seconds after its last client.
    for what, found in times.items():
        print(f"first answer of an embedded server, {what:28} {statistics.median(found):6.3f} s")
    print(f"import vecs {statistics.median(imports):6.3f} s (target 0.3)")


def bench_loop(client: vecs.Client) -> None:
    """Longest pause of the event loop while 4,000 and 20,000 records are written."""
    client.delete_collection("bench_loop")
    client.create_collection("bench_loop", DIMENSION, text=True)
    records = [vecs.Record(i, v.tolist(), t, m) for i, v, m, t in make_records(20_000, DIMENSION)]

    async def watch(count: int) -> float:
        other = vecs.AsyncClient("postgresql://replaced")
        other.__setstate__(client.__getstate__())
        async with other:
            task = asyncio.create_task((await other.get_collection("bench_loop")).upsert(records[:count]))
            longest, last = 0.0, time.perf_counter()
            while not task.done():
                await asyncio.sleep(0.001)
                longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
            await task
            return longest * 1000

    for count in (4_000, 20_000):
        gaps = [asyncio.run(watch(count)) for _ in range(3)]
        print(
            f"async upsert of {count:,} lists x {DIMENSION}: longest pause of the loop {statistics.median(gaps):.0f} ms"
        )


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("names", nargs="*", default=["search", "bulk", "single", "filters", "memory", "loop", "start"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = arguments.target or folder
        with vecs.create_client(target) as client:
            for name in arguments.names:
                if name == "memory":
                    bench_memory(client, target)
                else:
                    globals()[f"bench_{name}"](client)


if __name__ == "__main__":
    main()
