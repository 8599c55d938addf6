"""Cutting text at its largest units that fit: sections, paragraphs, sentences, words."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from vecs._checks.numbers import checked_int
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import RecordId
from vecs.transforms._blocks import Heading, find_headings, find_tables
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._config import describe_tokenizer
from vecs.transforms._cutting import cut
from vecs.transforms._given import checked_count
from vecs.transforms._headings import Headings
from vecs.transforms._require import require
from vecs.transforms._tokens import Tokenizer, counter, has_limit, model_limit, plain_tokenizer

# For embedders that read texts of any length: what most models with a limit were trained on.
UNLIMITED = 512


@constructor_explains_wrong_calls
class RecursiveSplitter(Chunker):
    """
    Split text into chunks as long as the limit allows, between the largest units that fit, such as paragraphs.

    The limit is `max_tokens`, counted by `tokenizer` (see MarkdownChunker; an embedder's own limit is the
    default), or `max_characters`. With `markdown=True`, sections, code blocks and lists of Markdown are such units. A
    chunk begins with the last `overlap` tokens or characters of the chunk before it. A text that fits in one chunk
    keeps its id and is not changed. Several chunks have the ids `<id>#000`, `<id>#001`, ..., and whitespace at their
    ends is removed.

    With `markdown=True`, a table that is longer than the limit is split between its rows, and each piece begins with
    the table's header, if that is not longer than half of the limit.

    `headings=True` puts the Markdown titles above a chunk, outermost first, into `metadata["headings"]`, and embeds
    them before the chunk (see MarkdownChunker).

    Needs semantic-text-splitter: `pip install 'vecs[text]'`.
    """

    _needs = MappingProxyType({"semantic_text_splitter": "text"})

    def __init__(
        self,
        max_tokens: int | None = None,
        *,
        max_characters: int | None = None,
        overlap: int = 0,
        tokenizer: Tokenizer = None,
        markdown: bool = False,
        headings: bool = False,
    ) -> None:
        if max_characters is not None and (max_tokens is not None or tokenizer is not None):
            raise ArgError("a limit is either max_tokens, counted by a tokenizer, or max_characters, not both")
        if max_characters is None and max_tokens is None and not has_limit(tokenizer):
            raise ArgError("a limit is needed: max_tokens, max_characters, or an embedder as tokenizer")
        self.max_tokens = checked_count(max_tokens, "max_tokens")
        self.max_characters = checked_count(max_characters, "max_characters")
        self.overlap = checked_int(overlap, "overlap", 0)
        self.tokenizer = tokenizer
        self.markdown = markdown
        self.headings = headings
        self._count = counter(tokenizer)
        self._splitters: dict[int, Any] = {}  # by their limits
        stated = self.max_characters or self.max_tokens
        if stated is not None and self.overlap >= stated:
            raise ArgError(f"overlap must be less than the limit of {stated}, not {self.overlap}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_splitters": {}}  # they cannot be pickled, and are made again when needed

    def __repr__(self) -> str:
        limit = "max_tokens" if self.max_characters is None else "max_characters"
        options = f"overlap={self.overlap}, markdown={self.markdown}"
        return f"RecursiveSplitter({limit}={getattr(self, limit)}, {options})"

    def split(self, text: str) -> list[tuple[int, str]]:
        """Return the chunks of a text, and the start of each in the text, without the repeated header of a table."""
        return self._split(text, self.limit)

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text."""
        found = find_headings(text) if self.headings else []
        above = self._above(found)
        limit = self._limit_below(found, above)
        pieces = self._split(text, limit)
        if len(pieces) == 1 and self._size(text) <= limit:
            pieces = [(0, text)]
        return without_blank((self._chunk(number, *piece, above) for number, piece in enumerate(pieces)), text)

    def chunk_id(self, record_id: RecordId, chunk: Chunk, alone: bool) -> RecordId:
        """Leave a whole text its id, number the chunks of a longer one."""
        return record_id if alone else f"{record_id}#{chunk.number:03}"

    @property
    def limit(self) -> int:
        """The limit in force, in characters or tokens; may load the embedder whose limit it is."""
        return self.max_characters or self.max_tokens or model_limit(self.tokenizer) or UNLIMITED

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON."""
        return {
            "class": "RecursiveSplitter",
            "max_tokens": self.max_tokens,
            "max_characters": self.max_characters,
            "overlap": self.overlap,
            "markdown": self.markdown,
            "headings": self.headings,
            **({} if self.tokenizer is None else {"tokenizer": describe_tokenizer(self.tokenizer)}),
        }

    def _chunk(self, number: int, start: int, piece: str, above: Headings) -> Chunk:
        if not self.headings:
            return Chunk(number, piece)
        return Chunk(number, piece, above.path(start), above.context(start))

    def _above(self, headings: list[Heading]) -> Headings:
        limit = model_limit(self.tokenizer) if headings else None
        return Headings(headings, None if limit is None else limit // 2, self._count)

    def _limit_below(self, headings: list[Heading], above: Headings) -> int:
        """Return the limit for chunks below headings, because an embedder also reads the headings."""
        read = model_limit(self.tokenizer)
        if read is None or not headings:
            return self.limit
        longest = max(self._count(above.context(heading.start + 1)) for heading in headings)
        # Rounded to multiples of sixteen, so that few splitters are made.
        return min(self.limit, max(read - (longest + 15) // 16 * 16, read // 2))

    def _split(self, text: str, limit: int) -> list[tuple[int, str]]:
        pieces: list[tuple[int, str]] = []
        position = 0
        for table in find_tables(text) if self.markdown else ():
            whole = text[table.start : table.end]
            if self._size(whole) <= limit:
                continue
            pieces += self._split_plain(text, position, table.start, limit)
            found = cut(whole, limit, self._size, [table.moved(-table.start)])
            # Behind the headings above it, and so are the rows that follow.
            pieces += [(table.start + (ix > 0), piece.strip()) for ix, piece in enumerate(found)]
            position = table.end
        return pieces + self._split_plain(text, position, len(text), limit)

    def _size(self, text: str) -> int:
        return len(text) if self.max_characters is not None else self._count(text)

    def _split_plain(self, text: str, start: int, end: int, limit: int) -> list[tuple[int, str]]:
        if limit not in self._splitters:
            self._splitters[limit] = self._make_splitter(limit)
        found: list[tuple[int, str]] = self._splitters[limit].chunk_indices(text[start:end])
        return [(start + at, piece) for at, piece in found]

    def _make_splitter(self, limit: int) -> Any:
        module = require("semantic_text_splitter", extra="text")
        kind = module.MarkdownSplitter if self.markdown else module.TextSplitter
        if self.overlap >= self.limit:
            raise ArgError(f"overlap={self.overlap} must be less than the model's limit of {self.limit} tokens")
        # Below headings there may be less room than that.
        overlap = min(self.overlap, limit - 1)
        if self.max_characters is not None:
            return kind(limit, overlap=overlap)
        fast = plain_tokenizer(getattr(self.tokenizer, "tokenizer", self.tokenizer))
        if fast is not None:
            return kind.from_huggingface_tokenizer(fast, limit, overlap=overlap)
        return kind.from_callback(self._count, limit, overlap=overlap)
