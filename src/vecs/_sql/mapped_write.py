"""
Writes of a mapped table: upserts small and staged, deletes, updates of metadata.

What is there is updated and the rest inserted: a row that is there needs no value for a column that nobody names. Rows
are locked in the order of their keys, so that writers of many rows do not wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vecs._checks.json import encode_json
from vecs._sql.advice import shown
from vecs._sql.binary import JSONB_OID, TEXT_OID, array_param
from vecs._sql.documents import STAGE
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, join, qualified
from vecs._sql.mapped import Mapped
from vecs._sql.mapped_named import Named, defaulted, is_named
from vecs._sql.mapped_rows import parted
from vecs._sql.rows import EncodedRow
from vecs._sql.selection import Selection, where
from vecs._sql.tables import Table
from vecs._sql.vectors import vec_oid
from vecs.columns import TableColumn

_OBJECTS = ("metadata", "extra", "declared")


def upsert_rows(table: Table, rows: Sequence[EncodedRow], named: Named) -> Fragment:
    """Write some rows in one statement, with one array per part; they have no duplicates."""
    arrays = [
        qualified(
            "pg_catalog.unnest({array}::{type}[])",
            array=array_param(_oid(table, name), column),
            type=_type(table, name),
        )
        for name, column in zip(table.columns, zip(*rows, strict=True), strict=True)
    ]
    names = join(", ", (qualified("{name}", name=Identifier(name)) for name in table.columns))
    source = qualified("rows from ({arrays}) as r ({names})", arrays=join(", ", arrays), names=names)
    return _upsert(table, source, named)


def upsert_stage(table: Table, named: Named) -> Fragment:
    """Write the staged rows, the last of each id."""
    source = qualified(
        '(select distinct on (s.id collate pg_catalog."C") s.* from {stage} as s '
        'order by s.id collate pg_catalog."C", s.position desc) as r',
        stage=STAGE,
    )
    return _upsert(table, source, named)


def _oid(table: Table, name: str) -> int:
    return vec_oid(table) if name == "vec" else JSONB_OID if name in _OBJECTS else TEXT_OID


def _type(table: Table, name: str) -> Fragment:
    if name == "vec":
        return qualified("{type}", type=table.type())
    return Fragment(("pg_catalog.jsonb" if name in _OBJECTS else "pg_catalog.text",))


def create_stage(table: Table) -> Fragment:
    """Create the staging table: the parts of a row behind its position in the input."""
    columns = (qualified("{name} {type}", name=Identifier(name), type=_type(table, name)) for name in table.columns)
    return qualified(
        "create temporary table {stage} (position bigint, {columns}) on commit drop",
        stage=STAGE,
        columns=join(", ", columns),
    )


def _upsert(table: Table, source: Fragment, named: Named) -> Fragment:
    """Return one row of nothing per row that is written."""
    mapped = _mapped(table)
    key, type = Identifier(mapped.key.name), _type_of(mapped.key)
    changed = list(_changed(table, mapped, named.names))
    named_values = (qualified(", {value} as {name}", value=value, name=Identifier(name)) for _, name, value in changed)
    made = join("", named_values)
    declared = qualified(", r.declared") if mapped.declared else EMPTY
    given = qualified(
        "select r.id::{type} as key{made}{declared} from {source} order by {order}",
        order=_in_order(mapped.key, "r.id"),
        type=type,
        made=made,
        declared=declared,
        source=source,
    )
    if not changed:
        # Ids alone: a row that is there stays as it is.
        return qualified(
            "with given as materialized ({given}), "
            "inserted as (insert into {table} ({key}){system} select given.key from given order by {order} "
            "on conflict ({key}) do nothing) select from given",
            order=_in_order(mapped.key, "given.key"),
            given=given,
            table=table.identifier,
            key=key,
            system=_system(mapped),
        )
    return qualified(
        "with given as materialized ({given}), "
        "locked as materialized (select t.{key} as key from {table} as t "
        "where t.{key} = any(select given.key from given) order by {locking} for update), "
        "updated as (update {table} as t set {set} from given join locked on locked.key = given.key "
        "where t.{key} = given.key returning given.key), "
        "{inserted} select from given",
        given=given,
        locking=_in_order(mapped.key, f"t.{key.sql}"),
        inserted=join(", ", _inserted(table, changed, named)),
        key=key,
        table=table.identifier,
        set=join(
            ", ",
            (
                qualified("{column}={value}", column=Identifier(column.name), value=_kept_or(column, alias))
                for column, alias, _ in changed
            ),
        ),
    )


def _inserted(table: Table, changed: Sequence[tuple[TableColumn, str, Fragment]], named: Named) -> Iterator[Fragment]:
    """Yield what inserts the new rows: those that name the same columns among those with a default at once."""
    mapped = _mapped(table)
    key = Identifier(mapped.key.name)
    replaced = [name for name in defaulted(table) if name in named.names]
    meanwhile = [
        qualified(
            "{column}=(select {value} from given where given.key = t.{key})",
            column=Identifier(column.name),
            value=_kept_or(column, alias),
            key=key,
        )
        for column, alias, _ in changed
    ]
    for number, pattern in enumerate(named.patterns):
        written = [
            (column, alias)
            for column, alias, _ in changed
            if not column.defaulted or {alias, f".{column.name}"} & pattern
        ]
        of_pattern = [
            qualified("{named} = {wanted}", named=is_named(name, "given"), wanted=Literal(name in pattern))
            for name in replaced
        ]
        yield qualified(
            "{name} as (insert into {table} as t ({key}{columns}){system} select given.key{values} from given "
            "where not exists (select from updated where updated.key = given.key){of_pattern} order by {inserting} "
            # A row that another session has inserted meanwhile is updated just so.
            "on conflict ({key}) do update set {meanwhile})",
            name=Identifier(f"inserted{number}"),
            table=table.identifier,
            key=key,
            columns=join("", (qualified(", {column}", column=Identifier(column.name)) for column, _ in written)),
            system=_system(mapped),
            values=join("", (qualified(", {value}", value=_new(column, alias)) for column, alias in written)),
            of_pattern=join("", (qualified(" and {part}", part=part) for part in of_pattern))
            if len(named.patterns) > 1
            else EMPTY,
            inserting=_in_order(mapped.key, "given.key"),
            meanwhile=join(", ", meanwhile),
        )


def _in_order(key: TableColumn, value: str) -> Fragment:
    """Return what rows are locked in the order of, as `RowBuffer.sorted_rows` has it, whatever the collation."""
    if key.kind != "text":
        return Fragment((f"{value}::{_type_of(key).sql}",))
    return Fragment((f'{value}::pg_catalog.text collate pg_catalog."C"',))


def _system(mapped: Mapped) -> Fragment:
    return qualified(" overriding system value") if mapped.key.identity else EMPTY


def _changed(table: Table, mapped: Mapped, named: frozenset[str]) -> Iterator[tuple[TableColumn, str, Fragment]]:
    """Yield the columns that are written, each with a name for its value and the value."""
    for name in table.columns:
        if name in mapped.parts and name in named and not mapped.parts[name].computed:
            column = mapped.parts[name]
            value = qualified("r.{name}::{type}", name=Identifier(name), type=_type_of(column))
            yield column, name, qualified("r.vec") if name == "vec" else value
    for column in mapped.declared:
        if f".{column.name}" in named:
            yield column, column.reference, _of_json(column, qualified("r.declared"))


def _new(column: TableColumn, alias: str) -> Fragment:
    """Return what a new row gets."""
    value = qualified("given.{name}", name=Identifier(alias))
    if alias != "metadata" or column.nullable:
        return value
    return qualified("coalesce({value}, '{{}}'::{type})", value=value, type=_type_of(column))


def _kept_or(column: TableColumn, alias: str) -> Fragment:
    """Return what an update sets: the value that a record names, else the one that is there."""
    name, there = Identifier(alias), Identifier(column.name)
    if alias != column.reference:
        return qualified("coalesce(given.{name}, t.{there})", name=name, there=there)
    # None was given, or nothing.
    return qualified(
        "case when pg_catalog.jsonb_exists(given.declared, {key}::pg_catalog.text) "
        "then given.{name} else t.{there} end",
        key=column.name,
        name=name,
        there=there,
    )


def _type_of(column: TableColumn) -> Identifier:
    return Identifier(column.type.schema, column.type.name)


def _of_json(column: TableColumn, declared: Fragment) -> Fragment:
    """Return the value of a column out of JSON that `stored_value` made."""
    value = qualified("{declared} -> {name}::pg_catalog.text", declared=declared, name=Param(column.name))
    type = _type_of(column)
    if column.kind == "json":
        return qualified(
            "(case when pg_catalog.jsonb_typeof({value}) <> 'null' then {value} end)::{type}", value=value, type=type
        )
    if column.type.element is not None:
        return qualified(
            "(case when pg_catalog.jsonb_typeof({value}) = 'array' then array("
            "select e.item from pg_catalog.jsonb_array_elements_text({value}) with ordinality as e (item, place) "
            # Of several dimensions it is in Postgres' text form.
            "order by e.place)::{type} "
            "when pg_catalog.jsonb_typeof({value}) = 'string' then (({value}) #>> '{{}}')::{type} end)",
            value=value,
            type=type,
        )
    return qualified("(({value}) #>> '{{}}')::{type}", value=value, type=type)


def delete(table: Table, selection: Selection) -> Fragment:
    """Delete records and return their ids."""
    mapped = _mapped(table)
    return qualified(
        "with locked as materialized ({found}{lock}) delete from {table} as t "
        "where t.{key} = any(select locked.key from locked) returning t.{key}::pg_catalog.text",
        found=_found(table, selection),
        # Policies may hide from a lock what they let be deleted, and a lock needs the privilege to update.
        lock=qualified(" for update") if table.locks_deleted and not table.row_security else EMPTY,
        table=table.identifier,
        key=Identifier(mapped.key.name),
    )


def update_metadata(
    table: Table,
    selection: Selection,
    metadata: Mapping[str, Any],
    extra: str | None,
    *,
    replace: bool,
) -> Fragment:
    """
    Add keys to the metadata of records, or replace them, and set declared columns; return the ids.

    Columns that are not among the keys stay as they are.
    """
    mapped = _mapped(table)
    declared, rest = parted(mapped, metadata, "metadata", shown(table))
    merges = "metadata" in mapped.parts and (rest or replace)
    given = [("metadata", encode_json(rest) if merges else None), ("extra", extra)]
    sets = [_merged(mapped.parts[name], value, replace) for name, value in given if value is not None]
    param = qualified("{declared}::pg_catalog.jsonb", declared=Param(encode_json(declared)))
    for column in mapped.declared:
        if column.name in declared:
            value = _of_json(column, qualified("({param})", param=param))
            sets.append(qualified("{column}={value}", column=Identifier(column.name), value=value))
    key = Identifier(mapped.key.name)
    if not sets:
        sets.append(qualified("{key}=t.{key}", key=key))
    return qualified(
        "with locked as materialized ({found} for no key update) update {table} as t set {sets} "
        "where t.{key} = any(select locked.key from locked) returning t.{key}::pg_catalog.text",
        found=_found(table, selection),
        table=table.identifier,
        sets=join(", ", sets),
        key=key,
    )


def _found(table: Table, selection: Selection) -> Fragment:
    return qualified(
        "select key from {source}{where} order by {order}",
        source=table.source,
        where=where(selection),
        order=_in_order(_mapped(table).key, "key"),
    )


def _merged(column: TableColumn, value: str, replace: bool) -> Fragment:
    name, type = Identifier(column.name), _type_of(column)
    if replace:
        return qualified("{column}={value}::{type}", column=name, value=value, type=type)
    return qualified(
        "{column}=(case when pg_catalog.jsonb_typeof(t.{column}::pg_catalog.jsonb) = 'object' "
        "then t.{column}::pg_catalog.jsonb else '{{}}'::pg_catalog.jsonb end || {value}::pg_catalog.jsonb)::{type}",
        column=name,
        value=value,
        type=type,
    )


def _mapped(table: Table) -> Mapped:
    assert table.mapped is not None
    return table.mapped
