"""Documents and their records, without a server."""

from __future__ import annotations

import copy
import json
import pickle
import random
from typing import Any

import pytest

from vecs import (
    Embedding,
    MarkdownChunker,
    ParagraphChunker,
    Pipeline,
    Record,
    TextEmbedding,
    TextPreprocessor,
    UpsertResult,
)
from vecs._sql.rows import EncodedRow
from vecs._writing.buffer import RowBuffer
from vecs._writing.documents import (
    check_ids,
    check_is_to_split,
    check_new_ids,
    check_not_split,
    check_one_row_each,
    described_may_split,
    ids_found,
    in_order_of,
    may_split,
    portions,
    with_documents,
)
from vecs.adapter import NoOp
from vecs.exc import ArgError
from vecs.transforms import describe

LENGTHS = Embedding(lambda texts: [[float(len(text))] for text in texts], 1)


class Own:
    dimension = 1

    def transform_records(self, records: Any) -> Any:
        return records

    def transform_query(self, query: Any) -> Any:
        return query


@pytest.mark.parametrize(
    ("transform", "splits"),
    [
        (None, False),
        (LENGTHS, False),
        (TextEmbedding("all-MiniLM-L6-v2"), False),
        (Pipeline([NoOp(1), LENGTHS]), False),
        (Pipeline([ParagraphChunker(), LENGTHS]), True),
        (Pipeline([MarkdownChunker(), NoOp(3)]), True),
        (TextPreprocessor("all-MiniLM-L6-v2"), True),
        (Own(), True),
    ],
)
def test_what_may_split_is_known_by_the_transform_and_by_its_description(transform: Any, splits: bool) -> None:
    assert may_split(transform) == splits
    assert described_may_split(None if transform is None else describe(transform)) == splits


@pytest.mark.parametrize("config", ["x", [], {"class": "Pipeline", "steps": ["x"]}])
def test_a_description_that_is_none_splits_nothing(config: Any) -> None:
    assert not described_may_split(config)


def test_chunks_come_as_a_document_reads_and_documents_as_they_were_asked_for() -> None:
    chunks = [Record(f"d#{n:03}", document_id="d") for n in range(1200)]
    others = [Record("e", document_id="e"), Record("f")]
    mixed = [*chunks, *others]
    random.Random(1).shuffle(mixed)
    assert in_order_of(["f", "d", "e", "f"], mixed) == [others[1], *chunks, others[0]]
    assert in_order_of(["d#1100", "x", "d"], mixed)[:2] == [chunks[1100], chunks[0]]
    plain = [Record("a"), Record("b")]
    assert in_order_of(["None", "b", "a"], plain) == plain[::-1]
    # Where ids are of records alone, one may be the document of others.
    grouped = [Record("a", document_id="b"), Record("b", document_id="c"), Record("c")]
    assert in_order_of(["c", "b", "a"], grouped, whole=False) == grouped[::-1]


def test_ids_that_were_given_are_found_by_records_and_documents() -> None:
    assert ids_found(["x", "d", "c", "d"], [("d#1", "d"), ("c", None)]) == ["d", "c"]


def test_portions_hold_all() -> None:
    assert list(portions(["a", "b", "c"], 2)) == [["a", "b"], ["c"]]
    assert list(portions([], 2)) == []


def test_records_that_kept_their_id_are_their_own_documents() -> None:
    given = [Record("a"), Record("b", document_id="c"), Record("d")]
    made = [Record("a"), Record("b", document_id="c"), Record("d#1", document_id="d"), Record("unknown")]
    assert [record.document_id for record in with_documents(made, given)] == ["a", "c", "d", None]


@pytest.mark.parametrize(
    ("made", "refused"),
    [
        ([Record("a", document_id="d"), Record("b", document_id="d")], None),
        ([Record("a", document_id="d"), Record("e#0", document_id="e")], None),
        # A step may leave records out.
        ([Record("a", document_id="d")], None),
        ([Record("a", document_id="d"), Record("b#0", document_id="d")], "'b' has document_id='d'.*'b#0'"),
        ([Record("a", document_id="d"), Record("a#1", document_id="d"), Record("b", document_id="d")], "'a' has"),
    ],
)
def test_a_record_of_another_document_stays_one_record(made: list[Record], refused: str | None) -> None:
    given = [Record("a", document_id="d"), Record("b", document_id="d"), Record("e")]
    if refused is None:
        check_not_split(made, given)
        return
    with pytest.raises(ArgError, match=refused):
        check_not_split(made, given)


def test_a_text_is_split_only_where_the_collection_was_made_so() -> None:
    given, made = [Record("a"), Record("b")], [Record("a"), Record("b#0", document_id="b")]
    one_each = {"class": "Embedding", "name": "m", "dimension": 3}
    for config in (None, {"class": "Pipeline", "steps": [{"class": "ParagraphChunker"}, one_each]}):
        check_is_to_split(made, given, "docs", config)
    check_is_to_split(given, given, "docs", one_each)
    with pytest.raises(ArgError, match="several records of 'b', but collection 'docs' was made with a transform"):
        check_is_to_split(made, given, "docs", one_each)


def test_chunks_are_told_from_those_of_their_document_in_the_same_call() -> None:
    check_not_split([Record("e#0", document_id="e")], [Record("e")])
    given = [Record("c", document_id="e"), Record("e")]
    check_not_split([Record("c", document_id="e"), Record("e#0", document_id="e")], given)
    with pytest.raises(ArgError, match="'c' has document_id='e'"):
        check_not_split([Record("c#0", document_id="e"), Record("e#0", document_id="e")], given)


def row(id: str) -> EncodedRow:
    return (id.encode(), b"v", b"\x01{}")


def test_two_documents_with_one_id_of_a_record_are_refused_before_anything_is_sent() -> None:
    buffer = RowBuffer()
    buffer.extend([("a", row("a#0")), ("b", row("b#0")), ("a", row("a#0"))])
    assert len(buffer.sorted_rows(guarded=True)) == 2
    buffer.extend([("a#0", row("a#0"))])
    with pytest.raises(ArgError, match="'a#0' would overwrite record 'a#0' of document 'a'"):
        buffer.sorted_rows(guarded=True)
    assert len(buffer.sorted_rows()) == 2
    whole = RowBuffer()
    whole.extend([(None, row("a")), ("b", row("a"))])
    # Earlier batches of a call may be stored: the error says nothing of what was written.
    with pytest.raises(ArgError, match=r"record 'a' of document 'b' would overwrite document 'a'\. Give one of them"):
        whole.sorted_rows(guarded=True)


@pytest.mark.parametrize(
    ("rows", "documents"),
    [
        ([(None, "a"), (None, "b")], 2),
        ([("d", "d#0"), ("d", "d#1"), (None, "b"), ("c", "c")], 3),
        ([("d", "x"), ("e", "x")], 1),
    ],
)
def test_documents_are_counted_by_what_is_left(rows: list[tuple[str | None, str]], documents: int) -> None:
    buffer = RowBuffer()
    buffer.extend((document, row(id)) for document, id in rows)
    written = buffer.result(len(buffer.sorted_rows()))
    assert (written, written.documents) == (len({id for _, id in rows}), documents)


def test_documents_in_a_file_are_counted_as_they_came() -> None:
    buffer = RowBuffer(memory=1)
    buffer.extend([("d", row("d#0")), ("d", row("d#1")), (None, row("b"))])
    assert repr(buffer.result(3)) == "UpsertResult(records=3, documents=2)"
    assert buffer.has_chunks
    buffer.close()


def test_a_result_is_an_int_that_says_more() -> None:
    result = UpsertResult(3, 1)
    assert (result, result + 1, f"{result} {result:>3}", json.dumps([result])) == (3, 4, "3   3", "[3]")
    for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert (repr(other), other.records, other.documents) == ("UpsertResult(records=3, documents=1)", 3, 1)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([("b_1", "b_1"), ("b_1", "b")], "record 'b_1' of document 'b' would overwrite document 'b_1'"),
        ([("b_1", "b"), ("b_1", None)], "document 'b_1' would overwrite record 'b_1' of document 'b'"),
        ([("b_1_1", "b_1"), ("b_1", "b")], "'b_1' would be a document and a record of document 'b'"),
        ([("b_1", "b"), ("b_1", "b"), ("c", "c"), ("d", None), ("e_1", None)], None),
    ],
    ids=range(4),
)
def test_an_id_has_one_meaning_among_records(records: list[Any], message: str | None) -> None:
    made = [Record(id, document_id=document) for id, document in records]
    if message is None:
        check_ids(made)
        return
    with pytest.raises(ArgError, match=message):
        check_ids(made)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([("x", "a"), ("x", "a")], "Own gave two records of document 'a' the id 'x'"),
        ([("x", None), ("y", None), ("x", None)], "Own gave two records the id 'x'"),
        ([("x", "a"), ("x", "b")], "document 'b' would overwrite record 'x' of document 'a'"),
        ([("x", "a"), ("y", "a")], None),
        # These were two before.
        ([("b", None), ("b", None), ("x", "a")], None),
    ],
    ids=range(5),
)
def test_a_step_gives_every_record_an_id_of_its_own(made: list[Any], message: str | None) -> None:
    given = [Record("a"), Record("b"), Record("b")]
    records = [Record(id, document_id=document) for id, document in made]
    if message is None:
        check_new_ids(records, given, Own())
        return
    with pytest.raises(ArgError, match=message):
        check_new_ids(records, given, Own())


def test_a_transform_that_splits_is_refused_where_a_row_has_one_id() -> None:
    check_one_row_each(Embedding(len, 2), "t", "attach()")
    with pytest.raises(ArgError, match=r"t has one row per id: give attach\(\) one that only embeds"):
        check_one_row_each(Own(), "t", "attach()")
