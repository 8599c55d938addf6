"""Importing what an extra brings, at the moment it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vecs.exc import MissingDependency


def require(module: str, *, extra: str) -> Any:
    """Import an optional module, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        hint = f"pip install 'vecs[{extra}]'"
        raise MissingDependency(f"{module} cannot be imported ({error}); install it with: {hint}") from error
