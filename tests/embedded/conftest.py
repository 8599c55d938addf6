"""What the tests of the embedded server share: folders, clients in other processes, other users."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vecs
from vecs.embedded import EmbeddedServer, open_server
from vecs.embedded.watchdog import is_postmaster, read_pid_file

SOURCES = os.pathsep.join(str(Path(module.__file__ or "").parents[1]) for module in (vecs, psycopg))

# Opens the folder, says so, and stays until its input ends.
STAY = """
import sys
from vecs.embedded import open_server
server = open_server(sys.argv[1], linger=0)
print("open", flush=True)
sys.stdin.read()
"""


def until(condition: Callable[[], object], seconds: float = 20) -> bool:
    """Wait for a condition; false if it does not come true in this time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Probe:
    """What tests ask and do about the server of a folder, from outside."""

    until = staticmethod(until)

    def execute(self, server: EmbeddedServer, statement: str, *, superuser: bool = False) -> list[Any]:
        arguments: dict[str, Any] = {**server.conninfo, **({"user": "postgres"} if superuser else {})}
        with psycopg.connect(**arguments, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def interpreter(self, user: str) -> str:
        return interpreter(user)

    def postmaster(self, folder: Path) -> int:
        return read_pid_file(str(folder / "pgdata")).pid

    def is_free(self, folder: Path, name: str = "server.lock") -> bool:
        if not (folder / name).exists():
            return True
        descriptor = os.open(folder / name, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def stops(self, folder: Path, seconds: float = 20) -> bool:
        """Wait until neither the server nor its watchdog lives."""
        return until(lambda: all(self.is_free(folder, name) for name in ("server.lock", "watch.lock")), seconds)

    def watchdog(self, folder: Path) -> int:
        """Return the process id of the folder's watchdog."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(folder) in arguments and any(a.endswith(b"watchdog.py") for a in arguments):
                    return int(entry.name)
        raise AssertionError(f"no watchdog of {folder}")

    def client(
        self,
        folder: Path,
        code: str = STAY,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        before: Sequence[str] = (),
        python: str | None = None,
    ) -> subprocess.Popen[str]:
        """Run code in another process, as another user if one is given."""
        who = pwd.getpwnam(user) if user else None
        return subprocess.Popen(
            [*before, python or interpreter(user), "-W", "error", "-c", code, str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": SOURCES, **(env or {})},
            user=who.pw_uid if who else None,
            group=who.pw_gid if who else None,
            extra_groups=[] if who else None,
            cwd=cwd or "/",
        )

    def run(self, folder: Path, code: str, *arguments: str, **options: Any) -> str:
        """
        Run code in another process to its end and return what it prints; its errors are an
        AssertionError.
        """
        with self.client(folder, code, *arguments, **options) as process:
            output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        return output.strip()


def interpreter(user: str | None) -> str:
    """Return a Python that this user can run and that can import what a client needs."""
    if user is None:
        return sys.executable
    who = pwd.getpwnam(user)
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            tried = subprocess.run(
                [path, "-c", "import psycopg, vecs.embedded"],
                env={"PYTHONPATH": SOURCES},
                user=who.pw_uid,
                group=who.pw_gid,
                extra_groups=[],
                capture_output=True,
                cwd="/",
                check=False,
            )
            if tried.returncode == 0:
                return path
    pytest.skip(f"no Python that the user {user} can run")


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture(scope="session")
def fast_place() -> Generator[Path]:
    """A place in memory if there is enough: a folder has forty megabytes."""
    memory = Path("/dev/shm")
    large = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30
    with tempfile.TemporaryDirectory(prefix="vecs-test-", dir=memory if large else None) as place:
        yield Path(place).resolve()


@pytest.fixture(scope="session")
def template(fast_place: Path) -> Path:
    """A folder whose server is set up and stopped."""
    folder = fast_place / "template"
    open_server(folder, linger=0).close()
    assert Probe().stops(folder)
    return folder


@pytest.fixture
def new_folder(fast_place: Path) -> Generator[Path]:
    """A folder that does not exist yet; whatever runs in it at the end is stopped."""
    with tempfile.TemporaryDirectory(dir=fast_place) as place:
        folder = Path(place) / "data"
        yield folder
        clean_up(folder)


@pytest.fixture
def folder(template: Path, new_folder: Path) -> Path:
    """A copy of the template: opening it saves the seconds of a first start."""
    shutil.copytree(template, new_folder)
    return new_folder


def clean_up(folder: Path) -> None:
    if (folder / "pgdata").exists() and not Probe().stops(folder, 5):
        pid = Probe().postmaster(folder)
        if is_postmaster(pid, os.stat(folder / "pgdata"), str(folder / "pgdata")):
            os.kill(pid, signal.SIGQUIT)


@pytest.fixture
def opened() -> Generator[Callable[..., EmbeddedServer]]:
    """Open servers that are closed at the end, when their folders are about to be deleted."""
    folders: set[Path] = set()
    with ExitStack() as stack:

        def open_and_close(folder: Path, **options: Any) -> EmbeddedServer:
            folders.add(folder)
            return stack.enter_context(open_server(folder, **{"linger": 0, **options}))

        yield open_and_close
    for folder in folders:
        Probe().stops(folder, 5)


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")


@pytest.fixture
def public_place(as_root: None) -> Generator[Callable[[str], Path]]:
    """Give folders that another user owns, below a place that everybody can reach."""
    with tempfile.TemporaryDirectory(prefix="vecs-test-", dir="/tmp") as top:
        os.chmod(top, 0o755)

        def owned_by(user: str) -> Path:
            place = Path(tempfile.mkdtemp(dir=top))
            who = pwd.getpwnam(user)
            os.chown(place, who.pw_uid, who.pw_gid)
            return place

        yield owned_by


@pytest.fixture
def small_file_system(tmp_path: Path) -> Generator[Callable[[int], Path]]:
    """A function that makes a file system of so many megabytes, to be filled."""
    disk = tmp_path / "disk"

    def make(megabytes: int) -> Path:
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(disk)]
        if sys.platform != "linux" or subprocess.run(mount, check=False, capture_output=True).returncode:
            # Containers mostly keep this from root, too, and no quota is to be had without.
            pytest.skip("a file system of its own cannot be mounted here")
        return disk

    yield make
    if disk.is_mount():
        subprocess.run(["umount", "-l", str(disk)], check=True)
