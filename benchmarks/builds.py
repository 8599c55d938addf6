"""
Time index builds by memory, workers and way, and what watching them costs.

    python benchmarks/builds.py [--target DSN-or-folder] [--rows 50000] [--dimension 384] [times] [watching] [lists]

Without a target a temporary embedded server is used. Figures are seconds; quote the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any

import numpy as np

import vecs


def fill(client: vecs.Client, rows: int, dimension: int) -> tuple[vecs.Collection, np.ndarray]:
    """Make a collection of clustered vectors, as embeddings are."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, dimension))
    vectors = (centres[rng.integers(0, 200, rows)] + 0.6 * rng.normal(size=(rows, dimension))).astype(np.float32)
    client.delete_collection("builds")
    docs = client.create_collection("builds", dimension)
    docs.upsert((f"{i}", vectors[i], {"n": i}) for i in range(rows))
    return docs, vectors


def build(docs: vecs.Collection, **arguments: Any) -> float:
    """Return how many seconds a build takes, with no index there before."""
    for index in docs.indexes():
        if not index.primary:
            docs.drop_index(index.name)
    start = time.perf_counter()
    docs.index(**arguments)
    return time.perf_counter() - start


def times(docs: vecs.Collection, _: np.ndarray) -> None:
    """Compare memory, workers and the two ways."""
    first = 0.0
    for arguments in (
        {},
        {"workers": 0},
        {"workers": 1},
        {"concurrently": True},
        {"memory": "1GB"},
        {"memory": "32MB"},
        {"method": "ivfflat"},
    ):
        seconds = build(docs, **arguments)
        first = first or seconds
        print(
            f"index({', '.join(f'{k}={v!r}' for k, v in arguments.items())}):  {seconds:.1f} s  x {seconds / first:.2f}"
        )


def watching(docs: vecs.Collection, _: np.ndarray) -> None:
    """Compare builds that report with builds that do not, in alternating order."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    args = vecs.IndexArgsHNSW(m=8, ef_construction=32)
    for turn in range(6):
        for watched in (False, True) if turn % 2 else (True, False):
            taken[watched].append(build(docs, method=args, progress=watched and (lambda at: None)))
    seen, unseen = statistics.median(taken[True]), statistics.median(taken[False])
    print(f"progress: {seen:.2f} s with, {unseen:.2f} s without, ratio {seen / unseen:.3f}")


def lists(docs: vecs.Collection, vectors: np.ndarray) -> None:
    """Compare numbers of IVFFlat lists by recall and time of a search with 10 probes."""
    queries = vectors[:: len(vectors) // 100] + 0.1
    exact = [[m.id for m in docs.search(query, exact=True)] for query in queries]
    advised = max(len(vectors) // 1000, 1)
    for count in sorted({advised, 30, 100}):
        seconds = build(docs, method=vecs.IndexArgsIVFFlat(count))
        start = time.perf_counter()
        found = [[m.id for m in docs.search(query)] for query in queries]
        taken = (time.perf_counter() - start) / len(queries)
        recall = statistics.mean(len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True))
        note = " (rows / 1000)" if count == advised else ""
        print(
            f"{count} lists{note}: built in {seconds:.2f} s, recall@10 {recall:.3f}, {1000 * taken:.2f} ms per search"
        )


def main() -> None:
    """Run what is asked for, or everything."""
    parts = {"times": times, "watching": watching, "lists": lists}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*parts, []])
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=384)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(asked.target or folder) as client,
    ):
        docs, vectors = fill(client, asked.rows, asked.dimension)
        print(f"{asked.rows:,} x {asked.dimension}")
        for name in asked.parts or parts:
            parts[name](docs, vectors)
        client.delete_collection("builds")


if __name__ == "__main__":
    main()
