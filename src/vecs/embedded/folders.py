"""Check and create the folder that holds everything one embedded server keeps."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from vecs.embedded.process import nobody_uid
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


def prepare_folder(folder: Path | str | None, warn: Callable[[str], None]) -> Path:
    """
    Return the real path of a folder that a server may use, made if it is absent, or raise ServerError.

    One that others may write to is closed to them, of which `warn` is told.
    """
    try:
        path = (default_folder() if folder is None else Path(folder)).expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        _check_owner(path)
        _check_content(path, warn)
    except FileExistsError as error:
        raise ServerError(f"{error.filename} is a file; the embedded server needs a folder") from error
    except OSError as error:
        raise ServerError(f"cannot use {error.filename or folder} for the embedded server: {error.strerror}") from error
    except RuntimeError as error:
        raise ServerError(f"this user has no home folder ({error}); give the folder of the embedded server") from error
    except ValueError as error:
        raise ServerError(f"{str(folder)!r} cannot be a folder's name") from error
    return path


def _check_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise ServerError(
            f"{path} belongs to user {owner}, and this process runs as user {os.geteuid()}: "
            "only one user can use a folder; choose another folder"
        )


def _check_content(path: Path, warn: Callable[[str], None]) -> None:
    names = os.listdir(path)
    is_ours = any(name in _MARKS or name.startswith(".init-") for name in names)
    if names and not is_ours:
        raise ServerError(f"{path} is not empty and not a vecs folder; choose an empty or a new one")
    mode = stat.S_IMODE(path.stat().st_mode)
    if is_ours and mode & 0o022:
        # Before anything in it is used: others could have put it there.
        path.chmod(0o700)
        _check_owners(path)
        warn(f"{path} was open to other users, who could have changed what is in it (mode {mode:o}); now it is closed")
    elif not names and mode & 0o077:
        path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise ServerError(f"cannot write to {path}")


def _check_owners(path: Path) -> None:
    owners = {os.geteuid(), nobody_uid()}
    for entry in path.iterdir():
        owner = entry.lstat().st_uid
        if owner not in owners or entry.is_symlink():
            raise ServerError(
                f"{path} was open to other users, and {entry.name} in it belongs to user {owner} or is a link: "
                "look into it before you use it again"
            )
