"""Asks the server how it would run a search."""

from __future__ import annotations

from vecs._async.sending.executor import AsyncExecutor
from vecs._searching.plan import Query, Setup
from vecs._sql import search
from vecs._sql.scalars import first_column
from vecs._sql.settings import index_settings


async def explain(
    executor: AsyncExecutor, setup: Setup, query: Query, *, analyze: bool
) -> tuple[list[str], dict[str, str]]:
    """Return the server's plan for the first statement of a search, and the settings of index scans in force."""
    size = None if setup.pool is None else setup.pool.sizes[0]
    statement = search.explain(setup.statement(query, pool_size=size), analyze)
    plan = first_column(await executor.read(statement, setup.settings))
    return plan, dict(await executor.read(index_settings(), setup.settings))
