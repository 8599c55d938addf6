"""Records and matches as data frames of pandas and tables of Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from vecs._checks.json import encode_json
from vecs._checks.shown import brief
from vecs._reports.key_columns import KeyColumn, as_numbers, value_at_key
from vecs.exc import DatabaseError, MissingDependency
from vecs.records import Record
from vecs.sparse import SparseVector
from vecs.storage import VecTypeName

# The columns of records; keys of metadata as columns take the place of `metadata`.
COLUMNS = ("id", "vec", "text", "metadata", "document_id")


def columns_beside(keys: object) -> tuple[str, ...]:
    """Return the names of the columns, of those that do not stand for a key of metadata."""
    return COLUMNS if keys is None else tuple(name for name in COLUMNS if name != "metadata")


def require(name: str) -> Any:
    """Import pandas, pyarrow or polars; raises MissingDependency that says what to install."""
    try:
        return __import__(name)
    except ImportError as error:
        wanted = "polars" if name == "polars" else "'vecs[data]'"
        raise MissingDependency(f"{name} is not installed: pip install {wanted}") from error


class PandasColumns:
    """The columns of a pandas DataFrame, while records come in."""

    def __init__(self, keys: Sequence[KeyColumn] | None) -> None:
        self._keys = keys
        self._parts: dict[str, list[Any]] = {name: [] for name in columns_beside(keys)}
        self._values: list[list[Any]] = [[] for _ in keys or ()]

    def add(self, records: Iterable[Record]) -> None:
        """Add records."""
        parts = list(self._parts.items())
        keyed = list(zip(self._keys or (), self._values, strict=True))
        for record in records:
            for name, values in parts:
                values.append(getattr(record, name))
            for column, values in keyed:
                values.append(value_at_key(record.metadata or {}, column.key))

    def frame(self) -> Any:
        """Return the DataFrame."""
        pandas = require("pandas")
        texts = pandas.Series(["text"]).dtype
        series: dict[str, Any] = {}
        for name, values in self._parts.items():
            # Vectors and metadata are values of Python; a column of nulls alone has the type of other batches.
            series[name] = pandas.Series(values, dtype=object if name in ("vec", "metadata") else texts)
        for column, values in zip(self._keys or (), self._values, strict=True):
            series[column.name] = pandas.Series(_fitting(column, values), dtype=_dtype(column, texts))
        return pandas.DataFrame(series)


def _dtype(column: KeyColumn, texts: Any) -> Any:
    if column.listed or column.kind == "json":
        return object
    if column.kind == "string":
        return texts
    if column.kind == "number":
        return "float64"
    if column.kind == "integer":
        return "Int64" if column.nulls else "int64"
    return "boolean" if column.nulls else "bool"


_TYPES = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}


def _fitting(column: KeyColumn, values: list[Any]) -> list[Any]:
    """Return values that are of the column's kind; raises DatabaseError if one was written since it was found."""
    if column.kind == "json":
        return values
    if not all(column.nulls if value is None else _fits(value, column) for value in values):
        raise DatabaseError(
            f"values of another type were written at {brief(column.key)} while the records were read; read them again"
        )
    return [as_numbers(value) for value in values] if column.kind == "number" else values


def _fits(value: Any, column: KeyColumn) -> bool:
    if not column.listed:
        return _is_of(value, column)
    return isinstance(value, list) and all(item is None or _is_of(item, column) for item in cast("list[Any]", value))


def _is_of(item: Any, column: KeyColumn) -> bool:
    if isinstance(item, bool):
        return column.kind == "boolean"
    return isinstance(item, _TYPES[column.kind]) and (not isinstance(item, int) or abs(item) < 2**63)


class ArrowForm(NamedTuple):
    """How the columns of a table look."""

    dimension: int | None
    vec_type: VecTypeName
    keys: Sequence[KeyColumn] | None = None


def arrow_schema(form: ArrowForm) -> Any:
    """Return the schema of records as Arrow; raises MissingDependency."""
    arrow = require("pyarrow")
    vector = _vector_type(arrow, form.dimension, form.vec_type)
    columns = [(name, vector if name == "vec" else arrow.string()) for name in columns_beside(form.keys)]
    return arrow.schema([*columns, *((key.name, _type(arrow, key)) for key in form.keys or ())])


def _type(arrow: Any, column: KeyColumn) -> Any:
    types = {"integer": arrow.int64(), "number": arrow.float64(), "boolean": arrow.bool_()}
    single = types.get(column.kind, arrow.string())
    return arrow.list_(single) if column.listed else single


def _vector_type(arrow: Any, dimension: int | None, vec_type: VecTypeName) -> Any:
    if vec_type == "sparsevec":
        return arrow.struct([("indices", arrow.list_(arrow.int32())), ("values", arrow.list_(arrow.float32()))])
    return arrow.list_(arrow.bool_() if vec_type == "bit" else arrow.float32(), dimension or -1)


def arrow_batch(records: Sequence[Record], form: ArrowForm, schema: Any) -> Any:
    """Return records as a RecordBatch."""
    arrow = require("pyarrow")
    arrays: list[Any] = []
    for name in columns_beside(form.keys):
        values = [getattr(record, name) for record in records]
        if name == "vec":
            arrays.append(arrow_vectors(values, schema.field("vec").type))
        else:
            made = map(encode_json, values) if name == "metadata" else values
            arrays.append(arrow.array(list(made), arrow.string()))
    for column in form.keys or ():
        values = [value_at_key(record.metadata or {}, column.key) for record in records]
        if column.kind == "json":
            made = [None if value is None else encode_json(value) for value in values]
        else:
            made = _fitting(column, values)
        arrays.append(arrow.array(made, schema.field(column.name).type))
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)


def arrow_vectors(vectors: Sequence[Any], type: Any) -> Any:
    """Return vectors as an array of Arrow."""
    arrow = require("pyarrow")
    size = getattr(type, "list_size", None)
    if size is not None and vectors and all(vec is not None for vec in vectors):
        # Without a list of Python's numbers in between.
        numbers = arrow.array(np.concatenate(vectors), type.value_type)
        return arrow.FixedSizeListArray.from_arrays(numbers, type=type)
    return arrow.array([_parts(vec) if isinstance(vec, SparseVector) else vec for vec in vectors], type)


def _parts(vec: SparseVector) -> dict[str, Any]:
    return {"indices": vec.indices, "values": vec.values}


def vector_type_of(vectors: Iterable[Any]) -> tuple[int | None, VecTypeName]:
    """Return the dimension and the type of vectors, of those at hand."""
    found = next((vec for vec in vectors if vec is not None), None)
    if isinstance(found, SparseVector):
        return found.dimension, "sparsevec"
    return None if found is None else len(found), "bit" if getattr(found, "dtype", None) == np.bool_ else "vector"


def arrow_of_columns(columns: Mapping[str, Callable[[Any], Any]]) -> Any:
    """Return a table of columns, each a function that makes it of pyarrow."""
    arrow = require("pyarrow")
    return arrow.table({name: make(arrow) for name, make in columns.items()})


def vector_column(vectors: Sequence[Any]) -> Callable[[Any], Any]:
    """Return the function that makes a column of vectors."""
    return lambda arrow: arrow_vectors(vectors, _vector_type(arrow, *vector_type_of(vectors)))


def json_column(values: Sequence[Any]) -> Callable[[Any], Any]:
    """Return the function that makes a column of JSON."""
    return lambda arrow: arrow.array(
        [None if value is None else encode_json(value) for value in values], arrow.string()
    )
