"""The neighbours of matches: which records are asked for, and what each match gets of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vecs._sql.answers import Columns, Row, read_records
from vecs._sql.context import neighbours, places
from vecs._sql.fragment import Fragment
from vecs._sql.tables import Table
from vecs.records import Context, Match, Record, context_of


def ask_for_neighbours(
    table: Table, answers: Sequence[Sequence[Match | Record]], around: tuple[int, int], columns: Columns
) -> Fragment | None:
    """Return the statement that reads the neighbours of all matches; None if no match is part of a document."""
    parts = {
        str(match.id): str(match.document_id)
        for matches in answers
        for match in matches
        if match.document_id is not None
    }
    if not parts:
        return None
    columns = Columns(extra=columns.extra)
    return neighbours(table, columns, list(parts), sorted(set(parts.values())), around)


def with_context(
    table: Table, answers: Sequence[Sequence[Match]], around: tuple[int, int], rows: Sequence[Row]
) -> list[list[Match]]:
    """Return the matches with their neighbours."""
    following = iter(contexts(table, [match for matches in answers for match in matches], around, rows))
    return [[replace(match, context=next(following)) for match in matches] for matches in answers]


def contexts(
    table: Table, found: Sequence[Match | Record], around: tuple[int, int], rows: Sequence[Row]
) -> list[Context]:
    """
    Return the neighbours of each match or record.

    One whose record has changed since it was found gets none: its document may have been replaced.
    """
    placed: dict[str, tuple[int, Record]] = {}
    documents: dict[tuple[str, int], Record] = {}
    for place, record in zip(places(rows), read_records(table, rows), strict=True):
        placed[str(record.id)] = place, record
        documents[str(record.document_id), place] = record

    def context(match: Match | Record) -> Context:
        place, own = placed.get(str(match.id), (0, None))
        before: list[Record] = []
        after: list[Record] = []
        if own is not None and (own.document_id, own.text) == (match.document_id, match.text):
            document = str(own.document_id)
            before = [documents[document, at] for at in range(max(1, place - around[0]), place)]
            last = place + around[1]
            while place < last and (document, place + 1) in documents:
                place += 1
                after.append(documents[document, place])
        return context_of(match, before, after)

    return list(map(context, found))
