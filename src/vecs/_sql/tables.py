"""What a collection is in the catalog: find it, read what it can do, create, rename and drop it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._sql.comments import MOST_CHARACTERS, comment_of, read_comment
from vecs._sql.extension import Extension
from vecs._sql.fragment import Fragment, Identifier, Literal, qualified
from vecs._sql.languages import configuration_name, regconfig
from vecs._sql.names import unqualified
from vecs.exc import ArgError, CollectionAlreadyExists
from vecs.storage import VEC_TYPES, VecType, VecTypeName

_VECTOR_COLUMNS = ("id", "vec", "metadata")
_TEXT_COLUMNS = ("text", "document_id", "extra")


@dataclass(frozen=True)
class Table:
    """What the statements need to know of a collection."""

    schema: str
    name: str
    dimension: int | None
    extension: Extension
    has_text: bool = False
    # How its keywords are read, a text search configuration; None where it has no keywords.
    language: str | None = None
    vec_type: VecTypeName = "vector"
    comment: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    # Why vecs' own comment could not be read; None where it could, and where there is none.
    comment_damage: str | None = field(default=None, compare=False)
    # Whether this role may lock the rows that it may delete: that needs the UPDATE privilege.
    locks_deleted: bool = True
    # Whether policies hide rows from this role, so that every search is under a filter.
    row_security: bool = False
    # Whether the server is one of Citus, which knows no FOR UPDATE of many rows.
    citus: bool = False
    # Its OID: a collection that was made anew, under the same name, has another. 0 where it is not known.
    oid: int = 0

    def __hash__(self) -> int:
        # By the name alone, because it is fast: statements are cached by their table, and few tables share a name.
        return hash(self.name)

    @property
    def identifier(self) -> Identifier:
        """The table's qualified name."""
        return Identifier(self.schema, self.name)

    @property
    def source(self) -> Identifier:
        """What records are read from, as it stands behind FROM."""
        return self.identifier

    @property
    def rows(self) -> Identifier:
        """The same where an alias follows."""
        return self.identifier

    @property
    def storage(self) -> VecType:
        """What the type of its vectors can do."""
        return VEC_TYPES[self.vec_type]

    def type(self, suffix: str = "") -> Identifier:
        """Return the name of the vectors' type, or of a function whose name begins with it."""
        # Quoted, "bit" has no length of its own; unquoted it is one bit long.
        schema = "pg_catalog" if self.vec_type == "bit" else self.extension.schema
        return Identifier(schema, self.vec_type + suffix)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a record is written to, in the order rows are encoded."""
        return _VECTOR_COLUMNS + (_TEXT_COLUMNS if self.has_text else ())


def check_name(name: Any, what: str = "collection name") -> str:
    """Return a name Postgres can hold whole: a string of 1 to 63 bytes without NUL."""
    if not isinstance(name, str):
        raise ArgError(f"a {what} must be a string, not {brief(name)}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise ArgError(f"the {what} {brief(name)} is not valid Unicode") from None
    if not 1 <= size <= 63 or "\x00" in name:
        raise ArgError(
            f"the {what} {brief(name)} has {size} bytes; Postgres names have 1 to 63 bytes and no NUL character"
        )
    return name


def check_dimension(dimension: Any, vec_type: VecTypeName) -> int:
    """Return a dimension that pgvector can store in a type."""
    return checked_int(dimension, "dimension", 1, VEC_TYPES[vec_type].greatest)


class _ColumnRow(NamedTuple):
    """What `find_table` selects: a relation, and one of its columns; without columns one row of None."""

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


def find_table(schema: str, name: str) -> Fragment:
    """Find a relation with its columns, one per row; no row where the name is free."""
    return qualified(
        """
        select c.relkind::pg_catalog.text,
               pg_catalog.left(pg_catalog.obj_description(c.oid, 'pg_class'), {most}),
               a.attname::pg_catalog.text, t.typname::pg_catalog.text, a.atttypmod,
               pg_catalog.pg_get_expr(d.adbin, d.adrelid),
               pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'), pg_catalog.row_security_active(c.oid),
               exists (select from pg_catalog.pg_extension as x where x.extname = 'citus'), {configuration},
               c.oid::bigint
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_catalog.pg_type t on t.oid = a.atttypid
        left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        left join pg_catalog.pg_depend p on p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            and p.objid = d.oid and p.refclassid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass
        left join pg_catalog.pg_ts_config f on f.oid = p.refobjid
        left join pg_catalog.pg_namespace fn on fn.oid = f.cfgnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname = {name}::pg_catalog.text
        """,
        configuration=configuration_name("fn", "f"),
        schema=schema,
        name=name,
        # One more than is read: a longer one is known by that. It comes once per column.
        most=Literal(MOST_CHARACTERS + 1),
    )


def find_tables(schema: str) -> Fragment:
    """List the collections of a schema, by name."""
    return qualified(
        """
        select c.relname::pg_catalog.text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        join pg_catalog.pg_type t on t.oid = a.atttypid
        where n.nspname = {schema}::pg_catalog.text and (c.relkind = 'r' or c.relkind = 'p')
          and (a.attname = 'id' or a.attname = 'metadata'
               or (a.attname = 'vec' and t.typname = any({types}::pg_catalog.text[])))
        group by c.relname
        having pg_catalog.count(*) = 3
        order by c.relname::pg_catalog.text collate pg_catalog."C"
        """,
        schema=schema,
        types=list(VEC_TYPES),
    )


def read_table(rows: Sequence[tuple[Any, ...]], schema: str, name: str, extension: Extension | None) -> Table | None:
    """
    Read the answer of `find_table`; None where the name is free.

    Raises CollectionAlreadyExists where the name belongs to something that is not a collection.
    """
    if not rows:
        return None
    columns = {found.column: found for found in (_ColumnRow(*row) for row in rows)}
    relation = _ColumnRow(*rows[0])
    missing = [column for column in _VECTOR_COLUMNS if column not in columns]
    if relation.relkind not in ("r", "p") or missing or extension is None:
        problem = f"it has no column {', '.join(missing)}" if missing else "it is not a table"
        if extension is None:
            problem = "pgvector is not installed in this database"
        raise CollectionAlreadyExists(f'"{schema}"."{name}" exists but is not a collection: {problem}')
    vec, keywords = columns["vec"], columns.get("text_search")
    if vec.type not in VEC_TYPES:
        raise CollectionAlreadyExists(
            f'"{schema}"."{name}" exists, but its column vec has type {vec.type}; collections hold '
            f"{', '.join(VEC_TYPES)}"
        )
    comment = read_comment(relation.comment)
    return Table(
        schema=schema,
        name=name,
        dimension=vec.typmod if vec.typmod > 0 else None,
        extension=extension,
        has_text=all(column in columns for column in _TEXT_COLUMNS),
        language=None if keywords is None or keywords.type != "tsvector" else _language(keywords),
        vec_type=vec.type,
        comment=comment.described,
        comment_damage=comment.damage,
        locks_deleted=relation.locks_deleted,
        row_security=relation.row_security,
        citus=relation.citus,
        oid=relation.oid,
    )


def _language(keywords: _ColumnRow) -> str:
    """Return the configuration that the keywords are made with; `simple` where a user fills the column."""
    found = re.search(r"to_tsvector\('((?:[^']|'')*)'::regconfig", unqualified(keywords.expression or ""))
    if found is None:
        return "simple"
    return keywords.configuration or found[1].replace("''", "'").removeprefix("pg_catalog.")


def fills_keywords(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether somebody else than vecs fills the keywords of a table, by the answer of `find_table`."""
    columns = (_ColumnRow(*row) for row in rows)
    return any(found.column == "text_search" and "to_tsvector(" not in (found.expression or "") for found in columns)


def write_comment(table: Table, description: Mapping[str, Any]) -> Fragment:
    """Remember what the collection was made with."""
    text = Literal(comment_of(description))
    return qualified("comment on table {table} is {text}", table=table.identifier, text=text)


def create_schema(schema: str) -> Fragment:
    """Create the schema where it is absent."""
    return qualified("create schema if not exists {schema}", schema=Identifier(schema))


def find_schema(schema: str) -> Fragment:
    """Find a schema by name."""
    return qualified("select 1 from pg_catalog.pg_namespace where nspname = {schema}::pg_catalog.text", schema=schema)


def lock_creation() -> Fragment:
    """Let one client at a time create things: `if not exists` alone races."""
    return qualified("select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('vecs:create', 0))")


def create_table(table: Table) -> list[Fragment]:
    """Create a collection, with the text columns and their indexes if it has text."""
    created = qualified(
        """create table {table} (
        id pg_catalog.text primary key,
        vec {type}({dimension}) not null,
        metadata pg_catalog.jsonb not null default '{{}}'::pg_catalog.jsonb)""",
        table=table.identifier,
        type=table.type(),
        dimension=Literal(table.dimension or 0),
    )
    if table.language is None:
        return [created]
    return [created, *add_text(replace(table, has_text=False, language=None), table.language)]


def add_text(table: Table, language: str) -> list[Fragment]:
    """Add the text columns and their indexes, those that are absent; keywords in another language are made anew."""
    statements = [
        qualified(
            """
            alter table {table}
            add column if not exists text pg_catalog.text,
            add column if not exists document_id pg_catalog.text,
            add column if not exists extra pg_catalog.jsonb,
            add column if not exists text_search pg_catalog.tsvector generated always as (
                pg_catalog.to_tsvector({language}::pg_catalog.regconfig, pg_catalog.left(text, 100000))
            ) stored
            """,
            table=table.identifier,
            language=Literal(regconfig(language)),
        ),
        qualified("create index on {table} using gin (text_search)", table=table.identifier),
    ]
    if table.language is not None:
        statements.insert(0, qualified("alter table {table} drop column text_search", table=table.identifier))
    if not table.has_text:
        statements.append(qualified("create index on {table} (document_id)", table=table.identifier))
    return statements


def drop_table(schema: str, name: str) -> Fragment:
    """Drop a collection; absent is no error."""
    return qualified("drop table if exists {table}", table=Identifier(schema, name))


def rename_table(schema: str, name: str, new_name: str) -> Fragment:
    """Rename a collection; its indexes keep their names."""
    return qualified("alter table {table} rename to {new}", table=Identifier(schema, name), new=Identifier(new_name))


def truncate_table(table: Table) -> Fragment:
    """Remove every record."""
    return qualified("truncate {table}", table=table.identifier)


class TableFacts(NamedTuple):
    """What `table_facts` selects."""

    records: int
    size_bytes: int


def table_facts(table: Table) -> Fragment:
    """Count the records exactly, and measure the table with its indexes in bytes."""
    return qualified(
        "select pg_catalog.count(*), pg_catalog.pg_total_relation_size({name}::pg_catalog.regclass) from {table}",
        name=table.identifier.sql,
        table=table.identifier,
    )


def read_table_facts(rows: Sequence[tuple[Any, ...]]) -> TableFacts:
    """Read the answer of `table_facts`."""
    return TableFacts(*rows[0])
