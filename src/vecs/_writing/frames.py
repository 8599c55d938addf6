"""Data frames read batch by batch: of pandas, polars and pyarrow, datasets of Hugging Face, any stream of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias, cast

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError, MissingDependency
from vecs.sparse import SparseVector

# So many rows are values of Python at a time.
ROWS_PER_BATCH = 500

_Family: TypeAlias = Literal["pandas", "datasets", "scanner", "arrow"]
# What narwhals reads whose own conversion to Arrow refuses columns of mixed values.
_LIKE_PANDAS = ("pandas", "modin", "cudf")


class ArrowStream(Protocol):
    """A data frame, or whatever else hands out its rows as a stream of Arrow."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return the stream."""
        ...


class Batch(Protocol):
    """Some rows of a data frame."""

    rows: int
    names: list[Any]

    def values(self, place: int) -> list[Any]:
        """Return the values of the column that stands there."""
        ...

    def vectors(self, place: int) -> list[Any]:
        """Return the values of a column of vectors."""
        ...


def family_of(given: object) -> _Family | None:
    """Return which kind of data frame a value is; None if it is none."""
    bases = {(base.__module__.partition(".")[0], base.__name__) for base in type(given).__mro__}
    if any((library, "DataFrame") in bases for library in _LIKE_PANDAS):
        return "pandas"
    if not bases.isdisjoint({("datasets", "Dataset"), ("datasets", "IterableDataset")}):
        return "datasets"
    if ("pyarrow", "Dataset") in bases:
        return "scanner"
    streams = hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")
    # A series and an array are streams, too, but of values.
    has_columns = any(hasattr(type(given), name) for name in ("columns", "schema"))
    return "arrow" if streams and (has_columns or not isinstance(given, Iterable)) else None


def is_frame(given: object) -> bool:
    """Whether a value is a data frame."""
    return family_of(given) is not None


def unwrapped(given: Any) -> Any:
    """Return the data frame that one of narwhals stands for; anything else as it is."""
    if not type(given).__module__.startswith("narwhals."):
        return given
    return given.to_native()


def check_installed(family: _Family) -> None:
    """Raise MissingDependency if what reads such a data frame is not installed."""
    name = "narwhals" if family == "pandas" else "pyarrow"
    try:
        __import__(name)
    except ImportError as error:
        told = f"to read a data frame {name} is needed, which is not installed: pip install 'vecs[data]'"
        raise MissingDependency(told) from error


def size_of_frame(given: Any, family: _Family) -> int | None:
    """Return the number of rows; None if it is not known without reading them."""
    kind: Any = given.__class__
    known = kind.__module__.startswith(("polars", "pyarrow", "datasets")) or family == "pandas"
    return len(given) if known and hasattr(kind, "__len__") else None


def batches_of(given: Any, family: _Family) -> Iterator[Batch]:
    """Read a data frame; nothing is read before the first batch is taken."""
    if family == "pandas":
        yield from _of_pandas(given)
    elif family == "datasets":
        # By its own reader: it knows which rows a shuffled or filtered dataset has.
        for table in given.with_format("arrow").iter(batch_size=ROWS_PER_BATCH):
            yield from _portions(table.combine_chunks().to_batches())
    elif family == "scanner":
        yield from _portions(given.scanner(batch_size=ROWS_PER_BATCH).to_reader())
    else:
        yield from _portions(_reader(given))


def _reader(given: Any) -> Iterable[Any]:
    import pyarrow

    arrow: Any = pyarrow
    if not hasattr(given, "__arrow_c_stream__"):
        return [arrow.record_batch(given)]
    try:
        return arrow.RecordBatchReader.from_stream(given)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, TypeError) as error:
        raise ArgError(f"{type(given).__name__} is no data frame: its stream of Arrow has no columns") from error


def _portions(batches: Iterable[Any]) -> Iterator[Batch]:
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_PER_BATCH):
            yield _ArrowBatch(batch.slice(start, ROWS_PER_BATCH))


class _ArrowBatch:
    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self.rows: int = batch.num_rows
        self.names: list[Any] = batch.schema.names

    def values(self, place: int) -> list[Any]:
        import pyarrow

        arrow: Any = pyarrow
        column = self._batch.column(place)
        values = column.to_pylist()
        if arrow.types.is_map(column.type):
            return [None if value is None else dict(value) for value in values]
        return values

    def vectors(self, place: int) -> list[Any]:
        import pyarrow

        arrow: Any = pyarrow
        column = self._batch.column(place)
        if isinstance(column, arrow.ExtensionArray):
            column = column.storage
        kind, types = column.type, arrow.types
        if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
            return [as_vector(value) for value in column.to_pylist()]
        inner = kind.value_type
        if not (types.is_floating(inner) or types.is_integer(inner) or types.is_boolean(inner)):
            return column.to_pylist()
        import pyarrow.compute

        compute: Any = pyarrow.compute
        numbers = column.flatten().to_numpy(zero_copy_only=False)
        found: list[Any] = []
        end = 0
        for length in compute.list_value_length(column).to_pylist():
            # The numbers of rows that are null are not among them.
            begin, end = end, end + (length or 0)
            found.append(None if length is None else numbers[begin:end])
        return found


def _of_pandas(frame: Any) -> Iterator[Batch]:
    # A named index is a column, as after set_index("id").
    levels = [(level, name) for level, name in enumerate(frame.index.names) if name is not None]
    for start in range(0, len(frame), ROWS_PER_BATCH):
        yield _PandasBatch(frame.iloc[start : start + ROWS_PER_BATCH], levels)


class _PandasBatch:
    def __init__(self, frame: Any, levels: list[tuple[int, Any]]) -> None:
        self._frame, self._levels = frame, levels
        self.rows = len(frame)
        self.names: list[Any] = [name for _, name in levels] + list(frame.columns)

    def values(self, place: int) -> list[Any]:
        import narwhals

        if place < len(self._levels):
            return list(self._frame.index.get_level_values(self._levels[place][0]))
        series: Any = self._frame.iloc[:, place - len(self._levels)]
        return narwhals.from_native(series, series_only=True).to_list()

    def vectors(self, place: int) -> list[Any]:
        return [as_vector(value) for value in self.values(place)]


def as_vector(value: Any) -> Any:
    """Return a vector of a data frame as records have it: sparse ones are structs of their indices and values."""
    parts = cast("Mapping[str, Any]", value)
    if not isinstance(value, Mapping) or not {"indices", "values"} <= parts.keys():
        return cast("Any", value)
    if parts.get("dimension") is not None:
        return SparseVector(parts["dimension"], parts["indices"], parts["values"])
    return dict(zip(parts["indices"], parts["values"], strict=True))


# What is never missing; most values are of these types.
_THERE = frozenset((str, int, bool, type(None)))
# Deeper than metadata may be: an error tells where it is written.
_DEEPEST = 128


def without_missing(values: list[Any]) -> list[Any]:
    """Return values with None for each NaN, NA and NaT, also inside lists and mappings."""
    return [value if value.__class__ in _THERE else _null_if_missing(value, _DEEPEST) for value in values]


def _null_if_missing(value: Any, depth: int) -> Any:
    if value.__class__ in _THERE or depth == 0:
        return value
    if isinstance(value, Mapping):
        return {key: _null_if_missing(item, depth - 1) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_null_if_missing(item, depth - 1) for item in cast("list[Any]", value)]
    if isinstance(value, np.ndarray):
        array = cast("Any", value)
        return _null_if_missing(list(array), depth) if array.ndim and array.dtype.kind in "fOMm" else array
    return None if is_missing(value) else value


def is_missing(value: Any) -> bool:
    """Whether a value is NaN, pandas' NA or NaT, or another that is not equal to itself."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    is_nan = getattr(value, "is_nan", None)
    if callable(is_nan):
        # Of decimals, also the one that cannot be compared.
        return bool(is_nan())
    differs = value != value
    return isinstance(differs, bool | np.bool_) and bool(cast("Any", differs))


def shown_columns(names: Iterable[Any]) -> str:
    """Return the names of columns for an error."""
    return ", ".join(map(brief, names)) or "none"
