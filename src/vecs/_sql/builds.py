"""Index builds: one at a time, watched, cancelled, and what they need to know of the server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from vecs._sql.fragment import Fragment, fragment, qualified
from vecs._sql.tables import Table

# The names that vecs gives, and gave: `ix_vector_cosine_ops_hnsw_m16_efc64_1a2b3c4`, 0.1's `ix_vec_cosine_100`.
_OURS = re.compile(r"ix_(vector|halfvec|bit|sparsevec|binary|part|meta)_(\w+_)?[0-9a-f]{7}|ix_vec_[a-z0-9]+_\d+")


def named_by_vecs(name: str) -> bool:
    """Whether an index has a name that vecs makes up."""
    return _OURS.fullmatch(name) is not None


def built_index(statement: Fragment) -> str:
    """Return the name of the index that a CREATE INDEX of ours makes."""
    found = re.search(rb'create index(?: concurrently)? "([^"]+)"', statement.render()[0])
    return found[1].decode() if found else ""


def try_lock(table: Table) -> Fragment:
    """
    Let one session at a time build or drop indexes of a collection, until it unlocks.

    Tried, not waited for: a statement that waits holds a snapshot, and CREATE INDEX CONCURRENTLY waits for
    the snapshots of others, so that the two would be a deadlock.
    """
    return qualified(
        "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended({name}::pg_catalog.text, 1))",
        name=table.identifier.sql,
    )


def unlock(table: Table) -> Fragment:
    """Give back what `try_lock` took."""
    return qualified(
        "select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended({name}::pg_catalog.text, 1))",
        name=table.identifier.sql,
    )


def try_lock_transaction(table: Table) -> Fragment:
    """Take the lock of `try_lock` until the transaction ends."""
    return qualified(
        "select pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended({name}::pg_catalog.text, 1))",
        name=table.identifier.sql,
    )


# Changes nothing. In a transaction the last query keeps its snapshot until the next statement is bound, and this
# one takes none.
RELEASE_SNAPSHOT = fragment("unlisten *")


class ProgressRow(NamedTuple):
    """What `read_progress` selects; a number that the server does not tell is None."""

    phase: str
    lockers_done: int | None
    lockers_total: int | None
    blocks_done: int | None
    blocks_total: int | None
    tuples_done: int | None
    tuples_total: int | None


def read_progress(statement: Fragment) -> Fragment:
    """
    Read how far a CREATE INDEX is, by its text: a pooler does not tell which backend runs it.

    No row where it does not run, or where what runs on other servers does not show, as on Citus.
    """
    return qualified(
        """
        select p.phase, p.lockers_done, p.lockers_total, p.blocks_done, p.blocks_total,
               p.tuples_done, p.tuples_total
        from pg_catalog.pg_stat_progress_create_index p
        join pg_catalog.pg_stat_activity a on a.pid = p.pid
        where p.datname = pg_catalog.current_database() and p.relid is not null
          and a.query <> '' and pg_catalog.starts_with({text}::pg_catalog.text, a.query)
        """,
        text=statement.render()[0].decode(),
    )


def read_progress_row(rows: Sequence[tuple[Any, ...]]) -> ProgressRow | None:
    """Read the answer of `read_progress`; None where the build does not show."""
    return ProgressRow(*rows[0]) if rows else None


def cancel(statement: Fragment) -> Fragment:
    """Cancel a statement of this role that runs in another session, by its text."""
    return qualified(
        """
        select pg_catalog.pg_cancel_backend(a.pid)
        from pg_catalog.pg_stat_activity a
        where a.datname = pg_catalog.current_database() and a.usename = current_user and a.state = 'active'
          and a.backend_type = 'client backend' and a.pid <> pg_catalog.pg_backend_pid()
          and a.query <> '' and pg_catalog.starts_with({text}::pg_catalog.text, a.query)
        """,
        text=statement.render()[0].decode(),
    )


def being_built(table: Table) -> Fragment:
    """
    List the indexes of a collection that some session builds now, by name.

    A null stands for a build of another role, of which this one may not see what it is. An empty name stands for an
    index that this session does not see yet, or of which the server does not tell yet that it is the one being built:
    REINDEX TABLE CONCURRENTLY is shown to work on the TOAST table while it waits.
    """
    return qualified(
        """
        select case when p.relid = t.oid then coalesce(i.relname::pg_catalog.text, '')
                    when p.relid is not null then '' end as name
        from pg_catalog.pg_stat_progress_create_index p
        left join pg_catalog.pg_class i on i.oid = p.index_relid
        left join pg_catalog.pg_class t on t.oid = pg_catalog.to_regclass({name}::pg_catalog.text)
        where p.datname = pg_catalog.current_database()
          and (p.relid is null or p.relid = t.oid or p.relid = t.reltoastrelid)
        """,
        name=table.identifier.sql,
    )


def none_built(table: Table) -> Fragment:
    """Ask whether no session is known to build indexes of a collection now."""
    return qualified(
        "select pg_catalog.count(*) = 0 from ({built}) as built where name is not null", built=being_built(table)
    )


def timeouts() -> Fragment:
    """List the timeouts of sessions in which nothing was set, as they are written in a configuration."""
    return qualified(
        """
        select pg_catalog.concat(name, ' = ', reset_val, unit) from pg_catalog.pg_settings
        where name = any ('{{statement_timeout,lock_timeout,transaction_timeout}}'::pg_catalog.text[])
            and reset_val <> '0'
        order by name
        """
    )


class Estimate(NamedTuple):
    """What `estimate` selects: `rows` is None where the catalog does not know, the settings are in bytes."""

    rows: int | None
    maintenance_work_mem: int
    shared_buffers: int


def estimate(table: Table) -> Fragment:
    """
    Read about how many records there are, as far as the catalog knows: not of a new table, nor on Citus.

    And maintenance_work_mem and shared_buffers, for the choice of a build's memory.
    """
    return qualified(
        """
        select case when c.reltuples > 0 and c.relpages > 0 then
                   (c.reltuples / c.relpages * pg_catalog.pg_relation_size(c.oid)
                    / pg_catalog.current_setting('block_size')::integer)::bigint end,
               pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')),
               pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers'))
        from pg_catalog.pg_class c
        where c.oid = {name}::pg_catalog.regclass
        """,
        name=table.identifier.sql,
    )


def read_estimate(rows: Sequence[tuple[Any, ...]]) -> Estimate:
    """Read the answer of `estimate`."""
    return Estimate(*rows[0])
