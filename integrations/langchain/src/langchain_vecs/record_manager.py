"""What `index()` remembers of the documents it wrote, in the database where they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from langchain_core.indexing import RecordManager

from langchain_vecs._async.records import AsyncRecords
from langchain_vecs._sync.records import Records
from vecs import AsyncClient, Client
from vecs.sharing import Lease, check_client_options, explains_wrong_calls, hidden, resolve_target, unseen

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["VecsRecordManager"]


@explains_wrong_calls
class VecsRecordManager(AsyncRecords, Records, RecordManager):
    """
    Keep the records of LangChain's `index()` and `aindex()` in a vecs database.

    The records of all namespaces are in one table, `langchain_records`, in the schema of the client. Call
    `create_schema()` or `acreate_schema()` once. Times are those of the server. It works from any thread and any
    event loop, and shares its connections with the stores of the same database and schema. It can be pickled; the
    pickle contains the password in `url`.

    Args:
        namespace: A name for the records of one collection, such as `"vecs/handbook"`.
        url: The server, `postgresql://...`.
        path: The folder of an embedded server. Without `url` and `path` it uses $VECS_URL if that is set, and
            otherwise the embedded server in the user's data folder.
        client: An open client of vecs. Its schema is used, and it is never closed here.
        schema: The schema of the table.
        **client_options: Arguments of `vecs.create_client`, such as `pooler`.
    """

    def __init__(
        self,
        namespace: str,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        client: Client | AsyncClient | None = None,
        schema: str | None = None,
        **client_options: Any,
    ) -> None:
        super().__init__(namespace)
        url, path, client_options = unseen(url), unseen(path), hidden(client_options)
        check_client_options(client_options, VecsRecordManager.__init__)
        self._shared = Lease(resolve_target(url=url, path=path, client=client, schema=schema, options=client_options))

    @classmethod
    def of(cls, namespace: str, lease: Lease) -> Self:
        """Make one that is connected as another object is, by that object's lease."""
        made = cls.__new__(cls)
        RecordManager.__init__(made, namespace)
        made._shared = Lease(lease.target)
        return made

    def __repr__(self) -> str:
        if not hasattr(self, "_shared"):
            # Its making failed, and a traceback shows variables.
            return f"<{type(self).__name__} that was not made>"
        return f"{type(self).__name__}({self.namespace!r}, {self._shared.described()})"
