"""Builds indexes: the new one is built before the old one goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from uuid import uuid4

from vecs._async.indexing.guard import NO_TIMEOUT, building_session, tidy, without_leftovers
from vecs._async.indexing.watch import AsyncWatch
from vecs._async.sending.executor import AsyncExecutor, AsyncHeld
from vecs._concurrency.waiting import async_shielded
from vecs._indexing.memory import build_bytes, megabytes, needed_bytes
from vecs._indexing.precision import precision_to_build
from vecs._indexing.wanted import BuildOptions, Wanted, available_method, index_on_key
from vecs._reports.builds import BuildReport
from vecs._sql import indexes as sql
from vecs._sql.builds import built_index, estimate
from vecs._sql.filters import KEY_TYPES, KeyType, index_condition
from vecs._sql.fragment import EMPTY
from vecs._sql.indexes import IndexInfo
from vecs._sql.records import count_records
from vecs._sql.selection import EVERYTHING
from vecs._sql.table import Table
from vecs.exc import ArgError, DatabaseError
from vecs.filters import Filter
from vecs.indexes import (
    IndexArgs,
    IndexArgsHNSW,
    IndexArgsIVFFlat,
    IndexMethod,
    build_options,
    default_lists,
)
from vecs.measures import MeasureSpec
from vecs.storage import VEC_TYPES, IndexPrecision

log = logging.getLogger("vecs")


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
    method = available_method(table, measure, chosen, method)
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
        rows = (await held.execute(count_records(wanted.table, EVERYTHING)))[0][0]
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


async def create_key_index(
    executor: AsyncExecutor, table: Table, key: str, type: KeyType | None, *, concurrently: bool
) -> str:
    """Build the metadata index for ranges at a key, if there is none; return its name."""
    found: KeyType = await _type_of(executor, table, key) if type is None else type
    name = sql.key_index_name(key, found, uuid4().hex[:7])
    create = sql.create_key_index(table, name, key, found, concurrently=concurrently)
    watch = AsyncWatch(executor, None)
    async with building_session(executor, table, watch) as held:
        kept = index_on_key(await without_leftovers(held, table, watch), key, found)
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


async def _default_args(
    held: AsyncHeld, table: Table, measure: MeasureSpec, method: IndexMethod, existing: Sequence[IndexInfo]
) -> IndexArgs:
    if method is IndexMethod.hnsw:
        return IndexArgsHNSW()
    advised = default_lists((await held.execute(count_records(table, EVERYTHING)))[0][0])
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
