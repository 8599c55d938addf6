"""Opening the target that a command was given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import vecs
from vecs._connecting.target import FolderTarget, resolve_target
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
    resolved = resolve_target(target)
    folder = isinstance(resolved, FolderTarget)
    with step(f"Starting Postgres in {_folder(resolved)}" if folder else f"Connecting to {resolved}"):
        client = vecs.create_client(target, report=say)
        client.connect()
    return client


def connect_existing(target: str | None) -> vecs.Client:
    """Open a target to read it: a folder that does not exist is not made."""
    if not exists(target):
        raise ArgError(
            f"nothing is stored in {where(target)} yet: `vecs demo` fills it with an example"
            if target is None or "@" not in target
            # It may be meant as a connection string, and hold a password.
            else "the target is no folder that exists; a connection string begins with postgresql://"
        )
    client = vecs.create_client(target, report=say)
    client.connect()
    return client


def exists(target: str | None) -> bool:
    """Whether there is something to open; what a server has is only known when it is asked."""
    resolved = resolve_target(target)
    return not isinstance(resolved, FolderTarget) or _folder(resolved).exists()


def where(target: str | None) -> str:
    """Name the target, without its password."""
    resolved = resolve_target(target)
    return str(_folder(resolved) if isinstance(resolved, FolderTarget) else resolved)


def _folder(target: FolderTarget) -> Path:
    return target.folder or default_folder()
