"""Data frames as records, without a server."""

from __future__ import annotations

import math
import sys
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import datasets
import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from vecs import Record, SparseVector
from vecs._writing.frame_records import SizedFrameRecords, frame_records
from vecs._writing.frames import ROWS_PER_BATCH, is_frame, is_missing, without_missing
from vecs.exc import ArgError, MissingDependency
from vecs.records import UnnamedMetadata


def records_of(frame: Any, columns: Any = None) -> list[Record]:
    return list(frame_records(frame, columns))


class Stream:
    """An object that has nothing but a stream of Arrow."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


class Single:
    """An object that has nothing but one batch of Arrow."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return TABLE.to_batches()[0].__arrow_c_array__(requested_schema)


ROWS = {"id": ["a", "b"], "vec": [[1.0, 2.0], [3.0, 4.0]], "text": ["x", None], "document_id": ["d", None], "n": [1, 2]}
TABLE = pa.table(ROWS)
# After a shuffle its rows are others than those of its table.
DATASET = datasets.Dataset.from_dict({name: [*values, values[0]] for name, values in ROWS.items()}).select([0, 1])


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (pd.DataFrame(ROWS), 2),
        (pd.DataFrame(ROWS).set_index("id"), 2),
        (pd.DataFrame(ROWS).set_index(["document_id", "id"]), 2),
        (pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"), 2),
        (pl.DataFrame(ROWS), 2),
        (narwhals.from_native(pl.DataFrame(ROWS)), 2),
        (narwhals.from_native(pd.DataFrame(ROWS)), 2),
        (TABLE, 2),
        (TABLE.to_batches()[0], 2),
        (TABLE.to_reader(), None),
        (Stream(TABLE), None),
        (Single(), None),
        (pyarrow.dataset.dataset(TABLE), None),
        (DATASET, 2),
        (DATASET.to_iterable_dataset(), None),
    ],
    ids=lambda value: type(value).__module__ + type(value).__name__,
)
def test_every_kind_of_data_frame_has_the_same_records(frame: Any, size: int | None) -> None:
    assert is_frame(frame)
    found = frame_records(frame, None)
    assert (len(found) if isinstance(found, SizedFrameRecords) else None) == size
    assert list(found) == [
        Record("a", [1.0, 2.0], "x", {"n": 1}, "d"),
        Record("b", [3.0, 4.0], None, {"n": 2}, None),
    ]


@pytest.mark.parametrize(
    "given",
    [[], [Record("a")], "text", {"id": ["a"]}, iter([]), pd.Series([1]), pl.Series([1]), pl.LazyFrame(), None],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_data_frame_is_none(given: Any) -> None:
    assert not is_frame(given)
    with pytest.raises(ArgError, match=r"^columns= names the columns of a data frame, and the records are "):
        frame_records(given, {})


def test_a_stream_of_values_is_refused() -> None:
    with pytest.raises(ArgError, match="Stream is no data frame: its stream of Arrow has no columns"):
        records_of(Stream(pa.chunked_array([[1, 2]])))


@pytest.mark.parametrize(("family", "module"), [(pd.DataFrame(ROWS), "narwhals"), (TABLE, "pyarrow")])
def test_what_is_not_installed_names_the_extra(family: Any, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=rf"{module} is needed, .*: pip install 'vecs\[data\]'$"):
        frame_records(family, None)


def test_a_frame_of_many_rows_is_read_in_portions() -> None:
    count = 2 * ROWS_PER_BATCH + 1
    for frame in (pd.DataFrame({"text": ["t"] * count}), pa.table({"text": ["t"] * count})):
        assert [record.text for record in records_of(frame)] == ["t"] * count


@pytest.mark.parametrize("make", [pd.DataFrame, pa.table, pl.DataFrame])
def test_columns_may_have_other_names(make: Any) -> None:
    frame = make({"key": ["a"], "body": ["x"], "id": ["kept"], "notes": ['{"k": 1}'], "n": [1]})
    columns = {"id": "key", "text": "body", "document_id": "key", "extra": "notes"}
    assert records_of(frame, columns) == [Record("a", None, "x", {"id": "kept", "n": 1}, "a", {"k": 1})]


def test_metadata_and_other_columns_are_one() -> None:
    for frame in (
        pa.table({"text": ["x"], "metadata": ['{"a": 1}'], "n": [1]}),
        pd.DataFrame({"text": ["x"], "metadata": [{"a": 1}], "n": [1]}),
    ):
        assert records_of(frame)[0].metadata == {"a": 1, "n": 1}


def test_a_part_may_be_left_out() -> None:
    (record,) = records_of(pa.table({"text": ["x"], "metadata": ["ours"], "id": ["a"]}), {"metadata": None, "id": None})
    assert (record.id, record.metadata) == (None, {"metadata": "ours", "id": "a"})


def test_media_is_handed_on_as_it_is() -> None:
    image = np.zeros((2, 2, 3))
    found = records_of(pd.DataFrame({"image": [image, None, math.nan]}), {"media": "image"})
    assert [record.media is image for record in found] == [True, False, False]
    assert [record.media for record in found[1:]] == [None, None]


@pytest.mark.parametrize(
    ("frame", "columns", "message"),
    [
        (TABLE, ["id"], "columns must be a dict such as .*, not \\['id'\\]"),
        (TABLE, {"key": "id"}, "columns= has 'key', which is no part of a record: id, vec, text, metadata"),
        (TABLE, {"id": 1}, "columns= names the column for 'id' by a string, not 1"),
        (TABLE, {"id": "key"}, "the data frame has no column 'key' for 'id'; it has 'id', 'vec', 'text'"),
        (pa.table({"a": [1]}), None, "the data frame has no column 'vec' or 'text'; it has 'a'. Name one: columns="),
        (pd.DataFrame(index=range(2)), None, "no column 'vec' or 'text'; it has none"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, "several columns named 'a'"),
        (pa.table([[1], [2]], names=["a", "a"]), None, "several columns named 'a'"),
        (pd.DataFrame({"id": ["a"], "k": [1]}).set_index("k", drop=False), None, "several columns named 'k'"),
        (pd.DataFrame([["a"]]), None, "the data frame has the column 0, which is int; name its columns by strings"),
        (pa.table({"text": ["x"], "metadata": ["{"]}), None, "row 0: metadata is no JSON: '{'"),
        (pa.table({"text": ["x"], "metadata": ["[]"]}), None, "row 0: metadata is \\[\\], neither a mapping nor JSON"),
        (pa.table({"text": ["x"], "metadata": [5]}), None, "row 0: metadata is 5, neither a mapping nor JSON"),
        (pa.table({"text": ["x", "y"], "metadata": [None, '{"n": 1}'], "n": [1, 2]}), None, "row 1: 'n' is a key of "),
    ],
)
def test_columns_that_do_not_fit_are_refused(frame: Any, columns: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        records_of(frame, columns)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pa.table({}), pl.DataFrame(), pa.table({"a": []})])
def test_a_frame_without_rows_has_no_records_whatever_its_columns_are(frame: Any) -> None:
    assert records_of(frame) == []


def test_a_row_of_an_attached_table_needs_neither_vector_nor_text() -> None:
    records = frame_records(pa.table({"id": ["a"]}), None)
    records.needs_content = False
    (record,) = records
    assert record == Record("a")
    assert isinstance(record.metadata, UnnamedMetadata)


def metadata_of(frame: Any) -> list[Any]:
    return [dict(record.metadata or {}) for record in records_of(frame, {"text": "t"})]


def test_what_is_missing_in_pandas_is_null() -> None:
    frame = pd.DataFrame(
        {
            "t": ["x", np.nan],
            "float": [1.5, np.nan],
            "Int64": pd.array([1, None], dtype="Int64"),
            "boolean": pd.array([True, pd.NA], dtype="boolean"),
            "string": pd.array(["s", pd.NA], dtype="string"),
            "time": pd.to_datetime(["2020-01-31T08:30", None]),
            "zone": pd.to_datetime(["2020-01-31T08:30", None]).tz_localize("Asia/Kolkata"),
            "category": pd.Categorical(["c", None]),
            "decimal": [Decimal("1.5"), Decimal("sNaN")],
            "object": [{"a": [np.nan, {"b": pd.NaT}]}, None],
            "list": [(1, np.nan), np.array([1.0, np.nan])],
            "array": [np.array([1, 2]), np.array(math.nan)],
            "numpy": [np.float32(1), np.datetime64("NaT")],
        }
    )
    first, second = metadata_of(frame)
    assert first == {
        "float": 1.5,
        "Int64": 1,
        "boolean": True,
        "string": "s",
        "time": datetime(2020, 1, 31, 8, 30),
        "zone": pd.Timestamp("2020-01-31T08:30", tz="Asia/Kolkata"),
        "category": "c",
        "decimal": Decimal("1.5"),
        "object": {"a": [None, {"b": None}]},
        "list": [1, None],
        "array": first["array"],
        "numpy": np.float32(1),
    }
    assert first["array"].tolist() == [1, 2]
    assert second.pop("list") == [1, None]
    assert math.isnan(second.pop("array"))
    assert second == dict.fromkeys(second)
    assert records_of(frame, {"text": "t"})[1].text is None


def test_what_is_missing_in_arrow_and_polars_is_null() -> None:
    rows = {
        "t": ["x", "y"],
        "float": [1.5, math.nan],
        "list": [[1.0, math.nan], None],
        "struct": [{"a": None}, None],
        "day": [date(2020, 1, 31), None],
        "time": [datetime(2020, 1, 31, tzinfo=timezone.utc), None],
        "decimal": [Decimal("1.50"), None],
    }
    first = {**{name: values[0] for name, values in rows.items()}, "list": [1.0, None]}
    del first["t"]
    for frame in (pa.table(rows), pl.DataFrame(rows)):
        found = metadata_of(frame)
        assert found == [first, dict.fromkeys(first)]


def test_arrow_has_dictionaries_and_maps_as_their_values() -> None:
    table = pa.table(
        {
            "t": ["x", "y"],
            "dictionary": pa.array(["c", None]).dictionary_encode(),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        }
    )
    assert metadata_of(table) == [{"dictionary": "c", "map": {"k": 1}}, {"dictionary": None, "map": None}]


def test_values_nested_too_deeply_are_left_to_the_check_of_metadata() -> None:
    deep: Any = []
    deep.append(deep)
    assert len(without_missing([deep])) == 1


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        *((missing, True) for missing in (math.nan, pd.NA, pd.NaT, Decimal("NaN"), np.datetime64("NaT"))),
        *((there, False) for there in (math.inf, 0.0, Decimal(1), b"", pd.Series([math.nan]))),
    ],
)
def test_missing_is_what_is_not_equal_to_itself(value: Any, missing: bool) -> None:
    assert is_missing(value) is missing


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float16())),
        pa.array([[1, 2], None, [3, 4]], pa.large_list(pa.int8())),
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.array([[1, 2], [0, 0], [3, 4]], np.float32)),
        pa.array([[9, 9], [1, 2], None, [3, 4]], pa.list_(pa.float64(), 2)).slice(1),
    ],
    ids=lambda column: str(column.type),
)
def test_vectors_are_lists_of_arrow_of_any_kind(column: Any) -> None:
    found = [record.vec for record in records_of(pa.table({"vec": column}))]
    assert np.array_equal(found[0], [1, 2])
    assert found[1] is None or np.array_equal(found[1], [0, 0])
    assert np.array_equal(found[2], [3, 4])


def test_vectors_of_bits_and_sparse_ones_are_read() -> None:
    (bits,) = records_of(pa.table({"vec": pa.array([[True, False]])}))
    assert bits.vec is not None
    assert np.asarray(bits.vec).dtype == bool
    struct = [{"indices": [4], "values": [0.5]}, None]
    assert [record.vec for record in records_of(pa.table({"vec": struct}))] == [{4: 0.5}, None]
    assert [record.vec for record in records_of(pd.DataFrame({"vec": struct}))] == [{4: 0.5}, None]
    whole = [{"dimension": 9, "indices": [4], "values": [0.5]}]
    assert records_of(pa.table({"vec": whole}))[0].vec == SparseVector(9, [4], [0.5])


def test_vectors_that_are_none_are_left_to_their_check() -> None:
    assert records_of(pa.table({"vec": [["a"], None]}))[0].vec == ["a"]
    given = [[1, 2], np.array([1.0]), SparseVector(2, [0], [1]), "text", math.nan]
    found = [record.vec for record in records_of(pd.DataFrame({"vec": pd.Series(given, dtype=object)}))]
    assert [*map(id, found[:4])] == [*map(id, given[:4])]
    assert found[4] is None


def test_ids_are_whole_numbers_also_if_pandas_made_floats_of_them() -> None:
    frame = pd.DataFrame({"id": [1, None, 1.5, 2.0**60], "document_id": [7, None, 8, 9], "text": ["x"] * 4})
    found = records_of(frame)
    assert [record.id for record in found] == [1, None, 1.5, 2.0**60]
    assert [type(record.id) for record in found] == [int, type(None), float, float]
    assert [record.document_id for record in found] == [7, None, 8, 9]
    uuid = UUID(int=1)
    assert records_of(pd.DataFrame({"id": [uuid], "text": ["x"]}))[0].id == uuid
