"""Rows on their way to the server: in memory while they are few, in a temporary file when they are many."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO

from vecs._reports.upsert_result import UpsertResult
from vecs._sql.binary import COPY_HEADER, COPY_TRAILER, copy_row
from vecs._sql.documents import overwritten
from vecs._sql.rows import ID, EncodedRow
from vecs.exc import DatabaseError, VecsException

# What one write keeps in memory.
MEMORY_BYTES = 32 * 2**20
_READ_BYTES = 2**18
# What a row costs in Python objects besides its bytes.
_ROW_BYTES = 400
# Statements of more rows or bytes are not faster.
_BATCH_ROWS = 1000
_BATCH_BYTES = 4 * 2**20
_POSITION = struct.Struct("!q")


class RowBuffer:
    """
    The rows of one write, in the order they came.

    Up to `memory` bytes they are kept as rows, which `sorted_rows()` sorts and de-duplicates; beyond, as
    binary COPY data in a temporary file, and the server does both. So memory stays flat, nothing is sent
    before the input has ended, and no transaction waits for whatever makes the input.
    """

    def __init__(self, memory: int = MEMORY_BYTES) -> None:
        self._memory = memory
        self._bytes = 0
        self._rows: list[tuple[int, str | None, EncodedRow]] = []
        self._file: IO[bytes] | None = None
        self._closed = False
        self._position = 0
        # Documents to replace, each with the position from which on its chunks are of its last version.
        self.documents: dict[str, int] = {}
        self.superseded: dict[str, int] = {}
        # The documents of rows whose id is not their document's id. And the number of the other rows.
        self._split: set[str] = set()
        self._whole = 0

    def __len__(self) -> int:
        """How many rows came in, duplicates included."""
        return self._position

    @property
    def spilled(self) -> bool:
        """Whether the rows are in a file."""
        return self._file is not None

    @property
    def has_chunks(self) -> bool:
        """Whether there are chunks among the rows: rows whose id is not their document's id."""
        return bool(self._split)

    def begin_documents(self, documents: Iterable[str]) -> None:
        """Announce documents whose chunks follow; chunks of them that came before are of an older version."""
        for document in documents:
            if document in self.documents:
                self.superseded[document] = self._position
            self.documents[document] = self._position

    def extend(self, rows: Iterable[tuple[str | None, EncodedRow]]) -> None:
        """Add rows, each behind the document it is a chunk of."""
        for document, row in rows:
            self._rows.append((self._position, document, row))
            self._position += 1
            self._bytes += _ROW_BYTES + sum(len(field) for field in row if field is not None)
            if document is None or document.encode() == row[ID]:
                self._whole += 1
            else:
                self._split.add(document)
        if self._bytes > self._memory:
            self._spill()

    def change(self, change: Callable[[EncodedRow], EncodedRow]) -> None:
        """
        Replace every row, where the table has become another; all of them or none.

        Raises DatabaseError for rows in a file, which are not read again.
        """
        if self._file is not None:
            raise DatabaseError(
                "the collection was altered while records were collected for it, and they are too many to be made "
                "anew; nothing of them was written: call upsert again"
            )
        self._rows = [(position, document, change(row)) for position, document, row in self._rows]

    def finish(self) -> None:
        """Write the last rows to the file, where there is one."""
        if self._file is not None:
            self._spill()

    def _spill(self) -> None:
        if self._closed:
            # The thread of a cancelled call may still run.
            return
        data = b"".join(_copy_data((position, row) for position, _, row in self._rows))
        try:
            if self._file is None:
                self._file = TemporaryFile(prefix="vecs-")  # noqa: SIM115 - close() ends it
            self._file.write(data)
            # Here, where the error can be told.
            self._file.flush()
        except OSError as error:
            where = tempfile.tempdir or "a folder for temporary files"
            raise VecsException(
                f"cannot keep a large write in a file in {where}: {error.strerror}; make room there, set $TMPDIR to "
                "another folder, or write fewer records at a time"
            ) from error
        self._rows.clear()
        self._bytes = 0

    def sorted_rows(
        self,
        *,
        guarded: bool = False,
        by_number: bool = False,
        merge: Callable[[EncodedRow, EncodedRow], EncodedRow] | None = None,
    ) -> list[EncodedRow]:
        """
        Return the rows sorted by id, the last of each id; with `by_number`, ids are sorted as the numbers they are.

        `merge` makes one row of a row and a later one with its id. With `guarded`, raises ArgError if records of two
        documents have the same id.
        """
        last: dict[bytes | None, tuple[str | None, EncodedRow]] = {}
        for document, row in self._current():
            former = last.get(row[ID])
            if guarded and former is not None:
                _check_owner(row, former[0], document)
            last[row[ID]] = document, row if merge is None or former is None else merge(former[1], row)
        return [last[key][1] for key in sorted(last, key=_number if by_number else _id_order)]

    def result(self, written: int) -> UpsertResult:
        """
        Return the number of records and of documents that were written.

        If rows were put into a file, rows with the id of their document count as often as they were given.
        """
        if not self._split:
            return UpsertResult(written, written)
        if self.spilled:
            return UpsertResult(written, min(written, len(self._split) + self._whole))
        last = {row[ID]: document for document, row in self._current()}
        of_chunks = {document for document in last.values() if document is not None}
        alone = sum(document is None for document in last.values())
        return UpsertResult(written, len(of_chunks) + alone)

    def _current(self) -> Iterator[tuple[str | None, EncodedRow]]:
        """Yield the rows without those of an older version of their document."""
        for position, document, row in self._rows:
            if document is None or position >= self.superseded.get(document, 0):
                yield document, row

    def copy_data(self) -> Iterator[bytes]:
        """Yield the file as one binary COPY."""
        if self._file is None:
            return
        self._file.seek(0)
        yield COPY_HEADER
        while data := self._file.read(_READ_BYTES):
            yield data
        yield COPY_TRAILER

    def close(self) -> None:
        """Remove the file."""
        self._closed = True
        if self._file is not None:
            # Of a full disk there is still something to be written.
            with suppress(OSError):
                self._file.close()


def batches(rows: Sequence[EncodedRow]) -> Iterator[Sequence[EncodedRow]]:
    """Yield rows in the portions that one statement takes."""
    start = size = 0
    for number, row in enumerate(rows):
        size += sum(len(field) for field in row if field is not None)
        if number > start and (number - start == _BATCH_ROWS or size > _BATCH_BYTES):
            yield rows[start:number]
            start, size = number, sum(len(field) for field in row if field is not None)
    yield rows[start:]


def _copy_data(rows: Iterable[tuple[int, EncodedRow]]) -> Iterator[bytes]:
    return (copy_row((_POSITION.pack(position), *row)) for position, row in rows)


def _check_owner(row: EncodedRow, former: str | None, document: str | None) -> None:
    id = (row[ID] or b"").decode()
    owner, other = former or id, document or id
    if owner != other:
        raise overwritten(id, owner, other)


def _number(identifier: bytes | None) -> int:
    return int(identifier or 0)


def _id_order(identifier: bytes | None) -> bytes:
    return identifier or b""
