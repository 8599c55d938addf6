"""Async methods on event loops that psycopg cannot wait in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from vecs.sharing import needs_threads

Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def on_any_loop(method: Method) -> Method:
    """
    Let an async method run its sync twin in a thread where psycopg cannot wait: on Windows' Proactor loop.

    The twin is the method of the same object that is called so without `async_`, or the `a`, before its name.
    """
    twin = re.sub(r"^(_?)a(sync_)?", r"\1", method.__name__)

    @wraps(method)
    async def anywhere(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if needs_threads():
            return await asyncio.to_thread(getattr(self, twin), *args, **kwargs)
        return await method(self, *args, **kwargs)

    return cast("Method", anywhere)
