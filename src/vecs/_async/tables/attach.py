"""Finding a table of somebody else, by what was said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.tables.find import find_relation
from vecs._checks.meant import near
from vecs._checks.shown import brief
from vecs._sql import relations
from vecs._sql.attaching import Attachment, read_attached
from vecs._sql.scalars import first_column
from vecs._sql.tables import Table
from vecs.exc import CollectionNotFound, DatabaseError


async def located(executor: AsyncExecutor, given: Attachment, schema: str) -> Attachment:
    """Return an attachment with the schema of its table; without one it is the client's, or else `public`."""
    if given.schema is not None:
        return given
    places = list(dict.fromkeys((schema, "public")))
    for place in places:
        if await find_relation(executor, place, given.name):
            return replace(given, schema=place)
    raise CollectionNotFound(
        f"there is no table {brief(given.name)} in the schema {' nor in '.join(map(repr, places))} of "
        f"{executor.target}{await _hint(executor, places, given.name)}"
    )


async def find_attached(executor: AsyncExecutor, given: Attachment) -> Table:
    """Return a table as it is now; raises CollectionNotFound, and ArgError where it is not as was said."""
    schema = given.schema or ""
    rows: list[tuple[Any, ...]] = await find_relation(executor, schema, given.name)
    if not rows:
        raise CollectionNotFound(
            f"there is no table {brief(given.name)} in schema {schema!r} of {executor.target}"
            f"{await _hint(executor, [schema], given.name)}"
        )
    if executor.extension is None:
        await executor.refresh_extension()
    if executor.extension is None:
        raise DatabaseError(f"pgvector is not installed in the database of {executor.target}: create extension vector")
    return read_attached(rows, given, schema, executor.extension)


async def _hint(executor: AsyncExecutor, schemas: list[str], name: str) -> str:
    try:
        names = first_column(await executor.read(relations.list_relations(schemas)))
    except DatabaseError:
        return ""
    meant = near(name, names)
    return "" if meant is None else f"; did you mean {brief(meant)}?"
