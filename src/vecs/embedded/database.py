"""
What the superuser does in the server: the database, its role, the extension, and what keeps them from working.

Nothing here trusts what the role `vecs` can change: the database is not its own, every session is set to known values,
and names are looked up in `pg_catalog` alone. The statements are plain strings and not Fragments: all names are fixed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vecs.embedded.connecting import SUPERUSER, connect, superuser_conninfo

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection

Tell = Callable[[str], None]

_SHORTEST = 1000.0  # milliseconds; a limit below it ends what vecs does for its users
_FEWEST = 5  # connections that a client may need at once
_SHOWN = 80
_UNITS = {"us": 0.001, "": 1.0, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6, "d": 8.64e7}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|min|h|d|)\s*", re.ASCII)
_TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "transaction_timeout",
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
)
_SWITCHES = ("default_transaction_read_only", "exit_on_error")


def set_up_server(socket_folder: Path, tell: Tell) -> str:
    """
    Make what is missing, mend what keeps the role from working, and return the version of the extension.

    It writes nothing where nothing is to be done, so that a server on a full disk can still be opened.
    """
    with connect(superuser_conninfo(socket_folder, SUPERUSER)) as connection:
        _make_role(connection, tell)
        _make_database(connection, tell)
        _reset_settings(connection, tell)
    with connect(superuser_conninfo(socket_folder, "vecs")) as connection:
        version = _make_extension(connection, tell)
        _open_public(connection)
    return version


def hinders(name: str, value: str) -> bool:
    """Say whether this setting, of a role or a database, would keep vecs from working."""
    name = name.lower()
    if name in ("local_preload_libraries", "role", "session_authorization"):
        return value not in ("", "none", "default")
    if name in _SWITCHES:
        return value.lower() not in ("off", "false", "no", "0", "f", "n")
    if name == "search_path":
        # Without its name the catalog comes first.
        schemas = [schema.strip().strip('"') for schema in value.split(",")]
        return "pg_catalog" in schemas[1:]
    if name in _TIMEOUTS:
        # Postgres reads other spellings, too, which nobody needs.
        duration = _DURATION.fullmatch(value)
        return duration is None or 0 < float(duration[1]) * _UNITS[duration[2]] < _SHORTEST
    return False


def _make_role(connection: Connection[Any], tell: Tell) -> None:
    found = connection.execute(
        """
        select rolsuper, rolcanlogin, rolconnlimit
        from pg_catalog.pg_roles
        where rolname = 'vecs'
        """
    ).fetchone()
    if found is None:
        connection.execute("create role vecs login")
        return
    superuser, login, limit = found
    if superuser:
        connection.execute("alter role vecs nosuperuser")
        tell("the role vecs was a superuser; now it is not")
    if not login or 0 <= limit < _FEWEST:
        connection.execute("alter role vecs login connection limit -1")
        tell("the role vecs could not connect; now it can")


def _make_database(connection: Connection[Any], tell: Tell) -> None:
    found = connection.execute(
        """
        select r.rolsuper, d.datallowconn, d.datconnlimit
        from pg_catalog.pg_database d
        left join pg_catalog.pg_roles r on r.oid = d.datdba
        where d.datname = 'vecs'
        """
    ).fetchone()
    if found is None:
        connection.execute("create database vecs template template0")
    else:
        owned, allowed, limit = found
        if not owned:
            # An owner chooses settings for every session in the database, the superuser's too.
            connection.execute("alter database vecs owner to postgres")
        if not allowed:
            connection.execute("alter database vecs allow_connections true")
        if 0 <= limit < _FEWEST:
            connection.execute("alter database vecs connection limit -1")
        if not allowed or 0 <= limit < _FEWEST:
            tell("the database vecs accepted no connections; now it does")
    rights = connection.execute(
        """
        select pg_catalog.has_database_privilege('vecs', 'vecs', 'connect')
            and pg_catalog.has_database_privilege('vecs', 'vecs', 'create')
            and pg_catalog.has_database_privilege('vecs', 'vecs', 'temporary'),
            pg_catalog.has_database_privilege('vecs', 'postgres', 'connect')
            or pg_catalog.has_database_privilege('vecs', 'template1', 'connect')
        """
    ).fetchone()
    enough, elsewhere = rights or (False, False)
    if not enough:
        connection.execute("grant connect, create, temporary on database vecs to vecs")
    if elsewhere:
        connection.execute("revoke connect, temporary on database postgres, template1 from public, vecs")


def _reset_settings(connection: Connection[Any], tell: Tell) -> None:
    """Reset what would keep vecs from working, of the settings that the role may have chosen or an owner once did."""
    # By what is set: of one role, of the database, or of the role in the database.
    levels = {(False, True): "role vecs", (True, False): "database vecs", (True, True): "role vecs in database vecs"}
    rows = connection.execute(
        """
        select d.oid is not null, r.oid is not null, s.setconfig
        from pg_catalog.pg_db_role_setting s
        left join pg_catalog.pg_database d on d.oid = s.setdatabase and d.datname = 'vecs'
        left join pg_catalog.pg_roles r on r.oid = s.setrole and r.rolname = 'vecs'
        where (d.oid is not null or s.setdatabase = 0) and (r.oid is not null or s.setrole = 0)
        """
    ).fetchall()
    for of_database, of_role, settings in rows:
        level = levels.get((of_database, of_role))
        for name, _, value in (setting.partition("=") for setting in settings):
            if level and hinders(name, value):
                connection.execute(f'alter {level} reset "{name}"'.encode())
                tell(f"reset {name} of the {level}, which kept vecs from working; it was {value[:_SHOWN]!r}")


def _make_extension(connection: Connection[Any], tell: Tell) -> str:
    found = connection.execute(
        """
        select a.default_version, e.extversion, e.extnamespace
        from pg_catalog.pg_available_extensions a
        left join pg_catalog.pg_extension e on e.extname = a.name
        where a.name = 'vector'
        """
    ).fetchone()
    available, installed, namespace = found or ("", None, 0)
    if installed and _version(available) <= _version(installed):
        return installed
    # While the extension's script runs, nobody may make what its statements could find.
    limit = connection.execute("select datconnlimit from pg_catalog.pg_database where datname = 'vecs'").fetchone()
    connection.execute("alter database vecs connection limit 0")
    try:
        connection.execute(
            """
            select pg_catalog.pg_terminate_backend(pid, 10000)
            from pg_catalog.pg_stat_activity
            where datname = 'vecs' and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'
            """
        )
        if installed is None:
            connection.execute(f"create extension vector schema {_schema(connection)}".encode())
        elif _is_planted(connection, namespace):
            tell(
                f"pgvector is not updated from {installed} to {available}: its schema contains other functions or "
                "operators with names of Postgres or pgvector; move or rename them"
            )
            return installed
        else:
            connection.execute("alter extension vector update")
    finally:
        connection.execute(f"alter database vecs connection limit {limit[0] if limit else -1}".encode())
    return available


def _schema(connection: Connection[Any]) -> str:
    """Return where the extension goes: `public`, unless something there could get in the way of its script."""
    public = connection.execute("select oid from pg_catalog.pg_namespace where nspname = 'public'").fetchone()
    if public and not _is_planted(connection, public[0]):
        return "public"
    taken = {name for (name,) in connection.execute("select nspname from pg_catalog.pg_namespace")}
    free = next(name for name in ("pgvector", *(f"pgvector_{n}" for n in range(len(taken) + 1))) if name not in taken)
    connection.execute(f"create schema {free}".encode())
    connection.execute(f"grant usage on schema {free} to public".encode())
    return free


def _is_planted(connection: Connection[Any], namespace: int) -> bool:
    """Say whether a schema has what no superuser made and an extension's script could take for something else."""
    found = connection.execute(
        """
        with others as (select oid from pg_catalog.pg_roles where not rolsuper),
        known as (
            select proname from pg_catalog.pg_proc
            where pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                or (pronamespace = %(namespace)s and proowner not in (select oid from others))
        )
        select exists (
            select from pg_catalog.pg_proc
            where pronamespace = %(namespace)s and proowner in (select oid from others)
                and (proname in (select proname from known) or proname ~ 'vec')
        ) or exists (
            select from pg_catalog.pg_operator
            where oprnamespace = %(namespace)s and oprowner in (select oid from others)
        ) or exists (
            select from pg_catalog.pg_type
            where typnamespace = %(namespace)s and typowner in (select oid from others)
                and typname in ('vector', 'halfvec', 'sparsevec')
        )
        """,
        {"namespace": namespace},
    ).fetchone()
    return bool(found and found[0])


def _open_public(connection: Connection[Any]) -> None:
    """Let the role make its things in `public`, as an owner of the database may."""
    missing = connection.execute(
        """
        select 1 from pg_catalog.pg_namespace
        where nspname = 'public' and not (
            pg_catalog.has_schema_privilege('vecs', oid, 'usage')
            and pg_catalog.has_schema_privilege('vecs', oid, 'create')
        )
        """
    ).fetchone()
    if missing is not None:
        connection.execute("grant usage, create on schema public to vecs")


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]
