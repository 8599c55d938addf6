"""Processes that write the same records for minutes lose none and double none, over as many connections as allowed."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vecs

from .load import DIMENSION, POOL_SIZE

PROCESSES, THREADS = 4, 5


@pytest.mark.soak
def test_overlapping_writes_leave_what_the_last_of_them_wrote(target: str, schema: str) -> None:
    seconds = float(os.environ.get("SOAK_SECONDS", "60"))
    with vecs.create_client(target, schema=schema) as client:
        docs = client.create_collection("docs", DIMENSION)
        docs.index()
        client.close()
        command = [sys.executable, str(Path(__file__).with_name("load.py")), target, schema, str(seconds)]
        processes = [
            subprocess.Popen([*command, str(number), str(THREADS)], stdout=subprocess.PIPE, text=True)
            for number in range(PROCESSES)
        ]
        most = most_connections(target, seconds)
        logs: list[dict[str, Any]] = [json.loads(process.communicate()[0] or "{}") for process in processes]

        assert [process.returncode for process in processes] == [0] * PROCESSES
        # Threads are more than connections, so that they wait for each other.
        assert POOL_SIZE < most <= PROCESSES * POOL_SIZE
        assert connections(target) == 0
        check_what_is_left(docs, logs)
        operations = sum(log["operations"] for log in logs)
        logging.getLogger("soak").warning("%d operations over %d connections", operations, most)


def most_connections(target: str, seconds: float) -> int:
    """The largest number of connections seen, asked for ten times a second until shortly before the end."""
    until = time.monotonic() + seconds - 0.5
    most = 0
    while time.monotonic() < until:
        most = max(most, connections(target))
        time.sleep(0.1)
    return most


def connections(target: str) -> int:
    with psycopg.connect(target) as connection:
        row = connection.execute("select count(*) from pg_stat_activity where application_name = 'vecs'").fetchone()
    assert row
    return row[0]


def check_what_is_left(docs: vecs.Collection, logs: list[dict[str, Any]]) -> None:
    """A record is what one of those writes left that no other began after."""
    writes: dict[str, list[tuple[float, float, str | None]]] = defaultdict(list)
    for log in logs:
        for id, some in log["writes"].items():
            writes[id] += some
    stored = {record.id: record.metadata["value"] for record in docs if record.metadata}
    assert docs.count() == len(stored)
    for id, some in writes.items():
        last_began = max(began for began, _, _ in some)
        assert stored.get(id) in {left for _, ended, left in some if ended >= last_began}, id
    assert stored.keys() <= writes.keys()
    # The index answers as the table does.
    found = docs.search([1.0] * DIMENSION, limit=100)
    assert {match.id for match in found} <= stored.keys()
    assert len(found) == min(100, len(stored))
