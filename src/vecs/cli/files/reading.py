"""Files as records, each with where it comes from; what is wrong is told and left out."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from vecs.cli.files.columns import Columns
from vecs.cli.files.documents import documents_of
from vecs.cli.files.finding import TABLES, File
from vecs.cli.files.problems import BadFile, BadRow
from vecs.cli.files.tables import rows_of
from vecs.exc import MissingDependency
from vecs.records import Record

# In a record's extra: the source and the file that it comes from.
ORIGIN = "vecs_load"
_MOST_BYTES = 1 << 29


@dataclass(frozen=True)
class ReadOptions:
    """How files are read."""

    columns: Columns = field(default_factory=Columns)
    encodings: Sequence[str] = ()
    delimiter: str | None = None
    id_prefix: str = ""


@dataclass(frozen=True)
class Read:
    """A record that was read, the file that it comes from, where it stands there, and how far reading is, in bytes."""

    record: Record
    file: File
    where: str
    at: int


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, or with a part of it."""

    file: File
    why: str


@dataclass(frozen=True)
class Ended:
    """A file was read to its end."""

    file: File


def read_files(files: Sequence[File], options: ReadOptions) -> Iterator[Read | Problem | Ended]:
    """Yield what is in the files, in their order; a file that is wrong ends with a problem."""
    for file in files:
        try:
            yield from _read(file, options)
        except (BadFile, MissingDependency) as error:
            yield Problem(file, str(error))
        except OSError as error:
            yield Problem(file, error.strerror or str(error))
        yield Ended(file)


def _read(file: File, options: ReadOptions) -> Iterator[Read | Problem]:
    if file.format in TABLES:
        with _opened(file) as content:
            yield from _rows(file, content, options)
        return
    with _opened(file) as content:
        given = content.read(_MOST_BYTES + 1)
    if len(given) > _MOST_BYTES:
        raise BadFile(f"it is larger than {_MOST_BYTES >> 20} MB, which is too much for one document")
    for document in documents_of(given, file.format, options.encodings):
        metadata = {**document.metadata, "path": file.name}
        id = f"{options.id_prefix}{file.name}{document.suffix}"
        yield Read(
            Record(id, None, document.text, metadata, None, _origin(file, id)), file, document.suffix, len(given)
        )


def _rows(file: File, content: BinaryIO, options: ReadOptions) -> Iterator[Read | Problem]:
    untyped = file.format in ("csv", "tsv")
    for row in rows_of(content, file.format, options.encodings, options.delimiter):
        if isinstance(row, BadRow):
            yield Problem(file, f"{row.where}: {row.why}")
            continue
        try:
            made = options.columns.record(row, f"{file.name}#{row.number}", untyped=untyped)
        except BadFile as error:
            yield Problem(file, f"{row.where}: {error}")
            continue
        document = None if made.document_id is None else f"{options.id_prefix}{made.document_id}"
        id = f"{options.id_prefix}{made.id}"
        yield Read(
            Record(id, made.vec, made.text, made.metadata, document, _origin(file, id)), file, f"{row.where}", row.at
        )


def _origin(file: File, id: str) -> dict[str, Any]:
    """Return the note by which a later run knows what came from where; the chunks of a document have it, too."""
    return {ORIGIN: {"source": file.source.key, "file": file.name, "id": id}}


def _opened(file: File) -> BinaryIO:
    if file.path is None:
        return _copied(sys.stdin.buffer)
    opened = file.path.open("rb")
    if opened.seekable():
        return opened
    with opened:
        return _copied(opened)


def _copied(stream: BinaryIO) -> BinaryIO:
    """Return a file of what a pipe gives, which is read twice: for its encoding, and for what it says."""
    number, name = tempfile.mkstemp()
    # Gone when it is closed.
    os.unlink(name)
    kept = os.fdopen(number, "w+b")
    shutil.copyfileobj(stream, kept)
    kept.seek(0)
    return kept


def size_of(path: Path | None) -> int:
    """Return how many bytes a file has, 0 if that is not known."""
    try:
        return 0 if path is None else path.stat().st_size
    except OSError:
        return 0
