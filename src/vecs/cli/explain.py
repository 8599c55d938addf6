"""`vecs explain`: how a search runs."""

from __future__ import annotations

from typing import Annotated

import typer

from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.plain import plain
from vecs.cli.search import Mode, text_or_vector
from vecs.cli.terminal import OUT, reporting


def explain(
    collection: Name,
    query: Annotated[str, typer.Argument(help="A text, or a vector such as '[0.1, 0.2]'.", show_default=False)],
    mode: Annotated[Mode, typer.Option(help="As for `vecs search`.")] = "vector",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many matches.")] = 5,
    filters: Conditions = None,
    analyze: Annotated[bool, typer.Option("--analyze", help="Run it, and tell the time of each part.")] = False,
    target: Target = None,
) -> None:
    """Tell which index a search uses, and Postgres' plan for its statement."""
    with reporting():
        condition = parse_filters(filters)
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            given = query if mode == "keyword" else text_or_vector(found, query)
            told = found.explain(given, analyze=analyze, mode=mode, limit=limit, filters=condition)
        OUT.print(plain(told, lines=True), soft_wrap=True)
