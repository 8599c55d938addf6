"""How long a server may be silent during a call, on our own clock: its own limits do not help where it is gone."""

from __future__ import annotations

import re
import selectors
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")

# How much longer than its statement_timeout the server may take, in seconds: to end the statement and to say so.
GRACE = 5.0
# How long an interrupted call waits for the server to let go of its statement, twice, in seconds.
INTERRUPTED = 2.0

_UNITS = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIMEOUT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|min|h|d|)\s*")


class Silent(psycopg.OperationalError):
    """The server said nothing for longer than a call waits."""


@lru_cache
def patience_for(statement_timeout: str | None) -> float | None:
    """Return how many seconds a call waits for a sign of the server, by a Postgres setting; None without limit."""
    found = _TIMEOUT.fullmatch(statement_timeout or "0")
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0
    return seconds + GRACE if seconds else None


def is_readable(descriptor: int) -> bool:
    """Whether a socket has something to read, or is closed at the other end."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


def watched(work: Generator[Any, Any, T], patience: Callable[[], float | None]) -> Generator[Any, Any, T]:
    """
    Do psycopg's work with the socket; raise Silent when nothing came or could be sent for `patience()` seconds.

    psycopg sends what the socket is ready for into such work, and nothing (0) ten times per second meanwhile.
    """
    since: float | None = None
    try:
        wanted = next(work)
        while True:
            ready = yield wanted
            if ready:
                since = None
            else:
                since = _silent_since(since, patience())
            wanted = work.send(ready)
    except StopIteration as done:
        return done.value
    finally:
        # A cancelled call stops in the middle. An error at its end, on a closed connection, helps nobody, and Python
        # would print it.
        with suppress(Exception):
            work.close()


def _silent_since(since: float | None, patience: float | None) -> float:
    now = time.monotonic()
    if since is None:
        return now
    if patience is not None and now - since >= patience:
        raise Silent(f"the server has been silent for {patience:g} s")
    return since
