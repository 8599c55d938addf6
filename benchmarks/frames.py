"""
Data frames in, against the same rows as Records, and out, with the memory that it takes.

    python benchmarks/frames.py [--target DSN-or-folder] [--rows 200000]

Writes alternate; quote the ratios, which are of one run. Memory is the peak of the process above what it had before.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import vecs

DIMENSION = 64
WRITTEN = 10_000
ROUNDS = 5


def columns(rows: range) -> dict[str, Any]:
    """Return the columns of some rows."""
    vectors = np.random.default_rng(1).random((len(rows), DIMENSION), np.float32)
    return {
        "id": [f"{row:07}" for row in rows],
        "vec": list(vectors),
        "text": [f"text of row {row}" for row in rows],
        "year": [1900 + row % 120 for row in rows],
        "price": [row / 7 for row in rows],
        "kind": ["a" if row % 3 else "b" for row in rows],
    }


def records(given: dict[str, Any]) -> Iterator[vecs.Record]:
    """Yield the same rows as records."""
    for id, vec, text, *values in zip(*given.values(), strict=True):
        yield vecs.Record(id, vec, text, dict(zip(("year", "price", "kind"), values, strict=True)))


def resident() -> int:
    """Return the memory that the process has, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def growth(work: Callable[[], object]) -> int:
    """Return by how many bytes the process grew at most, while it worked."""
    before, most, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], resident())

    watching = threading.Thread(target=watch)
    watching.start()
    work()
    done.set()
    watching.join()
    return max(most[0] - before, 0)


def compare_writes(docs: vecs.Collection) -> None:
    """Print the rates of the kinds of input, and their ratio to that of records."""
    given = columns(range(WRITTEN))
    table = pa.table({**given, "vec": pa.array(given["vec"], pa.list_(pa.float32(), DIMENSION))})
    frame = pd.DataFrame(given)
    kinds: dict[str, Callable[[], Any]] = {
        "Records": lambda: records(given),
        "pandas": lambda: frame,
        "pyarrow": lambda: table,
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, make in kinds.items():
            docs.truncate()
            began = time.perf_counter()
            docs.upsert(make())
            times[name].append(time.perf_counter() - began)
    base = statistics.median(times["Records"])
    for name, taken in times.items():
        took = statistics.median(taken)
        print(f"upsert of {WRITTEN:,} rows, {name:8} {WRITTEN / took:8.0f} rows/s   ratio of time {took / base:4.2f}")


def measure_reads(docs: vecs.Collection, rows: int) -> None:
    """Print the memory that reading takes, for a tenth of the records and for all."""
    docs.truncate()
    for start in range(0, rows, WRITTEN):
        # Not all rows at once: their memory would be there for what is measured.
        docs.upsert(records(columns(range(start, start + WRITTEN))))
    keys = ["year", "price", "kind"]
    for count in (rows // 10, rows):
        filters = {"$id": {"$like": "%"}} if count == rows else {"year": {"$lt": 1912}}

        def drain(call: Any, filters: Any = filters, **arguments: Any) -> None:
            for _ in call(batches=1000, filters=filters, **arguments):
                pass

        for name, work in {
            "to_arrow(batches=1000)": lambda drain=drain: drain(docs.to_arrow),
            "to_arrow(batches=1000, columns=)": lambda drain=drain: drain(docs.to_arrow, columns=keys),
            "to_pandas(batches=1000)": lambda drain=drain: drain(docs.to_pandas),
        }.items():
            began = time.perf_counter()
            grown = growth(work)
            took = time.perf_counter() - began
            print(f"{name:34} {count:8,} rows: {grown / 2**20:6.1f} MB more, {count / took:8,.0f} rows/s")
    found: list[Any] = []
    grown = growth(lambda: found.append(docs.to_arrow()))
    print(f"to_arrow(), a table of {found[0].nbytes / 2**20:.0f} MB: {grown / 2**20:6.1f} MB more")


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help="a DSN or a folder; a temporary embedded server by default")
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, vecs.create_client(arguments.target or folder) as client:
        docs = client.get_or_create_collection("frames", dimension=DIMENSION, text=True)
        # First, while the process is small.
        measure_reads(docs, arguments.rows)
        compare_writes(docs)
        client.delete_collection("frames")


if __name__ == "__main__":
    main()
