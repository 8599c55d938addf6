"""
The best record of each of ten documents: `group_by=` against SQL that fetches a hundred records and takes one of each.

    python benchmarks/groups.py [--target DSN-or-folder] [--rows 50000]

Documents have ten chunks that are near each other. For the last figure, a fifth of the records are one document, and
all of them are nearer to the query than the rest: the hand-written SQL finds one document then. Figures come from one
run, in alternating order; quote the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
from core import DIMENSION, milliseconds

import vecs
from vecs._sql.binary import ADAPTERS, Binary, encode_vector

CHUNKS, LIMIT, FETCHED, ROUNDS = 10, 10, 100, 40
RNG = np.random.default_rng(5)


def chunks(count: int) -> list[vecs.Record]:
    """Make documents of ten chunks each around a point of its own."""
    centres = np.repeat(RNG.normal(size=(count // CHUNKS, DIMENSION)), CHUNKS, axis=0)
    vectors = (centres + RNG.normal(size=centres.shape) / 2).astype(np.float32)
    return [
        vecs.Record(f"{n // CHUNKS}#{n % CHUNKS}", vec, "a text " * 50, {"n": n}, document_id=str(n // CHUNKS))
        for n, vec in enumerate(vectors)
    ]


def by_hand(connection: psycopg.Connection[Any], name: str) -> Callable[[Any], list[Any]]:
    """Return the search that a good engineer would write."""
    statement = (
        f"select * from (select distinct on (document_id) * from ("
        f"select id, text, metadata, document_id, vec <=> $1::vector as distance from vecs.{name} "
        f"order by vec <=> $1::vector limit {FETCHED}) as near order by document_id, distance) as best "
        f"order by distance limit {LIMIT}"
    ).encode()

    def search(vec: Any) -> list[Any]:
        return connection.execute(statement, [Binary(encode_vector(vec))], prepare=True, binary=True).fetchall()

    return search


def medians(searches: dict[str, Callable[[Any], Any]], vectors: list[Any]) -> dict[str, float]:
    """Return the median time of each search, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    order = list(searches)
    for number, vec in enumerate(vectors):
        order.reverse()
        for name in order:
            took = milliseconds(lambda name=name, vec=vec: searches[name](vec))
            if number >= len(vectors) // 5:
                times[name].append(took)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, default=50_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(arguments.target or folder) as client,
    ):
        docs = client.get_or_create_collection("bench_groups", dimension=DIMENSION, text=True)
        docs.truncate()
        records = chunks(arguments.rows)
        docs.upsert(records)
        docs.index()
        with client.connection() as borrowed:
            dsn = borrowed.info.dsn
        with psycopg.connect(dsn, autocommit=True, context=ADAPTERS, cursor_factory=psycopg.RawCursor) as connection:
            connection.execute("set hnsw.iterative_scan = relaxed_order")
            connection.execute(f"set hnsw.ef_search = {FETCHED}")
            bench(docs, records, by_hand(connection, docs.name))


def bench(docs: vecs.Collection, records: list[vecs.Record], hand: Callable[[Any], list[Any]]) -> None:
    """Print the figures."""
    near = [np.asarray(records[n].vec) for n in RNG.integers(0, len(records), ROUNDS)]
    vectors = [(vec + RNG.normal(size=vec.shape) / 2).astype(np.float32) for vec in near]
    times = medians(
        {
            "single": lambda vec: docs.search(vec, limit=LIMIT),
            "hand": hand,
            "groups": lambda vec: docs.search(vec, limit=LIMIT, group_by="$document_id"),
            "three": lambda vec: docs.search(vec, limit=LIMIT, group_by="$document_id", group_size=3),
            "key": lambda vec: docs.search(vec, limit=LIMIT, group_by="n"),
            "context": lambda vec: docs.search(vec, limit=LIMIT, context=1),
            "exact": lambda vec: docs.search(vec, limit=LIMIT, group_by="$document_id", exact=True),
            "exact single": lambda vec: docs.search(vec, limit=LIMIT, exact=True),
        },
        vectors,
    )
    print(f"{LIMIT} documents of {len(records) // CHUNKS:,}, {len(records):,} records of {DIMENSION} dimensions:")
    for name, took in times.items():
        print(f"  {name:14} {took:7.2f} ms   ratio to SQL by hand {took / times['hand']:5.2f}")
    query = np.ones(DIMENSION, np.float32)
    giant = len(records) // 5
    docs.upsert(
        [
            vecs.Record(r.id, (query + RNG.normal(size=DIMENSION) / 20).astype(np.float32), r.text, {}, "giant")
            for r in records[:giant]
        ]
    )
    docs.index(replace=True)
    took = statistics.median(
        milliseconds(lambda: docs.search(query, limit=LIMIT, group_by="$document_id")) for _ in range(7)
    )
    found = len(docs.search(query, limit=LIMIT, group_by="$document_id"))
    print(f"one document of {giant:,} records nearest: {took:7.2f} ms, {found} documents; by hand {len(hand(query))}")


if __name__ == "__main__":
    main()
