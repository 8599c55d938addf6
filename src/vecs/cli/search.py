"""`vecs search`: ask a collection."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Annotated, Any, Literal, TypeAlias, cast

import typer

import vecs
from vecs._checks.shown import brief
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.matches import print_json, print_matches
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, UsageError, reporting, say, step
from vecs.exc import ArgError, CollectionNotFound

Mode: TypeAlias = Literal["vector", "keyword", "hybrid"]


def search(
    collection: Annotated[str, typer.Argument(help="Its name; see `vecs ls`.", show_default=False)],
    query: Annotated[str, typer.Argument(help="A text, or a vector such as '[0.1, 0.2]'.", show_default=False)],
    mode: Annotated[
        Mode,
        typer.Option(
            help="vector: by meaning. keyword: by words. hybrid: by both. The last two need a collection with texts."
        ),
    ] = "vector",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many matches to show.")] = 5,
    filters: Annotated[
        str | None,
        typer.Option("--filter", metavar="JSON", help='A condition on metadata, such as \'{"module": "gzip"}\'.'),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Leave out matches with a score below this, 0 to 1.")
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", metavar="KEY", help="Show the best of each document ('$document_id') or value."),
    ] = None,
    context: Annotated[
        int | None, typer.Option("--context", min=0, help="Show so many chunks before and after each match, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print a line of JSON for each match.")] = False,
    target: Target = None,
) -> None:
    """Find the records that answer a text best; the model the collection was made with is used again."""
    with reporting():
        condition = _parse_filter(filters)
        with connect_existing(target) as client:
            found = _open(client, collection)
            given = query if mode == "keyword" else _text_or_vector(found, query)
            loads = isinstance(given, str) and mode != "keyword" and not as_json and found.transform is not None
            with step("Loading the model and searching") if loads else nullcontext():
                matches = found.search(
                    given,
                    mode=mode,
                    limit=limit,
                    filters=condition,
                    threshold=threshold,
                    group_by=group_by,
                    context=context,
                    highlight=isinstance(given, str) and (as_json or OUT.is_terminal) and _has_words(found),
                )
        if as_json:
            print_json(matches)
        elif matches:
            print_matches(matches)
        else:
            say("No record matches.")


def _parse_filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--filter {text!r} is not JSON ({error}); write for example '{{\"year\": 1973}}'") from None
    if not isinstance(parsed, dict):
        raise UsageError(f"--filter {text!r} is not a JSON object; write for example '{{\"year\": 1973}}'")
    return cast("dict[str, Any]", parsed)


def _open(client: vecs.Client, name: str) -> vecs.Collection:
    try:
        return client.get_collection(name)
    except CollectionNotFound as error:
        names = ", ".join(map(plain, client.collection_names()))
        raise CollectionNotFound(f"{error}; it has {names or 'none yet'}") from None


def _has_words(collection: Any) -> bool:
    """Whether words of its texts can be highlighted."""
    table = collection._table()
    return table.has_text and table.language is not None


def _text_or_vector(collection: vecs.Collection, query: str) -> str | list[float]:
    """Return a query as it is, or as a vector if it is written as a JSON list of numbers."""
    if not query.lstrip().startswith("["):
        return query
    try:
        return [float(part) for part in json.loads(query)]
    except (ValueError, TypeError):
        if collection.transform is not None:
            return query
        raise ArgError(
            f"the query {brief(query)} is not valid JSON; write a vector such as '[0.1, 0.2, 0.3]'"
        ) from None
