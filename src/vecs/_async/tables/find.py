"""Finding a collection's table in the database."""

from __future__ import annotations

from typing import Any

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.tables.refused import saying_what_to_grant
from vecs._checks.meant import near
from vecs._checks.shown import brief
from vecs._sql import reading, relations, tables
from vecs._sql.attaching import relation_name
from vecs._sql.scalars import first_column
from vecs._sql.tables import Table, check_name
from vecs.exc import ArgError, CollectionAlreadyExists, CollectionNotFound, DatabaseError


async def find_relation(executor: AsyncExecutor, schema: str, name: str) -> list[tuple[Any, ...]]:
    """Return the catalog's rows about a relation of that name, a collection's table or not."""
    # The catalog may be read by anybody, but a role in the settings may not be set.
    async with saying_what_to_grant(executor, schema, None):
        return await executor.read(relations.find_relation(schema, check_name(name)))


async def find_table(executor: AsyncExecutor, schema: str, name: str) -> Table | None:
    """Return the collection's table; raises CollectionAlreadyExists for a relation that is something else."""
    rows = await find_relation(executor, schema, name)
    if rows and executor.extension is None:
        await executor.refresh_extension()
    return reading.read_table(rows, schema, name, executor.extension)


async def require_table(executor: AsyncExecutor, schema: str, name: str) -> Table:
    """Return the collection's table, or raise CollectionNotFound."""
    try:
        table = await find_table(executor, schema, name)
    except CollectionAlreadyExists as error:
        raise CollectionNotFound(str(error)) from None
    if table is None:
        meant = near(name, await _names(executor, schema))
        hint = "" if meant is None else f"; did you mean {brief(meant)}?"
        other = await table_named(executor, name)
        if other is not None:
            hint = f"; there is a table {other}, which client.attach({other!r}, vec=...) opens"
        raise CollectionNotFound(f"no collection {brief(name)} in schema {schema!r} of {executor.target}{hint}")
    return table


async def table_named(executor: AsyncExecutor, name: str) -> str | None:
    """Return the table that `attach()` finds by the name of a collection that is not there; None if there is none."""
    try:
        schema, table = relation_name(name)
        rows = await executor.read(relations.find_relation(schema or "public", table))
    except (ArgError, DatabaseError):
        return None
    found = relations.ColumnRow(*rows[0]) if rows else None
    return found.relation if found is not None and found.relkind in relations.KINDS_OF_RELATIONS else None


async def _names(executor: AsyncExecutor, schema: str) -> list[str]:
    try:
        return first_column(await executor.read(tables.find_tables(schema)))
    except DatabaseError:
        # That the collection is not there is what the caller has to know.
        return []
