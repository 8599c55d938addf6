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
            if not is_installed(module):
                raise _missing(module, f"No module named {module!r}", extra)


def is_installed(module: str) -> bool:
    """Whether a package is there; imports nothing."""
    if module in sys.modules:
        # Of what was imported, perhaps by hand, there may be no spec. None is what must not be imported.
        found: Any = sys.modules[module]
        return found is not None
    return find_spec(module) is not None


def _missing(module: str, said: str, extra: str) -> MissingDependency:
    light = ", or without PyTorch: pip install 'vecs[onnx]'" if extra == "text" else ""
    return MissingDependency(
        f"{module} cannot be imported ({said}); install it with: pip install 'vecs[{extra}]'{light}"
    )
