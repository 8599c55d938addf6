"""`vecs atlas`: a collection as a map in the browser."""

from __future__ import annotations

import json
import time
import webbrowser
from typing import Annotated, Any, Literal, cast

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.terminal import OUT, UsageError, reporting, say, step

_AS_IN = "write for example '{\"year\": 1973}'"


def atlas(
    collection: Annotated[str, typer.Argument(help="Its name; see `vecs ls`.", show_default=False)],
    color: Annotated[
        str | None, typer.Option("--color", "-c", metavar="KEY", help="Colour by this key of metadata at first.")
    ] = None,
    filters: Annotated[
        str | None, typer.Option("--filter", metavar="JSON", help="Show only the records that match.")
    ] = None,
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
        condition = _parsed(filters)
        with connect_existing(target) as client:
            found = client.get_collection(collection)
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


def _parsed(filters: str | None) -> dict[str, Any] | None:
    try:
        found: Any = None if filters is None else json.loads(filters)
    except ValueError as error:
        raise UsageError(f"--filter {filters!r} is not JSON ({error}); {_AS_IN}") from None
    if found is not None and not isinstance(found, dict):
        raise UsageError(f"--filter {filters!r} is not a JSON object; {_AS_IN}")
    return cast("dict[str, Any] | None", found)
