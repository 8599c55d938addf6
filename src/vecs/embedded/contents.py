"""What a database holds, to be compared with what another server has of it; statements are plain strings here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vecs.embedded.connecting import connect

if TYPE_CHECKING:
    from psycopg import Connection

# For values as text that is the same in every version.
_SETTINGS = """
    select pg_catalog.set_config(name, value, false) from (values
        ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'), ('bytea_output', 'hex'),
        ('extra_float_digits', '1'), ('search_path', 'pg_catalog')) as s (name, value)
"""
# One statement per table, written by the server: count, and the sum of the rows' digests, in no order. Columns that
# Postgres computes are left out: they are computed anew, and words may be others.
_STATEMENTS = """
    select pg_catalog.format('%I.%I', n.nspname, c.relname),
        pg_catalog.format(
            'select pg_catalog.count(*), coalesce(pg_catalog.sum((''x'' || pg_catalog.left(pg_catalog.encode('
            'pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.array_to_string(array[%s]::text[], '',''), '
            '''UTF8'')), ''hex''), 15))::bit(60)::bigint), 0)::text from only %I.%I', coalesce(s.columns, ''''''''''''),
            n.nspname, c.relname),
        (select pg_catalog.count(*) from pg_catalog.pg_index as x where x.indrelid = c.oid and x.indisvalid)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    left join lateral (
        select pg_catalog.string_agg(
            pg_catalog.format('pg_catalog.quote_nullable(%I::text)', a.attname), ', ' order by a.attname)
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    ) as s (columns) on true
    where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and not exists (
            select from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
    order by 1
"""
_OTHERS = """
    select 'the database ' || datname from pg_catalog.pg_database
    where datname not in ('postgres', 'vecs', 'template0', 'template1')
    union all select 'the role ' || rolname from pg_catalog.pg_roles
    where rolname not in ('postgres', 'vecs') and rolname !~ '^pg_'
    order by 1
"""


class TableContents(NamedTuple):
    """How many rows a table has, the sum of their digests, and how many indexes."""

    rows: int
    digests: str
    indexes: int


def read_contents(arguments: Mapping[str, str]) -> dict[str, TableContents]:
    """Return what each table of a database holds."""
    with connect(arguments) as connection:
        connection.execute(_SETTINGS)
        found: dict[str, TableContents] = {}
        for name, statement, indexes in connection.execute(_STATEMENTS).fetchall():
            ((rows, digests),) = connection.execute(statement).fetchall()
            found[name] = TableContents(rows, digests, indexes)
        return found


def others_in(arguments: Mapping[str, str]) -> list[str]:
    """Name the databases and roles of a server that are none of vecs."""
    with connect(arguments) as connection:
        return [name for (name,) in connection.execute(_OTHERS)]


def analyze(connection: Connection[tuple[object, ...]]) -> None:
    """Collect the planner's statistics: the weight of a word comes from them."""
    connection.execute("analyze")
