"""Arguments of a call: those with two names, those that become one value, and who made the call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from vecs.exc import ArgError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# vecs and its integrations.
_OURS = ("vecs.", "langchain_vecs.", "llama_index.vector_stores.vecs.")

T = TypeVar("T")
D = TypeVar("D", bound="DataclassInstance")


def one_of(name: str, value: T | None, other_name: str, other: T | None) -> T | None:
    """Return what is given under either name of one argument, None where neither is; both raise ArgError."""
    if value is not None and other is not None:
        raise ArgError(f"{name} and {other_name} are two names of one argument; give one of them")
    return other if value is None else value


def required(name: str, value: T | None) -> T:
    """Return an argument that has no default, or raise ArgError where it is not given."""
    if value is None:
        raise ArgError(f"{name} is missing")
    return value


def made_of(cls: type[D], arguments: Mapping[str, Any]) -> D:
    """
    Make a dataclass of those arguments of a call that are its fields: `made_of(Options, locals())`.

    For functions that spell out many arguments for their callers, and hand them on as one value.
    """
    return cls(**{field.name: arguments[field.name] for field in fields(cls) if field.name in arguments})


def callers_level() -> int:
    """Return the stacklevel at which a warning points at the code that called vecs."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OURS):
        level, frame = level + 1, frame.f_back
    return level
