"""Answers of a single column or a single value, read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def first_column(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Read an answer of one column."""
    return [value for (value,) in rows]


def only_value(rows: Sequence[tuple[Any, ...]]) -> Any:
    """Read an answer of one row and one column."""
    ((value,),) = rows
    return value
