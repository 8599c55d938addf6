"""
Notice a full disk, and keep a reserve on it.

Postgres needs room for a file of its log to recover, and a server that cannot start can neither be read nor emptied.
Then the reserve is given back to the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

_NAME = "reserve"
_BYTES = 20 << 20  # a file of the log has 16 MB
_PLENTY = 4  # a reserve is made where this many times as much is free
_FULL = (errno.ENOSPC, errno.EDQUOT)
# The server's own words, which are never translated: its environment is ours.
_WORDS = (b"No space left on device", b"Disk quota exceeded")


def is_full(error: BaseException | None, log: bytes) -> bool:
    """Say whether something failed because a disk is full: by its error, or by what a server wrote to its log."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    # Semaphores are no disk, but their system call says the same.
    lines = [line for line in log.splitlines() if b"semaphore" not in line]
    return any(words in line for line in lines for words in _WORDS)


def advice(folder: Path) -> str:
    """Return the beginning of an error's message."""
    free = shutil.disk_usage(folder).free >> 20
    return f"the disk of {folder} is full ({free} MB are free); make room there, and call again; "


def make_reserve(folder: Path) -> None:
    """Occupy some room, if there is plenty and it is not done yet."""
    reserve = folder / _NAME
    if reserve.exists() or shutil.disk_usage(folder).free < _PLENTY * _BYTES:
        return
    with suppress(OSError), open(reserve, "wb", opener=_open_private) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, _BYTES)
        else:
            file.write(bytes(_BYTES))


def release_reserve(folder: Path) -> bool:
    """Give the reserve back; False where there is none."""
    try:
        os.unlink(folder / _NAME)
    except FileNotFoundError:
        return False
    return True


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, 0o600)
