"""Indexes made, listed and dropped."""

from __future__ import annotations

from typing import Any, Literal, cast

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters, Measure
from vecs._async.indexing import create
from vecs._checks.numbers import checked_flag, checked_int
from vecs._checks.shown import brief
from vecs._indexing.memory import checked_memory
from vecs._indexing.wanted import BuildOptions, IndexRequest
from vecs._reports.bars import BuildProgressArg, build_updates
from vecs._sql.advice import why_not_indexed
from vecs._sql.filters import KEY_TYPES, KeyType
from vecs.exc import ArgError, IndexNotFound
from vecs.filters import checked_key, parsed_filters
from vecs.indexes import IndexArgs, IndexArgsHNSW, IndexArgsIVFFlat, IndexMethod, resolve_method
from vecs.measures import measure_for
from vecs.storage import IndexPrecision


class AsyncIndexing(AsyncHandle):
    """The methods that concern indexes."""

    @async_anew("own", "create")
    async def index(
        self,
        measure: Measure | None = None,
        method: IndexMethod | Literal["auto", "hnsw", "ivfflat"] | IndexArgs = IndexMethod.auto,
        index_arguments: IndexArgs | None = None,
        replace: bool = True,
        *,
        precision: IndexPrecision = "auto",
        concurrently: bool = False,
        memory: str | None = None,
        workers: int | None = None,
        filters: Filters | None = None,
        progress: BuildProgressArg = False,
    ) -> str:
        """
        Build an index for a measure, and one for filters on metadata; return the name of the first.

        The default measure is cosine distance, or Hamming distance if the collection holds bits.

        `precision="full"` indexes the vectors as they are stored. `"half"` uses half the bytes per number, and
        `"binary"` one bit per number, its sign. Searches take more candidates from such an index than they return,
        and rank them by the exact distance. Binary codes describe the angle between vectors: one binary index serves
        cosine distance, inner product and, if the vectors have similar lengths, l2 distance. `"auto"` is full up to
        2,000 dimensions, half up to 4,000 and binary above; `explain()` tells which one a search uses.

        `method` can also be build parameters: `IndexArgsHNSW(m=32)`. If there is an index with the same parameters,
        nothing is built, and the log (INFO) and `progress` say so. Another index for the same measure is replaced; it
        serves searches until the new one is ready. With `replace=False` it raises ArgError instead. Before it drops
        the old index, the call waits for open transactions on the collection. One client at a time builds on a
        collection; others wait. Writers wait during a build unless `concurrently=True`, which takes longer. An
        interrupted build leaves nothing behind, or only what the next call removes.

        With `filters`, on metadata, the index contains only the records that match. It is smaller, and the fastest
        for searches whose filter has all these conditions, at its top level or in a `$and` there. It exists beside
        other indexes, and other searches do not use it.

        `memory` (such as "1GB") is Postgres' maintenance_work_mem for the build. By default it is what the build
        needs: at most a quarter of the machine's memory and 2 GB on an embedded server, and elsewhere at most the
        greatest of the server's own setting, 256 MB and its shared_buffers. If the index does not fit, a warning is
        logged. `workers` is max_parallel_maintenance_workers; the default is the server's.

        Timeouts do not end a build. The exception is a concurrent build through a pooler, where vecs cannot set
        anything: `memory` and `workers` raise ArgError, and a timeout of the role or the database can end the build,
        of which a warning is logged. Use a direct connection to the server, or leave `concurrently` out.

        `progress` is True for a bar, or a function that gets a `vecs.BuildProgress` about five times per second and
        at the end. It may be async. A sync client calls it from another thread. If it raises an exception, the build
        ends and the exception is raised here.

        Without parameters, an IVFFlat index has one list per 1,000 records; from a million records on, the square
        root of their number. An existing one is kept if it has between half and twice as many. Build it after loading.
        """
        if isinstance(measure, IndexArgsHNSW | IndexArgsIVFFlat):
            raise ArgError(f"the first argument is the measure; write index(method={brief(measure)})")
        if isinstance(measure, str) and measure.lower() in [one.value for one in IndexMethod]:
            meant = measure.lower()
            raise ArgError(f"{meant!r} is a method, not a measure; write index(method={meant!r})")
        chosen, args = resolve_method(method, index_arguments)
        if concurrently and self._executor.pooler and (memory is not None or workers is not None):
            raise ArgError(
                f"{'memory' if memory is not None else 'workers'}= has no effect on a concurrent build through a "
                "pooler, because the pooler keeps no settings; leave it out, leave concurrently=True out, or build "
                "with a client that is connected to the server directly"
            )
        # What fits the table as it was might build on one that was made anew, but another index than is due.
        table = await self._table(0)
        if (why := why_not_indexed(table)) is not None:
            raise ArgError(f"index() would not serve collection {self.name!r}: {why}")
        spec = measure_for(measure, table.vec_type, table.dimension)
        replace = checked_flag(replace, "replace")
        request = IndexRequest(spec, chosen, args, precision, parsed_filters(filters, table.known_columns), replace)
        how = BuildOptions(
            checked_flag(concurrently, "concurrently"),
            None if memory is None else checked_memory(memory),
            None if workers is None else checked_int(workers, "workers", 0, 1024),
        )
        with build_updates(progress, self.name) as report:
            name = await create.create_index(self._executor, table, request, how, report)
        self._catalog.forget()
        return name

    create_index = index

    @async_anew("own", "create")
    async def create_metadata_index(self, key: str, type: KeyType | None = None, *, concurrently: bool = False) -> str:
        """
        Build an index for ranges ($gt, $gte, $lt, $lte, $between) on one metadata key; return its name.

        `key` is written as in filters: "author.born" is a key with this name, or else a path. The index is for
        values of one type, "number" or "string". Without `type`, vecs takes the type of the values in the records,
        and raises ArgError if they have both types or neither. Dates are strings. If the index exists, nothing is
        built. Writers wait during the build unless `concurrently=True`. For equality, `index()` builds one index for
        all keys. With this index, Postgres' planner can also estimate how many records a range keeps.
        """
        concurrently = checked_flag(concurrently, "concurrently")
        if type is not None and (not isinstance(cast("Any", type), str) or type not in KEY_TYPES):
            raise ArgError(f"type must be 'number', 'string' or None, not {brief(type)}")
        table = await self._table()
        if (why := why_not_indexed(table)) is not None:
            raise ArgError(f"create_metadata_index() would not serve collection {self.name!r}: {why}")
        name = await create.create_key_index(self._executor, table, checked_key(key), type, concurrently=concurrently)
        self._catalog.forget()
        return name

    @async_anew("select")
    async def is_indexed_for_measure(self, measure: Measure | str) -> bool:
        """Tell whether a valid index serves searches by this measure; False for an unknown measure, too."""
        if not isinstance(cast("Any", measure), str):
            return False
        return any(index.valid and measure in index.measures for index in await self.indexes())

    @async_anew("own")
    async def drop_index(self, name: str) -> None:
        """Drop an index by name; raises IndexNotFound if the collection has no such index."""
        existing = await self.indexes()
        known = [index.name for index in existing if not index.primary]
        if not isinstance(cast("Any", name), str) or name not in known:
            names = ", ".join(map(repr, known)) or "none"
            raise IndexNotFound(f"collection {self.name!r} has no index {brief(name)}; it has {names}")
        await create.drop_index(self._executor, await self._table(), name)
        self._catalog.forget()
