"""Async methods on event loops that psycopg cannot wait in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import wraps
from types import CoroutineType
from typing import Any, Concatenate, ParamSpec, TypeVar

from vecs.sharing import needs_threads

P = ParamSpec("P")
R = TypeVar("R")
Self = TypeVar("Self")


def on_any_loop(
    method: Callable[Concatenate[Self, P], CoroutineType[Any, Any, R]],
) -> Callable[Concatenate[Self, P], CoroutineType[Any, Any, R]]:
    """
    Let an async method run its sync twin in a thread where psycopg cannot wait: on Windows' Proactor loop.

    The twin is the method of the same object, or class, that is called so without the `a` before its name.
    """
    twin = re.sub(r"^(_?)a", r"\1", method.__name__)

    @wraps(method)
    async def anywhere(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if needs_threads():
            return await asyncio.to_thread(getattr(self, twin), *args, **kwargs)
        return await method(self, *args, **kwargs)

    return anywhere
