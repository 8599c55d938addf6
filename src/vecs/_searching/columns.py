"""Which columns of the table a search or a read returns besides the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

from vecs._checks.meant import near
from vecs._checks.shown import brief
from vecs._sql.advice import check_unique
from vecs._sql.tables import Table
from vecs.columns import TableColumn
from vecs.exc import ArgError

# Names of columns, or True for all that are neither a part of the record nor a key of its metadata.
IncludeColumns: TypeAlias = "Iterable[str] | bool"


def checked_columns(table: Table, wanted: Any) -> tuple[TableColumn, ...]:
    """Return the columns that `include_columns=` names; raises ArgError for others."""
    if wanted is None or wanted is False:
        return ()
    # They are read by the ids of what was found.
    check_unique(table, "include_columns=")
    if wanted is True:
        return table.other_columns
    if isinstance(wanted, str | Mapping) or not isinstance(wanted, Iterable):
        raise ArgError(
            f"include_columns must be a list of names of columns, True or False, not {brief(cast('Any', wanted))}"
        )
    there = table.extras if table.mapped is None else table.mapped.columns
    known = {column.name: column for column in there}
    found: dict[str, TableColumn] = {}
    for name in cast("Iterable[Any]", wanted):
        if name not in known:
            meant = near(name, known) if isinstance(name, str) else None
            hint = "" if meant is None else f"; did you mean {meant!r}?"
            listed = ", ".join(map(brief, known)) or "none besides those of the record"
            raise ArgError(f"include_columns names {brief(name)}, which is no column of {table.name!r}: {listed}{hint}")
        found[name] = known[name]
    return tuple(found.values())
