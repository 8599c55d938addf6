"""How far an index build is: the phases of the server in plain words, and one percentage for all of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from vecs._sql.builds import ProgressRow

# Seconds over which a rate is taken.
_WINDOW = 5.0

# Which part of a build a phase is, from 0 to 1. These are guesses, the server does not tell. k-means and assigning
# are phases of IVFFlat, scanning and merging of GIN; validation and waiting belong to concurrent builds.
_PARTS: dict[str, tuple[float, float]] = {
    "initializing": (0.0, 0.0),
    "waiting for writers before build": (0.0, 0.0),
    "building index: performing k-means": (0.0, 0.2),
    "building index: assigning tuples": (0.2, 0.7),
    "building index: scanning table": (0.0, 0.7),
    "building index: sorting tuples": (0.7, 0.8),
    "building index: merging tuples": (0.7, 0.95),
    "waiting for writers before validation": (0.95, 0.95),
    "index validation: scanning index": (0.95, 0.96),
    "index validation: sorting tuples": (0.96, 0.96),
    "index validation: scanning table": (0.96, 0.99),
    "waiting for old snapshots": (0.99, 0.99),
}
_Unit: TypeAlias = Literal["tuples", "blocks", "transactions"]
_LOADING = "building index: loading tuples"


@dataclass(frozen=True)
class BuildProgress:
    """
    How far `index()` is.

    `phase` is in words, such as "loading tuples", "performing k-means", "waiting for writers". The last one is "done",
    or "exists already" if nothing had to be built. `percent` is the progress of the whole call, from 0 to 100; it never
    falls, and is None if the server does not tell. `done` and `total` count tuples (records), blocks of the table or
    transactions to wait for, within the phase. `rate` is how many per second, over the last five seconds. `seconds` is
    the time since the start.
    """

    index: str
    phase: str
    percent: float | None
    done: int
    total: int | None
    unit: Literal["tuples", "blocks", "transactions"] | None
    rate: float | None
    seconds: float


BuildReport: TypeAlias = "Callable[[BuildProgress], object | Awaitable[object]]"


class _Count(NamedTuple):
    """How many were done at a moment."""

    at: float
    done: int


class BuildTracker:
    """Makes BuildProgress of what the server says, for one call."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._percent: float | None = None
        self._phase = ""
        self._recent: deque[_Count] = deque()
        self._statement = (0, 1)
        self._index = ""
        self._rows: int | None = None

    def begin(self, index: str, number: int, count: int, rows: int | None = None) -> None:
        """Start reporting on index `number` of `count`, from 0 on, which is built from about `rows` records."""
        self._index, self._statement, self._rows, self._phase = index, (number, count), rows, ""

    def at(self, phase: str, percent: float | None = None, index: str | None = None) -> BuildProgress:
        """Report a phase of which no more is known."""
        self._index = self._index if index is None else index
        return self._report(phase, percent, 0, None, None)

    def read(self, row: ProgressRow | None) -> BuildProgress:
        """Report what the server tells; where it tells nothing, None, the last phase goes on."""
        if row is None:
            return self.at(self._phase or "building")
        phase = _in_words(row.phase)
        # The metadata index comes second, beside the one that was asked for.
        phase = f"metadata index: {phase}" if self._index.startswith("ix_meta_") else phase
        fraction = 0.0
        counted: tuple[int, int | None, _Unit | None]
        if row.phase.startswith("waiting"):
            counted = row.lockers_done or 0, row.lockers_total or None, "transactions"
        elif row.tuples_total:
            tuples = row.tuples_done or 0
            fraction = tuples / row.tuples_total
            counted = tuples, row.tuples_total, "tuples"
        elif row.tuples_done:
            # HNSW counts tuples without a total; the table's blocks have one.
            fraction = _share(row.blocks_done, row.blocks_total)
            counted = row.tuples_done, max(self._rows, row.tuples_done) if self._rows else None, "tuples"
        else:
            fraction = _share(row.blocks_done, row.blocks_total)
            counted = row.blocks_done or 0, row.blocks_total or None, "blocks" if row.blocks_total else None
        first, last = _PARTS.get(row.phase, (0.0, 0.0))
        if row.phase == _LOADING:
            first, last = (0.7, 0.95) if row.tuples_total else (0.0, 0.95)
        part = first + (last - first) * min(fraction, 1.0)
        return self._report(phase, self._overall(part), *counted)

    def _overall(self, part: float) -> float:
        # The index that was asked for takes most of the time. The last hundredth is for what comes after the builds.
        number, count = self._statement
        main = 99.0 if count == 1 else 94.0
        rest = 5.0 / (count - 1) if count > 1 else 0.0
        return main * part if number == 0 else main + rest * (number - 1 + part)

    def _report(
        self, phase: str, percent: float | None, done: int, total: int | None, unit: _Unit | None
    ) -> BuildProgress:
        now = time.monotonic()
        if phase != self._phase:
            self._phase = phase
            self._recent.clear()
        if percent is not None:
            self._percent = max(percent, self._percent or 0.0)
        self._recent.append(_Count(now, done))
        while now - self._recent[0].at > _WINDOW:
            self._recent.popleft()
        first = self._recent[0]
        rate = (done - first.done) / (now - first.at) if unit and now > first.at else None
        return BuildProgress(self._index, phase, self._percent, done, total, unit, rate, now - self._started)


def _share(done: int | None, total: int | None) -> float:
    return (done or 0) / total if total else 0.0


def _in_words(phase: str) -> str:
    words = phase.removeprefix("building index: ").replace("index validation:", "validating:")
    # The writers are those that began before the build, or before its second scan of the table.
    return "waiting for writers" if words.startswith("waiting for writers") else words
