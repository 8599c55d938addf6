"""The examples of the README and of the docstrings run as they are written."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from langchain_vecs import VecsVectorStore

README = Path(__file__).parent.parent / "README.md"


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
    assert namespace["retriever"].invoke("sleeping cats", filter={"kind": "animal"})
    assert "Cats sleep" in capsys.readouterr().out


def test_the_docstring_runs(capsys: pytest.CaptureFixture[str]) -> None:
    namespace = run(examples(re.sub(r"(?m)^ {4}", "", inspect.getdoc(VecsVectorStore) or "")))
    assert [document.id for document in namespace["retriever"].invoke("cat")] == ["1"]


@pytest.mark.model
def test_a_collection_with_a_transform_needs_no_embeddings() -> None:
    code = re.search(r"<!-- not run: loads a model -->\n```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert code is not None
    store = run(["from langchain_vecs import VecsVectorStore", code[1]])["vector_store"]
    store.add_texts(["Cats sleep most of the day.", "Bread is baked from dough."])
    assert store.similarity_search("a kitten's nap", k=1)[0].page_content.startswith("Cats")


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text()):
        assert (README.parent / link).exists(), link
