"""A copy of a folder that nobody uses."""

from __future__ import annotations

import shutil
from pathlib import Path

from vecs.embedded.idle import check_room, copy_cluster, existing_folder, idle_folder, size_of
from vecs.exc import ServerError


def backup(folder: Path | str, destination: Path | str) -> Path:
    """
    Copy a folder that no program uses to a new one, which can be opened like it; return the new folder.

    A copy that was interrupted lies beside it under another name. Raises ServerError if programs use the folder
    (`copy_collections()` works meanwhile), or if there is something at the destination.
    """
    path, new = existing_folder(folder), Path(destination).expanduser().absolute()
    if new.exists():
        raise ServerError(f"{new} exists already; choose a new folder for the backup")
    if new.is_relative_to(path):
        raise ServerError(f"{new} is in the folder that is to be copied; choose another place")
    unfinished = new.with_name(f".{new.name}.unfinished")
    with idle_folder(path):
        new.parent.mkdir(parents=True, exist_ok=True)
        check_room(new.parent, size_of(path / "pgdata"), "the backup")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        # The mark of a folder of vecs.
        (unfinished / "start.lock").touch(mode=0o600)
        copy_cluster(path / "pgdata", unfinished / "pgdata")
        shutil.copy2(path / "format.json", unfinished / "format.json")
        unfinished.rename(new)
    return new
