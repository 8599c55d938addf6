"""Which records a statement is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from vecs._sql.fragment import EMPTY, Fragment, Literal, Param, join, qualified
from vecs._sql.tables import Table
from vecs._sql.unpacked import matching
from vecs.filters import Filter


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
    return (same,)


def conditions(selection: Selection) -> list[Fragment]:
    """Return what records of a selection meet."""
    parts: list[Fragment] = []
    if selection.ids is not None:
        # One array, never a placeholder each: one statement whatever the count.
        given = Param(list(selection.ids))
        parts.append(qualified("id = any({ids}::pg_catalog.text[])", ids=given))
        if selection.whole:
            of_documents = qualified("document_id = any({ids}::pg_catalog.text[])", ids=given)
            parts = [qualified("({record} or {document})", record=parts[0], document=of_documents)]
    if selection.document_ids is not None:
        parts.append(qualified("document_id = any({ids}::pg_catalog.text[])", ids=list(selection.document_ids)))
    if selection.filters is not None:
        parts.append(matching(selection.filters))
    if selection.within is not None:
        parts.append(selection.within)
    return parts


def selects_nothing(selection: Selection) -> bool:
    """Whether an empty list of ids or of documents was given."""
    return selection.ids == [] or selection.document_ids == []
