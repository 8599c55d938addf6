"""The list of a search's matches, and the list of a page of records."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from vecs import Context, Match, Matches, Record, Records, SparseVector
from vecs.exc import MissingDependency

VEC = np.array([1.0, 0.5], np.float32)
PLAIN = Match("a", "naïve", {"n": 1}, "d", 0.5, 0.75)
FULL = Match("b", None, {}, None, None, 1.0, VEC, {"x": 1}, {"price": 2}, 5, Context([], [], "all"), [(0, 2)])
NAMES = ["id", "score", "distance", "text", "metadata", "document_id"]


def test_it_is_a_list_whose_slices_are_such_lists() -> None:
    matches = Matches([PLAIN, FULL])
    assert matches == [PLAIN, FULL]
    assert matches[0] is PLAIN
    assert matches[-1] is FULL
    assert type(matches[:1]) is Matches
    assert matches[::-1] == [FULL, PLAIN]
    for made in (pickle.loads(pickle.dumps(matches)), copy.deepcopy(matches), copy.copy(matches)):
        assert type(made) is Matches
        assert made == matches
    assert repr(matches) == repr([PLAIN, FULL])


def test_frames_have_the_columns_that_matches_have() -> None:
    assert list(Matches([PLAIN]).to_pandas().columns) == NAMES
    frame = Matches([PLAIN, FULL]).to_pandas()
    assert list(frame.columns) == [*NAMES, "vec", "extra", "columns", "group", "context", "highlights"]
    assert frame["score"].tolist() == [0.75, 1.0]
    assert frame["metadata"][0] == {"n": 1}
    assert frame["context"][1] == "all"


def test_an_empty_list_has_the_same_columns_and_types() -> None:
    for make in (Matches.to_pandas, lambda one: one.to_arrow().to_pandas(), lambda one: one.to_polars().to_pandas()):
        empty, one = make(Matches()), make(Matches([PLAIN]))
        assert list(empty.columns) == list(one.columns) == NAMES
        assert dict(empty.dtypes) == dict(one.dtypes)


def test_arrow_and_polars_have_json_for_what_has_no_type() -> None:
    table = Matches([PLAIN, FULL]).to_arrow()
    assert table.to_pylist()[1] == {
        "id": "b",
        "score": 1.0,
        "distance": None,
        "text": None,
        "metadata": "{}",
        "document_id": None,
        "vec": [1.0, 0.5],
        "extra": '{"x":1}',
        "columns": '{"price":2}',
        "group": "5",
        "context": "all",
        "highlights": [[0, 2]],
    }
    assert table.to_pylist()[0]["highlights"] is None
    assert Matches([PLAIN, FULL]).to_polars()["group"].to_list() == [None, "5"]


@pytest.mark.parametrize(
    ("vec", "type"),
    [
        (VEC, "fixed_size_list<item: float>[2]"),
        (np.array([True, False]), "fixed_size_list<item: bool>[2]"),
        (SparseVector(9, [4], [0.5]), "struct<indices: list<item: int32>, values: list<item: float>>"),
    ],
)
def test_vectors_are_of_the_type_that_they_have(vec: Any, type: str) -> None:
    assert str(Matches([Match("a", None, {}, None, 0, 1, vec)]).to_arrow().schema.field("vec").type) == type


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingDependency, match="^polars is not installed: pip install polars$"):
        Matches().to_polars()


def test_a_page_is_a_list_with_a_cursor() -> None:
    page = Records([Record("a")], "next")
    assert page == [Record("a")]
    for made in (pickle.loads(pickle.dumps(page)), copy.deepcopy(page)):
        assert (type(made), made, made.cursor) == (Records, page, "next")
    assert type(page[:1]) is list
    assert Records().cursor is None
