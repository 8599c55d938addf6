"""
How well keyword and hybrid search answer judged queries, and how fast they are among a million short texts.

    python benchmarks/hybrid.py --data FILE.npz [quality] [million] [--target DSN-or-folder] [--rows 1000000]

FILE.npz has ids, texts, vectors, query_texts, query_vectors and query_relevant (ids, one per line): any judged corpus.
hit@10 is the share of queries with a relevant record among the first ten, MRR@10 the mean of 1 / its place.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import vecs

# Ordinary questions to the PostgreSQL manual.
QUESTIONS = """
how to create a table
What is a transaction?
when does vacuum run
Can a view be updated?
How can I speed up a slow query?
what happens when the server crashes
how to restore a database from a backup
How does logical replication work?
where are the configuration files
Which data type should I use for money?
How do I change the password of a user?
what is the default value of work_mem
How are NULL values sorted?
connect to a database over SSL
What does the planner do with statistics?
difference between json and jsonb
set the time zone for a session
What is the maximum size of a row?
drop a column from a table
how do locks conflict with each other
""".strip().splitlines()


def bench_quality(client: vecs.Client, data: Any, _: int) -> None:
    """hit@10, MRR@10 and latency of each mode on the judged queries."""
    client.delete_collection("judged")
    collection = client.create_collection("judged", data["vectors"].shape[1], text=True)
    rows = zip(data["ids"], data["vectors"].astype(np.float32), data["texts"], strict=True)
    collection.upsert(vecs.Record(str(id), vec, str(text)) for id, vec, text in rows)
    collection.index()

    def search(**options: Any) -> Callable[[str, np.ndarray], list[vecs.Match]]:
        return lambda text, vec: collection.search(vec, **({"text": text} if options else {}), **options)

    for name, function in {
        "vector": search(),
        "keyword": search(mode="keyword"),
        "hybrid": search(mode="hybrid"),
        "hybrid, exact": search(mode="hybrid", exact=True),
        "hybrid, rrf_constant=60": search(mode="hybrid", rrf_constant=60),
        "hybrid, rrf_constant=10": search(mode="hybrid", rrf_constant=10),
    }.items():
        places, times = [], []
        for text, vec, relevant in zip(
            data["query_texts"], data["query_vectors"].astype(np.float32), data["query_relevant"], strict=True
        ):
            wanted = set(str(relevant).split("\n"))
            start = time.perf_counter()
            found = function(str(text), vec)
            times.append((time.perf_counter() - start) * 1000)
            places.append(next((place for place, match in enumerate(found, 1) if match.id in wanted), 0))
        hits = statistics.fmean(bool(place) for place in places)
        rank = statistics.fmean(1 / place if place else 0 for place in places)
        print(
            f"{name:24} hit@10 {hits:.3f}  MRR@10 {rank:.3f}  "
            f"p50 {np.percentile(times, 50):6.1f} ms  p95 {np.percentile(times, 95):6.1f} ms"
        )


def bench_million(client: vecs.Client, data: Any, rows: int) -> None:
    """Latency of keyword search among a million texts of two sentences each, by questions, sentences and words."""
    sentences = [s.strip() for text in data["texts"] for s in re.split(r"(?<=[.!?])\s+", str(text)) if len(s) > 30]
    rng = random.Random(0)
    client.delete_collection("million")
    collection = client.create_collection("million", 3, text=True)
    collection.upsert(
        vecs.Record(f"{number:07}", [1, 2, 3], f"{rng.choice(sentences)} {rng.choice(sentences)}")
        for number in range(rows)
    )
    # As autovacuum does after a while: what a word weighs comes from the planner's statistics.
    with client.connection() as connection:
        connection.execute("vacuum analyze vecs.million")
    queries = QUESTIONS + [text for text in map(str, data["query_texts"]) if len(text.split()) <= 12]
    queries += [" ".join(rng.sample(words, 4)) for words in map(str.split, rng.sample(sentences, 60)) if len(words) > 5]
    for options in ({"limit": 10}, {"limit": 10, "exact": True}):
        sample = queries if "exact" not in options else queries[::10]
        times: list[float] = []
        short = 0
        for _ in range(2):
            times.clear()
            rng.shuffle(sample)
            for text in sample:
                start = time.perf_counter()
                short += len(collection.search(text, mode="keyword", **options)) < 10
                times.append((time.perf_counter() - start) * 1000)
        which = "every record with any of the words ranked" if "exact" in options else "as by default"
        print(
            f"keyword among {rows:,} texts, {which}: p50 {np.percentile(times, 50):.0f} ms, "
            f"p95 {np.percentile(times, 95):.0f} ms, most {max(times):.0f} ms, {len(sample)} queries (target p95 100)"
        )


def main() -> None:
    """Run the benchmarks named, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["quality", "million"])
    parser.add_argument("--data", required=True)
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    data = np.load(arguments.data)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(arguments.target or folder) as client,
    ):
        for name in arguments.names:
            globals()[f"bench_{name}"](client, data, arguments.rows)


if __name__ == "__main__":
    main()
