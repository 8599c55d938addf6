"""`vecs import`: collections of other vector stores."""

from __future__ import annotations

from typing import Annotated

import typer

import vecs
from vecs import importing
from vecs.cli.connecting import Target, connect, connect_existing, exists, where
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, UsageError, bar, reporting, say
from vecs.exc import ArgError
from vecs.importing import Imported, Incoming
from vecs.measures import IndexMeasure

import_app = typer.Typer(name="import", no_args_is_help=True, help="Read collections of other vector stores.")

Path = Annotated[str, typer.Argument(metavar="PATH", help="The folder of the other store.", show_default=False)]


@import_app.command("chroma")
def chroma(
    path: Path,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Its collections; else all.")] = None,
    target: Target = None,
) -> None:
    """Read collections of a Chroma PersistentClient; its folder is copied, and never written to."""
    with reporting(), importing.chroma(path, names or None) as found:
        _load(found, target)


@import_app.command("lancedb")
def lancedb(
    path: Path,
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...", help="Its tables; else all.")] = None,
    id: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="The column of ids.")] = None,
    vector: Annotated[str | None, typer.Option("--vector", metavar="COLUMN", help="The column of vectors.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="The column of texts.")] = None,
    target: Target = None,
) -> None:
    """Read tables of LanceDB: the columns id, vector and text, and all others as metadata."""
    with reporting(), importing.lancedb(path, tables or None, id=id, vector=vector, text=text) as found:
        _load(found, target)


@import_app.command("supabase")
def supabase(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="What the store was made with.")],
    source: Annotated[str, typer.Option("--from", metavar="TARGET", help="The database that has it.")],
    new_name: Annotated[str | None, typer.Option("--new-name", help="The new collection's name.")] = None,
    target: Target = None,
) -> None:
    """Read the nodes of LlamaIndex' SupabaseVectorStore; VecsVectorStore opens what they become."""
    with reporting():
        if not exists(source):
            raise ArgError(f"nothing is stored in {where(source)}")
        if where(source) == where(target) and new_name in (None, name):
            raise UsageError("in the same database the new collection needs another name: --new-name")
        with connect_existing(source) as reading, importing.supabase(reading.get_collection(name)) as found:
            _load(found, target, new_name)


def _load(found: list[Incoming], target: str | None, new_name: str | None = None) -> None:
    with connect(target) as client:
        _check_dimensions(client, found, new_name)
        for incoming in found:
            if incoming.dimension is None:
                say(f"{plain(incoming.name)} holds nothing, and is left out.")
                continue
            with bar(f"Reading {plain(incoming.name)}", max(incoming.records, 1), "records") as progress:
                done = importing.load(client, incoming, name=new_name, progress=progress)
            _tell(done)


def _check_dimensions(client: vecs.Client, found: list[Incoming], new_name: str | None) -> None:
    """Raise ArgError where a collection of another dimension is there, before anything is written."""
    there = set(client.collection_names())
    for incoming in found:
        name = new_name or incoming.name
        if incoming.dimension is None or name not in there:
            continue
        dimension = client.get_collection(name).dimension
        if dimension != incoming.dimension:
            raise ArgError(
                f"the collection {name!r} has dimension {dimension}, and what is read has {incoming.dimension}; rename "
                "or delete it first"
            )


def _tell(done: Imported) -> None:
    OUT.print(
        f"{plain(done.name or '')}: {done.records:,} records read, {done.total:,} there now",
        soft_wrap=True,
    )
    if done.skipped:
        say(f"  {done.skipped:,} had no vector and were left out")
    if done.left_out:
        say(f"  columns that were not read: {plain(', '.join(done.left_out))}")
    if done.measure not in (None, IndexMeasure.cosine_distance):
        say(f"  nearness meant {done.measure.value} there: search with measure=, and index with it")
