"""Cutting Markdown at its headings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from itertools import pairwise
from typing import Any

from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.records import RecordId
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._config import describe_tokenizer
from vecs.transforms._headings import find_headings, heading_path
from vecs.transforms._legacy import AdapterContext, AdapterRecord
from vecs.transforms._tokens import Tokenizer, check_limit, counter, cut, cut_words, model_limit


@constructor_explains_wrong_calls
class MarkdownChunker(Chunker):
    """
    Cut Markdown so that every heading starts a chunk, called `<id>_head_000`, `<id>_head_001`, ...

    A `# comment` in fenced code is no heading. Sections of more than `max_tokens` tokens are cut further, at
    whitespace, and words that are too long inside. `tokenizer` says what a token is: a function from text to its
    number of tokens, a `tokenizers.Tokenizer`, or an embedder, whose own limit is then the default. Without
    one a token is a word between single spaces, and those spaces are lost where a section is cut.

    `headings=True` puts the titles a chunk stands under, outermost first, into `metadata["headings"]`.
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
        self.max_tokens = check_limit("max_tokens", max_tokens)
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
            limited.max_tokens = check_limit("max_tokens", max_tokens)
        yield from super(MarkdownChunker, limited).__call__(records, adapter_context)

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text at its headings, and sections that are too long."""
        # vecs 0.4 numbered the chunks after dropping these two, so that is what its ids count.
        pieces = [(start, piece) for start, piece in self._pieces(text) if piece not in ("", "\n")]
        found = find_headings(text) if self.headings else None
        return without_blank(
            (
                Chunk(number, piece, None if found is None else heading_path(found, start))
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

    def _pieces(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the pieces of a text with the start of the section they are of."""
        limit = self.max_tokens or model_limit(self.tokenizer)
        starts = sorted({0, *(heading.start for heading in find_headings(text))})
        for start, end in pairwise([*starts, len(text)]):
            section = text[start:end]
            if limit is None:
                yield start, section
                continue
            pieces = cut_words(section, limit) if self.tokenizer is None else cut(section, limit, self._count)
            for piece in pieces:
                yield start, piece
