"""Pages of records in the order of a key, each behind the last record of the page before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vecs._sql.answers import ID, Columns, Row, select_list
from vecs._sql.filters import KeyType, of_shown, typed_value
from vecs._sql.fragment import EMPTY, Fragment, Identifier, join, qualified
from vecs._sql.keyed import OWN_COLUMNS, Keyed, column_at, json_at
from vecs._sql.records import behind
from vecs._sql.selection import Selection, where
from vecs._sql.tables import Table

if TYPE_CHECKING:
    from typing_extensions import LiteralString

# Behind the parts of a record.
_VALUE = 6
# Values that are looked at to find their type.
_MOST_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Order:
    """What records are sorted by; `type` is that of the values of a metadata key."""

    keyed: Keyed
    descending: bool = False
    type: KeyType | None = None


@dataclass(frozen=True)
class Place:
    """Where a record stands: the value that it is sorted by, as text, and its id; None is behind all values."""

    value: str | None
    id: str


class Stretch(NamedTuple):
    """Which records in an order: behind a place, and so many."""

    after: Place | None = None
    limit: int | None = None


def read_place(row: Row, *, by_id: bool) -> Place:
    """Return the place of a record, of its row."""
    return Place(None if by_id else row[_VALUE], row[ID])


def types_at(table: Table, keyed: Keyed) -> Fragment:
    """Find the JSON types of the values at a key, among some of the records, most frequent first."""
    return qualified(
        """
        select pg_catalog.jsonb_typeof(found)
        from (select {value} as found from {table} where {value} is not null limit {most}::bigint) as sample
        group by 1 order by pg_catalog.count(*) desc, 1
        """,
        value=json_at(keyed),
        table=table.source,
        most=_MOST_LOOKED_AT,
    )


def select_ordered(table: Table, columns: Columns, selection: Selection, order: Order, stretch: Stretch) -> Fragment:
    """
    Read the records that have a value, in its order and then that of their ids, behind a place.

    Behind the parts of a record stands its value, as text.
    """
    value = _value(table, order)
    conditions = [] if stretch.after is None else [_beyond(table, order, value, stretch.after)]
    if not _by_id(order):
        conditions.insert(0, qualified("{value} is not null", value=value))
    direction: LiteralString = "{value} desc" if order.descending else "{value}"
    sorting = [qualified(direction, value=value), *([] if _by_id(order) else [table.order])]
    found = _columns(table, columns, _text(order, value))
    return _select(table, found, where(selection, *conditions), join(", ", sorting), stretch.limit)


def select_unvalued(table: Table, columns: Columns, selection: Selection, order: Order, stretch: Stretch) -> Fragment:
    """Read the records that have no value to be sorted by, in the order of their ids, behind a place."""
    conditions = [qualified("{value} is null", value=_value(table, order))]
    if stretch.after is not None:
        conditions.append(behind(table, stretch.after.id))
    found = _columns(table, columns, qualified("null::pg_catalog.text"))
    return _select(table, found, where(selection, *conditions), table.order, stretch.limit)


def _columns(table: Table, columns: Columns, text: Fragment) -> Fragment:
    # With a name of its own: ORDER BY takes those of the answer before those of the table.
    return qualified("{columns}, {text} as place", columns=select_list(table, columns), text=text)


def _select(table: Table, columns: Fragment, where: Fragment, sorting: Fragment, limit: int | None) -> Fragment:
    return qualified(
        "select {columns} from {table}{where} order by {sorting}{limit}",
        columns=columns,
        table=table.source,
        where=where,
        sorting=sorting,
        limit=EMPTY if limit is None else qualified(" limit {limit}::bigint", limit=limit),
    )


def _by_id(order: Order) -> bool:
    return order.keyed.key == "$id"


def _value(table: Table, order: Order) -> Fragment:
    """Return what is sorted by, such that an index on it has that order."""
    if _by_id(order):
        # By the ids' own type, as everywhere.
        return table.order
    column = column_at(order.keyed)
    if column is not None:
        return column
    value = typed_value(order.keyed.key, order.type or "number")
    return of_shown(value) if order.keyed.shown else value


def _text(order: Order, value: Fragment) -> Fragment:
    if order.keyed.column is not None:
        # Dates are then in ISO form, whatever the session's DateStyle is.
        return qualified("(pg_catalog.to_jsonb({value}) #>> '{{}}')", value=value)
    return qualified("{value}::pg_catalog.text", value=value)


def _beyond(table: Table, order: Order, value: Fragment, after: Place) -> Fragment:
    if _by_id(order):
        return behind(table, after.id, descending=order.descending)
    # An index has its place by the first condition; the others decide among the equal values there.
    return qualified(
        "({value}{from_there}{bound} and ({value}{beyond}{bound} or {behind}))",
        value=value,
        from_there=_operator(order, "<=" if order.descending else ">="),
        beyond=_operator(order, "<" if order.descending else ">"),
        bound=qualified("{text}::{type}", text=after.value, type=_type(order)),
        behind=behind(table, after.id),
    )


def _operator(order: Order, name: str) -> Fragment:
    column = order.keyed.column
    # Types of extensions, as citext is one, have operators of their own, which ORDER BY uses.
    schema = column.type.schema if column is not None and column.kind == "text" else "pg_catalog"
    return Fragment((f" operator({Identifier(schema).sql}.{name}) ",))


def _type(order: Order) -> Identifier:
    if order.keyed.column is not None:
        return Identifier(order.keyed.column.type.schema, order.keyed.column.type.name)
    is_number = order.keyed.key not in OWN_COLUMNS and order.type == "number"
    return Identifier("pg_catalog", "numeric" if is_number else "text")
