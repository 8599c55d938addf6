"""Import path of vecs 0.4."""

from typing import Any, TypeAlias

from vecs._sync.collection.collection import Collection
from vecs.exc import CollectionAlreadyExists, CollectionNotFound
from vecs.indexes import IndexArgsHNSW, IndexArgsIVFFlat, IndexMethod
from vecs.measures import INDEX_MEASURE_TO_OPS, IndexMeasure
from vecs.records import Metadata, Record

Numeric: TypeAlias = "int | float | complex"
MetadataValues: TypeAlias = "str | int | float | bool | list[str] | dict[str, Any]"

__all__ = [
    "INDEX_MEASURE_TO_OPS",
    "Collection",
    "CollectionAlreadyExists",
    "CollectionNotFound",
    "IndexArgsHNSW",
    "IndexArgsIVFFlat",
    "IndexMeasure",
    "IndexMethod",
    "Metadata",
    "MetadataValues",
    "Numeric",
    "Record",
]
