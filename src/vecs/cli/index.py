"""`vecs index`: an index built, and how far it is."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.plain import plain
from vecs.cli.terminal import UsageError, building, reporting, say
from vecs.storage import IndexPrecision


def index(
    collection: Name,
    measure: Annotated[
        vecs.IndexMeasure | None,
        typer.Option(help="cosine_distance without it; for bits hamming_distance.", show_default=False),
    ] = None,
    method: Annotated[Literal["auto", "hnsw", "ivfflat"], typer.Option(help="How it is built.")] = "auto",
    precision: Annotated[IndexPrecision, typer.Option(help="half and binary make it smaller.")] = "auto",
    filters: Conditions = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Index ranges of this key of the metadata instead.", show_default=False),
    ] = None,
    concurrently: Annotated[
        bool, typer.Option("--concurrently", help="Let others write meanwhile; takes longer.")
    ] = False,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="For the build, such as 1GB.", show_default=False)
    ] = None,
    target: Target = None,
) -> None:
    """Build the index for searches and filters; with --filter, only of the records that match."""
    with reporting("Stopped. No index was made."):
        condition = parse_filters(filters)
        if key is not None and (measure or condition or memory):
            raise UsageError("--key makes an index of metadata: --measure, --filter and --memory are not for it")
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            if key is not None:
                name = found.create_metadata_index(key, concurrently=concurrently)
            else:
                with building() as update:
                    name = found.index(
                        measure,
                        method,
                        precision=precision,
                        filters=condition,
                        concurrently=concurrently,
                        memory=memory,
                        progress=update,
                    )
        say(f"The index {plain(name)} is there.")
