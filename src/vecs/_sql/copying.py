"""A collection's definition, read to be made again somewhere else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, join, qualified
from vecs._sql.tables import Table

# Types whose binary form is written by pgvector, whatever the version.
_VECTORS = ("vector", "halfvec", "sparsevec")


class CopiedColumn(NamedTuple):
    """A column as `read_columns` selects it; types and expressions are written as `copying_path` has Postgres do it."""

    name: str
    type: str
    base: str
    expression: str | None
    generated: str
    identity: str
    needed: bool
    primary: bool
    collation: str | None
    comment: str | None
    # Whether its binary form means the same on every server, without numbers of the catalog in it.
    portable: bool
    of_catalog: bool

    @property
    def stored(self) -> bool:
        """Whether its values are copied: those that Postgres computes are computed again."""
        return self.generated == ""

    @property
    def counted(self) -> bool:
        """Whether a sequence gives its values."""
        return self.identity != "" or (self.expression or "").startswith("nextval(")


class CopiedIndex(NamedTuple):
    """An index as `read_indexes` selects it; `rest` is what follows the table's name in its definition."""

    name: str
    unique: bool
    rest: str | None
    valid: bool
    comment: str | None


class CopiedTable(NamedTuple):
    """What `read_rest` selects of a table: its comment, and what it has that no copy has."""

    relkind: str
    comment: str | None
    row_security: bool
    policies: Sequence[str]
    triggers: Sequence[str]
    constraints: Sequence[str]
    granted: bool
    views: Sequence[str]
    # What is equal in two sessions of one running server, and of no other.
    server: str

    @property
    def left_out(self) -> tuple[str, ...]:
        """Say what is not copied."""
        told = [
            *(f"the policy {name!r}" for name in self.policies),
            *(f"the trigger {name!r}" for name in self.triggers),
            *(f"the constraint {name!r}" for name in self.constraints),
            *(f"the view {name}" for name in self.views),
        ]
        if self.granted:
            told.append("privileges that were granted")
        if self.relkind == "p":
            told.append("its partitions: the copy is one table")
        return tuple(told)


@dataclass(frozen=True)
class Definition:
    """All that makes a collection's table what it is, but for its records."""

    columns: tuple[CopiedColumn, ...]
    indexes: tuple[CopiedIndex, ...]
    table: CopiedTable

    @property
    def digest(self) -> str:
        """What is equal where rows of one fit into the other."""
        facts = [(c.name, c.type, c.generated, c.identity, c.expression) for c in self.columns]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    @property
    def stored(self) -> list[CopiedColumn]:
        """The columns whose values are copied."""
        return [column for column in self.columns if column.stored]

    @property
    def binary(self) -> bool:
        """Whether rows can go in Postgres' binary form, which keeps every bit and is the fastest."""
        return all(column.portable for column in self.stored)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Say what is not copied."""
        invalid = [
            f"the index {index.name!r}, whose build was interrupted" for index in self.indexes if not index.valid
        ]
        return (*self.table.left_out, *invalid)


def copying_path(extension_schema: str, *, alike: bool) -> dict[str, str]:
    """
    Return the settings with which definitions are written and read, and values are written as text.

    Where pgvector is in the same schema on both sides (`alike`), every name but those of the catalog has its schema.
    Otherwise pgvector's names have none.
    """
    quoted = '"' + extension_schema.replace('"', '""') + '"'
    return {
        "search_path": "pg_catalog" if alike else f"pg_catalog, {quoted}",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "TimeZone": "UTC",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "quote_all_identifiers": "off",
    }


def read_columns(table: Table) -> Fragment:
    """Read the columns of a collection, in their order."""
    return qualified(
        """
        select a.attname::pg_catalog.text, pg_catalog.format_type(a.atttypid, a.atttypmod), b.typname::pg_catalog.text,
               pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated::pg_catalog.text,
               a.attidentity::pg_catalog.text, a.attnotnull,
               exists (
                   select from pg_catalog.pg_index as x
                   where x.indrelid = a.attrelid and x.indisprimary and x.indnkeyatts = 1 and x.indkey[0] = a.attnum),
               case when a.attcollation <> t.typcollation then
                   (pg_catalog.quote_ident(l.nspname) || '.') || pg_catalog.quote_ident(o.collname) end,
               pg_catalog.col_description(a.attrelid, a.attnum),
               case when b.typcategory = 'A' then
                        e.typtype = 'b' and e.typnamespace = {catalog}::pg_catalog.regnamespace
                    when b.typtype = 'e' then true
                    when b.typname = any({vectors}::pg_catalog.text[]) then true
                    else b.typtype = 'b' and b.typnamespace = {catalog}::pg_catalog.regnamespace
                        and b.typname operator(pg_catalog.!~) '^(reg|oid|xid|cid|tid|pg_)' end,
               b.typnamespace = {catalog}::pg_catalog.regnamespace
        from pg_catalog.pg_attribute as a
        join pg_catalog.pg_type as t on t.oid = a.atttypid
        join pg_catalog.pg_type as b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
        left join pg_catalog.pg_type as e on e.oid = b.typelem
        left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join pg_catalog.pg_collation as o on o.oid = a.attcollation
        left join pg_catalog.pg_namespace as l on l.oid = o.collnamespace
        where a.attrelid = {name}::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        name=table.identifier.sql,
        catalog="pg_catalog",
        vectors=list(_VECTORS),
    )


def read_indexes(table: Table) -> Fragment:
    """Read the indexes of a collection but for its primary key, by name."""
    return qualified(
        """
        select f.name, f.indisunique,
               case when pg_catalog.starts_with(f.definition, f.beginning)
                    then pg_catalog.substr(f.definition, pg_catalog.length(f.beginning) + 1) end,
               f.indisvalid, pg_catalog.obj_description(f.indexrelid, 'pg_class')
        from (
            select i.relname::pg_catalog.text as name, x.indisunique, x.indisvalid, x.indexrelid,
                   pg_catalog.pg_get_indexdef(x.indexrelid) as definition,
                   pg_catalog.concat(
                       'CREATE ', case when x.indisunique then 'UNIQUE ' end, 'INDEX ',
                       pg_catalog.quote_ident(i.relname), ' ON ', case when i.relkind = 'I' then 'ONLY ' end,
                       x.indrelid::pg_catalog.regclass::pg_catalog.text
                   ) as beginning
            from pg_catalog.pg_index as x join pg_catalog.pg_class as i on i.oid = x.indexrelid
            where x.indrelid = {name}::pg_catalog.regclass and not x.indisprimary
        ) as f
        order by f.name
        """,
        name=table.identifier.sql,
    )


def read_rest(table: Table) -> Fragment:
    """Read what else a table has."""
    return qualified(
        """
        select c.relkind::pg_catalog.text, pg_catalog.obj_description(c.oid, 'pg_class'), c.relrowsecurity,
               array(select p.polname::pg_catalog.text from pg_catalog.pg_policy as p
                     where p.polrelid = c.oid order by 1),
               array(select t.tgname::pg_catalog.text from pg_catalog.pg_trigger as t
                     where t.tgrelid = c.oid and not t.tgisinternal order by 1),
               array(select k.conname::pg_catalog.text from pg_catalog.pg_constraint as k
                     where k.conrelid = c.oid and k.contype::pg_catalog.text = any('{{c,f,x}}'::pg_catalog.text[])
                     order by 1),
               c.relacl is not null,
               array(select distinct r.ev_class::pg_catalog.regclass::pg_catalog.text
                     from pg_catalog.pg_depend as d join pg_catalog.pg_rewrite as r on r.oid = d.objid
                     where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refobjid = c.oid
                       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                     order by 1),
               pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(), pg_catalog.current_database(), c.oid)
        from pg_catalog.pg_class as c
        where c.oid = {name}::pg_catalog.regclass
        """,
        name=table.identifier.sql,
    )


def read_definition(
    columns: Sequence[tuple[Any, ...]], indexes: Sequence[tuple[Any, ...]], rest: Sequence[tuple[Any, ...]]
) -> Definition:
    """Read the answers of `read_columns`, `read_indexes` and `read_rest`."""
    return Definition(
        tuple(CopiedColumn(*found) for found in columns),
        tuple(CopiedIndex(*found) for found in indexes),
        CopiedTable(*rest[0]),
    )


def create_copied(definition: Definition, name: Identifier, vec: str) -> Fragment:
    """Create a table of this definition, without records and indexes, whose column `vec` has another name."""
    lines = join(", ", [_column(column, vec) for column in definition.columns])
    return qualified("create table {name} ({lines})", name=name, lines=lines)


def _column(column: CopiedColumn, vec: str) -> Fragment:
    return qualified(
        "{name} {type}{collation}{default}{needed}{primary}",
        name=Identifier(vec if column.name == "vec" else column.name),
        type=_raw(column.type),
        collation=_raw(f" collate {column.collation}" if column.collation else ""),
        default=_raw(_default(column)),
        needed=_raw(" not null" if column.needed and not column.counted else ""),
        primary=_raw(" primary key" if column.primary else ""),
    )


def _default(column: CopiedColumn) -> str:
    if column.generated:
        return f" generated always as ({column.expression}) stored"
    if column.counted:
        # A sequence of its own, since the one of the source is not there.
        return f" generated {'always' if column.identity == 'a' else 'by default'} as identity"
    return "" if column.expression is None else f" default {column.expression}"


def create_copied_index(index: CopiedIndex, name: str | None, table: Identifier) -> Fragment:
    """Create an index of this definition; without a name Postgres chooses one."""
    return qualified(
        "create {unique}index {name} on {table}{rest}",
        unique=_raw("unique " if index.unique else ""),
        name=EMPTY if name is None else qualified("{name}", name=Identifier(name)),
        table=table,
        rest=_raw(index.rest or ""),
    )


def copied_names(
    definition: Definition, name: str, new_name: str, taken: Sequence[str], suffix: str
) -> list[str | None]:
    """
    Return the names of the indexes of a copy: their own where they are free, and None where Postgres is to choose.

    Names that vecs gives end with seven random characters, which are replaced by `suffix` where they are taken.
    """
    found: list[str | None] = []
    for index in definition.indexes:
        renamed = re.sub(r"^(ix_\w+_)[0-9a-f]{7}$", rf"\g<1>{suffix}", index.name)
        of_table = name != new_name and index.name.startswith(f"{name}_")
        own = None if of_table else index.name if index.name not in taken else renamed
        found.append(None if own in taken or own in found else own)
    return found


def comments_of(definition: Definition, table: Identifier) -> list[Fragment]:
    """Give a copy the comments of the table and of its columns."""
    statements = [
        qualified(
            "comment on column {table}.{column} is {text}",
            table=table,
            column=Identifier(column.name),
            text=Literal(column.comment),
        )
        for column in definition.columns
        if column.comment is not None
    ]
    text = _raw("null") if definition.table.comment is None else Literal(definition.table.comment)
    return [*statements, qualified("comment on table {table} is {text}", table=table, text=text)]


def index_comment(schema: str, name: str, text: str) -> Fragment:
    """Comment on an index."""
    return qualified("comment on index {name} is {text}", name=Identifier(schema, name), text=Literal(text))


def protect(table: Identifier) -> Fragment:
    """Switch row-level security on; without policies, only the owner sees the records."""
    return qualified("alter table {table} enable row level security", table=table)


def _raw(text: str) -> Fragment:
    """Return what Postgres wrote of a definition, as SQL."""
    return Fragment((text,)) if text else EMPTY
