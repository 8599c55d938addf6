"""Records as data frames."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vecs import Record, SparseVector
from vecs._reports.frames import to_arrow, to_pandas
from vecs.exc import MissingDependency

VEC = np.array([1.0, 0.5], np.float32)
RECORDS = [Record("a", VEC, "text", {"k": [1]}, "doc"), Record("b", VEC)]


def test_a_frame_has_a_column_for_each_part_of_a_record() -> None:
    frame = to_pandas(RECORDS)
    assert list(frame.columns) == ["id", "vec", "text", "metadata", "document_id"]
    assert frame["metadata"][0] == {"k": [1]}
    assert frame["vec"][1] is VEC


def test_an_arrow_table_has_metadata_as_json() -> None:
    table = to_arrow(RECORDS, 2, "vector")
    assert table.column("metadata").to_pylist() == ['{"k":[1]}', "{}"]
    assert table.column("vec").to_pylist() == [[1.0, 0.5], [1.0, 0.5]]
    assert str(table.schema.field("vec").type) == "fixed_size_list<item: float>[2]"


def test_an_arrow_table_has_bits_as_booleans() -> None:
    table = to_arrow([Record("a", np.array([True, False]))], 2, "bit")
    assert table.column("vec").to_pylist() == [[True, False]]


def test_an_arrow_table_has_sparse_vectors_as_indices_and_values() -> None:
    table = to_arrow([Record("a", SparseVector(9, [4], [0.5])), Record("b")], 9, "sparsevec")
    assert table.column("vec").to_pylist() == [{"indices": [4], "values": [0.5]}, None]


def test_vectors_without_a_dimension_may_differ_in_length() -> None:
    assert str(to_arrow([], None, "halfvec").schema.field("vec").type) == "list<item: float>"


@pytest.mark.parametrize(
    ("make", "module"), [(to_pandas, "pandas"), (lambda records: to_arrow(records, 2, "vector"), "pyarrow")]
)
def test_what_is_not_installed_names_the_extra(
    make: Callable[[Any], Any], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=rf"^{module} is not installed: pip install 'vecs\[data\]'$"):
        make(RECORDS)
