"""Says what is stored after an error, where batches were committed before it."""

from __future__ import annotations

from typing import Any

from vecs.exc import VecsException, said_of_stored


def say_stored(error: Exception, count: int) -> None:
    """Have an error say that the first `count` records are stored; if none are, it stays as it is."""
    if not count:
        return
    if isinstance(error, VecsException):
        error.stored = count
        return
    # Python 3.10 has no notes.
    add_note: Any = getattr(error, "add_note", str)
    add_note(said_of_stored(count))
