"""Records as data frames."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vecs import Record, SparseVector
from vecs._reports.frames import ArrowForm, PandasColumns, arrow_batch, arrow_schema
from vecs._reports.key_columns import KeyColumn, checked_key_columns, key_column, value_at_key
from vecs.exc import ArgError, DatabaseError, MissingDependency
from vecs.storage import VecTypeName

VEC = np.array([1.0, 0.5], np.float32)
RECORDS = [Record("a", VEC, "text", {"k": [1]}, "doc"), Record("b", VEC)]


def to_pandas(records: Sequence[Record], keys: Sequence[KeyColumn] | None = None) -> Any:
    columns = PandasColumns(keys)
    columns.add(records)
    return columns.frame()


def to_arrow(
    records: Sequence[Record],
    dimension: int | None = 2,
    vec_type: VecTypeName = "vector",
    keys: Sequence[KeyColumn] | None = None,
) -> Any:
    form = ArrowForm(dimension, vec_type, keys)
    return arrow_batch(records, form, arrow_schema(form))


def test_a_frame_has_a_column_for_each_part_of_a_record() -> None:
    frame = to_pandas(RECORDS)
    assert list(frame.columns) == ["id", "vec", "text", "metadata", "document_id"]
    assert frame["metadata"][0] == {"k": [1]}
    assert frame["vec"][1] is VEC


def test_an_arrow_table_has_metadata_as_json() -> None:
    table = to_arrow(RECORDS)
    assert table.column("metadata").to_pylist() == ['{"k":[1]}', "{}"]
    assert table.column("vec").to_pylist() == [[1.0, 0.5], [1.0, 0.5]]
    assert str(table.schema.field("vec").type) == "fixed_size_list<item: float>[2]"


def test_vectors_may_be_missing() -> None:
    assert to_arrow([RECORDS[0], Record("c")]).column("vec").to_pylist() == [[1.0, 0.5], None]


def test_an_arrow_table_has_bits_as_booleans() -> None:
    table = to_arrow([Record("a", np.array([True, False]))], 2, "bit")
    assert table.column("vec").to_pylist() == [[True, False]]


def test_an_arrow_table_has_sparse_vectors_as_indices_and_values() -> None:
    table = to_arrow([Record("a", SparseVector(9, [4], [0.5])), Record("b")], 9, "sparsevec")
    assert table.column("vec").to_pylist() == [{"indices": [4], "values": [0.5]}, None]


def test_vectors_without_a_dimension_may_differ_in_length() -> None:
    assert str(to_arrow([], None, "halfvec").schema.field("vec").type) == "list<item: float>"


KINDS = [
    ("i", ["integer"], "int64", "int64", [1, 2]),
    ("i0", ["integer", "none"], "int64", "Int64", [1, None]),
    ("f", ["integer", "number"], "double", "float64", [2**60, 0.5]),
    ("f0", ["number", "null"], "double", "float64", [None, 0.5]),
    ("b", ["boolean"], "bool", "bool", [True, False]),
    ("b0", ["boolean", "null"], "bool", "boolean", [None, True]),
    ("s", ["string", "none"], "string", str(pd.Series(["a"]).dtype), ["x", None]),
    ("nothing", [], "string", str(pd.Series(["a"]).dtype), [None, None]),
    ("ls", ["array string", "array null", "array "], "list<item: string>", "object", [["a", None], []]),
    ("li", ["array integer", "none"], "list<item: int64>", "object", [[1], None]),
    ("lf", ["array integer", "array number"], "list<item: double>", "object", [[1.0], [0.5]]),
]
OTHERS = [
    ("mixed", ["string", "integer"], [1, "a"]),
    ("objects", ["object"], [{"a": 1}, {}]),
    ("large", ["integer", "large"], [10**400, 1]),
    ("half", ["array string", "string"], [["a"], "a"]),
    ("nested", ["array array"], [[["a"]], [[]]]),
    ("of both", ["array string", "array integer"], [["a"], [1]]),
]


@pytest.mark.parametrize(("key", "kinds", "arrow", "pandas", "values"), KINDS)
def test_keys_of_one_type_are_columns_of_that_type(
    key: str, kinds: list[str], arrow: str, pandas: str, values: list[Any]
) -> None:
    keys = [key_column(key, "named", kinds)]
    records = [Record(str(n), VEC, metadata={} if value is None else {key: value}) for n, value in enumerate(values)]
    batch = to_arrow(records, keys=keys)
    assert batch.schema.names == ["id", "vec", "text", "document_id", "named"]
    assert str(batch.schema.field("named").type) == arrow
    assert batch.column("named").to_pylist() == [float(v) if arrow == "double" and v else v for v in values]
    frame = to_pandas(records, keys)
    assert str(frame["named"].dtype) == pandas
    assert [None if pd.api.types.is_scalar(v) and pd.isna(v) else v for v in frame["named"]] == values


@pytest.mark.parametrize(("key", "kinds", "values"), OTHERS)
def test_other_values_are_json_in_arrow_and_themselves_in_pandas(key: str, kinds: list[str], values: list[Any]) -> None:
    keys = [key_column(key, key, kinds)]
    records = [Record(str(n), VEC, metadata={key: value}) for n, value in enumerate([*values, None])]
    found = to_arrow(records, keys=keys).column(key).to_pylist()
    assert len(found) == 3
    assert found[2] is None
    assert all(isinstance(text, str) for text in found[:2])
    assert list(to_pandas(records, keys)[key]) == [*values, None]


@pytest.mark.parametrize(
    ("kinds", "value"),
    [
        (["integer"], "text"),
        (["integer"], 2**63),
        (["integer"], True),
        (["integer"], None),
        (["boolean"], 1),
        (["string"], 1),
        (["number"], "1"),
        (["array string"], "a"),
        (["array string"], [1]),
    ],
)
@pytest.mark.parametrize("make", [to_pandas, lambda records, keys: to_arrow(records, keys=keys)])
def test_a_value_that_was_written_meanwhile_is_told(make: Callable[..., Any], kinds: list[str], value: Any) -> None:
    with pytest.raises(DatabaseError, match="values of another type were written at 'k' while .*; read them again"):
        make([Record("a", VEC, metadata={"k": value})], [key_column("k", "k", kinds)])


def test_metadata_that_is_null_has_no_values() -> None:
    records = [Record("a", VEC, metadata=None)]
    keys = [key_column("k", "k", ["none"])]
    assert to_arrow(records, keys=keys).column("k").to_pylist() == [None]
    assert to_pandas(records, keys)["k"].isna().all()


def test_a_path_leads_into_objects_unless_there_is_such_a_key() -> None:
    assert value_at_key({"a": {"b": {"c": 1}}}, "a.b.c") == 1
    assert value_at_key({"a": {"b": 1}, "a.b": None}, "a.b") is None
    assert value_at_key({"a": 1}, "a.b") is None
    assert value_at_key({}, "a") is None


def test_columns_are_keys_or_keys_with_names() -> None:
    assert checked_key_columns(iter(["a", "b", "a"]), ["id"]) == {"a": "a", "b": "b"}
    assert checked_key_columns({"id": "key"}, ["id"]) == {"id": "key"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("year", "columns must be a list of keys of metadata, or a dict of their columns, not 'year'"),
        (5, "columns must be a list of keys"),
        ([5], "columns= has 5; keys and names are strings"),
        ({"a": 5}, "columns= has 5; keys and names are strings"),
        (["id"], "the data frame already has a column 'id'; name another one: columns={'id': ...}"),
        ({"a": "x", "b": "x"}, "the data frame already has a column 'x'; name another one: columns={'b': ...}"),
    ],
)
def test_columns_that_are_wrong_are_refused(columns: Any, message: str) -> None:
    with pytest.raises(ArgError) as raised:
        checked_key_columns(columns, ["id"])
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("make", "module"), [(to_pandas, "pandas"), (lambda records: to_arrow(records, 2, "vector"), "pyarrow")]
)
def test_what_is_not_installed_names_the_extra(
    make: Callable[[Any], Any], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=rf"^{module} is not installed: pip install 'vecs\[data\]'$"):
        make(RECORDS)
