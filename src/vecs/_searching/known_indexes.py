"""What is known of a collection's indexes, and what every search asks of that."""

from __future__ import annotations

from collections.abc import Iterable

from vecs._sql.indexes import IndexInfo
from vecs._sql.settings import NO_SETTINGS, Settings
from vecs._sql.vectors import fits_half
from vecs.measures import IndexMeasure, MeasureSpec
from vecs.records import StoredVector

# From so many records on, pgvector's own hnsw.max_scan_tuples (20,000) ends a scan earlier than a tenth of the table
# would.
LARGE_COLLECTION = 400_000
# With this many records, comparing all of them takes so long that vecs advises an index.
WORTH_AN_INDEX = 10_000
# Bytes per record in the index on ids: for an estimate if the server has no statistics yet.
_BYTES_PER_ID = 64


class KnownIndexes:
    """The valid indexes of a collection; what follows from them is found once."""

    def __init__(self, indexes: Iterable[IndexInfo] = ()) -> None:
        self.all = tuple(index for index in indexes if index.valid)
        # Indexes that the user made count, too: any of them may answer.
        self.approximate = any(index.approximate for index in self.all)
        self.on_parts = any(index.approximate and index.condition is not None for index in self.all)
        # About how many records there are; 0 where that is not known.
        self.rows = max((index.rows for index in self.all), default=0)
        guess = max((index.size_bytes for index in self.all if index.primary), default=0) // _BYTES_PER_ID
        self.estimate = self.rows or guess
        # Whether there are so many records that vecs advises an index.
        self.worth_an_index = self.estimate >= WORTH_AN_INDEX
        self._best: dict[IndexMeasure, IndexInfo | None] = {}
        self._limits: dict[int, Settings] = {}

    def best(self, measure: MeasureSpec) -> IndexInfo | None:
        """Return the index that answers searches by a measure, or None."""
        if measure.measure not in self._best:
            self._best[measure.measure] = best_index(self.all, measure)
        return self._best[measure.measure]

    def scan_limit(self, rows: int) -> Settings:
        """Return the setting that ends a scan for so many rows where comparing all that match is faster."""
        if self.rows == 0 or self.rows >= LARGE_COLLECTION:
            return NO_SETTINGS
        if rows not in self._limits:
            # At about a tenth of the records. In powers of two: a growing collection seldom changes the setting.
            most = max(_next_power_of_two(max(self.rows // 10, 512)), 4 * rows)
            self._limits[rows] = {"hnsw.max_scan_tuples": str(min(most, 2**31 - 1))}
        return self._limits[rows]


def _next_power_of_two(number: int) -> int:
    return 1 << number.bit_length()


NO_INDEXES = KnownIndexes()


def best_index(indexes: Iterable[IndexInfo], measure: MeasureSpec) -> IndexInfo | None:
    """Return the index of the highest precision that answers searches by a measure, or None."""
    best: IndexInfo | None = None
    for index in indexes:
        if index.measure is measure.measure and index.precision == "full":
            # Nothing is better: most searches end here.
            return index
        if measure.measure in index.measures and (best is None or index.precision == "half"):
            best = index
    return best


def usable(index: IndexInfo | None, vec: StoredVector) -> IndexInfo | None:
    """Return the index if a query can ask it: what half precision cannot hold is compared with every record."""
    return None if index is not None and index.precision == "half" and not fits_half(vec) else index
