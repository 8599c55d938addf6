"""The record manager's statements: names are identifiers, values are parameters, and each call is one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from psycopg.sql import SQL, Composed, Identifier

from vecs.exc import ArgError

TABLE = "langchain_records"

# With what its parameters are called.
Statement: TypeAlias = tuple[Composed, Mapping[str, Any]]

# The server's, for all clients alike.
_CLOCK = SQL("extract(epoch from pg_catalog.clock_timestamp())::float8")

# Of vecs itself: collections and their schema are created under it, too.
_LOCK = SQL("select pg_catalog.pg_advisory_xact_lock(hashtextextended('vecs:create', 0))")


def find_table(schema: str) -> Statement:
    """Find the table of records."""
    statement = SQL(
        """
        select 1
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = %(schema)s::text and c.relname = %(name)s::text
        """
    )
    return Composed([statement]), {"schema": schema, "name": TABLE}


def create_table(schema: str) -> list[Statement]:
    """Create the table of records and its schema where they are absent; for one transaction, one client at a time."""
    statements = [
        Composed([_LOCK]),
        SQL("create schema if not exists {}").format(Identifier(schema)),
        SQL(
            """
            create table if not exists {} (
                namespace text not null,
                key text not null,
                group_id text,
                updated_at float8 not null,
                primary key (namespace, key)
            )
            """
        ).format(Identifier(schema, TABLE)),
        # Without the time: then a record that is only seen again stays where it is in the index.
        SQL("create index if not exists {} on {} (namespace, group_id)").format(
            Identifier(f"{TABLE}_group_idx"), Identifier(schema, TABLE)
        ),
    ]
    return [(statement, {}) for statement in statements]


def read_clock() -> Statement:
    """Return the seconds since 1970."""
    return SQL("select {}").format(_CLOCK), {}


def upsert(
    schema: str,
    namespace: str,
    keys: Sequence[str],
    group_ids: Sequence[str | None] | None,
    time_at_least: float | None,
) -> Statement:
    """Write the records, if it is late enough; return the time. Raises ArgError for lists of different length."""
    keys = checked(keys)
    if group_ids is not None and len(group_ids) != len(keys):
        raise ArgError(f"there are {len(keys)} keys but {len(group_ids)} group_ids; give one for each key, or None")
    # One row a key, or `on conflict` refuses; in one order, or two clients wait for each other.
    groups = dict(sorted(dict(zip(keys, group_ids or [None] * len(keys), strict=True)).items()))
    statement = SQL(
        """
        with clock as materialized (select {clock} as now),
        written as (
            insert into {table} (namespace, key, group_id, updated_at)
            select %(namespace)s::text, r.key, r.group_id, clock.now
            from clock
            cross join unnest(%(keys)s::text[], %(group_ids)s::text[]) as r (key, group_id)
            where clock.now >= %(time_at_least)s::float8
            on conflict (namespace, key) do update
            set group_id = excluded.group_id, updated_at = excluded.updated_at
        )
        select now from clock
        """
    ).format(clock=_CLOCK, table=Identifier(schema, TABLE))
    return statement, {
        "namespace": namespace,
        "keys": list(groups),
        "group_ids": list(groups.values()),
        "time_at_least": time_at_least or 0.0,
    }


def find_keys(schema: str, namespace: str, keys: Sequence[str]) -> Statement:
    """Find those of the keys that are there."""
    statement = SQL("select key from {} where namespace = %(namespace)s::text and key = any(%(keys)s::text[])")
    return statement.format(Identifier(schema, TABLE)), {"namespace": namespace, "keys": list(checked(keys))}


def list_keys(
    schema: str,
    namespace: str,
    before: float | None,
    after: float | None,
    group_ids: Sequence[str] | None,
    limit: int | None,
) -> Statement:
    """List keys, those first that were not seen for the longest time."""
    # As LangChain's own record managers do, nothing and zero say that there is no such condition.
    parts = [SQL("select key from {} where namespace = %(namespace)s::text").format(Identifier(schema, TABLE))]
    if before:
        parts.append(Composed([SQL("and updated_at < %(before)s::float8")]))
    if after:
        parts.append(Composed([SQL("and updated_at > %(after)s::float8")]))
    if group_ids:
        parts.append(Composed([SQL("and group_id = any(%(group_ids)s::text[])")]))
    parts.append(Composed([SQL("order by updated_at, key limit %(limit)s::bigint")]))
    return SQL(" ").join(parts), {
        "namespace": namespace,
        "before": before,
        "after": after,
        "group_ids": list(checked(group_ids or [])),
        "limit": limit or None,
    }


def delete_keys(schema: str, namespace: str, keys: Sequence[str]) -> Statement:
    """Delete records; absent ones are no error."""
    statement = SQL("delete from {} where namespace = %(namespace)s::text and key = any(%(keys)s::text[])")
    return statement.format(Identifier(schema, TABLE)), {"namespace": namespace, "keys": list(checked(keys))}


def delete_all(schema: str, namespace: str, inside: str | None) -> Statement:
    """Delete a namespace's records, and those of the namespaces that begin with it and `inside`."""
    statement = SQL(
        "delete from {} where namespace = %(namespace)s::text or starts_with(namespace, %(beginning)s::text)"
    )
    beginning = None if inside is None else namespace + inside
    return statement.format(Identifier(schema, TABLE)), {"namespace": namespace, "beginning": beginning}


def checked(keys: Sequence[str]) -> Sequence[str]:
    """Return the keys; raises ArgError for a single string, whose letters would be taken for keys."""
    if isinstance(cast("object", keys), str):
        raise ArgError(f"expected a list of strings, not the string {keys!r}")
    return keys


def check_time(now: float, time_at_least: float | None) -> None:
    """Raise ArgError where the server's clock is behind; nothing was written then."""
    if time_at_least and now < time_at_least:
        raise ArgError(
            f"time_at_least is {time_at_least!r}, but the server's clock says {now!r}: nothing was written. "
            "Take times from get_time(), and see whether the server's clock was set back"
        )
