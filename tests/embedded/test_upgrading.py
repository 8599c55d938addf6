"""Folders that an earlier major of PostgreSQL made: upgraded, or left as they are; and backups."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vecs
from vecs.embedded import backup, former, open_server, upgrade, upgrading
from vecs.embedded.former import binaries_of, former_server
from vecs.embedded.initialise import kept_cluster
from vecs.embedded.process import choose_runner, spawn
from vecs.exc import ServerError


def made_by_16(folder: Path) -> None:
    """Make the folder that vecs would have made of PostgreSQL 16, with the letters of the locale C."""
    folder.mkdir(mode=0o700)
    (folder / "start.lock").touch(0o600)
    (folder / "format.json").write_text(json.dumps({"format": 1, "postgres": 16, "pgvector": "0.8.5"}))
    binaries = binaries_of(16)
    runner = choose_runner(binaries, folder)
    pgdata = folder / "pgdata"
    pgdata.mkdir(mode=0o700)
    if runner.switch:
        os.chown(pgdata, runner.uid, runner.gid)
    command = [binaries.initdb, "-D", str(pgdata), "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=reject"]
    assert spawn(command, log=folder / "server.log", runner=runner).wait() == 0
    with former_superuser(folder) as arguments:
        with psycopg.connect(**{**arguments, "dbname": "postgres"}, autocommit=True) as connection:
            connection.execute("create role vecs login")
            connection.execute("create database vecs template template0")
            connection.execute("grant connect, create, temporary on database vecs to vecs")
        with psycopg.connect(**arguments, autocommit=True) as connection:
            connection.execute("create extension vector")
            connection.execute("grant usage, create on schema public to vecs")
        with vecs.create_client(f"host={arguments['host']} user=vecs dbname=vecs") as client:
            docs = client.create_collection("docs", 3, text=True, language="french")
            docs.upsert([vecs.Record(f"é-{n}", [n, 1, 2], f"L’été “{n}” Ölfilter", {"n": n}) for n in range(50)])
            docs.index()


def former_superuser(folder: Path) -> Any:
    return former_server(folder, 16)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "sixteen"
        made_by_16(folder)
        yield folder


@pytest.fixture
def sixteen(template: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "data"
    shutil.copytree(template, copied)
    copied.chmod(0o700)
    return copied


def test_an_old_folder_is_upgraded_and_its_words_are_made_anew(sixteen: Path) -> None:
    with pytest.raises(ServerError, match=f"run `vecs upgrade {sixteen}`"):
        open_server(sixteen)
    steps: list[str] = []
    done = upgrade(sixteen, steps.append)
    assert (done.former, done.major, done.tables, done.rows) == (16, 18, 1, 50)
    assert done.kept == sixteen / "pgdata-16"
    assert (done.kept / "PG_VERSION").read_text() == "16\n"
    assert steps[0] == "copying the cluster of PostgreSQL 16"
    assert not (sixteen / ".upgrade").exists()
    with vecs.create_client(sixteen) as client:
        docs = client.get_collection("docs")
        assert docs.count() == 50
        assert len(docs.search("ölfilter", mode="keyword", limit=50)) == 50
        assert docs.is_indexed_for_measure("cosine_distance")
    assert json.loads((sixteen / "format.json").read_text())["postgres"] == 18
    # There is nothing to do any more.
    assert upgrade(sixteen).kept is None


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=pytest.mark.full) for step in ("run_program", "_restore")] + ["_swapped"]
)
def test_a_folder_is_what_it_was_where_an_upgrade_fails_and_the_next_run_succeeds(
    sixteen: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = (sixteen / "pgdata" / "global" / "pg_control").read_bytes()

    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(former if step == "run_program" else upgrading, step, die)
        with pytest.raises(KeyboardInterrupt):
            upgrade(sixteen)
    assert (sixteen / "pgdata" / "global" / "pg_control").read_bytes() == before
    with former_superuser(sixteen) as arguments, psycopg.connect(**arguments) as connection:
        assert connection.execute("select count(*) from vecs.docs").fetchone() == (50,)
    assert upgrade(sixteen).rows == 50


def test_an_upgrade_that_died_between_its_last_steps_is_told_and_finished(
    sixteen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.parent.name == "new" and self.name == "pgdata":
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            upgrade(sixteen)
    with pytest.raises(ServerError, match="interrupted at its last step: run `vecs upgrade"):
        open_server(sixteen)
    assert not (sixteen / "pgdata").exists()
    assert upgrade(sixteen).former == 16
    with vecs.create_client(sixteen) as client:
        assert client.get_collection("docs").count() == 50


def test_what_cannot_be_upgraded_is_refused_before_anything_is_made(
    sixteen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ServerError, match="there is no folder"):
        upgrade(tmp_path / "absent")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "x").touch()
    with pytest.raises(ServerError, match="not a vecs folder"):
        upgrade(tmp_path / "foreign")
    with monkeypatch.context() as patch:
        patch.setattr("vecs.embedded.idle._PATIENCE", 0.3)
        with former_superuser(sixteen), pytest.raises(ServerError, match="is in use"):
            upgrade(sixteen)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda place: shutil._ntuple_diskusage(1, 1, 1))
        with pytest.raises(ServerError, match="make room there"):
            upgrade(sixteen)
    (sixteen / "pgdata" / "PG_VERSION").write_text("19\n")
    with pytest.raises(ServerError, match="newer than 18: upgrade vecs"):
        upgrade(sixteen)
    assert sorted(path.name for path in sixteen.iterdir() if path.name.startswith((".", "pgdata"))) == ["pgdata"]


def test_a_role_of_ones_own_is_told_and_nothing_changes(sixteen: Path) -> None:
    with former_superuser(sixteen) as arguments, psycopg.connect(**arguments, autocommit=True) as connection:
        connection.execute("create role reader")
    with pytest.raises(ServerError, match="the role reader"):
        upgrade(sixteen)
    assert (sixteen / "pgdata" / "PG_VERSION").read_text() == "16\n"


def test_a_backup_opens_like_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, saved = tmp_path / "data", tmp_path / "saved" / "copy"
    with vecs.create_client(folder) as client:
        client.create_collection("docs", 2).upsert([("a", [1, 2], {})])
        with monkeypatch.context() as patch:
            patch.setattr("vecs.embedded.idle._PATIENCE", 0.3)
            with pytest.raises(ServerError, match="is in use"):
                backup(folder, saved)
        assert not saved.parent.exists()
    assert backup(folder, saved) == saved
    with pytest.raises(ServerError, match="exists already"):
        backup(folder, saved)
    with pytest.raises(ServerError, match="choose another place"):
        backup(folder, folder / "inside")
    with vecs.create_client(saved) as client:
        assert client.get_collection("docs").count() == 1


def test_the_latest_of_several_former_clusters_is_the_one_that_is_named(tmp_path: Path) -> None:
    assert kept_cluster(tmp_path) is None
    for name in ("pgdata-9", "pgdata-16", "pgdata-17", "pgdata-old", "pgdata-"):
        (tmp_path / name).mkdir()

    assert kept_cluster(tmp_path) == tmp_path / "pgdata-17"
