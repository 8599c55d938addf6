"""Async methods on event loops in which no connection pool can live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, overload

Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def needs_threads() -> bool:
    """Whether psycopg cannot wait in the running event loop, which is so of Windows' Proactor loop."""
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    return proactor is not None and isinstance(asyncio.get_running_loop(), proactor)


@overload
def on_any_loop(method: Method, /) -> Method: ...


@overload
def on_any_loop(*, threads_when: Callable[[], bool]) -> Callable[[Method], Method]: ...


def on_any_loop(method: Callable[..., Any] | None = None, /, *, threads_when: Callable[[], bool] | None = None) -> Any:
    """
    Let an async method run its sync twin in a thread where psycopg cannot wait: on Windows' Proactor loop.

    The twin is the method of the same object, or class, that is called so without the `a`, or `async_`, before its
    name. `on_any_loop(threads_when=...)` is a decorator that does so also where that is true, asked in the running
    event loop.
    """

    def decorated(method: Callable[..., Any]) -> Any:
        twin = re.sub(r"^(_?)a(sync_)?", r"\1", method.__name__)

        @wraps(method)
        async def anywhere(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if needs_threads() or (threads_when is not None and threads_when()):
                return await asyncio.to_thread(getattr(self, twin), *args, **kwargs)
            return await method(self, *args, **kwargs)

        return anywhere

    return decorated if method is None else decorated(method)
