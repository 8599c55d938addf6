"""The command run in this process, on an embedded server of the tests' own."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import vecs
from vecs.cli import demo
from vecs.cli.app import app
from vecs.cli.stdlib import stdlib_docs
from vecs.embedded import open_server

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Answer:
    """What a run of the command left: its exit code, its answer, its messages."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture(scope="session")
def read_docs() -> Callable[..., list[vecs.Record]]:
    """The documentation of the standard library, which takes seconds to read, read once."""
    return functools.cache(stdlib_docs)


@pytest.fixture
def read_once(read_docs: Callable[..., list[vecs.Record]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo finds the documentation read already."""
    monkeypatch.setattr(demo, "stdlib_docs", read_docs)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with these arguments."""
    monkeypatch.delenv("VECS_URL", raising=False)

    def run(*arguments: object, stdin: str | bytes | None = None) -> Answer:
        given = [str(argument) for argument in arguments]
        result = CliRunner().invoke(app, given, input=stdin, env={"COLUMNS": "100"})
        out, err = (_COLOURS.sub("", text) for text in (result.stdout, result.stderr))
        return Answer(result.exit_code, out, err)

    return run


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """The folder of a running embedded server."""
    with tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "server"
        with open_server(folder, linger=0):
            yield folder


@pytest.fixture
def folder(server_folder: Path) -> Iterator[Path]:
    """The folder of a running embedded server that has no collection."""
    yield server_folder
    with vecs.create_client(server_folder) as client:
        for name in client.collection_names():
            client.delete_collection(name)


@pytest.fixture
def filled(folder: Path) -> Path:
    """The same with a collection `plain` of three records, without transform."""
    with vecs.create_client(folder) as client:
        plain = client.create_collection("plain", dimension=2, text=True)
        plain.upsert(
            [
                vecs.Record("east", [1.0, 0.0], "where the sun rises", {"side": "right"}),
                vecs.Record("north", [0.0, 1.0], "where it is cold", {"side": "up"}),
                vecs.Record("south", [0.0, -1.0], "where it is warm", {"side": "down"}),
            ]
        )
    return folder
