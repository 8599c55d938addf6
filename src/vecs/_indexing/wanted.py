"""Which index is wanted, and whether one that is there will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from vecs._indexing.memory import vector_bytes
from vecs._sql import indexes as sql
from vecs._sql.filters import KeyType
from vecs._sql.fragment import EMPTY
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs.exc import ArgError
from vecs.indexes import (
    METHODS,
    IndexMethod,
)
from vecs.measures import MeasureSpec
from vecs.storage import Precision


@dataclass(frozen=True)
class BuildOptions:
    """How an index is built: what does not change the index itself."""

    concurrently: bool = False
    memory: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Wanted:
    """The index that is asked for."""

    table: Table
    measure: MeasureSpec
    precision: Precision
    method: IndexMethod
    options: Mapping[str, int]
    concurrently: bool
    condition: sql.Fragment = EMPTY

    @property
    def vector_bytes(self) -> int:
        """The size of one indexed vector."""
        return vector_bytes(sql.indexed_type(self.table, self.precision), self.table.dimension or 0)

    def serves_the_same(self, index: IndexInfo) -> bool:
        """Whether an index is for the same measure and records, whatever its method."""
        if self.condition.parts:
            return index.name.startswith(f"{sql.part_of_name(self.condition)}{self.measure.opclass}_")
        return self.measure.measure in index.measures

    def replaces(self, index: IndexInfo) -> bool:
        """Whether an index is superseded: made for the same measure, or of the same codes, which serve several."""
        if self.condition.parts:
            return self.serves_the_same(index)
        codes = index.precision == self.precision == "binary"
        return codes or index.measure is self.measure.measure

    def missing(self, existing: Sequence[IndexInfo], replace: bool) -> tuple[str, list[sql.Fragment]]:
        """Return the name of the index, be it there or new, and what has to be built."""
        valid = [index for index in existing if index.valid]
        same_measure = [index for index in valid if self.serves_the_same(index)]
        if same_measure and not replace:
            raise ArgError(
                f"replace is set to False but an index exists: {same_measure[0].name!r} "
                f"for {self.measure.measure.value}"
            )
        options = {name: str(value) for name, value in self.options.items()}
        equal = [
            index.name
            for index in same_measure
            if (bool(self.condition.parts) or index.precision == self.precision)
            and index.method == self.method.value
            and dict(index.options) == options
        ]
        name = equal[0] if equal else self._name(uuid4().hex[:7])
        statements: list[sql.Fragment] = []
        if not equal:
            statements.append(
                sql.create_vector_index(
                    self.table,
                    name,
                    self.measure,
                    self.precision,
                    self.method,
                    self.options,
                    concurrently=self.concurrently,
                    part=self.condition,
                )
            )
        if not any(index.column == "metadata" and index.method == "gin" for index in valid):
            unique = f"ix_meta_{uuid4().hex[:7]}"
            statements.append(sql.create_metadata_index(self.table, unique, concurrently=self.concurrently))
        return name, statements

    def _name(self, unique: str) -> str:
        if self.condition.parts:
            return sql.part_name(self.condition, self.measure, unique)
        return sql.index_name(self.table, self.measure, self.precision, self.method, self.options, unique)


def index_on_key(existing: Sequence[IndexInfo], key: str, type: KeyType) -> str | None:
    return next((i.name for i in existing if i.valid and (i.key, i.key_type) == (key, type)), None)


def available_method(table: Table, measure: MeasureSpec, precision: Precision, method: IndexMethod) -> IndexMethod:
    version = table.extension.version
    shown = ".".join(map(str, version))
    has_hnsw = version >= (0, 5)
    opclass = sql.index_opclass(table, measure, precision)
    if method is IndexMethod.auto:
        method = IndexMethod.hnsw if has_hnsw else IndexMethod.ivfflat
    if method is IndexMethod.hnsw and not has_hnsw:
        raise ArgError(
            "HNSW Unavailable. Upgrade your pgvector installation to >= 0.5.0 to enable HNSW support "
            f"(it is {shown}), or use method='ivfflat'"
        )
    if opclass not in METHODS[method].opclasses:
        raise ArgError(
            f"pgvector has no {method.value} index for {measure.measure.value} of {table.storage.described}; "
            "use method='hnsw'"
        )
    if opclass == "vector_l1_ops" and version < (0, 7):
        raise ArgError(f"l1_distance needs pgvector 0.7 or newer; the server has {shown}")
    return method
