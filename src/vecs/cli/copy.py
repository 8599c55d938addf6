"""`vecs copy`: collections from one target to another."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

import vecs
from vecs.cli.connecting import connect, connect_existing, exists, where
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, UsageError, bar, reporting, say
from vecs.exc import ArgError, CollectionNotFound


def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A connection string, or a folder.", show_default=False)],
    destination: Annotated[str, typer.Argument(metavar="DST", help="The same; a new folder is made.")],
    collection: Annotated[
        list[str] | None,
        typer.Option("--collection", "-c", metavar="NAME", help="Copy this one; give it again for more. All."),
    ] = None,
    new_name: Annotated[str | None, typer.Option("--new-name", help="The name of the copy of one collection.")] = None,
    schema: Annotated[str, typer.Option(metavar="NAME", help="The Postgres schema to copy from.")] = "vecs",
    to_schema: Annotated[str | None, typer.Option(metavar="NAME", help="The one to copy to; else the same.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace collections of these names.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Records per transaction.")] = 10_000,
) -> None:
    """
    Copy collections to another target, with their indexes, and compare the copies with them.

    A copy that was interrupted is no collection; the same command goes on with it. SRC is only read.
    """
    with reporting("Stopped. The same command goes on with what is there."):
        if new_name is not None and len(collection or ()) != 1:
            raise UsageError("--new-name needs one --collection")
        if not exists(source):
            raise ArgError(f"nothing is stored in {where(source)}")
        with ExitStack() as stack:
            reading = stack.enter_context(_client(source, schema, existing=True))
            names = _names(reading, collection)
            if not names:
                say(f"No collections in {where(source)}.")
                return
            writing = stack.enter_context(_client(destination, to_schema or schema, existing=False))
            if new_name is None:
                _check_free(writing, names, replace=replace)
            for name in names:
                _copy(reading, writing, name, (new_name, replace, batch))


def _copy(reading: vecs.Client, writing: vecs.Client, name: str, how: tuple[str | None, bool, int]) -> None:
    new_name, replace, batch = how
    total = reading.get_collection(name).count()
    with bar(f"Copying {plain(name)}", max(total, 1), "records") as progress:
        done = reading.copy_collection(
            name, writing, new_name=new_name, replace=replace, batch_size=batch, progress=progress
        )
    resumed = f", {done.resumed:,} of them by an earlier run" if done.resumed else ""
    OUT.print(
        f"{plain(done.name)}: {done.records:,} records{resumed}, {len(done.indexes)} indexes, "
        f"checksum {done.checksum[-16:]}",
        soft_wrap=True,
    )
    for each in done.left_out:
        say(f"  not copied: {plain(each)}")


def _client(target: str, schema: str, *, existing: bool) -> vecs.Client:
    client = connect_existing(target) if existing else connect(target)
    # Of the command's client the target is the only argument.
    client.schema = schema
    return client


def _names(client: vecs.Client, wanted: list[str] | None) -> list[str]:
    there = client.collection_names()
    for name in wanted or ():
        if name not in there:
            known = ", ".join(map(plain, there)) or "none"
            raise CollectionNotFound(f"no collection {name!r} in schema {client.schema!r}; there are {known}")
    return list(dict.fromkeys(wanted)) if wanted else there


def _check_free(client: vecs.Client, names: list[str], *, replace: bool) -> None:
    taken = [] if replace else sorted(set(names) & set(client.collection_names()))
    if taken:
        raise ArgError(
            f"the destination has {', '.join(map(plain, taken))} already: --replace replaces them, -c chooses others"
        )
