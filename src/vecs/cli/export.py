"""`vecs export`: a collection as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, Any, Literal, TypeAlias

import typer

import vecs
from vecs.cli.connecting import Target, connect_existing
from vecs.cli.expressions import parse_filters
from vecs.cli.get import Vectors, listed, parts_of
from vecs.cli.opening import Conditions, Name, open_collection
from vecs.cli.plain import plain, plain_json
from vecs.cli.terminal import UsageError, reporting, say
from vecs.transforms._require import require

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
_SUFFIXES: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_COLUMNS = ("id", "text", "document_id", "metadata", "vec")
_PAGE = 1000


def export(
    collection: Name,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A .jsonl, .csv or .parquet; stdout without it.", show_default=False),
    ] = None,
    format: Annotated[
        Format | None, typer.Option(help="Without it: by the file's name, and jsonl for stdout.", show_default=False)
    ] = None,
    filters: Conditions = None,
    vectors: Vectors = True,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    target: Target = None,
) -> None:
    """Write the records of a collection to a file or to stdout; `vecs load` reads it back without a model."""
    with reporting("Stopped. No file was written."):
        condition = parse_filters(filters)
        chosen = format or _format(file)
        if file is not None and file.exists() and not force:
            raise UsageError(f"{file} exists; --force replaces it")
        if file is None and chosen == "parquet" and sys.stdout.isatty():
            raise UsageError("parquet is nothing to look at: give a file, or send it to a program")
        write = {"jsonl": _write_json, "csv": _write_csv, "parquet": _write_parquet}[chosen]
        if chosen == "parquet":
            require("pyarrow", extra="data")
        with connect_existing(target) as client:
            found = open_collection(client, collection)
            records = found.scan(filters=condition, include_vector=vectors)
            with _opened(file) as stream:
                count = write(records, stream, vectors=vectors)
        if file is not None:
            say(f"Wrote {count:,} records to {plain(file)}.")


def _format(file: Path | None) -> Format:
    if file is None:
        return "jsonl"
    found = _SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise UsageError(f"{file.name!r} does not tell its format; give --format jsonl, csv or parquet")
    return found


@contextmanager
def _opened(file: Path | None) -> Generator[IO[bytes]]:
    """Give a stream; a file takes its place once it is whole."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with NamedTemporaryFile(dir=file.absolute().parent, prefix=f".{file.name}.", delete=False) as stream:
        try:
            yield stream
        except BaseException:
            os.unlink(stream.name)
            raise
    # A temporary file is for its owner only, other new files are as the umask says.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(stream.name, 0o666 & ~mask)
    os.replace(stream.name, file)


def _write_json(records: Iterable[vecs.Record], stream: IO[bytes], *, vectors: bool) -> int:
    count = 0
    for record in records:
        count += 1
        line = plain_json(json.dumps(parts_of(record), ensure_ascii=False))
        stream.write(f"{line}\n".encode())
    return count


def _write_csv(records: Iterable[vecs.Record], stream: IO[bytes], *, vectors: bool) -> int:
    columns = _COLUMNS if vectors else _COLUMNS[:-1]

    class Encoded:
        def write(self, line: str) -> int:
            return stream.write(line.encode())

    writer = csv.writer(Encoded(), lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for record in records:
        count += 1
        parts = parts_of(record)
        values = (parts.get(name) for name in columns)
        writer.writerow([value if isinstance(value, str) else _json_or_empty(value) for value in values])
    return count


def _json_or_empty(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _write_parquet(records: Iterable[vecs.Record], stream: IO[bytes], *, vectors: bool) -> int:
    arrow = require("pyarrow", extra="data")
    parquet = require("pyarrow.parquet", extra="data")
    rest = iter(records)
    page = list(islice(rest, _PAGE))
    sparse = any(isinstance(record.vec, vecs.SparseVector) for record in page)
    fields = [(name, arrow.string()) for name in _COLUMNS if name != "vec"]
    if vectors:
        fields.append(("vec", arrow.string() if sparse else arrow.list_(arrow.float32())))
    schema = arrow.schema(fields)
    count = 0
    with parquet.ParquetWriter(stream, schema) as writer:
        while page:
            rows = [_row(record, schema.names, sparse=sparse) for record in page]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            count += len(page)
            page = list(islice(rest, _PAGE))
    return count


def _row(record: vecs.Record, names: Iterable[str], *, sparse: bool) -> dict[str, Any]:
    parts = parts_of(record)
    parts["metadata"] = json.dumps(parts["metadata"], ensure_ascii=False)
    if sparse and record.vec is not None:
        parts["vec"] = json.dumps(listed(record.vec))
    return {name: parts.get(name) for name in names}
