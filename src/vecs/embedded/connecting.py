"""Reach a server over its socket, whatever the environment says, and ask how it is."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vecs.embedded import sockets, watchdog

if sys.platform != "win32":
    import pwd

if TYPE_CHECKING:
    from psycopg import Connection

DATABASE = ROLE = "vecs"
SUPERUSER = "postgres"

# States (SQLSTATE) of a server that will answer soon, and of one that has no connection left.
PASSING = ("57P01", "57P02", "57P03")
_FULL = "53300"
READY, FULL, STARTING = "ready", "full", "starting"

# What the superuser's sessions are set to, whatever a role or the database is set to: the role `vecs` must neither
# choose what the superuser's statements mean, nor keep them from being done.
_SUPERUSER_SETTINGS = {
    "search_path": "pg_catalog,pg_temp",
    "role": "none",
    "local_preload_libraries": "",
    "event_triggers": "off",
    "session_replication_role": "origin",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": r"read\ committed",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "60s",
    "exit_on_error": "off",
    # What `format.json` will claim has to be on disk by then.
    "synchronous_commit": "on",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    "standard_conforming_strings": "on",
}

# Parameters of libpq 14 to 18 that the environment chooses: those that "" leaves unset, and those to be said.
_MAY_BE_EMPTY = [
    "connect_timeout",
    "gsslib",
    "hostaddr",
    "options",
    "passfile",
    "password",
    "require_auth",
    "requirepeer",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslrootcert",
    "ssl_max_protocol_version",
]
_NOT_EMPTY = {"sslcertmode": "disable", "min_protocol_version": "3.0", "max_protocol_version": "3.0"}

# libpq sends them to the server, whatever the parameters are, and a server refuses a bad one.
_SENT_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO")


def conninfo(socket_folder: Path) -> dict[str, str]:
    """Return psycopg's keyword arguments; what looks idle keeps PG* variables of the environment out."""
    return {
        **_without_environment(),
        "host": str(socket_folder),
        "port": "5432",
        "dbname": DATABASE,
        "user": ROLE,
        "sslmode": "disable",
        "gssencmode": "disable",
        "channel_binding": "disable",
        "target_session_attrs": "any",
        "client_encoding": "utf8",
        "connect_timeout": f"{watchdog.CONNECT_TIMEOUT:.0f}",
        "requirepeer": _peer(socket_folder),
    }


def superuser_conninfo(socket_folder: Path, dbname: str) -> dict[str, str]:
    """Return psycopg's keyword arguments for the set-up, which nothing in the database may have a say in."""
    options = " ".join(f"-c {name}={value}" for name, value in _SUPERUSER_SETTINGS.items())
    return {**conninfo(socket_folder), "user": SUPERUSER, "dbname": dbname, "options": options}


def connect(arguments: Mapping[str, str]) -> Connection[Any]:
    """Open a connection whose statements are their own transactions."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    return psycopg.connect(make_conninfo(**arguments), autocommit=True)


def answers(folder: Path, socket_folder: Path) -> bool:
    """Say whether the server of a folder takes connections on this socket, or is busy."""
    file = watchdog.read_pid_file(str(folder / "pgdata"))
    if file.state != "ready" or file.socket_folder != str(socket_folder):
        return False
    return ask(socket_folder, ROLE, DATABASE) in (READY, FULL)


def ask(socket_folder: Path, user: str, dbname: str) -> str:
    """
    Return how a server takes a new connection: READY, FULL or STARTING; else its refusal, in its own words.

    The protocol is spoken here, since libpq hands out a message in some language and no SQLSTATE.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(watchdog.CONNECT_TIMEOUT)
        try:
            probe.connect(str(sockets.socket_path(socket_folder)))
            probe.sendall(watchdog.greeting(user, dbname))
            refusal = _outcome(probe)
        except (TimeoutError, BlockingIOError):
            # A full queue is the sign of a busy server, not of a dead one.
            return FULL
        except (ConnectionError, FileNotFoundError):
            return STARTING
        except OSError as error:
            return str(error)
    if not refusal:
        return STARTING if refusal is None else READY
    fields = {field[:1]: field[1:].decode(errors="replace") for field in refusal.split(b"\0")}
    state = fields.get(b"C", "")
    if state in PASSING:
        return STARTING
    return FULL if state == _FULL else fields.get(b"M", "no reason given")


def hint_at_environment() -> str:
    """Return which variables of the environment reach every server, for the message of a refusal."""
    given = [f"${name} is {os.environ[name]!r}" for name in (*_SENT_VARIABLES, "PGSERVICE") if name in os.environ]
    return f" ({', '.join(given)})" if given else ""


def _without_environment() -> dict[str, str]:
    """Return every parameter that libpq would take from the environment, as it would be without that."""
    from psycopg import pq

    parameters: dict[str, str] = {}
    for option in pq.Conninfo.get_defaults():
        name = option.keyword.decode()
        # A name of the application harms nothing, and a service cannot be unset by a parameter.
        if not option.envvar or name in ("application_name", "service"):
            continue
        if name in _NOT_EMPTY:
            parameters[name] = _NOT_EMPTY[name]
        elif option.compiled is not None:
            parameters[name] = option.compiled.decode()
        elif name in _MAY_BE_EMPTY or option.envvar.decode() in os.environ:
            parameters[name] = ""
    return parameters


def _outcome(probe: socket.socket) -> bytes | None:
    """Return the fields of the server's refusal; empty if it is ready for statements, None if it hung up."""
    for kind, body in watchdog.messages(probe):
        if kind in (b"E", b"Z"):
            return body if kind == b"E" else b""
    return None


def _peer(socket_folder: Path) -> str:
    """Return the user whose server it must be: the one who owns the folder of the socket."""
    try:
        return pwd.getpwuid(os.lstat(socket_folder).st_uid).pw_name
    except (FileNotFoundError, KeyError):
        # No server is there; or libpq, which compares names, could not know the user by one.
        return ""
