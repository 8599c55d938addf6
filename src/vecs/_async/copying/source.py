"""The side that a copy is read from: one snapshot, and what it tells."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.tables.find import require_table
from vecs._async.tables.refused import saying_what_to_grant
from vecs._checks.settings import of_tenants
from vecs._checks.shown import brief
from vecs._sql import copied_rows, copying
from vecs._sql.copied_rows import Checksum
from vecs._sql.copying import CopiedColumn, Definition, copying_path
from vecs._sql.scalars import first_column, only_value
from vecs._sql.settings import ping, set_all
from vecs._sql.tables import Table
from vecs.exc import DatabaseError

_READING = {
    "transaction_isolation": "repeatable read",
    "transaction_read_only": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True)
class AsyncSource:
    """A collection as one snapshot shows it: what others write meanwhile is not copied."""

    session: AsyncSession
    table: Table
    definition: Definition
    # Whether pgvector is in the same schema on the other side.
    alike: bool

    @property
    def key(self) -> CopiedColumn:
        """The column of the ids."""
        return next(column for column in self.definition.columns if column.name == "id")

    async def page_end(self, after: str | None, size: int) -> str | None:
        """Return the last id of a page of so many records behind an id; None behind the last record."""
        for statement in (
            copied_rows.next_id(self.table, self.key, after, size),
            copied_rows.last_id(self.table, self.key, after),
        ):
            for id in first_column(await self.session.execute(statement)):
                return id
        return None

    async def count(self, upto: str | None = None) -> int:
        """Count the records, up to an id."""
        return only_value(await self.session.execute(copied_rows.count_to(self.table, self.key, upto)))

    async def checksums(self) -> dict[str, Checksum]:
        """Return the checksums of the records, by part."""
        statement = copied_rows.checksums(self.table.identifier, self.definition, "vec", self.table.extension.schema)
        return copied_rows.read_checksums(await self.session.execute(statement))

    @asynccontextmanager
    async def page(self, after: str | None, upto: str) -> AsyncGenerator[psycopg.AsyncCopy]:
        """Stream the records behind one id, up to another."""
        async with self.session.copy(copied_rows.copy_page(self.table, self.definition, after, upto)) as stream:
            yield stream

    @asynccontextmanager
    async def parts(self, parts: list[str]) -> AsyncGenerator[psycopg.AsyncCopy]:
        """Stream the records of these parts."""
        async with self.session.copy(copied_rows.copy_parts(self.table, self.definition, parts)) as stream:
            yield stream


@asynccontextmanager
async def read_source(
    executor: AsyncExecutor, schema: str, name: str, other_extension: str | None
) -> AsyncGenerator[AsyncSource]:
    """
    Open a snapshot of a collection.

    Raises CollectionNotFound; and DatabaseError where this role cannot see all records, or where no unique id tells
    which of them are copied.
    """
    table = await require_table(executor, schema, name)
    if table.row_security or of_tenants(executor.settings):
        raise DatabaseError(
            f"policies may hide records of {brief(name)} from this role, and a copy would lack them: copy as the owner "
            "of the table, or as a role with BYPASSRLS"
        )
    if not table.keyed:
        raise DatabaseError(f"the ids of {brief(name)} are not unique: give its table a primary key (id) first")
    # A read replaces dead connections, and starts an embedded server again that has died.
    await executor.read(ping())
    async with (
        saying_what_to_grant(executor, schema, name, "select"),
        executor.outside_pool() as pinned,
        pinned.transaction(_READING) as session,
    ):
        alike = table.extension.schema == other_extension
        await session.execute(set_all(copying_path(table.extension.schema, alike=alike), local=True))
        definition = copying.read_definition(
            await session.execute(copying.read_columns(table)),
            await session.execute(copying.read_indexes(table)),
            await session.execute(copying.read_rest(table)),
        )
        yield AsyncSource(session, table, definition, alike)
