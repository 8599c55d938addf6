"""Metadata of many records as columns, one for each key, to colour points by."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

Kind: TypeAlias = Literal["number", "date", "category"]
Values: TypeAlias = "npt.NDArray[np.float64]"

# More keys are left out, and more values of one key.
MOST_KEYS = 200
MOST_VALUES = 20_000
_DEEPEST = 3
# Fewer numbers that are whole are rather names of something.
_FEW_NUMBERS = 7
# A longer text is none to colour by.
_LONGEST = 200
_ABSENT = -1
# What numbers of a table's column are as JSON, which has none for them.
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_SHORTEST_DATE = 10


class Fields:
    """The columns of records, while they come in."""

    def __init__(self) -> None:
        self._count = 0
        self._columns: dict[str, Column] = {}

    def add(self, metadata: Mapping[str, Any]) -> None:
        """Add the metadata of the next record."""
        for key, value in _leaves(metadata, "", _DEEPEST):
            column = self._columns.get(key)
            if column is None:
                if len(self._columns) == MOST_KEYS:
                    continue
                column = self._columns[key] = Column(key)
            column.add(self._count, value)
        self._count += 1

    def columns(self) -> list[Column]:
        """Return the columns that points can be coloured by, those that most records have first."""
        for column in self._columns.values():
            column.fill(self._count)
        found = [column for column in self._columns.values() if column.is_of_use]
        return sorted(found, key=lambda column: (-column.present, column.key))


class Column:
    """
    The values at one key, a code for each record: -1 where there is none.

    It is a column of numbers if all values are numbers, of dates if all are strings of dates in ISO form, and of
    categories otherwise.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.present = 0
        self._codes = array("i")
        self._known: dict[Any, int] = {}
        self._too_many = False

    def add(self, at: int, value: Any) -> None:
        """Note the value of a record, which is later than those before."""
        self.fill(at)
        known = _hashable(value)
        if known is None or self._too_many:
            return
        code = self._known.setdefault(known, len(self._known))
        if code >= MOST_VALUES and isinstance(value, str) and _seconds(value) is None:
            # They are titles or texts; what has as many values is no category.
            self._too_many = True
            self._known.clear()
            return
        self.present += 1
        self._codes.append(code)

    def fill(self, count: int) -> None:
        """Note that the records up to `count` lack the key."""
        self._codes.extend([_ABSENT] * (count - len(self._codes)))

    @property
    def is_of_use(self) -> bool:
        """Whether its values tell records apart."""
        if self._too_many or not self.present:
            return False
        # A name of its own for each of many records is no category.
        return self.kind != "category" or len(self._known) <= max(20, self.present // 2)

    @property
    def kind(self) -> Kind:
        """What the values are."""
        values = [each for each in self.values() if each not in _NO_NUMBERS]
        if values and all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
            few = len(values) < _FEW_NUMBERS and all(float(each).is_integer() for each in values)
            return "category" if few else "number"
        if values and all(isinstance(each, str) and _seconds(each) is not None for each in values):
            return "date"
        return "category"

    def codes(self) -> npt.NDArray[np.int32]:
        """Return the number of each record's value among `values()`; -1 for none."""
        return np.array(self._codes, dtype=np.int32)

    def values(self) -> list[Any]:
        """Return the different values, in the order in which they came."""
        return [each for _, each in self._known]

    def numbers(self) -> Values:
        """Return the number, or the seconds since 1970, of each record; NaN for none."""
        # The last one is what -1 means.
        numbers = np.array([*map(_number, self.values()), math.nan], dtype=np.float64)
        return numbers[self.codes()]


def _leaves(metadata: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield paths as filters have them, and their values."""
    for key, value in metadata.items():
        if isinstance(value, Mapping):
            # A dot in a key would be another path.
            if depth > 1 and "." not in key:
                yield from _leaves(cast("Mapping[str, Any]", value), f"{prefix}{key}.", depth - 1)
        elif value is not None:
            yield f"{prefix}{key}", value


def _hashable(value: Any) -> Any:
    """Return what tells a value from others, with its type, since True is 1; None for what is no value to colour by."""
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False) if value else None
    if isinstance(value, str) and len(value) > _LONGEST:
        return None
    return None if value is None else (isinstance(value, bool), value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        seconds = _seconds(value)
        return math.nan if seconds is None else seconds
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _seconds(text: str) -> float | None:
    """Return the seconds since 1970 of a date in ISO form; None for other texts."""
    if len(text) < _SHORTEST_DATE or text[4] != "-" or not text[:4].isdecimal():
        return None
    try:
        if len(text) == _SHORTEST_DATE:
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        else:
            # Python 3.10 knows no Z.
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
