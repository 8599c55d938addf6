"""Work on many items that no event loop should wait for: in pairs, of which generated sync code takes the second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from vecs._concurrency.calls import async_offload

T = TypeVar("T")
U = TypeVar("U")

# For fewer the way to a thread takes longer.
_MAX_INLINE = 50


async def async_each(items: Sequence[T], make: Callable[[T], U]) -> list[U]:
    """Turn items into others; many of them in a thread."""
    return each(items, make) if len(items) <= _MAX_INLINE else await async_offload(each, items, make)


def each(items: Sequence[T], make: Callable[[T], U]) -> list[U]:
    """Turn items into others."""
    return [make(item) for item in items]


async def async_take(items: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items, in a thread: what makes them may block."""
    return await async_offload(take, items, count)


def take(items: Iterator[T], count: int) -> list[T]:
    """Take up to `count` items."""
    return list(islice(items, count))
