"""Kernel locks on files: they end with the processes that hold them, whatever ended those."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from vecs.exc import ServerError

if sys.platform != "win32":
    import fcntl

# Descriptors that must not survive in a fork of this process: a child that kept one would hold a lock it
# knows nothing about.
_not_for_children: set[int] = set()


def open_lock(path: Path) -> int:
    """Open a lock file; programs that are started inherit the descriptor only where it is passed to them."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextmanager
def transient_lock(path: Path) -> Generator[int]:
    """
    Open a lock file for the time of a block.

    The end of the block closes this descriptor and nothing more, so that a process which was given it
    keeps the lock.
    """
    _close_in_children()
    descriptor = open_lock(path)
    _not_for_children.add(descriptor)
    try:
        yield descriptor
    finally:
        _not_for_children.discard(descriptor)
        os.close(descriptor)


@contextmanager
def inherited(descriptors: Sequence[int]) -> Generator[None]:
    """
    Let a program that is started in this block have these descriptors.

    gevent's `subprocess` forks as `os.fork()` does: they would be closed in the child before the program starts.
    """
    taken = _not_for_children.intersection(descriptors)
    _not_for_children.difference_update(taken)
    try:
        yield
    finally:
        _not_for_children.update(taken)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock for this descriptor alone, unless somebody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ServerError(
            f"this file system has no file locks ({error.strerror}); use a folder on a local disk"
        ) from error
    return True


def share(descriptor: int) -> None:
    """Take the lock together with others; waits while somebody has it alone."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def locks_work(path: Path) -> bool:
    """Say whether a second descriptor is refused the lock that the caller holds on this file."""
    with transient_lock(path) as second:
        return not try_exclusive(second)


@cache
def _close_in_children() -> None:
    os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    for descriptor in _not_for_children:
        os.close(descriptor)
    _not_for_children.clear()
