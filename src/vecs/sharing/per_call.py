"""Settings of one call of a store's method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Any])


def takes_settings(method: Method) -> Method:
    """
    Let a method, sync or async, take `settings=`: it is called on the object's `with_settings()` then.

    They are added to the object's own for the call. A method that takes no keywords declares the argument, for its
    signature, and leaves it alone.
    """
    called: Any = method

    def chosen(self: Any, arguments: dict[str, Any]) -> Any:
        settings = arguments.pop("settings", None)
        return self if settings is None else self.with_settings(settings)

    @wraps(called)
    def run(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return called(chosen(self, kwargs), *args, **kwargs)

    @wraps(called)
    async def arun(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await called(chosen(self, kwargs), *args, **kwargs)

    return cast("Method", arun if inspect.iscoroutinefunction(called) else run)
