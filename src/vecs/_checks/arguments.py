"""What callers give, checked: alternatives, ids, filters, thresholds."""

from __future__ import annotations

import inspect
from typing import Any

from vecs.exc import ArgError


def one_of(name: str, value: Any, other_name: str, other: Any, *, needed: bool = True) -> Any:
    """Return the value of an argument that has two names; raises ArgError for both, and for none if it is needed."""
    if value is not None and other is not None:
        raise ArgError(f"{name} and {other_name} are two names of one argument; give one of them")
    if value is None and other is None and needed:
        raise ArgError(f"{name} is missing")
    return other if value is None else value


def callers_level() -> int:
    """Return the stacklevel at which a warning points at the code that called vecs."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("vecs."):
        level, frame = level + 1, frame.f_back
    return level
