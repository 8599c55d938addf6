"""
Writing: upserts small and staged, deletes, updates.

Whatever writes many rows takes them in one order, that of the ids' bytes, so that they never deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vecs._sql.binary import JSONB_OID, TEXT_OID, Binary, array_param
from vecs._sql.documents import GUARD, STAGE
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, fragment, join, qualified
from vecs._sql.rows import ID, EncodedRow
from vecs._sql.selection import EVERYTHING, Selection, if_same, where
from vecs._sql.tables import Table
from vecs._sql.vectors import vec_oid

if TYPE_CHECKING:
    from typing_extensions import LiteralString

_KEY = Fragment(('"id"',))


class Span(NamedTuple):
    """The ids behind one and up to another, in the order of their bytes; None where there is no end."""

    after: str | None = None
    upto: str | None = None


class Guards(NamedTuple):
    """
    What an upsert is to fail for.

    `documents`: a row that belongs to another document. `table`: a table that was dropped and made anew.
    """

    documents: bool = False
    table: bool = False


_NO_GUARDS = Guards()


def upsert_rows(
    table: Table,
    rows: Sequence[EncodedRow],
    replaced: Sequence[str] = (),
    span: Span | None = None,
    guards: Guards = _NO_GUARDS,
) -> Fragment:
    """
    Write some rows in one statement, with one array per column.

    Rows are sorted by id and have no duplicates. `replaced` are documents whose other chunks are deleted if their ids
    are in `span`: several statements with adjoining spans lock all rows in one order.
    """
    arrays = [
        qualified(
            "pg_catalog.unnest({array}::{type}[])",
            array=array_param(_oid(table, name), column),
            type=_type(table, name),
        )
        for name, column in zip(table.columns, zip(*rows, strict=True), strict=True)
    ]
    source = qualified("rows from ({arrays}) as u ({columns})", arrays=join(", ", arrays), columns=_names(table))
    if guards.table:
        source = Fragment((*source.parts, *_if_same(table).parts))
    if not replaced:
        return _insert(table, source, guards.documents)
    stale = _stale(replaced, qualified("id <> all({ids}::pg_catalog.text[]){span}", ids=_ids(rows), span=_in(span)))
    if not locks_rows(table, deleted=True):
        return qualified(
            "with stale as (delete from {table} as t where {stale}) {insert}",
            table=table.identifier,
            stale=stale,
            insert=_insert(table, source, guards.documents),
        )
    # The parts of one statement do not see each other's changes. Counting `written` makes Postgres finish the upsert
    # before it deletes.
    return qualified(
        "with written as ({insert} returning 1) "
        "delete from {table} as t where {stale} and (select pg_catalog.count(*) from written) >= 0",
        insert=_insert(table, _with_stale(table, source, stale), guards.documents),
        table=table.identifier,
        stale=stale,
    )


def locks_rows(table: Table, *, deleted: bool = False) -> bool:
    """
    Whether many rows are locked in order before they are changed or deleted; else they are locked as they are found.

    Citus has no FOR UPDATE of many rows. There, writes of the same rows may end in a deadlock, which is repeated.
    """
    return not table.citus and (table.locks_deleted or not deleted)


def delete_documents(table: Table, documents: Sequence[str]) -> Fragment:
    """Delete every chunk of these documents."""
    return _delete(table, qualified(" where {found}", found=_of_documents(documents)))


def _in(span: Span | None) -> Fragment:
    after, upto = span or (None, None)
    bounds: list[Fragment] = []
    if after is not None:
        bounds.append(qualified(' and id collate pg_catalog."C" > {after}::pg_catalog.text', after=after))
    if upto is not None:
        bounds.append(qualified(' and id collate pg_catalog."C" <= {upto}::pg_catalog.text', upto=upto))
    return join("", bounds)


def _ids(rows: Sequence[EncodedRow]) -> Binary:
    return array_param(TEXT_OID, [row[ID] for row in rows])


def _of_documents(documents: Sequence[str]) -> Fragment:
    # A record without a document is a document itself; a chunk of another document may have the id of this one.
    return qualified(
        "(document_id = any({documents}::pg_catalog.text[]) "
        "or (id = any({documents}::pg_catalog.text[]) and document_id is null))",
        documents=list(documents),
    )


def _stale(replaced: Sequence[str], not_new: Fragment) -> Fragment:
    return qualified("{found} and {not_new}", found=_of_documents(replaced), not_new=not_new)


def _with_stale(table: Table, source: Fragment, stale: Fragment) -> Fragment:
    """
    Return a source that locks the stale rows besides, each in its place among the new ones.

    To lock all rows that are there before the first is written would not do: a row that another transaction
    adds meanwhile is waited for out of order. So rows come sorted, one by one, out of a select that OFFSET
    keeps apart, and a stale one is locked, and dropped, when its turn has come.
    """
    nothing = (qualified("null::{type}", type=_type(table, name)) for name in table.columns if name != "id")
    return qualified(
        "(select * from (select {columns}, false as stale from {source} union all "
        "select id, {nothing}, true from {table} as t where {stale}) as n "
        'order by id collate pg_catalog."C" offset 0) as u '
        "where case when u.stale then (select false from {table} as t where t.id = u.id for update) else true end",
        columns=_names(table),
        source=source,
        nothing=join(", ", nothing),
        table=table.identifier,
        stale=stale,
    )


def create_stage(table: Table) -> Fragment:
    """Create the staging table: the columns of a row behind its position in the input."""
    columns = join(
        ", ",
        (qualified("{name} {type}", name=Identifier(name), type=_type(table, name)) for name in table.columns),
    )
    return qualified(
        "create temporary table {stage} (position bigint, {columns}) on commit drop",
        stage=STAGE,
        columns=columns,
    )


def copy_into_stage(table: Table) -> Fragment:
    """Receive rows, each behind its position, in binary COPY format."""
    return qualified(
        "copy {stage} (position, {columns}) from stdin (format binary)", stage=STAGE, columns=_names(table)
    )


def upsert_stage(table: Table, replaced: Sequence[str] = (), guards: Guards = _NO_GUARDS) -> Fragment:
    """
    Write the staged rows: sorted by id, the last of each id.

    `replaced` are the documents for `delete_stale_of_stage`: their other chunks are locked, too.
    """
    source = qualified(
        '(select distinct on (id collate pg_catalog."C") {columns} from {stage}{same} '
        'order by id collate pg_catalog."C", position desc) as u',
        columns=_names(table),
        stage=STAGE,
        same=_if_same(table) if guards.table else EMPTY,
    )
    if replaced and locks_rows(table, deleted=True):
        source = _with_stale(table, source, _not_staged(replaced))
    return _insert(table, source, guards.documents)


def delete_stale_of_stage(table: Table, replaced: Sequence[str]) -> Fragment:
    """Delete the chunks of these documents that were not staged."""
    found = _not_staged(replaced)
    if not locks_rows(table, deleted=True):
        return qualified("delete from {table} as t where {found}", table=table.identifier, found=found)
    # The upsert has locked them. Chunks that were added since are skipped: to wait for one would break the order of
    # locks.
    return qualified(
        "with locked as materialized (select id from {table} as t where {found} for update skip locked) "
        "delete from {table} as t where {found} "
        "and (t.id = any(select id from locked) or pg_catalog.row_security_active({regclass}::pg_catalog.regclass))",
        table=table.identifier,
        found=found,
        regclass=Literal(table.identifier.sql),
    )


def _not_staged(replaced: Sequence[str]) -> Fragment:
    return _stale(replaced, qualified("not exists (select from {stage} as s where s.id = t.id)", stage=STAGE))


def drop_superseded(documents: Mapping[str, int]) -> Fragment:
    """Delete staged chunks of older versions: those before the position where the last version began."""
    return qualified(
        "delete from {stage} as s "
        "using rows from (pg_catalog.unnest({documents}::pg_catalog.text[]), pg_catalog.unnest({positions}::bigint[])) "
        "as d (id, position) "
        "where s.document_id = d.id and s.position < d.position",
        stage=STAGE,
        documents=list(documents),
        positions=list(documents.values()),
    )


def _insert(table: Table, source: Fragment, guarded: bool) -> Fragment:
    before, after = _around_source(table, guarded)
    return Fragment((*before.parts, *source.parts, *after.parts))


# The same for every write to a table: a single record's upsert is mostly this text.
@lru_cache(maxsize=256)
def _around_source(table: Table, guarded: bool) -> tuple[Fragment, Fragment]:
    # Casts spelled out: Citus fails on implicit ones in INSERT .. SELECT.
    selected = (qualified("u.{name}::{type}", name=Identifier(name), type=_type(table, name)) for name in table.columns)
    updated = (fragment("{name} = excluded.{name}", name=Identifier(name)) for name in table.columns if name != "id")
    before = qualified(
        "insert into {table}{alias} ({columns}) select {selected} from ",
        table=table.identifier,
        alias=fragment(" as old") if guarded else EMPTY,
        columns=_names(table),
        selected=join(", ", selected),
    )
    after = qualified(
        " on conflict ({key}) do update set {updated}{guard}",
        key=_KEY,
        updated=join(", ", updated),
        guard=qualified(" where {guard}", guard=GUARD) if guarded else EMPTY,
    )
    return before, after


@lru_cache(maxsize=256)
def _if_same(table: Table) -> Fragment:
    """
    Return a WHERE under which the statement fails if the table's name is now that of another one.
    """
    return where(EVERYTHING, *if_same(table))


@lru_cache(maxsize=256)
def _names(table: Table) -> Fragment:
    return join(", ", (qualified("{name}", name=Identifier(name)) for name in table.columns))


def _type(table: Table, column: str) -> Fragment:
    if column == "vec":
        return qualified("{type}", type=table.type())
    name: LiteralString = "jsonb" if column in ("metadata", "extra") else "text"
    return Fragment((f"pg_catalog.{name}",))


def _oid(table: Table, column: str) -> int:
    if column == "vec":
        return vec_oid(table)
    return JSONB_OID if column in ("metadata", "extra") else TEXT_OID


def delete(table: Table, selection: Selection) -> Fragment:
    """Delete records and return their ids; if ids of documents were given, also the ids of their documents."""
    if _is_one(selection):
        return qualified("delete from {table}{where} returning id", table=table.identifier, where=where(selection))
    return qualified("{delete} returning {ids}", delete=_delete(table, where(selection)), ids=_returned(selection))


def delete_all(table: Table) -> Fragment:
    """Delete every record that the role sees; unlike TRUNCATE it is subject to policies."""
    return _delete(table, qualified(" where true"))


def update_metadata(
    table: Table, selection: Selection, metadata: str, extra: str | None = None, *, replace: bool
) -> Fragment:
    """
    Add the keys of JSON to the metadata of records, and to their extra, or replace them.

    Returns the same as `delete`.
    """
    given = [("metadata", metadata)] if extra is None else [("metadata", metadata), ("extra", extra)]
    changed = join(", ", (_changed(Identifier(name), value, replace) for name, value in given))
    if _is_one(selection):
        return qualified(
            "update {table} set {changed}{where} returning id",
            table=table.identifier,
            changed=changed,
            where=where(selection),
        )
    updated = _update(table, changed, where(selection))
    return qualified("{update} returning {ids}", update=updated, ids=_returned(selection))


def fill_text(table: Table, key: str) -> Fragment:
    """Take the text of records that have none from a key of their metadata; returns how many these are."""
    given = Param(key)
    text = qualified("text=metadata ->> {key}::pg_catalog.text", key=given)
    found = qualified(
        " where text is null and "
        "pg_catalog.jsonb_typeof(metadata::pg_catalog.jsonb -> {key}::pg_catalog.text) = 'string'",
        key=given,
    )
    if table.mapped is None:
        filled = _update(table, text, found)
    else:
        # Other ids than text have no order of bytes.
        filled = qualified("update {table} set {text}{found}", table=table.identifier, text=text, found=found)
    return qualified("with filled as ({filled} returning 1) select pg_catalog.count(*) from filled", filled=filled)


def _is_one(selection: Selection) -> bool:
    # A single row is in order by itself, and its change needs no second look at the table.
    return selection.ids is not None and len(selection.ids) <= 1 and not selection.whole


def _returned(selection: Selection) -> Fragment:
    return Fragment(("t.id, t.document_id" if selection.whole else "t.id",))


def _delete(table: Table, found: Fragment) -> Fragment:
    if not locks_rows(table, deleted=True):
        return qualified("delete from {table} as t{found}", table=table.identifier, found=found)
    # By what was asked for and not by what was locked: row-level security may hide from a lock what it lets be deleted.
    return qualified(
        "{locked} delete from {table} as t{found} and (select pg_catalog.count(*) from locked) >= 0",
        locked=_locked(table, found, "for update"),
        table=table.identifier,
        found=found,
    )


def _update(table: Table, changed: Fragment, found: Fragment) -> Fragment:
    if not locks_rows(table):
        return qualified(
            "update {table} as t set {changed}{found}", table=table.identifier, changed=changed, found=found
        )
    return qualified(
        "{locked} update {table} as t set {changed} from locked where t.id = locked.id",
        # As strong as an update that leaves the id alone: what refers to a row by a foreign key does not wait.
        locked=_locked(table, found, "for no key update"),
        table=table.identifier,
        changed=changed,
    )


def _locked(table: Table, found: Fragment, lock: LiteralString) -> Fragment:
    # A row that was changed meanwhile is looked at again when it is locked, so what no longer matches stays out.
    return qualified(
        'with locked as materialized (select id from {table}{found} order by id collate pg_catalog."C" {lock})',
        table=table.identifier,
        found=found,
        lock=Fragment((lock,)),
    )


def _changed(column: Identifier, value: str, replace: bool) -> Fragment:
    if replace:
        return fragment("{column} = {value}::pg_catalog.jsonb", column=column, value=value)
    # vecs 0.4 wrote any JSON; merging into an array would append to it.
    return qualified(
        "{column}=case when pg_catalog.jsonb_typeof({column}) = 'object' then {column} "
        "else '{{}}'::pg_catalog.jsonb end || {value}::pg_catalog.jsonb",
        column=column,
        value=value,
    )
