"""Writing: upserts small and staged, deletes, metadata updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from vecs._sql.binary import JSONB_OID, TEXT_OID, array_param
from vecs._sql.fragment import Fragment, Identifier, fragment, join
from vecs._sql.rows import EncodedRow
from vecs._sql.selection import Selection, where
from vecs._sql.table import Table
from vecs._sql.vectors import vec_oid

if TYPE_CHECKING:
    from typing_extensions import LiteralString

_STAGE = Identifier("pg_temp", "vecs_stage")

# The key is named here only, so that a tenant column can join it.
_KEY = Fragment(('"id"',))


def upsert_rows(table: Table, rows: Sequence[EncodedRow], replaced: Sequence[str] = ()) -> Fragment:
    """
    Write a few rows in one statement: one array a column, whatever the count.

    Rows come sorted by id and without duplicates. `replaced` are documents of which no other chunks are to
    be left.
    """
    arrays = [
        fragment("{array}::{type}[]", array=array_param(_oid(table, name), column), type=_type(table, name))
        for name, column in zip(table.columns, zip(*rows, strict=True), strict=True)
    ]
    inserted = _insert(
        table, fragment("unnest({arrays}) as u ({columns})", arrays=join(", ", arrays), columns=_names(table))
    )
    if not replaced:
        return inserted
    return fragment(
        "with stale as ({delete}) {insert}",
        delete=_delete_stale(table, replaced, fragment("{ids}", ids=_ids(rows))),
        insert=inserted,
    )


def delete_documents(table: Table, documents: Sequence[str]) -> Fragment:
    """Delete every chunk of these documents."""
    return fragment(
        "delete from {table} where document_id = any({documents}::text[]) or id = any({documents}::text[])",
        table=table.identifier,
        documents=list(documents),
    )


def _ids(rows: Sequence[EncodedRow]) -> Fragment:
    ids = array_param(TEXT_OID, [row[0] for row in rows])
    return fragment("id <> all({ids}::text[])", ids=ids)


def _delete_stale(table: Table, replaced: Sequence[str], not_new: Fragment) -> Fragment:
    return fragment(
        "delete from {table} as t "
        "where (document_id = any({documents}::text[]) or id = any({documents}::text[])) and {not_new}",
        table=table.identifier,
        documents=list(replaced),
        not_new=not_new,
    )


def create_stage(table: Table) -> Fragment:
    """Create the staging table: the columns of a row behind its position in the input."""
    columns = join(
        ", ",
        (fragment("{name} {type}", name=Identifier(name), type=_type(table, name)) for name in table.columns),
    )
    return fragment(
        "create temporary table {stage} (position int8, {columns}) on commit drop",
        stage=Identifier("vecs_stage"),
        columns=columns,
    )


def copy_into_stage(table: Table) -> Fragment:
    """Receive rows, each behind its position, in binary COPY format."""
    return fragment(
        "copy {stage} (position, {columns}) from stdin (format binary)", stage=_STAGE, columns=_names(table)
    )


def upsert_stage(table: Table, *, ordered: bool) -> Fragment:
    """
    Write the staged rows: sorted by id, the last of each id.

    `ordered` says that they were staged sorted and without duplicates, which saves the server the sort.
    """
    if ordered:
        return _insert(table, fragment("{stage} as u", stage=_STAGE))
    return _insert(
        table,
        fragment(
            "(select distinct on (id) {columns} from {stage} order by id, position desc) as u",
            columns=_names(table),
            stage=_STAGE,
        ),
    )


def delete_stale_of_stage(table: Table, replaced: Sequence[str]) -> Fragment:
    """Delete the chunks of these documents that were not staged."""
    return _delete_stale(
        table,
        replaced,
        fragment("not exists (select from {stage} as s where s.id = t.id)", stage=_STAGE),
    )


def drop_superseded(documents: Mapping[str, int]) -> Fragment:
    """Delete staged chunks of older versions: those before the position where the last version began."""
    return fragment(
        "delete from {stage} as s using unnest({documents}::text[], {positions}::int8[]) as d (id, position) "
        "where s.document_id = d.id and s.position < d.position",
        stage=_STAGE,
        documents=list(documents),
        positions=list(documents.values()),
    )


def _insert(table: Table, source: Fragment) -> Fragment:
    before, after = _around_source(table)
    return Fragment((*before.parts, *source.parts, *after.parts))


# The same for every write to a table: a single record's upsert is mostly this text.
@lru_cache(maxsize=256)
def _around_source(table: Table) -> tuple[Fragment, Fragment]:
    # Casts spelled out: Citus fails on implicit ones in INSERT .. SELECT.
    selected = (fragment("u.{name}::{type}", name=Identifier(name), type=_type(table, name)) for name in table.columns)
    updated = (fragment("{name} = excluded.{name}", name=Identifier(name)) for name in table.columns if name != "id")
    before = fragment(
        "insert into {table} ({columns}) select {selected} from ",
        table=table.identifier,
        columns=_names(table),
        selected=join(", ", selected),
    )
    after = fragment(" on conflict ({key}) do update set {updated}", key=_KEY, updated=join(", ", updated))
    return before, after


@lru_cache(maxsize=256)
def _names(table: Table) -> Fragment:
    return join(", ", (fragment("{name}", name=Identifier(name)) for name in table.columns))


def _type(table: Table, column: str) -> Fragment:
    if column == "vec":
        return fragment("{type}", type=table.type())
    name: LiteralString = "jsonb" if column in ("metadata", "extra") else "text"
    return Fragment((name,))


def _oid(table: Table, column: str) -> int:
    if column == "vec":
        return vec_oid(table)
    return JSONB_OID if column in ("metadata", "extra") else TEXT_OID


def delete(table: Table, selection: Selection) -> Fragment:
    """Delete records and return their ids."""
    return fragment("delete from {table}{where} returning id", table=table.identifier, where=where(selection))


def update_metadata(
    table: Table, selection: Selection, metadata: str, extra: str | None = None, *, replace: bool
) -> Fragment:
    """Merge JSON into the metadata of records, and into their extra, key by key at the top level, or replace it."""
    changed = [("metadata", metadata)] if extra is None else [("metadata", metadata), ("extra", extra)]
    return fragment(
        "update {table} set {changed}{where} returning id",
        table=table.identifier,
        changed=join(", ", (_changed(Identifier(name), value, replace) for name, value in changed)),
        where=where(selection),
    )


def _changed(column: Identifier, value: str, replace: bool) -> Fragment:
    if replace:
        return fragment("{column} = {value}::jsonb", column=column, value=value)
    # vecs 0.4 wrote any JSON; merging into an array would append to it.
    return fragment(
        "{column} = case when jsonb_typeof({column}) = 'object' then {column} else '{{}}'::jsonb end || {value}::jsonb",
        column=column,
        value=value,
    )
