"""
One process of the load: `python load.py TARGET SCHEMA SECONDS PROCESS THREADS`.

Threads with one client between them write, delete, read and search records that other processes write as well. At the
end the process prints, for each id, the writes that nothing in this process is known to have replaced.
"""

from __future__ import annotations

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import vecs

DIMENSION, IDS, POOL_SIZE = 8, 2_000, 3


@dataclass
class Log:
    """By id: when a write began, when it had ended, and what it left, None where it deleted."""

    writes: dict[str, list[tuple[float, float, str | None]]] = field(default_factory=dict)
    operations: int = 0
    lock: Lock = field(default_factory=Lock)

    def add(self, ids: list[str], began: float, left: str | None) -> None:
        ended = time.monotonic()
        with self.lock:
            for id in ids:
                # What had ended before this write began is replaced by it.
                others = [write for write in self.writes.get(id, []) if write[1] >= began]
                self.writes[id] = [*others, (began, ended, left)]


def work(docs: vecs.Collection, log: Log, name: str, until: float) -> None:
    """Do one thing after the other until the time is over; what fails ends the process."""
    rng = random.Random(name)
    number = 0
    while time.monotonic() < until:
        number += 1
        act = rng.choices([upsert, delete, search, get], [5, 2, 4, 1])[0]
        act(docs, log, rng, f"{name}-{number}")
        log.operations += 1


def some_ids(rng: random.Random) -> list[str]:
    # More than 500 are copied, fewer inserted.
    [size] = rng.choices([1, 5, 50, 700], [30, 30, 10, 1])
    return [str(id) for id in rng.sample(range(IDS), size)]


def upsert(docs: vecs.Collection, log: Log, rng: random.Random, value: str) -> None:
    ids = some_ids(rng)
    records = [(id, [rng.gauss(0, 1) for _ in range(DIMENSION)], {"id": id, "value": value}) for id in ids]
    began = time.monotonic()
    assert docs.upsert(records) == len(ids)
    log.add(ids, began, value)


def delete(docs: vecs.Collection, log: Log, rng: random.Random, value: str) -> None:
    ids = some_ids(rng)[:100]
    began = time.monotonic()
    assert set(docs.delete(ids)) <= set(ids)
    log.add(ids, began, None)


def search(docs: vecs.Collection, log: Log, rng: random.Random, value: str) -> None:
    matches = docs.search([rng.gauss(0, 1) for _ in range(DIMENSION)], limit=20)
    assert [match.distance for match in matches] == sorted(match.distance or 0.0 for match in matches)
    check(matches)


def get(docs: vecs.Collection, log: Log, rng: random.Random, value: str) -> None:
    check(docs.get(some_ids(rng)))


def check(records: Any) -> None:
    """No record is there twice, and none is made of two."""
    ids = [record.id for record in records]
    assert len(set(ids)) == len(ids)
    assert ids == [record.metadata["id"] for record in records]


def main(target: str, schema: str, seconds: str, process: str, threads: str) -> None:
    log, until = Log(), time.monotonic() + float(seconds)
    with vecs.create_client(target, schema=schema, pool_size=POOL_SIZE) as client:
        docs = client.get_collection("docs")
        with ThreadPoolExecutor(int(threads)) as pool:
            for done in [pool.submit(work, docs, log, f"{process}-{n}", until) for n in range(int(threads))]:
                done.result()
    json.dump({"operations": log.operations, "writes": log.writes}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
