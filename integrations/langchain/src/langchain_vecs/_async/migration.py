"""Read what langchain-postgres stored: one look at it, in one transaction, a few hundred rows at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncRawServerCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from langchain_vecs import _migration_sql as statements
from langchain_vecs.migration import Facts, Layout, Row, Source, collection_not_found, find_layout, table_not_found
from vecs import Record
from vecs.exc import ArgError, DatabaseError
from vecs.sharing import brief
from vecs.sql import Fragment, async_execute

ROWS_AT_A_TIME = 200


class AsyncReading:
    """A source while `open_source` has it open: its `facts`, and its rows as `records()`."""

    def __init__(self, cursor: AsyncRawServerCursor[Row], layout: Layout, facts: Facts) -> None:
        self._cursor = cursor
        self._layout = layout
        self.facts = facts

    async def records(self) -> AsyncGenerator[Record]:
        """Yield a Record for each row that has a vector, in no order; ask for one such reading at a time."""
        read = statements.record_reader(self._layout)
        with _database_errors():
            await self._cursor.execute(*statements.select_records(self._layout).render(), binary=True)
            while rows := await self._cursor.fetchmany(ROWS_AT_A_TIME):
                for row in rows:
                    yield read(row)


@asynccontextmanager
async def open_source(
    connection: AsyncConnection[Any], source: Source, *, skip_without_embedding: bool = False
) -> AsyncGenerator[AsyncReading]:
    """
    Look at a source, in a read-only transaction that lasts as long as the block.

    What others write meanwhile is not seen, and nothing keeps them from it. Rights to SELECT are enough.
    Raises CollectionNotFound where there is no such table or collection; ArgError where a column is missing or could
    be several, ids repeat, dimensions differ, and for rows without a vector unless they are to be left out.
    """
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise ArgError("the connection is in a transaction; commit it, or give another connection")
    async with connection.transaction():
        with _database_errors():
            await _execute(connection, statements.ONE_LOOK)
            layout = await _find_layout(connection, source)
            rows = await _execute(connection, statements.count_rows(layout))
        facts = statements.read_facts(layout, rows[0], skip_without_embedding=skip_without_embedding)
        # Closed here and not by `records()`: a reading given up halfway ends when the garbage collector finds it.
        async with AsyncRawServerCursor(connection, "vecs_migration", row_factory=tuple_row) as cursor:
            yield AsyncReading(cursor, layout, facts)


async def _find_layout(connection: AsyncConnection[Any], source: Source) -> Layout:
    rows = await _execute(connection, statements.find_columns(source))
    if not rows:
        tables = await _execute(connection, statements.find_tables())
        raise table_not_found(source, [(schema, table) for schema, table in tables])
    schema, columns = statements.read_columns(rows)
    layout = find_layout(source, schema, columns)
    if source.collection_name is None:
        return layout
    found = await _execute(connection, statements.find_collection(source, schema))
    if not found:
        names = await _execute(connection, statements.list_collections(schema))
        raise collection_not_found(source, [name for (name,) in names])
    uuid, metadata = found[0]
    what = f"the metadata of collection {brief(source.collection_name)}"
    return replace(layout, collection=uuid, collection_metadata=statements.read_object(metadata, what))


async def _execute(connection: AsyncConnection[Any], statement: Fragment) -> list[Row]:
    # Somebody else's connection: nothing is left prepared on it.
    return await async_execute(connection, statement, prepare=False)


@contextmanager
def _database_errors() -> Generator[None]:
    try:
        yield
    except psycopg.Error as error:
        # Without a code it is Python that has no such value: a timestamp of infinity, a year before the first.
        unreadable = isinstance(error, psycopg.DataError) and error.sqlstate is None
        remedy = "; leave out the column that holds it: metadata_columns= names those to read" if unreadable else ""
        raise DatabaseError(f"cannot read what langchain-postgres stored: {error}{remedy}", error.sqlstate) from error
