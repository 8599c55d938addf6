"""Rows that were encoded for a table and are written to what it has become."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._sql.rows import encode_record, recoder
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Record
from vecs.storage import VecTypeName

TYPES: list[VecTypeName] = ["vector", "halfvec", "bit", "sparsevec"]


def table(vec_type: VecTypeName = "vector", dimension: int = 3, *, text: bool = False) -> Table:
    return Table("vecs", "docs", dimension, Extension("public", (0, 8), 1, 2, 3), text, vec_type=vec_type)


@pytest.mark.parametrize("former", TYPES)
@pytest.mark.parametrize("present", TYPES)
def test_rows_become_those_that_their_records_would_be(former: VecTypeName, present: VecTypeName) -> None:
    record = Record("ä", vec=[1, 0, 1], metadata={"n": 1})
    row = recoder(table(former), table(present, text=True))(encode_record(record, table(former)))
    assert row == encode_record(record, table(present, text=True))


def test_rows_without_text_fit_a_table_that_lost_it_and_those_with_text_are_refused() -> None:
    recode = recoder(table(text=True), table())
    record: Any = Record("a", vec=[1, 2, 3])
    assert recode(encode_record(record, table(text=True))) == encode_record(record, table())
    with pytest.raises(ArgError, match=r"record 'a' has text=, but collection 'docs' has no such column"):
        recode(encode_record(Record("a", vec=[1, 2, 3], text="t"), table(text=True)))


@pytest.mark.parametrize("former", TYPES)
def test_rows_of_another_dimension_are_refused(former: VecTypeName) -> None:
    row = encode_record(Record("a", vec=[1, 0, 1]), table(former))
    with pytest.raises(MismatchedDimension, match="record 'a': vec has dimension 3; collection 'docs' has dimension 4"):
        recoder(table(former), table(former, 4))(row)
