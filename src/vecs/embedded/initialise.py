"""Make a folder into a database cluster that is ready for use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vecs.embedded.binaries import OLDEST_MAJOR, Binaries
from vecs.embedded.connecting import ROLE, SUPERUSER
from vecs.embedded.database import set_up_server
from vecs.embedded.process import Runner, spawn
from vecs.exc import ServerError

_FORMAT = 1
# What letters are, for the parser of texts, where the system knows it (an old macOS does not).
_CTYPES = ("C.UTF-8", "C")


@dataclass(frozen=True)
class Format:
    """What `format.json` says. It is written last: where it is absent, the set-up is not complete."""

    postgres: int
    pgvector: str


def read_format(folder: Path) -> Format | None:
    """Read `format.json`; None where the set-up is not complete, ServerError for what this vecs cannot read."""
    try:
        found: Any = json.loads((folder / "format.json").read_text())
        if found["format"] > _FORMAT:
            raise ServerError(f"{folder} was made by a newer vecs (format {found['format']}); upgrade vecs")
        return Format(int(found["postgres"]), str(found["pgvector"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"{folder / 'format.json'} is damaged: {error}") from error


def check_major(folder: Path, binaries: Binaries, major: int) -> None:
    """Refuse a cluster that these binaries cannot run, before they try."""
    if major < OLDEST_MAJOR:
        raise ServerError(
            f"{binaries.postgres} is PostgreSQL {major}; the embedded server needs {OLDEST_MAJOR} or later"
        )
    found = major_of(folder / "pgdata")
    if found is None:
        if kept := kept_cluster(folder):
            raise ServerError(
                f"an upgrade of {folder} was interrupted at its last step: run `vecs upgrade {folder}`, or rename "
                f"{kept.name} to pgdata to have the former state"
            )
        return
    if found < major:
        raise ServerError(
            f"{folder} was made by PostgreSQL {found} and {binaries.postgres} is {major}: run `vecs upgrade {folder}`, "
            f"or use binaries of {found} (VECS_PG_BINDIR)"
        )
    if found > major:
        raise ServerError(
            f"{folder} was made by PostgreSQL {found} and {binaries.postgres} is {major}: upgrade vecs, or use "
            f"binaries of {found} (VECS_PG_BINDIR)"
        )


def kept_cluster(folder: Path) -> Path | None:
    """Return the former cluster of the latest upgrade, the one of the greatest major; None where none is kept."""
    kept = {name.removeprefix("pgdata-"): folder / name for name in os.listdir(folder) if name.startswith("pgdata-")}
    # By number: pgdata-9 is before pgdata-16. Other names are not those of an upgrade.
    majors = [int(number) for number in kept if number.isdecimal() and number.isascii()]
    return kept[str(max(majors))] if majors else None


def major_of(pgdata: Path) -> int | None:
    """Return the major version of PostgreSQL that made a cluster; None where there is none."""
    try:
        return int((pgdata / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def make_cluster(folder: Path, binaries: Binaries, runner: Runner, start_lock: int) -> None:
    """
    Run initdb beside the final place and rename the result: what a killed initdb left is never taken for a cluster.

    The program inherits `start_lock`: while it runs, no other process begins, even when this one is killed.
    """
    for leftover in folder.glob(".init-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if (folder / "pgdata").is_dir():
        return
    unfinished = folder / f".init-{os.getpid()}"
    if not any(_initialised(unfinished, binaries, runner, start_lock, ctype) for ctype in _CTYPES):
        raise ServerError(f"initdb failed in {folder}")
    unfinished.rename(folder / "pgdata")
    _sync(folder)


def _initialised(unfinished: Path, binaries: Binaries, runner: Runner, start_lock: int, ctype: str) -> bool:
    unfinished.mkdir(mode=0o700)
    if runner.switch:
        os.chown(unfinished, runner.uid, runner.gid)
    command = [
        *(
            binaries.initdb,
            "-D",
            str(unfinished),
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--auth=reject",
            "--no-instructions",
        ),
        *("--locale=C", f"--lc-ctype={ctype}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    if spawn(command, log=unfinished.parent / "server.log", runner=runner, keep=[start_lock]).wait():
        shutil.rmtree(unfinished, ignore_errors=True)
        return False
    return True


def own_cluster(folder: Path, runner: Runner) -> None:
    """Give the cluster to the user that will run it now, if another one ran it before."""
    pgdata = folder / "pgdata"
    if os.geteuid() != 0 or pgdata.lstat().st_uid == runner.uid:
        return
    for parent, folders, files in os.walk(pgdata, topdown=False):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), runner.uid, runner.gid, follow_symlinks=False)
    # Last: the owner of this folder says that everything below is done.
    os.chown(pgdata, runner.uid, runner.gid)


def write_access(folder: Path, runner: Runner) -> list[str]:
    """
    Let our own user in, and nobody else; return the arguments that make the server read these rules.

    They lie outside `pgdata`, whose own rules refuse everybody, and are written at every start: names and
    ways to run change.
    """
    rules = {
        "hba_file": "local all all peer map=own\n",
        "ident_file": "".join(f"own {_quoted(runner.name)} {role}\n" for role in (SUPERUSER, ROLE)),
    }
    arguments: list[str] = []
    for setting, text in rules.items():
        path = folder / f"pg_{setting.removesuffix('_file')}.conf"
        _write(path, text, 0o640 if runner.switch else 0o600)
        if runner.switch:
            os.chown(path, -1, runner.gid)
        arguments += ["-c", f"{setting}={path}"]
    return arguments


def set_up(folder: Path, socket_folder: Path, tell: Callable[[str], None]) -> None:
    """Make what is missing in the server, mend what hinders, and note in `format.json` that all is there."""
    version = set_up_server(socket_folder, tell)
    made = Format(major_of(folder / "pgdata") or 0, version)
    if made == read_format(folder):
        return
    text = json.dumps({"format": _FORMAT, "postgres": made.postgres, "pgvector": made.pgvector})
    _write(folder / "format.json", text + "\n", 0o600)
    _sync(folder)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file in one step; a reader sees the old or the new one."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    unfinished.chmod(mode)
    unfinished.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
