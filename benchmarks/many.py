"""
Many searches at once: search_many against a loop of search, and 64 concurrent async searches against psycopg.

    python benchmarks/many.py [--target DSN-or-folder]

Figures come from one run, in alternating order; quote the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import psycopg
from core import DIMENSION, ROWS, filled, make_records, milliseconds, queries
from psycopg_pool import AsyncConnectionPool

import vecs
from vecs._searching.known_indexes import NO_INDEXES
from vecs._searching.plan import Query, set_up
from vecs._searching.request import checked_request
from vecs._sql.binary import ADAPTERS, Binary, encode_vector
from vecs._sql.selection import EVERYTHING

CONCURRENT = 64
POOL = 10


def bench_search_many(client: vecs.Client, records: list[Any]) -> None:
    """Time 100 queries in one call against 100 calls."""
    collection = filled(client, "bench", records)
    vectors = queries(records, 100)
    one_call, calls = [], []
    for repeat in range(25):
        calls.append(milliseconds(lambda: [collection.search(vec) for vec in vectors]))
        one_call.append(milliseconds(lambda: collection.search_many(vectors)))
        if not repeat:
            assert [[m.id for m in found] for found in collection.search_many(vectors)] == [
                [m.id for m in collection.search(vec)] for vec in vectors
            ]
    a, b = statistics.median(one_call[5:]), statistics.median(calls[5:])
    print(f"search_many of 100 vectors   {a:7.2f} ms   100 searches {b:7.2f} ms   ratio {a / b:4.2f} (target 0.5)")


async def rate(search: Callable[[np.ndarray], Awaitable[object]], vectors: list[np.ndarray]) -> float:
    """Return searches a second, 64 of them under way at any time."""
    source = iter(vectors)

    async def work() -> None:
        for vec in source:
            await search(vec)

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENT)))
    return len(vectors) / (time.perf_counter() - start)


async def bench_concurrent(target: str, conninfo: str, records: list[Any]) -> None:
    """Rate of 64 concurrent async searches, against the same statement through psycopg's pool of the same size."""
    vectors = queries(records, 2000)

    async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)
        await connection.execute("set hnsw.iterative_scan = relaxed_order")

    pool = AsyncConnectionPool(
        conninfo,
        min_size=POOL,
        max_size=POOL,
        configure=configure,
        open=False,
        kwargs={"context": ADAPTERS, "cursor_factory": psycopg.AsyncRawCursor},
    )
    async with pool, vecs.create_async_client(target, pool_size=POOL) as client:
        collection = await client.get_collection("bench")

        table = await collection._table()
        # The very statement that a search sends.
        setup = set_up(table, checked_request(table, EVERYTHING, {}), NO_INDEXES, pooler=False)
        select = setup.statement(Query(vectors[0])).render()[0]

        async def ours(vec: np.ndarray) -> None:
            await collection.search(vec)

        async def bare(vec: np.ndarray) -> None:
            async with pool.connection() as connection:
                cursor = await connection.execute(select, [Binary(encode_vector(vec))], prepare=True, binary=True)
                await cursor.fetchall()

        rates: dict[Any, list[float]] = {ours: [], bare: []}
        order = list(rates)
        for repeat in range(9):
            order.reverse()
            for function in order:
                reached = await rate(function, vectors)
                if repeat:
                    rates[function].append(reached)
    a, b = statistics.median(rates[ours]), statistics.median(rates[bare])
    print(
        f"{CONCURRENT} concurrent searches   vecs {a:7.0f}/s   psycopg {b:7.0f}/s   ratio {a / b:4.2f} (target 0.9), "
        f"pool of {POOL}"
    )


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    records = make_records(ROWS, DIMENSION)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = arguments.target or folder
        with vecs.create_client(target) as client:
            bench_search_many(client, records)
            with client.connection() as borrowed:
                conninfo = borrowed.info.dsn
            asyncio.run(bench_concurrent(target, conninfo, records))


if __name__ == "__main__":
    main()
