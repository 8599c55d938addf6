"""Docstrings read from source files: nothing is imported, so nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vecs.cli.stdlib.docs import Doc

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """
    A parsed module: its documentation, and what it takes from other modules to show as its own.

    `imports` are pairs (module, name), with "*" for all names; `exported` is `__all__`, None where it is
    absent or computed; `parts` are the submodules a package is put together from.
    """

    module: str
    docs: list[Doc]
    imports: list[tuple[str, str]]
    exported: frozenset[str] | None
    parts: frozenset[str]

    def exports(self, name: str) -> bool:
        """Whether a name is for users."""
        return not name.startswith("_") and (self.exported is None or name in self.exported)


def read_source(file: Path, module: str) -> Source | None:
    """Parse a file; None for one that this Python cannot read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    parts = _parts(tree, package) if package == module else frozenset[str]()
    exported = _exported(tree)
    return Source(module, list(_docs(tree, module)), list(_imports(tree, package, exported)), exported, parts)


def _docs(tree: ast.Module, module: str) -> Iterator[Doc]:
    text = ast.get_docstring(tree)
    if text:
        yield Doc(module, "", "module", "", text, 1)
    yield from _members(tree.body, module, "")


def _members(body: list[ast.stmt], module: str, inside: str) -> Iterator[Doc]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _class(node, module, inside + node.name)
        elif isinstance(node, _FUNCTIONS):
            text = ast.get_docstring(node)
            if text:
                kind = "method" if inside else "function"
                yield Doc(module, inside + node.name, kind, _signature(node, bound=bool(inside)), text, node.lineno)
        else:
            yield from _members(_branches(node), module, inside)


def _class(node: ast.ClassDef, module: str, name: str) -> Iterator[Doc]:
    made = next((part for part in node.body if isinstance(part, _FUNCTIONS) and part.name == "__init__"), None)
    text = ast.get_docstring(node) or (made and ast.get_docstring(made))
    if text:
        yield Doc(module, name, "class", _signature(made, bound=True) if made else "", text, node.lineno)
    yield from _members(node.body, module, f"{name}.")


def _branches(node: ast.stmt) -> list[ast.stmt]:
    """Return what a condition holds: definitions for one platform or another stand there."""
    if isinstance(node, ast.If):
        return [*node.body, *node.orelse]
    if isinstance(node, ast.Try):
        handled = [statement for handler in node.handlers for statement in handler.body]
        return [*node.body, *handled, *node.orelse]
    return []


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool) -> str:
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        return ""
    given = node.args
    for part in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if part is not None:
            part.annotation = None
    shown = ast.unparse(given)
    if bound and "staticmethod" not in decorators:
        # self or cls, and what only separates it from the rest
        shown = shown.partition(", ")[2].removeprefix("/, ")
    return f"({shown})"


def _imports(tree: ast.Module, package: str, exported: frozenset[str] | None) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        origin = node.module or ""
        if node.level:
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1])
            origin = f"{base}.{origin}" if origin else base
        for alias in node.names:
            # concurrent.futures imports its classes under other names, when they are asked for.
            if alias.asname in (None, alias.name) or alias.name in (exported or ()):
                yield origin, alias.name


def _parts(tree: ast.Module, package: str) -> frozenset[str]:
    """Return the submodules that a package imports relatively: what users need of them it shows itself."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found.update([node.module] if node.module else [alias.name for alias in node.names])
    return frozenset(f"{package}.{name}" for name in found)


def _exported(tree: ast.Module) -> frozenset[str] | None:
    names: set[str] = set()
    for node in tree.body:
        if "__all__" not in (part.id for part in ast.walk(node) if isinstance(part, ast.Name)):
            continue
        lists = [part for part in ast.walk(node) if isinstance(part, ast.List | ast.Tuple)]
        found = [part.value for item in lists for part in item.elts if isinstance(part, ast.Constant)]
        if not found:
            return None
        names.update(str(value) for value in found)
    return frozenset(names) or None
