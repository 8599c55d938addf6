"""Text to vectors by a server that has OpenAI's API for embeddings."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from vecs._checks.numbers import checked_flag, checked_int, checked_number
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import explains_wrong_calls
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms._api_models import api_dimension, api_max_tokens, api_prompts, estimated_tokens
from vecs.transforms._api_requests import APIUsage, Requests, Work
from vecs.transforms._api_server import Hidden, Server, hidden, hide_keys, is_key, server_given
from vecs.transforms._chunker import embedded_text, text_of
from vecs.transforms._dimensions import Prompts
from vecs.transforms._legacy import is_numeric_row
from vecs.transforms._retrying import is_awaited
from vecs.transforms._step import Step
from vecs.transforms._vectors import Vectors, put, shorten

# How many texts a request has: OpenAI takes 2,048, Text Embeddings Inference 32 unless it is told otherwise.
_OF_OPENAI, _OF_OTHERS = 2048, 32
# Fields of a request that vecs fills in.
_OWN_FIELDS = {"model", "input", "encoding_format", "dimensions", "stream"}
_MOST_FIELDS = 20
_SECRET = re.compile(r"(.*[_-])?(api_?key|key|token|secret|password|authorization)", re.IGNORECASE)


class APIEmbedding(Step):
    """
    Turn text into vectors by a server with OpenAI's API for embeddings: OpenAI, Ollama, vLLM, TEI, LM Studio, Azure.

        APIEmbedding("text-embedding-3-small")
        APIEmbedding("nomic-embed-text", base_url="http://localhost:11434/v1")

    `base_url` is the address, without `/embeddings`; the default is $OPENAI_BASE_URL, or OpenAI. `api_key_env` is the
    name of the environment variable that holds the key, which is read for each request. The default is OPENAI_API_KEY
    for the default server, and no key for others. `api_key` is the key itself. No key is stored, pickled or shown.

    `dimension` is how many numbers the server's vectors have. Without it, vecs knows that of well-known models, and
    otherwise asks the server for the vector of one word, when the dimension is first needed. `truncate_dim` asks the
    server for shorter vectors (`dimensions` of the API), for models that are made for this. `normalize` scales vectors
    to length 1.

    `query_prompt` and `document_prompt` are written before each text. For well-known models (E5, BGE, nomic, mxbai and
    others, also by their names in Ollama) vecs knows them. If you give one, only yours are used, and "" means none.
    `query_body` and `document_body` are further fields of requests, such as `{"input_type": "query"}`.

    A request has at most `batch_size` texts (by default 2,048 for OpenAI, 32 for others) of 600,000 bytes together. If
    that is too much for the server, the texts are divided. Servers refuse a text that is longer than the model reads:
    put a chunker before this step. An empty text is embedded as a space, so that its record is kept.

    `retries` is how often a request is repeated after an error that is likely to pass: see `Embedding`. `timeout` is
    how many seconds to wait for each read of the network; a request of an async client takes no longer in all. All
    errors of servers are TransformErrors. `usage` counts what was embedded.

    A collection remembers all of this but `api_key`. Only vectors of the same model, dimension and document prompt can
    be compared; `base_url` may differ. `get_collection()` sends texts to a server that a collection names only if it is
    the default, on this machine, or one that your code has given, and keys only to the default and as your code has
    said. For others, pass the transform again.

    Needs httpx and tenacity: `pip install 'vecs[api]'`.
    """

    _needs = MappingProxyType({"httpx": "api", "tenacity": "api"})
    # Of TextEmbedding: models behind an API have no prompts of their own.
    query_prompt_name: str | None = None
    document_prompt_name: str | None = None

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
        api_key: str | None = None,
        dimension: int | None = None,
        truncate_dim: int | None = None,
        normalize: bool = False,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        query_body: Mapping[str, Any] | None = None,
        document_body: Mapping[str, Any] | None = None,
        batch_size: int | None = None,
        retries: int = 5,
        timeout: float = 60,
    ) -> None:
        # Hidden before anything can fail: tracebacks may show variables.
        address, key_env, key = hidden(base_url), hidden(api_key_env), hidden(api_key)
        base_url = api_key_env = api_key = None
        self.model = _checked_model(model)
        self.truncate_dim = None if truncate_dim is None else checked_int(truncate_dim, "truncate_dim", 1, 1_000_000)
        given = None if dimension is None else checked_int(dimension, "dimension", 1, 1_000_000)
        if given is not None and self.truncate_dim not in (None, given):
            raise ArgError(f"truncate_dim={self.truncate_dim} is the dimension of the vectors: leave dimension= out")
        self.normalize = checked_flag(normalize, "normalize")
        self.query_prompt = _checked_prompt("query_prompt", query_prompt)
        self.document_prompt = _checked_prompt("document_prompt", document_prompt)
        self.uses_known_prompts = False
        if query_prompt is None and document_prompt is None:
            self.use_prompts(api_prompts(self.model), chosen=False)
        self.query_body = _checked_body("query_body", hidden(query_body))
        self.document_body = _checked_body("document_body", hidden(document_body))
        self.retries = checked_int(retries, "retries", 0, 100)
        self.timeout = checked_number(timeout, "timeout", 0.001, 86_400, wanted="a number of seconds, more than 0")
        self._batch_size = None if batch_size is None else checked_int(batch_size, "batch_size", 1)
        # That of a description was checked when it was read.
        described = isinstance(address.value, Server)
        self._server: Server = address.value if described else server_given(address, key_env, key)
        self.batch_size = self._batch_size or (_OF_OPENAI if self._server.is_openai else _OF_OTHERS)
        self._requests = Requests(self._server, self.model, repr(self), retries=self.retries, timeout=self.timeout)
        self._requests.batch_size = self.batch_size
        self._requests.shortened = self.truncate_dim
        self._requests.dimension = self.truncate_dim or given or api_dimension(self.model)

    def __repr__(self) -> str:
        if "_server" not in vars(self):
            # Its making failed, and a traceback shows variables.
            return f"<a {type(self).__name__} that was not made>"
        where = "" if self._server.is_default else f", base_url={self._server.url!r}"
        return f"{type(self).__name__}({brief(self.model)}{where})"

    def __copy__(self) -> APIEmbedding:
        # Not by way of pickling, which leaves a key out.
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, _memo: object) -> APIEmbedding:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_server"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _server=state["_requests"].server)

    @property
    def base_url(self) -> str:
        """The address of the server."""
        return self._server.url

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors; asks the server for one if it was not given and the model is not well known."""
        if self._requests.dimension is None:
            self._requests.run(self._requests.vectors(["dimension"], None, self.document_body))
        return self._requests.dimension

    @property
    def max_tokens(self) -> int | None:
        """How many tokens of a text the model reads; None if vecs does not know that."""
        return api_max_tokens(self.model)

    @property
    def usage(self) -> APIUsage:
        """How many requests the server has answered for this object, and how many tokens it counted."""
        return self._requests.usage

    def count_tokens(self, text: str, /) -> int:
        """Estimate the tokens of a text, for chunkers: rather too many than too few, since only the server knows."""
        return estimated_tokens(text)

    def use_prompts(self, prompts: Prompts, *, chosen: bool) -> None:
        """Use these prompts; `chosen` says whether the caller has chosen them."""
        self.query_prompt, self.document_prompt = prompts
        self.uses_known_prompts = not chosen and prompts != Prompts()

    def transform_records(self, records: Sequence[Record], /) -> list[Record] | Awaitable[list[Record]]:
        """Give every record that has none a vector of its text; to be awaited where an async client of vecs asks."""
        places = [place for place, record in enumerate(records) if record.vec is None]
        if not places:
            return list(records)
        texts = [f"{self.document_prompt or ''}{self._text(records[place])}" for place in places]
        work = self._requests.vectors(texts, [records[place].id for place in places], self.document_body)
        return self._done(work, lambda made: put(records, places, made, [text_of(records[at]) for at in places]))

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Return the vector of a text; a vector is returned as it is."""
        return query if is_numeric_row(query) else self._query([query], lambda made: made[0])

    def transform_queries(self, queries: Sequence[Any], /) -> list[Any] | Awaitable[list[Any]]:
        """Return the vectors of several texts, embedded at once."""
        return self._query(queries, list) if len(queries) else []

    def check_record(self, record: Record, /) -> None:
        """Raise ArgError if a record has neither a vector nor a text to embed; the server is not asked."""
        if record.vec is None:
            self._text(record)

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON, without a key."""
        server = self._server
        optional = {
            "base_url": None if server.is_default else server.url,
            "api_key_env": None if server.keyless else server.key_env,
            "batch_size": self._batch_size,
            "query_body": self.query_body,
            "document_body": self.document_body,
            "known_prompts": self.uses_known_prompts or None,
        }
        return {
            "class": type(self).__name__,
            "model": self.model,
            "dimension": self.dimension,
            "truncate_dim": self.truncate_dim,
            "normalize": self.normalize,
            "query_prompt": self.query_prompt,
            "document_prompt": self.document_prompt,
            "retries": self.retries,
            "timeout": self.timeout,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _query(self, queries: Sequence[Any], finish: Callable[[Vectors], Any]) -> Any:
        for query in queries:
            if not isinstance(query, str):
                raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        texts = [f"{self.query_prompt or ''}{query}" for query in queries]
        return self._done(self._requests.vectors(texts, None, self.query_body), finish)

    def _done(self, work: Work, finish: Callable[[Vectors], Any]) -> Any:
        """Return what is made of the vectors, or a promise of it where that is awaited."""

        async def later() -> Any:
            return finish(shorten(await self._requests.arun(work), None, self.normalize))

        # A subclass that overrides a method may not expect a promise.
        cls = type(self)
        if is_awaited(self) and (cls.transform_records, cls.transform_query, cls.transform_queries) == _PLAIN:
            return _Promise(later)
        return finish(shorten(self._requests.run(work), None, self.normalize))

    def _text(self, record: Record) -> str:
        text = embedded_text(record)
        if text is None:
            raise ArgError(f"record {brief(record.id)} has no text for {self!r} to embed, and no vec")
        return text


@dataclass(frozen=True)
class _Promise:
    """Begins when it is awaited: a coroutine that a cancelled call leaves behind would warn."""

    begin: Callable[[], Coroutine[Any, Any, Any]]

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.begin().__await__()


_PLAIN = APIEmbedding.transform_records, APIEmbedding.transform_query, APIEmbedding.transform_queries
APIEmbedding.__init__ = explains_wrong_calls(APIEmbedding.__init__, hide=hide_keys)


def _checked_model(model: Any) -> str:
    if isinstance(model, Hidden):
        raise ArgError("model must be the name of a model, not a key; give a key by api_key_env=")
    if not isinstance(model, str) or not model.strip() or not model.isprintable() or len(model) > 500:
        raise ArgError(f"model must be the name of a model, such as 'text-embedding-3-small', not {brief(model)}")
    return model


def _checked_prompt(what: str, prompt: Any) -> str | None:
    if prompt is not None and not isinstance(prompt, str):
        raise ArgError(f"{what} must be a string, not {brief(prompt)}")
    return prompt


def _checked_body(what: str, body: Hidden) -> dict[str, Any] | None:
    """Return further fields of requests; raises ArgError for those that are not plain JSON, or that vecs fills in."""
    if body.value is None:
        return None
    is_mapping = isinstance(cast("object", body.value), Mapping)
    if not is_mapping:
        kind = type(body.value).__name__
        raise ArgError(f"{what} must be a mapping of fields, such as {{'input_type': 'query'}}, not {kind}")
    secret = [name for name in body.value if isinstance(name, str) and _SECRET.fullmatch(name)]
    if secret:
        raise ArgError(f"{what} is stored with collections, so it cannot have {secret[0]!r}: see api_key_env=")
    fields = dict(cast("Mapping[Any, Any]", body.value))
    if len(fields) > _MOST_FIELDS:
        raise ArgError(f"{what} has {len(fields)} fields; at most {_MOST_FIELDS} are sent")
    for name, value in fields.items():
        if not isinstance(name, str) or name in _OWN_FIELDS:
            raise ArgError(f"{what} cannot have the field {brief(name)}, which vecs fills in")
        if is_key(value):
            raise ArgError(f"{what} is stored with collections, and {brief(name)} looks like a key: see api_key_env=")
        if not isinstance(value, str | int | float | bool):
            raise ArgError(f"{what} has {brief(value)} as {brief(name)}; expected a string, a number or a bool")
    return fields
