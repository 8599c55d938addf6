"""Keys that records are grouped, counted or sorted by, checked."""

from __future__ import annotations

from typing import Any

from vecs._checks.json import check_storable
from vecs._checks.shown import brief
from vecs._sql.advice import why_no_key
from vecs._sql.keyed import OWN_COLUMNS, Keyed
from vecs._sql.mapped import leads_into_column
from vecs._sql.tables import Table
from vecs.exc import ArgError
from vecs.filters import MAX_DEPTH, path_below_column


def checked_keyed(key: Any, table: Table, what: str) -> Keyed:
    """Return what a metadata key or path, or the name of a column, means in a table; `what` is the argument."""
    key = _checked_name(key, table, what)
    if key == "$document_id" and not table.has_documents:
        raise ArgError(f"{what}={key!r} needs {needs_documents(table)}")
    if key == "$text" and not table.has_text:
        raise ArgError(f"{what}={key!r} needs texts, and {_has_none(table, 'text')}")
    if key in OWN_COLUMNS:
        return Keyed(key)
    column = table.known_columns.get(key)
    if column is None and (why := why_no_key(table, key)) is not None:
        raise ArgError(f"{what}={brief(key)}: {why}")
    return Keyed(key, column, column is None and table.mapped is not None and leads_into_column(key, table.mapped))


def _checked_name(key: Any, table: Table, what: str) -> str:
    others = [name for name in table.known_columns if name not in OWN_COLUMNS]
    columns = ", ".join(map(repr, (*OWN_COLUMNS, *others)))
    if not isinstance(key, str) or not key:
        raise ArgError(f"{what} must be a metadata key or one of {columns}, not {brief(key)}")
    if (path := path_below_column(key, table.known_columns)) is not None:
        raise ArgError(f"{what}={brief(key)}: {path}")
    if key.startswith("$") and key not in (*OWN_COLUMNS, *others):
        raise ArgError(f"unknown column {brief(key)} for {what}; expected one of {columns}, or a metadata key")
    check_storable(key, f"{what}={brief(key)}")
    if key.count(".") >= MAX_DEPTH:
        raise ArgError(f"{what} is a path of more than {MAX_DEPTH} steps: {brief(key)}")
    return key


def needs_documents(table: Table) -> str:
    """Return what is missing, for what needs texts and documents."""
    return f"texts and document ids, and {_has_none(table, 'text' if not table.has_text else 'document_id')}"


def _has_none(table: Table, part: str) -> str:
    if table.attached:
        return f"attach() was not told of a column for them: give it {part}="
    return f"collection {table.name!r} keeps none; call its enable_text(), or create the collection with text=True"
