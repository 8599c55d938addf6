"""What others, the environment and the disk do to a server: it starts all the same, or says at once what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import pq

import vecs
from vecs.embedded import EmbeddedServer, connecting, locks, open_server, sockets
from vecs.exc import ServerError

if TYPE_CHECKING:
    from conftest import Probe

Opened = Callable[..., EmbeddedServer]

# Every variable of this libpq with a value that breaks a connection, and those of none.
BOGUS = {option.envvar.decode(): "bogus" for option in pq.Conninfo.get_defaults() if option.envvar}
# libpq looks at these whatever it is told.
ALWAYS_READ = ("PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO")

OPEN = """
import sys
from vecs.embedded import open_server
from vecs.exc import ServerError
try:
    with open_server(sys.argv[1], linger=0) as server:
        print("open", server.conninfo["host"])
except ServerError as error:
    print(error)
"""


def test_no_variable_of_libpq_reaches_the_connection(
    folder: Path, opened: Opened, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    bogus = {
        **BOGUS,
        "PGREQUIREPEER": "somebody",
        "PGREQUIREAUTH": "scram-sha-256",
        "PGSSLROOTCERT": "system",
        "PGSERVICEFILE": "/nowhere",
        "PGSYSCONFDIR": "/nowhere",
        "PGLOCALEDIR": "/nowhere",
        "PGDATA": "/nowhere",
    }
    for name in bogus:
        if name not in ALWAYS_READ:
            monkeypatch.setenv(name, bogus[name])
    server = opened(folder)
    for only in bogus:
        if only in ALWAYS_READ:
            continue
        for name in bogus:
            monkeypatch.delenv(name, raising=False)
        # Set when the parameters are made, and after that.
        before = server.conninfo
        monkeypatch.setenv(only, bogus[only])
        for parameters in (before, server.conninfo):
            with psycopg.connect(**parameters) as connection:
                assert connection.execute("select current_user").fetchall() == [("vecs",)], only


def test_variable_of_a_later_libpq_is_overridden_once_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    new = pq.ConninfoOption(b"novelty", b"PGNOVELTY", None, None, b"", b"", 10)
    monkeypatch.setattr(pq.Conninfo, "get_defaults", lambda: [new])
    assert "novelty" not in connecting.conninfo(Path("/nowhere"))
    monkeypatch.setenv("PGNOVELTY", "1")
    assert connecting.conninfo(Path("/nowhere"))["novelty"] == ""


@pytest.mark.parametrize(("name", "value"), [("PGTZ", "bogus"), ("PGSERVICE", "none"), ("PGDATESTYLE", "bogus")])
def test_variable_that_libpq_always_reads_is_named_at_once(folder: Path, probe: Probe, name: str, value: str) -> None:
    said = probe.run(folder, OPEN, env={name: value})
    assert f"${name} is '{value}'" in said
    assert "gave up" not in said


def test_valid_time_zone_of_the_environment_is_welcome(folder: Path, probe: Probe) -> None:
    assert probe.run(folder, OPEN, env={"PGTZ": "Asia/Tokyo", "PGSERVICEFILE": "/nowhere"}).startswith("open")


def test_connection_asks_who_answers(folder: Path, opened: Opened) -> None:
    server = opened(folder)
    owner = Path(server.conninfo["host"]).owner()
    assert server.conninfo["requirepeer"] == owner
    with pytest.raises(psycopg.OperationalError, match="requirepeer"):
        psycopg.connect(**{**server.conninfo, "requirepeer": "somebody"})


def test_programs_of_the_server_get_no_secrets(folder: Path, probe: Probe) -> None:
    secrets = {"OPENAI_API_KEY": "sk-secret", "PGPASSWORD": "secret", "VECS_URL": "postgresql://u:secret@h/d"}
    stay = OPEN.replace('print("open", server.conninfo["host"])', 'print("open", flush=True)\n        sys.stdin.read()')
    with probe.client(folder, stay, env={**secrets, "LC_ALL": "xx_YY", "TZ": "bogus"}) as client:
        assert client.stdout
        assert client.stdout.readline() == "open\n"
        for pid in (probe.postmaster(folder), probe.watchdog(folder)):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"PATH=" in environment
            assert b"secret" not in environment
        client.communicate()


def test_refusals_are_understood_in_every_language(folder: Path, opened: Opened, probe: Probe) -> None:
    # By SQLSTATE: the words would be translated where the programs of Postgres have their messages in many languages.
    server = opened(folder)
    place = Path(server.conninfo["host"])
    assert connecting.ask(place, "vecs", "vecs") == connecting.READY
    assert 'database "nowhere" does not exist' in connecting.ask(place, "vecs", "nowhere")
    probe.execute(server, "alter role vecs connection limit 0", superuser=True)
    assert connecting.ask(place, "vecs", "vecs") == connecting.FULL
    probe.execute(server, "alter role vecs connection limit -1", superuser=True)
    os.kill(probe.postmaster(folder), signal.SIGKILL)
    assert probe.until(lambda: connecting.ask(place, "vecs", "vecs") == connecting.STARTING)


def test_client_waits_while_its_server_recovers(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    pids = probe.execute(server, "select pid from pg_stat_activity where backend_type = 'checkpointer'", superuser=True)
    with psycopg.connect(**server.conninfo, autocommit=True) as connection:
        # One of its processes dies: all others are ended, and nobody gets in until they are started anew.
        os.kill(pids[0][0], signal.SIGKILL)
        assert probe.until(lambda: is_lost(connection))
        server.ensure_running()
        assert probe.execute(server, "select 1") == [(1,)]


def is_lost(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


@pytest.fixture
def taken_name(as_root: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for sockets in which another user has taken our name."""
    taken = tmp_path / f"vecs-{os.geteuid()}"
    taken.mkdir(mode=0o700)
    os.chown(taken, 5, 5)
    monkeypatch.setattr(sockets, "_bases", lambda: iter([tmp_path]))
    return tmp_path


def test_name_that_somebody_else_took_keeps_nobody_from_starting(
    taken_name: Path, folder: Path, opened: Opened, probe: Probe
) -> None:
    server = opened(folder)
    place = Path(server.conninfo["host"])
    assert place.parent == taken_name
    assert place.name != f"vecs-{os.geteuid()}"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    # The others find it, and it is gone at the end.
    assert opened(folder).conninfo == server.conninfo
    assert probe.run(folder, OPEN) == f"open {place}"
    second = opened(folder)
    for client in (server, second):
        client.close()


def test_socket_goes_into_the_data_where_no_other_place_is(
    folder: Path, opened: Opened, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_bases", lambda: iter([Path("/nowhere/at/all")]))
    server = opened(folder)
    assert Path(server.conninfo["host"]).parent == folder
    server.close()
    assert probe.stops(folder)
    assert not list(folder.glob("vecs-*"))


@pytest.mark.parametrize("place", ["/nowhere", "sp ace ü", "x" * 120, "new\nline", "relative"])
def test_odd_temporary_folders_do_not_hinder(folder: Path, probe: Probe, tmp_path: Path, place: str) -> None:
    where = place if place.startswith(("/", "relative")) else str(tmp_path / place)
    if where.startswith(str(tmp_path)):
        Path(where).mkdir()
    assert probe.run(folder, OPEN, env={"TMPDIR": where, "XDG_RUNTIME_DIR": where}).startswith("open")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o722])
def test_folder_that_others_could_write_to_is_closed_with_a_word(
    folder: Path, opened: Opened, probe: Probe, mode: int
) -> None:
    folder.chmod(mode)
    told: list[str] = []
    server = opened(folder, report=told.append)
    assert not stat.S_IMODE(folder.stat().st_mode) & 0o022
    assert f"mode {mode:o}" in told[0]
    assert probe.execute(server, "select 1") == [(1,)]
    told.clear()
    opened(folder, report=told.append)
    assert told == []


@pytest.mark.parametrize("what", ["link", "owner"])
def test_folder_in_which_others_left_something_is_refused(as_root: None, folder: Path, what: str) -> None:
    if what == "link":
        (folder / "format.json").unlink()
        (folder / "format.json").symlink_to("/etc/passwd")
    else:
        os.chown(folder / "format.json", 5, 5)
    folder.chmod(0o777)
    with pytest.raises(ServerError, match=r"format\.json in it belongs to user"):
        open_server(folder)


@pytest.mark.parametrize("name", ["lone \ud800", "nul \0", "x" * 300])
def test_names_that_no_folder_can_have_are_a_server_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServerError):
        open_server(tmp_path / name)


def test_missing_home_is_a_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> None:
        raise KeyError

    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ServerError, match="home"):
        open_server("~/data")
    with pytest.raises(ServerError, match="home"):
        open_server(None)


def test_forks_of_a_program_inherit_locks_only_where_they_are_given(tmp_path: Path) -> None:
    # gevent and eventlet start programs with a fork.
    with locks.transient_lock(tmp_path / "a") as given, locks.transient_lock(tmp_path / "b") as other:
        with locks.inherited([given]):
            pid = os.fork()
            if pid == 0:
                try:
                    os.fstat(given)
                    os._exit(1 if is_open(other) else 0)
                except OSError:
                    os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.fixture
def small_disk(as_root: None, small_file_system: Callable[[int], Path]) -> Path:
    """A file system of 160 MB."""
    return small_file_system(160)


def fill(disk: Path, name: str) -> Path:
    with open(disk / name, "wb") as file:
        subprocess.run(["dd", "if=/dev/zero", "bs=64k"], stdout=file, stderr=subprocess.DEVNULL, check=False)
    return disk / name


def test_server_on_a_full_disk_is_read_and_emptied(small_disk: Path, probe: Probe) -> None:
    folder = small_disk / "data"
    told: list[str] = []
    client = vecs.create_client(folder, report=told.append)
    docs = client.get_or_create_collection("docs", dimension=2)
    docs.upsert([(str(n), [1, n], {}) for n in range(100)])
    client.close()
    assert probe.stops(folder)
    filler = fill(small_disk, "filler")

    docs = client.get_collection("docs")
    assert docs.count() == 100
    assert any("the disk is full" in message for message in told)
    assert len(docs.delete([str(n) for n in range(50)])) == 50
    client.delete_collection("docs")
    client.close()
    assert probe.stops(folder)

    # Without the reserve there is nothing left to do but to say so.
    fill(small_disk, "more")
    with pytest.raises(ServerError, match=r"^the disk of .* is full \(\d+ MB are free\); make room there") as caught:
        client.get_or_create_collection("docs", dimension=2)
    # The log of a server that cannot start speaks of damage.
    assert "\n" not in str(caught.value)
    filler.unlink()
    assert client.get_or_create_collection("docs", dimension=2).count() == 0
    client.close()
    assert probe.stops(folder)


def test_socket_that_may_not_be_used_is_a_refusal_and_no_start(public_place: Callable[[str], Path]) -> None:
    place = public_place("games")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sockets.socket_path(place)))
        assert connecting.ask(place, "vecs", "vecs") == connecting.STARTING
    sockets.socket_path(place).unlink()
    sockets.socket_path(place).symlink_to(sockets.socket_path(place))
    assert "symbolic links" in connecting.ask(place, "vecs", "vecs")
