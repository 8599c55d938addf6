"""Ids for records that were given without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal, TypeAlias, cast
from uuid import uuid4

from vecs._checks.shown import brief
from vecs.columns import TableColumn
from vecs.exc import ArgError
from vecs.records import Record

MadeIds: TypeAlias = Literal["uuid", "content"]
# As many as a UUID has, so that a column of that type takes them, too.
_DIGITS = 32


def checked_made_ids(given: Any) -> MadeIds:
    """Return how ids are made, or raise ArgError."""
    if given not in ("uuid", "content"):
        raise ArgError(f"ids must be 'uuid' or 'content', not {brief(given)}; the records have the ids themselves")
    return given


class IdMaker:
    """
    Gives records an id that have none: a random UUID, or what is always the same for the same text.

    `made` are those that it has made, in order. `key` is the column of the ids, if it is one of a table of its own.
    """

    def __init__(self, how: MadeIds, key: TableColumn | None = None) -> None:
        self.how: MadeIds = how
        self.made: list[str] = []
        self._key = key
        self._positions: dict[str, int] = {}

    def named(self, items: Sequence[Any], first: int) -> list[Any]:
        """Return what was given as records, all with an id; `first` is the position of the first one."""
        self._positions = {}
        return [self.name(item, position) for position, item in enumerate(items, first)]

    def name(self, item: Any, position: int) -> Any:
        """Return one of them."""
        if isinstance(item, Record):
            return item if cast("Any", item).id is not None else replace(item, id=self._make(item, position))
        if isinstance(item, tuple | list):
            parts = cast("Sequence[Any]", item)
            if len(parts) not in (2, 3) or parts[0] is not None:
                return parts
            text = parts[1] if isinstance(parts[1], str) else None
            return (self._make(Record("", text=text), position), *parts[1:])
        if isinstance(item, Mapping):
            fields = cast("Mapping[Any, Any]", item)
            if fields.get("id") is not None:
                return fields
            content = Record("", text=fields.get("text"), media=fields.get("media"))
            return {**fields, "id": self._make(content, position)}
        return item

    def _make(self, record: Record, position: int) -> str:
        if self._key is not None and self._key.kind == "integer":
            column = f"column {brief(self._key.name)}, that of the ids, is {self._key.shown}"
            raise ArgError(f"record {position} has no id, and none can be made: {column}; give every record an id")
        made = str(uuid4()) if self.how == "uuid" else _id_of(record, position)
        self.made.append(made)
        self._positions[made] = position
        return made

    def tell(self, error: ArgError) -> None:
        """Add to an error which of the records it is about, if it names the latest ones by ids made here."""
        said = str(error)
        found = next((position for id, position in self._positions.items() if id in said), None)
        if found is not None:
            error.args = (f"{said} (it is record {found}, and its id was made)",)


def _id_of(record: Record, position: int) -> str:
    text = record.text if record.text is not None else record.media
    if not isinstance(text, str):
        raise ArgError(f"record {position} has neither an id nor a text to make one of; leave out ids='content'")
    # A lone surrogate is refused where the text is checked, which says where it is.
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
