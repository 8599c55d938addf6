"""Finds the query's words in the texts of matches; the server is asked how it reads words that are not known yet."""

from __future__ import annotations

from collections.abc import Sequence

from vecs._async.sending.executor import AsyncExecutor
from vecs._concurrency.calls import async_offload_many
from vecs._searching.highlights import look_up, size_of_texts, with_highlights
from vecs._searching.lexicon import Lexicon
from vecs._sql.highlights import lexemes_of, read_lexemes
from vecs._sql.tables import Table
from vecs.records import Match

# Some ten milliseconds of the server's time; beyond, several connections may work at it.
WORDS_PER_STATEMENT = 10_000
# For a text of this length it is a matter of a tenth of a millisecond to look for words.
_SHORT = 1000


async def add_highlights(
    executor: AsyncExecutor, lexicon: Lexicon, table: Table, answers: list[list[Match]], queries: Sequence[str]
) -> list[list[Match]]:
    """Return the matches with the places of the words that they have in common with their query."""
    reading, size = f"{table.preparation} {table.language}", size_of_texts(answers) // _SHORT
    words, lexemes, unknown = await async_offload_many(size, look_up, answers, queries, lexicon, reading)
    if unknown:
        parts = [unknown[at : at + WORDS_PER_STATEMENT] for at in range(0, len(unknown), WORDS_PER_STATEMENT)]
        rows = await executor.read_many([lexemes_of(table, part) for part in parts])
        read = dict(zip(unknown, (each for part in rows for each in read_lexemes(part)), strict=True))
        lexicon.learn(reading, read)
        lexemes |= read
    return await async_offload_many(size, with_highlights, answers, queries, words, lexemes)
