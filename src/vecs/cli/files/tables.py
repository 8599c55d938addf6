"""Rows of CSV, JSON lines, JSON and Parquet, one after the other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from vecs.cli.files.encodings import decoded, opened_text
from vecs.cli.files.problems import BadFile, BadRow
from vecs.transforms._require import require

_ROWS = 1000
# csv's own limit is 131,072 characters; a text may be a book.
_LONGEST_FIELD = 1 << 30


@dataclass(frozen=True)
class Row:
    """One row: where it is, its values, and how far into the file it is, in bytes."""

    where: str
    number: int
    values: Mapping[str, Any]
    at: int


def rows_of(file: BinaryIO, format: str, encodings: Sequence[str], delimiter: str | None) -> Iterator[Row | BadRow]:
    """Yield the rows of a file; raises BadFile where it is none of its kind, or not to its end."""
    if format == "parquet":
        return _parquet(file)
    if format == "json":
        return _json(file, encodings)
    if format == "jsonl":
        return _json_lines(file, encodings)
    return _csv(file, encodings, delimiter or ("\t" if format == "tsv" else None))


def _csv(file: BinaryIO, encodings: Sequence[str], delimiter: str | None) -> Iterator[Row | BadRow]:
    csv.field_size_limit(_LONGEST_FIELD)
    with opened_text(file, encodings) as text:
        reader = csv.reader(text, delimiter=delimiter or _delimiter(text), strict=True)
        number = 0
        try:
            names = _names(next(reader, None))
            begins = reader.line_num + 1
            for values in reader:
                where, begins = f"line {begins}", reader.line_num + 1
                if not values:
                    continue
                number += 1
                if len(values) == len(names):
                    yield Row(where, number, dict(zip(names, values, strict=True)), file.tell())
                else:
                    yield BadRow(where, f"it has {_counted(len(values), 'value')} for {_counted(len(names), 'column')}")
        except csv.Error as error:
            raise BadFile(f"line {reader.line_num}: {error}") from error


def _delimiter(text: io.TextIOWrapper) -> str:
    """Return what separates the columns of the first line: a comma, or else what spreadsheets write in its place."""
    first = text.readline()
    text.seek(0)
    return next((each for each in ",;\t|" if each in first), ",")


def _names(given: list[str] | None) -> list[str]:
    if not given:
        raise BadFile("it is empty; its first line should name the columns")
    names = [name.strip() or f"column {number}" for number, name in enumerate(given, 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadFile(f"its first line has the column {twice!r} twice")
    return names


def _json_lines(file: BinaryIO, encodings: Sequence[str]) -> Iterator[Row | BadRow]:
    with opened_text(file, encodings) as text:
        for number, line in enumerate(text, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(f"line {number}", f"it is not JSON ({error})")
                continue
            yield _row(f"line {number}", number, values, file.tell())


def _json(file: BinaryIO, encodings: Sequence[str]) -> Iterator[Row | BadRow]:
    content = file.read()
    try:
        given = json.loads(decoded(content, encodings))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"it is not JSON ({error}); if each line is, give --format jsonl") from error
    rows: list[Any] = cast("list[Any]", given) if isinstance(given, list) else [given]
    for number, values in enumerate(rows, 1):
        yield _row(f"element {number}", number, values, len(content) * number // len(rows))


def _row(where: str, number: int, values: Any, at: int) -> Row | BadRow:
    if isinstance(values, dict):
        return Row(where, number, cast("dict[str, Any]", values), at)
    return BadRow(where, 'it is not a JSON object such as {"id": "a", "text": "..."}')


def _parquet(file: BinaryIO) -> Iterator[Row | BadRow]:
    arrow = require("pyarrow", extra="data")
    parquet = require("pyarrow.parquet", extra="data")
    size = file.seek(0, io.SEEK_END)
    number = 0
    try:
        table = parquet.ParquetFile(file)
        total = table.metadata.num_rows
        for batch in table.iter_batches(batch_size=_ROWS):
            for values in batch.to_pylist():
                number += 1
                yield Row(f"row {number}", number, values, size * number // total)
    except (arrow.ArrowException, OSError) as error:
        raise BadFile(f"it cannot be read as Parquet: {' '.join(str(error).split())}") from error


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
