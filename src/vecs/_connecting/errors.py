"""psycopg's errors as vecs': what Postgres said, its code, and whether trying again may help."""

from __future__ import annotations

import random
import re
from copy import copy
from typing import TypeVar

import psycopg

from vecs._connecting.busy import says_busy
from vecs._sql.documents import overwriting
from vecs.exc import CollectionNotFound, DatabaseError, Unavailable, VecsException

E = TypeVar("E", bound=Exception)

# Deadlock, serialization failure.
_CONFLICTS = ("40P01", "40001")
_UNDEFINED_TABLE = "42P01"
_DISK_FULL = "53100"
# A text that is not a value of a type: the statement fails in this way if it would overwrite another document.
_NOT_READ = "22P02"
# Too many connections, and a server that ends, starts, or ended an idle session; all of class 08 but 08P01 as well.
_TRANSIENT = ("53300", "57P01", "57P02", "57P03", "57P04", "57P05")
# A prepared statement is missing, is there already, or is another one: two clients share a session of the server.
_MIXED_UP = ("26000", "42P05", "08P01")
# PgBouncer and Supavisor have one code for all that they say themselves.
_VAGUE = ("08P01", "XX000", "58000")
# What libpq says where connecting again would not help.
_MISTAKES = (
    "invalid ",
    "definition of service",
    "could not match",
    "does not support ssl",
    "certificate",
    "authentication method",
    "no password supplied",
    "channel binding",
)
# The server's severity, in its language; libpq's own messages have one blank behind a colon.
_ANSWER = re.compile(r"(?:failed: |^|\n)[^:\n\"]{2,40}:  ")
_STARTING = ("the database system is", "crash of another server process", "server closed the connection unexpectedly")

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


class ServerStarting(Unavailable):
    """The server is there, and starts, recovers or stops: it takes no connections yet."""


class ServerBusy(Unavailable):
    """The server, or a pooler, is there and takes no more connections."""


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
    if state == _DISK_FULL:
        return DatabaseError(f"the disk of the server is full: {message}; make room there, and try again", state)
    if lost:
        return ConnectionLost(f"the connection was lost: {message}", state)
    if state == _UNDEFINED_TABLE or (state == "XX000" and message.startswith("could not open relation")):
        return CollectionNotFound(f"the collection was deleted, or is not visible: {message}")
    if state in _CONFLICTS:
        return Conflict(message, state)
    if state == _NOT_READ and (refused := overwriting(diag.message_primary or "")) is not None:
        return refused
    if _is_transient(state, message):
        return Unavailable(message, state)
    if state in _MIXED_UP:
        message += "; if a transaction pooler (PgBouncer, Supavisor) is between vecs and the server, give pooler=True"
    return DatabaseError(message, state)


def connection_error(error: psycopg.Error | UnicodeError, target: object) -> DatabaseError:
    """
    Translate a failure to connect.

    By its code, if psycopg has one. libpq hands none out here, so that words are left: an answer of the server is
    final, such as a wrong password or an unknown database, unless it says that it is busy, in any language. Where no
    answer came, trying again may help, unless it is libpq that finds fault with the connection string.
    """
    # What the connection string itself names was checked before.
    named = "the host from the environment or a service file is not a valid host name"
    reason = f"{named}: {error}" if isinstance(error, UnicodeError) else str(error).strip()
    message = f"cannot connect to {target}: {reason}"
    if "connection slots" in reason or "too many clients" in reason:
        message += (
            "; share one client among all threads and tasks of a program, or raise the server's max_connections "
            "(server_settings= of an embedded one)"
        )
    if not isinstance(error, psycopg.OperationalError):
        # What the environment or a service file names, which is not checked before: a host, or a number.
        return DatabaseError(message)
    state = error.sqlstate
    if state in ("57P02", "57P03") or any(words in reason for words in _STARTING):
        return ServerStarting(message, state)
    if state is not None or _ANSWER.search(reason):
        if _is_transient(state, reason):
            return ServerBusy(message, state)
        final = True
    else:
        unanswered = error.pgconn is not None and error.pgconn.needs_password
        final = unanswered or any(words in reason.lower() for words in _MISTAKES)
    return DatabaseError(message, state) if final else Unavailable(message, state)


def again(error: E) -> E:
    """Return the same error as an object of its own, without frames: in their variables is what a call had taken."""
    new = copy(error)
    if isinstance(error.__cause__, psycopg.Error):
        new.__cause__ = copy(error.__cause__)
    return new


def _is_transient(state: str | None, message: str) -> bool:
    """Whether trying again may help: by the code, and by words where that says nothing."""
    if state is None or state in _VAGUE:
        return says_busy(message)
    return state in _TRANSIENT or state.startswith("08")


def without_frames(error: E) -> E:
    """Return an error without psycopg's frames, in whose variables is the password."""
    return error.with_traceback(None)


def plan_is_stale(error: psycopg.Error) -> bool:
    """Whether a prepared statement failed because the table's columns changed since."""
    # The function of Postgres that says so is called the same in every language.
    diag = error.diag
    return diag.source_function == "RevalidateCachedQuery" or (diag.message_primary or "").startswith("cached plan")


def conflict_pauses() -> list[float]:
    """Return how long to wait before each repetition, in seconds; random, so that two writers do not collide again."""
    return [random.uniform(0.2, 1.0) * longest for longest in (0.02, 0.1, 0.3, 1, 1, 1, 1)]
