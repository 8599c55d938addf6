"""Builds indexes: the new one is built before the old one goes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from vecs._async.executor import AsyncExecutor
from vecs._precision import precision_to_build
from vecs._sql import indexes as sql
from vecs._sql import search
from vecs._sql.filters import KEY_TYPES, KeyType, index_condition
from vecs._sql.fragment import EMPTY
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs.exc import ArgError
from vecs.filters import Filter
from vecs.indexes import (
    METHODS,
    IndexArgs,
    IndexArgsHNSW,
    IndexArgsIVFFlat,
    IndexMethod,
    build_options,
    default_lists,
)
from vecs.measures import MeasureSpec
from vecs.storage import IndexPrecision, Precision

log = logging.getLogger("vecs")


async def list_indexes(executor: AsyncExecutor, table: Table) -> list[IndexInfo]:
    """Read the indexes of a collection."""
    return sql.read_indexes(await executor.read(sql.list_indexes(table)), table)


async def create_index(
    executor: AsyncExecutor,
    table: Table,
    measure: MeasureSpec,
    method: IndexMethod,
    args: IndexArgs | None,
    precision: IndexPrecision,
    *,
    replace: bool,
    concurrently: bool,
    settings: dict[str, str],
    filters: Filter | None = None,
) -> str:
    """Build an index for a measure, and the metadata index if there is none; return the vector index's name."""
    chosen = precision_to_build(table, measure, precision)
    method = _available(table, measure, chosen, method)
    if args is None:
        args = await _default_args(executor, table, method)
    options = build_options(args)
    condition = EMPTY if filters is None else index_condition(filters)
    if condition.parts and chosen != "full":
        raise ArgError(
            f"an index for filters= is on the vectors as they are stored; {chosen} precision is for an index on all "
            "records: give precision='full', or leave filters= out"
        )
    wanted = Wanted(table, measure, chosen, method, options, concurrently, condition)
    # A build takes as long as it takes: a timeout meant for searches must not end it.
    settings = {"statement_timeout": "0", **settings}
    if concurrently:
        existing = await list_indexes(executor, table)
        kept, statements = wanted.missing(existing, replace)
        for statement in statements:
            await executor.alone(statement, settings)
    else:
        async with executor.transaction(settings) as session:
            # Two clients at once would build the same index twice.
            await session.execute(sql.lock_building(table))
            existing = sql.read_indexes(await session.execute(sql.list_indexes(table)), table)
            kept, statements = wanted.missing(existing, replace)
            for statement in statements:
                await session.execute(statement)
    if statements:
        # Without statistics the planner guesses what a filter keeps.
        await executor.alone(sql.analyze(table), settings)
    else:
        log.info("collection %r already has the index %s; nothing to build", table.name, kept)
    for index in existing:
        if wanted.replaces(index) and index.name != kept:
            await drop_index(executor, table, index.name)
    return kept


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


async def create_key_index(
    executor: AsyncExecutor, table: Table, key: str, type: KeyType | None, *, concurrently: bool
) -> str:
    """Build the metadata index for ranges at a key, if there is none; return its name."""
    found: KeyType = await _type_of(executor, table, key) if type is None else type
    name = sql.key_index_name(key, found, uuid4().hex[:7])
    create = sql.create_key_index(table, name, key, found, concurrently=concurrently)
    settings = {"statement_timeout": "0"}
    if concurrently:
        kept = _key_index(await list_indexes(executor, table), key, found)
        if kept is None:
            await executor.alone(create, settings)
    else:
        async with executor.transaction(settings) as session:
            await session.execute(sql.lock_building(table))
            existing = sql.read_indexes(await session.execute(sql.list_indexes(table)), table)
            kept = _key_index(existing, key, found)
            if kept is None:
                await session.execute(create)
    if kept is not None:
        log.info("collection %r already has the index %s; nothing to build", table.name, kept)
        return kept
    # The planner's statistics of the key begin with this.
    await executor.alone(sql.analyze(table), settings)
    return name


def _key_index(existing: Sequence[IndexInfo], key: str, type: KeyType) -> str | None:
    return next((i.name for i in existing if i.valid and (i.key, i.key_type) == (key, type)), None)


async def _type_of(executor: AsyncExecutor, table: Table, key: str) -> KeyType:
    types = [row[0] for row in await executor.read(sql.key_types(table, key))]
    found: list[KeyType] = [type for type in KEY_TYPES if type in types]
    if len(found) == 1:
        return found[0]
    there = "both numbers and strings" if found else f"no numbers or strings (but: {', '.join(types) or 'nothing'})"
    raise ArgError(
        f"the records of {table.name!r} have {there} at {key!r}; say type='number' or type='string' "
        "(an index is for one of them; there may be one for each)"
    )


def _available(table: Table, measure: MeasureSpec, precision: Precision, method: IndexMethod) -> IndexMethod:
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


async def _default_args(executor: AsyncExecutor, table: Table, method: IndexMethod) -> IndexArgs:
    if method is IndexMethod.hnsw:
        return IndexArgsHNSW()
    rows = (await executor.read(search.count(table, search.EVERYTHING)))[0][0]
    return IndexArgsIVFFlat(default_lists(rows))


async def drop_index(executor: AsyncExecutor, table: Table, name: str) -> None:
    """Drop one index by name; concurrently, so that searches do not wait for those that use it."""
    await executor.alone(sql.drop_index(table, name, concurrently=True), {"statement_timeout": "0"})
