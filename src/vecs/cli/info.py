"""`vecs info`: a server, or a collection, in detail."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.ls import described_indexes, facts
from vecs.cli.opening import Json, open_collection
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, emit_json, reporting


def info(
    collection: Annotated[
        str | None, typer.Argument(metavar="COLLECTION", help="The server without it.", show_default=False)
    ] = None,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Tell all about a collection, or about the server: versions, where its data is, how others connect."""
    with reporting():
        with connect_existing(target) as client:
            if collection is None:
                about = _of_server(client)
            else:
                about = _of_collection(open_collection(client, collection), as_json=as_json)
        if as_json:
            emit_json(about)
            return
        width = max(map(len, about))
        for name, value in about.items():
            OUT.print(f"{_label(name):{width}}  {_shown(value)}", soft_wrap=True)


def _of_server(client: vecs.Client) -> dict[str, Any]:
    told = asdict(client.info())
    facts = {name: str(value) if isinstance(value, Path) else value for name, value in told.items()}
    return {**facts, "collections": len(client.collection_names()), "vecs": vecs.__version__}


def _of_collection(collection: vecs.Collection, *, as_json: bool) -> dict[str, Any]:
    documents = collection.count(documents=True)
    if as_json:
        return {**facts(collection.info()), "documents": documents}
    told = collection.info()
    about: dict[str, Any] = {
        "name": told.name,
        "schema": told.schema,
        "records": told.records,
        "documents": documents,
        "dimension": told.dimension,
        "precision": f"{told.precision}, sparse" if told.sparse else told.precision,
        "text": told.has_text,
        "transform": told.transform,
        "size": decimal(told.size_bytes),
    }
    if told.outdated_words:
        about["words"] = "of an earlier version: enable_text() indexes them anew"
    about["indexes"] = ", ".join(described_indexes(told)) or None
    for index in told.indexes:
        about[f"  {index.name}"] = f"{index.method}, {decimal(index.size_bytes)}"
    return about


def _label(name: str) -> str:
    # Names of indexes are as they are.
    return plain(name) if name.startswith(" ") else name.replace("_", " ")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else plain(value)
