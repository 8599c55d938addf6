"""Habits of the project: layers, generated code, public names, a light import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vecs

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vecs"

# Who may import whom; a layer knows those before it.
LAYERS = [
    "exc",
    "_json",
    "storage sparse",
    "measures records indexes filters",
    "fusion rerankers",
    "_sql",
    "transforms embedded",
    "_async _sync",
    "sharing",
]


def test_sync_code_is_what_the_generator_makes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "unasync.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


def imports(path: Path) -> set[str]:
    """The parts of vecs that a module imports, at its top or inside."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "vecs":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_imports_point_one_way(layer: int) -> None:
    above = {name for names in LAYERS[layer + 1 :] for name in names.split()}
    for name in LAYERS[layer].split():
        files = [SOURCE / f"{name}.py"] if (SOURCE / f"{name}.py").exists() else list((SOURCE / name).rglob("*.py"))
        assert files
        for file in files:
            assert not imports(file) & above, file


def test_no_sql_is_written_outside_its_layer() -> None:
    for file in [*(SOURCE / "_async").rglob("*.py"), *SOURCE.glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("fragment", "Fragment", "SQL"):
                raise AssertionError(f"{file}:{node.lineno} builds SQL")


def test_every_public_name_is_there_and_documented() -> None:
    for name in vecs.__all__:
        value = getattr(vecs, name)
        assert isinstance(value, str) or value.__doc__, name
    for cls in (vecs.Client, vecs.AsyncClient, vecs.Collection, vecs.AsyncCollection):
        for name in dir(cls):
            if not name.startswith("_"):
                assert getattr(cls, name).__doc__, f"{cls.__name__}.{name}"


def test_both_worlds_have_the_same_methods() -> None:
    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(vecs.Client) == public(vecs.AsyncClient)
    assert public(vecs.Collection) == public(vecs.AsyncCollection)


def test_importing_vecs_is_light() -> None:
    heavy = [
        "torch",
        "transformers",
        "sentence_transformers",
        "sklearn",
        "scipy",
        "pandas",
        "pyarrow",
        "PIL",
        "typer",
        "rich",
        "tqdm",
    ]
    code = f"import sys, vecs; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_types_are_shipped() -> None:
    assert (SOURCE / "py.typed").exists()
