"""What is said of columns that new rows need, without a server."""

from __future__ import annotations

from dataclasses import replace

from vecs._sql.extension import Extension
from vecs._sql.mapped import Mapped
from vecs._sql.tables import Table
from vecs._writing.attached import needed_columns
from vecs.columns import ColumnType, TableColumn
from vecs.exc import DatabaseError

KEY = TableColumn("k", ColumnType("text", "pg_catalog", "text"), "text", "c1")
NEEDED = replace(KEY, name="need", needed=True)
PLAIN = Table("s", "t", 2, Extension("public", (0, 8, 5), 1))
ATTACHED = replace(PLAIN, mapped=Mapped(KEY, {}, (), (KEY, NEEDED), attached=True, shown="s.t"))
NULL = DatabaseError("null value in column", "23502")


def test_columns_that_a_new_row_needs_are_named() -> None:
    assert "declare columns=['need']" in (needed_columns(ATTACHED, NULL) or "")
    declared = replace(ATTACHED, mapped=Mapped(KEY, {}, (NEEDED,), (KEY, NEEDED), attached=True, shown="s.t"))
    assert needed_columns(declared, NULL) == "a new row of s.t needs this value"


def test_of_other_errors_nothing_is_said() -> None:
    assert needed_columns(PLAIN, NULL) is None
    assert needed_columns(ATTACHED, DatabaseError("no", "42501")) is None
