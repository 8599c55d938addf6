"""What an upsert tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class UpsertResult(int):
    """
    The result of an upsert: an int, the number of records written. It also has `documents`, the number of theirs.

    A transform makes one or more records from a document. A record without a document counts as one document. With
    `batch_size=`, a document counts once per commit that wrote records of it. `embedded` is how many vectors a
    transform made. With `skip_unchanged=True`, `unchanged` is how many of the records that you gave were stored
    already, so that they were neither embedded nor written. `deleted` is how many records `replace_all()` deleted.
    `ids` are the ids that were made for records without one, in the order of these records.
    """

    records: int
    documents: int
    unchanged: int
    embedded: int
    deleted: int
    ids: Sequence[str]

    def __new__(
        cls,
        records: int,
        documents: int,
        unchanged: int = 0,
        embedded: int = 0,
        deleted: int = 0,
        ids: Sequence[str] = (),
    ) -> UpsertResult:
        """Make one of these numbers, and of the ids that were made."""
        made = super().__new__(cls, records)
        made.records, made.documents = int(records), documents
        made.unchanged, made.embedded, made.deleted = unchanged, embedded, deleted
        made.ids = ids
        return made

    def __reduce__(self) -> tuple[type[UpsertResult], tuple[Any, ...]]:
        return type(self), tuple(vars(self).values())

    def __repr__(self) -> str:
        always = ("records", "documents")
        # There may be very many ids.
        told = ((name, value) for name, value in vars(self).items() if name != "ids")
        shown = (f"{name}={value}" for name, value in told if value or name in always)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __str__(self) -> str:
        return int.__repr__(self)
