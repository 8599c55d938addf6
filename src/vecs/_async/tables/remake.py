"""Replace an empty collection that does not have the wanted dimension, transform and so on."""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import uuid4

from vecs._async.indexing.guard import unbuilt
from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncSession
from vecs._async.tables.create import NewCollection, create_anew, dimension_of
from vecs._checks.settings import of_tenants
from vecs._concurrency.waiting import async_pause
from vecs._connecting.errors import conflict_pauses
from vecs._sql import reading, relations, remaking, tables
from vecs._sql.scalars import only_value
from vecs._sql.settings import READ_COMMITTED
from vecs._sql.tables import Table
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, Unavailable

log = logging.getLogger("vecs")

_IN_USE = "55P03"
# Others that open it, or make it anew, use it for moments; some two seconds in all.
_TRIES = 5


async def remade(executor: AsyncExecutor, found: Table, new: NewCollection, error: ArgError) -> bool:
    """
    Replace a collection that has no records and does not fit; return whether it has changed, or is gone.

    It is dropped and created in one transaction, while nobody reads or writes it. If anything else would be lost, or
    another session uses it, an error says so. It is not changed if it has records, or if this role cannot see whether
    it has.
    """
    if found.row_security or of_tenants(executor.settings):
        return False
    try:
        if only_value(await executor.read(remaking.has_records(found))):
            return False
        dimension = await dimension_of(new)
        for seconds in conflict_pauses()[:_TRIES]:
            try:
                # Under the lock the last changes have to be seen.
                async with executor.transaction(READ_COMMITTED) as session:
                    changed = await _remade(executor, session, found, new, dimension, error)
            except DatabaseError as failed:
                if failed.sqlstate != _IN_USE:
                    raise
                await async_pause(seconds)
                continue
            if changed:
                log.warning("the collection %r had no records and was made anew: %s", found.name, changed)
            return changed is not None
    except CollectionNotFound:
        return True
    except Unavailable:
        raise
    except DatabaseError as failed:
        raise error from failed
    raise type(error)(f"{error}. It is empty, but vecs cannot replace it while another session uses it")


async def _remade(
    executor: AsyncExecutor, session: AsyncSession, found: Table, new: NewCollection, dimension: int, error: ArgError
) -> str | None:
    """Replace a collection; return what changed, "" where another client was faster, None where it has records."""
    if not await unbuilt(session, found):
        raise DatabaseError("an index of the collection is being built", _IN_USE)
    await session.execute(remaking.lock_against_all(found))
    there = await _read(session, found)
    if there is None or (there, there.comment) != (found, found.comment):
        return ""
    if only_value(await session.execute(remaking.has_records(found))):
        return None
    if not (only_value(await session.execute(remaking.is_as_made(found))) and await _is_like_new(session, found)):
        raise type(error)(
            f"{error}. It is empty, but vecs cannot replace it: columns, indexes, views, privileges, settings or such "
            "of others would be lost, or another role owns it. Call delete_collection() first"
        )
    await session.execute(tables.drop_table(found.schema, found.name))
    await create_anew(executor, session, new, dimension)
    made = await _read(session, found)
    return "" if made is None else remaking.changes(found, made)


async def _read(session: AsyncSession, found: Table) -> Table | None:
    rows = await session.execute(relations.find_relation(found.schema, found.name))
    return reading.read_table(rows, found.schema, found.name, found.extension)


async def _is_like_new(session: AsyncSession, found: Table) -> bool:
    """Whether a collection's table is as vecs makes it, with this role as its owner; makes one to compare with."""
    other = replace(found, name=f"vecs_{uuid4().hex}")
    for statement in tables.create_table(other):
        await session.execute(statement)
    alike = only_value(await session.execute(remaking.is_like(found, other)))
    await session.execute(tables.drop_table(other.schema, other.name))
    return alike
