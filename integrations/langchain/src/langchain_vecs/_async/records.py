"""The record manager's calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from langchain_vecs import _record_sql as records
from vecs import AsyncClient
from vecs.exc import DatabaseError
from vecs.sharing import Lease, Lifetime, on_any_loop
from vecs.sql import Fragment, async_execute, first_column, only_value


class AsyncRecords(Lifetime):
    """One namespace of records, in the schema of a client."""

    namespace: str
    _shared: Lease

    @on_any_loop
    async def acreate_schema(self) -> None:
        """Create the table of records if it does not exist; several processes can do so at once."""
        client = await self._shared.aclient()
        if await _execute(client, records.find_table(client.schema)):
            return
        try:
            async with client.connection() as connection, connection.transaction():
                for statement in records.create_table(client.schema):
                    await async_execute(connection, statement)
        except psycopg.Error as error:
            raise _refused(error) from error

    @on_any_loop
    async def aget_time(self) -> float:
        """Return the server's time, in seconds since 1970."""
        return only_value(await _execute(await self._shared.aclient(), records.read_clock()))

    @on_any_loop
    async def aupdate(
        self,
        keys: Sequence[str],
        *,
        group_ids: Sequence[str | None] | None = None,
        time_at_least: float | None = None,
    ) -> None:
        """
        Write all records or none, with the current time; a key that exists gets the new group.

        Raises ArgError, which is a ValueError, if `group_ids` and `keys` have different lengths, or if the
        server's clock is behind `time_at_least`.
        """
        client = await self._shared.aclient()
        statement = records.upsert(client.schema, self.namespace, keys, group_ids, time_at_least)
        if keys:
            records.check_time(only_value(await _execute(client, statement)), time_at_least)

    @on_any_loop
    async def aexists(self, keys: Sequence[str]) -> list[bool]:
        """Return for each key whether it exists, in the order of the keys."""
        client = await self._shared.aclient()
        found = set(first_column(await _execute(client, records.find_keys(client.schema, self.namespace, keys))))
        return [key in found for key in keys]

    @on_any_loop
    async def alist_keys(
        self,
        *,
        before: float | None = None,
        after: float | None = None,
        group_ids: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """
        List the keys updated before and after these times, of these groups, up to `limit`; the oldest first.

        As in LangChain's own record managers, an empty `group_ids` means any group, and a `limit` of 0 means no limit.
        """
        client = await self._shared.aclient()
        query = records.KeyQuery(before, after, group_ids, limit)
        return first_column(await _execute(client, records.list_keys(client.schema, self.namespace, query)))

    @on_any_loop
    async def adelete_keys(self, keys: Sequence[str]) -> None:
        """Delete records; keys that do not exist are no error."""
        client = await self._shared.aclient()
        await _execute(client, records.delete_keys(client.schema, self.namespace, keys))

    @on_any_loop
    async def adrop(self) -> None:
        """Delete all records of the namespace; without a table there is nothing to do."""
        await adelete_namespace(await self._shared.aclient(), self.namespace)


async def adelete_namespace(client: AsyncClient, namespace: str, inside: str | None = None) -> None:
    """
    Delete a namespace's records; without a table there is nothing to do.

    Also those of the namespaces that begin with it and `inside`.
    """
    if await _execute(client, records.find_table(client.schema)):
        await _execute(client, records.delete_all(client.schema, namespace, inside))


async def _execute(client: AsyncClient, statement: Fragment) -> list[tuple[Any, ...]]:
    try:
        async with client.connection() as connection:
            return await async_execute(connection, statement)
    except psycopg.errors.UndefinedTable as error:
        raise DatabaseError(
            f"there is no table {records.TABLE!r} in schema {client.schema!r}; "
            "call the record manager's create_schema() once",
            error.sqlstate,
        ) from error
    except psycopg.Error as error:
        raise _refused(error) from error


def _refused(error: psycopg.Error) -> DatabaseError:
    return DatabaseError(str(error), error.sqlstate)
