"""
A folder of an earlier major of PostgreSQL, made one of this major.

The cluster in it is not touched: a copy of it is read by a server of its own major, and restored into a new cluster,
in the folder `.upgrade`. There everything is compared. Only then the two change places:

    pgdata  ->  pgdata-16          the former, which is kept
    .upgrade/new/pgdata  ->  pgdata

Killed at any time before, the folder is what it was. Killed between the two, it has no `pgdata`, which is told when it
is opened, and the next run puts the new one in its place. Words are made anew, by the server that will search them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vecs.embedded import connecting, contents, former
from vecs.embedded.binaries import OLDEST_MAJOR, find_binaries
from vecs.embedded.idle import check_room, copy_cluster, existing_folder, idle_folder, size_of
from vecs.embedded.initialise import kept_cluster, major_of
from vecs.embedded.process import choose_runner, major_version
from vecs.embedded.server import open_server
from vecs.exc import ServerError

_WORK = ".upgrade"
# Room for a copy, a dump, and the new cluster with its indexes.
_TIMES = 3


@dataclass(frozen=True)
class UpgradeReport:
    """
    What became of a folder: from which major of PostgreSQL to which, with how many tables and rows.

    `kept` is the former cluster, to be deleted when all is well; None if there was nothing to do.
    """

    folder: Path
    former: int
    major: int
    tables: int
    rows: int
    kept: Path | None


def upgrade(folder: Path | str, report: Callable[[str], None] | None = None) -> UpgradeReport:
    """
    Have a folder that an earlier major of PostgreSQL made be one of the installed major, and return what was done.

    `report` is called with a sentence before each step. The former cluster is kept in the folder. Raises ServerError
    if programs use the folder, if it is of a newer major, if its disk has too little room, if programs of its major
    are missing, or if what was restored differs; the folder is what it was then.
    """
    path = existing_folder(folder)
    binaries = find_binaries()
    major = major_version(binaries, choose_runner(binaries, path))
    if major < OLDEST_MAJOR:
        raise ServerError(f"{binaries.postgres} is PostgreSQL {major}; a folder needs {OLDEST_MAJOR} or later")
    with idle_folder(path):
        return _upgraded(path, major, report or _silent)


def _upgraded(path: Path, major: int, say: Callable[[str], None]) -> UpgradeReport:
    work = path / _WORK
    new = work / "new"
    found = major_of(path / "pgdata")
    if found is None:
        # The last step of an earlier run was interrupted between its two halves.
        kept = kept_cluster(path)
        if kept is None or major_of(new / "pgdata") != major or not (work / "verified").exists():
            raise ServerError(f"{path} has no pgdata, and no upgrade that could be finished; look into it")
        say("finishing an upgrade that was interrupted")
        return _swapped(path, UpgradeReport(path, major_of(kept) or 0, major, 0, 0, kept))
    if found == major:
        return UpgradeReport(path, found, major, 0, 0, None)
    if found > major:
        raise ServerError(
            f"{path} was made by PostgreSQL {found}, which is newer than {major}: upgrade vecs, or use binaries of "
            f"{found} (VECS_PG_BINDIR)"
        )
    kept = path / f"pgdata-{found}"
    if kept.exists():
        raise ServerError(f"{kept} is there already, from an earlier upgrade; move it away first")
    old = work / "old"
    programs = former.programs()
    former.binaries_of(found)
    _clear(work)
    check_room(path, _TIMES * size_of(path / "pgdata"), "the upgrade")
    work.mkdir(mode=0o700)
    old.mkdir(mode=0o700)
    say(f"copying the cluster of PostgreSQL {found}")
    copy_cluster(path / "pgdata", old / "pgdata")
    dump = work / "dump"
    with former.former_server(old, found) as arguments:
        others = contents.others_in(arguments)
        if others:
            raise ServerError(
                f"{path} has {', '.join(others)}, made by its superuser, which an upgrade does not carry over: dump "
                "and drop them first"
            )
        say("reading it")
        before = contents.read_contents(arguments)
        former.run_program(
            programs / "pg_dump",
            ["--format=directory", "--jobs=2", "--compress=0", f"--file={dump}", f"--dbname={_words(arguments)}"],
        )
    say(f"restoring it in PostgreSQL {major}")
    _restore(new, dump, programs)
    say("comparing the two")
    with open_server(new, linger=0) as server:
        place = Path(server.conninfo["host"])
        after = contents.read_contents(connecting.superuser_conninfo(place, connecting.DATABASE))
    if before != after:
        differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        raise ServerError(f"{', '.join(differing)} differ after the upgrade; {path} is what it was")
    former.stop_former(new)
    (work / "verified").touch()
    os.sync()
    rows = sum(table.rows for table in before.values())
    return _swapped(path, UpgradeReport(path, found, major, len(before), rows, kept))


def _restore(new: Path, dump: Path, programs: Path) -> None:
    with open_server(new, linger=0) as server:
        place = Path(server.conninfo["host"])
        superuser = connecting.superuser_conninfo(place, connecting.DATABASE)
        former.run_program(
            programs / "pg_restore",
            ["--exit-on-error", "--jobs=2", "--clean", "--if-exists", f"--dbname={_words(superuser)}", str(dump)],
        )
        with connecting.connect(superuser) as connection:
            contents.analyze(connection)


def _swapped(path: Path, done: UpgradeReport) -> UpgradeReport:
    if done.kept is not None and (path / "pgdata").is_dir():
        (path / "pgdata").rename(done.kept)
    (path / _WORK / "new" / "pgdata").rename(path / "pgdata")
    os.sync()
    shutil.rmtree(path / _WORK)
    return done


def _clear(work: Path) -> None:
    """Remove what an earlier run left, after its servers."""
    if not work.exists():
        return
    for folder in (work / "old", work / "new"):
        if folder.is_dir():
            former.stop_former(folder)
    shutil.rmtree(work)


def _silent(message: str) -> None:
    """Tell nobody."""


def _words(arguments: dict[str, str]) -> str:
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**arguments)
