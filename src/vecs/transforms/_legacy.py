"""The adapter steps of vecs 0.4: tuples in, tuples out, usable wherever a transform is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.numbers import plain_rows
from vecs.exc import ArgError
from vecs.records import Record

AdapterRecord: TypeAlias = "tuple[Any, Any, Mapping[str, Any] | None]"

NOT_ONE_VECTOR = "Failed to produce exactly one query vector from input"


class AdapterContext(str, Enum):
    """What a step is called for."""

    upsert = "upsert"
    query = "query"


class AdapterStep(ABC):
    """
    A step of vecs 0.4: called with `(id, media, metadata)` tuples, it yields such tuples.

    Subclasses define `__call__`, and `exported_dimension` if they make vectors. That makes them a transform,
    too. Media is a record's vector if it has one, else its text, else its media; the media that comes back
    is a vector if it is a row of numbers, text if it is a string. New code writes a `Transform` instead.
    """

    @property
    def exported_dimension(self) -> int | None:
        """Dimension of the vectors this step makes; None if it makes none."""
        return None

    @property
    def dimension(self) -> int | None:
        """Dimension of the vectors this step makes; None if it makes none."""
        return self.exported_dimension

    @abstractmethod
    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterable[AdapterRecord]:
        """Turn `(id, media, metadata)` tuples into others, lazily."""

    def transform_records(self, records: Sequence[Record], /) -> Iterable[Record] | Awaitable[Iterable[Record]]:
        """
        Run the step over records.

        A result that keeps its record's id keeps its text, document and extra. One with a new id names the
        record it was made from as its document, as long as the step reads its input one by one.
        """
        trail = _SourceTracker(records)
        return [trail.record(*result) for result in self(trail, AdapterContext.upsert)]

    def transform_query(self, query: Any, /) -> Any | Awaitable[Any]:
        """Run the step over the query, which must come out as exactly one."""
        results = list(self([("", query, {})], AdapterContext.query))
        if len(results) != 1:
            raise ArgError(NOT_ONE_VECTOR)
        (record,) = results
        return record[1]


class NoOp(AdapterStep):
    """Pass records through; says which dimension their vectors have."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    @property
    def exported_dimension(self) -> int | None:
        """The dimension given."""
        return self._dimension

    def __call__(self, records: Iterable[AdapterRecord], adapter_context: AdapterContext) -> Iterator[AdapterRecord]:
        """Yield every record as it is."""
        for id_, media, metadata in records:
            yield id_, media, metadata or {}

    def transform_records(self, records: Sequence[Record], /) -> Sequence[Record]:
        """Return the records as they are."""
        return records

    def transform_query(self, query: Any, /) -> Any:
        """Return the query as it is."""
        return query

    def config(self) -> dict[str, Any]:
        """Describe the step as JSON."""
        return {"class": "NoOp", "dimension": self._dimension}


def media_of(record: Record) -> Any:
    """Return what a 0.4 step sees of a record: its vector, else its text, else its media."""
    if record.vec is not None:
        return record.vec
    return record.media if record.text is None else record.text


def is_numeric_row(value: Any) -> bool:
    """Tell whether a value is a row of numbers."""
    (value,) = plain_rows([value])
    if isinstance(value, (str, bytes)) or not (isinstance(value, Sequence) or hasattr(value, "__array__")):
        return False
    try:
        array: npt.NDArray[Any] = np.asarray(cast("Any", value))
    except ValueError:  # rows of different lengths
        return False
    return array.ndim == 1 and array.size > 0 and array.dtype.kind in "iuf"


def with_media(record: Record, media: Any) -> Record:
    """Return the record with a 0.4 media put where it belongs: text, vector or media."""
    if isinstance(media, str):
        return replace(record, text=media, vec=None, media=None)
    if is_numeric_row(media):
        text = record.media if record.text is None and isinstance(record.media, str) else record.text
        return replace(record, vec=media, text=text, media=None)
    return replace(record, media=media, vec=None)


class _SourceTracker:
    """Hands records to a step as tuples, and finds the record that a result was made from."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._pulled: dict[str, Record] = {}
        self._last: Record | None = None
        self._unread = 0  # inputs pulled since the last result
        self._one_by_one = True

    def __iter__(self) -> Iterator[AdapterRecord]:
        for record in self._records:
            self._pulled[str(record.id)] = self._last = record
            self._unread += 1
            yield record.id, media_of(record), dict(record.metadata or {})

    def record(self, id_: Any, media: Any, metadata: Mapping[str, Any] | None) -> Record:
        # A step that reads ahead (batches, drops, looks forward) no longer tells by its last input what a
        # result was made from, and a wrong document would have its chunks replaced by another's.
        self._one_by_one = self._one_by_one and self._unread <= 1
        self._unread = 0
        source = self._pulled.get(str(id_))
        if source is None and self._one_by_one and self._last is not None:
            last = self._last
            document_id = last.id if last.document_id is None else last.document_id
            source = replace(last, text=None, media=None, document_id=document_id)
        if source is None:
            source = Record(id_)
        # Without metadata it stays as it was: None and none.
        kept = dict(metadata) if metadata else {} if source.metadata else source.metadata
        return replace(with_media(source, media), id=id_, metadata=kept)
