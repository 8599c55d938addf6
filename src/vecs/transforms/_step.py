"""The base of the built-in steps: a transform that can also be called the way of vecs 0.4."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from inspect import isawaitable, iscoroutine
from itertools import islice
from types import MappingProxyType
from typing import Any

from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms._legacy import AdapterContext, AdapterRecord, AdapterStep, media_of, with_media


class Step(AdapterStep):
    """A built-in step; subclasses define `transform_records`, `transform_query` and what they describe."""

    # How many records a 0.4-style call reads ahead.
    batch_size: int = 1
    # The packages that it cannot work without, and the extras that bring them.
    _needs: Mapping[str, str] = MappingProxyType({})

    @property
    def exported_dimension(self) -> int | None:
        """The 0.4 name of `dimension`."""
        return self.dimension

    @property
    def dimension(self) -> int | None:
        """None: this step makes no vectors."""
        return None

    @abstractmethod
    def transform_records(self, records: Sequence[Record], /) -> Iterable[Record] | Awaitable[Iterable[Record]]:
        """Turn records on their way into the collection."""

    @abstractmethod
    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Turn what is searched for."""

    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterator[AdapterRecord]:
        """Turn `(id, media, metadata)` tuples into others, lazily, as vecs 0.4 did."""
        if AdapterContext(adapter_context) is AdapterContext.query:
            for id_, media, metadata in records:
                yield id_, ready(self.transform_query(media)), metadata or {}
            return
        source = iter(records)
        while batch := [as_record(item) for item in islice(source, self.batch_size)]:
            for record in ready(self.transform_records(batch)):
                yield as_tuple(record)


def as_record(item: AdapterRecord) -> Record:
    """Read a 0.4 tuple."""
    id_, media, metadata = item
    return with_media(Record(id_, metadata=metadata or {}), media)


def as_tuple(record: Record) -> AdapterRecord:
    """Write a 0.4 tuple."""
    return record.id, media_of(record), record.metadata or {}


def ready(result: Any) -> Any:
    """Return a step's result, or refuse one that has to be awaited."""
    if not isawaitable(result):
        return result
    if iscoroutine(result):
        result.close()
    raise ArgError("this step is asynchronous: await its transform_records() or transform_query() instead")
