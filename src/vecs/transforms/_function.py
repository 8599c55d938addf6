"""Text to vectors by any function, hence by any API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError, TransformError, VecsException
from vecs.records import Record
from vecs.transforms._chunker import embedded_text, text_of
from vecs.transforms._given import instead_of, is_loaded_model, is_transform
from vecs.transforms._legacy import AdapterContext, AdapterRecord, is_numeric_row
from vecs.transforms._retrying import Retrying, check_library, is_awaited, is_transient
from vecs.transforms._step import Step
from vecs.transforms._vectors import Vectors, as_vectors, failure, put

EmbedTexts = Callable[[list[str]], "Sequence[Any] | Awaitable[Sequence[Any]]"]
EmbedQuery = Callable[[str], "Sequence[Any] | Awaitable[Sequence[Any]]"]


@constructor_explains_wrong_calls
class Embedding(Step):
    """
    Turn text into vectors by a function from a list of texts to one vector of `dimension` numbers per text.

        def embed(texts):
            return [item.embedding for item in openai.embeddings.create(input=texts, model=MODEL).data]

        Embedding(embed, 1536, name=MODEL)

    vecs calls it with at most `batch_size` texts, one call after the other. The default is the smallest limit of the
    common APIs. Many APIs also limit the tokens per call: if texts are long, give a smaller number. `query` is another
    function for queries, from one text to one vector, if the model needs one. Both may be async. `name` is the name of
    the model: a collection that was filled with one model refuses another. A function cannot be stored with a
    collection, so pass the transform each time you open the collection.

    `retries` is how often vecs repeats a call after an error that is likely to pass: an error of the network, or the
    HTTP status 408, 409, 425, 429 or 5xx, except 501 and 505. vecs reads it from `status_code`, `http_status`, `status`
    or `code` of the exception or of its `response`.

    vecs waits 1, 2, 4 ... up to 60 seconds and a random part of a second more, or as long as the answer's
    `Retry-After`, or the exception's `retry_after` in seconds, says. If that is more than 300 seconds, the call fails
    at once. The last error, and every other error, is the cause of a TransformError. The default is 0, because many
    API clients repeat calls by themselves. Needs tenacity: `pip install 'vecs[retry]'`.
    """

    def __init__(
        self,
        function: EmbedTexts,
        dimension: int,
        *,
        query: EmbedQuery | None = None,
        batch_size: int = 96,
        name: str | None = None,
        retries: int = 0,
    ) -> None:
        _check_function(function)
        if query is not None and not callable(query):
            raise ArgError(f"query must be a function from a text to a vector, not {brief(query)}")
        self.retries = checked_int(retries, "retries", 0, 100)
        if self.retries:
            check_library()
        self.function = function
        self.query = query
        self.batch_size = checked_int(batch_size, "batch_size", 1)
        self.name = name
        self._dimension = checked_int(dimension, "dimension", 1)

    def __repr__(self) -> str:
        name = str(self.name or getattr(self.function, "__name__", self.function))
        return f"Embedding({name if name.isprintable() else repr(name)}, {self._dimension})"

    @property
    def dimension(self) -> int:
        """The dimension given."""
        return self._dimension

    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterator[AdapterRecord]:
        """Embed `(id, text, metadata)` tuples, lazily, as vecs 0.4 did; not by an asynchronous function."""
        if iscoroutinefunction(self.function) or iscoroutinefunction(self.query):
            raise ArgError(f"{self!r} is asynchronous: await its transform_records() or transform_query() instead")
        return super().__call__(records, adapter_context)

    def transform_records(self, records: Sequence[Record], /) -> list[Record] | Awaitable[list[Record]]:
        """Give every record that has none a vector of its text; to be awaited if the function is."""
        places = [place for place, record in enumerate(records) if record.vec is None]
        batches = [places[ix : ix + self.batch_size] for ix in range(0, len(places), self.batch_size)]
        texts = {place: self._text(records[place]) for place in places}
        done = list(records)
        for ix, batch in enumerate(batches):
            ids = [records[place].id for place in batch]
            raw = self._call(self.function, [texts[place] for place in batch], ids)
            if isawaitable(raw):
                return self._rest(raw, batches[ix:], done, texts)
            done = self._put(done, batch, raw)
        return done

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Return the vector of a text; a vector is returned as it is."""
        if is_numeric_row(query):
            return query
        answers = self.transform_queries([query])
        return _only(answers) if isawaitable(answers) else answers[0]

    def transform_queries(self, queries: Sequence[Any], /) -> list[Any] | Awaitable[list[Any]]:
        """Return the vectors of several texts, up to `batch_size` per call; to be awaited if the function is."""
        size = self.batch_size if self.query is None else 1
        batches = [list(queries[ix : ix + size]) for ix in range(0, len(queries), size)]
        vectors: list[Any] = []
        for ix, batch in enumerate(batches):
            raw = self._call(*self._question(batch), None)
            if isawaitable(raw):
                return self._rest_of_queries(raw, batches[ix:], vectors)
            vectors.extend(self._answers(raw, batch))
        return vectors

    def check_record(self, record: Record, /) -> None:
        """Raise ArgError if a record has neither a vector nor a text to embed; the function is not called."""
        if record.vec is None:
            self._text(record)

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the function itself stays out of it."""
        return {"class": "Embedding", "name": self.name, "dimension": self._dimension}

    def _text(self, record: Record) -> str:
        text = embedded_text(record)
        if text is None:
            raise ArgError(f"record {brief(record.id)} has no text for {self!r} to embed, and no vec")
        return text

    def _call(self, function: Callable[[Any], Any], argument: Any, ids: Sequence[object] | None) -> Any:
        try:
            return self._retrying().call(function, argument)
        except VecsException:
            raise
        except Exception as error:
            raise self._failure(ids, error) from error

    async def _wait(
        self, pending: Any, function: Callable[[Any], Any], argument: Any, ids: Sequence[object] | None
    ) -> Any:
        """Await what a function returned, or call the function."""
        try:
            return await self._retrying().wait(pending, function, argument)
        except VecsException:
            raise
        except Exception as error:
            raise self._failure(ids, error) from error

    def _retrying(self) -> Retrying:
        return Retrying(self.retries, repr(self), awaited=is_awaited(self) and self._is_plain())

    def _is_plain(self) -> bool:
        """Whether no subclass overrides what may return something to be awaited: it may not expect that."""
        cls = type(self)
        return (cls.transform_records, cls.transform_query, cls.transform_queries) == _PLAIN

    def _failure(self, ids: Sequence[object] | None, error: Exception) -> TransformError:
        return failure(self, ids, error, tries=self.retries + 1 if self.retries and is_transient(error) else 1)

    async def _rest(
        self, raw: Any, batches: list[list[int]], done: list[Record], texts: dict[int, str]
    ) -> list[Record]:
        for ix, batch in enumerate(batches):
            ids = [done[place].id for place in batch]
            argument = [texts[place] for place in batch]
            answer = await self._wait(None if ix else raw, self.function, argument, ids)
            done = self._put(done, batch, answer)
        return done

    def _put(self, records: list[Record], places: list[int], raw: Any) -> list[Record]:
        found = [records[place] for place in places]
        vectors = self._check(raw, len(places), [record.id for record in found])
        return put(records, places, vectors, [text_of(record) for record in found])

    def _question(self, batch: list[Any]) -> tuple[Callable[[Any], Any], Any]:
        """Return the function that embeds these queries, and its argument."""
        for query in batch:
            if not isinstance(query, str):
                raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        return (self.function, batch) if self.query is None else (self.query, batch[0])

    def _answers(self, raw: Any, batch: list[Any]) -> Vectors:
        return self._check(raw if self.query is None else [raw], len(batch), None)

    async def _rest_of_queries(self, raw: Any, batches: list[list[Any]], vectors: list[Any]) -> list[Any]:
        for ix, batch in enumerate(batches):
            answer = await self._wait(None if ix else raw, *self._question(batch), None)
            vectors.extend(self._answers(answer, batch))
        return vectors

    def _check(self, raw: Any, count: int, ids: Sequence[object] | None) -> Vectors:
        try:
            return as_vectors(raw, count, self._dimension)
        except ValueError as error:
            raise failure(self, ids, error) from error


_PLAIN = Embedding.transform_records, Embedding.transform_query, Embedding.transform_queries


async def _only(answers: Awaitable[list[Any]]) -> Any:
    return (await answers)[0]


def _check_function(function: Any) -> None:
    if is_transform(function):
        raise ArgError(f"{brief(function)} is a transform itself; give it as transform=, without vecs.Embedding")
    # A model of torch can be called, but not with texts. The class of a transform can be called, but makes a transform.
    mistaken = is_loaded_model(function) or hasattr(function, "transform_records")
    if mistaken or not callable(function):
        instead = instead_of(function)
        hint = f"; give {instead}" if instead else ""
        raise ArgError(f"{brief(function)} is not a function from a list of texts to a list of vectors{hint}")
