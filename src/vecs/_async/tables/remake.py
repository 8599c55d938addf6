"""Replace an empty collection that does not have the wanted dimension, transform and so on."""

from __future__ import annotations

from vecs._async.indexing.guard import altering
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.tables.create import NewCollection, create_anew, dimension_of
from vecs._checks.settings import of_tenants
from vecs._sql import remaking, tables
from vecs._sql.scalars import only_value
from vecs._sql.tables import Table
from vecs.exc import ArgError, DatabaseError


async def remade(executor: AsyncExecutor, found: Table, new: NewCollection, error: ArgError) -> bool:
    """
    Replace a collection that has no records and does not fit; return whether it has changed.

    It is dropped and created in one transaction, while nobody reads or writes it. If anything else would be lost, an
    error says so. It is not changed if it has records, or if this role cannot see whether it has.
    """
    if found.row_security or of_tenants(executor.settings):
        return False
    try:
        if only_value(await executor.read(remaking.has_records(found))):
            return False
        dimension = await dimension_of(new)
        async with altering(executor, found) as session:
            await session.execute(tables.lock_creation())
            rows = await session.execute(tables.find_table(found.schema, found.name))
            there = tables.read_table(rows, found.schema, found.name, found.extension)
            if there is None or (there, there.comment) != (found, found.comment):
                # Another client was faster.
                return True
            await session.execute(remaking.lock_against_all(found))
            if only_value(await session.execute(remaking.has_records(found))):
                return False
            if not only_value(await session.execute(remaking.is_as_made(found))):
                raise type(error)(
                    f"{error}. It is empty, but vecs cannot replace it: columns, indexes, views, privileges or such "
                    "of others would be lost, or another role owns it. Call delete_collection() first"
                )
            await session.execute(tables.drop_table(found.schema, found.name))
            await create_anew(executor, session, new, dimension)
    except DatabaseError as failed:
        raise error from failed
    return True
