"""What to say of writes that a table of somebody else refuses."""

from __future__ import annotations

from vecs._checks.shown import brief
from vecs._sql.advice import shown
from vecs._sql.tables import Table
from vecs.exc import DatabaseError

_NOT_NULL = "23502"


def needed_columns(table: Table, error: DatabaseError) -> str | None:
    """Return which columns have to be declared, after an error for a new row without a value; else None."""
    if error.sqlstate != _NOT_NULL or table.mapped is None:
        return None
    needed = [column.name for column in table.mapped.undeclared if column.needed]
    if needed:
        return (
            f"a new row of {shown(table)} needs values for {', '.join(map(brief, needed))}: declare columns={needed!r} "
            "and give them in metadata, or give the columns defaults"
        )
    return f"a new row of {shown(table)} needs this value"
