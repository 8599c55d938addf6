"""`vecs upgrade` and `vecs backup`: the folder of an embedded server."""

from __future__ import annotations

from typing import Annotated

import typer

from vecs import embedded
from vecs.cli.terminal import OUT, reporting, say

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of an embedded server.", show_default=False)]


def upgrade(folder: Folder) -> None:
    """
    Make a folder of an earlier PostgreSQL one of the installed PostgreSQL; no program may use it.

    The former data is kept in the folder, and everything is compared before the new takes its place.
    """
    with reporting("Stopped. The folder is what it was; the same command begins again."):
        done = embedded.upgrade(folder, lambda step: say(f"{step} ..."))
        if done.kept is None:
            OUT.print(f"{done.folder} is of PostgreSQL {done.major} already.", soft_wrap=True)
            return
        OUT.print(f"{done.folder} is of PostgreSQL {done.major} now.", soft_wrap=True)
        OUT.print(f"Delete {done.kept} when all is well: it is what the folder was.", soft_wrap=True)


def backup(
    folder: Folder,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A folder that does not exist yet.")],
) -> None:
    """Copy a folder that no program uses to a new one, which opens like it; `vecs copy` works meanwhile."""
    with reporting():
        OUT.print(f"The backup is in {embedded.backup(folder, destination)}.", soft_wrap=True)
