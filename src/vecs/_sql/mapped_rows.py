"""Records as rows of a mapped table: metadata is parted into columns and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from vecs._checks.shown import brief
from vecs._sql.mapped import Mapped, key_text
from vecs.columns import TableColumn, stored_value
from vecs.exc import ArgError

_SHOWN = 10


def stored_key(key: TableColumn, id: str, what: str) -> str:
    """Return an id as Postgres writes it; raises ArgError for one that the column cannot hold."""
    found = key_text(key, id)
    if found is None:
        made = "; stores make UUIDs where no ids are given: give ids=" if _is_uuid(id) and key.kind == "integer" else ""
        raise ArgError(f"{what} is no {key.shown}, which column {brief(key.name)} is{made}")
    return found


def _is_uuid(id: str) -> bool:
    try:
        return bool(UUID(id))
    except ValueError:
        return False


def parted(mapped: Mapped, metadata: Mapping[str, Any], what: str, table: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return metadata as what goes to declared columns and the rest.

    Raises ArgError for a value that does not fit its column, and for keys that have no place.
    """
    declared: dict[str, Any] = {}
    rest = dict(metadata)
    for column in mapped.declared:
        if column.name in rest:
            value = rest.pop(column.name)
            if not column.computed:
                declared[column.name] = stored_value(column, value, f"{what}: {brief(column.name)}")
    if rest and "metadata" not in mapped.parts:
        raise ArgError(_without_place(mapped, rest, what, table))
    return declared, rest


def _without_place(mapped: Mapped, rest: Iterable[Any], what: str, table: str) -> str:
    keys = list(rest)
    names = {column.name for column in mapped.undeclared}
    there = [key for key in keys if key in names]
    listed = ", ".join(map(brief, keys[:_SHOWN])) + (", ..." if len(keys) > _SHOWN else "")
    if there:
        said = f"{table} was attached without columns for them: declare columns={there!r}"
        return f"{what} has the keys {listed}, and {said}"
    return (
        f"{what} has the keys {listed}, for which {table} has no columns: add them and declare them with "
        "columns=[...], or name a column of type jsonb with metadata=; such as alter table "
        f"{table} add column metadata jsonb"
    )
