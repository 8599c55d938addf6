"""Habits of the project: layers, generated code, public names, a light import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vecs

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vecs"
SOURCES = [
    *SOURCE.rglob("*.py"),
    *(ROOT / "integrations" / "langchain" / "src").rglob("*.py"),
    *(ROOT / "integrations" / "llama-index" / "llama_index").rglob("*.py"),
]

# The rooms, lowest first: a room knows those of the lines above its own, and those of its own line. A module of
# vecs' root is a room; a room in a room is named with a dot.
LAYERS = [
    "_version exc",
    "_checks",
    "storage sparse columns snippets",
    "measures records indexes operands typed filters",
    "fusion rerankers",
    "_sql",
    "sql",
    "transforms embedded",
    "_concurrency _connecting",
    "_reports",
    "_indexing _writing _atlas",
    "_searching",
    "_serving",
    "_async.sending _async.transforming",
    "_async.tables _async.indexing _async.writing _async.searching",
    "_async.collection",
    "_async.copying",
    "_async.client",
    "sharing",
    "adapter client collection __init__",
    "importing",
    "cli",
    "__main__",
]
ROOMS = {room: number for number, rooms in enumerate(LAYERS) for room in rooms.split()}


def test_sync_code_is_what_the_generator_makes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "unasync.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


def modules() -> dict[str, Path]:
    """Every hand-written module of vecs, by its name below `vecs.`"""
    found: dict[str, Path] = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts if len(parts) == 1 or parts[-1] != "__init__" else parts[:-1])
        if "_sync" not in parts:
            found[name] = path
    return found


def imports(path: Path, *, typing: bool = True) -> set[str]:
    """The modules of vecs that a module imports, at its top or inside; without `typing` not those for types only."""
    tree = ast.parse(path.read_text())
    if not typing:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
                node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write `from vecs...`"
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "vecs":
            # `from vecs.room import x`: x is a module or a name.
            source = node.module.replace("._sync", "._async").removeprefix("vecs").removeprefix(".")
            for alias in node.names:
                inner = f"{source}.{alias.name}".removeprefix(".")
                found.add(inner if inner in MODULES else source or "__init__")
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "vecs"]
            assert set(names) <= {"vecs"}, f"{path}:{node.lineno}: write `from vecs...`"
            found |= {"__init__"} if names else set()
    return found


MODULES = modules()


def room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "_async" else parts[0]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_is_in_a_layer_and_imports_point_down(module: str) -> None:
    if module == "_async":
        return
    assert room(module) in ROOMS, f"{module} is in no layer"
    for imported in imports(MODULES[module]) - {"_async"}:
        # What a collection knows of its client is its type, no more.
        if (module, imported) == ("_async.collection.handle", "_async.client"):
            assert imported not in imports(MODULES[module], typing=False)
            continue
        assert ROOMS[room(imported)] <= ROOMS[room(module)], f"{module} imports {imported}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {module: imports(path, typing=module != "_async.collection.handle") for module, path in MODULES.items()}

    def reachable(module: str) -> set[str]:
        seen: set[str] = set()
        ahead = [module]
        while ahead:
            ahead.extend(new := known.get(ahead.pop(), set()) - seen)
            seen |= new
        return seen

    assert [module for module in known if module in reachable(module)] == []


def test_private_modules_stand_in_rooms() -> None:
    assert sorted(path.name for path in SOURCE.glob("_*.py")) == ["__init__.py", "__main__.py", "_version.py"]


def test_no_sql_is_written_outside_its_layer() -> None:
    for module, file in MODULES.items():
        if room(module) in ("_sql", "embedded"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("fragment", "Fragment", "SQL"):
                raise AssertionError(f"{file}:{node.lineno} builds SQL")


def modules_with_fragments() -> list[Path]:
    """
    The modules whose SQL is a Fragment: all but those that make Fragments, and the embedded server's.

    That one sends a dozen fixed statements, as the superuser, to a server that no client can connect to yet.
    """
    core = [path for module, path in MODULES.items() if room(module) not in ("_sql", "embedded")]
    integrations = [
        path
        for source in ("langchain/src", "llama-index/llama_index")
        for path in (ROOT / "integrations" / source).rglob("*.py")
        if "_sync" not in path.parts
    ]
    assert len(integrations) > 30
    return core + integrations


SENDING = ("execute", "executemany", "stream", "copy")


def other_sql(tree: ast.AST) -> list[str]:
    """What a module has of psycopg's own way to put SQL together, and what it executes as a string."""
    found: list[str] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names if alias.name.startswith("psycopg.sql")]
            case ast.ImportFrom(module="psycopg", names=names):
                found += [f"psycopg.{alias.name}" for alias in names if alias.name == "sql"]
            case ast.ImportFrom(module="psycopg.sql"):
                found.append("psycopg.sql")
            case ast.Attribute(value=ast.Name(id="psycopg"), attr="sql"):
                found.append("psycopg.sql")
            case ast.Call(func=ast.Attribute(attr=name), args=[sent, *_]) if name in SENDING and text_in(sent):
                found.append(ast.unparse(sent))
            case _:
                pass
    return found


def text_in(node: ast.AST) -> bool:
    """Whether an expression is a string put together in place."""
    match node:
        case ast.Constant(value=str() | bytes()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, right=right):
            return text_in(left) or text_in(right)
        case ast.Call(func=ast.Attribute(value=value)):
            return text_in(value)
        case _:
            return False


def test_sql_is_a_fragment_everywhere() -> None:
    for path in modules_with_fragments():
        assert other_sql(ast.parse(path.read_text())) == [], path


@pytest.mark.parametrize(
    "line",
    [
        "from psycopg import sql",
        "from psycopg.sql import SQL",
        "import psycopg.sql as s",
        "psycopg.sql.SQL(x)",
        "cursor.execute('select 1')",
        "cursor.execute(f'select {x}', binary=True)",
        "await connection.execute('select ' + x)",
        "cursor.execute('select %s' % x, [1])",
        "cursor.execute('select {}'.format(x).encode())",
        "cursor.copy(b'copy t from stdin')",
    ],
)
def test_other_sql_would_be_found(line: str) -> None:
    assert other_sql(ast.parse(line)) != []


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("module", [module for module in sorted(MODULES) if room(module) == "_sql"])
def test_a_statement_is_built_of_five_values_at_most(module: str) -> None:
    for function in functions(module):
        given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        assert len([one for one in given if one.arg != "self"]) <= 5, function.name


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_arguments_are_passed_on_by_position_alone(module: str) -> None:
    for function in functions(module):
        if function.args.vararg is not None and function.args.vararg.annotation is not None:
            untyped = ast.unparse(function.args.vararg.annotation) == "Any" and function.args.kwarg is None
            assert not untyped, f"{module}.{function.name} takes *{function.args.vararg.arg}: Any"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_row_is_read_by_a_bare_number(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
            continue
        if not isinstance(node.slice.value, int):
            continue
        of_a_row = getattr(node.value, "id", "") == "row"
        of_an_answer = isinstance(node.value, ast.Subscript) and isinstance(node.value.slice, ast.Constant)
        if of_a_row or of_an_answer:
            raise AssertionError(f"{module}:{node.lineno} reads {ast.unparse(node)}; name the column")


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if "_sync" not in path.parts], ids=lambda p: f"{p.relative_to(ROOT)}"
)
def test_no_source_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


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
        "onnxruntime",
        "tokenizers",
        "sklearn",
        "matplotlib",
        "http.server",
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
