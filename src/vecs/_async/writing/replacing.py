"""What `replace_all()` does beside an upsert: it checks what is given, and deletes the rest at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from vecs._async.sending.executor import AsyncExecutor
from vecs._checks.shown import brief
from vecs._sql import answers, documents, write
from vecs._sql.answers import Columns
from vecs._sql.binary import encode_jsonb
from vecs._sql.fitting import Candidate, find_unfit
from vecs._sql.records import Page, select_records
from vecs._sql.rows import encode_metadata
from vecs._sql.scalars import first_column
from vecs._sql.selection import Selection
from vecs._sql.tables import Table
from vecs._writing.documents import portions, with_documents
from vecs._writing.ids import IdSet
from vecs.exc import FilterError
from vecs.filters import Filter
from vecs.records import Record
from vecs.transforms._chunker import text_of

_ONLY_IDS = Columns(text=False, metadata=False)
_PAGE = 10_000
_DELETED_AT_ONCE = 1_000


class AsyncReplacing:
    """The records within a filter: those that were there, and those that come."""

    def __init__(self, executor: AsyncExecutor, filters: Filter | None, *, by_document: bool) -> None:
        self._executor, self._filters, self._by_document = executor, filters, by_document
        self._before, self._given = IdSet(), IdSet()
        self.count = 0

    async def look(self, table: Table) -> None:
        """Remember which records are there: those that others add from now on stay."""
        async for rows in self._pages(table):
            self._before.add(id for id, _ in rows)

    async def check(self, records: Sequence[Record]) -> None:
        """Take records that come; raises FilterError for one that is outside the filter."""
        self.count += len(records)
        self._given.add(str(record.id) for record in records)
        if self._filters is None or not records:
            return
        listed = with_documents(records, records) if self._by_document else records
        unfit = first_column(await self._executor.read(find_unfit([*map(_candidate, listed)], self._filters)))
        if unfit:
            raise FilterError(
                f"record {brief(unfit[0])} does not match the filter, so that no later replace_all() with this filter "
                "would delete it; give it what the filter asks for, or leave it out"
            )

    def made(self, records: Sequence[Record]) -> None:
        """Take records that a transform made."""
        self._given.add(str(record.id) for record in records)

    async def delete_rest(self, table: Table) -> int:
        """Delete what was there and did not come; return how many records."""
        deleted = 0
        async for rows in self._pages(table):
            stale = self._stale(rows)
            for portion in portions(list(stale), _DELETED_AT_ONCE):
                lock = documents.lock_ids(table, (), {stale[id] for id in portion}) if self._by_document else None
                statement = write.delete(table, Selection(portion, filters=self._filters))
                deleted += len(await self._executor.write(statement, lock))
        return deleted

    def _stale(self, rows: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Return the ids of records that were there and did not come, with their documents."""
        ids, owners = [id for id, _ in rows], [owner for _, owner in rows]
        kept = [self._given.holds(ids), self._given.holds(owners)]
        before = self._before.holds(ids)
        return {
            id: owner for (id, owner), was, *given in zip(rows, before, *kept, strict=True) if was and not any(given)
        }

    async def _pages(self, table: Table) -> AsyncGenerator[list[tuple[str, str]]]:
        """Yield the ids of records within the filter, each with its document's, page by page."""
        after: str | None = None
        while True:
            page = Page(_PAGE, after=after)
            found = await self._executor.read(select_records(table, _ONLY_IDS, Selection(filters=self._filters), page))
            yield [(row[answers.ID], self._owner(row)) for row in found]
            if len(found) < _PAGE:
                return
            after = found[-1][answers.ID]

    def _owner(self, row: answers.Row) -> str:
        return (row[answers.DOCUMENT_ID] if self._by_document else None) or row[answers.ID]


def _candidate(record: Record) -> Candidate:
    who = f"record {brief(record.id)}"
    metadata = encode_jsonb(encode_metadata(record.metadata or {}, f"{who}: metadata"))
    document, text = record.document_id, text_of(record)
    return (
        str(record.id).encode(),
        None if document is None else str(document).encode(),
        metadata,
        None if text is None else text.encode(),
    )
