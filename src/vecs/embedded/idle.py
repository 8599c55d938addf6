"""Hold a folder that nobody uses, and keep others from starting its server meanwhile."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vecs.embedded import locks
from vecs.embedded.folders import prepare_folder
from vecs.embedded.initialise import read_format
from vecs.exc import ServerError

# Seconds in which the server of a folder stops after its last client has gone.
_PATIENCE = 20.0
_PAUSE = 0.1


def existing_folder(folder: Path | str) -> Path:
    """Return the real path of a folder that a server was set up in; raise ServerError for another one."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ServerError(f"there is no folder {path}")
    path = prepare_folder(path, lambda message: None)
    if read_format(path) is None:
        raise ServerError(f"{path} holds no database of vecs: the set-up of its server never came to its end")
    return path


@contextmanager
def idle_folder(folder: Path) -> Generator[int]:
    """
    Hold the locks of a folder whose server does not run; yield the descriptor of `server.lock`.

    Raises ServerError where programs use it. Others that open it wait until the block ends.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        with (
            locks.transient_lock(folder / "start.lock") as start,
            locks.transient_lock(folder / "clients.lock") as clients,
            locks.transient_lock(folder / "server.lock") as server,
        ):
            if all(locks.try_exclusive(lock) for lock in (start, clients, server)):
                yield server
                return
        if time.monotonic() > end:
            raise ServerError(
                f"{folder} is in use: close the programs that have it open, and those that keep its server running "
                "(keep_running=True)"
            )
        # A server that nobody uses any more stops in a few seconds.
        time.sleep(_PAUSE)


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names)


def check_room(place: Path, needed: int, what_for: str) -> None:
    """Raise ServerError where a disk has less room than is needed."""
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ServerError(
            f"{what_for} needs {needed >> 20} MB, and the disk of {place} has {free >> 20} MB free: make room there"
        )


def copy_cluster(pgdata: Path, copy: Path) -> None:
    """Copy a database cluster that no server runs; the copy is on disk at the end."""
    shutil.copytree(pgdata, copy, symlinks=True, ignore=shutil.ignore_patterns("postmaster.pid", "postmaster.opts"))
    owner = os.lstat(pgdata)
    if os.geteuid() == 0 and owner.st_uid != 0:
        for parent, folders, files in os.walk(copy):
            for name in (".", *folders, *files):
                os.chown(os.path.join(parent, name), owner.st_uid, owner.st_gid, follow_symlinks=False)
    os.sync()
