"""Text to vectors by any function, hence by any API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import isawaitable, iscoroutinefunction
from typing import Any

from vecs._checks.shown import brief
from vecs._checks.wrong_calls import constructor_explains_wrong_calls
from vecs.exc import ArgError, VecsException
from vecs.records import Record
from vecs.transforms._chunker import text_of
from vecs.transforms._legacy import AdapterContext, AdapterRecord, is_numeric_row
from vecs.transforms._step import Step
from vecs.transforms._vectors import Vectors, as_vectors, failure, put

EmbedTexts = Callable[[list[str]], "Sequence[Any] | Awaitable[Sequence[Any]]"]
EmbedQuery = Callable[[str], "Sequence[Any] | Awaitable[Sequence[Any]]"]


@constructor_explains_wrong_calls
class Embedding(Step):
    """
    Turn text into vectors by a function from a list of texts to as many vectors of `dimension` numbers.

        def embed(texts):
            return [item.embedding for item in openai.embeddings.create(input=texts, model=MODEL).data]

        Embedding(embed, 1536, name=MODEL)

    It is called with at most `batch_size` texts (the default is the smallest limit of the common APIs), one
    call after the other. `query` embeds what is searched for, one text to one vector, if that is another
    function. Either may be asynchronous. `name` names the model: a collection filled under one name refuses
    another. A function cannot be stored with a collection, so it is passed as `transform=` on every opening.
    """

    def __init__(
        self,
        function: EmbedTexts,
        dimension: int,
        *,
        query: EmbedQuery | None = None,
        batch_size: int = 96,
        name: str | None = None,
    ) -> None:
        if dimension < 1 or batch_size < 1:
            raise ArgError(f"dimension={dimension} and batch_size={batch_size} must be positive")
        self.function = function
        self.query = query
        self.batch_size = batch_size
        self.name = name
        self._dimension = dimension

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
            batch_texts = [texts[place] for place in batch]
            raw = self._call(self.function, batch_texts, ids)
            if isawaitable(raw):
                return self._rest(raw, batches[ix:], done, texts)
            done = put(done, batch, self._check(raw, len(batch), ids), batch_texts)
        return done

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Return the vector of a text; a vector is returned as it is."""
        if is_numeric_row(query):
            return query
        if not isinstance(query, str):
            raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        function, argument = (self.function, [query]) if self.query is None else (self.query, query)
        raw = self._call(function, argument, None)
        return self._awaited_query(raw) if isawaitable(raw) else self._one(raw)

    def transform_queries(self, queries: Sequence[Any], /) -> list[Any] | Awaitable[list[Any]]:
        """Return the vectors of several texts, up to `batch_size` per call; to be awaited if the function is."""
        size = self.batch_size if self.query is None else 1
        batches = [list(queries[ix : ix + size]) for ix in range(0, len(queries), size)]
        vectors: list[Any] = []
        for ix, batch in enumerate(batches):
            raw = self._call_for_queries(batch)
            if isawaitable(raw):
                return self._rest_of_queries(raw, batches[ix:])
            vectors.extend(self._check(raw, len(batch), None))
        return vectors

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON; the function itself stays out of it."""
        return {"class": "Embedding", "name": self.name, "dimension": self._dimension}

    def _text(self, record: Record) -> str:
        text = text_of(record)
        if text is None:
            raise ArgError(f"record {brief(record.id)} has no text for {self!r} to embed, and no vec")
        return text

    def _call(self, function: Callable[[Any], Any], argument: Any, ids: Sequence[object] | None) -> Any:
        try:
            return function(argument)
        except VecsException:
            raise
        except Exception as error:
            raise failure(self, ids, error) from error

    async def _wait(self, raw: Awaitable[Any], ids: Sequence[object] | None) -> Any:
        try:
            return await raw
        except VecsException:
            raise
        except Exception as error:
            raise failure(self, ids, error) from error

    async def _rest(
        self, raw: Any, batches: list[list[int]], done: list[Record], texts: dict[int, str]
    ) -> list[Record]:
        for ix, batch in enumerate(batches):
            ids = [done[place].id for place in batch]
            batch_texts = [texts[place] for place in batch]
            if ix:
                raw = self._call(self.function, batch_texts, ids)
            vectors = self._check(await self._wait(raw, ids), len(batch), ids)
            done = put(done, batch, vectors, batch_texts)
        return done

    def _call_for_queries(self, batch: list[Any]) -> Any:
        for query in batch:
            if not isinstance(query, str):
                raise ArgError(f"{self!r} searches by a text or a vector, not by {type(query).__name__}")
        if self.query is None:
            return self._call(self.function, batch, None)
        raw = self._call(self.query, batch[0], None)
        return self._one_in_list(raw) if isawaitable(raw) else [raw]

    async def _one_in_list(self, raw: Awaitable[Any]) -> list[Any]:
        return [await self._wait(raw, None)]

    async def _rest_of_queries(self, raw: Any, batches: list[list[Any]]) -> list[Any]:
        vectors: list[Any] = []
        for ix, batch in enumerate(batches):
            if ix:
                raw = self._call_for_queries(batch)
            vectors.extend(self._check(await self._wait(raw, None), len(batch), None))
        return vectors

    async def _awaited_query(self, raw: Awaitable[Any]) -> Any:
        return self._one(await self._wait(raw, None))

    def _one(self, raw: Any) -> Any:
        return self._check(raw if self.query is None else [raw], 1, None)[0]

    def _check(self, raw: Any, count: int, ids: Sequence[object] | None) -> Vectors:
        try:
            return as_vectors(raw, count, self._dimension)
        except ValueError as error:
            raise failure(self, ids, error) from error
