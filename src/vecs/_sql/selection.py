"""Which records a statement is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sql.advice import why_no_key
from vecs._sql.fragment import EMPTY, Fragment, Identifier, Literal, Param, join, qualified
from vecs._sql.mapped import Mapped, key_text, keys_of, of_table
from vecs._sql.tables import Table
from vecs._sql.unpacked import matching
from vecs.columns import TableColumn
from vecs.exc import ArgError, FilterError
from vecs.filters import Column, Filter, conditions_of
from vecs.typed import Typed


@dataclass(frozen=True)
class Selection:
    """
    Which records: they must meet all given parts; without any part, all records.

    `whole` is for ids that may be ids of documents: they mean all records of the document. `within` is any other
    condition on a record's columns.
    """

    ids: Sequence[str] | None = None
    document_ids: Sequence[str] | None = None
    filters: Filter | None = None
    whole: bool = False
    within: Fragment | None = None
    # The columns of the ids and of the documents' ids, where they are others; then the ids are such as they have.
    key: TableColumn | None = None
    document_key: TableColumn | None = None


EVERYTHING = Selection()


def where(selection: Selection, *more: Fragment) -> Fragment:
    """Return a WHERE clause, or nothing."""
    parts = [*more, *conditions(selection)]
    if not parts:
        return EMPTY
    return qualified(" where {conditions}", conditions=join(" and ", parts))


@lru_cache(maxsize=256)
def if_same(table: Table) -> tuple[Fragment, ...]:
    """
    Return the condition under which a statement fails if the table's name is now that of another one; or none.

    Postgres evaluates it once, when it plans: its error is of a cast, as in `documents.GUARD`.
    """
    if table.citus or not table.oid:
        return ()
    same = qualified(
        "case when {regclass}::pg_catalog.regclass::pg_catalog.oid = {oid}::pg_catalog.oid then true "
        "else 'vecs: made anew'::pg_catalog.text::pg_catalog.bool end",
        regclass=Literal(table.identifier.sql),
        oid=Literal(table.oid),
    )
    if not table.vec_number:
        return (same,)
    # Of a column that was dropped, nobody has privileges, not even none: null. This is looked at once per run.
    there = qualified(
        "pg_catalog.has_column_privilege({oid}::pg_catalog.oid, {number}::pg_catalog.int2, 'SELECT')",
        oid=Literal(table.oid),
        number=Literal(table.vec_number),
    )
    # Not a constant in the other branch, which would fail when it is planned.
    same_vectors = qualified(
        "case when {there} is not null then true "
        "else ('vecs: embedded anew ' || coalesce({there}::pg_catalog.text, ''))::pg_catalog.bool end",
        there=there,
    )
    return same, same_vectors


def conditions(selection: Selection) -> list[Fragment]:
    """Return what records of a selection meet."""
    parts: list[Fragment] = []
    if selection.ids is not None:
        # One array, never a placeholder each: one statement whatever the count.
        given = Param(list(selection.ids))
        parts.append(is_one_of(selection.key, given))
        if selection.whole:
            of_documents = qualified("document_id = any({ids}::pg_catalog.text[])", ids=given)
            parts = [qualified("({record} or {document})", record=parts[0], document=of_documents)]
    if selection.document_ids is not None:
        parts.append(is_one_of(selection.document_key, Param(list(selection.document_ids)), "document_id"))
    if selection.filters is not None:
        parts.append(matching(selection.filters))
    if selection.within is not None:
        parts.append(selection.within)
    return parts


def is_one_of(key: TableColumn | None, ids: Param, name: str = "id") -> Fragment:
    """Return the condition that an id is one of these: of a column of a mapped table, or of that of this name."""
    if key is None:
        return qualified("{column} = any({ids}::pg_catalog.text[])", column=Fragment((name,)), ids=ids)
    return qualified(
        "{column} = any({ids}::pg_catalog.text[]::{type}[])",
        column=Identifier(key.reference),
        ids=ids,
        type=Identifier(key.type.schema, key.type.name),
    )


def mapped_selection(
    mapped: Mapped, ids: Sequence[str] | None, documents: Sequence[str] | None, filters: Filter | None, *, writes: bool
) -> Selection:
    """
    Return a selection by the ids' own type.

    Ids that no row can have select nothing; where something is written, they raise ArgError.
    """
    return Selection(
        _keys(mapped.key, ids, "ids", writes),
        _keys(mapped.document_key, documents, "ids of documents", writes),
        None if filters is None else of_table(filters, mapped),
        key=None if ids is None else mapped.key,
        document_key=None if documents is None else mapped.document_key,
    )


def _keys(key: TableColumn | None, ids: Sequence[str] | None, what: str, writes: bool) -> Sequence[str] | None:
    """Return ids as Postgres writes them; raises ArgError for one that no row can have, where something is written."""
    if key is None or ids is None:
        return ids
    wrong = next((id for id in ids if key_text(key, id) is None), None)
    if writes and wrong is not None:
        raise ArgError(no_such_id(key, wrong, what))
    return keys_of(key, ids)


def selection_of(table: Table, ids: Sequence[str]) -> Selection:
    """Return the selection of records by their ids."""
    return Selection(ids, key=None if table.mapped is None else table.mapped.key)


def no_such_id(key: TableColumn, id: str, what: str = "ids") -> str:
    """Return what to say of an id that is not of the type of its column."""
    return f"the id {brief(id)} is no {key.shown}, which column {brief(key.name)}, that of the {what}, is"


def check_columns(filters: Filter, table: Table) -> None:
    """Refuse a condition on columns of a record, or keys of metadata, that the table does not have."""
    for part in conditions_of(filters):
        if not isinstance(part, Column | Typed):
            why = why_no_key(table, cast("Any", part).key)
            if why is not None:
                raise FilterError(why)
        if not isinstance(part, Column) or part.column == "id":
            continue
        if table.has_text if part.column == "text" else table.has_documents:
            continue
        if table.attached:
            raise FilterError(f"{part.key} needs a column that attach() was not told of: give it {part.column}=")
        raise FilterError(
            f"{part.key} is for collections with text, and collection {table.name!r} has none; call its "
            "enable_text(), or create the collection with text=True"
        )


def selects_nothing(selection: Selection) -> bool:
    """Whether an empty list of ids or of documents was given."""
    return selection.ids == [] or selection.document_ids == []
