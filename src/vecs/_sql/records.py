"""Reading records by id, by condition and page by page; counting them."""

from __future__ import annotations

from vecs._sql.answers import Columns, select_list
from vecs._sql.fragment import EMPTY, Fragment, fragment
from vecs._sql.selection import Selection, where
from vecs._sql.table import Table


def select_records(
    table: Table,
    columns: Columns,
    selection: Selection,
    *,
    limit: int | None = None,
    offset: int = 0,
    after: str | None = None,
) -> Fragment:
    """Read records by id order; `after` continues behind an id."""
    page = [fragment("id > {after}::text", after=after)] if after is not None else []
    return fragment(
        "select {columns} from {table}{where} order by id{limit}{offset}",
        columns=select_list(table, columns),
        table=table.identifier,
        where=where(selection, *page),
        limit=EMPTY if limit is None else fragment(" limit {limit}::int8", limit=limit),
        offset=fragment(" offset {offset}::int8", offset=offset) if offset else EMPTY,
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
