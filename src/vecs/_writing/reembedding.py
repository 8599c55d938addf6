"""The decisions of a change of the model: with what stored texts are embedded, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

from vecs._checks.shown import brief, counted
from vecs._sql.reembedding import Dependant, Pending
from vecs._sql.rows import encode_record
from vecs._sql.tables import Table
from vecs._writing.documents import may_split
from vecs._writing.hashes import BatchHashes, Fingerprint
from vecs._writing.stored_transform import describe_collection
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import Embedding, Transform, describe, identity
from vecs.transforms._chunker import Chunker
from vecs.transforms._headings import titles_line
from vecs.transforms._pipeline import Pipeline, steps_of

# Of a collection's description, while it gets the vectors of another model.
UNDER_WAY = "reembedding"

NewRow = tuple[bytes, bytes, "bytes | None", bytes]


def embedder_for(transform: Transform) -> Transform:
    """
    Return what embeds texts that are stored, which are not split again: a transform without its chunkers.

    Raises ArgError if nothing is left, if the rest may split, or if nobody could tell its vectors from others.
    """
    steps = [step for step in steps_of(transform) if not isinstance(step, Chunker)]
    if not steps or identity(transform) is None:
        raise ArgError(
            f"the transform {brief(transform)} makes no vectors: reembed() takes one that ends with an embedder"
        )
    for step in steps:
        if may_split(step):
            raise ArgError(
                f"{type(step).__name__} may make several records of one, and reembed() embeds each stored record as "
                "it is: give a transform of vecs' chunkers and an embedder"
            )
        if isinstance(step, Embedding) and step.name is None:
            raise ArgError(
                f"{brief(step)} has no name, so that its vectors could not be told from those of another function: "
                "give Embedding(..., name=) the name of the model"
            )
    return steps[0] if len(steps) == 1 else Pipeline(steps)


def embeds_titles(transform: Transform) -> bool:
    """Whether the titles above a chunk are embedded with it."""
    return any(isinstance(step, Chunker) and getattr(step, "headings", False) is True for step in steps_of(transform))


def records_of(pending: Sequence[Pending], *, titles: bool) -> list[Record]:
    """Return the records to embed; with `titles`, behind those that a chunker has put into the metadata."""
    return [
        Record(
            each.id,
            text=each.text,
            media=_with_titles(each) if titles else None,
            metadata=each.metadata,
            document_id=each.document_id,
            extra=each.extra,
        )
        for each in pending
    ]


def _with_titles(each: Pending) -> str | None:
    found = each.metadata.get("headings")
    if not isinstance(found, list) or each.text is None:
        return None
    listed = [title for title in cast("list[Any]", found) if isinstance(title, str) and title]
    first = each.text.lstrip().partition("\n")[0]
    if listed and listed[-1] in first:
        # The chunk begins with its own heading.
        listed = listed[:-1]
    return f"{titles_line(listed)}{each.text}" if listed else None


def new_rows(
    table: Table, print: Fingerprint, pending: Sequence[Pending], given: Sequence[Record], made: Sequence[Record]
) -> list[NewRow]:
    """Return what is to be stored of records that were embedded, sorted by the bytes of the ids."""
    sources = {each.id: each.of for each in pending}
    hashes = BatchHashes(print, given)
    for record in given:
        hashes.made(record)
    hashes.count(given)
    rows: list[NewRow] = []
    for record in made:
        row = encode_record(record, table)
        id, vec, *_ = cast("tuple[bytes, ...]", row)
        rows.append((id, vec, hashes.of_row(row), sources[str(record.id)]))
    return sorted(rows)


def described_switch(table: Table, transform: Transform) -> dict[str, Any]:
    """Describe a collection that has the vectors of another transform."""
    kept = {key: value for key, value in table.comment.items() if key != UNDER_WAY}
    made = describe_collection(transform, table.language or "english", has_text=False)
    return {**kept, **made}


def described_start(table: Table, transform: Transform) -> dict[str, Any]:
    """Describe a collection that is about to get the vectors of another transform."""
    return {**table.comment, UNDER_WAY: {"transform": describe(transform), "identity": identity(transform)}}


def described_stop(table: Table) -> dict[str, Any]:
    """Describe a collection that keeps the vectors that it has."""
    return {key: value for key, value in table.comment.items() if key != UNDER_WAY}


def is_under_way(table: Table) -> bool:
    """Whether a collection is about to get other vectors."""
    return UNDER_WAY in table.comment


def named(transform: Transform) -> str:
    """Return what tells the vectors of a transform from those of another one."""
    return sha256(json.dumps(identity(transform), sort_keys=True).encode()).hexdigest()


def check_same(table: Table, transform: Transform) -> None:
    """Raise ArgError if the vectors of another transform than this one are on their way."""
    found: Any = table.comment.get(UNDER_WAY)
    begun: Any = cast("Mapping[str, Any]", found).get("identity") if isinstance(found, Mapping) else None
    if begun != identity(transform):
        raise ArgError(
            f"collection {table.name!r} is being embedded by {brief(begun)}: call reembed() with that transform to go "
            "on, or cancel_reembed() first"
        )


def check_done(table: Table, transform: Transform) -> None:
    """Raise ArgError if the vectors of a transform are no longer on their way, and did not arrive."""
    if table.comment.get("identity") != identity(transform):
        raise ArgError(
            f"somebody else has cancelled the reembed() of collection {table.name!r}; call it again to begin anew"
        )


def check_may_be_embedded(table: Table, textless: int) -> None:
    """Raise ArgError for records without a text."""
    if textless:
        raise ArgError(
            f"{counted(textless, 'record')} of collection {table.name!r} {'has' if textless == 1 else 'have'} no text "
            'to embed; find them with get(filters={"$text": {"$exists": False}}), and give them texts or delete them'
        )


def check_dependants(table: Table, found: Sequence[Dependant], rebuilt: Sequence[str]) -> None:
    """Raise ArgError for what would be lost with the old vectors: all but the indexes that are built again."""
    lost = [each.described for each in found if each.index_name not in rebuilt]
    if lost:
        raise ArgError(
            f"{', '.join(lost)} {'depends' if len(lost) == 1 else 'depend'} on the vectors of collection "
            f"{table.name!r}, which reembed() replaces: drop {'it' if len(lost) == 1 else 'them'} before, and make "
            f"{'it' if len(lost) == 1 else 'them'} again afterwards"
        )
