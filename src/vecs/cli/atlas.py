"""`vecs atlas`: a collection as a map in the browser."""

from __future__ import annotations

import time
import webbrowser
from typing import Annotated, Literal

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.terminal import OUT, reporting, say, step


def atlas(
    collection: Name,
    color: Annotated[
        str | None, typer.Option("--color", "-c", metavar="KEY", help="Colour by this key of metadata at first.")
    ] = None,
    filters: Conditions = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show a sample of more records.")] = 100_000,
    projection: Annotated[
        Literal["tsne", "pca"],
        typer.Option(help="tsne: neighbours stay together; takes a while. pca: at once, main components only."),
    ] = "tsne",
    port: Annotated[int, typer.Option(min=0, help="The port to serve it at; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser; otherwise only print the link.")] = True,
    target: Target = None,
) -> None:
    """Open a map of a collection in the browser: near records stand together; search, filter, select, export."""
    with reporting(interrupted="The map is closed."):
        condition = parse_filters(filters)
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            made = found.atlas(color=color, filters=condition, limit=limit, projection=projection, port=port)
            # The link is the answer; what happens is told on stderr.
            OUT.out(made.url)
            if browser and OUT.is_terminal:
                webbrowser.open(made.url)
            _serve(made)


def _serve(made: vecs.Atlas) -> None:
    with step("Reading and arranging the records"):
        made.wait()
    say("The map is served until you press Ctrl-C.")
    # Ctrl-C ends a pause, where it would not end a wait without end on every system.
    while not made.closed:
        time.sleep(0.5)
