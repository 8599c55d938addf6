"""What all chunkers share: one record in, one record per chunk out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vecs._checks.shown import brief
from vecs.exc import ArgError, TransformError, VecsException
from vecs.records import Record, RecordId
from vecs.transforms._legacy import NOT_ONE_VECTOR, AdapterContext, AdapterRecord
from vecs.transforms._lines import is_blank
from vecs.transforms._step import Step, as_record, as_tuple


@dataclass(frozen=True)
class Chunk:
    """
    A piece of a text: its number, which becomes part of its id, and the headings above it.

    `context` is embedded before the text, and is not stored.
    """

    number: int
    text: str
    headings: list[str] | None = None
    context: str = ""


class Chunker(Step):
    """
    A step that cuts texts; subclasses say where, and how a chunk is called.

    Every chunk is a record with its own copy of the metadata, and `document_id` set to the id of the record
    it was cut from. Blank chunks are dropped, there is nothing in them to embed; but a text that is all blank
    stays one chunk, so that no record disappears. Records with a vector, or without text, pass unchanged.
    """

    skip_during_query: bool = True

    @abstractmethod
    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text; at least one chunk."""

    @abstractmethod
    def chunk_id(self, record_id: RecordId, chunk: Chunk, alone: bool) -> RecordId:
        """Name a chunk; `alone` when it is the only one of its text."""

    def transform_records(self, records: Sequence[Record], /) -> list[Record]:
        """Cut the texts of records."""
        return [chunk for record in records for chunk in self._cut(record)]

    def transform_query(self, query: Any, /) -> Any:
        """Return the query as it is, or cut (`skip_during_query=False`) if that leaves one chunk of it."""
        if self.skip_during_query or not isinstance(query, str):
            return query
        found = self.chunks(query)
        if len(found) != 1:
            raise ArgError(NOT_ONE_VECTOR)
        return found[0].text

    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterator[AdapterRecord]:
        """Cut `(id, media, metadata)` tuples, lazily, as vecs 0.4 did."""
        skip = AdapterContext(adapter_context) is AdapterContext.query and self.skip_during_query
        for item in records:
            if skip:
                yield item[0], item[1], item[2] or {}
                continue
            yield from map(as_tuple, self._cut(as_record(item)))

    def _cut(self, record: Record) -> Iterator[Record]:
        text = text_of(record)
        if record.vec is not None or text is None:
            yield record
            return
        try:
            found = self.chunks(text)
        except VecsException:
            raise
        except Exception as error:
            raise TransformError(f"{self!r} could not cut record {brief(record.id)}: {error}") from error
        for chunk in found:
            yield replace(
                record,
                id=self.chunk_id(record.id, chunk, len(found) == 1),
                text=chunk.text,
                media=f"{chunk.context}{chunk.text}" if chunk.context else None,
                metadata=_metadata(record.metadata, chunk.headings),
                document_id=record.id if record.document_id is None else record.document_id,
                extra=None if record.extra is None else dict(record.extra),
            )


def text_of(record: Record) -> str | None:
    """Return the text of a record, which is given as text or as media."""
    if record.text is None and isinstance(record.media, str):
        return record.media
    return record.text


def embedded_text(record: Record) -> str | None:
    """Return the text of a record that is embedded: its media if that is a string, otherwise its text."""
    return record.media if isinstance(record.media, str) else record.text


def without_blank(chunks: Iterable[Chunk], text: str) -> list[Chunk]:
    """Drop blank chunks, their numbers with them; keep `text` as one if that leaves none."""
    return [chunk for chunk in chunks if not is_blank(chunk.text)] or [Chunk(0, text)]


def _metadata(metadata: Mapping[str, Any] | None, headings: list[str] | None) -> dict[str, Any]:
    copy = dict(metadata or {})
    return copy if headings is None else {**copy, "headings": headings}
