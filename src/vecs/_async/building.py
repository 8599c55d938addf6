"""Builds indexes: the new one is built before the old one goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from vecs._async.executor import AsyncExecutor, AsyncHeld
from vecs._async.guarding import NO_TIMEOUT, building_session, tidy, without_leftovers
from vecs._async.watching import AsyncWatch
from vecs._memory import build_bytes, megabytes, needed_bytes
from vecs._pairs import async_shielded
from vecs._phases import BuildReport
from vecs._sql import indexes as sql
from vecs._sql import search
from vecs._sql.builds import built_index, estimate
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs.exc import ArgError, DatabaseError
from vecs.indexes import (
    MAX_INDEXED_DIMENSION,
    METHODS,
    IndexArgs,
    IndexArgsHNSW,
    IndexArgsIVFFlat,
    IndexMethod,
    build_options,
    default_lists,
)
from vecs.measures import MeasureSpec

log = logging.getLogger("vecs")


async def list_indexes(executor: AsyncExecutor, table: Table) -> list[IndexInfo]:
    """Read the indexes of a collection."""
    return sql.read_indexes(await executor.read(sql.list_indexes(table)))


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
    *,
    replace: bool,
    how: BuildOptions,
    report: BuildReport | None,
) -> str:
    """Build an index for a measure, and the metadata index if there is none; return the vector index's name."""
    method = _available(table, measure, method)
    if args is not None:
        build_options(args)
    watch = AsyncWatch(executor, report)
    async with building_session(executor, table, watch) as held:
        existing = await without_leftovers(held, table, watch)
        if args is None:
            args = await _default_args(held, table, measure, method, existing)
        wanted = Wanted(table, measure, method, build_options(args), how.concurrently)
        kept, statements = wanted.missing(existing, replace)
        if statements:
            await _build(executor, held, wanted, kept, statements, how, watch)
            await watch.tell(watch.tracker.at("analyzing", 99.0, kept))
            # Without statistics the planner guesses what a filter keeps.
            await held.alone(sql.analyze(table), NO_TIMEOUT)
        else:
            log.info("collection %r already has the index %s; nothing to build", table.name, kept)
        for index in existing:
            if index.valid and index.measure is measure.measure and index.name != kept:
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
        needed = needed_bytes(wanted.method, wanted.options, rows, 8 + 4 * (wanted.table.dimension or 0))
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
    method: IndexMethod
    options: Mapping[str, int]
    concurrently: bool

    def missing(self, existing: Sequence[IndexInfo], replace: bool) -> tuple[str, list[sql.Fragment]]:
        """Return the name of the index, be it there or new, and what has to be built."""
        valid = [index for index in existing if index.valid]
        same_measure = [index for index in valid if index.measure is self.measure.measure]
        if same_measure and not replace:
            raise ArgError(
                f"replace is set to False but an index exists: {same_measure[0].name!r} "
                f"for {self.measure.measure.value}"
            )
        options = {name: str(value) for name, value in self.options.items()}
        equal = [i.name for i in same_measure if i.method == self.method.value and dict(i.options) == options]
        name = equal[0] if equal else sql.index_name(self.measure, self.method, self.options, uuid4().hex[:7])
        statements: list[sql.Fragment] = []
        if not equal:
            statements.append(
                sql.create_vector_index(
                    self.table, name, self.measure, self.method, self.options, concurrently=self.concurrently
                )
            )
        if not any(index.column == "metadata" and index.method == "gin" for index in valid):
            unique = f"ix_meta_{uuid4().hex[:7]}"
            statements.append(sql.create_metadata_index(self.table, unique, concurrently=self.concurrently))
        return name, statements


def _available(table: Table, measure: MeasureSpec, method: IndexMethod) -> IndexMethod:
    version = table.extension.version
    shown = ".".join(map(str, version))
    has_hnsw = version >= (0, 5)
    if method is IndexMethod.auto:
        method = IndexMethod.hnsw if has_hnsw else IndexMethod.ivfflat
    if method is IndexMethod.hnsw and not has_hnsw:
        raise ArgError(
            "HNSW Unavailable. Upgrade your pgvector installation to >= 0.5.0 to enable HNSW support "
            f"(it is {shown}), or use method='ivfflat'"
        )
    if measure.measure not in METHODS[method].measures:
        raise ArgError(f"pgvector has no {method.value} index for {measure.measure.value}; use method='hnsw'")
    if measure.opclass == "vector_l1_ops" and version < (0, 7):
        raise ArgError(f"l1_distance needs pgvector 0.7 or newer; the server has {shown}")
    if table.dimension is None:
        raise ArgError(f"collection {table.name!r} was made without a dimension; its vectors cannot be indexed")
    if table.dimension > MAX_INDEXED_DIMENSION:
        raise ArgError(
            f"collection {table.name!r} has {table.dimension} dimensions; an index takes up to "
            f"{MAX_INDEXED_DIMENSION}. Searches work without one, by comparing every record"
        )
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
