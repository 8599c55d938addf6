"""Numbers that callers give, checked."""

from __future__ import annotations

from numbers import Real
from typing import Any

from vecs.exc import ArgError


def checked_int(value: object, what: str, least: int, greatest: int = 2**63 - 1) -> int:
    """Return a whole number within its range, or raise ArgError."""
    wanted = f"at least {least}" if greatest == 2**63 - 1 else f"from {least} to {greatest}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgError(f"{what} must be an integer {wanted}, not {value!r}")
    number = int(value)  # pyright: ignore[reportArgumentType]
    if not least <= number <= greatest:
        raise ArgError(f"{what} must be an integer {wanted}, not {number}")
    return number


def checked_oversampling(oversampling: Any) -> float | None:
    """Return how many times as many candidates, at least 1, or None for the default."""
    if oversampling is None:
        return None
    number = isinstance(oversampling, Real) and not isinstance(oversampling, bool)
    if not number or not 1 <= float(oversampling) <= 1e6:
        raise ArgError(f"oversampling must be a number from 1 to 1,000,000, not {oversampling!r}")
    return float(oversampling)
