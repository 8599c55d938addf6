"""
Writers of the same records at once: upserts beside updates, or deletes, by filter, against upserts alone.

    python benchmarks/writers.py [--target DSN-or-folder] [--seconds 5]

Eight threads work on 300 ids. A round is each kind in turn; quote the ratios, which are of one run.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import vecs

THREADS = 8
IDS = [f"{number}" for number in range(300)]
ROUNDS = 3

Act = Callable[[vecs.Collection, random.Random], object]


def upsert(docs: vecs.Collection, rng: random.Random) -> object:
    """Write 100 of the records."""
    return docs.upsert([(id, [1, 0], {"kind": rng.choice("ab")}) for id in rng.sample(IDS, 100)])


def update(docs: vecs.Collection, rng: random.Random) -> object:
    """Update about half of the records."""
    return docs.update_metadata({"by": rng.random()}, filters={"kind": rng.choice("ab")})


def delete(docs: vecs.Collection, rng: random.Random) -> object:
    """Delete about half of the records."""
    return docs.delete(filters={"kind": rng.choice("ab")})


def calls_per_second(docs: vecs.Collection, kinds: list[Act], seconds: float) -> float:
    """Let every thread repeat one of the kinds; return how many calls were done, each answered without an error."""
    begin, stop = threading.Barrier(THREADS), time.monotonic() + seconds

    def work(number: int) -> int:
        rng, act, done = random.Random(number), kinds[number % len(kinds)], 0
        begin.wait()
        while time.monotonic() < stop:
            act(docs, rng)
            done += 1
        return done

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(work, range(THREADS))) / seconds


def deadlocks(client: vecs.Client) -> int:
    """Count those of the database."""
    with client.connection() as connection:
        statement = "select deadlocks from pg_stat_database where datname = current_database()"
        ((count,),) = connection.execute(statement).fetchall()
    return count


def main() -> None:
    """Print calls per second and their ratio to those of upserts alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help="a DSN or a folder; a temporary embedded server by default")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, vecs.create_client(arguments.target or folder) as client:
        docs = client.get_or_create_collection("writers", dimension=2)
        docs.upsert([(id, [1, 0], {"kind": "a"}) for id in IDS])
        kinds: dict[str, list[Act]] = {
            "upserts alone": [upsert],
            "upserts, updates by filter": [upsert, update],
            "upserts, deletes by filter": [upsert, delete],
        }
        before = deadlocks(client)
        rates: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, acts in kinds.items():
                rates[name].append(calls_per_second(docs, acts, arguments.seconds))
        alone = statistics.median(rates["upserts alone"])
        for name, found in rates.items():
            rate = statistics.median(found)
            print(f"{name:28} {rate:7.1f} calls/s   ratio {rate / alone:4.2f} (target 0.5)")
        client.delete_collection("writers")
        # Sessions tell what they counted as they end.
        client.close()
        print(f"deadlocks {deadlocks(client) - before}")


if __name__ == "__main__":
    main()
