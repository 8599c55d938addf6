"""Values of Python, NumPy and pandas as JSON; errors for other values say what to write instead."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NoReturn, cast
from uuid import UUID

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError


def plain(value: Any, where: str = "") -> Any:
    """
    Return what a value is stored as; strings, numbers, lists, tuples and mappings are returned unchanged.

    This is the same for metadata and for values in filters. A value without a JSON form raises ArgError, which says
    what to write instead; its message has `where` after the value.
    """
    if isinstance(value, Enum):
        return plain(value.value, where)
    if isinstance(value, np.generic | np.ndarray):
        return _of_numpy(cast("Any", value), where)
    if value is None or isinstance(value, str | int | float | list | tuple | Mapping):
        return cast("Any", value)
    if isinstance(value, date | time):
        return _of_date(value, where)
    if isinstance(value, UUID | PurePath):
        return str(value)
    if isinstance(value, Decimal):
        return _of_decimal(value, where)
    if isinstance(value, set | frozenset):
        return _in_order([plain(item, where) for item in cast("set[Any]", value)])
    # A series of pandas, a tensor, an array.array.
    listed = None if isinstance(value, type | memoryview) else getattr(value, "tolist", None)
    return listed() if callable(listed) else _refuse(value, where)


def _of_numpy(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray):
        array = cast("Any", value)
        if array.ndim == 0:
            return plain(array[()], where)
        # For some units, `tolist()` turns dates into whole numbers.
        return array.tolist() if array.dtype.kind in "biufU" else list(array)
    if isinstance(value, np.datetime64):
        return _of_datetime64(cast("Any", value), where)
    # NumPy counts timedelta64 among the integers.
    if isinstance(value, np.bool_ | np.integer | np.str_) and not isinstance(value, np.timedelta64):
        return cast("Any", value).item()
    return float(cast("Any", value)) if isinstance(value, np.floating) else _refuse(value, where)


def _of_date(value: date | time, where: str) -> str:
    if value != value:
        # pandas' NaT is an instance of datetime.
        _refuse(value, where)
    # Use the methods of the base classes, because a subclass may write another form.
    if isinstance(value, time):
        return time.isoformat(value)
    if not isinstance(value, datetime):
        return date.isoformat(value)
    if value.utcoffset() is not None:
        try:
            value = value.astimezone(timezone.utc)
        except (OverflowError, ValueError):
            raise _out_of_range(value, where) from None
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise _out_of_range(value, where)
    text = datetime.isoformat(value)
    nanoseconds = getattr(value, "nanosecond", 0)
    if not nanoseconds:
        return text
    return f"{text[:_SECONDS]}.{value.microsecond:06}{nanoseconds:03}{text[_SECONDS:].lstrip('.0123456789')}"


def _of_datetime64(value: Any, where: str) -> str:
    if np.isnat(value):
        _refuse(value, where)
    unit: Any = np.datetime_data(value.dtype)[0]
    unit = "D" if unit in ("Y", "M", "W") else "s" if unit in ("h", "m") else unit
    # Cast to Any, because numpy's stubs do not say what it returns.
    write: Any = np.datetime_as_string
    text, _, fraction = str(write(value, unit=unit)).partition(".")
    if text[4] != "-" or text.startswith("-"):
        raise _out_of_range(value, where)
    # As Python writes a datetime: without a fraction or with microseconds; more digits only if they are needed.
    fraction = fraction.ljust(6, "0")
    while len(fraction) > 6 and fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{text}.{fraction}" if fraction.strip("0") else text


def _of_decimal(value: Decimal, where: str) -> int | float:
    # 1e9999999 is short to write, and takes minutes to expand into its ten million digits.
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        raise ArgError(f"{brief(value)}{where} is not a number that JSON can hold here; leave it out or use None")
    return int(value) if value == value.to_integral_value() else float(value)


def _in_order(items: list[Any]) -> list[Any]:
    """Sort the items of a set, whose order is arbitrary: equal sets must become equal lists."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (type(item).__name__, repr(item)))


def _out_of_range(value: object, where: str) -> ArgError:
    return ArgError(
        f"{brief(value)}{where} is outside the years {_FIRST_YEAR} to {_LAST_YEAR} in UTC, so its text would not sort "
        "in the order of time; write a number"
    )


def _refuse(value: Any, where: str) -> NoReturn:
    kind = type(value).__name__
    if _is_missing(value):
        raise ArgError(f"{brief(value)}{where} is a missing value, which JSON does not have; leave it out or use None")
    raise ArgError(f"{brief(value)}{where} is {kind}, which has no JSON form; {_advice(value)}")


def _is_missing(value: Any) -> bool:
    # pandas may not be installed, and its NA cannot be compared.
    return type(value).__name__ in ("NaTType", "NAType") or (
        isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(cast("Any", value)))
    )


def _advice(value: Any) -> str:
    if isinstance(value, timedelta):
        return "write its total_seconds()"
    if isinstance(value, np.timedelta64):
        return "write a number, such as value / np.timedelta64(1, 's') for its seconds"
    if isinstance(value, bytes | bytearray | memoryview):
        return "write text, such as value.decode() or base64.b64encode(value).decode()"
    if isinstance(value, Fraction):
        return "write float(value)"
    if isinstance(value, complex | np.complexfloating):
        return "write [value.real, value.imag]"
    if hasattr(value, "model_dump"):
        return 'write value.model_dump(mode="json")'
    if dataclasses.is_dataclass(value):
        return "write dataclasses.asdict(value)"
    # A data frame has these methods, too, but they give the names of its columns.
    if isinstance(value, Iterable) and not hasattr(cast("Any", value), "columns"):
        return "write list(value)"
    return "write it as a string, a number, a list or a dict"


_FIRST_YEAR, _LAST_YEAR = 1, 9999
# The number of characters of a date and a time up to the seconds.
_SECONDS = 19
_MOST_DIGITS = 4000
