"""
How fast a collection is copied from one embedded server to another, against a pipe of two COPY statements by hand.

    python benchmarks/copying.py [RECORDS]

Each way copies the same records three times; the medians are compared. `copy_collection()` also compares the copy
with its source; the pipe does not.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import psycopg

import vecs

DIMENSION = 384


def main(records: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        vecs.create_client(f"{folder}/from") as source,
        vecs.create_client(f"{folder}/to") as target,
    ):
        docs = source.get_or_create_collection("docs", dimension=DIMENSION)
        numbers = np.random.default_rng(0)
        for begin in range(0, records, 10_000):
            vectors = numbers.standard_normal((min(10_000, records - begin), DIMENSION), np.float32)
            docs.upsert([(f"id-{begin + n}", vector, {"n": n}) for n, vector in enumerate(vectors)])
        target.get_or_create_collection("piped", dimension=DIMENSION)

        def pipe() -> None:
            with (
                psycopg.connect(source.info().dsn or "") as reading,
                psycopg.connect(target.info().dsn or "") as writing,
            ):
                writing.execute("truncate vecs.piped")
                with (
                    reading.cursor().copy("copy vecs.docs to stdout (format binary)") as out,
                    writing.cursor().copy("copy vecs.piped from stdin (format binary)") as into,
                ):
                    for data in out:
                        into.write(data)

        def copy() -> None:
            source.copy_collection("docs", to=target, replace=True)

        by_hand, by_vecs = timed(pipe), timed(copy)
        print(
            f"{records:,} x {DIMENSION}: pipe {by_hand:.2f} s, copy_collection {by_vecs:.2f} s, "
            f"{by_vecs / by_hand:.2f} of the pipe's time, {records / by_vecs:,.0f} records/s"
        )


def timed(work: Callable[[], None]) -> float:
    times: list[float] = []
    for _ in range(3):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return median(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
