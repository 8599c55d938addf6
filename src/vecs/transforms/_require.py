"""Importing what an extra brings, at the moment it is needed."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from vecs.exc import MissingDependency


def require(module: str, *, extra: str) -> Any:
    """Import an optional module, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise _missing(module, str(error), extra) from error


def check_installed(transform: Any) -> None:
    """
    Raise MissingDependency if a package that a transform needs is not there; imports nothing.

    A step of vecs names its packages, and the extra of each, in `_needs`.
    """
    for step in getattr(transform, "steps", (transform,)):
        for module, extra in getattr(step, "_needs", {}).items():
            # Of what was imported, perhaps by hand, there may be no spec.
            if sys.modules.get(module) is None and find_spec(module) is None:
                raise _missing(module, f"No module named {module!r}", extra)


def _missing(module: str, said: str, extra: str) -> MissingDependency:
    return MissingDependency(f"{module} cannot be imported ({said}); install it with: pip install 'vecs[{extra}]'")
