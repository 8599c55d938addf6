"""Reads how a query's words are looked for."""

from __future__ import annotations

from collections.abc import Sequence

from vecs._async.sending.executor import AsyncExecutor
from vecs._sql.keywords import find_dropped, find_terms, has_words
from vecs._sql.scalars import first_column, only_value
from vecs._sql.tables import Table
from vecs._sql.terms import Terms, WordStatistics, find_statistics, read_statistics, terms_of


async def read_words(executor: AsyncExecutor, table: Table) -> WordStatistics:
    """Read how common the words of a collection are, as the planner knows it."""
    return read_statistics(await executor.read(find_statistics(table)))


async def dropped_words(executor: AsyncExecutor, table: Table, text: str, encoding: str) -> list[str]:
    """Read which words of a text are not looked for."""
    return first_column(await executor.read(find_dropped(table, text, encoding)))


async def any_words(executor: AsyncExecutor, table: Table) -> bool:
    """Read whether any record has words to be found by."""
    return only_value(await executor.read(has_words(table)))


async def query_terms(
    executor: AsyncExecutor, table: Table, texts: Sequence[str], known: WordStatistics
) -> list[Terms]:
    """Return the terms of each text."""
    asked = list(dict.fromkeys(texts))
    answers = await executor.read_many([find_terms(table, text, known) for text in asked])
    found = {text: terms_of(rows, known) for text, rows in zip(asked, answers, strict=True)}
    return [found[text] for text in texts]
