"""Reading records by id, by condition and page by page; counting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vecs._sql.answers import Columns, select_list
from vecs._sql.filters import value_at
from vecs._sql.fragment import EMPTY, Fragment, Identifier, qualified
from vecs._sql.mapped import as_object
from vecs._sql.selection import Selection, where
from vecs._sql.tables import Table
from vecs.columns import TableColumn

if TYPE_CHECKING:
    from typing_extensions import LiteralString


class Page(NamedTuple):
    """Which of the selected records, in id order: so many, from an offset on, or behind an id."""

    limit: int | None = None
    offset: int = 0
    after: str | None = None


ALL = Page()

# Records that are looked at for a warning: a twentieth of a second.
_MOST_LOOKED_AT = 10_000


def select_records(table: Table, columns: Columns, selection: Selection, page: Page = ALL) -> Fragment:
    """Read records by id order."""
    after = [] if page.after is None else [behind(table, page.after)]
    return qualified(
        "select {columns} from {table}{where} order by {order}{limit}{offset}",
        order=table.order,
        columns=select_list(table, columns),
        table=table.source,
        where=where(selection, *after),
        limit=EMPTY if page.limit is None else qualified(" limit {limit}::bigint", limit=page.limit),
        offset=qualified(" offset {offset}::bigint", offset=page.offset) if page.offset else EMPTY,
    )


def behind(table: Table, id: str, *, descending: bool = False) -> Fragment:
    """Return the condition that a record stands behind an id, or before it where ids descend."""
    type, name = Identifier("pg_catalog", "text"), table.order
    if table.mapped is not None:
        type = Identifier(table.mapped.key.type.schema, table.mapped.key.type.name)
    test: LiteralString = "{name} < {id}::{type}" if descending else "{name} > {id}::{type}"
    return qualified(test, name=name, id=id, type=type)


def select_columns(table: Table, ids: Sequence[str], columns: Sequence[TableColumn]) -> Fragment:
    """Read some columns of records as JSON objects, behind their ids."""
    key, type = Identifier("id"), Identifier("pg_catalog", "text")
    if table.mapped is not None:
        column = table.mapped.key
        key, type = Identifier(column.name), Identifier(column.type.schema, column.type.name)
    return qualified(
        "select t.{key}::pg_catalog.text, {columns} from {table} as t "
        "where t.{key} = any({ids}::pg_catalog.text[]::{type}[])",
        key=key,
        columns=as_object(columns),
        table=table.identifier,
        ids=list(ids),
        type=type,
    )


def count_records(table: Table, selection: Selection, *more: Fragment) -> Fragment:
    """Count exactly the records of a selection that also meet the conditions `more`."""
    return qualified(
        "select pg_catalog.count(*) from {table}{where}", table=table.source, where=where(selection, *more)
    )


def may_have_key(table: Table, key: str) -> Fragment:
    """
    Tell whether a record has a key in its metadata; true if there are no records, or too many to look at.

    Metadata that is not kept in its row is not unpacked: that may take seconds.
    """
    return qualified(
        """
        select coalesce(pg_catalog.bool_or(case when pg_catalog.pg_column_size(metadata) > 2000 then true
                                                else {found} is not null end), true)
            or pg_catalog.count(*) > {most}::bigint
        from (select metadata from {table} limit {most}::bigint + 1) as first
        """,
        found=value_at(key),
        most=_MOST_LOOKED_AT,
        table=table.source,
    )


def count_documents(table: Table, selection: Selection) -> Fragment:
    """Count documents exactly; a record without a document counts as one."""
    if not table.has_documents:
        return count_records(table, selection)
    return qualified(
        "select pg_catalog.count(distinct document_id) + pg_catalog.count(*) filter (where document_id is null) "
        "from {table}{where}",
        table=table.source,
        where=where(selection),
    )


def select_unordered(table: Table, columns: Columns, selection: Selection, limit: int) -> Fragment:
    """Select by condition alone, in id order, with a NULL distance: what 0.4 did for `query(None)`."""
    return qualified(
        "select {columns}, null::double precision as distance from {table}{where} "
        "order by {order} limit {limit}::bigint",
        order=table.order,
        columns=select_list(table, columns),
        table=table.source,
        where=where(selection),
        limit=limit,
    )
