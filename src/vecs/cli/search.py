"""`vecs search`: ask a collection."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from typing import Annotated, Any, Literal, TypeAlias

import typer

import vecs
from vecs._checks.shown import brief
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.files.encodings import decoded
from vecs.cli.matches import print_json, print_matches
from vecs.cli.opening import Conditions, Json, Name, open_collection
from vecs.cli.terminal import OUT, UsageError, reporting, say, step
from vecs.exc import ArgError

Mode: TypeAlias = Literal["vector", "keyword", "hybrid"]


def search(
    collection: Name,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="QUERY", help="A text, a vector such as '[0.1, 0.2]', or - for stdin.", show_default=False
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Search from a stored record instead; again for others.", show_default=False),
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="And away from this one.", show_default=False)
    ] = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="vector: by meaning. keyword: by words. hybrid: by both. The last two need a collection with texts."
        ),
    ] = "vector",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many matches to show.")] = 5,
    filters: Conditions = None,
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
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Find the records that answer a text best; the model the collection was made with is used again."""
    with reporting():
        condition = parse_filters(filters)
        if (query is None) == (like is None):
            raise UsageError("give a query, or --like with the id of a record; `vecs get` prints records")
        if unlike and not like:
            raise UsageError("--unlike needs --like")
        if query == "-":
            query = _from_stdin()
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            given = query if query is None or mode == "keyword" else text_or_vector(found, query)
            loads = isinstance(given, str) and mode != "keyword" and not as_json and found.transform is not None
            with step("Loading the model and searching") if loads else nullcontext():
                matches = found.search(
                    given,
                    like=like,
                    unlike=unlike,
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


def _from_stdin() -> str:
    text = decoded(sys.stdin.buffer.read(), ()).strip()
    if not text:
        raise UsageError("stdin is empty: there is nothing to search for")
    return text


def _has_words(collection: Any) -> bool:
    """Whether words of its texts can be highlighted."""
    table = collection._table()
    return table.has_text and table.language is not None


def text_or_vector(collection: vecs.Collection, query: str) -> str | list[float]:
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
