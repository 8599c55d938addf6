"""Documents and their records: whether a transform splits, and which records an id names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from vecs.records import Record
from vecs.transforms import Embedding, ImageEmbedding, NoOp, Pipeline, TextEmbedding, Transform

# What makes one record of each; a step of somebody else's may make several.
_EMBEDDERS = (Embedding, ImageEmbedding, NoOp, TextEmbedding)
_EMBEDDER_NAMES = frozenset(step.__name__ for step in _EMBEDDERS)
_DIGITS = "0123456789"


def may_split(transform: Transform | None) -> bool:
    """Whether a transform may make several records of one."""
    if transform is None:
        return False
    steps = transform.steps if isinstance(transform, Pipeline) else (transform,)
    return not all(isinstance(step, _EMBEDDERS) for step in steps)


def described_may_split(config: Any) -> bool:
    """Whether a transform may make several records of one, by its description, which anybody may have written."""
    if not isinstance(config, Mapping):
        return False
    described = cast("Mapping[str, Any]", config)
    if described.get("class") == "Pipeline" and isinstance(described.get("steps"), list):
        return any(described_may_split(step) for step in described["steps"])
    return described.get("class") not in _EMBEDDER_NAMES


def with_documents(made: Sequence[Record], given: Sequence[Record]) -> list[Record]:
    """
    Return records of which those that kept the id they were given name it as their document.

    Of one with a new id that names none it is not known what it was made from.
    """
    ids = {record.id for record in given}
    return [
        replace(record, document_id=record.id) if record.document_id is None and record.id in ids else record
        for record in made
    ]


def in_order_of(ids: Sequence[str], records: Sequence[Record]) -> list[Record]:
    """Return records in the order of ids, which are theirs or their documents'; those of a document as it reads."""
    by_id = {record.id: record for record in records}
    by_document: dict[str, list[Record]] = {}
    for record in records:
        by_document.setdefault(str(record.document_id), []).append(record)
    ordered: dict[Any, Record] = {}
    for id in dict.fromkeys(ids):
        if id in by_id:
            ordered.setdefault(id, by_id[id])
        for record in sorted(by_document.get(id, ()), key=_place):
            ordered.setdefault(record.id, record)
    return list(ordered.values())


def ids_found(ids: Sequence[str], rows: Sequence[tuple[str, str | None]]) -> list[str]:
    """Return those of the ids, in their order, that rows of a record's id and its document's have; each once."""
    found = {id for row in rows for id in row}
    return [id for id in dict.fromkeys(ids) if id in found]


def portions(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield ids so many at a time."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _place(record: Record) -> tuple[str, int]:
    # By number: after chunk 999 comes chunk 1000, which as a string stands before.
    id = str(record.id)
    name = id.rstrip(_DIGITS)
    return name, int(id[len(name) :] or 0)
