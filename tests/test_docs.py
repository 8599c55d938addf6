"""The examples of the README and the docs run as they are written."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vecs
from tests.standin import answered, standing_in
from vecs._sql.fragment import fragment
from vecs._sql.lexemes import UNICODE, lexemes

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
SERVER = "postgresql://user:password@host:5432/db"


def examples(page: str) -> list[str]:
    """The Python blocks of a page, but those of which a comment says why they are not run."""
    blocks = re.findall(
        r"^(<!-- not run: [^\n]* -->\n)?```python\n(.*?)^```",
        (ROOT / page).read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    return [code for reason, code in blocks if not reason]


def by_openai(body: dict[str, Any]) -> Any:
    """Vectors as those that examples ask OpenAI for."""
    assert body["model"] == "text-embedding-3-small"
    return answered(body, lambda vectors: [[1.0] * 1536 for _ in vectors])


@pytest.fixture
def api() -> Iterator[str]:
    with standing_in() as server:
        server.always = by_openai
        yield server.url
        assert all(headers["authorization"] == "Bearer key" for headers in server.headers)


@pytest.mark.model
@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_examples_run_as_written(
    page: str, target: str, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECS_URL", target)
    monkeypatch.setenv("OPENAI_BASE_URL", api)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
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


def test_examples_that_are_not_run_are_python() -> None:
    for page in PAGES:
        for code in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL):
            compile(code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


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


def made(connection: psycopg.Connection[Any], schema: str) -> list[Any]:
    """What is in a schema: columns, indexes and comments, without what is random in the names of indexes."""
    columns = connection.execute(
        """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text,
               pg_get_expr(d.adbin, d.adrelid)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = %s::regnamespace and c.relkind = 'r' and a.attnum > 0
        order by c.relname, a.attnum
        """,
        [schema],
    )
    indexes = connection.execute("select indexdef from pg_indexes where schemaname = %s", [schema])
    comments = connection.execute(
        "select relname, obj_description(oid)::json from pg_class "
        "where relnamespace = %s::regnamespace and relkind = 'r'",
        [schema],
    )
    defined = (re.sub(r"_[0-9a-f]{7}\b", "_RANDOM", definition) for (definition,) in indexes)
    return [columns.fetchall(), sorted(defined), sorted(comments.fetchall())]


def test_the_tables_in_the_design_are_those_that_vecs_makes(target: str, schema: str) -> None:
    (statements,) = re.findall(r"^```sql\n(.*?)^```", (ROOT / "DESIGN.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    with vecs.create_client(target, schema=schema) as vx:
        vx.get_or_create_collection("points", dimension=3)
        vx.get_or_create_collection("manual", transform=vecs.TextPreprocessor("all-MiniLM-L6-v2")).index()
    with psycopg.connect(target, autocommit=True) as connection:
        by_vecs = made(connection, schema)
        connection.execute(f'drop table "{schema}".points, "{schema}".manual')
        # The page shows a name where the long expression stands.
        expression = lexemes("english", fragment("text"), UNICODE).inline().decode()
        statements = statements.replace("lexemes('english', text)", expression)
        connection.execute(statements.replace("vecs.", f'"{schema}".'))
        by_hand = made(connection, schema)
    assert by_hand == by_vecs


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text()):
            assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"


METHODS = re.compile(r"^\| `(\w+)(?:\(([^)]*)\))?` \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
CLASSES = {"Client": (vecs.Client, vecs.AsyncClient), "Collection": (vecs.Collection, vecs.AsyncCollection)}


def how_used(method: Any) -> str:
    """How a method of the async world is used, in the words of docs/methods.md."""
    if isinstance(method, property):
        return "property"
    if not callable(method):
        return "attribute"
    if inspect.isasyncgenfunction(method) or "AsyncIterator" in str(inspect.signature(method).return_annotation):
        return "`async for`"
    if inspect.isasyncgenfunction(inspect.unwrap(method)):
        return "`async with`"
    return "`await`" if inspect.iscoroutinefunction(method) else "no await"


@pytest.mark.parametrize("title", CLASSES)
def test_the_page_of_methods_has_every_public_method(title: str) -> None:
    (section,) = re.findall(
        rf"^## {title}\n(.*?)(?=^## |\Z)", (ROOT / "docs/methods.md").read_text(), flags=re.MULTILINE | re.DOTALL
    )
    cls, async_cls = CLASSES[title]
    rows = METHODS.findall(section)
    assert sorted(name for name, _, _ in rows) == sorted(name for name in dir(cls) if not name.startswith("_"))
    for name, arguments, used in rows:
        method = inspect.getattr_static(async_cls, name)
        assert used == how_used(method), name
        if callable(method):
            known = {*inspect.signature(getattr(cls, name)).parameters, "..."}
            named = [argument for argument in arguments.split(", ") if argument]
            assert set(named) <= known, name
            left_out = known - {*named, "self", "adapter", "..."}
            assert not left_out or "..." in named, f"{name} leaves out {left_out}"


def test_no_placeholder_is_left() -> None:
    for page in PAGES:
        assert not re.findall(r"BENCHMARK_TABLE|TODO|FIXME|XXX", (ROOT / page).read_text()), page
