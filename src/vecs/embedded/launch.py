"""Bring the server of a folder into the state where it answers, from whatever state it is in."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vecs.embedded import connecting, disk, initialise, locks, sockets, watchdog
from vecs.embedded.binaries import find_binaries
from vecs.embedded.process import Detached, choose_runner, major_version, nobody_uid, spawn
from vecs.embedded.settings import start_settings, unlike_running
from vecs.exc import ServerError

logger = logging.getLogger("vecs.embedded")

_PATIENCE = 600.0  # seconds; recovery after a crash reads all that was written since the last checkpoint
_NOTICE = 2.0  # seconds after which a wait is reported
_LARGE_LOG = 10 << 20
_TAIL = 15
_TRIES = 3  # connections that fail though the server takes them


@dataclass(frozen=True)
class LaunchOptions:
    """What a client asked for."""

    settings: Mapping[str, str]
    keep_running: bool
    linger: float
    report: Callable[[str], None] | None

    def say(self, message: str) -> None:
        """Log a message, and report it to the client if that wants reports."""
        logger.info(message)
        if self.report:
            self.report(message)

    def warn(self, message: str) -> None:
        """Say what the user should look into."""
        logger.warning(message)
        if self.report:
            self.report(message)


class _Wait:
    """A wait with growing pauses: it is reported once when it takes long, and given up in the end."""

    def __init__(self, options: LaunchOptions) -> None:
        self._options = options
        self._begin = time.monotonic()
        self._pause = 0.002
        self._warned = False

    def sleep(self, what_for: str) -> None:
        """Pause; raise ServerError once the whole wait has taken too long."""
        waited = time.monotonic() - self._begin
        if waited > _PATIENCE:
            raise ServerError(f"gave up after {waited:.0f} s of {what_for}")
        if waited > _NOTICE and not self._warned:
            self._warned = True
            self._options.say(what_for)
        time.sleep(self._pause)
        self._pause = min(self._pause * 1.5, 0.05)


@contextmanager
def start_lock(folder: Path, options: LaunchOptions) -> Generator[int]:
    """Hold the lock under which servers of this folder are started, joined and stopped; yield its descriptor."""
    path = folder / "start.lock"
    with locks.transient_lock(path) as descriptor:
        wait = _Wait(options)
        while not locks.try_exclusive(descriptor):
            wait.sleep(f"waiting for another process that starts or stops the server of {folder}")
        if not locks.locks_work(path):
            raise ServerError(f"file locks do not work in {folder}; use a folder on a local disk")
        yield descriptor


def bring_up(folder: Path, options: LaunchOptions, start: int) -> Path:
    """Return the folder of the socket on which the server answers; to be called under the start lock."""
    launch = _Launch(folder, options, start)
    try:
        return launch.run()
    except (ServerError, OSError) as error:
        full = disk.is_full(error, launch.new_log())
        # If the disk is full, the log says the same in the server's words, with advice for its administrator.
        before, after = (disk.advice(folder), "") if full else ("", launch.log_tail())
        what = error if isinstance(error, ServerError) else f"cannot run the server of {folder}: {error}"
        cause = error.__cause__ if isinstance(error, ServerError) else error
        raise ServerError(f"{before}{what}{after}") from cause


class _Launch:
    """One attempt to bring a server up."""

    def __init__(self, folder: Path, options: LaunchOptions, start: int) -> None:
        self.folder = folder
        self.pgdata = folder / "pgdata"
        self.log = folder / "server.log"
        self.options = options
        self.start = start
        self.child: Detached | None = None
        self.told_to_stop = 0
        self.failures = 0
        self.log_begin = self.log.stat().st_size if self.log.exists() else 0

    def run(self) -> Path:
        """Return the folder of the socket once the server answers, whatever state it was in."""
        complete = initialise.read_format(self.folder) is not None
        self.forget_kept()
        self.watch()
        wait = _Wait(self.options)
        # A new folder has nothing to recover, and the word recovering would alarm.
        doing = "starting, or recovering after a crash" if complete else "starting for the first time"
        while True:
            # The postmaster and all its children hold this lock. Asked again each time: a dying server
            # ends while we wait.
            with locks.transient_lock(self.folder / "server.lock") as server:
                if locks.try_exclusive(server):
                    self.start_server(server)
            found = self.find_socket()
            if found and self.is_ready(found, complete):
                break
            wait.sleep(f"the server of {self.folder} is {doing}")
        # Again: a watchdog that was being killed may still have held its lock the first time.
        self.watch()
        if self.child:
            disk.make_reserve(self.folder)
        self.tell_differences()
        return found

    def watch(self) -> None:
        """See that a watchdog lives; before the server, so that none is ever left without one."""
        kept = self.folder / watchdog.KEPT
        if self.options.keep_running:
            kept.touch(mode=0o600)
        if kept.exists():
            return
        with locks.transient_lock(self.folder / "watch.lock") as watch:
            if not locks.try_exclusive(watch):
                return
            python = _interpreter()
            if not python:
                raise ServerError("no Python found to stop the server later; keep_running=True does not need one")
            arguments = (watchdog.__file__, str(self.folder), str(watch), str(self.options.linger))
            spawn([python, "-I", "-S", *arguments], log=self.log, keep=[watch])

    def forget_kept(self) -> None:
        """Drop the wish to keep a server running that somebody stopped; one that died left its file behind."""
        if not (self.pgdata / "postmaster.pid").exists():
            (self.folder / watchdog.KEPT).unlink(missing_ok=True)

    def tell_differences(self) -> None:
        """Report what does not hold because other clients chose otherwise."""
        unlike = [] if self.child else unlike_running(self.options.settings, self.pgdata)
        if unlike:
            self.options.say(
                f"the server of {self.folder} runs already; these settings take effect at its next start: "
                f"{', '.join(unlike)}"
            )

    def start_server(self, server: int) -> None:
        """Start a server that inherits the descriptor `server`; on a full disk with what the reserve leaves."""
        if self.child and not self.release_reserve(None):
            raise ServerError(f"the server of {self.folder} ended while it started")
        try:
            self.start_once(server)
        except OSError as error:
            if not self.release_reserve(error):
                raise
            self.start_once(server)

    def release_reserve(self, error: OSError | None) -> bool:
        """Give the reserve to a server that could not start because the disk is full; False for other reasons."""
        if not disk.is_full(error, self.new_log()) or not disk.release_reserve(self.folder):
            return False
        self.warn("the disk is full, and the server starts by using its reserve: delete data, or free disk space")
        return True

    def start_once(self, server: int) -> None:
        """Start a server; no process of an earlier one lives."""
        binaries = find_binaries()
        runner = choose_runner(binaries, self.folder)
        major = major_version(binaries, runner)
        initialise.check_major(self.folder, binaries, major)
        self.stop_stray()
        if self.log.exists() and self.log.stat().st_size > _LARGE_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
            self.log_begin = 0
        initialise.make_cluster(self.folder, binaries, runner, self.start)
        initialise.own_cluster(self.folder, runner)
        # It is stale, and Postgres would believe it where another process has its process id by now.
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        place = sockets.make_socket_folder(self.folder, runner.uid)
        sockets.clear_sockets(place)
        # The value is a list of names, and a quoted name may hold anything.
        command = [binaries.postgres, "-D", str(self.pgdata), "-k", '"' + str(place).replace('"', '""') + '"']
        command += initialise.write_access(self.folder, runner)
        for name, value in start_settings(self.options.settings, major).items():
            command += ["-c", f"{name}={value}"]
        self.child = spawn(command, log=self.log, runner=runner, keep=[server])

    def stop_stray(self) -> None:
        """Stop a server that lives without its lock, because somebody deleted the lock file."""
        wait = _Wait(self.options)
        while self.signal_postmaster(watchdog.read_pid_file(str(self.pgdata)).pid):
            wait.sleep(f"stopping a server of {self.folder} whose server.lock was deleted")

    def find_socket(self) -> Path | None:
        """Return where the server says that it listens; None until it does."""
        file = watchdog.read_pid_file(str(self.pgdata))
        if file.state != "ready":
            return None
        place = Path(file.socket_folder)
        if sockets.socket_path(place).exists():
            if sockets.is_private(place, {os.geteuid(), nobody_uid()}):
                return place
            raise ServerError(f"{place}, with the server's socket, is open to others; make it private (chmod 700)")
        if sys.platform == "linux" and os.path.lexists(f"/proc/{file.pid}/root{sockets.socket_path(place)}"):
            raise ServerError(
                f"the server of {self.folder} was started where {place.parent.parent} is another folder "
                "(in a container, or by a service with a private /tmp); stop that program first"
            )
        # Some program cleaned /tmp: the server is healthy, but cannot make its socket again.
        if self.signal_postmaster(file.pid):
            self.options.say(f"the socket of the server of {self.folder} was deleted; restarting the server")
        return None

    def signal_postmaster(self, pid: int) -> bool:
        """Ask this process to stop, once, if it is our server; say whether it is."""
        try:
            found = os.stat(self.pgdata)
        except FileNotFoundError:
            return False
        if not watchdog.is_postmaster(pid, found, str(self.pgdata)):
            return False
        if self.told_to_stop != pid:
            self.told_to_stop = pid
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        return True

    def is_ready(self, place: Path, complete: bool) -> bool:
        """Say whether the server takes connections of its clients; finish the set-up of a new one, and mend it."""
        if self.child or not complete:
            return self.is_set_up(place)
        found = connecting.ask(place, connecting.ROLE, connecting.DATABASE)
        if found not in (connecting.READY, connecting.FULL, connecting.STARTING):
            return self.is_set_up(place)
        return found == connecting.FULL or (
            found == connecting.READY and self.succeeds(lambda: connecting.connect(connecting.conninfo(place)).close())
        )

    def is_set_up(self, place: Path) -> bool:
        """Set the server up, and say whether it takes connections of its clients then."""
        found = connecting.ask(place, connecting.SUPERUSER, connecting.SUPERUSER)
        if found in (connecting.FULL, connecting.STARTING):
            return False
        if found == connecting.READY:
            if not self.succeeds(lambda: initialise.set_up(self.folder, place, self.warn)):
                return False
            found = connecting.ask(place, connecting.ROLE, connecting.DATABASE)
            if found in (connecting.READY, connecting.FULL):
                return True
            if found == connecting.STARTING:
                return False
        raise ServerError(f"the server of {self.folder} refuses its own user: {found}")

    def warn(self, message: str) -> None:
        """Tell what was mended in this folder."""
        self.options.warn(f"the server of {self.folder}: {message}")

    def succeeds(self, action: Callable[[], None]) -> bool:
        """Do something with a server that takes connections; False where it may succeed later."""
        import psycopg

        try:
            action()
        except psycopg.Error as error:
            if isinstance(error, psycopg.errors.ConnectionTimeout):
                return False
            self.failures += 1
            passing = error.sqlstate is None or error.sqlstate in connecting.PASSING
            if passing and self.failures < _TRIES:
                return False
            hint = "" if error.sqlstate else connecting.hint_at_environment()
            raise ServerError(f"cannot use the server of {self.folder}: {error}{hint}") from error
        return True

    def new_log(self) -> bytes:
        """Return the end of what was written to the log since this launch began."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(self.log_begin, self.log.stat().st_size - (1 << 16)))
                return file.read()
        except OSError:
            return b""

    def log_tail(self) -> str:
        """Return the end of the log for an error's message."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, self.log.stat().st_size - 8192))
                lines = file.read().decode(errors="replace").splitlines()[-_TAIL:]
        except OSError:
            return ""
        return f"\n\nThe end of {self.log}:\n" + "\n".join(lines) if lines else ""


def _interpreter() -> str | None:
    """Return a Python that can run a script; this process may be an application with a Python inside."""
    own = sys.executable
    if own and os.path.basename(own).startswith(("python", "pypy")) and not getattr(sys, "frozen", False):
        return own
    beside = os.path.join(sys.exec_prefix, "bin", "python3")
    return beside if os.access(beside, os.X_OK) else shutil.which("python3")
