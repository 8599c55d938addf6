"""Cutting Markdown at its headings."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from itertools import pairwise
from typing import Any

from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.records import RecordId
from vecs.transforms._blocks import Heading, Table, find_headings, find_tables
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._config import describe_tokenizer
from vecs.transforms._cutting import cut
from vecs.transforms._given import checked_count
from vecs.transforms._headings import Headings
from vecs.transforms._legacy import AdapterContext, AdapterRecord
from vecs.transforms._tokens import Tokenizer, count_words, counter, cut_words, model_limit


@constructor_explains_wrong_calls
class MarkdownChunker(Chunker):
    """
    Split Markdown so that every heading starts a chunk, with the id `<id>_head_000`, `<id>_head_001`, ...

    A heading is a line such as `# Title`, or an underlined line. Lines in fenced code, HTML blocks and front matter are
    not headings. Sections of more than `max_tokens` tokens are split at whitespace, and words that are too long are
    split inside. Tables are split between their rows, and each piece begins with the table's header, if that is not
    longer than half of the limit.

    `tokenizer` says what a token is: a function from a text to its number of tokens, a `tokenizers.Tokenizer`, or an
    embedder, whose own limit is then the default. Without it, a token is a word between single spaces, and these spaces
    are lost where a section is split.

    `headings=True` puts the titles above a chunk, outermost first, into `metadata["headings"]`, and embeds them before
    the chunk, as `Title > Subtitle`. The stored text is only the chunk. If the tokenizer is an embedder, chunks are
    so short that the titles fit, too.
    """

    def __init__(
        self,
        *,
        skip_during_query: bool = True,
        max_tokens: int | None = None,
        tokenizer: Tokenizer = None,
        headings: bool = False,
    ) -> None:
        self.skip_during_query = skip_during_query
        self.max_tokens = checked_count(max_tokens, "max_tokens")
        self.tokenizer = tokenizer
        self.headings = headings
        self._count = counter(tokenizer)

    def __repr__(self) -> str:
        return f"MarkdownChunker(skip_during_query={self.skip_during_query}, max_tokens={self.max_tokens})"

    def __call__(
        self,
        records: Iterable[AdapterRecord],
        adapter_context: AdapterContext,
        max_tokens: int | None = None,
    ) -> Iterator[AdapterRecord]:
        """Cut `(id, media, metadata)` tuples, lazily, as vecs 0.4 did; `max_tokens` holds for this call."""
        limited = self
        if max_tokens is not None:
            limited = copy(self)
            limited.max_tokens = checked_count(max_tokens, "max_tokens")
        yield from super(MarkdownChunker, limited).__call__(records, adapter_context)

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text at its headings, and sections that are too long."""
        found = find_headings(text)
        # vecs 0.4 numbered the chunks after dropping these two, so that is what its ids count.
        above = self._above(found)
        pieces = [(start, piece) for start, piece in self._pieces(text, found, above) if piece not in ("", "\n")]
        return without_blank(
            (
                Chunk(number, piece) if above is None else Chunk(number, piece, above.path(start), above.context(start))
                for number, (start, piece) in enumerate(pieces)
            ),
            text,
        )

    def chunk_id(self, record_id: RecordId, chunk: Chunk, alone: bool) -> RecordId:
        """Name a chunk as vecs 0.4 did."""
        return f"{record_id}_head_{chunk.number:03}"

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON."""
        return {
            "class": "MarkdownChunker",
            "skip_during_query": self.skip_during_query,
            "max_tokens": self.max_tokens,
            "headings": self.headings,
            **({} if self.tokenizer is None else {"tokenizer": describe_tokenizer(self.tokenizer)}),
        }

    def _above(self, headings: list[Heading]) -> Headings | None:
        if not self.headings:
            return None
        limit = model_limit(self.tokenizer)
        return Headings(headings, None if limit is None else limit // 2, self._count)

    def _pieces(self, text: str, headings: list[Heading], above: Headings | None) -> Iterator[tuple[int, str]]:
        """Yield the pieces of a text with the start of their section, plus 1 for pieces without its heading."""
        read = model_limit(self.tokenizer)
        limit = self.max_tokens or read
        tables = deque([] if limit is None else find_tables(text))
        starts = sorted({0, *(heading.start for heading in headings)})
        for start, end in pairwise([*starts, len(text)]):
            section = text[start:end]
            if limit is None:
                yield start, section
                continue
            room = limit
            if read is not None and above is not None and (before := above.context(start + 1)):
                room = min(limit, read - self._count(before))
            inside: list[Table] = []
            while tables and tables[0].start < end:
                inside.append(tables.popleft().moved(-start))
            for ix, piece in enumerate(self._cut_section(section, room, inside)):
                yield start + (ix > 0), piece

    def _cut_section(self, section: str, limit: int, tables: list[Table]) -> list[str]:
        if self.tokenizer is not None:
            return cut(section, limit, self._count, tables)
        if not tables or count_words(section) <= limit:
            return cut_words(section, limit)
        # As in vecs 0.4, the spaces at the cuts are lost.
        return [piece.rstrip(" ") for piece in cut(section, limit, lambda text: count_words(text.rstrip(" ")), tables)]
