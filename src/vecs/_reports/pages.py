"""Records as a page: a list that knows where the next page begins."""

from __future__ import annotations

from collections.abc import Iterable

from vecs.records import Record


class Records(list[Record]):
    """
    The records that `get()` read: a list.

    `cursor` is where the next page begins, a string for `get(after=)`; None if there were no more records, or if the
    call had no `limit`, or ids. It holds the id of the last record and the value that it is sorted by, readable for
    anybody. A slice is a plain list.
    """

    cursor: str | None

    def __init__(self, records: Iterable[Record] = (), cursor: str | None = None) -> None:
        super().__init__(records)
        self.cursor = cursor
