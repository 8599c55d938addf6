"""Check and create the folder that holds everything one embedded server keeps."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vecs.exc import MissingDependency, ServerError

# `pgdata` is not among them: a Postgres that somebody else runs there must never be taken for ours.
_MARKS = ("start.lock", "format.json")


def default_folder() -> Path:
    """Return the folder of a server that was given none: `vecs` among the user's application data."""
    try:
        from platformdirs import user_data_path
    except ImportError as error:
        raise MissingDependency("a default folder needs platformdirs: pip install 'vecs[embedded]'") from error
    return user_data_path("vecs", appauthor=False)


def prepare_folder(folder: Path | str | None) -> Path:
    """Return the real path of a folder that a server may use, made if it is absent, or raise ServerError."""
    path = default_folder() if folder is None else Path(folder).expanduser()
    if "\0" in str(path):
        raise ServerError(f"{str(path)!r} cannot be a folder's name")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        _check_owner(path)
        _check_content(path)
    except FileExistsError as error:
        raise ServerError(f"{path} is a file; the embedded server needs a folder") from error
    except OSError as error:
        raise ServerError(f"cannot use {path} for the embedded server: {error.strerror}") from error
    return path


def _check_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise ServerError(
            f"{path} belongs to user {owner}, and this process runs as user {os.geteuid()}: "
            "a folder has one user; choose another folder"
        )


def _check_content(path: Path) -> None:
    names = os.listdir(path)
    if any(name in _MARKS or name.startswith(".init-") for name in names):
        return
    if names:
        raise ServerError(f"{path} is not empty and not a vecs folder; choose an empty or a new one")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise ServerError(f"cannot write to {path}")
