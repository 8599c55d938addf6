"""`vecs delete`: records, documents, or a whole collection."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.plain import plain
from vecs.cli.terminal import UsageError, reporting, say
from vecs.exc import ArgError


def delete(
    collection: Name,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Of records, or of documents: all their records.", show_default=False),
    ] = None,
    filters: Conditions = None,
    whole: Annotated[bool, typer.Option("--collection", help="Delete the collection itself, with all in it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    target: Target = None,
) -> None:
    """Delete records by id or by a filter, or the collection; asks before it does."""
    with reporting():
        condition = parse_filters(filters)
        if bool(ids) + (condition is not None) + whole != 1:
            raise UsageError("say what to delete: ids, --filter, or --collection for the collection itself")
        if not yes and not sys.stdin.isatty():
            raise UsageError("there is nobody to ask: give --yes if you mean it")
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            if not yes and not _agreed(_what(found, ids, condition, whole=whole)):
                raise ArgError("nothing was deleted")
            if whole:
                client.delete_collection(collection)
                say(f"Deleted the collection {plain(collection)}.")
                return
            gone = found.delete(ids) if ids else found.delete(filters=condition)
        say(f"Deleted {len(gone):,} {'id' if ids else 'record'}{'' if len(gone) == 1 else 's'}.")
        missing = [id for id in ids or () if id not in gone]
        if missing:
            raise ArgError(f"the collection {collection!r} had no record or document {', '.join(map(repr, missing))}")


def _what(collection: vecs.Collection, ids: list[str] | None, condition: dict[str, Any] | None, *, whole: bool) -> str:
    if ids:
        return f"Delete {len(ids):,} id{'' if len(ids) == 1 else 's'} from {plain(collection.name)}?"
    count = collection.count(None if whole else condition)
    of_all = f"the collection {plain(collection.name)} with " if whole else ""
    return f"Delete {of_all}{count:,} record{'' if count == 1 else 's'}?"


def _agreed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        # Ctrl-C or the end of the input; the line of the question is not ended yet.
        say("")
        return False
