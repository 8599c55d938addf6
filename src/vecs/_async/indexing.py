"""Indexes made, listed and dropped."""

from __future__ import annotations

from typing import Literal

from vecs._async import building
from vecs._async.core import AsyncCore, Measure
from vecs._memory import checked_memory
from vecs._progress import BuildProgressArg, build_updates
from vecs.exc import IndexNotFound
from vecs.indexes import IndexArgs, IndexMethod, checked_int, resolve_method
from vecs.measures import IndexMeasure, measure_spec


class AsyncIndexing(AsyncCore):
    """The methods that concern indexes."""

    async def index(
        self,
        measure: Measure = IndexMeasure.cosine_distance,
        method: IndexMethod | Literal["auto", "hnsw", "ivfflat"] | IndexArgs = IndexMethod.auto,
        index_arguments: IndexArgs | None = None,
        replace: bool = True,
        *,
        concurrently: bool = False,
        memory: str | None = None,
        workers: int | None = None,
        progress: BuildProgressArg = False,
    ) -> str:
        """
        Build an index for a measure, and one for filters on metadata; return the former's name.

        `method` may be the build parameters themselves: `IndexArgsHNSW(m=32)`. An index that is there with
        the same parameters is kept, which the log (INFO) and `progress` tell; another one for the same measure
        is replaced, and serves searches until the new one is ready, or raises ArgError with `replace=False`. To
        drop the old one it waits for the transactions that are open on the collection. One client at a time
        builds on a collection; others wait. Writers wait during a build unless `concurrently=True`, which takes
        longer. An interrupted build leaves nothing behind, or what the next call clears away.

        `memory` (such as "1GB") is Postgres' maintenance_work_mem for the build. By default it is what the build
        needs: up to a quarter of the machine's memory and 2 GB on an embedded server, elsewhere up to the
        greatest of the server's own setting, 256 MB and its shared_buffers. A warning is logged where the index
        did not fit. `workers` is max_parallel_maintenance_workers, by default the server's. Through a pooler
        neither holds for a concurrent build.

        `progress` is True for a bar, or a callable given a `vecs.BuildProgress` some five times a second and at
        the end; it may be a coroutine function. A sync client calls it from a thread of the build. An
        exception it raises ends the build and is raised here.

        Without parameters an IVFFlat index has a list for every 1,000 records, or the square root of their number
        from a million; one that is there is kept up to twice or half as many. Build it after loading.
        """
        chosen, args = resolve_method(method, index_arguments)
        spec = measure_spec(measure)
        how = building.BuildOptions(
            concurrently,
            None if memory is None else checked_memory(memory),
            None if workers is None else checked_int(workers, "workers", 0, 1024),
        )
        with build_updates(progress, self.name) as report:
            name = await building.create_index(
                self._executor,
                await self._table(),
                spec,
                chosen,
                args,
                replace=replace,
                how=how,
                report=report,
            )
        self._executor.indexes.clear()
        return name

    create_index = index

    async def is_indexed_for_measure(self, measure: Measure | str) -> bool:
        """Whether a valid index answers searches by this measure; False for an unknown measure, too."""
        return any(index.valid and index.measure == measure for index in await self.indexes() if index.measure)

    async def drop_index(self, name: str) -> None:
        """Drop an index by name; raises IndexNotFound if the collection has none of that name."""
        existing = await self.indexes()
        if name not in [index.name for index in existing if not index.primary]:
            names = ", ".join(repr(index.name) for index in existing if not index.primary) or "none"
            raise IndexNotFound(f"collection {self.name!r} has no index {name!r}; it has {names}")
        await building.drop_index(self._executor, await self._table(), name)
        self._executor.indexes.clear()
