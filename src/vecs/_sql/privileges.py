"""What the role of a connection may do with a collection, its schema and its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vecs._sql.fragment import Fragment, qualified


class Privileges(NamedTuple):
    """What `privileges` selects; what concerns a thing that is not there is None, or False."""

    role: str
    database: str
    in_recovery: bool
    read_only: bool
    creates_schemas: bool
    schema_exists: bool
    uses_schema: bool
    creates_in_schema: bool
    extension_schema: str | None
    uses_extension: bool
    owner: str | None
    owns: bool
    lacking: Sequence[str]


def privileges(schema: str, name: str | None) -> Fragment:
    """Read what this role may do; `name` is that of a table, if one is meant."""
    return qualified(
        """
        select current_user::pg_catalog.text, pg_catalog.current_database()::pg_catalog.text,
               pg_catalog.pg_is_in_recovery(),
               pg_catalog.current_setting('transaction_read_only')::boolean,
               pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
               n.oid is not null,
               coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false),
               coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false),
               en.nspname::pg_catalog.text,
               coalesce(pg_catalog.has_schema_privilege(en.oid, 'USAGE'), false),
               case when c.oid is not null then pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text end,
               coalesce(pg_catalog.pg_has_role(c.relowner, 'USAGE'), false),
               array(select p from pg_catalog.unnest('{{select,insert,update,delete,truncate}}'::pg_catalog.text[]) as p
                     where not pg_catalog.has_table_privilege(c.oid, p))
        from (select 1) as one
        left join pg_catalog.pg_namespace n on n.nspname = {schema}::pg_catalog.text
        left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = {name}::pg_catalog.text
        left join pg_catalog.pg_extension e on e.extname = 'vector'
        left join pg_catalog.pg_namespace en on en.oid = e.extnamespace
        """,
        schema=schema,
        name=name,
    )


def read_privileges(rows: Sequence[tuple[Any, ...]]) -> Privileges:
    """Read the answer of `privileges`."""
    return Privileges(*rows[0])
