"""The neighbours of records in their documents, in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from vecs._sql.answers import Columns, Row, select_list
from vecs._sql.fragment import Fragment, Param, qualified
from vecs._sql.selection import is_one_of
from vecs._sql.tables import Table

# Behind the columns of a record: its place in its document, from 1.
PLACE = 6


def neighbours(
    table: Table, columns: Columns, ids: Sequence[str], documents: Sequence[str], around: tuple[int, int]
) -> Fragment:
    """
    Read the records with these ids, of these documents, and those that stand so many places before and after them.

    The order is that of `in_order_of`: by the number at the end of the id, so that chunk 1000 comes after chunk 999.
    """
    before, after = around
    return qualified(
        """
        select {columns}, found.place
        from (
            select id as member, document_id as owner, pg_catalog.row_number() over reading as place,
                   pg_catalog.bool_or(id = any({ids}::pg_catalog.text[])) over (
                       reading rows between {after}::bigint preceding and {before}::bigint following
                   ) as is_near
            from {table} where {of_documents}
            window reading as (
                partition by document_id
                order by pg_catalog.rtrim(id, '0123456789') collate pg_catalog."C",
                         coalesce(pg_catalog.substring(id, '[0-9]+$'), '0')::pg_catalog.numeric, id
            )
        ) as found join {table} on {same}
        where found.is_near
        order by found.owner, found.place
        """,
        columns=select_list(table, columns),
        ids=list(ids),
        of_documents=is_one_of(table.document_key, Param(list(documents)), "document_id"),
        before=before,
        after=after,
        table=table.source,
        same=table.is_record(qualified("found.member")),
    )


def places(rows: Sequence[Row]) -> list[int]:
    """Return the place of each record in its document."""
    return [row[PLACE] for row in rows]
