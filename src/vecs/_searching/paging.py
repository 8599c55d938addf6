"""Pages in the order of a key: what to sort by, and the cursor that says where a page ended."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Any, cast

from vecs._checks.json import check_storable
from vecs._checks.shown import brief
from vecs._searching.keys import checked_keyed
from vecs._sql.filters import KEY_TYPES, KeyType
from vecs._sql.indexes import IndexInfo
from vecs._sql.keyed import OWN_COLUMNS
from vecs._sql.ordering import Order, Place
from vecs._sql.selection import Selection
from vecs._sql.tables import Table
from vecs.columns import ColumnKind
from vecs.exc import ArgError

# Kinds of columns that have an order.
_SORTED: tuple[ColumnKind, ...] = (
    "integer",
    "numeric",
    "float",
    "text",
    "uuid",
    "date",
    "timestamp",
    "timestamptz",
    "enum",
)


def checked_order(order_by: Any, table: Table) -> Order:
    """Return what `order_by` means, without the type of values; raises ArgError for what has no order."""
    if order_by is None:
        order_by = "$id"
    if not isinstance(order_by, str):
        raise ArgError(f"order_by must be a metadata key such as 'published' or '-published', not {brief(order_by)}")
    key = order_by[1:] if order_by[:1] in ("-", "+") else order_by
    keyed = checked_keyed(key, table, "order_by")
    if key == "$text":
        raise ArgError("order_by='$text': texts are not sorted by; sort by '$id', '$document_id' or a metadata key")
    if keyed.column is not None and keyed.column.kind not in _SORTED:
        what = f"column {brief(keyed.column.name)} is {keyed.column.shown}"
        raise ArgError(f"order_by={brief(order_by)}: {what}, which has no order")
    return Order(keyed, order_by.startswith("-"))


def check_pages(order_by: Any, offset: int, selection: Selection) -> None:
    """Raise ArgError for what does not go together with pages in the order of a key."""
    if offset:
        raise ArgError(f"offset={offset} does not go with order_by= and after=; give the cursor of the page before")
    if selection.ids is not None and order_by is None:
        raise ArgError("after= needs order_by= where ids are given, whose records come in the order of the ids")


def needs_type(order: Order) -> bool:
    """Whether the type of the values decides how they are sorted: that of a metadata key does."""
    return order.keyed.column is None and order.keyed.key not in OWN_COLUMNS


def indexed_type(indexes: Iterable[IndexInfo], key: str) -> KeyType | None:
    """Return the type of the metadata index at a key; None if there is none, or one for each type."""
    types: set[KeyType | None] = {index.key_type for index in indexes if index.key == key and index.valid}
    return types.pop() if len(types) == 1 else None


def likely_type(found: Iterable[str]) -> KeyType:
    """Return the type of values to sort by, of the JSON types that they have, most frequent first."""
    for each in found:
        if each in ("number", "string"):
            return "number" if each == "number" else "string"
    return "number"


def written_cursor(order: Order, place: Place) -> str:
    """Return a place as text that can be part of a URL."""
    parts = [_spelled(order), order.type, place.value, place.id]
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_cursor(after: Any, order: Order) -> tuple[KeyType | None, Place]:
    """Return what a cursor tells: the type of the values, and the place; raises ArgError for one of another order."""
    parts = _parts_of(after)
    if len(parts) != 4 or not _are_of_a_cursor(parts):
        raise _no_cursor(after)
    spelled, type, value, id = parts
    if spelled != _spelled(order) or (type is None) is needs_type(order):
        raise ArgError(f"after= is a cursor of order_by={spelled!r}, and this is order_by={_spelled(order)!r}")
    check_storable(f"{value}{id}", "the cursor after=")
    return type, Place(value, id)


def _parts_of(after: Any) -> Sequence[Any]:
    if not isinstance(after, str):
        raise _no_cursor(after)
    try:
        read = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (ValueError, RecursionError):
        raise _no_cursor(after) from None
    return cast("Sequence[Any]", read) if isinstance(read, list) else ()


def _are_of_a_cursor(parts: Sequence[Any]) -> bool:
    spelled, type, value, id = parts
    return (
        isinstance(spelled, str)
        and (type is None or type in KEY_TYPES)
        and (value is None or isinstance(value, str))
        and isinstance(id, str)
    )


def _no_cursor(after: Any) -> ArgError:
    return ArgError(f"after= takes the cursor of a page, as `page.cursor` of what get() returned; not {brief(after)}")


def _spelled(order: Order) -> str:
    return f"-{order.keyed.key}" if order.descending else order.keyed.key
