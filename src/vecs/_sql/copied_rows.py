"""Records on their way from one table to another: pages, COPY streams, checksums, and the unfinished copy's table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from vecs._sql.copying import CopiedColumn, Definition
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, join, qualified
from vecs._sql.tables import Table

# The column of vectors in an unfinished copy. No vecs, of any version, takes a table without `vec` for a collection.
UNFINISHED = "vec_unfinished"
_MARK = "vecs_copy"


class Checksum(NamedTuple):
    """What `checksums` selects: a part of the records, how many they are, and the sum of their digests."""

    part: str
    records: int
    digests: str


@dataclass(frozen=True)
class Mark:
    """The comment of an unfinished copy: what it is of, which run writes it, and the last id that it has."""

    digest: str
    run: str
    after: str | None = None
    records: int = 0


def staging_name(schema: str, name: str) -> str:
    """Return the name of the table in which a copy is made."""
    return f"vecs_copy_{hashlib.sha256(Identifier(schema, name).sql.encode()).hexdigest()[:16]}"


def read_mark(rows: Sequence[tuple[Any, ...]]) -> Mark | None:
    """Read the answer of `find_mark`; None where there is no unfinished copy."""
    for (comment,) in rows:
        try:
            found: Any = json.loads(comment or "")[_MARK]
            return Mark(**found)
        except (ValueError, KeyError, TypeError):
            return None
    return None


def find_mark(table: Identifier) -> Fragment:
    """Read the comment of a table; no row where it is not there."""
    return qualified(
        """
        select pg_catalog.obj_description(c.oid, 'pg_class')
        from pg_catalog.pg_class as c where c.oid = pg_catalog.to_regclass({name}::pg_catalog.text)
        """,
        name=table.sql,
    )


def lock_staging(table: Identifier) -> Fragment:
    """Keep other runs from writing to an unfinished copy until the transaction ends."""
    return qualified("lock table {table} in exclusive mode", table=table)


def write_mark(table: Identifier, mark: Mark) -> Fragment:
    """Note how far a copy has come."""
    return qualified("comment on table {table} is {text}", table=table, text=Literal(json.dumps({_MARK: asdict(mark)})))


def rename_vec(table: Identifier) -> Fragment:
    """Make a collection of an unfinished copy."""
    return qualified("alter table {table} rename column {old} to vec", table=table, old=Identifier(UNFINISHED))


def rename_key(schema: str, old: str, new: str) -> Fragment:
    """Rename the index of the primary key, which has the name of the unfinished copy."""
    return qualified("alter index {old} rename to {new}", old=Identifier(schema, old), new=Identifier(new))


def next_id(table: Table, key: CopiedColumn, after: str | None, size: int) -> Fragment:
    """Select the id that is so many records behind another one; no row where fewer are left."""
    return qualified(
        "select {key}::pg_catalog.text from {table} {where} order by {key} offset {skip} limit 1",
        key=_key(key),
        table=table.identifier,
        where=_between(key, after, None),
        skip=Literal(size - 1),
    )


def last_id(table: Table, key: CopiedColumn, after: str | None) -> Fragment:
    """Select the last id, if it is behind another one."""
    return qualified(
        "select {key}::pg_catalog.text from {table} {where} order by {key} desc limit 1",
        key=_key(key),
        table=table.identifier,
        where=_between(key, after, None),
    )


def count_to(table: Table, key: CopiedColumn, upto: str | None) -> Fragment:
    """Count the records up to an id; all of them for None."""
    return qualified(
        "select pg_catalog.count(*) from {table} {where}", table=table.identifier, where=_between(key, None, upto)
    )


def copy_page(table: Table, definition: Definition, after: str | None, upto: str) -> Fragment:
    """Stream the records behind one id, up to another one."""
    key = next(column for column in definition.columns if column.name == "id")
    return _copy_out(table, definition, _between(key, after, upto))


def copy_parts(table: Table, definition: Definition, parts: Sequence[str]) -> Fragment:
    """Stream the records of these parts."""
    return _copy_out(table, definition, qualified("where {inside}", inside=_in_parts(parts)))


def copy_into(table: Identifier, definition: Definition) -> Fragment:
    """Take a stream of records."""
    return qualified(
        "copy {table} ({columns}) from stdin{format}",
        table=table,
        columns=_names(definition, UNFINISHED),
        format=_format(definition),
    )


def delete_parts(table: Identifier, parts: Sequence[str]) -> Fragment:
    """Delete the records of these parts."""
    return qualified("delete from {table} where {inside}", table=table, inside=_in_parts(parts))


def checksums(table: Identifier, definition: Definition, vec: str, vector_schema: str) -> Fragment:
    """
    Count the records of each part, and sum up their digests, in no order.

    A record's digest is of what it holds in a form that is the same on every server: vectors in pgvector's binary form,
    all else as text in UTF-8, by the columns' names.
    """
    columns = sorted(definition.stored, key=lambda column: column.name)
    vectors = [column for column in columns if _is_vector(column)]
    texts = [
        qualified("pg_catalog.quote_nullable({column}::pg_catalog.text)", column=_named(column, vec))
        for column in columns
        if column not in vectors
    ]
    sent = [
        qualified(
            "coalesce({send}({column}), ''::pg_catalog.bytea) || ",
            send=Identifier(vector_schema, f"{column.base}_send"),
            column=_named(column, vec),
        )
        for column in vectors
    ]
    return qualified(
        """
        select r.part, pg_catalog.count(*), pg_catalog.sum(
            ('x' || pg_catalog.left(r.digest, 15))::pg_catalog."bit"(60)::pg_catalog.int8)::pg_catalog.text
        from (
            select {part} as part, pg_catalog.encode(pg_catalog.sha256({sent}pg_catalog.convert_to(
                pg_catalog.array_to_string(array[{texts}], ','), 'UTF8')), 'hex') as digest
            from {table}
        ) as r
        group by r.part
        """,
        part=_PART,
        sent=join("", sent),
        texts=join(", ", texts),
        table=table,
    )


def read_checksums(rows: Sequence[tuple[Any, ...]]) -> dict[str, Checksum]:
    """Read the answer of `checksums`, by part."""
    return {found.part: found for found in (Checksum(*values) for values in rows)}


def total(found: Mapping[str, Checksum]) -> tuple[int, str]:
    """Return how many records there are, and the checksum of all of them, as hexadecimal digits."""
    digests = sum(int(each.digests) for each in found.values())
    return sum(each.records for each in found.values()), f"{digests % (1 << 128):032x}"


def differing(one: Mapping[str, Checksum], other: Mapping[str, Checksum]) -> list[str]:
    """Return the parts in which two tables differ."""
    return sorted(part for part in one.keys() | other.keys() if one.get(part) != other.get(part))


def taken_names(schema: str, names: Sequence[str]) -> Fragment:
    """Select which of these names are taken in a schema."""
    return qualified(
        """
        select c.relname::pg_catalog.text
        from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = {schema}::pg_catalog.text and c.relname::pg_catalog.text = any({names}::pg_catalog.text[])
        """,
        schema=schema,
        names=list(names),
    )


def continue_counting(table: Identifier, column: CopiedColumn) -> Fragment:
    """Have the sequence of a column go on behind the greatest value."""
    return qualified(
        """
        select pg_catalog.setval(
            pg_catalog.pg_get_serial_sequence({name}::pg_catalog.text, {column_name}::pg_catalog.text)
                ::pg_catalog.regclass,
            pg_catalog.max({column})::pg_catalog.int8)
        from {table} having pg_catalog.max({column}) > 0
        """,
        name=table.sql,
        column_name=column.name,
        column=Identifier(column.name),
        table=table,
    )


# One of 4,096 by the id: where two tables differ, few records have to be copied again.
_PART = qualified(
    """
    pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(
        pg_catalog.convert_to(id::pg_catalog.text, 'UTF8')), 'hex'), 3)
    """
)


def _in_parts(parts: Sequence[str]) -> Fragment:
    values = join(", ", [qualified("{part}", part=Literal(part)) for part in parts])
    return qualified("{part} = any(array[{values}]::pg_catalog.text[])", part=_PART, values=values)


def _is_vector(column: CopiedColumn) -> bool:
    return column.base in ("vector", "halfvec", "sparsevec") and not column.of_catalog


def _key(key: CopiedColumn) -> Fragment:
    # What the catalog does not know, as citext, is compared as text, by an operator of the catalog.
    return qualified("id") if key.of_catalog else qualified("id::pg_catalog.text")


def _between(key: CopiedColumn, after: str | None, upto: str | None) -> Fragment:
    conditions = [
        *([] if after is None else [qualified("{key} > {id}", key=_key(key), id=Literal(after))]),
        *([] if upto is None else [qualified("{key} <= {id}", key=_key(key), id=Literal(upto))]),
    ]
    return qualified("where {all}", all=join(" and ", conditions)) if conditions else EMPTY


def _copy_out(table: Table, definition: Definition, where: Fragment) -> Fragment:
    return qualified(
        "copy (select {columns} from {table} {where}) to stdout{format}",
        columns=_names(definition, "vec"),
        table=table.identifier,
        where=where,
        format=_format(definition),
    )


def _names(definition: Definition, vec: str) -> Fragment:
    return join(", ", [qualified("{name}", name=_named(column, vec)) for column in definition.stored])


def _named(column: CopiedColumn, vec: str) -> Identifier:
    return Identifier(vec if column.name == "vec" else column.name)


def _format(definition: Definition) -> Fragment:
    return qualified(" (format binary)") if definition.binary else EMPTY
