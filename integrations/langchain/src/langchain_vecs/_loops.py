"""Async methods on event loops that psycopg cannot wait in, and other pairs of the two worlds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from itertools import islice
from typing import Any, TypeVar, cast

from vecs.sharing import needs_threads

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def on_any_loop(method: Method) -> Method:
    """
    Let an async method run its sync twin in a thread where psycopg cannot wait: on Windows' Proactor loop.

    The twin is the method of the same object, or class, that is called so without the `a` before its name.
    """
    twin = re.sub(r"^(_?)a", r"\1", method.__name__)

    @wraps(method)
    async def anywhere(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if needs_threads():
            return await asyncio.to_thread(getattr(self, twin), *args, **kwargs)
        return await method(self, *args, **kwargs)

    return cast("Method", anywhere)


async def async_taken(items: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items, in a thread: who makes them may block."""
    return await asyncio.to_thread(taken, items, count)


def taken(items: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items."""
    return list(islice(items, count))
