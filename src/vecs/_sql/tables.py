"""What a collection is in the catalog: find it, read what it can do, create, rename and drop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._sql.comments import comment_of
from vecs._sql.extension import Extension
from vecs._sql.fragment import Fragment, Identifier, Literal, qualified
from vecs._sql.lexemes import PLAIN, is_outdated, lexemes
from vecs._sql.mapped import Mapped, key_text, known_columns, source_of
from vecs.columns import TableColumn
from vecs.exc import ArgError
from vecs.storage import VEC_TYPES, VecType, VecTypeName
from vecs.typed import KnownColumns

VECTOR_COLUMNS = ("id", "vec", "metadata")
TEXT_COLUMNS = ("text", "document_id", "extra")
# What a row was made from, so that what did not change is not embedded again: see _writing/hashes.py.
HASH_COLUMN = "vecs_hash"
# The vectors of another model, while `reembed()` makes them: what each was made from, and its hash.
NEXT_VEC, NEXT_OF, NEXT_HASH = "vecs_next_vec", "vecs_next_of", "vecs_next_hash"


@dataclass(frozen=True)
class Table:
    """What the statements need to know of a collection."""

    schema: str
    name: str
    dimension: int | None
    extension: Extension
    has_text: bool = False
    # Whether a row tells what it was made from.
    has_hash: bool = False
    # How its keywords are read, a text search configuration; None where it has no keywords.
    language: str | None = None
    # How its texts are prepared before they are taken apart into keywords; see lexemes.py.
    preparation: str = PLAIN
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
    # The number of the column of vectors, where it is known which model made them: another model's have another.
    vec_number: int = 0
    # The name of the column of vectors in statements that build indexes.
    vec_column: str = "vec"
    # Whether the id is unique, so that writes know what they replace.
    keyed: bool = True
    # Why it is not, where a constraint says that it is: see ColumnRow.
    not_unique: str | None = None
    # Columns that are none of a collection.
    extras: tuple[TableColumn, ...] = ()
    # Which columns hold the parts of a record; None in a collection, where they are its own.
    mapped: Mapped | None = None

    def __hash__(self) -> int:
        # By the name alone, because it is fast: statements are cached by their table, and few tables share a name.
        return hash(self.name)

    @property
    def identifier(self) -> Identifier:
        """The table's qualified name."""
        return Identifier(self.schema, self.name)

    @property
    def source(self) -> Identifier | Fragment:
        """What records are read from, as it stands behind FROM."""
        return self.identifier if self.mapped is None else _source(self)

    @property
    def rows(self) -> Identifier | Fragment:
        """The same where an alias follows."""
        return self.identifier if self.mapped is None else _rows(self)

    @property
    def order(self) -> Fragment:
        """What pages of records are sorted by."""
        return _ID if self.mapped is None else _KEY

    def is_record(self, id: Fragment, alias: str | None = None) -> Fragment:
        """Return the condition that a record, of the rows with this alias, has an id; the table's index answers it."""
        if self.mapped is None:
            return qualified("{column} = {id}", column=Identifier(alias, "id") if alias else Identifier("id"), id=id)
        type = self.mapped.key.type
        return qualified(
            "{column} = {id}::{type}",
            column=Identifier(alias or "records", "key"),
            id=id,
            type=Identifier(type.schema, type.name),
        )

    def ids_of(self, ids: list[str]) -> list[str]:
        """Return ids as Postgres writes them, and those that no row can have as they are."""
        return ids if self.mapped is None else [key_text(self.mapped.key, id) or id for id in ids]

    @property
    def has_vectors(self) -> bool:
        """Whether records have vectors."""
        return self.mapped is None or "vec" in self.mapped.parts

    @property
    def has_outdated_words(self) -> bool:
        """Whether an earlier version of vecs made its keywords, which finds fewer words."""
        return self.language is not None and not self.attached and is_outdated(self.preparation)

    @property
    def has_documents(self) -> bool:
        """Whether records tell which document they are of."""
        return self.has_text if self.mapped is None else "document_id" in self.mapped.parts

    @property
    def document_key(self) -> TableColumn | None:
        """The column of the documents' ids, where it is another than `document_id`."""
        return None if self.mapped is None else self.mapped.document_key

    @property
    def has_extra(self) -> bool:
        """Whether records have notes of integrations."""
        return self.has_text if self.mapped is None else "extra" in self.mapped.parts

    @property
    def attached(self) -> bool:
        """Whether the caller said which columns hold what; it is no collection then."""
        return self.mapped is not None and self.mapped.attached

    @property
    def known_columns(self) -> KnownColumns:
        """The columns that filters may name beside a record's own, by key."""
        return _NO_COLUMNS if self.mapped is None and not self.extras else _known_columns(self)

    @property
    def other_columns(self) -> tuple[TableColumn, ...]:
        """The columns that are neither a part of a record nor a key of its metadata."""
        return self.extras if self.mapped is None else self.mapped.undeclared

    def name_of(self, part: str) -> str:
        """Return the name of the column that holds a part of the records."""
        return part if self.mapped is None else self.mapped.parts[part].name

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
        if self.mapped is None:
            text = TEXT_COLUMNS if self.has_text else ()
            return VECTOR_COLUMNS + text + ((HASH_COLUMN,) if self.has_hash else ())
        parts = [name for name in (*VECTOR_COLUMNS, *TEXT_COLUMNS) if name in self.mapped.parts]
        return ("id", *parts, *(("declared",) if self.mapped.declared else ()))


# Those of ids in the catalog, of domains of them besides.
_ID_TYPES = ["text", "varchar", "bpchar", "name", "citext", "uuid", "int2", "int4", "int8"]
_ID, _KEY = qualified("id"), qualified("key")
_NO_COLUMNS: KnownColumns = {}


@lru_cache(maxsize=256)
def _rows(table: Table) -> Fragment:
    assert table.mapped is not None
    return source_of(table.identifier, table.mapped, table.type())


@lru_cache(maxsize=256)
def _source(table: Table) -> Fragment:
    return qualified("{rows} as records", rows=_rows(table))


@lru_cache(maxsize=256)
def _known_columns(table: Table) -> KnownColumns:
    own = ("id", *(["text"] * table.has_text), *(["document_id"] * table.has_documents))
    return known_columns(table.mapped, table.extras, own)


def checked_language(language: Any) -> str | None:
    """Return the name of a language, which only the server knows, or raise ArgError for what is no name."""
    if language is not None and (not isinstance(language, str) or not language):
        raise ArgError(f"language must be a string such as 'english', not {brief(language)}")
    return language


def check_same_language(table: Table, language: str | None) -> None:
    """Refuse another language than that of a collection's keywords."""
    if checked_language(language) is None:
        return
    if table.language is None:
        has, change = f"without keywords, and language={brief(language)} is theirs", "add them"
    elif _unqualified(language) == _unqualified(table.language):
        return
    else:
        has, change = f"with keywords in {table.language}, not {brief(language)}", "change it"
    call = f", or {change}: client.get_collection({brief(table.name)}).enable_text({brief(language)})"
    raise ArgError(f"collection {table.name!r} exists {has}; leave language= out{'' if table.attached else call}")


def _unqualified(language: str | None) -> str:
    return (language or "").rsplit(".", 1)[-1]


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


def find_tables(schema: str) -> Fragment:
    """List the collections of a schema, by name."""
    return qualified(
        """
        select c.relname::pg_catalog.text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        join pg_catalog.pg_type t on t.oid = a.atttypid
        where n.nspname = {schema}::pg_catalog.text and (c.relkind = 'r' or c.relkind = 'p') and not c.relispartition
          and ((a.attname = 'id' and (t.typname = any({ids}::pg_catalog.text[]) or t.typtype = 'd'))
               or (a.attname = 'metadata' and (t.typname = any('{{json,jsonb}}'::pg_catalog.text[]) or t.typtype = 'd'))
               or (a.attname = 'vec' and t.typname = any({types}::pg_catalog.text[])))
        group by c.relname
        having pg_catalog.count(*) = 3
        order by c.relname::pg_catalog.text collate pg_catalog."C"
        """,
        schema=schema,
        types=list(VEC_TYPES),
        ids=_ID_TYPES,
    )


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
    added = add_text(replace(table, has_text=False, language=None), table.language, table.preparation)
    return [created, *added, *([add_hash(table)] if table.has_hash else [])]


def add_hash(table: Table) -> Fragment:
    """Add the column that tells what a row was made from; no row is rewritten."""
    return qualified(
        "alter table {table} add column if not exists {hash} pg_catalog.text",
        table=table.identifier,
        hash=Identifier(HASH_COLUMN),
    )


def add_text(table: Table, language: str, preparation: str) -> list[Fragment]:
    """Add the text columns and their indexes, those that are absent; keywords that are there are made anew."""
    statements = [
        qualified(
            """
            alter table {table}
            add column if not exists text pg_catalog.text,
            add column if not exists document_id pg_catalog.text,
            add column if not exists extra pg_catalog.jsonb,
            add column if not exists text_search pg_catalog.tsvector generated always as ({lexemes}) stored
            """,
            table=table.identifier,
            lexemes=lexemes(language, qualified("text"), preparation),
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
