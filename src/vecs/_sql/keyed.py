"""What records are counted, summed up or sorted by: a key of their metadata, or a column."""

from __future__ import annotations

from typing import NamedTuple

from vecs._sql.filters import of_shown, value_at
from vecs._sql.fragment import Fragment, Identifier, qualified
from vecs._sql.mapped import exact
from vecs.columns import TableColumn

# The columns of a record that keys may name.
OWN_COLUMNS = {"$id": "id", "$document_id": "document_id", "$text": "text"}


class Keyed(NamedTuple):
    """
    A metadata key or path, or "$" and a column.

    `column` is that of the key, if it is one beside a record's own; `shown` is true for a path that may lead into one.
    """

    key: str
    column: TableColumn | None = None
    shown: bool = False


def column_at(keyed: Keyed) -> Fragment | None:
    """Return the column that a key names; None for a key of metadata."""
    if keyed.column is not None:
        return qualified("{column}", column=Identifier(keyed.column.reference))
    if keyed.key in OWN_COLUMNS:
        return qualified("{column}", column=Identifier(OWN_COLUMNS[keyed.key]))
    return None


def json_at(keyed: Keyed) -> Fragment:
    """Return the value at a key as jsonb; NULL for a record that has no such key."""
    column = column_at(keyed)
    if column is not None:
        if keyed.column is not None and keyed.column.kind == "numeric":
            # As results have it: what floats would round is a string.
            return exact(column)
        return qualified("pg_catalog.to_jsonb({column})", column=column)
    return of_shown(value_at(keyed.key)) if keyed.shown else value_at(keyed.key)
