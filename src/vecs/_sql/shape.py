"""What a search statement looks like, before the vector and the words are put in."""

from __future__ import annotations

from typing import NamedTuple

from vecs._sql.answers import Columns
from vecs._sql.selection import EVERYTHING, Selection
from vecs._sql.tables import Table
from vecs.columns import TableColumn
from vecs.measures import MeasureSpec
from vecs.storage import Precision


class Fusion(NamedTuple):
    """
    How nearness and words are fused; pairs are of the vector side and of the keyword side.

    Without `weights`, words weigh as much as the best record stands out by them; by ranks, both sides weigh the same.
    `around` counts the records around the query that pass the filter, too.
    """

    candidates: tuple[int, int]
    weights: tuple[float, float] | None = None
    rrf_constant: int | None = None
    around: bool = False


class Grouping(NamedTuple):
    """
    Of which groups a search finds the best `size` records each: `key` is a metadata key, or "$" and a column.

    `column` is that of the key, if it is one beside a record's own; `shown` is true for a path that may lead into one.
    """

    key: str
    size: int = 1
    column: TableColumn | None = None
    shown: bool = False


class Shape(NamedTuple):
    """
    A search statement without its vector and its words. Equal shapes without a filter have one text.

    `limit` and `offset` are those of the statement. `exact` compares every record that matches, and makes a candidate
    of every record that has any of the words. `precision` is that of the index: of a lower one than "full",
    `candidates` are compared by their exact distance. `pool` is how many candidates a search under a filter takes,
    None where it takes none; with `probe` the records around the query are looked at, too. `fusion` is for searches
    by nearness and words. With `groups`, limit and offset count groups, and `pool` is how many records are grouped,
    None for all.
    """

    table: Table
    measure: MeasureSpec
    columns: Columns
    limit: int
    offset: int = 0
    selection: Selection = EVERYTHING
    exact: bool = False
    precision: Precision = "full"
    candidates: int = 0
    pool: int | None = None
    probe: bool = False
    fusion: Fusion | None = None
    groups: Grouping | None = None

    @property
    def rows_of_index(self) -> int:
        """How many rows the statement takes of the index on the vectors."""
        if self.precision != "full":
            return self.candidates
        if self.groups is not None and self.fusion is None:
            return self.pool or 0
        return self.limit + self.offset if self.fusion is None else self.fusion.candidates[0]
