"""Reads the neighbours of matches in their documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._async.sending.executor import AsyncExecutor
from vecs._searching.context import ask_for_neighbours, contexts, with_context
from vecs._searching.request import Request, checked_context
from vecs._sql.answers import Columns
from vecs._sql.tables import Table
from vecs.records import Context, Match, Record


async def add_context(
    executor: AsyncExecutor, table: Table, answers: list[list[Match]], request: Request
) -> list[list[Match]]:
    """Return the matches with the neighbours that the request wants; one statement reads those of all answers."""
    if request.context is None:
        return answers
    statement = ask_for_neighbours(table, answers, request.context, request.columns)
    rows = [] if statement is None else await executor.read(statement)
    return with_context(table, answers, request.context, rows)


async def async_contexts_of(collection: Any, found: Sequence[Match | Record], around: tuple[int, int]) -> list[Context]:
    """Return the neighbours of matches or records of a collection, as its `search(context=)` does."""
    table: Table = await collection._table()
    wanted = checked_context(table, around)
    statement = ask_for_neighbours(table, [found], wanted, Columns())
    executor: AsyncExecutor = collection._executor
    rows = [] if statement is None else await executor.read(statement)
    return contexts(table, found, wanted, rows)
