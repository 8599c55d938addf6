"""Watches the build of an index from a connection beside it, and stops it when the watcher fails."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vecs._async.sending.executor import AsyncExecutor
from vecs._async.sending.sessions import AsyncPinnedConnection
from vecs._concurrency.calls import async_resolve
from vecs._concurrency.waiting import AsyncEvent, async_beside, async_happens
from vecs._reports.builds import BuildProgress, BuildReport, BuildTracker
from vecs._sql import builds
from vecs._sql.fragment import Fragment
from vecs.exc import DatabaseError

log = logging.getLogger("vecs")

# Seconds between two reports: a progress bar moves smoothly.
PERIOD = 0.2


class AsyncWatch:
    """What one call of `index()` reports, and to whom."""

    def __init__(self, executor: AsyncExecutor, report: BuildReport | None) -> None:
        self._executor = executor
        self._report = report
        self.tracker = BuildTracker()

    async def tell(self, progress: BuildProgress) -> None:
        """Report from inside the call, so that an error of the callback is raised by the call."""
        if self._report is not None:
            await async_resolve(self._report(progress))

    @asynccontextmanager
    async def over(self, statement: Fragment) -> AsyncGenerator[None]:
        """Report the progress of a CREATE INDEX that runs inside; if the callback fails, the build is cancelled."""
        if self._report is None:
            yield
            return
        failed: list[BaseException] = []

        async def look(stop: AsyncEvent) -> None:
            # Most builds end before this, and need no second connection.
            if await async_happens(stop, PERIOD):
                return
            try:
                async with self._executor.outside_pool() as pinned:
                    await self._follow(statement, pinned, stop, failed)
            except DatabaseError as error:
                log.debug("the progress of %s cannot be read: %s", builds.built_index(statement), error)

        try:
            async with async_beside(look):
                yield
        except Exception:
            # The build was cancelled because the callback failed; that error is raised below.
            if not failed:
                raise
        if failed:
            raise failed[0]

    async def _follow(
        self, statement: Fragment, pinned: AsyncPinnedConnection, stop: AsyncEvent, failed: list[BaseException]
    ) -> None:
        looking = builds.read_progress(statement)
        while not failed:
            row = builds.read_progress_row(await pinned.execute(looking))
            try:
                await self.tell(self.tracker.read(row))
            except (Exception, KeyboardInterrupt, SystemExit) as error:
                failed.append(error)
            if await async_happens(stop, 0 if failed else PERIOD):
                return
        # Repeatedly: the statement may not have begun yet.
        while not await async_happens(stop, PERIOD / 4):
            await pinned.execute(builds.cancel(statement))
