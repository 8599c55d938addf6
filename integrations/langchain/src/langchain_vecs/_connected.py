"""What has connections: shared with whoever is on the same target, let go of, pickled and copied."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_vecs._loops import on_any_loop
from vecs import AsyncClient, Client
from vecs.exc import ArgError
from vecs.sharing import SharedClients, shared_clients

if TYPE_CHECKING:
    from typing_extensions import Self


def where(
    url: str | None,
    path: str | os.PathLike[str] | None,
    client: Client | AsyncClient | None,
    schema: str | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the arguments of `shared_clients`; raises ArgError where they contradict each other."""
    given = [name for name, value in (("url", url), ("path", path), ("client", client)) if value is not None]
    if len(given) > 1:
        raise ArgError(f"{' and '.join(given)} each say where the database is; give one of them")
    if client is not None:
        if not isinstance(client, Client | AsyncClient):
            raise ArgError(f"client must be a vecs client, not {type(client).__name__}; a connection string is url=")
        own = [*options, *(["schema"] if schema not in (None, client.schema) else [])]
        if own:
            raise ArgError(f"client= has its own {', '.join(own)}")
        return {"client": client}
    if path is not None and not os.fspath(path):
        raise ArgError("path is an empty string; give a folder, or leave it out")
    # As a Path it is a folder, whatever it looks like; that of now, also for who is unpickled elsewhere.
    folder = None if path is None else Path(path).expanduser().absolute()
    return {"target": folder or url or os.environ.get("VECS_URL"), "schema": schema or "vecs", **options}


_OF_THIS_PROCESS = ("_clients", "_opened")


class Connected:
    """An object that works from any thread and any event loop, and connects with its first call."""

    _where: Mapping[str, Any]
    _clients: SharedClients

    def _connect(self, where: Mapping[str, Any]) -> None:
        self._share(where, shared_clients(**where))

    def _share(self, where: Mapping[str, Any], clients: SharedClients) -> None:
        self._where, self._clients = where, clients
        clients.hold(self)

    @property
    def client(self) -> Client:
        """The sync client, for everything that vecs can do and plain SQL: see `vecs.Client.connection`."""
        self._clients.hold(self)
        return self._clients.client()

    async def _aclient(self) -> AsyncClient:
        # Held anew: it may have been closed.
        self._clients.hold(self)
        return await self._clients.async_client()

    def _client(self) -> Client:
        return self.client

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _OF_THIS_PROCESS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        client = self._where.get("client")
        if client is None:
            self._connect(self._where)
        else:
            # What was unpickled has a client of its own, which nobody else would close.
            self._share(self._where, SharedClients(client, owned=True))

    def __copy__(self) -> Self:
        return self._copied_with(self.__getstate__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Connections are shared, not copied.
        memo[id(self._where)] = self._where
        return self._copied_with(copy.deepcopy(self.__getstate__(), memo))

    def _copied_with(self, state: dict[str, Any]) -> Self:
        twin = type(self).__new__(type(self))
        vars(twin).update(state)
        twin._share(self._where, self._clients)
        return twin

    def close(self) -> None:
        """
        Let go of the connections; the last one on a target closes them.

        Twice is once, and a call after it connects again. A client that was handed in stays open.
        """
        self._clients.release(self)

    @on_any_loop
    async def aclose(self) -> None:
        """Do as `close()` without blocking the event loop."""
        await self._clients.arelease(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
