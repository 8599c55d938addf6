"""Where a client connects, told from what it was given; no server here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vecs._connecting.options import Options
from vecs._connecting.target import FolderTarget, ServerTarget, resolve_target
from vecs.exc import ArgError


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://u:s3cret@h:5433/db", "postgresql://u:***@h:5433/db"),
        ("postgres://u@h/db", "postgresql://u@h/db"),
        ("postgresql+psycopg2://h/db", "postgresql://h/db"),
        ("POSTGRESQL://h1:1,h2:2/db", "postgresql://h1,h2:1,2/db"),
        ("host=h dbname=db user=u password=s3cret", "postgresql://u:***@h/db"),
        ("host=/tmp/sockets dbname=db", "postgresql://%2Ftmp%2Fsockets/db"),
        ("postgresql://", "postgresql:///"),
    ],
)
def test_a_server_is_shown_without_its_password(given: str, shown: str) -> None:
    target = resolve_target(given)
    assert isinstance(target, ServerTarget)
    assert str(target) == shown
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("given", ["./data", "data", "~/data", Path("data"), "C:\\data", "日本/データ"])
def test_a_folder_is_absolute(given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    target = resolve_target(given)
    assert isinstance(target, FolderTarget)
    assert target.folder is not None
    assert target.folder.is_absolute()
    assert str(target) == str(target.folder)


def test_nothing_is_the_variable_or_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VECS_URL", raising=False)
    assert resolve_target(None) == FolderTarget(None)
    assert str(resolve_target(None)) == "the embedded server in the user's data folder"
    monkeypatch.setenv("VECS_URL", "postgresql://h/db")
    assert str(resolve_target(None)) == "postgresql://h/db"
    monkeypatch.setenv("VECS_URL", "")
    assert resolve_target(None) == FolderTarget(None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "the target must be a connection string, a folder or None, not 5"),
        (" ", "the target is an empty string"),
        ("mysql://h/db", "the scheme 'mysql' is not Postgres'"),
        ("postgres:h/db", "looks like a connection string with a mistake"),
        ("user:s3cret@h", "looks like a connection string with a mistake"),
        ("localhost:5432/db", "looks like a connection string with a mistake"),
        ("a\0b", "NUL character"),
        ("postgresql://u:p@ss@h/db", "an @ too many"),
        ("postgresql://h:99999/db", "the port in the connection string is not a number from 1 to 65535"),
        ("postgresql://h/db?nonsense=1", "the connection string is malformed"),
        ("host='h", "the connection string is malformed"),
    ],
)
def test_what_names_no_place_is_refused_without_showing_it(given: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message) as caught:
        resolve_target(given)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pool_size": 0}, "pool_size must be an integer at least 1, not 0"),
        ({"connect_timeout": 1.5}, "connect_timeout must be an integer"),
        ({"pool_timeout": 0}, "pool_timeout must be a number of seconds above 0, not 0"),
        ({"statement_timeout": True}, "statement_timeout must be a number of seconds above 0, not True"),
    ],
)
def test_options_are_checked(given: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        Options(**given)
    assert Options(statement_timeout=2.5).statement_timeout == 2.5
    assert Options().statement_timeout is None
