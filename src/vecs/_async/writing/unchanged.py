"""Leaves out what is stored already: records that are as they were, and vectors of texts that were embedded before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from vecs._async.sending.executor import AsyncExecutor
from vecs._concurrency.calls import async_offload, async_offload_many
from vecs._sql import hashes
from vecs._sql.advice import shown
from vecs._sql.rows import EncodedRow, encode_record
from vecs._sql.tables import Table
from vecs._sql.vectors import vec_decoder
from vecs._writing.documents import with_documents
from vecs._writing.hashes import BatchHashes, Fingerprint, Stored, fingerprint, is_same_vector
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import Transform
from vecs.transforms._chunker import text_of


class AsyncMemory:
    """What one upsert remembers of the batches before: what it has on its way, and what it left out."""

    def __init__(self, executor: AsyncExecutor, transform: Transform | None, *, skips: bool) -> None:
        self._executor, self._transform = executor, transform
        self._print: Fingerprint | None = None
        self.skips = skips
        # Ids of records and of documents that wait to be written; what is stored of them is no longer true.
        self._waiting: set[str] = set()
        self.unchanged = self.embedded = 0

    async def batch(self, table: Table, given: Sequence[Record], *, by_document: bool) -> AsyncBatch:
        """Look at what is stored of a batch of records."""
        if self._print is None and self._transform is not None and table.has_hash:
            self._print = await async_offload(fingerprint, self._transform)
        stored = Stored([], by_document=by_document)
        if self.skips and given:
            # It may have been altered since the call began.
            check_skips(table, self._transform)
            ids = [str(record.id) for record in given]
            statement = hashes.find_rows(table, ids, ids if by_document else [])
            rows = await self._executor.read(statement)
            stored = await async_offload_many(len(rows), Stored, hashes.read_rows(rows), by_document=by_document)
        batch = AsyncBatch(self._executor, table, self._print if table.has_hash else None, stored)
        await async_offload_many(len(given), batch.choose, given, self._fresh(given), self._transform, by_document)
        return batch

    def _fresh(self, given: Sequence[Record]) -> set[str]:
        """Return the ids of records that may be left out if they are stored."""
        if not self.skips:
            return set()
        return {str(r.id) for r in given if not self._waiting & {str(r.id), str(r.document_id)}}

    def keep(self, batch: AsyncBatch, given: Iterable[Record], made: Sequence[Record]) -> None:
        """Remember a batch whose rows are on their way."""
        self.unchanged += batch.unchanged
        if self._transform is not None:
            self.embedded += batch.embedded
        if self.skips:
            self._waiting.update(str(id) for each in (*given, *made) for id in (each.id, each.document_id) if id)

    def written(self) -> None:
        """Forget what was on its way: it is stored now."""
        self._waiting.clear()


class AsyncBatch:
    """One batch of records, without those that are stored as they are."""

    def __init__(self, executor: AsyncExecutor, table: Table, print: Fingerprint | None, stored: Stored) -> None:
        self._executor, self._table, self._print, self._stored = executor, table, print, stored
        self.given: Sequence[Record] = []
        self.hashes: BatchHashes | None = None
        self.unchanged = self.embedded = self._reused = 0

    def choose(self, given: Sequence[Record], fresh: set[str], transform: Transform | None, by_document: bool) -> None:
        """Take the records that have to be written: all but those that may be left out and are stored."""

        def is_stored(record: Record) -> bool:
            if str(record.id) not in fresh:
                return False
            if record.vec is None:
                return self._print is not None and self._stored.is_made_from(self._print, record)
            as_stored = with_documents([record], [record])[0] if by_document else record
            if not self._table.has_text and transform is not None:
                as_stored = Record(record.id, record.vec, metadata=record.metadata)
            return self._stored.has(record, encode_record(as_stored, self._table))

        self.given = [record for record in given if not is_stored(record)]
        self.unchanged = len(given) - len(self.given)
        self.hashes = None if self._print is None else BatchHashes(self._print, self.given)

    async def __call__(self, records: Sequence[Record]) -> list[Record]:
        """Give records that are about to be embedded the vectors that are stored for their texts."""
        if self.hashes is None:
            return list(records)
        wanted = await async_offload_many(len(records), list, map(self.hashes.made, records))
        found = {made: row for made in wanted if made is not None and (row := self._stored.vectors.get(made))}
        if not found:
            return list(records)
        statement = hashes.find_vectors(self._table, [row.id for row in found.values()])
        vectors = dict(cast("list[tuple[str, bytes]]", await self._executor.read(statement)))
        # Another vector may be there by now.
        vecs = {made: vectors[row.id] for made, row in found.items() if is_same_vector(row, vectors.get(row.id))}
        return await async_offload_many(len(records), self._filled, records, wanted, vecs)

    def _filled(self, records: Sequence[Record], made: Sequence[str | None], vecs: Mapping[str, bytes]) -> list[Record]:
        decode = vec_decoder(self._table)
        filled = list(records)
        for place, key in enumerate(made):
            if key is not None and key in vecs:
                record, vec = records[place], cast("Any", decode(vecs[key]))
                filled[place] = replace(record, vec=vec, text=text_of(record), media=None)
                self._reused += 1
        return filled

    def with_hashes(self, rows: Iterable[EncodedRow], made: Sequence[Record]) -> Iterator[EncodedRow]:
        """Yield rows with the hash of what they were made from, where that is known."""
        as_given = {record.id for record in self.given if record.vec is not None}
        self.embedded = sum(record.id not in as_given for record in made) - self._reused
        if self.hashes is None:
            yield from rows
            return
        self.hashes.count(made)
        for row in rows:
            yield (*row[:-1], self.hashes.of_row(row))


def check_skips(table: Table, transform: Transform | None) -> None:
    """Raise ArgError where it cannot be told what has changed."""
    if table.mapped is not None:
        raise ArgError(
            f"skip_unchanged=True is for collections that vecs made: {shown(table)} has no place for the hash that "
            "tells what a vector was made from; leave it out"
        )
    if transform is not None and not table.has_hash:
        raise ArgError(
            f"collection {table.name!r} does not keep what its vectors were made from, which skip_unchanged=True "
            "needs: call its enable_text() once"
        )
