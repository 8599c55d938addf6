"""
Stop the server of a folder when its last client has gone.

Runs as a program of its own: `python -I -S watchdog.py FOLDER DESCRIPTOR LINGER`, where the descriptor
holds `watch.lock`. It uses the standard library alone and finds nothing else of the package, so the few
functions about the postmaster that the package needs too live here.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

if sys.platform != "win32":
    import fcntl

_TICK = 2.0  # seconds between two looks at the folder while clients live
_PAUSE = 0.01  # seconds between two looks at a server that is stopping
_LONGEST_PAUSE = 0.25
_GENTLE = 120.0  # seconds for a shutdown with a checkpoint, before the one that leaves a recovery to the next start

# Lies in the folder while some client wants its server to run on without clients.
KEPT = "kept"

CONNECT_TIMEOUT = 10.0  # seconds
_PROTOCOL = 3 << 16
_FULL = b"C53300\0"
_SESSIONS = b"""
    select pg_catalog.count(*) from pg_catalog.pg_stat_activity
    where backend_type operator(pg_catalog.=) 'client backend'::pg_catalog.text
        and pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()
"""

_STATES = ("starting", "stopping", "ready", "standby")


class PidFile:
    """What `postmaster.pid` says; it may be left from a server that is dead."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        self.pid = int(lines[0]) if lines and lines[0].isdigit() else 0
        # Counted from the end: the name of a data folder, near the top, may have several lines.
        complete = len(lines) >= 8 and lines[-1].strip() in _STATES
        self.state = lines[-1].strip() if complete else ""
        self.socket_folder = lines[-4] if complete else ""


def read_pid_file(pgdata: str, folder: int | None = None) -> PidFile:
    """Read the file of a data folder, whose path may be relative to an open folder; absent is as if empty."""
    try:
        descriptor = os.open(os.path.join(pgdata, "postmaster.pid"), os.O_RDONLY, dir_fd=folder)
    except OSError:
        return PidFile("")
    with open(descriptor, errors="replace") as file:
        return PidFile(file.read())


def is_postmaster(pid: int, pgdata: os.stat_result, path: str) -> bool:
    """Say whether this process surely is the postmaster of this data folder: no other may be signalled."""
    if pid <= 1:
        return False
    if sys.platform != "linux":
        shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False)
        return b"-D " + os.fsencode(path) + b" " in shown.stdout
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), pgdata) and _is_postgres(pid)
    except PermissionError:
        # A container's root may not look into another user's process, but may read how it was called.
        return os.fsencode(path) in _arguments(pid)
    except OSError:
        return False


def _is_postgres(pid: int) -> bool:
    # A backend or somebody's shell may stand in the folder too. Only the postmaster keeps the arguments
    # it was given.
    return b"-D" in _arguments(pid)


def _arguments(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def greeting(user: str, dbname: str) -> bytes:
    """Return the message that starts a session."""
    words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", dbname, "options", "")) + b"\0"
    return struct.pack("!ii", 8 + len(words), _PROTOCOL) + words


def messages(server: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the body of each message until the server closes; raise TimeoutError if that takes long."""
    end = time.monotonic() + CONNECT_TIMEOUT
    received = b""
    while time.monotonic() < end:
        while len(received) > 4:
            size = 1 + struct.unpack("!i", received[1:5])[0]
            if len(received) < size:
                break
            yield received[:1], received[5:size]
            received = received[size:]
        data = server.recv(1 << 14)
        if not data:
            return
        received += data
    raise TimeoutError


def is_used(socket_path: str) -> bool:
    """
    Whether any program has a session in the server behind a socket.

    It asks in the database `postgres`, which only the superuser can change. A server that does not answer counts as
    not used.
    """
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(CONNECT_TIMEOUT)
        server.connect(socket_path)
        server.sendall(greeting("postgres", "postgres"))
        asked = False
        for kind, body in messages(server):
            if kind == b"E":
                # Even the connections that are reserved for superusers are in use.
                return _FULL in body
            if kind == b"Z" and not asked:
                asked = True
                server.sendall(b"Q" + struct.pack("!i", len(_SESSIONS) + 5) + _SESSIONS + b"\0")
            elif kind == b"D":
                # One column: how many there are, the length of the value, and the value.
                return int(body[6:]) > 0
    return False


def try_exclusive(descriptor: int) -> bool:
    """Take the lock for this descriptor alone; False where another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Tick(Exception):
    """It is time to look at the folder again."""


class Watch:
    """One folder, held open so that it may be moved while its server runs."""

    def __init__(self, path: str, linger: float) -> None:
        self.path = path
        self.linger = linger
        self.folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.clients = self.open_lock("clients.lock")
        self.start = self.open_lock("start.lock")
        self.server = self.open_lock("server.lock")
        self.pgdata: os.stat_result | None = None
        self.file = PidFile("")
        self.blocked = False
        signal.signal(signal.SIGALRM, self.on_alarm)

    def open_lock(self, name: str) -> int:
        """Open a lock file of the folder."""
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self.folder)

    def run(self) -> None:
        """
        Return when there is no client and the server is stopped, or must keep running; `start.lock` is then still held.

        Sessions of other programs keep the server running, too, but do not start it again.
        """
        pause = _PAUSE
        while self.wait_for_clients():
            fcntl.flock(self.clients, fcntl.LOCK_UN)
            time.sleep(self.linger)
            fcntl.flock(self.start, fcntl.LOCK_EX)
            self.look()
            if try_exclusive(self.clients):
                if self.is_gone() or self.is_kept() or not self.is_used():
                    break
                fcntl.flock(self.clients, fcntl.LOCK_UN)
            else:
                pause = _PAUSE
            fcntl.flock(self.start, fcntl.LOCK_UN)
            # Sessions of vecs' clients end a moment after the clients; sessions of other programs may last for days.
            time.sleep(pause)
            pause = min(2 * pause, _TICK)
        if self.is_kept():
            return
        self.look()
        # Nothing is left to save in a deleted folder, and a checkpoint would fail.
        self.stop(signal.SIGQUIT if self.is_gone() else signal.SIGINT)

    def wait_for_clients(self) -> bool:
        """Wait until no client is left; false if the folder is deleted before that."""
        while True:
            try:
                self.blocked = True
                signal.setitimer(signal.ITIMER_REAL, _TICK)
                fcntl.flock(self.clients, fcntl.LOCK_EX)
                self.blocked = False
                return True
            except Tick:
                self.look()
                if self.is_gone():
                    return False

    def on_alarm(self, *_: object) -> None:
        """End the wait for a lock, if it still goes on: a signal may arrive just after it."""
        if self.blocked:
            self.blocked = False
            raise Tick

    def look(self) -> None:
        """Remember the server while its folder can still tell which process it is."""
        with suppress(FileNotFoundError):
            self.pgdata = os.stat("pgdata", dir_fd=self.folder)
        file = read_pid_file("pgdata", self.folder)
        if file.pid:
            self.file = file

    def is_kept(self) -> bool:
        """Whether a client asked for a server that runs on."""
        try:
            os.stat(KEPT, dir_fd=self.folder)
        except FileNotFoundError:
            return False
        return not self.is_gone()

    def is_used(self) -> bool:
        """Whether other programs use the server."""
        folder = self.file.socket_folder
        return bool(folder) and is_used(os.path.join(folder, ".s.PGSQL.5432"))

    def is_gone(self) -> bool:
        """Whether the folder was deleted, or the cluster in it."""
        if os.fstat(self.folder).st_nlink == 0:
            return True
        if self.pgdata is None:
            return False
        try:
            os.stat("pgdata/global/pg_control", dir_fd=self.folder)
        except FileNotFoundError:
            return True
        return False

    def stop(self, how: signal.Signals) -> None:
        """Signal the server and wait until nothing of it lives; after a long wait, signal it harder."""
        signalled: signal.Signals | None = None
        impatient = time.monotonic() + _GENTLE
        pause = _PAUSE
        held = [self.server, *self.newer_server_lock()]
        while not all(try_exclusive(descriptor) for descriptor in held):
            if time.monotonic() > impatient:
                how = signal.SIGQUIT
            # A server that has just been started may not have written its file yet.
            self.look()
            if signalled is not how and self.send(how):
                signalled = how
            time.sleep(pause)
            pause = min(pause * 1.1, _LONGEST_PAUSE)
        if self.file.socket_folder:
            with suppress(OSError):
                os.rmdir(self.file.socket_folder)

    def newer_server_lock(self) -> list[int]:
        """Return the lock file that took the place of ours, if somebody deleted ours."""
        try:
            found = os.open("server.lock", os.O_RDWR | os.O_CLOEXEC, dir_fd=self.folder)
        except FileNotFoundError:
            return []
        if not os.path.samestat(os.fstat(found), os.fstat(self.server)):
            return [found]
        os.close(found)
        return []

    def send(self, how: signal.Signals) -> bool:
        """Signal the server; False where no process is known to be it."""
        path = os.path.join(self.path, "pgdata")
        if self.pgdata is None or not is_postmaster(self.file.pid, self.pgdata, path):
            return False
        with suppress(ProcessLookupError):
            os.kill(self.file.pid, how)
        return True


def main(path: str, watch_lock: str, linger: str) -> None:
    """Watch a folder until its server is stopped; the arguments are those of the command line."""
    watch = Watch(path, float(linger))
    watch.run()
    # Before `start.lock`, which ends with this process: a client that gets that lock must see that no watchdog lives.
    os.close(int(watch_lock))


if __name__ == "__main__":
    main(*sys.argv[1:])
