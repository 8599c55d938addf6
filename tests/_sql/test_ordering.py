"""Statements for pages in the order of a key."""

from __future__ import annotations

from dataclasses import replace

from vecs._sql.answers import Columns
from vecs._sql.extension import Extension
from vecs._sql.keyed import Keyed
from vecs._sql.ordering import Order, Place, Stretch, select_ordered
from vecs._sql.selection import EVERYTHING
from vecs._sql.tables import Table
from vecs.columns import ColumnType, TableColumn

TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1))


def test_texts_of_an_extension_are_compared_as_they_are_sorted() -> None:
    column = TableColumn("word", ColumnType("text", "ext", "citext"), "citext", "word")
    order = Order(Keyed("$word", column), descending=True)
    table = replace(TABLE, extras=(column,))
    statement, values = select_ordered(table, Columns(), EVERYTHING, order, Stretch(Place("A", "1"), 5)).render()
    assert b'"word" operator("ext".<=) $1::"ext"."citext" and ("word" operator("ext".<) ' in statement
    assert values == ["A", "1", 5]
