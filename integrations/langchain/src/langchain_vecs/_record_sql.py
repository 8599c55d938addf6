"""The record manager's statements: names are identifiers, values are parameters, and each call is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from vecs.exc import ArgError
from vecs.sharing import brief
from vecs.sql import Fragment, Identifier, join, qualified

TABLE = "langchain_records"

# The server's, for all clients alike.
_CLOCK = qualified("extract(epoch from pg_catalog.clock_timestamp())::double precision")

# Of vecs itself: collections and their schema are created under it, too.
_LOCK = qualified("select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('vecs:create', 0))")


def find_table(schema: str) -> Fragment:
    """Find the table of records."""
    return qualified(
        """
        select 1
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname = {name}::pg_catalog.text
        """,
        schema=schema,
        name=TABLE,
    )


def create_table(schema: str) -> list[Fragment]:
    """Create the table of records and its schema where they are absent; for one transaction, one client at a time."""
    return [
        _LOCK,
        qualified("create schema if not exists {schema}", schema=Identifier(schema)),
        qualified(
            """
            create table if not exists {table} (
                namespace pg_catalog.text not null,
                key pg_catalog.text not null,
                group_id pg_catalog.text,
                updated_at double precision not null,
                primary key (namespace, key)
            )
            """,
            table=_table(schema),
        ),
        # Without the time: then a record that is only seen again stays where it is in the index.
        qualified(
            "create index if not exists {index} on {table} (namespace, group_id)",
            index=Identifier(f"{TABLE}_group_idx"),
            table=_table(schema),
        ),
    ]


def read_clock() -> Fragment:
    """Return the seconds since 1970."""
    return qualified("select {clock}", clock=_CLOCK)


def upsert(
    schema: str,
    namespace: str,
    keys: Sequence[str],
    group_ids: Sequence[str | None] | None,
    time_at_least: float | None,
) -> Fragment:
    """Write the records, if it is late enough; return the time. Raises ArgError for lists of different length."""
    keys = checked(keys)
    if group_ids is not None and len(group_ids) != len(keys):
        raise ArgError(f"there are {len(keys)} keys but {len(group_ids)} group_ids; give one for each key, or None")
    # One row per key: `on conflict` refuses a key twice. Sorted, so that two clients cannot deadlock.
    groups = dict(sorted(dict(zip(keys, group_ids or [None] * len(keys), strict=True)).items()))
    return qualified(
        """
        with clock as materialized (select {clock} as now),
        written as (
            insert into {table} (namespace, key, group_id, updated_at)
            select {namespace}::pg_catalog.text, r.key, r.group_id, clock.now
            from clock
            cross join rows from (
                pg_catalog.unnest({keys}::pg_catalog.text[]), pg_catalog.unnest({group_ids}::pg_catalog.text[])
            ) as r (key, group_id)
            where clock.now >= {time_at_least}::double precision
            on conflict (namespace, key) do update
            set group_id=excluded.group_id, updated_at=excluded.updated_at
        )
        select now from clock
        """,
        clock=_CLOCK,
        table=_table(schema),
        namespace=namespace,
        keys=list(groups),
        group_ids=list(groups.values()),
        time_at_least=time_at_least or 0.0,
    )


def find_keys(schema: str, namespace: str, keys: Sequence[str]) -> Fragment:
    """Find those of the keys that are there."""
    return qualified(
        "select key from {table} "
        "where namespace = {namespace}::pg_catalog.text and key = any({keys}::pg_catalog.text[])",
        table=_table(schema),
        namespace=namespace,
        keys=list(checked(keys)),
    )


class KeyQuery(NamedTuple):
    """Which keys to list; as in LangChain's own record managers, nothing and zero say that there is no condition."""

    before: float | None
    after: float | None
    group_ids: Sequence[str] | None
    limit: int | None


def list_keys(schema: str, namespace: str, query: KeyQuery) -> Fragment:
    """List keys, those first that were not seen for the longest time."""
    groups = list(checked(query.group_ids or []))
    parts = [
        qualified(
            "select key from {table} where namespace = {name}::pg_catalog.text", table=_table(schema), name=namespace
        )
    ]
    if query.before:
        parts.append(qualified("and updated_at < {before}::double precision", before=query.before))
    if query.after:
        parts.append(qualified("and updated_at > {after}::double precision", after=query.after))
    if groups:
        parts.append(qualified("and group_id = any({groups}::pg_catalog.text[])", groups=groups))
    parts.append(qualified("order by updated_at, key limit {limit}::bigint", limit=query.limit or None))
    return join(" ", parts)


def delete_keys(schema: str, namespace: str, keys: Sequence[str]) -> Fragment:
    """Delete records; absent ones are no error."""
    return qualified(
        "delete from {table} where namespace = {namespace}::pg_catalog.text and key = any({keys}::pg_catalog.text[])",
        table=_table(schema),
        namespace=namespace,
        keys=list(checked(keys)),
    )


def delete_all(schema: str, namespace: str, inside: str | None) -> Fragment:
    """Delete a namespace's records, and those of the namespaces that begin with it and `inside`."""
    return qualified(
        "delete from {table} "
        "where namespace = {namespace}::pg_catalog.text "
        "or pg_catalog.starts_with(namespace, {beginning}::pg_catalog.text)",
        table=_table(schema),
        namespace=namespace,
        beginning=None if inside is None else namespace + inside,
    )


def _table(schema: str) -> Identifier:
    return Identifier(schema, TABLE)


def checked(keys: Sequence[str]) -> Sequence[str]:
    """Return the keys; raises ArgError for a single string, whose letters would be taken for keys."""
    if isinstance(cast("object", keys), str):
        raise ArgError(f"expected a list of strings, not the string {brief(keys)}")
    return keys


def check_time(now: float, time_at_least: float | None) -> None:
    """Raise ArgError where the server's clock is behind; nothing was written then."""
    if time_at_least and now < time_at_least:
        raise ArgError(
            f"time_at_least is {brief(time_at_least)}, but the server's clock says {brief(now)}: nothing was written. "
            "Take times from get_time(), and see whether the server's clock was set back"
        )
