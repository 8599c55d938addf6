"""
What a row was made from, as the hash that is stored with it.

A hash has four parts and a number: of what was given (`input`), of what was embedded (`made`), of text and vector as
they were stored (`seal`), of the rest of the row (`rest`); and how many rows were made from the same input. The first
two begin with the transform. A row that somebody changed, by SQL or by an older version of vecs, no longer fits its
hash, and counts as unknown. So nothing has to keep hashes up to date, such as a trigger.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple, cast

from vecs._checks.shown import brief
from vecs._sql.hashes import StoredRow
from vecs._sql.rows import EncodedRow, encode_metadata
from vecs.records import Record
from vecs.transforms import APIEmbedding, Embedding, ImageEmbedding, TextEmbedding, Transform, describe
from vecs.transforms._chunker import embedded_text
from vecs.transforms._pipeline import steps_of

# Changes when hashes are made otherwise, so that those of earlier versions fit nothing.
_VERSION = "1"
# 96 bits as base64.
_PART = 16
_UNKNOWN = "-" * _PART
# What of a description changes no vector and no chunk.
_NEUTRAL = frozenset(
    (
        *("batch_size", "backend", "retries", "timeout", "base_url", "api_key_env"),
        *("query_prompt", "query_prompt_name", "query_body"),
    )
)
_EMBEDDERS = (APIEmbedding, Embedding, ImageEmbedding, TextEmbedding)


class Parts(NamedTuple):
    """A hash as it is stored, taken apart."""

    input: str
    made: str
    seal: str
    rest: str
    rows: str


def read_hash(hash: str | None) -> Parts | None:
    """Take a stored hash apart; None if it is none, which anybody may have written."""
    if hash is None or len(hash) <= 4 * _PART:
        return None
    return Parts._make((*(hash[start : start + _PART] for start in range(0, 4 * _PART, _PART)), hash[4 * _PART :]))


class Fingerprint(NamedTuple):
    """What of a transform decides on rows: all its steps, and the embedder alone if it embeds text by itself."""

    steps: str
    embedder: str | None


def fingerprint(transform: Transform) -> Fingerprint:
    """Return the fingerprint of a transform, by its description."""
    last = steps_of(transform)[-1]
    # A subclass of the caller's may do something else.
    own = isinstance(last, _EMBEDDERS) and type(last).__module__.startswith("vecs.")
    return Fingerprint(_of_description(describe(transform)), _of_description(describe(last)) if own else None)


def _of_description(config: Mapping[str, Any]) -> str:
    return _digest(_VERSION, json.dumps(_essential(config), sort_keys=True, default=repr))


def _essential(config: Any) -> Any:
    """Return what changes vectors or chunks: of vecs' own steps, not how they are run."""
    if isinstance(config, list | tuple):
        return [_essential(each) for each in cast("Sequence[Any]", config)]
    if not isinstance(config, Mapping):
        return config
    described = cast("Mapping[str, Any]", config)
    kept = {key: _essential(value) for key, value in described.items() if value is not None}
    if "." in str(described.get("class", ".")):
        # Somebody's own class: whatever it says may matter.
        return kept
    if isinstance(kept.get("model"), str):
        kept["model"] = kept["model"].removeprefix("sentence-transformers/").removesuffix(":latest")
    return {key: value for key, value in kept.items() if key not in _NEUTRAL}


class BatchHashes:
    """The hashes of the rows that a transform makes of one batch of records."""

    def __init__(self, print: Fingerprint, given: Sequence[Record]) -> None:
        self._print = print
        # By the ids of records that are to be embedded. The others have vectors, of which nothing is known.
        self._to_embed = {str(record.id): record for record in given if record.vec is None}
        self._inputs: dict[str, str | None] = {}
        self._as_given = {str(record.id) for record in given if record.vec is not None}
        self._made: dict[str, str] = {}
        self._rows: Counter[str] = Counter()

    def made(self, record: Record) -> str | None:
        """Return the hash of what is about to be embedded, and remember it; None if it is no text."""
        text = embedded_text(record)
        if self._print.embedder is None or not isinstance(text, str) or record.vec is not None:
            return None
        made = self._made[str(record.id)] = _digest(self._print.embedder, text)
        return made

    def count(self, made: Iterable[Record]) -> None:
        """Count the rows of each record that was given, after all was checked."""
        self._inputs = {id: input_hash(self._print, record) for id, record in self._to_embed.items()}
        owners = (self._owner(str(record.id), record.document_id) for record in made)
        self._rows.update(owner for owner in owners if owner is not None)

    def _owner(self, id: str, document: Any) -> str | None:
        if id in self._as_given:
            return None
        if id in self._to_embed:
            return id
        return str(document) if document is not None and str(document) in self._to_embed else None

    def of_row(self, row: EncodedRow) -> bytes | None:
        """Return the hash of a row of a text collection; None if its vector was given."""
        id, vec, metadata, text, document, extra = row[:6]
        key = (id or b"").decode()
        owner = self._owner(key, None if document is None else document.decode())
        if owner is None:
            return None
        made = self._made.get(key, _UNKNOWN)
        input = self._inputs[owner] or _UNKNOWN
        # jsonb in binary form has its version before the JSON.
        rest = _rest((metadata or b"").decode()[1:], None if extra is None else extra.decode()[1:], document)
        parts = (input, made, _seal(made, _sha(text), _sha(vec) or b""), rest or _UNKNOWN, str(self._rows[owner]))
        return "".join(parts).encode()


def input_hash(print: Fingerprint, record: Record) -> str | None:
    """Return the hash of a record as it was given; None if what it has is no text."""
    text, media = record.text, record.media
    if not isinstance(media, str | None) or not isinstance(cast("Any", text), str | None):
        return None
    who = f"record {brief(record.id)}"
    metadata = encode_metadata({} if record.metadata is None else record.metadata, f"{who}: metadata")
    extra = None if record.extra is None else encode_metadata(record.extra, f"{who}: extra")
    document = None if record.document_id is None else str(record.document_id)
    return _digest(print.steps, text, media, _canonical(metadata), _canonical(extra), document)


class Stored:
    """What is stored of a batch of records, before they are written."""

    def __init__(self, rows: Sequence[StoredRow], *, by_document: bool) -> None:
        self._by_id = {row.id: row for row in rows}
        self._by_document: dict[str, list[StoredRow]] = {}
        for row in rows:
            owner = row.document_id if by_document and row.document_id is not None else row.id
            self._by_document.setdefault(owner, []).append(row)
        # The rows whose text and vector are as they were stored, by what was embedded.
        self.vectors: dict[str, StoredRow] = {}
        for row in rows:
            parts = read_hash(row.hash)
            if parts is not None and parts.made != _UNKNOWN and parts.seal == _seal(parts.made, row.text, row.vec):
                self.vectors[parts.made] = row

    def _rows_of(self, record: Record) -> list[StoredRow]:
        id = str(record.id)
        if record.document_id is None:
            return self._by_document.get(id, [])
        return [self._by_id[id]] if id in self._by_id else []

    def is_made_from(self, print: Fingerprint, record: Record) -> bool:
        """Whether the rows of a record are there, as this transform made them of the very same record."""
        wanted = input_hash(print, record)
        rows = self._rows_of(record)
        return wanted is not None and bool(rows) and all(_is_intact(row, wanted, len(rows)) for row in rows)

    def has(self, record: Record, row: EncodedRow) -> bool:
        """Whether a record with a vector is stored as it is, alone; the row is that of the record."""
        found = self._rows_of(record)
        if len(found) != 1 or found[0].id != str(record.id):
            return False
        stored, (_, vec, metadata, *others) = found[0], row
        text, document, extra = (*others, None, None, None)[:3]
        given = _rest((metadata or b"").decode()[1:], None if extra is None else extra.decode()[1:], document)
        own = None if stored.document_id is None else stored.document_id.encode()
        return (stored.text, stored.vec) == (_sha(text), _sha(vec)) and given == _rest(
            stored.metadata, stored.extra, own
        )


def is_same_vector(row: StoredRow, vec: bytes | None) -> bool:
    """Whether a vector in binary form is the one that a row had when it was read."""
    return vec is not None and _sha(vec) == row.vec


def _is_intact(row: StoredRow, input: str, count: int) -> bool:
    parts = read_hash(row.hash)
    if parts is None or parts.input != input or parts.rows != str(count):
        return False
    own = None if row.document_id is None else row.document_id.encode()
    return parts.seal == _seal(parts.made, row.text, row.vec) and parts.rest == _rest(row.metadata, row.extra, own)


def _rest(metadata: str, extra: str | None, document: bytes | None) -> str | None:
    try:
        return _digest(_canonical(metadata), _canonical(extra), None if document is None else document.decode())
    except (ValueError, RecursionError):
        # Of JSON that Python cannot hold; somebody else wrote it.
        return None


def _seal(made: str, text: bytes | None, vec: bytes) -> str:
    return _digest(made, None if text is None else text.hex(), vec.hex())


def _sha(value: bytes | None) -> bytes | None:
    return None if value is None else sha256(value).digest()


def _canonical(encoded: str | None) -> str | None:
    """Return JSON as it is whether or not it went through jsonb, which sorts keys and writes numbers in its own way."""
    if encoded is None or encoded == "{}":
        return encoded
    return json.dumps(json.loads(encoded, parse_float=_number), sort_keys=True)


def _number(digits: str) -> str:
    # No string of jsonb has this character.
    return f"\0{Decimal(digits).normalize()}"


def _digest(*parts: str | None) -> str:
    """Return a hash of some texts; it tells None from an empty one, and where each one ends."""
    made = sha256()
    for part in parts:
        if part is None:
            made.update(b"-")
            continue
        encoded = part.encode()
        made.update(b"%d:" % len(encoded))
        made.update(encoded)
    return urlsafe_b64encode(made.digest()[:12]).decode()
