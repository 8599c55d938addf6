"""A table whose columns are not a collection's own: which of them are the parts of a record, and what is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from vecs._sql.fragment import EMPTY, Fragment, Identifier, join, qualified, quote_literal
from vecs.columns import TableColumn
from vecs.filters import LOGICAL, And, Column, Filter, Not, Or, Shown
from vecs.typed import KnownColumns, Typed, TypedOperator

_RESERVED = ("id", "document_id", "text")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")


@dataclass(frozen=True)
class Mapped:
    """
    The columns that hold the parts of a record.

    `key` is the column of the id. `parts` are vec, text, metadata, document_id, extra and text_search, as far as
    there are columns for them. `declared` are the columns that are keys of metadata. `columns` are all columns.
    `relation` is the kind of the relation in the catalog. `attached` is true if the caller named the columns.
    """

    key: TableColumn
    parts: Mapping[str, TableColumn]
    declared: tuple[TableColumn, ...]
    columns: tuple[TableColumn, ...]
    relation: str = "r"
    attached: bool = False
    read_only: bool = False
    # The relation's name as Postgres writes it.
    shown: str = ""

    def __hash__(self) -> int:
        return hash((self.key.name, self.relation))

    @property
    def document_key(self) -> TableColumn | None:
        """The column of the documents' ids, if it compares them as it writes them, which citext does not."""
        column = self.parts.get("document_id")
        return None if column is None or column.type.schema != "pg_catalog" else column

    @property
    def undeclared(self) -> tuple[TableColumn, ...]:
        """The columns that are neither a part of a record nor a key of metadata."""
        taken = {self.key.name, *(part.name for part in self.parts.values()), *(each.name for each in self.declared)}
        return tuple(column for column in self.columns if column.name not in taken)


def known_columns(mapped: Mapped | None, extras: Iterable[TableColumn], own: Iterable[str]) -> KnownColumns:
    """
    Return the columns that filters may name, by key: `$price`, and `price` if it is declared.

    `own` are the names of a record's own columns; `$text` is the record's text if it has one.
    """
    taken = {*LOGICAL, *(f"${name}" for name in own if name in _RESERVED)}
    columns = mapped.columns if mapped is not None else extras
    known = {f"${column.name}": column for column in columns if f"${column.name}" not in taken}
    known.update((column.name, column) for column in (mapped.declared if mapped is not None else ()))
    return known


def source_of(table: Identifier, mapped: Mapped, no_vec: Identifier) -> Fragment:
    """
    Return what records of a mapped table are read from: a select that Postgres flattens, so that its indexes answer.

    `no_vec` is the type of the vectors that a table without vectors has.
    """
    return qualified(
        "(select {columns} from {table} as t{named})",
        columns=join(", ", _selected(mapped, no_vec)),
        table=table,
        # A row without an id is no record.
        named=qualified(" where {key} is not null", key=_of_table(mapped.key)) if mapped.key.nullable else EMPTY,
    )


def _selected(mapped: Mapped, no_vec: Identifier) -> Iterator[Fragment]:
    parts = mapped.parts
    yield qualified("{key}::pg_catalog.text as id, {key} as key", key=_of_table(mapped.key))
    if "vec" in parts:
        yield qualified("{vec} as vec", vec=_of_table(parts["vec"]))
    else:
        yield qualified("null::{type} as vec", type=no_vec)
    metadata = _json(parts["metadata"]) if "metadata" in parts else qualified("'{{}}'::pg_catalog.jsonb")
    yield qualified("{metadata} as metadata", metadata=metadata)
    if mapped.declared:
        yield qualified("{shown} as shown", shown=_shown(metadata, mapped.declared))
    for name in ("text", "document_id"):
        if name in parts:
            yield qualified("{column} as {name}", column=_text(parts[name]), name=Identifier(name))
    if "extra" in parts:
        yield qualified("{column} as extra", column=_json(parts["extra"]))
    if "text_search" in parts:
        yield qualified("{column} as text_search", column=_of_table(parts["text_search"]))
    for column in mapped.columns:
        yield qualified("{column} as {name}", column=_of_table(column), name=Identifier(column.reference))


def _of_table(column: TableColumn) -> Fragment:
    return qualified("t.{column}", column=Identifier(column.name))


def _json(column: TableColumn) -> Fragment:
    # Without a cast where there need be none: an index answers nothing but the column itself.
    cast = EMPTY if column.type.name == "jsonb" else qualified("::pg_catalog.jsonb")
    return qualified("{column}{cast}", column=_of_table(column), cast=cast)


def _text(column: TableColumn) -> Fragment:
    cast = EMPTY if column.type.name == "text" else qualified("::pg_catalog.text")
    return qualified("{column}{cast}", column=_of_table(column), cast=cast)


def _shown(metadata: Fragment, declared: Iterable[TableColumn]) -> Fragment:
    """Return metadata with the declared columns as JSON; a column that is NULL is an absent key."""
    columns = list(declared)
    values = [
        qualified(
            "case when {column} is null then '{{}}'::pg_catalog.jsonb else {object} end",
            column=_of_table(column),
            object=as_object([column]),
        )
        for column in columns
    ]
    return qualified(
        "case when pg_catalog.jsonb_typeof(coalesce({metadata}, '{{}}'::pg_catalog.jsonb)) = 'object' then "
        "(coalesce({metadata}, '{{}}'::pg_catalog.jsonb) - {names}::pg_catalog.text[]) || {values} "
        "else {metadata} end",
        metadata=metadata,
        names=_names(columns),
        values=join(" operator(pg_catalog.||) ", values),
    )


def _names(columns: Iterable[TableColumn]) -> Fragment:
    # Constants, so that the statement has one text and few parameters.
    return qualified("array[{names}]", names=join(", ", (_constant(column.name) for column in columns)))


def _constant(name: str) -> Fragment:
    return Fragment((quote_literal(name),))


def as_object(columns: Iterable[TableColumn]) -> Fragment:
    """Return the values of columns of the table as a JSON object."""
    pairs = (
        qualified(
            "{name}::pg_catalog.text, {value}",
            name=_constant(column.name),
            value=_as_json(column),
        )
        for column in columns
    )
    # A function takes up to 100 arguments.
    listed = list(pairs)
    objects = (
        qualified("pg_catalog.jsonb_build_object({pairs})", pairs=join(", ", listed[start : start + 50]))
        for start in range(0, max(len(listed), 1), 50)
    )
    return qualified("({objects})", objects=join(" operator(pg_catalog.||) ", objects))


def _as_json(column: TableColumn) -> Fragment:
    element = column.type.element
    if element is not None and element.kind == "numeric":
        item = qualified("e.item::pg_catalog.numeric")
        return qualified(
            # Items of several dimensions would come as one list.
            "case when pg_catalog.array_ndims({array}) > 1 then case when exists ("
            "select from pg_catalog.unnest({array}) as e (item) where {loses}) "
            "then pg_catalog.to_jsonb({array}::pg_catalog.text[]) else pg_catalog.to_jsonb({array}) end else "
            "(select coalesce(pg_catalog.jsonb_agg({item} order by e.place), '[]'::pg_catalog.jsonb) "
            "from pg_catalog.unnest({array}) with ordinality as e (item, place)) end",
            array=_of_table(column),
            item=exact(item),
            loses=_loses_digits(item),
        )
    if column.kind != "numeric":
        return qualified("pg_catalog.to_jsonb({column})", column=_of_table(column))
    return exact(_of_table(column))


def exact(number: Fragment) -> Fragment:
    """Return a numeric as JSON: one that would lose digits as a float is a string."""
    return qualified(
        "case when {loses} then pg_catalog.to_jsonb({c}::pg_catalog.text) else pg_catalog.to_jsonb({c}) end",
        loses=_loses_digits(number),
        c=number,
    )


def _loses_digits(number: Fragment) -> Fragment:
    # A cast of one beyond floats would fail.
    return qualified(
        "pg_catalog.scale({c}) > 0 and {c} <> 0 and case "
        "when pg_catalog.abs({c}) >= 1e-300 and pg_catalog.abs({c}) <= 1e300 "
        "then {c}::pg_catalog.float8::pg_catalog.text::pg_catalog.numeric <> {c} else true end",
        c=number,
    )


def key_text(key: TableColumn, id: str) -> str | None:
    """Return an id as Postgres writes it for the key's type; None for one that no row can have."""
    if key.kind == "uuid":
        try:
            return str(UUID(id))
        except ValueError:
            return None
    if key.kind == "integer":
        if _INTEGER.fullmatch(id) is None:
            return None
        bits = {"int2": 15, "int4": 31}.get(key.type.name, 63)
        return str(int(id)) if -(2**bits) <= int(id) < 2**bits else None
    return id.rstrip(" ") if key.type.name == "bpchar" else id


def keys_of(key: TableColumn, ids: Iterable[str]) -> list[str]:
    """Return the ids as Postgres writes them, without those that no row can have."""
    return [found for id in ids if (found := key_text(key, id)) is not None]


def of_table(node: Filter, mapped: Mapped) -> Filter:
    """
    Return a filter for the columns of a mapped table.

    Conditions on ids are such that the columns' own indexes answer them, and paths lead into declared columns.
    """
    match node:
        case And(parts):
            return And(tuple(of_table(part, mapped) for part in parts))
        case Or(parts):
            return Or(tuple(of_table(part, mapped) for part in parts))
        case Not(parts):
            return Not(tuple(of_table(part, mapped) for part in parts))
        case Column("id"):
            return _of_ids(node, mapped.key)
        case Column("document_id") if mapped.document_key is not None:
            return _of_ids(node, mapped.document_key)
        case Column() | Typed() | Shown():
            return node
        case _:
            return Shown(node) if leads_into_column(node.key, mapped) else node


def leads_into_column(key: str, mapped: Mapped) -> bool:
    """Whether a key is a path that may lead into a declared column of JSON."""
    first, dot, _ = key.partition(".")
    return bool(dot) and any(column.name == first and column.kind == "json" for column in mapped.declared)


def _of_ids(node: Column, column: TableColumn) -> Filter:
    match node:
        case Column(_, "$in" | "$nin" as operator, operand):
            given = cast("tuple[str, ...]", operand)
            return Typed(node.key, column, operator, tuple(keys_of(column, given)), column.type)
        case Column(_, "$eq" | "$ne" as operator, operand):
            found = key_text(column, str(operand))
            if found is None:
                return Typed(node.key, column, "$in" if operator == "$eq" else "$nin", (), column.type)
            return Typed(node.key, column, cast("TypedOperator", operator), found, column.type)
        case _:
            return node
