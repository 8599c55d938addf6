"""What to copy out of langchain-postgres, and which columns of its tables hold it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from vecs.exc import ArgError, CollectionNotFound
from vecs.sharing import brief, checked_name_of_others

__all__ = ["Facts", "Source"]

Row = tuple[Any, ...]

# PGVector's tables; each row of the second belongs to one of the first.
COLLECTIONS = "langchain_pg_collection"
EMBEDDINGS = "langchain_pg_embedding"

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    What to copy out of langchain-postgres: a collection of `PGVector`, or a table of `PGVectorStore`.

    Give `collection_name` for the one, `table_name` for the other. `schema_name` is where the tables are; without
    it PGVector's are looked for along the search path, PGVectorStore's in `public`. The columns of a PGVectorStore
    table are found out where they are not named: `id_column` is the primary key, `embedding_column` the one of
    pgvector's type, `content_column` is `content` or the only text, `metadata_json_column` is
    `langchain_metadata` or the only JSON, and `metadata_columns` are all others but vectors and tsvectors.
    """

    collection_name: str | None = None
    table_name: str | None = None
    schema_name: str | None = None
    id_column: str | None = None
    content_column: str | None = None
    embedding_column: str | None = None
    metadata_json_column: str | None = None
    metadata_columns: Collection[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, and connection strings."""
        for field in fields(self):
            checked_name_of_others(getattr(self, field.name), field.name)
        if (self.collection_name is None) == (self.table_name is None):
            raise ArgError("give either collection_name=, of PGVector, or table_name=, of PGVectorStore")
        named = [f.name for f in fields(self) if "column" in f.name and getattr(self, f.name) is not None]
        if self.table_name is None and named:
            raise ArgError(f"{', '.join(named)} cannot be given with collection_name=: PGVector's columns are known")
        if isinstance(self.metadata_columns, str):
            raise ArgError(f"metadata_columns is a list of names, not the string {self.metadata_columns!r}")

    @property
    def table(self) -> str:
        """The table whose rows are copied."""
        return EMBEDDINGS if self.table_name is None else self.table_name

    @property
    def schema(self) -> str | None:
        """The schema it is in; None is the first of the search path that has one."""
        return self.schema_name or (None if self.table_name is None else "public")


@dataclass(frozen=True)
class Facts:
    """
    What a source holds.

    `count` is how many of its rows have a vector, and are copied; `without_embedding` how many have none.
    `dimension` is None where there is no vector to tell it. `precision` is "half" for halfvec. A PGVector
    collection has metadata of its own, `collection_metadata`.
    """

    count: int
    without_embedding: int
    dimension: int | None
    precision: Literal["full", "half"]
    collection_metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Column:
    """
    A column as the catalog has it; a domain counts as the type it stands for.

    `builtin` says that the type is Postgres' own, `pgvector` in which schema pgvector is if it is pgvector's.
    `modifier` is the declared dimension of a vector, -1 without one.
    """

    name: str
    type: str
    builtin: bool
    is_array: bool
    pgvector: str | None
    modifier: int
    in_key: bool

    @property
    def is_text(self) -> bool:
        """Whether it can hold the content."""
        return self.builtin and self.type in ("text", "varchar", "bpchar")

    @property
    def is_json(self) -> bool:
        """Whether it can hold metadata."""
        return self.builtin and self.type in ("json", "jsonb")

    @property
    def is_vector(self) -> bool:
        """Whether it can hold embeddings."""
        return self.pgvector is not None and self.type in ("vector", "halfvec")


@dataclass(frozen=True)
class Layout:
    """Where a source's rows are and which column holds what; `collection` is the uuid of PGVector's."""

    schema: str
    table: str
    id: Column
    content: Column
    embedding: Column
    json: Column | None
    typed: tuple[Column, ...]
    ids_are_unique: bool
    collection: str | None = None
    collection_metadata: dict[str, Any] | None = None


def find_layout(source: Source, schema: str, columns: Sequence[Column]) -> Layout:
    """Decide which column holds what; raises ArgError where one is missing or could be several."""
    if source.table_name is None:
        source = _of_pgvector(columns)
    table = _Columns(source, columns)
    identifier = table.id_column()
    embedding = table.choose("embedding_column", "embedding", "type vector or halfvec", lambda c: c.is_vector)
    content = table.choose("content_column", "content", "text", lambda c: c.is_text and c is not identifier)
    json = table.choose("metadata_json_column", "langchain_metadata", "JSON", lambda c: c.is_json)
    if embedding is None or content is None:
        kind, option = ("vectors", "embedding_column") if embedding is None else ("text", "content_column")
        raise ArgError(f"{table} has no column of {kind} ({option}=); it has {listed(table.by_name)}")
    if source.metadata_columns is None:
        others = [c for c in columns if c not in (identifier, embedding, content, json)]
        typed = [c for c in others if c.pgvector is None and c.type != "tsvector"]
    else:
        typed = [table.named(name, "metadata_columns") for name in source.metadata_columns]
    unique = [c for c in columns if c.in_key] == [identifier]
    return Layout(schema, source.table, identifier, content, embedding, json, tuple(typed), unique)


def _of_pgvector(columns: Sequence[Column]) -> Source:
    # langchain-community's PGVector had a key of its own, and the callers' ids in another column.
    old = any(c.name == "custom_id" for c in columns)
    return Source(
        table_name=EMBEDDINGS,
        id_column="custom_id" if old else "id",
        content_column="document",
        embedding_column="embedding",
        metadata_json_column="cmetadata",
        metadata_columns=(),
    )


class _Columns:
    """The columns of a table, to choose from."""

    def __init__(self, source: Source, columns: Sequence[Column]) -> None:
        self.by_name = {column.name: column for column in columns}
        self._source = source

    def __str__(self) -> str:
        return f"table {self._source.table!r}"

    def named(self, name: str, option: str) -> Column:
        if name not in self.by_name:
            raise ArgError(f"{self} has no column {brief(name)} ({option}=); it has {listed(self.by_name)}")
        return self.by_name[name]

    def id_column(self) -> Column:
        if self._source.id_column is not None:
            return self.named(self._source.id_column, "id_column")
        key = [column for column in self.by_name.values() if column.in_key]
        if not key and "langchain_id" in self.by_name:
            return self.by_name["langchain_id"]
        if len(key) != 1:
            has = f"the primary key {listed(c.name for c in key)}" if key else f"no key, but {listed(self.by_name)}"
            raise ArgError(f"{self} has {has}: name a column with another value in each row with id_column=")
        return key[0]

    def choose(self, option: str, preferred: str, kind: str, fits: Callable[[Column], bool]) -> Column | None:
        name = getattr(self._source, option)
        if name is not None:
            column = self.named(name, option)
            if not fits(column):
                raise ArgError(f"column {brief(name)} of {self} is {column.type}; {option}= is a column of {kind}")
            return column
        taken = self._source.metadata_columns or ()
        found = {c.name: c for c in self.by_name.values() if fits(c) and c.name not in taken}
        if preferred in found:
            return found[preferred]
        if len(found) > 1:
            raise ArgError(
                f"{self} has several columns of {kind}, {listed(found)}: say which to take with {option}=, or name "
                "the others in metadata_columns="
            )
        return next(iter(found.values()), None)


def table_not_found(source: Source, tables: Sequence[tuple[str, str]]) -> CollectionNotFound:
    """Say which tables there are instead, of those (schema, name) that have vectors."""
    where = "on the search path" if source.schema is None else f"in schema {source.schema!r}"
    same = [schema for schema, table in tables if table == source.table]
    if same:
        instead = f"there is one in schema {listed(same)}: give schema_name="
    elif tables:
        instead = f"tables with vectors are {listed(f'{schema}.{table}' for schema, table in tables)}"
    else:
        instead = "this database has no table with vectors"
    return CollectionNotFound(f"there is no table {source.table!r} {where}; {instead}")


def collection_not_found(source: Source, names: Sequence[str]) -> CollectionNotFound:
    """Say which collections there are instead."""
    there = f"there are {listed(names)}" if names else "there is none"
    return CollectionNotFound(f"PGVector has no collection {brief(source.collection_name)}; {there}")


def listed(names: Iterable[str]) -> str:
    """Return names for an error, a line or two of them."""
    found = list(names)
    return ", ".join(map(repr, found[:_SHOWN])) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
