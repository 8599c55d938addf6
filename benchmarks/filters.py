"""
Measure filtered searches: rows returned, recall@10, latency and the plan that ran.

    python benchmarks/filters.py [--rows 50000] [--data vectors.npz] [--queries 20] [--stages none gin typed]
                                 [--kinds ...] [--shares ...] [--relations ...] [--full] [--target DSN-or-folder]

The filters keep 100 % to 0.01 % of the records: at random, or the clusters around one place, asked for from there
(near) or from the other end of the collection (far). The truth is computed with numpy. Stages: no index on metadata;
the GIN index that `index()` makes; `create_metadata_index` for the keys of ranges besides. Prints a table; `--full`
prints a line a filter. `--data` takes an npz with an
array `vectors`. Without a target a temporary embedded server is used.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import vecs

SHARES = (100.0, 50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01)
KINDS = ("equals", "number", "string", "between", "in", "contains", "exists", "not_equal", "not", "and", "or")
RELATIONS = ("random", "near", "far")
LIMIT = 10


@dataclass
class World:
    """Unit vectors with, for each record, its rank in a random order and in order of nearness to one place."""

    vectors: np.ndarray
    ranks: dict[str, np.ndarray]
    queries: dict[str, np.ndarray]


def make_world(vectors: np.ndarray, labels: np.ndarray, count: int) -> World:
    """Rank the records; clusters stay whole."""
    rng = np.random.default_rng(1)
    rows = len(vectors)
    centres = np.stack([vectors[labels == label].mean(axis=0) for label in np.unique(labels)])
    by_nearness = np.argsort(np.argsort(-centres @ centres[0]))
    order = np.lexsort((rng.random(rows), by_nearness[np.searchsorted(np.unique(labels), labels)]))
    correlated = np.empty(rows, int)
    correlated[order] = np.arange(rows)

    def around(picked: np.ndarray) -> np.ndarray:
        return (vectors[picked] + 0.02 * rng.normal(size=(len(picked), vectors.shape[1]))).astype(np.float32)

    return World(
        vectors,
        {"r": rng.permutation(rows), "c": correlated},
        {
            "random": around(rng.integers(0, rows, count)),
            "near": around(order[rng.integers(0, max(20, rows // 100), count)]),
            "far": around(order[-1 - rng.integers(0, max(20, rows // 10), count)]),
        },
    )


def synthetic(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Make 400 Gaussian clusters of 384 dimensions."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 400, rows)
    vectors = rng.normal(size=(400, 384))[labels] + 0.6 * rng.normal(size=(rows, 384))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def real(path: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Read vectors and cluster them by their nearest of 100 records."""
    vectors = np.load(path)["vectors"][:rows].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seeds = vectors[np.random.default_rng(0).choice(len(vectors), 100, replace=False)]
    return vectors, np.argmax(vectors @ seeds.T, axis=1)


def bounds(rows: int) -> dict[float, int]:
    """How many records each share keeps."""
    return {share: max(1, round(rows * share / 100)) for share in SHARES}


def metadata(world: World, at: int) -> dict[str, Any]:
    """Describe one record, so that each kind of filter can keep each share."""
    kept = bounds(len(world.vectors))
    found: dict[str, Any] = {"kind": "thing", "title": f"The title of number {at}"}
    for prefix, ranks in world.ranks.items():
        rank = int(ranks[at])
        within = [share for share in SHARES if rank < kept[share]]
        found[f"{prefix}n"] = rank
        found[f"{prefix}s"] = f"{rank:07}"
        found[f"{prefix}b"] = len(within)
        found[f"{prefix}t"] = [f"{share:g}" for share in within]
        found.update({f"{prefix}x{share:g}": "yes" for share in within[1:]})
    return found


def make_filter(kind: str, prefix: str, share: float, kept: int, rows: int) -> tuple[dict[str, Any], Any]:
    """Return a filter and the test of a rank that it amounts to."""
    flag, place = f"{prefix}x{share:g}", SHARES.index(share)
    levels = list(range(place + 1, len(SHARES) + 1))
    lowest = bounds(rows)[SHARES[place + 1]] if place + 1 < len(SHARES) else 0

    def first(ranks: np.ndarray) -> np.ndarray:
        return ranks < kept

    match kind:
        case "equals":
            # Those that this share keeps and the next does not.
            return {f"{prefix}b": place + 1}, lambda ranks: (ranks < kept) & (ranks >= lowest)
        case "number":
            return {f"{prefix}n": {"$lt": kept}}, first
        case "string":
            return {f"{prefix}s": {"$lt": f"{kept:07}"}}, first
        case "between":
            start = (rows - kept) // 2 if prefix == "r" else 0
            return (
                {f"{prefix}n": {"$between": [start, start + kept - 1]}},
                lambda ranks: (ranks >= start) & (ranks < start + kept),
            )
        case "in":
            return {f"{prefix}b": {"$in": levels}}, first
        case "contains":
            return {f"{prefix}t": {"$contains": f"{share:g}"}}, first
        case "exists":
            return {flag if place else f"{prefix}n": {"$exists": True}}, first
        case "not_equal":
            return {flag if place else f"{prefix}n": {"$ne": "no"}}, first
        case "not":
            return {"$not": {flag if place else f"{prefix}n": {"$exists": False}}}, first
        case "and":
            return {"kind": "thing", f"{prefix}n": {"$lt": kept}}, first
        case "or":
            return {"$or": [{f"{prefix}n": {"$lt": kept}}, {"kind": "none"}]}, first
        case _:
            raise ValueError(kind)


@contextmanager
def counted(client: vecs.Client) -> Iterator[list[int]]:
    """Count the statements that searches send."""
    executor, sent = client._executor, [0]
    read = executor.read

    def count(*args: Any, **options: Any) -> Any:
        sent[0] += 1
        return read(*args, **options)

    executor.read = count
    try:
        yield sent
    finally:
        del executor.read


def plan_of(plan: str) -> str:
    """Name what finds the records: the vector index, a metadata index, or a scan."""
    for pattern, name in (
        (r"using ix_part\S*|using \S*part_vector\S*", "partial"),
        (r"using ix_vector\S*", "vector"),
        (r"BitmapOr|BitmapAnd", "bitmaps"),
        (r"ix_meta_\w+_(number|string)_", "typed"),
        (r"ix_meta", "gin"),
    ):
        if re.search(pattern, plan):
            return name
    return "scan"


@dataclass
class Cell:
    """One filter, searched with all queries."""

    kind: str
    relation: str
    share: float
    matching: int
    rows: int
    recall: float
    times: list[float]
    statements: float
    plan: str


def measure(docs: vecs.Collection, world: World, kind: str, relation: str, share: float) -> Cell | None:
    """Search with one filter."""
    prefix = "r" if relation == "random" else "c"
    rows = len(world.vectors)
    filters, test = make_filter(kind, prefix, share, bounds(rows)[share], rows)
    matching = np.flatnonzero(test(world.ranks[prefix]))
    if len(matching) == 0:
        return None
    times, recalls, counts = [], [], []
    queries = world.queries[relation]
    plan = plan_of(docs.explain(queries[0], limit=LIMIT, filters=filters))
    with counted(docs.client) as sent:
        for query in queries:
            start = time.perf_counter()
            matches = docs.search(query, limit=LIMIT, filters=filters)
            times.append((time.perf_counter() - start) * 1000)
            wanted = min(LIMIT, len(matching))
            counts.append(len(matches) - wanted)
            truth = 1 - world.vectors[matching] @ (query / np.linalg.norm(query))
            worst = np.partition(truth, wanted - 1)[wanted - 1]
            recalls.append(sum(match.distance <= worst + 1e-5 for match in matches) / wanted)
    return Cell(
        kind,
        relation,
        share,
        len(matching),
        min(counts),
        statistics.mean(recalls),
        times,
        sent[0] / len(queries),
        plan,
    )


def percentile(times: list[float], share: float) -> float:
    return float(np.percentile(times, share))


def report(stage: str, cells: list[Cell], full: bool) -> None:
    """Print what was found."""
    if full:
        for cell in cells:
            print(
                f"{stage:6} {cell.kind:10} {cell.relation:7} {cell.share:6g} % ({cell.matching:6} match) "
                f"missing {-cell.rows:2}  recall {cell.recall:.3f}  p50 {percentile(cell.times, 50):7.2f} ms  "
                f"p95 {percentile(cell.times, 95):7.2f} ms  {cell.statements:.1f} statements  {cell.plan}"
            )
        return
    print(f"\n{stage}: recall@{LIMIT} (p50 ms, plan: v vector index, g GIN, t typed, b bitmaps, p partial, s scan)")
    print(f"{'':18}" + "".join(f"{share:>16g}%" for share in SHARES))
    for relation in RELATIONS:
        for kind in KINDS:
            found = {cell.share: cell for cell in cells if (cell.kind, cell.relation) == (kind, relation)}
            if not found:
                continue
            line = ""
            for share in SHARES:
                cell = found.get(share)
                shown = (
                    f"{cell.recall:.2f}{'!' if cell.rows < 0 else ' '}({percentile(cell.times, 50):6.1f} "
                    f"{cell.plan[0]}{'+' if cell.statements > 1.05 else ' '})"
                    if cell
                    else "-"
                )
                line += f"{shown:>17}"
            print(f"{relation:7} {kind:10}{line}")
    times = [each for cell in cells for each in cell.times]
    below = [cell for cell in cells if cell.recall < 0.95]
    print(
        f"{stage}: {len(cells)} filters, {sum(cell.rows < 0 for cell in cells)} short of rows, "
        f"{len(below)} below 0.95, "
        f"worst recall {min(cell.recall for cell in cells):.3f}, mean {statistics.mean(times):.2f} ms, "
        f"p50 {percentile(times, 50):.2f}, p95 {percentile(times, 95):.2f}, "
        f"{statistics.mean(cell.statements for cell in cells):.2f} statements per search",
        flush=True,
    )


def prepare(client: vecs.Client, world: World) -> vecs.Collection:
    """Fill a collection, or take the one of an earlier run."""
    name = f"bench_filters_{len(world.vectors)}"
    docs = client.get_or_create_collection(name, dimension=world.vectors.shape[1])
    if docs.count() != len(world.vectors):
        docs.upsert((f"{at:07}", vec, metadata(world, at)) for at, vec in enumerate(world.vectors))
    start = time.perf_counter()
    docs.index(memory="1GB")
    print(f"index built in {time.perf_counter() - start:.1f} s", flush=True)
    return docs


def enter(docs: vecs.Collection, stage: str) -> None:
    """Bring the indexes on metadata to a stage."""
    docs.index()
    for index in docs.indexes():
        if index.name.startswith("ix_meta"):
            typed = index.method == "btree"
            if (stage == "none") or (stage == "gin" and typed):
                docs.drop_index(index.name)
    if stage == "typed":
        for prefix in "rc":
            docs.create_metadata_index(f"{prefix}n", type="number")
            docs.create_metadata_index(f"{prefix}s", type="string")


def main() -> None:
    """Run the stages named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("--data")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--stages", nargs="*", default=["none", "gin", "typed"])
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--shares", nargs="*", type=float, default=SHARES)
    parser.add_argument("--relations", nargs="*", default=RELATIONS)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    vectors, labels = real(arguments.data, arguments.rows) if arguments.data else synthetic(arguments.rows)
    world = make_world(vectors, labels, arguments.queries)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        vecs.create_client(arguments.target or folder) as client,
    ):
        docs = prepare(client, world)
        for stage in arguments.stages:
            enter(docs, stage)
            docs.search(world.queries["random"][0])
            cells = [
                cell
                for relation in arguments.relations
                for kind in arguments.kinds
                for share in arguments.shares
                if (cell := measure(docs, world, kind, relation, share))
            ]
            report(stage, cells, arguments.full)


if __name__ == "__main__":
    main()
