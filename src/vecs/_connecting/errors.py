"""psycopg's errors as vecs': what Postgres said, its code, and whether trying again may help."""

from __future__ import annotations

import random

import psycopg

from vecs.exc import CollectionNotFound, DatabaseError, Unavailable, VecsException

# Deadlock, serialization failure.
_CONFLICTS = ("40P01", "40001")
_UNDEFINED_TABLE = "42P01"
# Too many connections, shutting down, starting up.
_TRANSIENT = ("53300", "57P01", "57P02", "57P03")
_TRANSIENT_WORDS = (
    "too many clients",
    "starting up",
    "shutting down",
    "in recovery",
    "remaining connection slots",
)


# What the server says where an index cannot hold what the column can, and what to do about it.
_REMEDIES = {
    "out of range for type halfvec": (
        "half precision goes up to 65,504: scale the vectors, or drop the index of half precision with drop_index()"
    ),
    "non-zero elements for hnsw index": "drop the index with drop_index(), or keep fewer values",
}


class Conflict(DatabaseError):
    """Two writers were in each other's way and the server undid this one: doing it again is safe."""


class ConnectionLost(Unavailable):
    """A connection turned out to be dead; the statement may or may not have been done."""


class PlanIsStale(DatabaseError):
    """A prepared statement's table was altered: doing it again is safe."""


def database_error(error: psycopg.Error, *, lost: bool = False) -> VecsException:
    """Translate an error of a statement; `lost` says that its connection is gone."""
    state = error.sqlstate
    diag = error.diag
    parts = [diag.message_primary or str(error).strip() or type(error).__name__]
    if diag.message_detail:
        parts.append(f"detail: {diag.message_detail}")
    if diag.message_hint:
        parts.append(f"hint: {diag.message_hint}")
    parts.extend(remedy for said, remedy in _REMEDIES.items() if said in parts[0])
    message = "; ".join(parts)
    if lost:
        return ConnectionLost(f"the connection was lost: {message}", state)
    if state == _UNDEFINED_TABLE or (state == "XX000" and message.startswith("could not open relation")):
        return CollectionNotFound(f"the collection was deleted, or is not visible: {message}")
    if state in _CONFLICTS:
        return Conflict(message, state)
    if state is not None and (state.startswith("08") or state in _TRANSIENT):
        return Unavailable(message, state)
    return DatabaseError(message, state)


def connection_error(error: psycopg.Error, target: object) -> DatabaseError:
    """
    Translate a failure to connect.

    libpq gives no code here. An answer of the server (FATAL) is final, such as a wrong password or an unknown
    database, unless it says that it is busy. Where no answer came, trying again may help.
    """
    reason = str(error).strip()
    message = f"cannot connect to {target}: {reason}"
    if "connection slots" in reason:
        message += "; share one client among all threads and tasks of a program, or raise the server's max_connections"
    if "FATAL" in reason and not any(words in reason for words in _TRANSIENT_WORDS):
        return DatabaseError(message, error.sqlstate)
    return Unavailable(message, error.sqlstate)


def plan_is_stale(error: psycopg.Error) -> bool:
    """Whether a prepared statement failed because the table's columns changed since."""
    return (error.diag.message_primary or "").startswith("cached plan")


def conflict_pauses() -> list[float]:
    """Return how long to wait before each repetition, in seconds; random, so that two writers do not collide again."""
    return [random.uniform(0.2, 1.0) * longest for longest in (0.02, 0.1, 0.3, 1, 1, 1, 1)]
