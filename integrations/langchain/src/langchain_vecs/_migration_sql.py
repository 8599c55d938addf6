"""The statements that read langchain-postgres' tables, and what their rows mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from langchain_vecs.migration import COLLECTIONS, Column, Facts, Layout, Row, Source
from vecs import Record
from vecs.exc import ArgError
from vecs.sharing import brief
from vecs.sql import Fragment, Identifier, join, qualified

# How vectors arrive: a dimension, two spare bytes, then big-endian numbers.
_DTYPES = {"vector": ">f4", "halfvec": ">f2"}
_HEADER_BYTES = 4

# What becomes a Python value that metadata can hold, alone or in an array; any other is read as psql shows it.
_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
_TIMES = {"date", "time", "timetz", "timestamp", "timestamptz"}
_NATIVE = {"bool", "text", "varchar", "bpchar", "uuid", "json", "jsonb"} | _NUMBERS | _TIMES

ONE_LOOK = qualified("set transaction isolation level repeatable read, read only")


class _ColumnRow(NamedTuple):
    """A row of `find_columns`: the table's schema, and what `Column` says of a column."""

    schema: str
    name: str
    type: str
    builtin: bool
    is_array: bool
    pgvector: str | None
    modifier: int
    in_key: bool


def find_columns(source: Source) -> Fragment:
    """Find the columns of the table that holds a source's rows; no row where there is no such table."""
    return qualified(
        """
        select n.nspname::pg_catalog.text, a.attname::pg_catalog.text, b.typname::pg_catalog.text,
               b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace, b.typcategory = 'A', x.nspname::pg_catalog.text,
               case when t.typtype = 'd' then t.typtypmod else a.atttypmod end,
               coalesce(a.attnum = any(i.indkey), false)
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_catalog.pg_type t on t.oid = a.atttypid
        join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
        left join pg_catalog.pg_extension e on e.extname = 'vector' and e.extnamespace = b.typnamespace
            and (b.typname = 'vector' or b.typname = 'halfvec' or b.typname = 'sparsevec')
        left join pg_catalog.pg_namespace x on x.oid = e.extnamespace
        left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
        where c.relname = {table}::pg_catalog.text and c.relkind = any('{{r,p,v,m,f}}'::pg_catalog."char"[])
            and (n.nspname = {schema}::pg_catalog.text
                 or ({schema}::pg_catalog.text is null and pg_catalog.pg_table_is_visible(c.oid)))
        order by a.attnum
        """,
        table=source.table,
        schema=source.schema,
    )


def read_columns(rows: Sequence[Row]) -> tuple[str, list[Column]]:
    """Read the answer of `find_columns`: the schema the table is in, and its columns."""
    found = [_ColumnRow(*row) for row in rows]
    columns = [
        Column(row.name, row.type, row.builtin, row.is_array, row.pgvector, row.modifier, row.in_key) for row in found
    ]
    return found[0].schema, columns


def find_tables() -> Fragment:
    """List the tables with vectors, by schema and name: what could have been meant."""
    return qualified(
        """
        select distinct n.nspname::pg_catalog.text, c.relname::pg_catalog.text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_catalog.pg_type t on t.oid = a.atttypid
        join pg_catalog.pg_extension e on e.extname = 'vector' and e.extnamespace = t.typnamespace
        where (t.typname = 'vector' or t.typname = 'halfvec')
            and c.relkind = any('{{r,p,v,m,f}}'::pg_catalog."char"[]) and not c.relispartition
        order by 1, 2
        """
    )


def find_collection(source: Source, schema: str) -> Fragment:
    """Find a PGVector collection by name: its uuid and metadata."""
    return qualified(
        "select uuid::pg_catalog.text, cmetadata::pg_catalog.text from {table} where name = {name}::pg_catalog.text",
        table=Identifier(schema, COLLECTIONS),
        name=source.collection_name,
    )


def list_collections(schema: str) -> Fragment:
    """List the names of PGVector's collections."""
    return qualified("select name::pg_catalog.text from {table} order by name", table=Identifier(schema, COLLECTIONS))


def count_rows(layout: Layout) -> Fragment:
    """Count a source's rows, vectors and ids, and find the least and greatest dimension."""
    embedding = Identifier(layout.embedding.name)
    # A declared dimension spares reading every vector, a primary key sorting every id.
    dimension = qualified("null::integer")
    if layout.embedding.modifier < 1:
        dimension = qualified("{dims}({vec})", dims=_of_pgvector(layout, "vector_dims"), vec=embedding)
    ids = qualified("*")
    if not layout.ids_are_unique:
        ids = qualified("distinct {id}::pg_catalog.text", id=Identifier(layout.id.name))
    return qualified(
        "select pg_catalog.count(*), pg_catalog.count({embedding}), pg_catalog.count({ids}), "
        "pg_catalog.min({dimension}), pg_catalog.max({dimension}) {rows}",
        embedding=embedding,
        ids=ids,
        dimension=dimension,
        rows=_rows(layout),
    )


def read_facts(layout: Layout, row: Row, *, skip_without_embedding: bool) -> Facts:
    """Read the answer of `count_rows`; raises ArgError for what cannot be copied."""
    rows, vectors, ids, least, greatest = row
    embedding = layout.embedding
    if ids < rows:
        raise ArgError(
            f"column {layout.id.name!r} of table {layout.table!r} has {ids:,} ids for {rows:,} rows; id_column= must "
            "tell its rows apart"
        )
    if least != greatest:
        raise ArgError(
            f"table {layout.table!r} holds vectors of {least} to {greatest} dimensions; a collection of vecs has one "
            "dimension"
        )
    if vectors < rows and not skip_without_embedding:
        raise ArgError(
            f"{rows - vectors:,} of {rows:,} rows of table {layout.table!r} have no vector in {embedding.name!r}; "
            "give them one, or leave them out with skip_without_embedding=True"
        )
    return Facts(
        count=vectors,
        without_embedding=rows - vectors,
        dimension=embedding.modifier if embedding.modifier > 0 else greatest,
        precision="half" if embedding.type == "halfvec" else "full",
        collection_metadata=layout.collection_metadata,
    )


def select_records(layout: Layout) -> Fragment:
    """Select the rows that have a vector, for `record_reader`; the answer is to be binary."""
    return qualified(
        """
        select {id}::pg_catalog.text, {content}::pg_catalog.text, {send}({embedding}), {json}::pg_catalog.text{typed}
        {rows} and {embedding} is not null
        """,
        id=Identifier(layout.id.name),
        content=Identifier(layout.content.name),
        # pgvector's own function: no adapter of the connection's owner has a say.
        send=_of_pgvector(layout, layout.embedding.type + "_send"),
        embedding=Identifier(layout.embedding.name),
        json=qualified("null") if layout.json is None else Identifier(layout.json.name),
        typed=join("", [qualified(", {name}{cast}", name=Identifier(c.name), cast=_cast(c)) for c in layout.typed]),
        rows=_rows(layout),
    )


def _cast(column: Column) -> Fragment:
    if column.builtin and column.type.removeprefix("_") in _NATIVE:
        return qualified("")
    return qualified("::pg_catalog.text[]") if column.is_array else qualified("::pg_catalog.text")


def _of_pgvector(layout: Layout, function: str) -> Identifier:
    return Identifier(cast("str", layout.embedding.pgvector), function)


def _rows(layout: Layout) -> Fragment:
    table = Identifier(layout.schema, layout.table)
    if layout.collection is None:
        return qualified("from {table} where true", table=table)
    return qualified("from {table} where collection_id = {uuid}::pg_catalog.uuid", table=table, uuid=layout.collection)


def record_reader(layout: Layout) -> Callable[[Row], Record]:
    """
    Return what turns a row of `select_records` into a Record.

    Its metadata is what PGVectorStore returns: the JSON, and over it each typed column, None where it is null.
    """
    dtype = _DTYPES[layout.embedding.type]
    names = [column.name for column in layout.typed]

    def read(row: Row) -> Record:
        identifier, content, vec, document, *values = row
        metadata = read_object(document, f"the metadata of row {brief(identifier)}") or {}
        metadata.update(zip(names, values, strict=True))
        numbers = np.frombuffer(vec, dtype, offset=_HEADER_BYTES).astype(np.float32)
        return Record(identifier, numbers, content or "", metadata)

    return read


def read_object(text: str | None, what: str) -> dict[str, Any] | None:
    """Read JSON text that must be an object or null."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgError(f"{what} cannot be read: {error}") from error
    if value is not None and not isinstance(value, dict):
        raise ArgError(f"{what} is {text[:80]}; expected a JSON object")
    return cast("dict[str, Any] | None", value)
