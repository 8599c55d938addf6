"""`vecs get`: records as they are stored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.opening import Conditions, Json, Name, open_collection
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, UsageError, emit_json, reporting
from vecs.exc import ArgError

Vectors = Annotated[bool, typer.Option(help="The vectors, too.")]


def get(
    collection: Name,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Of records, or of documents: all their records.", show_default=False),
    ] = None,
    filters: Conditions = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="So many at most; 10 without ids.", show_default=False)
    ] = None,
    vectors: Vectors = False,
    as_json: Json = False,
    target: Target = None,
) -> None:
    """Print records whole, by id or by a filter; the first ones without either."""
    with reporting():
        condition = parse_filters(filters)
        if ids and condition is not None:
            raise UsageError("give ids or --filter, not both")
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            most = limit if ids or limit is not None else 10
            records = found.get(ids or None, filters=condition, limit=most, include_vector=vectors)
        print_records(records, as_json=as_json)
        missing = [] if limit is not None else _missing(ids or (), records)
        if missing:
            raise ArgError(f"the collection {collection!r} has no record or document {', '.join(map(repr, missing))}")


def print_records(records: Iterable[vecs.Record], *, as_json: bool) -> None:
    """Print each record: its id, what is known of it, and its text."""
    for number, record in enumerate(records):
        if as_json:
            emit_json(parts_of(record))
            continue
        if number:
            OUT.print()
        OUT.print(Text(plain(record.id), style="bold"), soft_wrap=True)
        parts = parts_of(record)
        for name in ("document_id", "metadata", "vec"):
            if parts.get(name) not in (None, {}) and parts[name] != record.id:
                told = parts[name] if isinstance(parts[name], str) else json.dumps(parts[name], ensure_ascii=False)
                OUT.print(Text.assemble((f"{name}: ", "cyan"), plain(told)), soft_wrap=True)
        if record.text is not None:
            OUT.print(plain(record.text, lines=True), soft_wrap=True)


def parts_of(record: vecs.Record) -> dict[str, Any]:
    """Return a record for JSON; `vecs load` reads it back."""
    parts: dict[str, Any] = {"id": record.id}
    if record.text is not None:
        parts["text"] = record.text
    if record.document_id is not None:
        parts["document_id"] = record.document_id
    parts["metadata"] = record.metadata
    if record.vec is not None:
        parts["vec"] = listed(record.vec)
    return parts


def listed(vec: Any) -> Any:
    """Return a vector for JSON: a list of numbers, or the numbers that are not 0 by their place."""
    if isinstance(vec, vecs.SparseVector):
        return {
            "dimension": vec.dimension,
            "indices": [int(each) for each in vec.indices],
            "values": [float(each) for each in vec.values],
        }
    return vec.tolist()


def _missing(ids: Iterable[str], records: list[vecs.Record]) -> list[str]:
    known = {str(record.id) for record in records} | {str(record.document_id) for record in records}
    return [id for id in ids if id not in known]
