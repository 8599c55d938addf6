"""Documents and their records: whether a transform splits, and which records an id means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from vecs.records import Record
from vecs.transforms import Embedding, ImageEmbedding, NoOp, Pipeline, TextEmbedding, Transform

# Steps that make one record from each record; steps of others may make several.
_EMBEDDERS = (Embedding, ImageEmbedding, NoOp, TextEmbedding)
_EMBEDDER_NAMES = frozenset(step.__name__ for step in _EMBEDDERS)
_DIGITS = "0123456789"


def may_split(transform: Transform | None) -> bool:
    """Whether a transform may make several records from one."""
    if transform is None:
        return False
    steps = transform.steps if isinstance(transform, Pipeline) else (transform,)
    return not all(isinstance(step, _EMBEDDERS) for step in steps)


def described_may_split(config: Any) -> bool:
    """The same, by the transform's description in the database, which anybody may have written."""
    if not isinstance(config, Mapping):
        return False
    described = cast("Mapping[str, Any]", config)
    if described.get("class") == "Pipeline" and isinstance(described.get("steps"), list):
        return any(described_may_split(step) for step in described["steps"])
    return described.get("class") not in _EMBEDDER_NAMES


def with_documents(made: Sequence[Record], given: Sequence[Record]) -> list[Record]:
    """
    Return the records; those that kept their original id get it as their document's id, too.

    For a record with a new id and without a document, its origin is not known.
    """
    ids = {record.id for record in given}
    return [
        replace(record, document_id=record.id) if record.document_id is None and record.id in ids else record
        for record in made
    ]


def in_order_of(ids: Sequence[str], records: Sequence[Record]) -> list[Record]:
    """Return records in the order of ids of records or documents; records of one document in reading order."""
    by_id = {record.id: record for record in records}
    by_document: dict[str, list[Record]] = {}
    for record in records:
        if record.document_id is not None:
            by_document.setdefault(str(record.document_id), []).append(record)
    ordered: dict[Any, Record] = {}
    for id in dict.fromkeys(ids):
        if id in by_id:
            ordered.setdefault(id, by_id[id])
        for record in sorted(by_document.get(id, ()), key=_place):
            ordered.setdefault(record.id, record)
    return list(ordered.values())


def ids_found(ids: Sequence[str], rows: Sequence[tuple[str, str | None]]) -> list[str]:
    """Return the ids, in their order and each once, that are in rows of (record id, document id)."""
    found = {id for row in rows for id in row}
    return [id for id in dict.fromkeys(ids) if id in found]


def portions(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the ids in lists of limited size."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _place(record: Record) -> tuple[str, int]:
    # Sorted by number: chunk 1000 comes after chunk 999, but as a string before it.
    id = str(record.id)
    name = id.rstrip(_DIGITS)
    return name, int(id[len(name) :] or 0)
