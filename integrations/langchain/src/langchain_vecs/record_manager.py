"""What `index()` remembers of the documents it wrote, in the database where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from langchain_core.indexing import RecordManager

from langchain_vecs._async.records import AsyncRecords
from langchain_vecs._sync.records import Records
from vecs import AsyncClient, Client
from vecs.exc import ArgError
from vecs.sharing import SharedClients, shared_clients

__all__ = ["VecsRecordManager"]


class VecsRecordManager(AsyncRecords, Records, RecordManager):
    """
    Keep the records of LangChain's `index()` and `aindex()` in a vecs database.

    The records of all namespaces are in one table, `langchain_records`, in the schema of the client; call
    `create_schema()` or `acreate_schema()` once. Times are the server's. It works from any thread and any event
    loop, shares its connections with the stores of the same database and schema, and can be pickled: without
    connections, but with the password that is in `url`.

    Args:
        namespace: Whose records these are: a name for each collection, such as `"vecs/handbook"`.
        url: The server, `postgresql://...`.
        path: The folder of an embedded server. Without `url` and `path` it is $VECS_URL if that is set, else the
            embedded server in the user's data folder.
        client: A client of vecs that is there already, with its schema. It is never closed here.
        schema: Where the table is.
    """

    def __init__(
        self,
        namespace: str,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        client: Client | AsyncClient | None = None,
        schema: str = "vecs",
    ) -> None:
        super().__init__(namespace)
        if sum(given is not None for given in (url, path, client)) > 1:
            raise ArgError("url, path and client each say where the database is; give one of them")
        if client is not None and schema not in ("vecs", client.schema):
            raise ArgError(f"the client's schema is {client.schema!r}; leave schema={schema!r} out")
        # A path is a Path: whatever its name, it is no connection string.
        self._target = url if path is None else Path(path)
        self._given = client
        self._schema = schema
        self._share(shared_clients(self._target, client=client, schema=schema))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.namespace!r}, {self._shared.client()!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_shared"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # A copy's client is a copy, too: nobody else would close it.
        self._share(
            shared_clients(self._target, schema=self._schema)
            if self._given is None
            else SharedClients(self._given, owned=True)
        )

    def _share(self, shared: SharedClients) -> None:
        self._shared = shared
        shared.hold(self)
