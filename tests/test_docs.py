"""The examples of the README and the docs run as they are written."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
SERVER = "postgresql://user:password@host:5432/db"


def examples(page: str) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.model
@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_examples_run_as_written(page: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECS_URL", target)
    namespace: dict[str, Any] = {}
    try:
        for number, code in enumerate(examples(page)):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                # Loading the model may warn in libraries that are not ours.
                warnings.filterwarnings("default", module=r"(torch|transformers|huggingface_hub).*")
                source = compile(code.replace(SERVER, target), f"{page}, example {number}", "exec")
                exec(source, namespace)
    finally:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("set client_min_messages = warning")
            connection.execute("drop schema if exists vecs cascade")


def test_the_announcement_finds_its_vector(target: str) -> None:
    namespace: dict[str, Any] = {}
    (code,) = (code.replace(SERVER, target) for code in examples("README.md") if SERVER in code)
    exec(code.replace("docs.query(", "found = docs.query(").replace("}})", "}}, include_value=True)"), namespace)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute("drop schema vecs cascade")
    ((id, distance),) = namespace["found"]
    assert id == "vec0"
    assert distance == pytest.approx(0.000698, abs=1e-5)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text()):
            assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"


def test_no_placeholder_is_left() -> None:
    for page in PAGES:
        assert not re.findall(r"BENCHMARK_TABLE|TODO|FIXME|XXX", (ROOT / page).read_text()), page
