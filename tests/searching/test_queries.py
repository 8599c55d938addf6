"""What may be searched for, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from vecs._searching.queries import check_query, checked_queries, without_query
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError

PLAIN = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1))
TEXTS = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), has_text=True, language="english")


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        ("word", "iterable of queries, not 'word'"),
        (b"ab", "iterable of queries, not b'ab'"),
        ({"a": [1, 2]}, "iterable of queries, not {'a'"),
        (5, "iterable of queries, not 5"),
        (pandas.DataFrame({"vec": [1]}), r"not a DataFrame.*give one column"),
    ],
)
def test_what_is_no_list_of_queries_is_refused(queries: Any, told: str) -> None:
    with pytest.raises(ArgError, match=told):
        checked_queries(queries)


@pytest.mark.parametrize("queries", [[[1, 2]], np.ones((2, 2)), pandas.Series([[1, 2]]), iter([])])
def test_any_iterable_of_queries_will_do(queries: Any) -> None:
    assert checked_queries(queries) is queries


@pytest.mark.parametrize(
    ("query", "table", "told"),
    [
        (None, PLAIN, r"is None; give a vector, or .*get\(limit=10\)"),
        (5, PLAIN, "one number, 5; a vector is a list of 2 numbers, and search_many"),
        (np.float32(1), PLAIN, "one number"),
        (np.ones(()), PLAIN, "one number"),
        ("word", PLAIN, "open the collection with transform=, or give a vector$"),
        ("word", TEXTS, 'or give a vector, or search for its words with mode="keyword"$'),
        (b"word", TEXTS, "or give a vector$"),
    ],
)
def test_what_is_no_query_is_told_with_what_to_do(query: Any, table: Table, told: str) -> None:
    with pytest.raises(ArgError, match=told):
        check_query(query, table, False, None)


def test_a_transform_may_take_anything_but_nothing() -> None:
    check_query(5, PLAIN, True, None)
    with pytest.raises(ArgError, match="give a text or a vector"):
        check_query(None, PLAIN, True, None)
    for transforms in (True, False):
        with pytest.raises(ArgError, match=r"a list of texts, \['x'\]; search\(\) takes one, search_many\(\) several"):
            check_query(["x"], PLAIN, transforms, None)


@pytest.mark.parametrize("query", [[1, 2], np.ones(2), np.ones((1, 1, 2)), np.ones((3, 2))])
def test_vectors_and_arrays_of_a_wrong_shape_are_for_the_check_of_vectors(query: Any) -> None:
    check_query(query, PLAIN, False, None)


def test_why_there_is_no_transform_is_told() -> None:
    with pytest.raises(ArgError, match="; pass it$"):
        check_query("word", PLAIN, False, "pass it")


def test_a_search_without_a_query_is_told_where_its_text_belongs() -> None:
    assert "Write the text first, search('oil', ...)" in without_query("oil")
    assert "give a text or a vector" in without_query(None)
