"""Docstrings of what is written in C: there is no source to read, so modules are imported."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from vecs.cli.stdlib.docs import Doc

_FUNCTIONS = (
    types.BuiltinFunctionType,
    types.BuiltinMethodType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
)
_SYSTEM = ("posix", "nt")


def native_docs(module: str) -> Iterator[Doc]:
    """Yield what a module holds that is written in C; nothing where this Python lacks the module."""
    with suppress(ImportError):
        yield from _members(import_module(module), module)


def _members(holder: types.ModuleType, module: str) -> Iterator[Doc]:
    if not getattr(holder, "__file__", "").endswith(".py"):
        yield from _doc(holder, module, "", "module")
    for name, member in sorted(vars(holder).items()):
        if name.startswith("_") or not _belongs(member, module):
            continue
        if isinstance(member, type):
            yield from _doc(member, module, name, "class")
            yield from _methods(member, module, name)
        elif isinstance(member, _FUNCTIONS):
            yield from _doc(member, module, name, "function")


def _methods(holder: type, module: str, inside: str) -> Iterator[Doc]:
    for name, member in sorted(vars(holder).items()):
        if not name.startswith("_") and isinstance(member, _FUNCTIONS):
            yield from _doc(member, module, f"{inside}.{name}", "method")


def _belongs(member: Any, module: str) -> bool:
    """Whether it is the module's own: defined there, or in the C module behind it."""
    origin = getattr(member, "__module__", None)
    if origin in (None, module, f"_{module}", *_SYSTEM):
        return True
    return str(origin).startswith("_") and not isinstance(member, type)


def _doc(member: Any, module: str, name: str, kind: Any) -> Iterator[Doc]:
    text = member.__doc__
    if isinstance(text, str) and text:
        signature = getattr(member, "__text_signature__", None) or ""
        for bound in ("$module", "$self", "$type", "$cls"):
            signature = signature.replace(f"({bound}, /, ", "(").replace(f"({bound}, ", "(").replace(f"({bound}", "(")
        yield Doc(module, name, kind, signature.replace("(/)", "()"), text.strip())
