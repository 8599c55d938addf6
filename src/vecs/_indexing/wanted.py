"""Which index is wanted, whether one that is there will do, and what has to be built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import uuid4

from vecs._indexing.precision import precision_to_build
from vecs._sql import indexes
from vecs._sql.filters import KeyType, index_condition
from vecs._sql.fragment import EMPTY, Fragment
from vecs._sql.indexes import IndexInfo, IndexSpec
from vecs._sql.tables import Table
from vecs.exc import ArgError
from vecs.filters import Filter
from vecs.indexes import METHODS, IndexArgs, IndexMethod, build_options, default_lists
from vecs.measures import MeasureSpec
from vecs.storage import VEC_TYPES, IndexPrecision


@dataclass(frozen=True)
class BuildOptions:
    """How an index is built: what does not change the index itself."""

    concurrently: bool = False
    memory: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class IndexRequest:
    """What `index()` is asked for; without `args` the method's parameters are chosen here."""

    measure: MeasureSpec
    method: IndexMethod = IndexMethod.auto
    args: IndexArgs | None = None
    precision: IndexPrecision = "auto"
    filters: Filter | None = None
    replace: bool = True


class IndexPlan(NamedTuple):
    """The name of the index, which may be there already; what has to be built; which indexes are dropped then."""

    name: str
    statements: list[Fragment]
    superseded: list[str]


def requested_index(table: Table, request: IndexRequest) -> IndexSpec:
    """
    Return the index that is asked for; its options are empty where the request has no `args`.

    Raises ArgError where pgvector has no such index.
    """
    precision = precision_to_build(table, request.measure, request.precision)
    spec = IndexSpec(table, request.measure, precision, _chosen_method(table, request.method), {})
    _check_available(spec)
    options = {} if request.args is None else build_options(request.args)
    condition = EMPTY if request.filters is None else index_condition(request.filters)
    if condition.parts and precision != "full":
        greatest = VEC_TYPES[table.vec_type].indexed
        raise ArgError(
            "an index with filters= needs the full precision of the vectors and takes up to "
            f"{greatest:,} dimensions; collection {table.name!r} has {table.dimension:,}. Leave filters= out"
            + ("" if (table.dimension or 0) > greatest else ", or give precision='full'")
        )
    return replace(spec, options=options, condition=condition)


def _chosen_method(table: Table, method: IndexMethod) -> IndexMethod:
    if method is not IndexMethod.auto:
        return method
    return IndexMethod.hnsw if _has_hnsw(table) else IndexMethod.ivfflat


def _has_hnsw(table: Table) -> bool:
    return table.extension.version >= (0, 5)


def _check_available(spec: IndexSpec) -> None:
    version = spec.table.extension.version
    shown = ".".join(map(str, version))
    if spec.method is IndexMethod.hnsw and not _has_hnsw(spec.table):
        raise ArgError(
            "HNSW Unavailable. Upgrade your pgvector installation to >= 0.5.0 to enable HNSW support "
            f"(it is {shown}), or use method='ivfflat'"
        )
    if spec.opclass not in METHODS[spec.method].opclasses:
        raise ArgError(
            f"pgvector has no {spec.method.value} index for {spec.measure.measure.value} of "
            f"{spec.table.storage.described}; use method='hnsw'"
        )
    if spec.opclass == "vector_l1_ops" and version < (0, 7):
        raise ArgError(f"l1_distance needs pgvector 0.7 or newer; the server has {shown}")


def lists_for(spec: IndexSpec, existing: Sequence[IndexInfo], rows: int) -> int:
    """
    Return how many lists an IVFFlat index gets for so many records, by pgvector's advice.

    An index that is there keeps its number until that is less than half or more than twice what is advised: a
    collection that grew a little is not worth a build.
    """
    advised = default_lists(rows)
    for index in existing:
        if index.valid and index.measure is spec.measure.measure and index.method == spec.method.value:
            lists = int(index.options.get("lists", "100"))
            if lists <= 2 * advised and advised <= 2 * lists:
                return lists
    return advised


def plan_index(spec: IndexSpec, existing: Sequence[IndexInfo], *, replace: bool, concurrently: bool) -> IndexPlan:
    """
    Return what is to be done for an index, given those that are there.

    Without `replace`, one that is there for the same measure and the same records raises ArgError.
    """
    valid = [index for index in existing if index.valid]
    for_the_same = [index for index in valid if _serves_the_same(spec, index)]
    if for_the_same and not replace:
        raise ArgError(
            f"replace is set to False but an index exists: {for_the_same[0].name!r} for {spec.measure.measure.value}"
        )
    statements: list[Fragment] = []
    name = next((index.name for index in for_the_same if _equals(spec, index)), None)
    if name is None:
        name = indexes.index_name(spec, uuid4().hex[:7])
        statements.append(indexes.create_vector_index(spec, name, concurrently=concurrently))
    if not any(index.column == "metadata" and index.method == "gin" for index in valid):
        of_metadata = f"ix_meta_{uuid4().hex[:7]}"
        statements.append(indexes.create_metadata_index(spec.table, of_metadata, concurrently=concurrently))
    superseded = [index.name for index in valid if _replaces(spec, index) and index.name != name]
    return IndexPlan(name, statements, superseded)


def _serves_the_same(spec: IndexSpec, index: IndexInfo) -> bool:
    """Whether an index is for the same measure and the same records, whatever its method."""
    if spec.condition.parts:
        return index.name.startswith(f"{indexes.part_of_name(spec.condition)}{spec.measure.opclass}_")
    return spec.measure.measure in index.measures


def _equals(spec: IndexSpec, index: IndexInfo) -> bool:
    """Whether an index for the same measure and records is just the one that is wanted."""
    options = {name: str(value) for name, value in spec.options.items()}
    # The catalog does not tell the precision of an index on a part, which is always "full".
    same_precision = bool(spec.condition.parts) or index.precision == spec.precision
    return same_precision and index.method == spec.method.value and dict(index.options) == options


def _replaces(spec: IndexSpec, index: IndexInfo) -> bool:
    """Whether an index is superseded: made for the same measure, or of the same codes, which serve several."""
    if spec.condition.parts:
        return _serves_the_same(spec, index)
    codes = index.precision == spec.precision == "binary"
    return codes or index.measure is spec.measure.measure


def index_on_key(existing: Sequence[IndexInfo], key: str, type: KeyType) -> str | None:
    """Return the name of the metadata index for ranges at a key, if there is a valid one."""
    return next((i.name for i in existing if i.valid and (i.key, i.key_type) == (key, type)), None)
