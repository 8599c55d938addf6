"""Keywords for a collection: their language, and text columns where there were none."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from vecs._async.indexing.guard import NO_TIMEOUT, altering
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._checks.arguments import callers_level
from vecs._checks.languages import language_hint
from vecs._checks.meant import near
from vecs._checks.shown import brief
from vecs._sql import languages, lexemes, reading, relations, tables, write
from vecs._sql.indexes import analyze
from vecs._sql.records import keys_of_texts
from vecs._sql.scalars import first_column, only_value
from vecs._sql.tables import Table
from vecs.exc import ArgError
from vecs.filters import checked_key

log = logging.getLogger("vecs")


async def find_language(session: AsyncSession, language: Any, otherwise: str = "") -> str:
    """
    Return a text search configuration as the server writes it; an unknown one raises ArgError.

    `otherwise` is what the error says where the name is like that of no language.
    """
    found: list[str] = []
    if isinstance(language, str) and language.isprintable():
        found = first_column(await session.execute(languages.find_language(language)))
    if not found:
        known = first_column(await session.execute(languages.list_languages()))
        hint = language_hint(language, known) or otherwise
        told = f"{hint} The" if hint else "the"
        raise ArgError(f"unknown language {brief(language)}; {told} server has {', '.join(known)}")
    return found[0]


async def try_language(client: Any, language: str) -> None:
    """Raise ArgError for a text search configuration that the server of a client does not know."""
    async with client._executor.transaction() as session:
        await find_language(session, language)


async def newest_preparation(session: AsyncSession) -> str:
    """Return how texts are prepared in new collections of this database."""
    return lexemes.newest(only_value(await session.execute(lexemes.server_encoding())))


async def enable_text(executor: AsyncExecutor, table: Table, language: str | None, text_key: str | None) -> int:
    """
    Give a collection the text columns that it lacks, and keywords in this language as this version makes them.

    Returns how many records got their text from the metadata key; warns where none has a string there.
    """
    if text_key is not None:
        checked_key(text_key)
    async with altering(executor, table, NO_TIMEOUT) as session:
        # An unknown language is refused whatever the table is.
        meant = _not_a_key(table, language)
        configuration = None if language is None else await find_language(session, language, meant)
        # Looked at under the lock: another client may have been faster.
        rows = await session.execute(relations.find_relation(table.schema, table.name))
        table = reading.read_table(rows, table.schema, table.name, table.extension) or table
        if reading.fills_keywords(rows):
            raise ArgError(
                f"the column text_search of {table.name!r} is not made by vecs, and whoever fills it may need it; "
                "drop the column first"
            )
        configuration = configuration or table.language or "english"
        preparation = await newest_preparation(session)
        changed = not table.has_text or (table.language, table.preparation) != (configuration, preparation)
        if changed:
            for statement in tables.add_text(table, configuration, preparation):
                await session.execute(statement)
            if table.comment:
                await session.execute(tables.write_comment(table, {**table.comment, "language": configuration}))
        # A table whose columns are of other types keeps no hashes.
        added = not table.has_hash and table.mapped is None
        if added:
            await session.execute(tables.add_hash(table))
        filled, others = 0, None
        if text_key is not None:
            filled = only_value(await session.execute(write.fill_text(table, text_key)))
            if not filled:
                others = only_value(await session.execute(keys_of_texts(table, text_key)))
    if changed or text_key is not None:
        # The weight of a word comes from the planner's statistics.
        async with executor.transaction(NO_TIMEOUT) as session:
            await session.execute(analyze(table))
    elif not added:
        log.info("collection %r has text and keywords in %s already; nothing to do", table.name, table.language)
    if text_key is not None and others is not None:
        # Only now: where warnings are errors, what was done stays done.
        warnings.warn(_without_key(table, text_key, others), UserWarning, stacklevel=callers_level())
    return filled


def _not_a_key(table: Table, language: Any) -> str:
    told = f"a key of metadata whose strings become texts is text_key={brief(language)}."
    return "" if table.has_text or not language else told


def _without_key(table: Table, key: str, others: list[str]) -> str:
    meant = near(key, others)
    hint = f"did you mean {meant!r}?" if meant else f"keys with strings are {brief(others)[1:-1]}" if others else ""
    return f"no record of {table.name!r} has a string under text_key={brief(key)}, so no text was filled in" + (
        f"; {hint}" if hint else ""
    )
