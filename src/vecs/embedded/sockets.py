"""Keep the server's socket in a private folder whose path is short, whatever the data folder is called."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from vecs.exc import ServerError

# 104 bytes on macOS and the BSDs, 108 on Linux, both with the closing zero.
_LONGEST = 103
_SOCKET = ".s.PGSQL.5432"


def socket_path(folder: Path) -> Path:
    """Return the path of the socket in a folder that was made for one."""
    return folder / _SOCKET


def make_socket_folder(data_folder: Path, owner: int) -> Path:
    """
    Return an empty folder that only `owner` can enter, the same for one data folder where that can be.

    It is named after the device and inode of the data folder, and lies in /tmp rather than in
    XDG_RUNTIME_DIR when it can: cron jobs and services do not have the variable, and a logout deletes
    that folder under a server that is still in use. Where somebody else has the name, it gets one that nobody
    can guess; clients read in `postmaster.pid` where it is.
    """
    refusals: list[str] = []
    ours = f"vecs-{os.geteuid()}"
    bases = list(_bases())
    named = [partial(_make, base / ours, _name(data_folder), owner) for base in bases]
    unguessable = [partial(_make_anew, base, f"{ours}-", owner) for base in (*bases, data_folder)]
    for make in (*named, *unguessable):
        try:
            return make()
        except (OSError, ServerError) as error:
            refusals.append(str(error))
    raise ServerError("no place for the server's socket: " + "; ".join(refusals))


def clear_sockets(folder: Path) -> None:
    """Delete what a dead server left: Postgres takes a lock file with a reused process id for a live server."""
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        with suppress(FileNotFoundError):
            os.unlink(folder / name)


def is_private(folder: Path, owners: set[int]) -> bool:
    """Say whether this is a real folder of one of these users that nobody else can enter."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not stat.S_IMODE(found.st_mode) & 0o077


def _bases() -> Iterator[Path]:
    places = ["/tmp", os.environ.get("XDG_RUNTIME_DIR", "")]
    with suppress(OSError):
        places.append(tempfile.gettempdir())
    # `postmaster.pid` has a line for the path.
    yield from (Path(place) for place in dict.fromkeys(places) if os.path.isabs(place) and "\n" not in place)


def _name(data_folder: Path) -> str:
    found = os.stat(data_folder)
    return hashlib.sha256(f"{found.st_dev}:{found.st_ino}".encode()).hexdigest()[:12]


def _make(parent: Path, name: str, owner: int) -> Path:
    folder = parent / name
    _check_length(folder)
    with suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    found = os.lstat(parent)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise ServerError(f"{parent} was made by somebody else or is open to others")
    if owner != os.geteuid():
        # The server's user has to pass through, and must not be able to list or change anything.
        parent.chmod(0o711)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not is_private(folder, {owner, os.geteuid()}):
        raise ServerError(f"{folder} was made by somebody else or is open to others")
    if os.lstat(folder).st_uid != owner:
        os.chown(folder, owner, -1, follow_symlinks=False)
    return folder


def _make_anew(base: Path, prefix: str, owner: int) -> Path:
    # As long as what is added to the prefix.
    _check_length(base / f"{prefix}{'x' * 8}")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    if os.lstat(folder).st_uid != owner:
        os.chown(folder, owner, -1, follow_symlinks=False)
    return folder


def _check_length(folder: Path) -> None:
    if len(os.fsencode(socket_path(folder))) > _LONGEST:
        raise ServerError(f"{folder} is too long for a socket")
