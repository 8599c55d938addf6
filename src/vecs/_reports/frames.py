"""Records as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vecs._checks.json import encode_json
from vecs.exc import MissingDependency
from vecs.records import Record
from vecs.sparse import SparseVector
from vecs.storage import VecTypeName

_COLUMNS = ("id", "vec", "text", "metadata", "document_id")


def to_pandas(records: Sequence[Record]) -> Any:
    """Return a pandas DataFrame with a column for each part of a record."""
    try:
        import pandas
    except ImportError as error:
        raise _missing("pandas") from error
    return pandas.DataFrame({name: [getattr(record, name) for record in records] for name in _COLUMNS})


def to_arrow(records: Sequence[Record], dimension: int | None, vec_type: VecTypeName) -> Any:
    """Return a pyarrow Table with a column for each part of a record; metadata as JSON text."""
    try:
        import pyarrow
    except ImportError as error:
        raise _missing("pyarrow") from error
    arrow: Any = pyarrow
    if vec_type == "sparsevec":
        vector = arrow.struct([("indices", arrow.list_(arrow.int32())), ("values", arrow.list_(arrow.float32()))])
    else:
        vector = arrow.list_(arrow.bool_() if vec_type == "bit" else arrow.float32(), dimension or -1)
    schema = arrow.schema(
        [
            ("id", arrow.string()),
            ("vec", vector),
            ("text", arrow.string()),
            ("metadata", arrow.string()),
            ("document_id", arrow.string()),
        ]
    )
    columns: dict[str, list[Any]] = {name: [getattr(record, name) for record in records] for name in _COLUMNS}
    columns["vec"] = [_parts(vec) if isinstance(vec, SparseVector) else vec for vec in columns["vec"]]
    columns["metadata"] = [encode_json(metadata) for metadata in columns["metadata"]]
    return arrow.table(columns, schema=schema)


def _parts(vec: SparseVector) -> dict[str, Any]:
    return {"indices": vec.indices, "values": vec.values}


def _missing(name: str) -> MissingDependency:
    return MissingDependency(f"{name} is not installed: pip install 'vecs[data]'")
