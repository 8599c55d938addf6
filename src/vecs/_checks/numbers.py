"""Numbers that callers give, checked."""

from __future__ import annotations

import math
import sys
from numbers import Real
from typing import Any, SupportsIndex, cast

from vecs.exc import ArgError

# For ranges that leave 0 itself out: the least number above it.
ABOVE_ZERO = math.ulp(0.0)

_LARGEST = sys.float_info.max
_LARGEST_INT = 2**63 - 1


def checked_int(value: object, what: str, least: int, greatest: int = _LARGEST_INT) -> int:
    """Return a whole number within its range, or raise ArgError."""
    wanted = f"at least {least}" if greatest == _LARGEST_INT else f"from {least} to {greatest}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgError(f"{what} must be an integer {wanted}, not {value!r}")
    number = int(cast("SupportsIndex", value))
    if not least <= number <= greatest:
        raise ArgError(f"{what} must be an integer {wanted}, not {number}")
    return number


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
        raise ArgError(f"{what} must be {wanted}, not {value!r}")
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
