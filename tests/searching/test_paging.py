"""Pages in the order of a key, sums of its values, and keys that are refused, without a server."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest

from vecs._searching.paging import (
    check_pages,
    checked_order,
    indexed_type,
    likely_type,
    needs_type,
    read_cursor,
    written_cursor,
)
from vecs._searching.summing import chosen_stats
from vecs._sql.extension import Extension
from vecs._sql.indexes import IndexInfo
from vecs._sql.ordering import Order, Place
from vecs._sql.selection import EVERYTHING, Selection
from vecs._sql.summaries import BothStats, Stats, read_sums
from vecs._sql.tables import Table
from vecs.columns import ColumnKind, ColumnType, TableColumn
from vecs.exc import ArgError


def column(name: str, kind: ColumnKind) -> TableColumn:
    return TableColumn(name, ColumnType(kind, "pg_catalog", kind), kind, name)


EXTRAS = (column("price", "numeric"), column("blob", "other"))
TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), has_text=True, language="english", extras=EXTRAS)


@pytest.mark.parametrize(
    ("order_by", "key", "descending"),
    [
        (None, "$id", False),
        ("year", "year", False),
        ("-year", "year", True),
        ("+-year", "-year", False),
        ("-$id", "$id", True),
        ("$price", "$price", False),
        ("a.b", "a.b", False),
    ],
)
def test_an_order_is_a_key_with_a_sign(order_by: Any, key: str, descending: bool) -> None:
    order = checked_order(order_by, TABLE)
    assert (order.keyed.key, order.descending) == (key, descending)
    assert needs_type(order) is not key.startswith("$")


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        (5, "order_by must be a metadata key such as 'published' or '-published', not 5"),
        ("", "order_by must be a metadata key or one of '\\$id'"),
        ("-", "order_by must be a metadata key or one of '\\$id'"),
        ("$text", "texts are not sorted by"),
        ("$no", "unknown column '\\$no' for order_by"),
        ("$blob", "order_by='\\$blob': column 'blob' is other, which has no order"),
    ],
)
def test_what_has_no_order_is_refused(order_by: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        checked_order(order_by, TABLE)


def test_pages_are_not_counted_and_need_an_order_of_their_own() -> None:
    check_pages("year", 0, Selection(["a"]))
    check_pages(None, 0, EVERYTHING)
    with pytest.raises(ArgError, match="offset=3 does not go with order_by= and after=; give the cursor"):
        check_pages("year", 3, EVERYTHING)
    with pytest.raises(ArgError, match="after= needs order_by= where ids are given"):
        check_pages(None, 0, Selection(["a"]))


def index(key: str, key_type: Any, valid: bool = True) -> IndexInfo:
    return IndexInfo("i", "btree", None, None, {}, valid, False, 0, "", key=key, key_type=key_type)


def test_the_index_of_a_key_tells_the_type_of_its_values() -> None:
    known = [index("year", "number"), index("other", "string"), index("both", "string"), index("both", "number")]
    assert indexed_type(known, "year") == "number"
    assert indexed_type(known, "both") is None
    assert indexed_type(known, "none") is None
    assert indexed_type([index("year", "number", False)], "year") is None


def test_without_an_index_the_values_tell_it() -> None:
    assert likely_type(["string", "null"]) == "string"
    assert likely_type(["null", "number", "string"]) == "number"
    assert likely_type([]) == "number"


YEAR = replace(checked_order("-year", TABLE), type="number")


@pytest.mark.parametrize(
    ("order", "place"),
    [
        (YEAR, Place("1.50", "naïve 文 \x7f")),
        (YEAR, Place(None, "a")),
        (checked_order(None, TABLE), Place(None, "a")),
        (checked_order("$price", TABLE), Place("1", "a")),
    ],
)
def test_a_cursor_is_printable_and_tells_the_place(order: Order, place: Place) -> None:
    cursor = written_cursor(order, place)
    assert cursor.isascii()
    assert cursor.replace("-", "a").replace("_", "a").isalnum()
    assert read_cursor(cursor, order) == (order.type, place)


def made(*parts: Any) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "after",
    [
        5,
        b"x",
        "",
        "text",
        "é",
        made(),
        made(1, None, None, "a"),
        made("-year", "other", None, "a"),
        made("-year", "number", 5, "a"),
        made("-year", "number", None, 5),
        urlsafe_b64encode(b"{}").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(after: Any) -> None:
    with pytest.raises(
        ArgError, match=r"^after= takes the cursor of a page, as `page.cursor` of what get\(\) returned"
    ):
        read_cursor(after, YEAR)


def test_the_cursor_of_another_order_is_refused() -> None:
    for order in (checked_order("year", TABLE), checked_order(None, TABLE)):
        with pytest.raises(ArgError, match="after= is a cursor of order_by='-year', and this is order_by="):
            read_cursor(written_cursor(YEAR, Place("1", "a")), order)
    with pytest.raises(ArgError, match="after= is a cursor of"):
        read_cursor(made("-year", None, None, "a"), YEAR)
    with pytest.raises(ArgError, match="the cursor after= is not storable: it has a NUL"):
        read_cursor(made("-year", "number", "1", "a\0"), YEAR)


NUMBERS, STRINGS, NONE = Stats(2, 1, 3, 2.0), Stats(1, "a", "a", None), Stats(0, None, None, None)


def test_sums_are_those_of_the_type_that_there_is() -> None:
    assert chosen_stats(BothStats(NUMBERS, NONE), "k", None, of_column=False) is NUMBERS
    assert chosen_stats(BothStats(NONE, STRINGS), "k", None, of_column=True) is STRINGS
    assert chosen_stats(BothStats(NONE, NONE), "k", None, of_column=False) is NONE
    assert chosen_stats(BothStats(NUMBERS, STRINGS), "k", "string", of_column=False) is STRINGS
    assert chosen_stats(BothStats(NUMBERS, STRINGS), "k", "number", of_column=False) is NUMBERS


def test_sums_of_both_types_are_refused() -> None:
    with pytest.raises(ArgError, match="'k' has 2 numbers and 1 strings; say which: type='number' or type='string'"):
        chosen_stats(BothStats(NUMBERS, STRINGS), "k", None, of_column=False)
    with pytest.raises(ArgError, match=r"type='number' is for keys of metadata, and '\$k' is a column"):
        chosen_stats(BothStats(NUMBERS, NONE), "$k", "number", of_column=True)


def test_the_mean_of_numbers_beyond_floats_is_whole() -> None:
    assert read_sums([(1, 10**400, 10**400, "1" + "0" * 400 + ".0", 0, None, None)]).numbers.mean == 10**400
    assert read_sums([(1, 1, 1, "1.5", 0, None, None)]).numbers.mean == 1.5
