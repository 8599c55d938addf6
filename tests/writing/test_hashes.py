"""What a row was made from: which changes a hash sees, and which it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import pytest

from vecs._sql.hashes import StoredRow
from vecs._writing.hashes import BatchHashes, Fingerprint, Stored, fingerprint, is_same_vector, read_hash
from vecs.records import Record
from vecs.transforms import (
    APIEmbedding,
    Embedding,
    MarkdownChunker,
    NoOp,
    ParagraphChunker,
    Pipeline,
    TextEmbedding,
    TextPreprocessor,
    Transform,
)

PRINT = Fingerprint("steps", "embedder")
VEC = b"\0\3a vector"
Change = Callable[[StoredRow], StoredRow]


def embed(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0] for _ in texts]


def sha(value: bytes) -> bytes:
    return sha256(value).digest()


def stored(given: Record, made: Sequence[Record], print: Fingerprint = PRINT) -> list[StoredRow]:
    """Rows as a server answers, of records that were made from one."""
    batch = BatchHashes(print, [given])
    for record in made:
        batch.made(record)
    batch.count(made)
    rows: list[StoredRow] = []
    for record in made:
        text, document = (None if each is None else str(each).encode() for each in (record.text, record.document_id))
        hash = batch.of_row((str(record.id).encode(), VEC, b'\x01{"a":1.50}', text, document, b"\x01{}", None))
        own = None if document is None else document.decode()
        of_text = None if text is None else sha(text)
        rows.append(StoredRow(str(record.id), own, hash and hash.decode(), of_text, sha(VEC), '{"a": 1.5}', "{}"))
    return rows


GIVEN = Record("d", text="one two", metadata={"a": 1.5})
CHUNKS = [Record(f"d#{n}", text=text, document_id="d") for n, text in enumerate(["one", "two"])]


@pytest.mark.parametrize(
    ("change", "intact"),
    [
        (lambda row: row, True),
        (lambda row: row._replace(metadata='{"a": 1.50}'), True),
        (lambda row: row._replace(metadata='{"a": 1.6}'), False),
        (lambda row: row._replace(metadata='{"a": 1}'), False),
        (lambda row: row._replace(metadata="[" * 100_000), False),
        (lambda row: row._replace(extra=None), False),
        (lambda row: row._replace(document_id=None), False),
        (lambda row: row._replace(text=sha(b"other")), False),
        (lambda row: row._replace(text=None), False),
        (lambda row: row._replace(vec=sha(b"other")), False),
        (lambda row: row._replace(hash=None), False),
        (lambda row: row._replace(hash="short"), False),
        (lambda row: row._replace(hash="x" * 80), False),
        (lambda row: row._replace(hash=row.hash + "0"), False),
    ],
)
def test_a_document_is_unchanged_only_while_each_of_its_rows_is(change: Change, intact: bool) -> None:
    rows = stored(GIVEN, CHUNKS)
    changed = Stored([rows[0], change(rows[1])], by_document=True)
    assert changed.is_made_from(PRINT, GIVEN) is intact


@pytest.mark.parametrize(
    "given",
    [
        replace(GIVEN, text="one"),
        replace(GIVEN, media="one two"),
        replace(GIVEN, media=b"an image"),
        replace(GIVEN, text=cast("Any", 7)),
        replace(GIVEN, metadata={"a": 1}),
        replace(GIVEN, metadata={}),
        replace(GIVEN, extra={}),
        replace(GIVEN, id="e"),
        replace(GIVEN, document_id="d"),
    ],
)
def test_another_record_is_not_what_is_stored(given: Record) -> None:
    assert not Stored(stored(GIVEN, CHUNKS), by_document=True).is_made_from(PRINT, given)


def test_the_number_of_rows_counts() -> None:
    rows = stored(GIVEN, CHUNKS)
    for found in ([], rows[:1], [*rows, rows[1]._replace(id="d#2")]):
        assert not Stored(found, by_document=True).is_made_from(PRINT, GIVEN)


def test_a_record_of_another_document_is_found_by_its_id() -> None:
    given = Record("a", text="text", metadata={"a": 1.5}, document_id="d", extra={})
    rows = stored(given, [given])
    for by_document in (False, True):
        assert Stored(rows, by_document=by_document).is_made_from(PRINT, given)
        assert not Stored([], by_document=by_document).is_made_from(PRINT, given)


def test_vectors_are_known_by_what_was_embedded_while_text_and_vector_are_as_they_were() -> None:
    rows = stored(GIVEN, CHUNKS)
    batch = BatchHashes(PRINT, [GIVEN])
    key = batch.made(Record("d#7", text="two"))
    moved = rows[1]._replace(id="d#9", metadata="{}")
    assert key is not None
    assert Stored([rows[0], moved], by_document=True).vectors[key] == moved
    for other in (rows[1]._replace(text=sha(b"2")), rows[1]._replace(vec=sha(b"2")), rows[1]._replace(hash=None)):
        assert key not in Stored([other], by_document=True).vectors
    other: Any = 7
    assert batch.made(Record("x", media=b"an image")) is None
    assert batch.made(Record("x", text=other)) is None
    assert batch.made(Record("x", [1.0], "two")) is None
    assert batch.made(Record("x", text="title\n\ntwo", media="two")) == key
    assert is_same_vector(rows[0], VEC)
    assert not is_same_vector(rows[0], b"other")
    assert not is_same_vector(rows[0], None)


def test_rows_of_steps_that_embed_in_their_own_way_lend_no_vectors() -> None:
    opaque = Fingerprint("steps", None)
    rows = stored(GIVEN, CHUNKS, opaque)
    assert Stored(rows, by_document=True).vectors == {}
    assert Stored(rows, by_document=True).is_made_from(opaque, GIVEN)


def test_rows_whose_vector_was_given_or_whose_origin_is_unknown_have_no_hash() -> None:
    given = Record("v", [1.0], "text", document_id="d")
    batch = BatchHashes(PRINT, [GIVEN, given, Record("m", media=b"image")])
    batch.count([*CHUNKS, given, Record("renamed"), Record("m")])
    assert batch.of_row((b"v", VEC, b"\x01{}", b"text", b"d", None, None)) is None
    assert batch.of_row((b"renamed", VEC, b"\x01{}", b"text", None, None, None)) is None
    assert batch.of_row((b"renamed", VEC, b"\x01{}", b"text", b"elsewhere", None, None)) is None
    [parts] = [read_hash((batch.of_row((b"m", VEC, b"\x01{}", None, None, None, None)) or b"").decode())]
    assert parts is not None
    assert (parts.input, parts.made, parts.rows) == ("-" * 16, "-" * 16, "1")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda row: row, True),
        (lambda row: row._replace(hash="anything"), True),
        (lambda row: row._replace(id="w"), False),
        (lambda row: row._replace(text=None), False),
        (lambda row: row._replace(vec=sha(b"2")), False),
        (lambda row: row._replace(metadata="{}"), False),
        (lambda row: row._replace(extra="{}"), False),
        (lambda row: row._replace(document_id=None), False),
    ],
)
def test_records_with_vectors_are_compared_by_value(change: Change, same: bool) -> None:
    row = StoredRow("v", "v", None, sha(b"text"), sha(VEC), '{"a": 1.50}', None)
    given = (b"v", VEC, b'\x01{"a":1.5}', b"text", b"v", None, None)
    assert Stored([change(row)], by_document=True).has(Record("v", [1.0], "text"), given) is same
    both = [row, row._replace(id="v#1")]
    assert not Stored(both, by_document=True).has(Record("v", [1.0]), given)


def test_records_of_vector_collections_are_compared_by_value() -> None:
    row = StoredRow("v", None, None, None, sha(VEC), "{}", None)
    assert Stored([row], by_document=False).has(Record("v", [1.0]), (b"v", VEC, b"\x01{}"))
    assert not Stored([row], by_document=False).has(Record("v", [1.0]), (b"v", VEC, b'\x01{"a":1}'))


class Own(Embedding):
    """A subclass of somebody's, which may do anything."""


class Bare:
    """A step without a description."""

    dimension = 1

    def transform_records(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def transform_query(self, query: Any) -> Any:
        return query


MODEL: Transform = TextEmbedding("all-MiniLM-L6-v2")


@pytest.mark.parametrize(
    ("left", "right", "steps", "embedder"),
    [
        (MODEL, TextEmbedding("sentence-transformers/all-MiniLM-L6-v2", batch_size=7, query_prompt="q"), True, True),
        (MODEL, TextEmbedding("all-MiniLM-L6-v2", document_prompt="passage: "), False, False),
        (MODEL, TextEmbedding("all-MiniLM-L6-v2", truncate_dim=12), False, False),
        (MODEL, TextEmbedding("all-MiniLM-L6-v2", normalize=False), False, False),
        (MODEL, TextEmbedding("all-MiniLM-L6-v2", revision="a" * 40), False, False),
        (TextPreprocessor(), TextPreprocessor(batch_size=3), True, True),
        (TextPreprocessor(), TextPreprocessor(max_tokens=99), False, True),
        (TextPreprocessor(), TextPreprocessor(headings=True), False, True),
        (TextPreprocessor(), MODEL, False, True),
        (Pipeline([ParagraphChunker(), MODEL]), Pipeline([MarkdownChunker(), MODEL]), False, True),
        (Embedding(embed, 1, name="a"), Embedding(embed, 1, name="b"), False, False),
        (
            APIEmbedding("text-embedding-3-small", base_url="http://localhost:1/v1"),
            APIEmbedding("text-embedding-3-small", base_url="http://localhost:2/v1", retries=3),
            True,
            True,
        ),
    ],
)
def test_what_changes_vectors_is_part_of_the_fingerprint(
    left: Transform, right: Transform, steps: bool, embedder: bool
) -> None:
    one, other = fingerprint(left), fingerprint(right)
    assert None not in (one.embedder, other.embedder)
    assert (one.steps == other.steps, one.embedder == other.embedder) == (steps, embedder)


@pytest.mark.parametrize("transform", [Own(embed, 1), Bare(), NoOp(1), Pipeline([Embedding(embed, 1), Bare()])])
def test_steps_of_others_are_compared_as_a_whole(transform: Any) -> None:
    found = fingerprint(transform)
    assert found.embedder is None
    assert found == fingerprint(transform)
