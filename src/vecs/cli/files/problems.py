"""What is wrong with a file or a row, said in one line; the others are read all the same."""

from __future__ import annotations

from dataclasses import dataclass

from vecs.exc import VecsException


class BadFile(VecsException):
    """A file that cannot be read, or not to its end."""


@dataclass(frozen=True)
class BadRow:
    """A row or line that is no record; `where` is its place in the file, as people count."""

    where: str
    why: str
