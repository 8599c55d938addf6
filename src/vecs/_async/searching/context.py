"""Reads the neighbours of matches in their documents."""

from __future__ import annotations

from vecs._async.sending.executor import AsyncExecutor
from vecs._searching.context import ask_for_neighbours, with_context
from vecs._searching.request import Request
from vecs._sql.tables import Table
from vecs.records import Match


async def add_context(
    executor: AsyncExecutor, table: Table, answers: list[list[Match]], request: Request
) -> list[list[Match]]:
    """Return the matches with the neighbours that the request wants; one statement reads those of all answers."""
    if request.context is None:
        return answers
    statement = ask_for_neighbours(table, answers, request.context, request.columns)
    rows = [] if statement is None else await executor.read(statement)
    return with_context(table, answers, request.context, rows)
