"""Records as rows: checked, and encoded column by column for the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from vecs._checks.json import check_storable, encode_json
from vecs._checks.shown import brief
from vecs._sql.advice import shown
from vecs._sql.binary import encode_jsonb
from vecs._sql.mapped import Mapped
from vecs._sql.mapped_rows import parted, stored_key
from vecs._sql.tables import HASH_COLUMN, Table
from vecs._sql.vectors import encode_vec, vec_decoder
from vecs.exc import ArgError
from vecs.records import Record, UnnamedMetadata, stored_id
from vecs.sparse import SparseVector

EncodedRow = tuple["bytes | None", ...]
# Where an encoded row has its id: first, as `table.columns` has it.
ID = 0


def encode_record(record: Record, table: Table) -> EncodedRow:
    """
    Encode a record in the order of `table.columns`.

    Raises ArgError, or MismatchedDimension, naming the record and what would be right.
    """
    identifier = cast("str", record.id)
    who = f"record {brief(identifier)}"
    if table.mapped is not None:
        return _encode_mapped(record, table, table.mapped, who)
    if record.vec is None:
        raise ArgError(_missing_vector(record, who, table))
    vec = encode_vec(record.vec, table, f"{who}: vec")
    metadata = _encode_mapping(record.metadata, f"{who}: metadata") or b"\x01{}"
    row: EncodedRow = (identifier.encode(), vec, metadata)
    if not table.has_text:
        _refuse_text_fields(record, who, table)
        return row
    document_id = _document_of(record, None, who)
    return (
        *row,
        _encode_text(record.text, who),
        None if document_id is None else document_id.encode(),
        _encode_mapping(record.extra, f"{who}: extra"),
        # The hash, for whoever knows what the record was made from.
        *([None] if table.has_hash else ()),
    )


def _encode_mapped(record: Record, table: Table, mapped: Mapped, who: str) -> EncodedRow:
    """Encode what a record has; what it does not have stays as it is in the table."""
    _refuse_fields_without_columns(record, table, who)
    declared, rest = _parted(record, table, mapped, who)
    document_id = _document_of(record, mapped, who)
    parts: dict[str, bytes | None] = {
        "id": stored_key(mapped.key, str(record.id), f"{who}: the id").encode(),
        "vec": None if record.vec is None else encode_vec(record.vec, table, f"{who}: vec"),
        "metadata": _encode_mapping(rest, f"{who}: metadata") if rest or _is_emptied(record) else None,
        "text": _encode_text(record.text, who),
        "document_id": None if document_id is None else document_id.encode(),
        "extra": _encode_mapping(record.extra, f"{who}: extra"),
        "declared": encode_jsonb(encode_json(declared)) if declared else None,
    }
    return tuple(parts[name] for name in table.columns)


def _document_of(record: Record, mapped: Mapped | None, who: str) -> str | None:
    if record.document_id is None:
        return None
    id = stored_id(record.document_id, f"document_id of {who}")
    key = None if mapped is None else mapped.document_key
    return id if key is None else stored_key(key, id, f"{who}: document_id {brief(id)}")


def _is_emptied(record: Record) -> bool:
    """Whether a record was given metadata without a key; with keys of declared columns alone it names just those."""
    return record.metadata is not None and not record.metadata and not isinstance(record.metadata, UnnamedMetadata)


def _parted(record: Record, table: Table, mapped: Mapped, who: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if record.metadata is not None:
        check_is_mapping(record.metadata, f"{who}: metadata")
    return parted(mapped, record.metadata or {}, f"{who}: metadata", shown(table))


def _refuse_fields_without_columns(record: Record, table: Table, who: str) -> None:
    for name in ("vec", "text", "document_id", "extra"):
        if getattr(record, name) is None or name in table.columns:
            continue
        if name == "extra":
            raise ArgError(f"{who} has extra=, for which {shown(table)} has no column; put it into metadata")
        raise ArgError(f"{who} has {name}=, and attach() was told of no column for it: give it {name}=")


def ids_of(table: Table, portions: Sequence[Sequence[EncodedRow]]) -> tuple[list[str], list[str]]:
    """Return the ids of the rows and of their documents, each id once."""
    place = table.columns.index("document_id")
    records = [(row[ID] or b"").decode() for rows in portions for row in rows]
    owners = {document.decode() for rows in portions for row in rows if (document := row[place]) is not None}
    return records, sorted(owners)


def row_shape(table: Table) -> tuple[object, ...]:
    """Return what rows of a table depend on: those of another shape do not fit."""
    return table.vec_type, table.dimension, table.columns


def recoder(former: Table, table: Table) -> Callable[[EncodedRow], EncodedRow]:
    """
    Return what turns rows of a table into rows of what it has become.

    It raises ArgError for a row that does not fit.
    """
    decode = vec_decoder(former)

    def recode(row: EncodedRow) -> EncodedRow:
        values = dict(zip(former.columns, row, strict=True))
        who = f"record {(values['id'] or b'').decode()!r}"
        if values.get("vec") is None:
            # Only a table that is attached has rows without a vector.
            return tuple(values.get(name) for name in table.columns)
        vec = decode(values["vec"] or b"")
        # All values, as a user may have given them: numbers are taken for any type.
        if not isinstance(vec, SparseVector):
            vec = vec.astype(np.float32)
        elif table.vec_type != "sparsevec" and vec.dimension == table.dimension:
            vec = vec.to_dense()
        values["vec"] = encode_vec(vec, table, f"{who}: vec")
        for name in values.keys() - {*table.columns, HASH_COLUMN}:
            if values[name] is not None:
                raise _no_such_column(name, who, table)
        return tuple(values.get(name) for name in table.columns)

    return recode


def check_storable_records(records: Sequence[Record], table: Table | None = None, what: str = "record") -> None:
    """
    Raise an error if a record cannot be stored, before a model works on it for nothing.

    If the table is known, vectors are checked, too. `what` is the caller's word for a record.
    """
    for record in records:
        who = f"{what} {brief(record.id)}"
        # A chunk's id is longer than that of its document.
        stored_id(record.id, f"the id of {who}")
        if table is not None and table.mapped is not None:
            stored_key(table.mapped.key, str(record.id), f"{who}: the id")
            _parted(record, table, table.mapped, who)
        for name in ("metadata", "extra"):
            value = getattr(record, name)
            if value is not None:
                encode_metadata(value, f"{who}: {name}")
        # A text may be stored while the media is embedded.
        _encode_text(record.text, who)
        if isinstance(record.media, str):
            _encode_text(record.media, who)
        _document_of(record, None if table is None else table.mapped, who)
        if record.vec is not None and table is not None:
            encode_vec(record.vec, table, f"{who}: vec")


def _missing_vector(record: Record, who: str, table: Table) -> str:
    if record.text is None and record.media is None:
        return f"{who} has neither vec nor text"
    given = "text" if record.text is not None else type(record.media).__name__
    shape = getattr(record.media, "shape", None)
    if shape is not None:
        return f"{who} has {given} of shape {tuple(shape)}, but a vector has one axis; make a record of each row"
    return (
        f"{who} has {given} where collection {table.name!r} needs a vector, and no transform makes one; "
        "open the collection with a transform= that embeds, or give vec="
    )


def _refuse_text_fields(record: Record, who: str, table: Table) -> None:
    text: Any = record.text
    if text is not None:
        _encode_text(text, who)
    for name in ("text", "document_id", "extra"):
        if getattr(record, name) is not None:
            raise _no_such_column(name, who, table)


def _no_such_column(name: str, who: str, table: Table) -> ArgError:
    return ArgError(
        f"{who} has {name}=, but collection {table.name!r} has no such column; "
        "call its enable_text(), or create the collection with text=True, to keep it"
    )


def _encode_text(text: Any, who: str) -> bytes | None:
    if text is None:
        return None
    if not isinstance(text, str):
        kind = type(text).__name__
        hint = "; metadata is the fourth argument of vecs.Record, or metadata=" if isinstance(text, Mapping) else ""
        raise ArgError(f"{who}: text is {kind}, not str{hint}")
    check_storable(text, f"{who}: text")
    return text.encode()


def check_is_mapping(metadata: Any, what: str) -> None:
    """Raise ArgError for metadata that is no mapping."""
    if not isinstance(metadata, Mapping):
        raise ArgError(f"{what} is {type(metadata).__name__}, not a mapping: {brief(metadata)}")


def encode_metadata(metadata: Any, what: str) -> str:
    """Return metadata as JSON text; anything but a mapping of strings to JSON values raises ArgError."""
    check_is_mapping(metadata, what)
    try:
        return encode_json(metadata)
    except ArgError as error:
        raise ArgError(f"{what} is not storable: {error}") from None


def _encode_mapping(value: Any, what: str) -> bytes | None:
    return None if value is None else encode_jsonb(encode_metadata(value, what))
