"""Another model for a collection: texts are embedded in small steps, and then the new vectors replace the old."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from vecs._async.indexing.create import build
from vecs._async.indexing.guard import NO_TIMEOUT, altering, building_session
from vecs._async.indexing.watch import AsyncWatch
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection, AsyncSession
from vecs._async.transforming import transform_records
from vecs._concurrency.calls import async_offload, async_offload_many
from vecs._concurrency.waiting import async_pause
from vecs._connecting.errors import Conflict, conflict_pauses
from vecs._indexing.wanted import BuildOptions, IndexPlan
from vecs._sql import indexes, reading, reembedding, relations, tables
from vecs._sql.indexes import INDEX_NAME, IndexSpec, analyze
from vecs._sql.reembedding import Pending
from vecs._sql.scalars import only_value
from vecs._sql.settings import READ_COMMITTED
from vecs._sql.tables import Table
from vecs._writing.hashes import Fingerprint, fingerprint
from vecs._writing.reembedding import (
    check_dependants,
    check_done,
    check_may_be_embedded,
    check_same,
    described_start,
    described_stop,
    described_switch,
    embedder_for,
    embeds_titles,
    is_under_way,
    named,
    new_rows,
    records_of,
)
from vecs.exc import DatabaseError
from vecs.transforms import Transform

log = logging.getLogger("vecs")

# Names of other schemas are written out then, and none is looked for there.
_NO_PATH = {"search_path": "pg_catalog"}
_IN_USE, _NO_COLUMN = "55P03", "42703"
# How long the switch waits for those who read or write; others wait behind it meanwhile.
_LOCK_TIMEOUT = "2s"


class AsyncReembedding:
    """One call of `reembed()`."""

    def __init__(
        self, executor: AsyncExecutor, table: Table, transform: Transform, dimension: int, batch_size: int
    ) -> None:
        self._executor, self._table, self._transform, self._batch_size = executor, table, transform, batch_size
        self._embedder = embedder_for(transform)
        self._titles = embeds_titles(transform)
        self._new_table = replace(table, dimension=dimension)
        self._print: Fingerprint | None = None
        self._model = ""
        # Rows that were written before this transaction have their new vectors.
        self._since: str | None = None
        self.embedded = 0
        # Whether another call has put these vectors in place.
        self.is_over = False

    async def begin(self) -> tuple[int, int]:
        """Make the columns of the new vectors, unless they are there; return how many records and vectors there are."""
        table = self._table
        self._print = await async_offload(fingerprint, self._embedder)
        self._model = await async_offload(named, self._transform)
        async with altering(self._executor, table, NO_TIMEOUT) as session:
            found = await _read(session, table)
            if is_under_way(found):
                check_same(found, self._transform)
            await self._check(session)
            if not is_under_way(found):
                dimension = self._new_table.dimension or 0
                await session.execute(reembedding.drop_columns(table))
                for statement in reembedding.add_columns(table, dimension):
                    await session.execute(statement)
                for statement in reembedding.keep(table, await session.execute(reembedding.find_kept(table))):
                    await session.execute(statement)
                await session.execute(tables.write_comment(table, described_start(found, self._transform)))
        total, done = (await self._executor.read(reembedding.count_pending(table), NO_TIMEOUT))[0]
        if is_under_way(found):
            log.info("continuing to embed collection %r anew: %d of %d records are done", table.name, done, total)
        return total, done

    async def _check(self, session: AsyncSession) -> None:
        """Raise ArgError if something stands in the way, before anything is changed or embedded."""
        await self._specs(session)
        textless = only_value(await session.execute(reembedding.count_textless(self._table)))
        check_may_be_embedded(self._table, textless)

    async def _specs(self, session: AsyncSession | AsyncPinnedConnection) -> dict[str, IndexSpec]:
        """Return the indexes that the new vectors need, by the names of those of the old ones."""
        table = self._table
        specs: dict[str, IndexSpec] = {}
        depending = reembedding.read_dependants(await session.execute(reembedding.find_dependants(table)))
        names = {each.index_name for each in depending}
        for row in await session.execute(indexes.list_indexes(table)):
            spec = reembedding.next_index(table, row) if row[INDEX_NAME] in names else None
            if spec is not None:
                specs[row[INDEX_NAME]] = replace(spec, table=replace(spec.table, dimension=self._new_table.dimension))
        check_dependants(table, depending, list(specs))
        return specs

    async def catch_up(self, update: Callable[[int], object]) -> int:
        """Embed what has no new vector, or one of another text; return how many records that was."""
        try:
            return await self._caught_up(update)
        except DatabaseError as error:
            if error.sqlstate != _NO_COLUMN:
                raise
            # Another call has just put the vectors in place, or dropped them.
            await self._look()
            if not self.is_over:
                raise
            return 0

    async def _caught_up(self, update: Callable[[int], object]) -> int:
        since: str = only_value(await self._executor.read(reembedding.current_transaction()))
        count, after = 0, None
        while True:
            await self._look()
            if self.is_over:
                return 0
            statement = reembedding.find_pending(self._table, self._model, after, self._since, self._batch_size)
            pending = reembedding.read_pending(await self._executor.read(statement, NO_TIMEOUT))
            if not pending:
                break
            if any(each.text is None for each in pending):
                textless: int = only_value(await self._executor.read(reembedding.count_textless(self._table)))
                check_may_be_embedded(self._table, max(1, textless))
            await self._embed(pending)
            count, after = count + len(pending), pending[-1].id
            update(len(pending))
        self._since = since
        return count

    async def _look(self) -> None:
        """Note whether another call was faster; raise ArgError if this one was cancelled, or another model comes."""
        async with self._executor.transaction(NO_TIMEOUT) as session:
            found = await _read(session, self._table)
        if is_under_way(found):
            check_same(found, self._transform)
        else:
            check_done(found, self._transform)
            self.is_over = True

    async def _embed(self, pending: Sequence[Pending]) -> None:
        given = await async_offload_many(len(pending), records_of, pending, titles=self._titles)
        made = await transform_records(self._embedder, given)
        assert self._print is not None
        rows = await async_offload_many(len(made), new_rows, self._new_table, self._print, pending, given, made)
        statement = reembedding.store(self._new_table, self._model, rows)
        for seconds in conflict_pauses():
            try:
                await self._executor.write(statement)
                break
            except Conflict:
                await async_pause(seconds)
        else:
            await self._executor.write(statement)
        self.embedded += len(rows)

    async def build_indexes(self) -> bool:
        """Build the indexes that the new vectors lack; return whether there were any."""
        watch = AsyncWatch(self._executor, None)
        built = False
        async with building_session(self._executor, self._table, watch) as pinned:
            async with pinned.transaction(_NO_PATH) as session:
                specs = await self._specs(session)
                found = {row[INDEX_NAME]: row for row in await session.execute(indexes.list_indexes(self._table))}
            for name, spec in specs.items():
                next_name = reembedding.next_index_name(name)
                there = found.get(next_name)
                if there is not None and indexes.read_indexes([there], self._table)[0].valid:
                    continue
                if there is not None:
                    # A build that was interrupted left it.
                    await pinned.outside_transaction(indexes.drop_index(self._table, next_name, concurrently=True))
                statement = reembedding.create_next_index(spec, name)
                plan = IndexPlan(next_name, [statement], [])
                await build(self._executor, pinned, spec, plan, BuildOptions(concurrently=True), watch, _NO_PATH)
                built = True
        return built

    async def switch(self) -> bool:
        """Put the new vectors in place of the old, unless something changed meanwhile; return whether it did."""
        settings = {**READ_COMMITTED, "lock_timeout": _LOCK_TIMEOUT, "statement_timeout": "0", **_NO_PATH}
        try:
            async with altering(self._executor, self._table, settings) as session:
                await session.execute(reembedding.lock_table(self._table))
                found = await _read(session, self._table)
                if not is_under_way(found):
                    # Another process was faster, unless somebody cancelled it.
                    check_done(found, self._transform)
                    return True
                check_same(found, self._transform)
                if only_value(await session.execute(reembedding.has_pending(self._table, self._model, self._since))):
                    return False
                specs = await self._specs(session)
                names = {row[INDEX_NAME] for row in await session.execute(indexes.list_indexes(self._table))}
                if not {reembedding.next_index_name(name) for name in specs} <= names:
                    return False
                for statement in reembedding.switch(found, list(specs)):
                    await session.execute(statement)
                await session.execute(tables.write_comment(found, described_switch(found, self._transform)))
        except DatabaseError as error:
            if error.sqlstate != _IN_USE:
                raise
            log.info("collection %r is in use; its new vectors wait to take the place of the old", self._table.name)
            return False
        return True

    async def finish(self) -> None:
        """Refresh the planner's statistics."""
        async with self._executor.transaction(NO_TIMEOUT) as session:
            await session.execute(analyze(self._table))


async def cancel(executor: AsyncExecutor, table: Table) -> bool:
    """Drop the new vectors of a collection; return whether there were any."""
    async with altering(executor, table, NO_TIMEOUT) as session:
        found = await _read(session, table)
        if not is_under_way(found):
            return False
        await session.execute(reembedding.drop_columns(table))
        await session.execute(tables.write_comment(table, described_stop(found)))
    return True


async def _read(session: AsyncSession, table: Table) -> Table:
    rows = await session.execute(relations.find_relation(table.schema, table.name))
    return reading.read_table(rows, table.schema, table.name, table.extension) or table
