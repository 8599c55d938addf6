"""Numbers that callers give, checked."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from numbers import Real
from operator import index
from typing import Any, SupportsIndex, cast

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError

# For ranges that leave 0 itself out: the least number above it.
ABOVE_ZERO = math.ulp(0.0)

_LARGEST = sys.float_info.max
_LARGEST_INT = 2**63 - 1


def checked_int(value: object, what: str, least: int, greatest: int = _LARGEST_INT) -> int:
    """Return a whole number within its range, or raise ArgError."""
    wanted = f"at least {least}" if greatest == _LARGEST_INT else f"from {least} to {greatest}"
    try:
        # An array of several numbers has `__index__`, too.
        number = None if isinstance(value, bool) else index(cast("SupportsIndex", value))
    except TypeError:
        number = None
    if number is None or not least <= number <= greatest:
        raise ArgError(f"{what} must be an integer {wanted}, not {brief(value)}")
    return number


def checked_flag(value: object, what: str) -> bool:
    """Return a bool, or raise ArgError; None counts as False, and 0 and 1 as bools, as in other libraries."""
    if value is None or isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1)):
        return bool(cast("Any", value))
    raise ArgError(f"{what} must be True or False, not {brief(value)}")


def checked_number(
    value: object, what: str, least: float, greatest: float = math.inf, *, wanted: str | None = None
) -> float:
    """
    Return a number within its range as a float, or raise ArgError.

    A bool is no number, and without a `greatest` any finite number passes. `wanted` are the words for the range, such
    as "a score from 0 to 1".
    """
    if not is_number(value, least, greatest):
        if wanted is None:
            limits = f"of at least {least:,}" if greatest == math.inf else f"from {least:,} to {greatest:,}"
            wanted = f"a number {limits}"
        raise ArgError(f"{what} must be {wanted}, not {brief(value)}")
    return float(cast("Real", value))


def is_number(value: object, least: float, greatest: float = math.inf) -> bool:
    """Whether a value is a finite number within a range, and not a bool."""
    # Compared as it is, since float() overflows on larger whole numbers. NaN is in no range.
    number: Any = value
    return (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and max(least, -_LARGEST) <= number <= min(greatest, _LARGEST)
    )


def checked_oversampling(oversampling: object) -> float | None:
    """Return how many times as many candidates, at least 1, or None for the default."""
    return None if oversampling is None else checked_number(oversampling, "oversampling", 1, 1_000_000)


def plain_rows(rows: Any) -> Any:
    """Return a list of vectors in which objects of libraries (pgvector, pandas) are replaced by their numbers."""
    if not isinstance(rows, list | tuple):
        return rows
    listed = cast("Sequence[Any]", rows)
    return [row.to_numpy() if hasattr(row, "to_numpy") else row for row in listed]
