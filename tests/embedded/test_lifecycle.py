"""The server lives exactly as long as somebody uses it, and comes back when it dies before that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from vecs.embedded import EmbeddedServer, locks, open_server
from vecs.embedded.sockets import socket_path
from vecs.embedded.watchdog import is_used
from vecs.exc import ServerError

if TYPE_CHECKING:
    from conftest import Probe

Opened = Callable[..., EmbeddedServer]

# Opens the folder, says so, and stays until its input ends.
STAY = """
import sys
from vecs.embedded import open_server
server = open_server(sys.argv[1], linger=0)
print("open", flush=True)
sys.stdin.read()
"""

INSERT = """
import sys, psycopg
from vecs.embedded import open_server
with open_server(sys.argv[1], linger=float(sys.argv[2])) as server:
    with psycopg.connect(**server.conninfo) as connection:
        connection.execute("create table if not exists t (a text)") if len(sys.argv) > 3 else None
        connection.execute("insert into t values ('x')")
"""


def test_new_folder_holds_a_database_with_pgvector(new_folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(new_folder)
    probe.execute(server, "create table t (v vector(3))")
    probe.execute(server, "insert into t values ('[1,2,3]')")
    assert probe.execute(server, "select v <-> '[1,2,4]' from t") == [(1.0,)]


def test_server_stops_when_its_client_closes(folder: Path, probe: Probe) -> None:
    open_server(folder, linger=0).close()
    assert probe.stops(folder)


def test_server_lingers_for_the_next_client(folder: Path, probe: Probe) -> None:
    open_server(folder, linger=0.5).close()
    first = probe.postmaster(folder)
    time.sleep(0.2)
    with open_server(folder) as server:
        assert probe.postmaster(folder) == first
        time.sleep(0.6)
        assert probe.execute(server, "select 1") == [(1,)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_server_stops_when_its_client_is_killed(folder: Path, probe: Probe, how: signal.Signals) -> None:
    with probe.client(folder) as client:
        assert client.stdout
        assert client.stdout.readline() == "open\n"
        client.send_signal(how)
    assert probe.stops(folder)


def test_server_stays_for_the_second_client(folder: Path, opened: Opened, probe: Probe) -> None:
    first, second = opened(folder), opened(folder)
    first.close()
    time.sleep(0.2)
    assert probe.execute(second, "select 1") == [(1,)]


def test_joined_server_is_the_same_server(folder: Path, opened: Opened, probe: Probe) -> None:
    first, second = opened(folder), opened(folder)
    assert first.conninfo == second.conninfo
    pid = "select pg_postmaster_start_time()"
    assert probe.execute(first, pid) == probe.execute(second, pid)


def test_close_is_idempotent_and_ends_ensure_running(folder: Path) -> None:
    server = open_server(folder, linger=0)
    server.close()
    server.close()
    with pytest.raises(ServerError, match="closed"):
        server.ensure_running()


def test_killed_postmaster_is_replaced_with_all_committed_rows(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    before = server.conninfo
    probe.execute(server, "create table t as select generate_series(1, 1000) as a")
    os.kill(probe.postmaster(folder), signal.SIGKILL)
    server.ensure_running()
    assert server.conninfo == before
    assert probe.execute(server, "select count(*) from t") == [(1000,)]


def test_ensure_running_leaves_a_healthy_server_alone(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    first = probe.postmaster(folder)
    server.ensure_running()
    assert probe.postmaster(folder) == first


def test_many_clients_replace_a_killed_postmaster_once(folder: Path, opened: Opened, probe: Probe) -> None:
    servers = [opened(folder) for _ in range(6)]
    before = starts(folder)
    os.kill(probe.postmaster(folder), signal.SIGKILL)
    threads = [threading.Thread(target=server.ensure_running) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert starts(folder) == before + 1
    assert probe.execute(servers[5], "select 1") == [(1,)]


def starts(folder: Path) -> int:
    return (folder / "server.log").read_text().count("ready to accept connections")


def test_committed_rows_survive_killing_everything(folder: Path, opened: Opened, probe: Probe) -> None:
    code = INSERT + "    import os, signal; print('done', flush=True); signal.pause()"
    with probe.client(folder, code, "0", "create") as client:
        assert client.stdout
        assert client.stdout.readline() == "done\n"
        for pid in (probe.watchdog(folder), client.pid, probe.postmaster(folder)):
            os.kill(pid, signal.SIGKILL)
    assert probe.execute(opened(folder), "select a from t") == [("x",)]


def test_fork_child_keeps_the_server_that_its_parent_opened(folder: Path, probe: Probe) -> None:
    code = """
import os, sys, time, psycopg
from vecs.embedded import open_server
server = open_server(sys.argv[1], linger=0)
if os.fork():
    server.close()
    os._exit(0)
time.sleep(0.7)
server.ensure_running()
old = "select pg_postmaster_start_time() < now() - '0.6 s'::interval"
print(psycopg.connect(**server.conninfo).execute(old).fetchone()[0], flush=True)
os._exit(0)
"""
    assert probe.run(folder, code) == "True"
    assert probe.stops(folder)


def test_fork_child_that_closes_leaves_the_server_to_its_parent(folder: Path, probe: Probe) -> None:
    code = """
import os, sys, time, psycopg
from vecs.embedded import open_server
server = open_server(sys.argv[1], linger=0)
child = os.fork()
if not child:
    server.close()
    os._exit(0)
os.waitpid(child, 0)
time.sleep(0.3)
print(psycopg.connect(**server.conninfo).execute("select 1").fetchone()[0], flush=True)
os._exit(0)
"""
    assert probe.run(folder, code) == "1"


def test_fork_child_does_not_inherit_a_lock_that_its_parent_holds_for_a_moment(tmp_path: Path) -> None:
    with locks.transient_lock(tmp_path / "lock") as descriptor:
        child = os.fork()
        if not child:
            try:
                os.fstat(descriptor)
            except OSError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        os.fstat(descriptor)


def test_eight_first_starts_at_once_share_one_server(new_folder: Path, probe: Probe) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(probe.client(new_folder)) for _ in range(8)]
        assert all(client.stdout and client.stdout.readline() == "open\n" for client in clients)
        for client in clients:
            client.communicate()
    assert starts(new_folder) == 1
    assert probe.stops(new_folder)


def test_short_overlapping_processes_lose_nothing(folder: Path, probe: Probe, opened: Opened) -> None:
    probe.run(folder, INSERT, "0", "create")
    with ExitStack() as stack:
        clients: list[subprocess.Popen[str]] = []
        for _ in range(24):
            clients.append(stack.enter_context(probe.client(folder, INSERT, "0")))
            time.sleep(0.05)
        errors = [client.communicate()[1] for client in clients]
    assert [error for error in errors if error] == []
    assert probe.stops(folder)
    assert probe.execute(opened(folder), "select count(*) from t") == [(25,)]


def test_killed_watchdog_is_replaced_by_the_next_client(folder: Path, probe: Probe, opened: Opened) -> None:
    first = opened(folder)
    os.kill(probe.watchdog(folder), signal.SIGKILL)
    assert probe.until(lambda: probe.is_free(folder, "watch.lock"))
    second = opened(folder)
    first.close()
    second.close()
    assert probe.stops(folder)


def test_kept_server_runs_on_whoever_opens_it_later(folder: Path, probe: Probe) -> None:
    open_server(folder, keep_running=True).close()
    for _ in range(2):
        open_server(folder, linger=0).close()
    # No watchdog lives that could stop it.
    assert probe.is_free(folder, "watch.lock")
    assert not probe.is_free(folder)
    # One that died was not stopped on purpose.
    os.kill(probe.postmaster(folder), signal.SIGKILL)
    assert probe.until(lambda: probe.is_free(folder))
    open_server(folder, linger=0).close()
    assert probe.is_free(folder, "watch.lock")
    assert not probe.is_free(folder)
    os.kill(probe.postmaster(folder), signal.SIGINT)
    assert probe.stops(folder)
    # Now nobody wants it to be kept.
    open_server(folder, linger=0).close()
    assert probe.stops(folder)


def test_server_that_a_later_client_keeps_is_not_stopped(folder: Path, probe: Probe) -> None:
    with open_server(folder, linger=0):
        open_server(folder, keep_running=True).close()
        assert not probe.is_free(folder, "watch.lock")
    assert probe.until(lambda: probe.is_free(folder, "watch.lock"))
    assert not probe.is_free(folder)
    os.kill(probe.postmaster(folder), signal.SIGINT)
    assert probe.stops(folder)


def test_sessions_of_other_programs_keep_the_server_up(folder: Path, probe: Probe) -> None:
    with ExitStack() as stack:
        with open_server(folder, linger=0) as server:
            other = stack.enter_context(psycopg.connect(**server.conninfo, autocommit=True))
        looks = "select sessions from pg_stat_database where datname = 'postgres'"
        before = other.execute(looks).fetchone()
        assert probe.until(lambda: other.execute(looks).fetchone() != before)
        # A client that comes meanwhile finds it as it is.
        open_server(folder, linger=0).close()
        assert other.execute("select 1").fetchone() == (1,)
    assert probe.stops(folder)


def test_a_watchdog_takes_a_server_that_is_full_for_one_in_use(folder: Path, probe: Probe, opened: Opened) -> None:
    server = opened(folder, settings={"max_connections": "6", "superuser_reserved_connections": "1"})
    place = str(socket_path(Path(server.conninfo["host"])))
    # The session that set the server up ends after its client.
    assert probe.until(lambda: not is_used(place))
    with ExitStack() as stack:
        for user in ("vecs", "vecs", "vecs", "vecs", "vecs", "postgres"):
            stack.enter_context(psycopg.connect(**{**server.conninfo, "user": user}))
        assert is_used(place)
    assert not is_used(f"{place}x")


def test_deleting_the_folder_ends_the_server(folder: Path, probe: Probe, opened: Opened) -> None:
    server = opened(folder)
    pid = probe.postmaster(folder)
    # The watchdog must have seen the server, as it does every other second.
    time.sleep(2.2)
    subprocess.run(["rm", "-rf", str(folder)], check=False)
    server.close()
    assert probe.until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid))
    with pytest.raises(ServerError, match="closed"):
        server.ensure_running()


def is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_folder_may_be_moved_while_stopped(folder: Path, probe: Probe, opened: Opened) -> None:
    probe.run(folder, INSERT, "0", "create")
    assert probe.stops(folder)
    moved = folder.rename(folder.with_name("moved"))
    server = opened(moved)
    assert probe.execute(server, "select count(*) from t") == [(1,)]
    server.close()
    assert probe.stops(moved)


def test_client_of_a_moved_folder_is_told(folder: Path, probe: Probe, opened: Opened) -> None:
    server = opened(folder)
    moved = folder.rename(folder.with_name("moved"))
    with pytest.raises(ServerError, match="moved or deleted"):
        server.ensure_running()
    server.close()
    assert probe.stops(moved)


def test_opening_and_closing_leaks_no_descriptor(folder: Path) -> None:
    with open_server(folder, linger=0):
        before = os.listdir("/proc/self/fd")
        for _ in range(3):
            open_server(folder, linger=0).close()
        assert os.listdir("/proc/self/fd") == before


def test_ended_servers_are_no_zombies_after_the_next_open(folder: Path, probe: Probe) -> None:
    for _ in range(2):
        open_server(folder, linger=0).close()
        assert probe.stops(folder)
    with open_server(folder, linger=0):
        shown = ["ps", "-o", "stat=", "--ppid", str(os.getpid())]
        states = subprocess.run(shown, capture_output=True, text=True, check=True).stdout.split()
    assert not [state for state in states if state.startswith("Z")]


def test_waiting_for_a_slow_start_is_reported(
    folder: Path, tmp_path: Path, opened: Opened, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_binaries(tmp_path, monkeypatch, seconds=2.5)
    told: list[str] = []
    server = opened(folder, report=told.append)
    assert len(told) == 1
    assert "recovering" in told[0]
    assert probe.execute(server, "select 1") == [(1,)]


def slow_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    from vecs.embedded.binaries import find_binaries

    real = find_binaries()
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "initdb").symlink_to(real.initdb)
    (slow / "postgres").write_text(f'#!/bin/sh\n[ "$1" = --version ] || sleep {seconds}\nexec "{real.postgres}" "$@"\n')
    (slow / "postgres").chmod(0o755)
    monkeypatch.setenv("VECS_PG_BINDIR", str(slow))


def test_client_waits_for_another_that_is_killed_while_it_starts(
    new_folder: Path, opened: Opened, probe: Probe
) -> None:
    with probe.client(new_folder) as client:
        assert probe.until(lambda: any(new_folder.glob(".init-*")))
        client.kill()
    server = opened(new_folder)
    assert probe.execute(server, "select 1") == [(1,)]
    assert not any(new_folder.glob(".init-*"))


def test_set_up_that_was_cut_short_is_finished(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    probe.execute(server, "drop extension vector", superuser=True)
    server.close()
    assert probe.stops(folder)
    (folder / "format.json").unlink()
    server = opened(folder)
    assert probe.execute(server, "select '[1]'::vector::text") == [("[1]",)]
    assert (folder / "format.json").exists()


def test_deleted_socket_is_made_anew(folder: Path, opened: Opened, probe: Probe) -> None:
    told: list[str] = []
    server = opened(folder, report=told.append)
    (Path(server.conninfo["host"]) / ".s.PGSQL.5432").unlink()
    server.ensure_running()
    assert probe.execute(server, "select 1") == [(1,)]
    assert "socket" in told[0]


def test_deleted_socket_folder_is_made_anew(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    subprocess.run(["rm", "-rf", server.conninfo["host"]], check=True)
    assert probe.execute(opened(folder), "select 1") == [(1,)]
    server.ensure_running()
    assert probe.execute(server, "select 1") == [(1,)]


def test_deleted_lock_file_does_not_start_a_second_server(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    first = probe.postmaster(folder)
    (folder / "server.lock").unlink()
    second = opened(folder)
    assert probe.execute(second, "select 1") == [(1,)]
    assert not Path(f"/proc/{first}").exists() or is_zombie(first)
    assert server.conninfo == second.conninfo


def test_server_is_stopped_by_no_terminal(folder: Path, opened: Opened, probe: Probe) -> None:
    opened(folder)
    assert os.getsid(probe.postmaster(folder)) != os.getsid(0)
    assert os.getsid(probe.watchdog(folder)) != os.getsid(0)


def test_server_that_is_full_can_still_be_joined(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder, settings={"max_connections": "5"})
    with ExitStack() as stack:
        # Three of the five are the superuser's.
        for _ in range(2):
            # The backend of an earlier connection may still be leaving.
            assert probe.until(lambda: joined(stack, server))
        with pytest.raises(psycopg.OperationalError, match="reserved"):
            connect(server)
        opened(folder)


def joined(stack: ExitStack, server: EmbeddedServer) -> bool:
    with suppress(psycopg.OperationalError):
        stack.enter_context(connect(server))
        return True
    return False


def connect(server: EmbeddedServer) -> psycopg.Connection[Any]:
    return psycopg.connect(make_conninfo(**server.conninfo))


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_server_in_another_mount_namespace_is_named_and_left_alone(as_root: None, folder: Path, probe: Probe) -> None:
    Path("/tmp/vecs-0").mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "mode=700", "x", "/tmp/vecs-0"]
    hide = f"import subprocess\nsubprocess.run({mount}, check=True)\n"
    with probe.client(folder, hide + STAY, before=["unshare", "--mount"]) as client:
        assert client.stdout
        assert client.stdout.readline() == "open\n"
        pid = probe.postmaster(folder)
        with pytest.raises(ServerError, match="is another folder"):
            open_server(folder)
        assert probe.postmaster(folder) == pid
        client.communicate()
    assert probe.stops(folder)
