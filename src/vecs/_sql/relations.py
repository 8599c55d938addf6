"""A relation of the catalog with its columns: their types, what a new row needs, what is unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vecs._sql.comments import MOST_CHARACTERS
from vecs._sql.fragment import Fragment, Literal, qualified
from vecs._sql.languages import configuration_name
from vecs.columns import ColumnKind, ColumnType, TableColumn

KINDS_OF_RELATIONS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("int2", "int4", "int8"), "integer"),
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name"), "text"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    "numeric": "numeric",
    "bool": "boolean",
    "uuid": "uuid",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
}


class ColumnRow(NamedTuple):
    """What `find_relation` selects: a relation, and one of its columns; without columns one row of None."""

    relkind: str
    comment: str | None
    column: str | None
    type: str
    typmod: int
    expression: str | None
    locks_deleted: bool
    row_security: bool
    citus: bool
    # The text search configuration that the expression names, unless the server came with it.
    configuration: str | None
    oid: int
    # Of what the relation is a partition, and the column's place, name and type as Postgres writes them.
    parent: str | None = None
    # The relation as Postgres writes it, with its schema.
    relation: str = ""
    number: int = 0
    quoted: str = ""
    shown: str = ""
    # Whether it may be NULL, has a default, is an identity ("a" or "d") or generated ("s"), is unique, is the key.
    nullable: bool = True
    has_default: bool = False
    identity: str = ""
    generated: str = ""
    unique: bool = False
    primary: bool = False
    # Whether this role may read it.
    readable: bool = True
    # Of a domain, what it is made of; of an array, its elements, too. Labels are those of an enum.
    base_schema: str = ""
    base: str = ""
    category: str = ""
    element_schema: str | None = None
    element: str | None = None
    labels: Sequence[str] | None = None
    # Why it is not unique though a constraint says so: tables that inherit, which no constraint spans; or a constraint
    # that is deferrable, which ON CONFLICT cannot name.
    not_unique: str | None = None


def find_relation(schema: str, name: str) -> Fragment:
    """Find a relation with its columns, one per row; no row where the name is free."""
    return qualified(
        """
        select c.relkind::pg_catalog.text,
               pg_catalog.left(pg_catalog.obj_description(c.oid, 'pg_class'), {most}),
               a.attname::pg_catalog.text, t.typname::pg_catalog.text, a.atttypmod,
               pg_catalog.pg_get_expr(d.adbin, d.adrelid),
               pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'), pg_catalog.row_security_active(c.oid),
               exists (select from pg_catalog.pg_extension as x where x.extname = 'citus'), {configuration},
               c.oid::bigint,
               case when c.relispartition then (
                   select i.inhparent::pg_catalog.regclass::pg_catalog.text
                   from pg_catalog.pg_inherits as i where i.inhrelid = c.oid
               ) end,
               (pg_catalog.quote_ident(n.nspname) || '.') || pg_catalog.quote_ident(c.relname),
               a.attnum::bigint, pg_catalog.quote_ident(a.attname), pg_catalog.format_type(a.atttypid, a.atttypmod),
               not a.attnotnull, a.atthasdef, a.attidentity::pg_catalog.text, a.attgenerated::pg_catalog.text,
               u.one is not null and not h.children, coalesce(u.one, false),
               coalesce(pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'), true),
               bn.nspname::pg_catalog.text, b.typname::pg_catalog.text, b.typcategory::pg_catalog.text,
               en.nspname::pg_catalog.text, e.typname::pg_catalog.text,
               case when coalesce(e.typtype, b.typtype) = 'e' then array(
                   select l.enumlabel::pg_catalog.text from pg_catalog.pg_enum as l
                   where l.enumtypid = coalesce(e.oid, b.oid) order by l.enumsortorder
               ) end,
               case when h.children then 'children' when u.one is null and exists (
                   select from pg_catalog.pg_index as x
                   where x.indrelid = c.oid and x.indisunique and not x.indimmediate and x.indnkeyatts = 1
                     and x.indkey[0] = a.attnum and x.indpred is null
               ) then 'deferrable' end
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_catalog.pg_type t on t.oid = a.atttypid
        left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        left join pg_catalog.pg_depend p on p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            and p.objid = d.oid and p.refclassid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass
        left join pg_catalog.pg_ts_config f on f.oid = p.refobjid
        left join pg_catalog.pg_namespace fn on fn.oid = f.cfgnamespace
        -- Whether the column alone is unique, in an index that ON CONFLICT may name; true of the primary key.
        left join lateral (
            select pg_catalog.bool_or(x.indisprimary) as one
            from pg_catalog.pg_index as x
            where x.indrelid = c.oid and x.indisunique and x.indisvalid and x.indimmediate and x.indnkeyatts = 1
              and x.indkey[0] = a.attnum and x.indpred is null
        ) as u on true
        cross join lateral (
            select exists (
                select from pg_catalog.pg_inherits as i join pg_catalog.pg_class as k on k.oid = i.inhrelid
                where i.inhparent = c.oid and not k.relispartition
            ) as children
        ) as h
        left join lateral (
            with recursive domain as (
                select t.oid, t.typtype, t.typbasetype
                union all
                select m.oid, m.typtype, m.typbasetype
                from domain join pg_catalog.pg_type as m on m.oid = domain.typbasetype where domain.typtype = 'd'
            )
            select domain.oid from domain where domain.typtype <> 'd'
        ) as made on true
        left join pg_catalog.pg_type b on b.oid = made.oid
        left join pg_catalog.pg_namespace bn on bn.oid = b.typnamespace
        left join pg_catalog.pg_type e on e.oid = b.typelem and b.typcategory = 'A'
        left join pg_catalog.pg_namespace en on en.oid = e.typnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname = {name}::pg_catalog.text
        order by a.attnum
        """,
        configuration=configuration_name("fn", "f"),
        schema=schema,
        name=name,
        # One more than is read: a longer one is known by that. It comes once per column.
        most=Literal(MOST_CHARACTERS + 1),
    )


def list_relations(schemas: Sequence[str]) -> Fragment:
    """List the names of what can be attached in some schemas."""
    return qualified(
        """
        select c.relname::pg_catalog.text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any({schemas}::pg_catalog.text[])
          and c.relkind::pg_catalog.text = any('{{r,p,v,m,f}}'::pg_catalog.text[])
        order by 1 limit 1000
        """,
        schemas=list(schemas),
    )


def table_column(row: ColumnRow, reference: str) -> TableColumn:
    """Return a column as conditions and writes see it, with its name in statements that read records."""
    return TableColumn(
        name=row.column or "",
        type=_type_of(row),
        shown=row.shown,
        reference=reference,
        nullable=row.nullable,
        computed=row.generated != "",
        needed=not (row.nullable or row.has_default or row.identity or row.generated),
        identity=row.identity == "a",
        quoted=row.quoted,
        defaulted=(row.has_default or row.identity != "") and row.generated == "",
    )


def _type_of(row: ColumnRow) -> ColumnType:
    labels = tuple(row.labels or ())
    if row.category == "A" and row.element is not None:
        element = ColumnType(
            _kind(row.element_schema, row.element, labels), row.element_schema or "", row.element, labels
        )
        kind: ColumnKind = "other" if element.kind in ("other", "json") else "array"
        return ColumnType(kind, row.base_schema, row.base, (), element)
    return ColumnType(_kind(row.base_schema, row.base, labels), row.base_schema, row.base, labels)


def _kind(schema: str | None, name: str, labels: Sequence[str]) -> ColumnKind:
    if labels:
        return "enum"
    if schema == "pg_catalog":
        return _KINDS.get(name, "other")
    return "text" if name == "citext" else "other"
