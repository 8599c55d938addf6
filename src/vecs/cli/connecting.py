"""Opening the target that a command was given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import vecs
from vecs._connecting.target import FolderTarget, ServerTarget, resolve_target
from vecs.cli.terminal import say, step
from vecs.embedded import default_folder
from vecs.exc import ArgError

Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "--folder",
        "-t",
        metavar="TARGET",
        help="A connection string (postgresql://...), or the folder of an embedded server. "
        "Without it: $VECS_URL, else your own data folder.",
    ),
]


def connect(target: str | None) -> vecs.Client:
    """Open the target, an embedded server in a new folder where there is none."""
    place = resolve_target(target)
    doing = "Starting Postgres in" if isinstance(place, FolderTarget) else "Connecting to"
    with step(f"{doing} {_name(place)}"):
        return _opened(place)


def connect_existing(target: str | None, *, keep_running: bool = False) -> vecs.Client:
    """Open a target to read it: a folder that does not exist is not made."""
    place = resolve_target(target)
    if not exists(target):
        raise ArgError(
            f"nothing is stored in {_name(place)} yet: fill it by `vecs load docs FOLDER`, or see `vecs demo`"
        )
    return _opened(place, keep_running=keep_running)


def exists(target: str | None) -> bool:
    """Whether there is something to open; what a server has is only known when it is asked."""
    place = resolve_target(target)
    return isinstance(place, ServerTarget) or _folder(place).exists()


def is_folder(target: str) -> bool:
    """Whether a target is the folder of an embedded server."""
    return isinstance(resolve_target(target), FolderTarget)


def where(target: str | None) -> str:
    """Name the target, without its password."""
    return _name(resolve_target(target))


def _opened(place: Any, *, keep_running: bool = False) -> vecs.Client:
    # Not what the command was given: that may hold a password.
    return vecs.create_client(place, keep_running=keep_running, report=say)


def _name(place: ServerTarget | FolderTarget) -> str:
    return str(_folder(place) if isinstance(place, FolderTarget) else place)


def _folder(place: FolderTarget) -> Path:
    return place.folder or default_folder()
