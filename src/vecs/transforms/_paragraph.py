"""Cutting text into paragraphs."""

from __future__ import annotations

from typing import Any

from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.records import RecordId
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._lines import split_paragraphs


@constructor_explains_wrong_calls
class ParagraphChunker(Chunker):
    """
    Split text at empty lines; a chunk has the id `<id>_para_000`, `<id>_para_001`, ...

    A line may end in any way (`\\n`, `\\r\\n`, `\\r`, Unicode's separators). A line with only blanks is empty. The end
    of a page, which is a form feed, also ends a paragraph.

    Empty paragraphs are dropped but counted, so that the others have the same ids as in vecs 0.4. A paragraph's length
    has no limit. With `skip_during_query=False` a query is split, too, and must have exactly one paragraph.
    """

    def __init__(self, *, skip_during_query: bool = True) -> None:
        self.skip_during_query = skip_during_query

    def __repr__(self) -> str:
        return f"ParagraphChunker(skip_during_query={self.skip_during_query})"

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text at its empty lines."""
        return without_blank((Chunk(*numbered) for numbered in enumerate(split_paragraphs(text))), text)

    def chunk_id(self, record_id: RecordId, chunk: Chunk, alone: bool) -> RecordId:
        """Name a chunk as vecs 0.4 did."""
        return f"{record_id}_para_{chunk.number:03}"

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON."""
        return {"class": "ParagraphChunker", "skip_during_query": self.skip_during_query}
