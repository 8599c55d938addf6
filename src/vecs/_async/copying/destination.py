"""The side that a copy is written to: a table that is no collection until it is complete."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import psycopg

from vecs._async.indexing.guard import NO_TIMEOUT
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection, AsyncSession
from vecs._async.tables.create import prepare_extension, prepare_schema
from vecs._checks.shown import brief
from vecs._indexing.memory import build_bytes, megabytes, vector_bytes
from vecs._sql import builds, copied_rows, copying, tables
from vecs._sql.copied_rows import UNFINISHED, Checksum, Mark
from vecs._sql.copying import Definition, copying_path
from vecs._sql.extension import Extension
from vecs._sql.fragment import Identifier
from vecs._sql.indexes import analyze
from vecs._sql.scalars import first_column
from vecs._sql.settings import READ_COMMITTED, set_all
from vecs._sql.tables import Table
from vecs.exc import CollectionAlreadyExists, DatabaseError
from vecs.storage import check_version

_WRITING = {**READ_COMMITTED, **NO_TIMEOUT}
# Bytes that are sent at once: the server gives every record alone.
_BLOCK = 1 << 18


class _Undone(Exception):
    """Ends a rehearsal: its transaction is rolled back."""


@dataclass
class AsyncDestination:
    """Where a copy goes: `table` is the source's, under the name that the copy gets."""

    executor: AsyncExecutor
    pinned: AsyncPinnedConnection
    table: Table
    # The name of the source: names of indexes may begin with it.
    source: str
    definition: Definition
    # Whether pgvector is in the same schema on both sides.
    alike: bool
    # The collection that it takes the place of.
    replaces: Table | None
    # Whether it is all undone at the end; an unfinished copy may be there under the other name.
    trial: bool = False

    @property
    def staging(self) -> Identifier:
        """The table that is filled."""
        return Identifier(self.table.schema, self._staging_name)

    async def rehearse(self) -> None:
        """Make and index the collection without records, and undo it: what would fail fails before anything is made."""
        trial = replace(self, trial=True)
        try:
            async with trial._transaction() as session:
                await trial._make(session)
                await trial._publish(session)
                raise _Undone
        except _Undone:
            return

    async def begin(self) -> Mark:
        """Return how far an earlier run came, as this run's mark; where there was none, make the table."""
        mark = Mark(self.definition.digest, uuid4().hex)
        async with self._transaction() as session:
            await session.execute(tables.lock_creation())
            found = copied_rows.read_mark(await session.execute(copied_rows.find_mark(self.staging)))
            if found is not None:
                # Another run may have written meanwhile.
                await session.execute(copied_rows.lock_staging(self.staging))
                found = copied_rows.read_mark(await session.execute(copied_rows.find_mark(self.staging)))
            if found is not None and found.digest == mark.digest:
                mark = replace(found, run=mark.run)
                await session.execute(copied_rows.write_mark(self.staging, mark))
            else:
                if found is not None:
                    await session.execute(tables.drop_table(self.table.schema, self._staging_name))
                await self._make(session)
                await session.execute(copied_rows.write_mark(self.staging, mark))
        await self.executor.refresh_extension()
        return mark

    async def take(self, mark: Mark, new: Mark, stream: AbstractAsyncContextManager[psycopg.AsyncCopy]) -> Mark:
        """Write a stream of records and the new mark, in one transaction; return the mark with the records counted."""
        async with self._transaction() as session:
            await self._check_mark(session, mark)
            await self._fill(session, stream)
            new = replace(new, records=mark.records + session.rowcount)
            await session.execute(copied_rows.write_mark(self.staging, new))
        return new

    async def take_again(
        self, mark: Mark, parts: list[str], stream: AbstractAsyncContextManager[psycopg.AsyncCopy]
    ) -> int:
        """Replace the records of some parts by those of a stream; return how many there are now."""
        async with self._transaction() as session:
            await self._check_mark(session, mark)
            await session.execute(copied_rows.delete_parts(self.staging, parts))
            await self._fill(session, stream)
            return session.rowcount

    async def checksums(self) -> dict[str, Checksum]:
        """Return the checksums of what was written, by part."""
        extension = self.executor.extension
        schema = self.table.extension.schema if extension is None else extension.schema
        statement = copied_rows.checksums(self.staging, self.definition, UNFINISHED, schema)
        async with self._transaction() as session:
            return copied_rows.read_checksums(await session.execute(statement))

    async def publish(self, mark: Mark, records: int) -> tuple[str, ...]:
        """Build the indexes, and make it the collection, in one transaction; return the names of the indexes."""
        memory = await self._memory(records)
        async with self._transaction({"maintenance_work_mem": memory}) as session:
            await self._check_mark(session, mark)
            names = await self._publish(session)
        # The weight of a word comes from the planner's statistics, and what a filter keeps, too.
        async with self.pinned.transaction(_WRITING) as session:
            await session.execute(analyze(self.table))
        return names

    @asynccontextmanager
    async def _transaction(self, settings: dict[str, str] | None = None) -> AsyncGenerator[AsyncSession]:
        async with self.pinned.transaction({**_WRITING, **(settings or {})}) as session:
            await self._use_path(session, self.executor.extension)
            yield session

    async def _use_path(self, session: AsyncSession, extension: Extension | None) -> None:
        if extension is not None:
            await session.execute(set_all(copying_path(extension.schema, alike=self.alike), local=True))

    async def _make(self, session: AsyncSession) -> None:
        await prepare_schema(session, self.table.schema)
        extension = await prepare_extension(self.executor, session)
        await self._use_path(session, extension)
        storage = self.table.storage
        check_version(extension.version, storage.since, f"a collection of {storage.described}", "update pgvector there")
        await session.execute(copying.create_copied(self.definition, self.staging, UNFINISHED))

    async def _publish(self, session: AsyncSession) -> tuple[str, ...]:
        schema, name = self.table.schema, self.table.name
        await session.execute(tables.lock_creation())
        if self.replaces is not None:
            await session.execute(tables.drop_table(schema, name))
        elif await session.execute(copied_rows.taken_names(schema, [name])):
            raise CollectionAlreadyExists(f"collection {brief(name)} was made in schema {schema!r} meanwhile")
        await session.execute(copied_rows.rename_vec(self.staging))
        await session.execute(tables.rename_table(schema, self._staging_name, name))
        await self._name_key(session)
        made = await self._index(session)
        for statement in copying.comments_of(self.definition, self.table.identifier):
            await session.execute(statement)
        for column in self.definition.columns:
            if column.counted:
                await session.execute(copied_rows.continue_counting(self.table.identifier, column))
        if self.definition.table.row_security:
            await session.execute(copying.protect(self.table.identifier))
        return made

    async def _name_key(self, session: AsyncSession) -> None:
        """Give the primary key the name that Postgres gives to one of a table of this name, if that is free."""
        old, new = f"{self._staging_name}_pkey", f"{self.table.name}_pkey"
        taken = first_column(await session.execute(copied_rows.taken_names(self.table.schema, [old, new])))
        if taken == [old] and len(new.encode()) <= 63:
            await session.execute(copied_rows.rename_key(self.table.schema, old, new))

    async def _index(self, session: AsyncSession) -> tuple[str, ...]:
        """Build the indexes; return their names."""
        schema = self.table.schema
        definition = replace(self.definition, indexes=tuple(i for i in self.definition.indexes if i.valid and i.rest))
        suffix = uuid4().hex[:7]
        # Asked for with both endings: a name may be taken, and a new ending hardly.
        own = [index.name for index in definition.indexes]
        taken = first_column(await session.execute(copied_rows.taken_names(schema, own)))
        names = copying.copied_names(definition, self.source, self.table.name, taken, suffix)
        for index, name in zip(definition.indexes, names, strict=True):
            await session.execute(copying.create_copied_index(index, name, self.table.identifier))
            if name is not None and index.comment is not None:
                await session.execute(copying.index_comment(schema, name, index.comment))
        made = copying.read_definition((), await session.execute(copying.read_indexes(self.table)), [(None,) * 9])
        return tuple(index.name for index in made.indexes)

    async def _check_mark(self, session: AsyncSession, mark: Mark) -> None:
        """Raise DatabaseError where another run has taken the copy over, or dropped it."""
        found = copied_rows.read_mark(await session.execute(copied_rows.find_mark(self.staging)))
        if found is not None and found.run == mark.run:
            await session.execute(copied_rows.lock_staging(self.staging))
            found = copied_rows.read_mark(await session.execute(copied_rows.find_mark(self.staging)))
        if found is None or found.run != mark.run:
            raise DatabaseError(
                f"another process copies to {brief(self.table.name)} too, and goes on with what is there"
            )

    async def _fill(self, session: AsyncSession, stream: AbstractAsyncContextManager[psycopg.AsyncCopy]) -> None:
        async with stream as source, session.copy(copied_rows.copy_into(self.staging, self.definition)) as into:
            waiting: list[bytes] = []
            size = 0
            async for data in source:
                waiting.append(bytes(data))
                size += len(data)
                if size >= _BLOCK:
                    await into.write(b"".join(waiting))
                    waiting, size = [], 0
            if waiting:
                await into.write(b"".join(waiting))

    async def _memory(self, records: int) -> str:
        """Return maintenance_work_mem for the builds, by the largest: an HNSW graph."""
        rows = await self.pinned.execute(builds.estimate(replace(self.table, name=self._staging_name)))
        server = builds.read_estimate(rows)
        machine = None
        if self.executor.server is not None:
            from vecs.embedded.settings import memory

            machine = memory()
        needed = records * (vector_bytes(self.table.vec_type, self.table.dimension or 2000) + 210 + 32 * 16)
        return megabytes(build_bytes(needed, server.maintenance_work_mem, server.shared_buffers, machine))

    @property
    def _staging_name(self) -> str:
        name = copied_rows.staging_name(self.table.schema, self.table.name)
        return f"{name}_trial" if self.trial else name
