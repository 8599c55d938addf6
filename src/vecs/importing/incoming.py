"""What is read from another store, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vecs.measures import IndexMeasure
from vecs.records import Record


@dataclass(frozen=True)
class Incoming:
    """
    A collection of another store, to be loaded.

    `records` is how many it has. `dimension` is None if it holds nothing. `measure` is what nearness meant there.
    `batches` reads it from the start, some records at a time. `left_out` names what of each record is not read.
    """

    name: str
    records: int
    dimension: int | None
    has_text: bool
    measure: IndexMeasure | None
    batches: Callable[[], Iterator[list[Record]]]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """
    What became of it: `records` is how many were written, `total` how many the collection has now.

    `skipped` is how many had no vector. `name` is None if nothing was there to be made a collection of.
    """

    source: str
    name: str | None
    records: int
    skipped: int
    total: int
    measure: IndexMeasure | None
    left_out: tuple[str, ...] = ()
