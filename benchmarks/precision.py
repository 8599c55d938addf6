"""
Measure what lower precision costs and saves: recall, latency, the size of the index, the time to build it.

    python benchmarks/precision.py [--target DSN-or-folder] [--data FILE.npz] [index] [storage] [wide]

`--data` is a NumPy archive with `vectors` and `query_vectors`; without it vectors in clusters are made. Recall is
the share of the exact answer, by `exact=True`, that a search finds. `index` varies the precision of the index and the
oversampling, `storage` that of the collection, `wide` shows what `index()` chooses for 3,072 and 6,000
dimensions. Without a target a temporary embedded server is used.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from typing import Any, Literal

import numpy as np

import vecs

Vectors = np.ndarray[Any, np.dtype[np.float32]]
PRECISIONS: tuple[Literal["full", "half", "binary"], ...] = ("full", "half", "binary")
OVERSAMPLING: dict[str, tuple[float | None, ...]] = {
    "full": (None,),
    "half": (1, None, 2),
    "binary": (2, 5, 8, None, 20),
}


def clustered(rows: int, dimension: int, queries: int) -> tuple[Vectors, Vectors]:
    """Make vectors of unit length in clusters, as embeddings are, and queries near some of them."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, dimension))
    vectors = _unit(centres[rng.integers(0, 200, rows)] + 0.6 * rng.normal(size=(rows, dimension)))
    noise = 0.5 * rng.normal(size=(queries, dimension)) / dimension**0.5
    return vectors, _unit(vectors[rng.integers(0, rows, queries)] + noise)


def loaded(path: str | None) -> tuple[Vectors, Vectors]:
    """Read vectors and queries, or make some."""
    if path is None:
        return clustered(10_000, 384, 200)
    with np.load(path) as data:
        return _between(data["vectors"]), _between(data["query_vectors"])


def _unit(vectors: np.ndarray[Any, Any]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _between(vectors: np.ndarray[Any, Any]) -> Vectors:
    """Undo the rounding of vectors that were kept as float16: half precision would have nothing to lose."""
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32)
    steps = np.spacing(np.abs(vectors)).astype(np.float32)
    return (vectors + steps * np.random.default_rng(0).uniform(-0.5, 0.5, vectors.shape)).astype(np.float32)


def filled(client: vecs.Client, vectors: Any, **how: Any) -> vecs.Collection:
    """Make a collection of these vectors."""
    client.delete_collection("bench_precision")
    docs = client.create_collection("bench_precision", dimension=vectors.shape[1], **how)
    docs.upsert((str(i), vec, {}) for i, vec in enumerate(vectors))
    return docs


def exact(docs: vecs.Collection, queries: Any, limit: int) -> list[set[str]]:
    """Search by comparing every record."""
    return [{match.id for match in docs.search(query, limit=limit, exact=True)} for query in queries]


def measure(
    docs: vecs.Collection, queries: Any, answers: list[set[str]], limit: int, **how: Any
) -> tuple[float, float]:
    """Return the recall and the median latency in milliseconds."""
    for query in queries[:50]:
        docs.search(query, limit=limit, **how)
    found: list[float] = []
    times: list[float] = []
    for query, answer in zip(queries, answers, strict=True):
        start = time.perf_counter()
        matches = docs.search(query, limit=limit, **how)
        times.append((time.perf_counter() - start) * 1000)
        found.append(len({match.id for match in matches} & answer) / len(answer))
    return statistics.mean(found), statistics.median(times)


def built(docs: vecs.Collection, **how: Any) -> tuple[vecs.IndexInfo, float]:
    """Build an index and return it with the seconds that took."""
    start = time.perf_counter()
    name = docs.index(**how)
    seconds = time.perf_counter() - start
    return next(index for index in docs.indexes() if index.name == name), seconds


def bench_index(client: vecs.Client, path: str | None) -> None:
    """Recall, latency and size by the precision of the index and the oversampling."""
    vectors, queries = loaded(path)
    docs = filled(client, vectors)
    print(f"{len(vectors):,} vectors of {vectors.shape[1]} dimensions in full precision, {len(queries)} queries")
    for limit in (1, 10, 50):
        answers = exact(docs, queries, limit)
        for precision in PRECISIONS:
            index, seconds = built(docs, precision=precision)
            size = f"{index.size_bytes / 2**20:6.1f} MB, built in {seconds:4.1f} s"
            for oversampling in OVERSAMPLING[precision]:
                recall, ms = measure(docs, queries, answers, limit, oversampling=oversampling)
                times = "default" if oversampling is None else f"{oversampling}x"
                found = f"recall@{limit:<2} {recall:.3f}  {ms:5.2f} ms"
                print(f"  {precision:6} index {size}  oversampling {times:7}  {found}")
            if precision == "binary" and limit == 10:
                recall, ms = measure(docs, queries, answers, limit, ef_search=100)
                print(f"  {precision:6} index, ef_search=100 instead of 40: recall@10 {recall:.3f}  {ms:5.2f} ms")


def bench_storage(client: vecs.Client, path: str | None) -> None:
    """Recall against full precision, latency and size by the precision of the collection itself."""
    vectors, queries = loaded(path)
    answers = exact(filled(client, vectors), queries, 10)
    for precision in PRECISIONS:
        bits = precision == "binary"
        docs = filled(client, vectors > 0 if bits else vectors, precision=precision)
        table = docs.info().size_bytes
        index, seconds = built(docs)
        recall, ms = measure(docs, queries > 0 if bits else queries, answers, 10)
        size = f"{index.size_bytes / 2**20:6.1f} MB, built in {seconds:4.1f} s"
        print(
            f"stored in {precision:6} precision: table {table / 2**20:6.1f} MB, index {size}  "
            f"recall@10 {recall:.3f}  {ms:5.2f} ms"
        )


def bench_wide(client: vecs.Client, _: str | None) -> None:
    """What index() chooses by itself above 2,000 and 4,000 dimensions."""
    for dimension in (3072, 6000):
        vectors, queries = clustered(3000, dimension, 100)
        docs = filled(client, vectors)
        start = time.perf_counter()
        answers = exact(docs, queries, 10)
        ms = (time.perf_counter() - start) * 1000 / len(queries)
        index, seconds = built(docs)
        recall, found = measure(docs, queries, answers, 10)
        size = f"{index.size_bytes / 2**20:.1f} MB, built in {seconds:.1f} s"
        print(f"{len(vectors):,} vectors of {dimension:,} dimensions: {index.precision} index of {size}")
        print(f"  recall@10 {recall:.3f}, {found:.2f} ms; comparing every record {ms:.1f} ms")
        print("  " + "\n  ".join(docs.explain(queries[0]).splitlines()[:3]))


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("--data")
    parser.add_argument("names", nargs="*", default=["index", "storage", "wide"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(arguments.target or folder) as client,
    ):
        for name in arguments.names:
            globals()[f"bench_{name}"](client, arguments.data)
        client.delete_collection("bench_precision")


if __name__ == "__main__":
    main()
