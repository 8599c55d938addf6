"""The examples of the README and of the docstring run as they are written."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.embeddings import MockEmbedding

from llama_index.vector_stores.vecs import VecsVectorStore

README = Path(__file__).parents[2] / "README.md"


def examples(text: str) -> list[str]:
    """The Python blocks of a text, but for those that say why they are not run."""
    blocks = re.findall(r"(<!-- not run: .*? -->\n)?^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [code for not_run, code in blocks if not not_run]


def run(codes: list[str]) -> dict[str, Any]:
    """Run code that may await, one piece after the other."""
    namespace: dict[str, Any] = {}
    for number, code in enumerate(codes):
        compiled = compile(code, f"example {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(compiled, namespace)
        if inspect.iscoroutine(waiting):
            asyncio.run(waiting)
    return namespace


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    namespace = run(examples(README.read_text()))
    assert capsys.readouterr().out.strip() == "Postgres can do that."
    assert [node.get_content() for node in namespace["store"].get_nodes(filters=namespace["recent"])] == []
    assert len(namespace["store"].get_nodes()) == 2
    namespace["store"].close()


def test_the_docstring_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    monkeypatch.setenv("VECS_URL", str(tmp_path / "server"))
    monkeypatch.setattr(Settings, "_embed_model", MockEmbedding(embed_dim=8))
    namespace = run(examples(inspect.cleandoc(VecsVectorStore.__doc__ or "")))
    assert "Postgres can do that." in capsys.readouterr().out
    namespace["store"].close()


def test_lines_of_the_readme_are_short() -> None:
    assert all(len(line) <= 130 or line.startswith("|") for line in README.read_text().splitlines())
