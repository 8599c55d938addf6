"""Text to vectors in one step: cut into chunks that fit a model, then embedded by it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from vecs._checks.arguments import made_of
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import RecordId
from vecs.transforms._chunker import Chunk, Chunker, without_blank
from vecs.transforms._config import describe
from vecs.transforms._given import checked_transform
from vecs.transforms._lines import is_blank, split_paragraphs
from vecs.transforms._model_options import Backend, ModelOptions
from vecs.transforms._models import MINILM
from vecs.transforms._pipeline import Pipeline
from vecs.transforms._protocol import Transform
from vecs.transforms._recursive import RecursiveSplitter
from vecs.transforms._text import LoadedModel, TextEmbedding


@constructor_explains_wrong_calls
class TextPreprocessor(Pipeline):
    """
    Split documents into chunks that a model can read whole, and embed them.

        docs = vx.get_or_create_collection("manual", transform=vecs.TextPreprocessor())
        docs.upsert([("id_0", "# Some markdown", {}), ("id_1", "# Some more markdown", {})])

    A document that fits in one chunk keeps its id. The chunks of a longer one have the ids `<id>#000`, `<id>#001`, ...
    `document_id` is always the document's id. `chunker` is "markdown" (the default: sections, code blocks and lists
    stay whole if they fit), "paragraph" (one chunk per paragraph), or your own transform. Chunks have at most
    `max_tokens` tokens of the model (by default as many as it reads), and the last `overlap` tokens of a chunk are
    repeated in the next one. `headings=True` embeds the Markdown titles above a chunk with it, and puts them into
    `metadata["headings"]`. The other arguments are those of TextEmbedding.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | LoadedModel = MINILM,
        *,
        chunker: Literal["markdown", "paragraph"] | Transform | None = None,
        max_tokens: int | None = None,
        overlap: int = 0,
        batch_size: int = 32,
        device: str | None = None,
        truncate_dim: int | None = None,
        normalize: bool = True,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        query_prompt_name: str | None = None,
        document_prompt_name: str | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        backend: Backend | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        headings: bool = False,
    ) -> None:
        self.embedding = TextEmbedding(model, **vars(made_of(ModelOptions, locals())))
        self.chunker = "markdown" if chunker is None else chunker
        self.max_tokens = max_tokens
        self.overlap = overlap
        self.headings = headings
        super().__init__([self._cutter(), self.embedding])

    def __repr__(self) -> str:
        model = repr(self.embedding).partition("(")[2][:-1]
        return f"TextPreprocessor({model}, chunker={self.chunker!r})"

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the device and the token stay out of it."""
        return {
            **self.embedding.config(),
            "class": "TextPreprocessor",
            "chunker": self.chunker if isinstance(self.chunker, str) else describe(self.chunker),
            "max_tokens": self.max_tokens,
            "overlap": self.overlap,
            **({"headings": True} if self.headings else {}),
        }

    def _cutter(self) -> Transform:
        if self.headings and self.chunker != "markdown":
            raise ArgError("headings=True is for chunker='markdown'; for your own chunker, set it there")
        if not isinstance(self.chunker, str):
            if self.max_tokens is not None or self.overlap:
                raise ArgError("max_tokens and overlap are for the named chunkers; give your own its own limits")
            return checked_transform(self.chunker)
        if self.chunker not in ("markdown", "paragraph"):
            raise ArgError(f"unknown chunker {self.chunker!r}; expected 'markdown', 'paragraph', or a transform")
        splitter = RecursiveSplitter(
            self.max_tokens,
            overlap=self.overlap,
            tokenizer=self.embedding,
            markdown=self.chunker == "markdown",
            headings=self.headings,
        )
        return splitter if self.chunker == "markdown" else Paragraphs(splitter)


class Paragraphs(Chunker):
    """Cut text into paragraphs, and those that are too long further; a text of one chunk keeps its id."""

    def __init__(self, splitter: RecursiveSplitter) -> None:
        self._splitter = splitter
        self._needs = splitter._needs

    def __repr__(self) -> str:
        return f"Paragraphs({self._splitter!r})"

    def chunks(self, text: str) -> list[Chunk]:
        """Cut a text at its empty lines, and what is too long at the largest unit that fits."""
        pieces = [chunk.text for part in split_paragraphs(text) for chunk in self._splitter.chunks(part)]
        found = [piece for piece in pieces if not is_blank(piece)]
        return without_blank((Chunk(*numbered) for numbered in enumerate(found)), text)

    def chunk_id(self, record_id: RecordId, chunk: Chunk, alone: bool) -> RecordId:
        """Leave a whole text its id, number the chunks of a longer one."""
        return self._splitter.chunk_id(record_id, chunk, alone)

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON."""
        return {"class": "Paragraphs", "splitter": self._splitter.config()}
