"""Reading records by id, by condition and page by page; counting them."""

from __future__ import annotations

from typing import NamedTuple

from vecs._sql.answers import Columns, select_list
from vecs._sql.fragment import EMPTY, Fragment, fragment
from vecs._sql.selection import Selection, where
from vecs._sql.table import Table


class Page(NamedTuple):
    """Which of the selected records, in id order: so many, from an offset on, or behind an id."""

    limit: int | None = None
    offset: int = 0
    after: str | None = None


ALL = Page()


def select_records(table: Table, columns: Columns, selection: Selection, page: Page = ALL) -> Fragment:
    """Read records by id order."""
    after = [] if page.after is None else [fragment("id > {after}::text", after=page.after)]
    return fragment(
        "select {columns} from {table}{where} order by id{limit}{offset}",
        columns=select_list(table, columns),
        table=table.identifier,
        where=where(selection, *after),
        limit=EMPTY if page.limit is None else fragment(" limit {limit}::int8", limit=page.limit),
        offset=fragment(" offset {offset}::int8", offset=page.offset) if page.offset else EMPTY,
    )


def count_records(table: Table, selection: Selection) -> Fragment:
    """Count records exactly."""
    return fragment("select count(*) from {table}{where}", table=table.identifier, where=where(selection))


def select_unordered(table: Table, columns: Columns, selection: Selection, limit: int) -> Fragment:
    """Select by condition alone, in id order, with a NULL distance: what 0.4 did for `query(None)`."""
    return fragment(
        "select {columns}, null::float8 as distance from {table}{where} order by id limit {limit}::int8",
        columns=select_list(table, columns),
        table=table.identifier,
        where=where(selection),
        limit=limit,
    )
