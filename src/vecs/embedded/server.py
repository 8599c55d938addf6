"""Open the server of a folder, and keep it running for as long as it is wanted."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import cast
from urllib.parse import quote

from vecs._checks.numbers import is_number
from vecs.embedded import connecting, launch, locks
from vecs.embedded.binaries import find_binaries
from vecs.embedded.folders import prepare_folder
from vecs.embedded.process import reap
from vecs.embedded.settings import asked_settings
from vecs.exc import ArgError, MissingDependency, ServerError


def open_server(
    folder: Path | str | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    keep_running: bool = False,
    linger: float = 3.0,
    report: Callable[[str], None] | None = None,
) -> EmbeddedServer:
    """
    Start the server of this folder, or connect to it if it already runs, and return when it answers.

    `settings` are Postgres settings for the start of the server. If it already runs, they take effect at the next
    start, and `report` is called with a sentence that says so. `linger` is how many seconds the server keeps running
    after its last client has closed. `report` is also called with a sentence whenever something takes long.

    `keep_running=True` leaves the server running when this process ends, whoever opens the folder later and
    however: until somebody stops it (kill -INT and the process id in `pgdata/postmaster.pid`).

    Raises ServerError with the end of the server's log, and MissingDependency if no PostgreSQL is installed.
    """
    if sys.platform == "win32":
        raise ServerError(
            "the embedded server does not run on Windows yet; use WSL, or the connection string of a server"
        )
    if not is_number(linger, 0, 1e6):
        raise ArgError(f"linger is {linger!r}; expected a number of seconds")
    options = launch.LaunchOptions(asked_settings(settings), keep_running, float(linger), report)
    return EmbeddedServer(prepare_folder(folder, options.warn), options)


class EmbeddedServer:
    """One client of the server of a folder; the server runs while any process has one that is not closed."""

    def __init__(self, folder: Path, options: launch.LaunchOptions) -> None:
        self._folder = folder
        self._identity = os.stat(folder)
        self._options = options
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._clients: int | None = None
        self._socket_folder = Path()
        try:
            self._bring_up()
        except BaseException:
            self.close()
            raise

    @property
    def folder(self) -> Path:
        """The folder that holds everything of the server: its data, its log, its locks."""
        return self._folder

    @property
    def log_path(self) -> Path:
        """The file that the server and its watchdog write their messages to."""
        return self._folder / "server.log"

    @property
    def conninfo(self) -> dict[str, str]:
        """psycopg's keyword arguments for the database, as a role that owns it and is not a superuser."""
        return connecting.conninfo(self._socket_folder)

    @property
    def dsn(self) -> str:
        """A connection string, without a password, for other programs of this user."""
        found = self.conninfo
        return f"postgresql://{found['user']}@/{found['dbname']}?host={quote(found['host'])}&port={found['port']}"

    def find_programs(self) -> Path | None:
        """Return the folder of psql, pg_dump and the server's other programs; None if they are not installed."""
        try:
            return find_binaries().folder
        except (MissingDependency, ServerError):
            # The server was started from another Python environment.
            return None

    def ensure_running(self) -> None:
        """Start the server again if it has died; while it runs this only opens and closes a socket."""
        if self._clients is not None and connecting.answers(self._folder, self._socket_folder):
            return
        with self._guard():
            if self._clients is None:
                raise ServerError(f"this client of {self._folder} is closed")
            self._bring_up()

    def close(self) -> None:
        """Let the server stop if nobody else uses it; safe to call again."""
        with self._guard():
            if self._clients is None:
                return
            # Closing, not unlocking: forked processes share this descriptor and still want the server.
            os.close(self._clients)
            self._clients = None
            reap()

    def __del__(self) -> None:
        # A client that is dropped without close() wants the server no longer.
        if getattr(self, "_clients", None) is not None:
            os.close(cast("int", self._clients))

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _guard(self) -> threading.RLock:
        if self._pid != os.getpid():
            # A thread of the parent may have held the lock at the fork, and it is not here to release it.
            self._lock, self._pid = threading.RLock(), os.getpid()
        return self._lock

    def _bring_up(self) -> None:
        try:
            self._check_folder()
            with launch.start_lock(self._folder, self._options) as start:
                if self._clients is None:
                    self._clients = locks.open_lock(self._folder / "clients.lock")
                    locks.share(self._clients)
                self._socket_folder = launch.bring_up(self._folder, self._options, start)
        except OSError as error:
            raise ServerError(f"cannot run the server of {self._folder}: {error}") from error

    def _check_folder(self) -> None:
        if not self._folder.is_dir() or not os.path.samestat(os.stat(self._folder), self._identity):
            raise ServerError(f"{self._folder} was moved or deleted while it was open")
