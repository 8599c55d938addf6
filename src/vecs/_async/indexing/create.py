"""Builds indexes: the new one is built before the old one goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from vecs._async.indexing.guard import NO_TIMEOUT, building_session, tidy, without_leftovers
from vecs._async.indexing.watch import AsyncWatch
from vecs._async.sending.executor import AsyncExecutor, AsyncHeld
from vecs._concurrency.calls import async_shielded
from vecs._indexing.memory import build_bytes, megabytes, needed_bytes, vector_bytes
from vecs._indexing.precision import precision_to_build
from vecs._reports.builds import BuildReport
from vecs._sql import indexes as sql
from vecs._sql import search
from vecs._sql.builds import built_index, estimate
from vecs._sql.filters import KEY_TYPES, KeyType, index_condition
from vecs._sql.fragment import EMPTY
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs.exc import ArgError, DatabaseError
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
from vecs.storage import VEC_TYPES, IndexPrecision, Precision

log = logging.getLogger("vecs")


async def list_indexes(executor: AsyncExecutor, table: Table) -> list[IndexInfo]:
    """Read the indexes of a collection."""
    return sql.read_indexes(await executor.read(sql.list_indexes(table)), table)


@dataclass(frozen=True)
class BuildOptions:
    """How an index is built: what does not change the index itself."""

    concurrently: bool = False
    memory: str | None = None
    workers: int | None = None


async def create_index(
    executor: AsyncExecutor,
    table: Table,
    measure: MeasureSpec,
    method: IndexMethod,
    args: IndexArgs | None,
    precision: IndexPrecision,
    *,
    replace: bool,
    how: BuildOptions,
    report: BuildReport | None,
    filters: Filter | None = None,
) -> str:
    """Build an index for a measure, and the metadata index if there is none; return the vector index's name."""
    chosen = precision_to_build(table, measure, precision)
    method = _available(table, measure, chosen, method)
    if args is not None:
        build_options(args)
    condition = EMPTY if filters is None else index_condition(filters)
    if condition.parts and chosen != "full":
        greatest = VEC_TYPES[table.vec_type].indexed
        raise ArgError(
            "an index for filters= is on the vectors as they are stored, of up to "
            f"{greatest:,} dimensions; collection {table.name!r} has {table.dimension:,}. Leave filters= out"
            + ("" if (table.dimension or 0) > greatest else ", or give precision='full'")
        )
    watch = AsyncWatch(executor, report)
    async with building_session(executor, table, watch) as held:
        existing = await without_leftovers(held, table, watch)
        if args is None:
            args = await _default_args(held, table, measure, method, existing)
        wanted = Wanted(table, measure, chosen, method, build_options(args), how.concurrently, condition)
        kept, statements = wanted.missing(existing, replace)
        if statements:
            await _build(executor, held, wanted, kept, statements, how, watch)
            await watch.tell(watch.tracker.at("analyzing", 99.0, kept))
            # Without statistics the planner guesses what a filter keeps.
            await held.alone(sql.analyze(table), NO_TIMEOUT)
        else:
            log.info("collection %r already has the index %s; nothing to build", table.name, kept)
        for index in existing:
            if index.valid and wanted.replaces(index) and index.name != kept:
                await watch.tell(watch.tracker.at("dropping the index that was replaced", 99.0, kept))
                # Concurrently, so that searches do not wait for those that use it.
                await held.alone(sql.drop_index(table, index.name, concurrently=True), NO_TIMEOUT)
    await watch.tell(watch.tracker.at("done" if statements else "exists already", 100.0, kept))
    return kept


async def _build(
    executor: AsyncExecutor,
    held: AsyncHeld,
    wanted: Wanted,
    kept: str,
    statements: Sequence[sql.Fragment],
    how: BuildOptions,
    watch: AsyncWatch,
) -> None:
    rows, memory = await _rows_and_memory(executor, held, wanted, how.memory)
    # A build takes as long as it takes: a timeout meant for searches must not end it.
    settings = {**NO_TIMEOUT, "maintenance_work_mem": memory}
    if how.workers is not None:
        settings["max_parallel_maintenance_workers"] = str(how.workers)
    try:
        with held.hearing(_listener(kept, memory, rows)):
            if wanted.concurrently:
                for number, statement in enumerate(statements):
                    watch.tracker.begin(built_index(statement), number, len(statements), rows)
                    async with watch.over(statement):
                        await held.alone(statement, settings)
                return
            async with held.transaction(settings) as session:
                for number, statement in enumerate(statements):
                    watch.tracker.begin(built_index(statement), number, len(statements), rows)
                    async with watch.over(statement):
                        await session.execute(statement)
    except BaseException as error:
        if wanted.concurrently:
            await async_shielded(tidy(executor, held, wanted.table, statements))
        if isinstance(error, DatabaseError) and "memory required is" in str(error):
            raise DatabaseError(f"{error}; give it by memory=, or ask for fewer lists", error.sqlstate) from error
        raise


async def _rows_and_memory(
    executor: AsyncExecutor, held: AsyncHeld, wanted: Wanted, memory: str | None
) -> tuple[int, str]:
    """Return about how many records a build reads, and maintenance_work_mem for it."""
    rows, own, shared_buffers = (await held.execute(estimate(wanted.table)))[0]
    if rows is None:
        rows = (await held.execute(search.count(wanted.table, search.EVERYTHING)))[0][0]
    if memory is None:
        needed = needed_bytes(wanted.method, wanted.options, rows, wanted.vector_bytes)
        machine = None
        if executor.server is not None:
            from vecs.embedded.settings import memory as machine_memory

            machine = machine_memory()
        memory = megabytes(build_bytes(needed, own, shared_buffers, machine))
    return rows, memory


def _listener(index: str, memory: str, rows: int) -> Callable[[str], None]:
    """Return a function that tells what the server remarks on a build, in words that say what to do."""

    def hear(message: str) -> None:
        if "no longer fits into maintenance_work_mem" in message:
            log.warning(
                "the graph of %s, of about %d records, does not fit into %s (%s): the rest is built many times "
                "slower; give index(memory=) more, such as a quarter of the server's memory",
                index,
                rows,
                memory,
                message,
            )
        elif "created with little data" in message:
            log.warning(
                "%s was built from about %d records, fewer than it has lists, or none: an IVFFlat index learns "
                "its lists from the records that are there; load them first, and call index() again",
                index,
                rows,
            )

    return hear


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


async def create_key_index(
    executor: AsyncExecutor, table: Table, key: str, type: KeyType | None, *, concurrently: bool
) -> str:
    """Build the metadata index for ranges at a key, if there is none; return its name."""
    found: KeyType = await _type_of(executor, table, key) if type is None else type
    name = sql.key_index_name(key, found, uuid4().hex[:7])
    create = sql.create_key_index(table, name, key, found, concurrently=concurrently)
    watch = AsyncWatch(executor, None)
    async with building_session(executor, table, watch) as held:
        kept = _key_index(await without_leftovers(held, table, watch), key, found)
        if kept is not None:
            log.info("collection %r already has the index %s; nothing to build", table.name, kept)
            return kept
        try:
            await held.alone(create, NO_TIMEOUT)
        except BaseException:
            if concurrently:
                await async_shielded(tidy(executor, held, table, [create]))
            raise
        # The planner's statistics of the key begin with this.
        await held.alone(sql.analyze(table), NO_TIMEOUT)
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


async def _default_args(
    held: AsyncHeld, table: Table, measure: MeasureSpec, method: IndexMethod, existing: Sequence[IndexInfo]
) -> IndexArgs:
    if method is IndexMethod.hnsw:
        return IndexArgsHNSW()
    advised = default_lists((await held.execute(search.count(table, search.EVERYTHING)))[0][0])
    for index in existing:
        if index.valid and index.measure is measure.measure and index.method == method.value:
            lists = int(index.options.get("lists", "100"))
            # A collection that grew a little keeps the index it has.
            if lists <= 2 * advised and advised <= 2 * lists:
                return IndexArgsIVFFlat(lists)
    return IndexArgsIVFFlat(advised)


async def drop_index(executor: AsyncExecutor, table: Table, name: str) -> None:
    """Drop one index by name, when nobody else builds or drops one; concurrently."""
    async with building_session(executor, table, AsyncWatch(executor, None)) as held:
        await held.alone(sql.drop_index(table, name, concurrently=True), NO_TIMEOUT)
