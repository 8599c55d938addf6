"""Which event loop a client belongs to, and when it connects."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar, cast

from vecs.exc import VecsException

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop:
    """Return asyncio's event loop this runs in; raises VecsException where there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise VecsException(
            "async calls of vecs need asyncio, and no event loop of asyncio runs here; call them inside asyncio.run() "
            "or anyio on asyncio, or use the sync client in a thread (under trio: trio.to_thread.run_sync)"
        ) from None


def async_loop() -> object:
    """Return the event loop this runs in."""
    return running_loop()


def loop() -> object:
    """Return None: sync clients belong to no event loop."""
    return None


def loop_is_over(owner: object) -> bool:
    """Whether the event loop that a client was opened in is closed, as after asyncio.run()."""
    return isinstance(owner, asyncio.AbstractEventLoop) and owner.is_closed()


def same_loop(owner: object, current: object) -> None:
    """Refuse a client that another event loop opened: its connections wait on that loop."""
    if owner is not None and owner is not current:
        raise VecsException(
            "this AsyncClient belongs to another event loop; make one client per loop "
            "(for example inside the function given to asyncio.run), or close it first"
        )


def async_started(client: T) -> T:
    """Return the client as it is: it connects with its first call, in the event loop of that call."""
    return client


def started(client: T) -> T:
    """Connect the client, so that a wrong connection string is reported here and not by the first call."""
    cast("Any", client).connect()
    return client
