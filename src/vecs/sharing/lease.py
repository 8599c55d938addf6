"""An object's hold on the clients of a target: taken, given up, pickled and copied."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from vecs._async.client import AsyncClient
from vecs._checks.settings import merged_settings
from vecs._checks.wrong_calls import Telling
from vecs._sync.client import Client
from vecs.sharing.clients import SharedClients, clients_of
from vecs.sharing.target import Target

if TYPE_CHECKING:
    from typing_extensions import Self


T = TypeVar("T", Client, AsyncClient)


class Lease:
    """
    One user's hold on the clients of a target: all leases on it share them, and the last to be given up closes them.

    It works from any thread and any event loop, and connects with its first call. After `close()` it can be used
    again. Pickled, it has no connections, but the password that is in the target; copies share the connections.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._enter(clients_of(target))

    def __repr__(self) -> str:
        return f"vecs.sharing.{type(self).__name__}({self.described()})"

    def described(self) -> str:
        """Return where it leads, for the repr of what holds it, without the password."""
        return repr(self._own(self._clients.client()))

    def client(self) -> Client:
        """Return the client for sync calls, from any thread."""
        self._hold()
        return self._own(self._clients.client())

    async def aclient(self) -> AsyncClient:
        """Return the client of the event loop this runs in."""
        self._hold()
        return self._own(await self._clients.async_client())

    def _own(self, client: T) -> T:
        """Return a client whose requests have the target's settings."""
        return client.with_settings(self.target.settings) if self.target.settings else client

    def with_settings(self, settings: Mapping[str, Any] | None) -> Self:
        """Return the same on the same clients, whose requests have these settings besides."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin.target = replace(self.target, settings=merged_settings(self.target.settings, settings))
        twin._hold()
        return twin

    def close(self) -> None:
        """Give up the clients; the last lease closes them, but for those that were handed in."""
        self._forget()
        self._clients.release(self)

    async def aclose(self) -> None:
        """Do as `close()` without blocking the event loop, whatever loop it is."""
        self._forget()
        await self._clients.arelease(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_clients"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._enter(clients_of(self.target))

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        vars(twin).update(self.__getstate__())
        twin._enter(self._clients)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Connections are shared, and so are models, which may be large and hold what cannot be copied.
        return copy.copy(self)

    def _enter(self, clients: SharedClients) -> None:
        self._clients = clients
        self._forget()
        self._hold()

    def _hold(self) -> None:
        # Re-register after close(): otherwise the last other user would close the client under us.
        self._clients.hold(self)

    def _forget(self) -> None:
        """Forget what the clients opened: nothing here, collections in derived classes."""


class Lifetime(Telling):
    """
    What every object has that works on shared clients: it is closed, is a context manager, can be copied.

    It has no state of its own, so that a pydantic model can inherit it, and stands on the attribute `_shared`.
    """

    # A Lease, or what derives from it. No type parameter says which: pydantic warns of generic bases of its models.
    _shared: Any

    @property
    def client(self) -> Client:
        """The sync client, for everything that vecs can do and plain SQL: see `vecs.Client.connection`."""
        return self._shared.client()

    def with_settings(self, settings: Mapping[str, Any] | None) -> Self:
        """
        Return the same store, on the same connections, whose every statement has these settings besides.

        They are those of `vecs.Client.with_settings`; most methods take them as `settings=` for one call.
        """
        twin = copy.copy(self)
        twin._shared = self._shared.with_settings(settings)
        return twin

    def close(self) -> None:
        """
        Let go of the connections; the last one on a target closes them.

        Calling it twice is harmless, and a call after it connects again. A client that was handed in stays open.
        """
        self._shared.close()

    async def aclose(self) -> None:
        """Do as `close()` without blocking the event loop."""
        await self._shared.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __copy__(self) -> Self:
        # With a lease of its own: otherwise closing the copy would close the connections of the original.
        inherited = getattr(super(), "__copy__", None)
        twin: Self = type(self).__new__(type(self)) if inherited is None else inherited()
        if inherited is None:
            vars(twin).update(vars(self))
        twin._shared = copy.copy(self._shared)
        return twin
