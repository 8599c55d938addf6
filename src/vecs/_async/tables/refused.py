"""Says what to grant where the server refused something."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg

from vecs._async.sending.executor import AsyncExecutor
from vecs._connecting.refused import (
    READ_ONLY,
    REFUSED,
    Need,
    sets_a_role,
    what_policies_refused,
    what_to_ask_for,
    why_read_only,
)
from vecs._sql.privileges import privileges, read_privileges
from vecs._sql.settings import NO_SETTINGS
from vecs.exc import DatabaseError


async def explained(
    error: DatabaseError, executor: AsyncExecutor, schema: str, name: str | None, needs: tuple[Need, ...]
) -> DatabaseError:
    """Return an error that says besides what the role lacks, or why nothing can be written; else the error itself."""
    if error.sqlstate not in (REFUSED, READ_ONLY):
        return error
    if isinstance(error.__cause__, psycopg.Error):
        said = await _said_of_policies(error.__cause__, executor)
        if said is not None:
            return DatabaseError(f"{error}; {said}", error.sqlstate)
    try:
        found = read_privileges(await executor.read(privileges(schema, name)))
    except DatabaseError:
        return error
    if error.sqlstate == READ_ONLY:
        said = why_read_only(found)
    else:
        said = what_to_ask_for(found, schema, name, needs)
    return error if said is None else DatabaseError(f"{error}; {said}", error.sqlstate)


async def _said_of_policies(error: psycopg.Error, executor: AsyncExecutor) -> str | None:
    connected_as: str | None = None
    if "role" in executor.settings and sets_a_role(error):
        try:
            # By the client's own role: the other one cannot be set.
            plain = executor.with_settings(NO_SETTINGS)
            connected_as = read_privileges(await plain.read(privileges("", None))).role
        except DatabaseError:
            return None
    return what_policies_refused(error, connected_as, executor.settings)


@asynccontextmanager
async def saying_what_to_grant(
    executor: AsyncExecutor, schema: str, name: str | None, *needs: Need
) -> AsyncGenerator[None]:
    """Have an error of what is done inside say what the role lacks for it."""
    try:
        yield
    except DatabaseError as error:
        told = await explained(error, executor, schema, name, needs)
        if told is error:
            raise
        raise told from error.__cause__
