"""`vecs psql` and `vecs url`: no password where others see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

Run = Callable[..., Any]

FAKE = """#!{python}
import json, os, sys
told = {{name: value for name, value in os.environ.items() if name.startswith("PG")}}
open({out!r}, "w").write(json.dumps([sys.argv[1:], told]))
sys.exit(7)
"""


def test_url_of_an_embedded_server_is_one_that_others_connect_to(run: Run, filled: Path) -> None:
    answer = run("url", "--target", filled)
    assert answer.code == 0
    assert "kill -INT" in answer.err
    with psycopg.connect(answer.out.strip()) as connection:
        assert connection.execute("select count(*) from vecs.plain").fetchone() == (3,)


def test_url_of_a_server_is_whole_and_says_that_it_holds_a_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given = "host=db.example port=5433 user='a b' password='p@ss/w' dbname=x sslmode=require"
    answer = run("url", "--target", given)
    assert answer.out == "postgresql://a%20b:p%40ss%2Fw@db.example:5433/x?sslmode=require\n"
    assert "password" in answer.err
    assert "p@ss" not in answer.err
    parsed = psycopg.conninfo.conninfo_to_dict(answer.out.strip())
    assert parsed == psycopg.conninfo.conninfo_to_dict(given)
    assert run("url", "--target", "postgresql://h1:1,h2:2/x").err == ""


def test_url_makes_no_folder(run: Run, tmp_path: Path) -> None:
    answer = run("url", "--target", tmp_path / "absent")
    assert (answer.code, len(answer.err.splitlines())) == (1, 1)
    assert not (tmp_path / "absent").exists()


def test_psql_gets_the_password_by_its_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "psql").write_text(FAKE.format(python=sys.executable, out=str(tmp_path / "out.json")))
    (tmp_path / "psql").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PGHOST", "elsewhere")

    target = "postgresql://me:secret@host/db?sslmode=require&keepalives=1"
    answer = run("psql", "--target", target, "--", "-c", "select 1")

    assert answer.code == 7
    arguments, told = json.loads((tmp_path / "out.json").read_text())
    assert arguments == ["--dbname", "keepalives=1", "-c", "select 1"]
    assert told["PGPASSWORD"] == "secret"
    assert (told["PGHOST"], told["PGUSER"], told["PGDATABASE"], told["PGSSLMODE"]) == ("host", "me", "db", "require")


def test_psql_that_is_not_there_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = run("psql", "--target", "postgresql://me:secret@host/db")
    assert answer.code == 1
    assert answer.err.startswith("vecs: psql is not on the path: install")


def test_psql_of_the_embedded_server_finds_collections(filled: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vecs", "psql", "-t", str(filled), "--", "-Atc", "select count(*) from plain"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
