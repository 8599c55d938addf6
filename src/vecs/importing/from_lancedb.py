"""Tables of LanceDB."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError, CollectionNotFound, MissingDependency
from vecs.importing.incoming import Incoming
from vecs.importing.loading import batch_size as checked_size
from vecs.importing.loading import record_of
from vecs.records import Record

_TEXTS = ("string", "large_string")


@dataclass(frozen=True)
class LanceColumns:
    """Which columns of a table hold the parts of a record; ids are made of the rows where there is none."""

    vector: str
    id: str | None
    text: str | None
    # Those that become keys of metadata, and the one whose fields do.
    keys: tuple[str, ...]
    metadata: str | None
    left_out: tuple[str, ...]


@contextmanager
def lancedb(
    path: str | PathLike[str],
    tables: Sequence[str] | None = None,
    *,
    id: str | None = None,
    vector: str | None = None,
    text: str | None = None,
    batch_size: int = 1000,
) -> Generator[list[Incoming]]:
    """
    Read tables in a folder of LanceDB, by default all of them, by name.

    `id`, `vector` and `text` are names of columns. The defaults are `id`, the only column of vectors, and `text`. The
    other columns become keys of metadata; so do the fields of a struct `metadata`. Dates and times become strings.
    Columns of bytes, and of other vectors, are left out. Without a column of ids, the id is a digest of the row: rows
    that are equal become one record. Needs the package lancedb.
    """
    size = checked_size(batch_size)
    folder = Path(path)
    if not any(folder.glob("*.lance")):
        raise ArgError(f"{str(folder)!r} is not a folder of LanceDB: it has no tables, which are folders *.lance")
    try:
        module: Any = import_module("lancedb")
    except ImportError as error:
        raise MissingDependency("to read a LanceDB folder, its package is needed: pip install lancedb") from error
    database = module.connect(str(folder))
    known = sorted(each.name.removesuffix(".lance") for each in folder.glob("*.lance"))
    for name in tables or ():
        if name not in known:
            raise CollectionNotFound(f"no table {brief(name)} in {folder}; it has {', '.join(known)}")
    opened = [database.open_table(name) for name in (known if tables is None else tables)]
    columns = [columns_of(table.name, table.schema, id, vector, text) for table in opened]
    yield [_incoming(table, found, size) for table, found in zip(opened, columns, strict=True)]


def columns_of(table: str, schema: Any, id: str | None, vector: str | None, text: str | None) -> LanceColumns:
    """Choose the columns of a table by its Arrow schema; raises ArgError where that is not clear."""
    types = {field.name: str(field.type) for field in schema}
    for what, name in (("id", id), ("vector", vector), ("text", text)):
        if name is not None and name not in types:
            raise ArgError(f"the table {table!r} has no column {name!r} for {what}=; it has {', '.join(types)}")
    vectors = [field.name for field in schema if _is_vector(field.type)]
    if vector is None and len(vectors) != 1:
        found = f"the columns {', '.join(vectors)} of vectors" if vectors else "no column of vectors"
        raise ArgError(f"the table {table!r} has {found}: name the one to read with vector=")
    chosen = vector or vectors[0]
    id = id or ("id" if "id" in types else None)
    text = text or ("text" if types.get("text") in _TEXTS else None)
    metadata = "metadata" if types.get("metadata", "").startswith("struct") else None
    left_out = tuple(name for name, type in types.items() if name != chosen and (name in vectors or "binary" in type))
    rest = [name for name in types if name not in (chosen, id, text, metadata, *left_out)]
    return LanceColumns(chosen, id, text, tuple(rest), metadata, left_out)


def records_of(rows: Sequence[Mapping[str, Any]], columns: LanceColumns) -> list[Record]:
    """Return rows as records."""
    records: list[Record] = []
    for row in rows:
        metadata = {name: _plain(row[name]) for name in columns.keys if row[name] is not None}
        if columns.metadata is not None:
            fields: Mapping[str, Any] = row[columns.metadata] or {}
            metadata |= {key: _plain(value) for key, value in fields.items() if value is not None}
        text = None if columns.text is None else row[columns.text]
        vector = row[columns.vector]
        given = None if columns.id is None else row[columns.id]
        id = _digest(vector, text, metadata) if given is None else given
        records.append(record_of(id, None if vector is None else np.asarray(vector, np.float32), text, metadata))
    return records


def _incoming(table: Any, columns: LanceColumns, size: int) -> Incoming:
    records: int = table.count_rows()
    field = table.schema.field(columns.vector)
    dimension: int = getattr(field.type, "list_size", 0)
    names = [columns.vector, columns.id, columns.text, columns.metadata, *columns.keys]

    def batches() -> Iterator[list[Record]]:
        chosen = table.search().select([name for name in names if name is not None])
        for batch in chosen.limit(max(records, 1)).to_batches(batch_size=size):
            found = records_of(batch.to_pylist(), columns)
            if found:
                yield found

    return Incoming(
        table.name, records, dimension if records else None, columns.text is not None, None, batches, columns.left_out
    )


def _is_vector(type: Any) -> bool:
    return getattr(type, "list_size", 0) > 0 and str(type.value_type) in ("float", "double", "halffloat")


def _plain(value: Any) -> Any:
    """Return a value of Arrow as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value


def _digest(vector: Any, text: str | None, metadata: Mapping[str, Any]) -> str:
    parts = (None if vector is None else np.asarray(vector, ">f4").tobytes(), text, sorted(metadata.items()))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
