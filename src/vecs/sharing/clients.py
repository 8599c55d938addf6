"""Clients that many objects share, for sync callers and for callers from any event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator, Hashable
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar, cast
from weakref import WeakSet, WeakValueDictionary

from vecs._async.client import AsyncClient
from vecs._concurrency.loops import running_loop
from vecs._connecting.secrets import unseen
from vecs._connecting.target import FolderTarget
from vecs._sync.client import Client
from vecs.sharing.target import Target, target_of

T = TypeVar("T", Client, AsyncClient)

# One and the same from Python 3.11 on.
TimeoutErrors = (TimeoutError, futures.TimeoutError)

_logger = logging.getLogger("vecs")

# How many seconds another thread's event loop has to close a client.
PATIENCE = 10

_shared: WeakValueDictionary[Hashable, SharedClients] = WeakValueDictionary()
_lock = threading.Lock()

# What closes the clients of each event loop at its end. It is kept here, and keeps the clients, so that the garbage
# collector does not begin to close them while asyncio.run() cancels whatever is under way, or somebody uses them.
_keepers: dict[asyncio.AbstractEventLoop, dict[AsyncClient, AsyncGenerator[None]]] = {}

# Tasks that close clients: event loops refer to their tasks weakly.
_closing: set[asyncio.Task[None]] = set()


class SharedClients:
    """
    One target's clients: `client()` for sync calls, and `async_client()` for async ones, of each event loop its own.

    Made by `shared_clients()`. Nothing connects before the first call. The client of an event loop is closed as
    the loop shuts down its async generators, as `asyncio.run()` does at its end; those of loops that were closed
    without are closed at the next opportunity. A client that was handed in is closed by its owner, before the
    loop ends.
    """

    def __init__(self, client: Client | AsyncClient, *, owned: bool, async_client: AsyncClient | None = None) -> None:
        self._state = client.__getstate__()
        # What was handed in is its owner's to close.
        self._given: list[Any] = [] if owned else [client, async_client]
        self._client = client if isinstance(client, Client) else _twin(Client, self._state)
        self._spare = client if isinstance(client, AsyncClient) else async_client
        self._users: WeakSet[Any] = WeakSet()
        self._loops: dict[asyncio.AbstractEventLoop, AsyncClient] = {}
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"vecs.sharing.{type(self).__name__}({self._client!r})"

    def client(self) -> Client:
        """Return the client for sync calls, from any thread."""
        return self._client

    async def async_client(self) -> AsyncClient:
        """Return the client of the event loop this runs in."""
        if self._pid != os.getpid():
            self._loops, self._pid = {}, os.getpid()
        loop = running_loop()
        known = self._loops.get(loop)
        if known is not None:
            return known
        client = self._loops[loop] = self._given_for_this_loop() or _twin(AsyncClient, self._state)
        keeper = _kept_open(client, self)
        _keepers.setdefault(loop, {})[client] = keeper
        # Begun here, it is ended by the loop.
        await anext(keeper)
        await self._forget_closed_loops()
        return client

    async def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in list(_keepers) if loop.is_closed()]:
            _keepers.pop(loop, None)
        for loop in [loop for loop in list(self._loops) if loop.is_closed()]:
            # Another thread's loop may be faster.
            client = self._loops.pop(loop, None)
            if client is not None:
                await client.close()

    def _given_for_this_loop(self) -> AsyncClient | None:
        """Return the async client that was handed in, once, unless it belongs to another event loop."""
        with _lock:
            spare = self._spare
            # Only its executor knows which loop opened it, and that is no attribute for users.
            if spare is None or cast("Any", spare)._executor.belongs_elsewhere():
                return None
            self._spare = None
            return spare

    def has(self, client: Client | AsyncClient) -> bool:
        """Whether a client is one of these, or a view of one with settings, and still in use."""
        return any(_connections(client) == _connections(known) for known in [self._client, *self._loops.values()])

    def hold(self, user: object) -> None:
        """Add a user of the clients: nothing is closed while it lives and is not released."""
        self._users.add(user)

    def release(self, user: object) -> None:
        """Remove a user; with the last one every client is closed, except those that were handed in."""
        if not self._let_go(user):
            return
        if self._client not in self._given:
            self._client.close()
        for loop, client in self._taken():
            _close_from_outside(client, loop)

    async def arelease(self, user: object) -> None:
        """Do as `release()` without blocking the event loop."""
        if not self._let_go(user):
            return
        if self._client not in self._given:
            await asyncio.to_thread(self._client.close)
        for loop, client in self._taken():
            if loop is asyncio.get_running_loop():
                await client.close()
            else:
                await asyncio.to_thread(_close_from_outside, client, loop)

    def _let_go(self, user: object) -> bool:
        self._users.discard(user)
        return not self._users

    def _taken(self) -> list[tuple[asyncio.AbstractEventLoop, AsyncClient]]:
        if self._pid != os.getpid():
            return []
        taken = [(loop, client) for loop, client in list(self._loops.items()) if client not in self._given]
        for loop, client in taken:
            self._loops.pop(loop, None)
            _keepers.get(loop, {}).pop(client, None)
        return taken


def shared_clients(
    target: str | os.PathLike[str] | None = None,
    *,
    client: Client | AsyncClient | None = None,
    async_client: AsyncClient | None = None,
    schema: str = "vecs",
    **options: Any,
) -> SharedClients:
    """
    Return the clients of a target, the same ones for everybody who names the same target, schema and options.

    The arguments are those of `create_client()`. Or `client` is one that is there already: it serves its own world
    and is never closed here. `async_client`, beside a sync `client`, serves the first event loop that asks.
    """
    target = unseen(target)
    if client is not None:
        return clients_of(replace(target_of(client), client=client, async_client=async_client))
    return clients_of(target_of(Client(target, schema=schema, **options)))


def clients_of(target: Target) -> SharedClients:
    """Return the clients of a target, the same ones for everybody who asks."""
    key = (os.getpid(), _key(target))
    known = _shared.get(key)
    if known is not None:
        return known
    if target.client is not None:
        made = SharedClients(target.client, owned=False, async_client=target.async_client)
    else:
        state = {"schema": target.schema, "target": target.place, "options": target.options}
        made = SharedClients(_twin(Client, state), owned=True)
    with _lock:
        return _shared.setdefault(key, made)


def _key(target: Target) -> Hashable:
    if target.client is not None:
        # By identity, which is safe: while they are known here, they live.
        return id(target.client), id(target.async_client)
    place = target.place
    where = place.folder if isinstance(place, FolderTarget) else (tuple(sorted(place.parameters.items())), place.pooler)
    return where, target.schema, repr(target.options)


def _connections(client: Any) -> int:
    # No attribute for users.
    return client._executor.connections_id


def _unlock_in_child() -> None:
    """Make a new lock in a forked child: a thread of the parent may have held the old one, and is not there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def _twin(cls: type[T], state: dict[str, Any]) -> T:
    """Make a client of the other world, or for another event loop, from the state that a pickled one has."""
    client = cls.__new__(cls)
    client.__setstate__(state)
    return client


async def _kept_open(client: AsyncClient, clients: SharedClients) -> AsyncGenerator[None]:
    """Close a client at the end of the event loop in which this was begun: loops end their async generators."""
    try:
        yield
    finally:
        await client.close()


def _close_from_outside(client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
    """Close the client of another event loop, or of this thread's running one as soon as it goes on."""
    if loop is _running_loop():
        task = loop.create_task(client.close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
    elif loop.is_running():
        try:
            asyncio.run_coroutine_threadsafe(client.close(), loop).result(PATIENCE)
        except TimeoutErrors:
            _logger.warning("an event loop is busy for more than %s s: it closes %r when it goes on", PATIENCE, client)
    else:
        # Closed: then any loop will do, as there is nothing to wait for. Or paused between two runs.
        run: Any = asyncio.run if loop.is_closed() else loop.run_until_complete
        with ThreadPoolExecutor(1) as threads:
            threads.submit(run, client.close()).result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
