"""Rows on their way to the server."""

from __future__ import annotations

from typing import IO

import pytest

from vecs._sql.binary import COPY_HEADER, COPY_TRAILER, copy_row
from vecs._sql.rows import EncodedRow
from vecs._writing.buffer import RowBuffer, batches
from vecs.exc import DatabaseError, VecsException


def row(id: str, vec: bytes = b"v") -> EncodedRow:
    return (id.encode(), vec, b"\x01{}")


def position(number: int) -> bytes:
    return number.to_bytes(8, "big")


def test_rows_come_back_sorted_by_id_and_the_last_of_each_id() -> None:
    buffer = RowBuffer()
    buffer.extend([(None, row("b")), (None, row("a", b"old")), (None, row("a", b"new"))])
    assert len(buffer) == 3
    assert not buffer.spilled
    assert buffer.sorted_rows() == [row("a", b"new"), row("b")]
    assert list(buffer.copy_data()) == []


def test_rows_with_one_id_are_merged_in_their_order() -> None:
    buffer = RowBuffer()
    buffer.extend([(None, row("a", vec)) for vec in (b"1", b"2", b"3")] + [(None, row("b", b"4"))])

    def merge(former: EncodedRow, later: EncodedRow) -> EncodedRow:
        return (former[0], (former[1] or b"") + (later[1] or b""), former[2])

    assert buffer.sorted_rows(merge=merge) == [row("a", b"123"), row("b", b"4")]


def test_rows_are_sorted_as_the_numbers_that_their_ids_are() -> None:
    buffer = RowBuffer()
    buffer.extend([(None, row(id)) for id in ("10", "9", "-1", "9")])
    assert buffer.sorted_rows(by_number=True) == [row("-1"), row("9"), row("10")]


def test_chunks_of_an_older_version_of_a_document_are_left_out() -> None:
    buffer = RowBuffer()
    buffer.begin_documents(["doc"])
    buffer.extend([("doc", row("doc#000")), ("doc", row("doc#001")), ("other", row("other#000"))])
    buffer.begin_documents(["doc"])
    buffer.extend([("doc", row("doc#000", b"new"))])
    assert buffer.documents == {"doc": 3}
    assert buffer.superseded == {"doc": 3}
    assert buffer.sorted_rows() == [row("doc#000", b"new"), row("other#000")]


def test_many_rows_go_into_a_file_as_they_came() -> None:
    buffer = RowBuffer(memory=1000)
    buffer.extend([(None, row("b")), (None, row("a")), (None, row("a"))])
    assert buffer.spilled
    buffer.extend([(None, row("c"))])
    buffer.finish()
    expected = b"".join(copy_row((position(number), *row(id))) for number, id in enumerate("baac"))
    assert b"".join(buffer.copy_data()) == COPY_HEADER + expected + COPY_TRAILER
    buffer.close()


def test_few_rows_are_not_finished_into_a_file() -> None:
    buffer = RowBuffer()
    buffer.extend([(None, row("a"))])
    buffer.finish()
    assert not buffer.spilled


def test_a_closed_buffer_makes_no_file_for_a_late_thread() -> None:
    buffer = RowBuffer(memory=1)
    buffer.close()
    buffer.extend([(None, row("a"))])
    assert not buffer.spilled


@pytest.mark.parametrize("count", [1, 450, 1000, 2500])
def test_rows_in_memory_are_written_in_portions(count: int) -> None:
    rows = [row(str(number)) for number in range(count)]
    portions = list(batches(rows))
    assert [each for portion in portions for each in portion] == rows
    assert [len(portion) for portion in portions] == [1000] * (count // 1000) + [count % 1000] * (count % 1000 > 0)


def test_a_portion_has_no_more_bytes_than_are_fast_but_one_row_at_least() -> None:
    rows = [row(str(number), b"v" * size) for number, size in enumerate([3 * 2**20, 2**19, 2**20, 5 * 2**20, 1])]
    assert [len(portion) for portion in batches(rows)] == [2, 1, 1, 1]


def test_full_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> IO[bytes]:
        return open("/dev/full", "wb")

    monkeypatch.setattr("vecs._writing.buffer.TemporaryFile", full)
    monkeypatch.setattr("tempfile.tempdir", "/somewhere")
    buffer = RowBuffer(memory=1)
    with pytest.raises(VecsException, match=r"/somewhere: No space left on device; make room there"):
        buffer.extend([(None, row("a"))])
    buffer.close()


def test_missing_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at all")
    buffer = RowBuffer(memory=1)
    with pytest.raises(VecsException, match=r"/nowhere/at all: No such file or directory"):
        buffer.extend([(None, row("a"))])
    buffer.close()


def test_rows_in_memory_are_changed_and_those_in_a_file_refused() -> None:
    kept, spilled = RowBuffer(), RowBuffer(memory=0)
    for buffer in (kept, spilled):
        buffer.extend([(None, (b"a", b"1"))])
    kept.change(lambda row: (*row, b"2"))
    assert kept.sorted_rows() == [(b"a", b"1", b"2")]
    with pytest.raises(DatabaseError, match="nothing of them was written: call upsert again"):
        spilled.change(lambda row: row)
    spilled.close()
