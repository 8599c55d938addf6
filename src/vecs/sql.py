"""
SQL as vecs itself writes it: a literal template, and every value a parameter.

For integrations, and for your own statements on a connection that `client.connection()` lends:

    >>> from vecs.sql import Identifier, execute, first_column, fragment, join
    >>> docs = Identifier("vecs", "docs")
    >>> found = fragment("select id from {docs} where text = any({texts}::text[])", docs=docs, texts=["oil", "salt"])
    >>> statement = join(" ", [found, fragment("order by id limit {limit}::bigint", limit=10)])
    >>> statement
    Fragment('select id from "vecs"."docs" where text = any($1::text[]) order by id limit $2::bigint')
    >>> statement.render()[1]
    [['oil', 'salt'], 10]
    >>> with client.connection() as connection:
    ...     ids = first_column(execute(connection, statement))

A parameter has no type of its own: write one beside it, as `{limit}::bigint`.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor, Connection, RawCursor
from psycopg.rows import tuple_row

from vecs._sql.fragment import Fragment, Identifier, Literal, Param, fragment, join, qualified
from vecs._sql.scalars import first_column, only_value

__all__ = [
    "Fragment",
    "Identifier",
    "Literal",
    "Param",
    "async_execute",
    "execute",
    "first_column",
    "fragment",
    "join",
    "only_value",
    "qualified",
]


def execute(connection: Connection[Any], statement: Fragment, *, prepare: bool | None = None) -> list[tuple[Any, ...]]:
    """
    Run a statement on a connection of psycopg; return its rows as tuples, none where it has none.

    The connection's own cursors and row factory are left out of it. `prepare` is that of psycopg's `execute()`:
    False never prepares the statement, None does so when it was sent often.
    """
    cursor = RawCursor(connection, row_factory=tuple_row)
    cursor.execute(*statement.render(), prepare=prepare)
    return [] if cursor.description is None else cursor.fetchall()


async def async_execute(
    connection: AsyncConnection[Any], statement: Fragment, *, prepare: bool | None = None
) -> list[tuple[Any, ...]]:
    """Do what `execute()` does, on an async connection."""
    cursor = AsyncRawCursor(connection, row_factory=tuple_row)
    await cursor.execute(*statement.render(), prepare=prepare)
    return [] if cursor.description is None else await cursor.fetchall()
