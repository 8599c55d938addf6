"""Which colour each point has, and the legend that says what the colours mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from vecs._atlas.fields import Column, Values

# Ten that people with any kind of sight tell apart as well as can be, on white and on black: Okabe and Ito's, and more.
CATEGORIES = (
    "#4c8fd6",
    "#e69f00",
    "#1fa37c",
    "#d45f9c",
    "#8f6fe0",
    "#d5452f",
    "#5bbfe0",
    "#9a8a1e",
    "#b0713f",
    "#6fb94a",
)
OTHER = "#9aa0a6"
NONE = "#80868b"
# Viridis at equal steps, from dark to light; its darkest end would not be seen on black.
_VIRIDIS = ("#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725")
_STEPS = 64
_TICKS = 5
_LONGEST = 80


@dataclass(frozen=True)
class Entry:
    """A line of a legend: what it is called, its colour, and how many of the points have it."""

    label: str
    colour: str
    count: int


@dataclass(frozen=True)
class Colouring:
    """
    The colour of each point.

    `colours` are hex numbers; `classes` has the index of one for each point. For categories, `entries` stand beside
    them, one for each colour. For numbers and dates, `ticks` are pairs: where on the scale, from 0 to 1, and what
    stands there. `numbers` are the values themselves, NaN for none; the last colour is that of points without one.
    """

    kind: str
    colours: tuple[str, ...]
    classes: npt.NDArray[np.uint8]
    entries: tuple[Entry, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    numbers: Values | None = None

    def legend(self) -> dict[str, Any]:
        """Return all but what is of each point, as JSON."""
        given: dict[str, Any] = {"kind": self.kind, "colours": list(self.colours)}
        if self.numbers is None:
            given["entries"] = [vars(entry) for entry in self.entries]
        else:
            known = self.numbers[~np.isnan(self.numbers)]
            given["ticks"] = [list(tick) for tick in self.ticks]
            given["missing"] = len(self.numbers) - len(known)
            given["range"] = [float(known.min()), float(known.max())] if len(known) else [0.0, 0.0]
        return given


def one_colour(count: int) -> Colouring:
    """Return all points in one colour."""
    return Colouring("none", CATEGORIES[:1], np.zeros(count, dtype=np.uint8))


def colouring(column: Column) -> Colouring:
    """Return the colours of a column: ten categories and the others, or a scale of numbers or dates."""
    if column.kind == "category":
        return _by_category(column)
    return _by_number(column.numbers(), dates=column.kind == "date")


def _by_category(column: Column) -> Colouring:
    codes, values = column.codes(), column.values()
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    order = sorted(range(len(values)), key=lambda code: (-counts[code], label_of(values[code])))
    # One that stands alone in the rest is as well named.
    named = order[: len(CATEGORIES)]
    if all(isinstance(values[code], int | float) for code in named):
        named = sorted(named, key=lambda code: values[code])
    entries = [Entry(label_of(values[code]), CATEGORIES[at], int(counts[code])) for at, code in enumerate(named)]
    rest = len(order) - len(named)
    if rest:
        many = sum(int(counts[code]) for code in order[len(named) :])
        entries.append(Entry(f"{rest:,} other value{'s' if rest > 1 else ''}", OTHER, many))
    missing = int((codes < 0).sum())
    if missing:
        entries.append(Entry("none", NONE, missing))
    # The last of these is what -1, no value, means.
    classes = np.full(len(values) + 1, len(named), dtype=np.uint8)
    classes[named] = np.arange(len(named))
    classes[-1] = len(entries) - 1
    colours = tuple(entry.colour for entry in entries)
    return Colouring("category", colours, classes[codes], tuple(entries))


def label_of(value: Any) -> str:
    """Return a value as it stands in a legend, in one line."""
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    shown = " ".join(shown.split()) or "(empty)"
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _by_number(numbers: Values, *, dates: bool) -> Colouring:
    known = numbers[~np.isnan(numbers)]
    low, high = _bounds(known)
    with np.errstate(invalid="ignore"):
        share: Values = (numbers - low) / (high - low) if high > low else numbers * 0 + 0.5
        share = np.minimum(np.maximum(share, 0), 1)
    classes = np.where(np.isnan(share), _STEPS, np.minimum(share * _STEPS, _STEPS - 1)).astype(np.uint8)
    written = _date_at if dates else _number_at
    places = [at / (_TICKS - 1) for at in range(_TICKS)]
    ticks = tuple((at, written(low + (high - low) * at, high - low)) for at in places)
    if not high > low:
        ticks = ((0.5, written(low, 0)),) if len(known) else ()
    kind = "date" if dates else "number"
    return Colouring(kind, (*scale(_STEPS), NONE), classes, ticks=ticks, numbers=numbers)


def _bounds(known: Values) -> tuple[float, float]:
    """Return what the ends of the scale stand for: all but outliers, which would leave one colour for the rest."""
    if not len(known):
        return 0.0, 0.0
    low, high = float(known.min()), float(known.max())
    near, far = (float(each) for each in np.quantile(known, (0.01, 0.99)))
    return (near, far) if far > near and high - low > 4 * (far - near) else (low, high)


def scale(steps: int) -> tuple[str, ...]:
    """Return so many colours from dark to light."""
    stops = np.array([[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in _VIRIDIS], dtype=np.float64)
    places = np.linspace(0, len(stops) - 1, steps)
    mixed = [np.interp(places, range(len(stops)), stops[:, channel]) for channel in range(3)]
    return tuple("#" + "".join(f"{round(float(part)):02x}" for part in each) for each in zip(*mixed, strict=True))


def _number_at(value: float, width: float) -> str:
    if abs(value) >= 1e7 or (value and abs(value) < 1e-4):
        return f"{value:.3g}"
    # So many digits that the ticks differ, without zeros at the end.
    digits = max(0, 2 - math.floor(math.log10(width))) if width else 6
    # A year has no comma.
    written = f"{value:,.{digits}f}" if abs(value) >= 10_000 else f"{value:.{digits}f}"
    return written.rstrip("0").rstrip(".") if digits else written


def _date_at(value: float, width: float) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=value)
    return moment.strftime("%Y-%m-%d" if width > 3 * 86400 or not value % 86400 else "%Y-%m-%d %H:%M")


def find_column(columns: Sequence[Column], key: str) -> Column | None:
    """Return the column of a key."""
    return next((column for column in columns if column.key == key), None)
