"""
What is public keeps its signature: all of it, against the list in signatures.txt.

After a change that is meant: `.venv/bin/python tests/test_signatures.py` writes the list anew.
"""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vecs

LIST = Path(__file__).parent / "signatures.txt"
MODULES = [
    "vecs",
    "vecs.adapter",
    "vecs.client",
    "vecs.collection",
    "vecs.embedded",
    "vecs.importing",
    "vecs.exc",
    "vecs.filters",
    "vecs.fusion",
    "vecs.indexes",
    "vecs.measures",
    "vecs.records",
    "vecs.rerankers",
    "vecs.snippets",
    "vecs.sharing",
    "vecs.sparse",
    "vecs.sql",
    "vecs.storage",
    "vecs.transforms",
    "langchain_vecs",
    "llama_index.vector_stores.vecs",
]
OURS = ("vecs", "langchain_vecs", "llama_index.vector_stores.vecs")


def of_ours(value: Any) -> bool:
    name = getattr(value, "__module__", None) or ""
    return any(name == ours or name.startswith(f"{ours}.") for ours in OURS)


def defined_in(value: Any, module: str) -> bool:
    name = getattr(value, "__module__", None) or ""
    return name == module or name.startswith(f"{module}.")


def public_names(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    return sorted(listed if listed is not None else (name for name in vars(module) if not name.startswith("_")))


def signature(value: Any) -> str:
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"


def members(cls: type) -> Iterator[str]:
    if issubclass(cls, enum.Enum):
        yield from (f"{member.name} = {member.value!r}" for member in cls)
        return
    for name in sorted(dir(cls)):
        value = inspect.getattr_static(cls, name)
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, property):
            if of_ours(value.fget):
                yield f"{name}: property"
        elif callable(value) and of_ours(value):
            yield f"{name}{signature(value)}"


def described(module: str) -> Iterator[str]:
    found = importlib.import_module(module)
    for name in public_names(found):
        value = getattr(found, name)
        if inspect.ismodule(value) or not (hasattr(found, "__all__") or defined_in(value, module)):
            continue
        if inspect.isclass(value):
            yield f"{module}.{name}: class"
            if of_ours(value):
                yield from (f"{module}.{name}.{member}" for member in members(value))
        elif callable(value):
            yield f"{module}.{name}{signature(value)}"
        else:
            yield f"{module}.{name}: {type(value).__name__}"


def everything() -> str:
    return "".join(f"{line}\n" for module in MODULES for line in described(module))


def test_public_signatures_are_those_of_the_list() -> None:
    assert everything().splitlines() == LIST.read_text().splitlines()


@pytest.mark.parametrize(
    ("function", "cls"), [(vecs.create_client, vecs.Client), (vecs.create_async_client, vecs.AsyncClient)]
)
def test_clients_are_made_with_the_arguments_of_their_constructors(function: Any, cls: Any) -> None:
    assert inspect.signature(function).parameters == inspect.signature(cls).parameters


if __name__ == "__main__":
    LIST.write_text(everything())
