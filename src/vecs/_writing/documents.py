"""Documents and their records: whether a transform splits, and which records an id means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sql.documents import ambiguous, overwritten
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import APIEmbedding, Embedding, ImageEmbedding, NoOp, TextEmbedding, Transform
from vecs.transforms._pipeline import steps_of

# Steps that make one record from each record; steps of others may make several.
_EMBEDDERS = (APIEmbedding, Embedding, ImageEmbedding, NoOp, TextEmbedding)
_EMBEDDER_NAMES = frozenset(step.__name__ for step in _EMBEDDERS)
_DIGITS = "0123456789"


def may_split(transform: Transform | None) -> bool:
    """Whether a transform may make several records from one."""
    if transform is None:
        return False
    return not all(isinstance(step, _EMBEDDERS) for step in steps_of(transform))


def check_one_row_each(transform: Transform, table: str, given_to: str) -> None:
    """Refuse a transform that splits where new chunks would not replace old ones."""
    if may_split(transform):
        raise ArgError(
            f"a transform that splits texts makes several rows of one, and {table} has one row per id: give {given_to} "
            f"one that only embeds, such as vecs.TextEmbedding(...), not {brief(transform)}"
        )


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


def check_not_split(made: Sequence[Record], given: Sequence[Record]) -> None:
    """
    Raise ArgError if a transform split or renamed a record that was given with a document_id of its own.

    No record would have the given id then, so nothing could be found, replaced or deleted by it.
    """
    own = {str(record.id): str(record.document_id) for record in given if record.document_id is not None}
    if not own:
        return
    documents = {str(record.id) for record in given} - own.keys()
    kept = {str(record.id) for record in made}
    split = {
        str(record.document_id): str(record.id)
        for record in reversed(made)
        if str(record.id) not in own and str(record.id) not in documents
    }
    # Of several records of one document, one that is gone was split.
    for id in sorted(own, key=kept.__contains__):
        document = own[id]
        if document in split and (id not in kept or document not in documents):
            raise ArgError(
                f"record {brief(id)} has document_id={brief(document)}, but the transform makes records with other ids "
                f"of it, such as {brief(split[document])}. Leave document_id= out: the id of a text that is split is "
                "its document's id. Or give the record with its vector: it is not split then"
            )


def check_is_to_split(made: Sequence[Record], given: Sequence[Record], collection: str, config: Any) -> None:
    """
    Raise ArgError if a transform split a record for a collection that was made with one that does not split.

    `config` is that one's description. Whoever opens the collection with it knows nothing of other records of a
    document: two versions would mix, and its id would not delete it. One made without a transform says nothing.
    """
    if not isinstance(config, Mapping) or described_may_split(config):
        return
    ids = {str(record.id) for record in given}
    for record in made:
        if str(record.id) not in ids:
            raise ArgError(
                f"the transform makes several records of {brief(record.document_id or record.id)}, but collection "
                f"{collection!r} was made with a transform that makes one of each, and others who use it would mix "
                "versions of a document. Write to a collection that was made with this transform, or split texts "
                "yourself: give each part an id of its own, and document_id="
            )


def check_ids(records: Sequence[Record]) -> None:
    """Raise ArgError if an id has two meanings among these records: of two documents, or a document and a record."""
    owners: dict[str, str] = {}
    for record in records:
        id, owner = str(record.id), _owner(record)
        if owners.setdefault(id, owner) != owner:
            raise overwritten(id, owners[id], owner)
    documents = {str(record.document_id) for record in records if record.document_id is not None}
    error = ambiguous([(id, owner) for id, owner in owners.items() if id != owner and id in documents])
    if error is not None:
        raise error


def check_new_ids(made: Sequence[Record], given: Sequence[Record], step: Transform) -> None:
    """Raise ArgError if a step made two records with one id; only the last one would be stored."""
    if len({str(record.id) for record in made}) == len(made):
        return
    allowed = Counter(str(record.id) for record in given)
    first: dict[str, Record] = {}
    count = Counter[str]()
    for record in made:
        id = str(record.id)
        former = first.setdefault(id, record)
        count[id] += 1
        if count[id] <= max(1, allowed[id]):
            continue
        if _owner(former) != _owner(record):
            raise overwritten(id, _owner(former), _owner(record))
        of = "" if record.document_id is None else f" of document {brief(record.document_id)}"
        raise ArgError(
            f"{type(step).__name__} gave two records{of} the id {brief(id)}, and only the last one would be stored; "
            "give each record an id of its own, such as the id of its document and a number"
        )


def in_order_of(ids: Sequence[str], records: Sequence[Record], *, whole: bool = True) -> list[Record]:
    """
    Return records in the order of these ids.

    If ids may be of `whole` documents, the id of one means its records, in reading order.
    """
    # Of tables whose ids are not unique, one id has several records.
    by_id: dict[str, list[Record]] = {}
    by_document: dict[str, list[Record]] = {}
    for record in records:
        by_id.setdefault(str(record.id), []).append(record)
        if whole and record.document_id is not None:
            by_document.setdefault(str(record.document_id), []).append(record)
    ordered: dict[str, list[Record]] = {}
    for id in dict.fromkeys(ids):
        for each in (id, *(str(record.id) for record in sorted(by_document.get(id, ()), key=_place))):
            ordered.setdefault(each, by_id.get(each, []))
    return [record for records in ordered.values() for record in records]


def ids_found(ids: Sequence[str], rows: Sequence[tuple[str, str | None]]) -> list[str]:
    """Return the ids, in their order and each once, that are in rows of (record id, document id)."""
    found = {id for row in rows for id in row}
    return [id for id in dict.fromkeys(ids) if id in found]


def portions(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield the ids in lists of limited size."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _owner(record: Record) -> str:
    return str(record.id if record.document_id is None else record.document_id)


def _place(record: Record) -> tuple[str, int]:
    # Sorted by number: chunk 1000 comes after chunk 999, but as a string before it.
    id = str(record.id)
    name = id.rstrip(_DIGITS)
    return name, int(id[len(name) :] or 0)
