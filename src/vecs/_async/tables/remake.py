"""An empty collection made anew, where it was made otherwise than it is wanted."""

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
    Make a collection anew that has no records and does not fit; return whether it has changed.

    It is dropped and made in one transaction, while nobody reads or writes it, and never where something else would be
    lost: then an error says so. It is left alone where it has records, or where this role cannot know that.
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
                # Somebody else was faster.
                return True
            await session.execute(remaking.lock_against_all(found))
            if only_value(await session.execute(remaking.has_records(found))):
                return False
            if not only_value(await session.execute(remaking.is_as_made(found))):
                raise type(error)(
                    f"{error}. It is empty, but more than vecs' own would be lost if it were made anew (columns, "
                    "indexes, views, privileges and the like, or it is another role's): delete_collection() it first"
                )
            await session.execute(tables.drop_table(found.schema, found.name))
            await create_anew(executor, session, new, dimension)
    except DatabaseError as failed:
        raise error from failed
    return True
