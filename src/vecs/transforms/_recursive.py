"""Cutting text at its largest units that fit: sections, paragraphs, sentences, words."""

from __future__ import annotations

from typing import Any

from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import RecordId
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._config import describe_tokenizer
from vecs.transforms._headings import find_headings, heading_path
from vecs.transforms._require import require
from vecs.transforms._tokens import Tokenizer, check_limit, counter, has_limit, model_limit, plain_tokenizer

# For embedders that read texts of any length: what most models with a limit were trained on.
UNLIMITED = 512


@constructor_explains_wrong_calls
class RecursiveSplitter(Chunker):
    """
    Cut text into chunks as long as a limit allows, each cut at the largest unit that fits.

    The limit is `max_tokens`, counted by `tokenizer` (see MarkdownChunker; an embedder's own limit is the
    default), or `max_characters`. `markdown=True` knows Markdown's units: sections, code blocks, lists. A
    chunk begins with the last `overlap` tokens or characters of the one before. A text of one chunk keeps its id
    and is not changed; several chunks are called `<id>#000`, `<id>#001`, ..., and lose the whitespace at their ends.

    `headings=True` puts the Markdown titles that a chunk stands under, outermost first, into
    `metadata["headings"]`.

    Needs semantic-text-splitter: `pip install 'vecs[text]'`.
    """

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
        self.max_tokens = check_limit("max_tokens", max_tokens)
        self.max_characters = check_limit("max_characters", max_characters)
        self.overlap = overlap
        self.tokenizer = tokenizer
        self.markdown = markdown
        self.headings = headings
        self._count = counter(tokenizer)
        self._splitter: Any = None
        stated = self.max_characters or self.max_tokens
        if overlap < 0 or (stated is not None and overlap >= stated):
            raise ArgError(f"overlap must be from 0 to less than the limit of {stated}, not {brief(overlap)}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_splitter": None}  # it cannot be pickled, and is made again when needed

    def __repr__(self) -> str:
        limit = "max_tokens" if self.max_characters is None else "max_characters"
        options = f"overlap={self.overlap}, markdown={self.markdown}"
        return f"RecursiveSplitter({limit}={getattr(self, limit)}, {options})"

    def split(self, text: str) -> list[tuple[int, str]]:
        """Return the chunks of a text, and where each starts in it."""
        if self._splitter is None:
            self._splitter = self._make_splitter()
        pieces: list[tuple[int, str]] = self._splitter.chunk_indices(text)
        return pieces

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text."""
        pieces = self.split(text)
        if len(pieces) == 1 and self._size(text) <= self.limit:
            pieces = [(0, text)]
        found = find_headings(text) if self.headings else None
        return without_blank(
            (
                Chunk(number, piece, None if found is None else heading_path(found, start))
                for number, (start, piece) in enumerate(pieces)
            ),
            text,
        )

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

    def _size(self, text: str) -> int:
        return len(text) if self.max_characters is not None else self._count(text)

    def _make_splitter(self) -> Any:
        module = require("semantic_text_splitter", extra="text")
        kind = module.MarkdownSplitter if self.markdown else module.TextSplitter
        if self.overlap >= self.limit:
            raise ArgError(f"overlap={self.overlap} must be less than the model's limit of {self.limit} tokens")
        if self.max_characters is not None:
            return kind(self.limit, overlap=self.overlap)
        fast = plain_tokenizer(getattr(self.tokenizer, "tokenizer", self.tokenizer))
        if fast is not None:
            return kind.from_huggingface_tokenizer(fast, self.limit, overlap=self.overlap)
        return kind.from_callback(self._count, self.limit, overlap=self.overlap)
