"""
What measuring an index costs, and whether its interval can be believed.

    python benchmarks/recall.py [--target DSN-or-folder] [--rows 50000] [--dimension 384]

Prints the time of recall() and tune() beside that of the exact searches they would take one by one, and the
spread of ten samples beside the interval that each of them gives. Without a target a temporary embedded server
is used.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings

import core

import vecs

SEEDS = range(10)


def cost(collection: vecs.Collection, name: str, exact_ms: float) -> None:
    """Print what one measurement takes."""
    for what, measure in (("recall()", collection.recall), ("tune()", collection.tune)):
        start = time.perf_counter()
        answer = measure(seed=0)
        seconds = time.perf_counter() - start
        ratio = seconds * 1000 / (50 * exact_ms)
        print(f"{name} {what:9} {seconds:6.2f} s, {ratio:4.2f} of 50 exact searches of {exact_ms:.1f} ms")
        print("   " + str(answer).replace("\n", "\n   "))


def honesty(collection: vecs.Collection, ef_search: int, sample: int) -> None:
    """Print how ten samples spread, and how many intervals hold the figure of a far larger one."""
    truth = collection.recall(sample=2000, ef_search=ef_search, seed=99).recall
    measured = [collection.recall(sample=sample, ef_search=ef_search, seed=seed) for seed in SEEDS]
    shares = [one.recall for one in measured]
    held = sum(one.low <= truth <= one.high for one in measured)
    width = statistics.mean(one.high - one.low for one in measured)
    print(
        f"ef_search {ef_search:3}, sample {sample:3}: of 2,000 queries {truth:.4f}; ten samples {min(shares):.3f} to "
        f"{max(shares):.3f}, standard deviation {statistics.stdev(shares):.4f}; intervals {width:.3f} wide on "
        f"average, {held} of 10 hold the former"
    )


def tuned(collection: vecs.Collection, target: float) -> None:
    """Print which values ten samples find."""
    found = [collection.tune(target, seed=seed) for seed in SEEDS]
    print(f"tune({target}) of ten samples: ef_search {sorted(tuning.ef_search or 0 for tuning in found)}")


def main() -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=384)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(arguments.target or folder) as client,
    ):
        records = core.make_records(arguments.rows, arguments.dimension)
        client.delete_collection("bench_recall")
        collection = client.create_collection("bench_recall", arguments.dimension)
        collection.upsert((identifier, vec, metadata) for identifier, vec, metadata, _ in records)
        for name, method in (("hnsw", vecs.IndexArgsHNSW()), ("ivfflat", vecs.IndexArgsIVFFlat(100))):
            collection.index(method=method)
            exact = [
                core.milliseconds(lambda q=query: collection.search(q, exact=True))
                for query in core.queries(records, 10)
            ]
            cost(collection, name, statistics.median(exact))
        collection.index(method=vecs.IndexArgsHNSW())
        for ef_search, sample in ((10, 50), (40, 50), (10, 200), (40, 200)):
            honesty(collection, ef_search, sample)
        tuned(collection, 0.95)
        client.delete_collection("bench_recall")


if __name__ == "__main__":
    main()
