"""Async methods on event loops in which no pool can live."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from vecs.sharing import needs_threads

Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


def on_any_loop(method: Method) -> Method:
    """
    Let an async method run its sync twin in a thread where a pool of the event loop's own would not do.

    The twin is the method of the same object that is called so without `async_`, or the `a`, before its name.
    """
    twin = re.sub(r"^(_?)a(sync_)?", r"\1", method.__name__)

    @wraps(method)
    async def anywhere(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if needs_threads() or _is_passing():
            return await asyncio.to_thread(getattr(self, twin), *args, **kwargs)
        return await method(self, *args, **kwargs)

    return cast("Method", anywhere)


def _is_passing() -> bool:
    """
    Whether the running event loop may end without notice.

    Inside another loop, as in a notebook, LlamaIndex runs coroutines on a loop in a thread and closes it with whatever
    is pending: a pool's workers would be destroyed, aloud, and its connections be left to the garbage collector.
    """
    return threading.current_thread() is not threading.main_thread()
