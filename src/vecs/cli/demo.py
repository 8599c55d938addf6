"""`vecs demo`: search the documentation that every Python carries."""

from __future__ import annotations

import platform
from typing import Annotated

import typer
from rich.text import Text

import vecs
from vecs.cli.connecting import Target, connect
from vecs.cli.filling import build_index, load_model, missing_docs, open_collection, write_docs
from vecs.cli.matches import print_matches
from vecs.cli.plain import plain
from vecs.cli.stdlib import stdlib_docs
from vecs.cli.terminal import OUT, reporting, say, step
from vecs.exc import ArgError

COLLECTION = "python_stdlib"
QUESTIONS = (
    "merge two sorted lists",
    "a temporary directory that is deleted when I am done",
    "cache the results of a function",
    "read a gzip file line by line",
)


def demo(
    questions: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUESTION", help="What to ask; a few examples without it.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many matches to show for each.")] = 3,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the collection and embed everything again.")] = False,
    target: Target = None,
    texts: Annotated[int | None, typer.Option(hidden=True, min=1, help="Embed so many texts only.")] = None,
) -> None:
    """
    Make the documentation of Python's standard library searchable by meaning, and ask it.

    The first run embeds some thousand docstrings, which takes a minute or two; later ones find them in place.
    An interrupted run is continued by the next one.
    """
    with reporting("Stopped. What is embedded so far is kept: the same command goes on from there."):
        with connect(target) as client:
            with step(f"Reading the docstrings of Python {platform.python_version()}"):
                docs = stdlib_docs()
            if not docs:
                raise ArgError("this Python has no documentation in it: run it without -OO")
            if texts is not None:
                docs = docs[:: -(-len(docs) // texts)]
            if fresh:
                client.delete_collection(COLLECTION)
            collection = _fill(client, docs)
            for question in questions or QUESTIONS:
                OUT.print()
                OUT.print(Text.assemble("? ", (plain(question), "bold yellow")), soft_wrap=True)
                print_matches(collection.search(question, limit=limit))
            place = client.info()
        _say_how_to_go_on(place, target, asked=bool(questions))


def _fill(client: vecs.Client, docs: list[vecs.Record]) -> vecs.Collection:
    collection = open_collection(client, COLLECTION)
    missing = missing_docs(collection, docs)
    if missing:
        already = f", {len(docs) - len(missing):,} of them are there already" if len(missing) < len(docs) else ""
        say(f"{len(docs):,} texts go into the collection {COLLECTION}{already}.")
    else:
        say(f"All {len(docs):,} texts are in the collection {COLLECTION} already: nothing to embed.")
    load_model(collection)
    if missing:
        write_docs(collection, missing)
    build_index(collection)
    return collection


def _say_how_to_go_on(place: vecs.ClientInfo, target: str | None, *, asked: bool) -> None:
    option = "" if target is None else " --target ..." if place.folder is None else f" --target {place.folder}"
    say("")
    if not asked:
        say(f'Ask it yourself:  vecs search {COLLECTION} "wait for several threads"{option}')
    say(f"The data is in {place.folder or place.target}; see it with:  vecs ls{option}")
