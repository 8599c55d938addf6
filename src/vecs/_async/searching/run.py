"""Awaits what a search plan asks for; the plan decides."""

from __future__ import annotations

from typing import Protocol, TypeVar

from vecs._async.sending.executor import AsyncExecutor
from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.plan import Ask, Step

T = TypeVar("T")


class AsyncIndexReader(Protocol):
    """Reads what is known of a collection's indexes: now, or as they were a minute ago at most."""

    async def __call__(self, *, now: bool) -> KnownIndexes:
        """Return the valid indexes."""
        ...


async def run(plan: Step[T], executor: AsyncExecutor, known_indexes: AsyncIndexReader) -> T:
    """Give a plan what it asks for until it returns its answer."""
    answer = None
    while True:
        try:
            asked = plan.send(answer)
        except StopIteration as done:
            return done.value
        if isinstance(asked, Ask):
            answer = await executor.read_many(asked.statements, asked.settings, prepare=asked.prepare)
        else:
            answer = await known_indexes(now=asked.now)
