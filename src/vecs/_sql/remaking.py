"""Statements that check whether an empty collection may be replaced: nothing else may be lost with its table."""

from __future__ import annotations

from vecs._sql.fragment import Fragment, qualified
from vecs._sql.indexes import NAMED_BY_VECS
from vecs._sql.tables import Table


def has_records(table: Table) -> Fragment:
    """Ask whether there are any records."""
    return qualified("select exists (select from {table})", table=table.identifier)


def lock_against_all(table: Table) -> Fragment:
    """Lock a collection for all readers and writers until the transaction ends."""
    return qualified("lock table {table} in access exclusive mode", table=table.identifier)


def is_as_made(table: Table) -> Fragment:
    """
    Ask whether a collection is as vecs makes it, and belongs to this role, so that nothing else is lost with it.

    Indexes with names that vecs gives are its own. The answer is no if there are other columns, indexes, constraints,
    privileges, policies, triggers or rules, a comment of others, or views and other objects that depend on it.
    """
    columns = [*table.columns, *(["text_search"] if table.language is not None else [])]
    return qualified(
        """
        select c.relkind = 'r' and not c.relispartition and not c.relhassubclass and c.relacl is null
           and not c.relrowsecurity and not c.relforcerowsecurity and not c.relhastriggers and not c.relhasrules
           and pg_catalog.pg_has_role(c.relowner, 'USAGE')
           and ({described}::boolean or pg_catalog.obj_description(c.oid, 'pg_class') is null)
           and not exists (select from pg_catalog.pg_inherits as h where h.inhrelid = c.oid)
           and not exists (select from pg_catalog.pg_policy as p where p.polrelid = c.oid)
           and not exists (select from pg_catalog.pg_publication_rel as r where r.prrelid = c.oid)
           and not exists (
               select from pg_catalog.pg_depend as d
               where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = c.oid
                 and d.deptype = 'n' and d.classid <> 'pg_catalog.pg_attrdef'::pg_catalog.regclass)
           and not exists (
               select from pg_catalog.pg_constraint as k
               where k.conrelid = c.oid and k.contype <> 'p' and k.contype <> 'n')
           and not exists (
               select from pg_catalog.pg_attribute as a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 and not a.attname::pg_catalog.text = any({columns}::pg_catalog.text[]))
           and not exists (
               select from pg_catalog.pg_index as x
               join pg_catalog.pg_class as i on i.oid = x.indexrelid
               left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[0]
               where x.indrelid = c.oid and not x.indisprimary
                 and (x.indisunique or i.relname::pg_catalog.text operator(pg_catalog.!~) {own}::pg_catalog.text)
                 and (x.indnatts <> 1 or x.indpred is not null or a.attname is null
                      or (a.attname <> 'text_search' and a.attname <> 'document_id')))
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname = {name}::pg_catalog.text
        """,
        schema=table.schema,
        name=table.name,
        columns=columns,
        described=bool(table.comment),
        own=NAMED_BY_VECS,
    )
