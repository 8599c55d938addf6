"""How the server reads single words: which lexemes it would search for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._sql.fragment import Fragment, qualified
from vecs._sql.lexemes import lexemes
from vecs._sql.tables import Table


def lexemes_of(table: Table, words: Sequence[str]) -> Fragment:
    """Read which lexemes each of these words gives where the words of a table are indexed, in their order."""
    return qualified(
        """
        select pg_catalog.tsvector_to_array({read})
        from pg_catalog.unnest({words}::pg_catalog.text[]) with ordinality as given (word, place)
        order by place
        """,
        read=lexemes(table.language or "simple", qualified("word"), table.preparation),
        words=list(words),
    )


def read_lexemes(rows: Sequence[tuple[Any, ...]]) -> list[frozenset[str]]:
    """Read the answer of `lexemes_of`."""
    return [frozenset(found) for (found,) in rows]
