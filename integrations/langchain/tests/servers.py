"""What a server says of who is connected to it."""

from __future__ import annotations

import time
from typing import Any

import psycopg

_OTHERS = "from pg_stat_activity where application_name = 'vecs' and datname = current_database()"


def backends(target: str, wanted: int | None = None) -> int:
    """How many connections vecs has open; waits a little for a number, since a server notices hang-ups late."""
    with psycopg.connect(target, autocommit=True) as connection:
        for _ in range(100):
            row: Any = connection.execute(f"select count(*) {_OTHERS}").fetchone()
            if wanted is None or row[0] <= wanted:
                break
            time.sleep(0.05)
        return row[0]


def kill(target: str) -> int:
    """Break every connection that vecs has open; return how many there were."""
    with psycopg.connect(target, autocommit=True) as connection:
        return len(connection.execute(f"select pg_terminate_backend(pid) {_OTHERS}").fetchall())
