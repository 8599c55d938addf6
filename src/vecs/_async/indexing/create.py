"""Builds indexes: the new one is built before the old one is dropped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from vecs._async.indexing.guard import NO_TIMEOUT, building_session, tidy, timeouts_of_pooler, without_leftovers
from vecs._async.indexing.watch import AsyncWatch
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection
from vecs._checks.shown import brief
from vecs._concurrency.waiting import async_shielded
from vecs._indexing.memory import build_bytes, megabytes, needed_bytes
from vecs._indexing.wanted import (
    BuildOptions,
    IndexPlan,
    IndexRequest,
    index_on_key,
    lists_for,
    plan_index,
    requested_index,
)
from vecs._reports.builds import BuildReport
from vecs._sql import builds, indexes
from vecs._sql.filters import KEY_TYPES, KeyType
from vecs._sql.indexes import IndexInfo, IndexSpec
from vecs._sql.scalars import first_column, only_value
from vecs._sql.settings import NO_SETTINGS, Settings
from vecs._sql.tables import Table
from vecs.exc import ArgError, DatabaseError, IndexNotFound
from vecs.indexes import IndexArgsHNSW, IndexArgsIVFFlat, IndexMethod, build_options

log = logging.getLogger("vecs")


async def create_index(
    executor: AsyncExecutor, table: Table, request: IndexRequest, how: BuildOptions, report: BuildReport | None
) -> str:
    """Build an index for a measure, and the metadata index if there is none; return the vector index's name."""
    spec = requested_index(table, request)
    watch = AsyncWatch(executor, report)
    async with building_session(executor, table, watch) as pinned:
        existing = await without_leftovers(pinned, table, watch)
        if request.args is None:
            spec = replace(spec, options=await _default_options(pinned, spec, existing))
        plan = plan_index(spec, existing, replace=request.replace, concurrently=how.concurrently)
        if plan.statements:
            await build(executor, pinned, spec, plan, how, watch)
            await watch.tell(watch.tracker.at("analyzing", 99.0, plan.name))
            # Without statistics the planner guesses how many records a filter keeps.
            await pinned.execute(indexes.analyze(table))
        else:
            log.info("collection %r already has the index %s; nothing to build", table.name, plan.name)
        for name in plan.superseded:
            await watch.tell(watch.tracker.at("dropping the index that was replaced", 99.0, plan.name))
            # Concurrently, so that searches do not wait for those that use it.
            await pinned.outside_transaction(indexes.drop_index(table, name, concurrently=True))
    await watch.tell(watch.tracker.at("done" if plan.statements else "exists already", 100.0, plan.name))
    return plan.name


async def _default_options(
    pinned: AsyncPinnedConnection, spec: IndexSpec, existing: Sequence[IndexInfo]
) -> dict[str, int]:
    if spec.method is IndexMethod.hnsw:
        return build_options(IndexArgsHNSW())
    rows = only_value(await pinned.execute(indexes.count_indexed(spec)))
    return build_options(IndexArgsIVFFlat(lists_for(spec, existing, rows)))


async def build(
    executor: AsyncExecutor,
    pinned: AsyncPinnedConnection,
    spec: IndexSpec,
    plan: IndexPlan,
    how: BuildOptions,
    watch: AsyncWatch,
    others: Settings = NO_SETTINGS,
) -> None:
    """Build what is planned, with the memory that it needs, and with other settings."""
    rows, memory = await _rows_and_memory(executor, pinned, spec, how.memory)
    settings = {**others, "maintenance_work_mem": memory}
    if how.workers is not None:
        settings["max_parallel_maintenance_workers"] = str(how.workers)
    if executor.pooler and how.concurrently and (said := await timeouts_of_pooler(pinned)) is not None:
        log.warning("%s", said)
    try:
        with pinned.hearing(_listener(plan.name, memory, rows)):
            if how.concurrently:
                for number, statement in enumerate(plan.statements):
                    watch.tracker.begin(builds.built_index(statement), number, len(plan.statements), rows)
                    async with watch.over(statement):
                        await pinned.outside_transaction(statement, settings)
                return
            async with pinned.transaction(settings) as session:
                for number, statement in enumerate(plan.statements):
                    watch.tracker.begin(builds.built_index(statement), number, len(plan.statements), rows)
                    async with watch.over(statement):
                        await session.execute(statement)
    except BaseException as error:
        if how.concurrently:
            await async_shielded(tidy(executor, pinned, spec.table, plan.statements))
        if isinstance(error, DatabaseError) and "memory required is" in str(error):
            raise DatabaseError(f"{error}; give it by memory=, or ask for fewer lists", error.sqlstate) from error
        raise


async def _rows_and_memory(
    executor: AsyncExecutor, pinned: AsyncPinnedConnection, spec: IndexSpec, memory: str | None
) -> tuple[int, str]:
    """Return about how many records a build reads, and maintenance_work_mem for it."""
    server = builds.read_estimate(await pinned.execute(builds.estimate(spec.table)))
    rows = server.rows
    if rows is None or spec.condition.parts:
        # The catalog knows nothing of a part of the records.
        rows = only_value(await pinned.execute(indexes.count_indexed(spec)))
    if memory is None:
        machine = None
        if executor.server is not None:
            from vecs.embedded.settings import memory as machine_memory

            machine = machine_memory()
        needed = needed_bytes(spec, rows)
        memory = megabytes(build_bytes(needed, server.maintenance_work_mem, server.shared_buffers, machine))
    return rows, memory


def _listener(index: str, memory: str, rows: int) -> Callable[[str], None]:
    """Return a function that logs the server's notices about a build, with what to do about them."""

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
    name = indexes.key_index_name(key, found, uuid4().hex[:7])
    create = indexes.create_key_index(table, name, key, found, concurrently=concurrently)
    watch = AsyncWatch(executor, None)
    async with building_session(executor, table, watch) as pinned:
        kept = index_on_key(await without_leftovers(pinned, table, watch), key, found)
        if kept is not None:
            log.info("collection %r already has the index %s; nothing to build", table.name, kept)
            return kept
        try:
            if concurrently:
                await pinned.outside_transaction(create)
            else:
                await pinned.execute(create)
        except BaseException:
            if concurrently:
                await async_shielded(tidy(executor, pinned, table, [create]))
            raise
        # Statistics of the key are those of the index's expression, so they begin with this.
        await pinned.execute(indexes.analyze(table))
    return name


async def _type_of(executor: AsyncExecutor, table: Table, key: str) -> KeyType:
    types = first_column(await executor.read(indexes.key_types(table, key), NO_TIMEOUT))
    found: list[KeyType] = [type for type in KEY_TYPES if type in types]
    if len(found) == 1:
        return found[0]
    there = "both numbers and strings" if found else f"no numbers or strings (but: {', '.join(types) or 'nothing'})"
    raise ArgError(
        f"the records of {table.name!r} have {there} at {brief(key)}; give type='number' or type='string' "
        "(an index is for one of them; you can build two)"
    )


async def drop_index(executor: AsyncExecutor, table: Table, name: str) -> None:
    """Drop one index by name, when nobody else builds or drops one; concurrently."""
    async with building_session(executor, table, AsyncWatch(executor, None)) as pinned:
        existing = indexes.read_indexes(await pinned.execute(indexes.list_indexes(table)), table)
        if name not in [index.name for index in existing]:
            raise IndexNotFound(f"the index {name!r} of collection {table.name!r} was dropped by somebody else")
        await pinned.outside_transaction(indexes.drop_index(table, name, concurrently=True))
