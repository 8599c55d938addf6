"""How much of the exact answer an index finds, and which setting finds enough."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters, Measure
from vecs._async.searching.measure import AsyncSearched, AsyncTask, measure_recall, sampled_task, task_of, tune
from vecs._async.searching.queries import query_vectors
from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._reports.recall import Recall, Tuning, checked_target
from vecs.exc import ArgError
from vecs.measures import measure_for


class AsyncMeasuring(AsyncHandle):
    """The methods that measure an index."""

    @async_anew("select")
    async def recall(
        self,
        queries: Iterable[Any] | None = None,
        *,
        sample: int = 50,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure | None = None,
        ef_search: int | None = None,
        probes: int | None = None,
        oversampling: float | None = None,
        seed: int | None = None,
    ) -> Recall:
        """
        Measure which share of the exact answer searches find: with these queries, or with a sample of the records.

        `queries` are texts or vectors; queries of real users tell most. Without them, `sample` random records are
        searched for, and each is left out of its own answer. The same `seed` takes the same records. `filters` apply
        to the sample and to the searches. If there are fewer records than `limit`, all of them are compared.
        For an index of binary codes, `oversampling` is the option that changes the recall.

        Costs one search per query, a few exact searches, and one pass over the table for every 64 queries. The
        statement timeout does not apply to this pass. Raises ArgError if the collection has no records.

            print(docs.recall())                    # is the index good enough?
            print(docs.recall(ef_search=200))       # what would this setting find?
        """
        task = await self._task(queries, filters, measure, limit=limit, sample=sample, seed=seed)
        return await measure_recall(task, {"ef_search": ef_search, "probes": probes, "oversampling": oversampling})

    @async_anew("select")
    async def tune(
        self,
        target: float = 0.98,
        *,
        queries: Iterable[Any] | None = None,
        sample: int = 50,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure | None = None,
        seed: int | None = None,
    ) -> Tuning:
        """
        Find the smallest `ef_search` (HNSW) or `probes` (IVFFlat) that finds the target share of the exact answer.

        Tries about four values, by bisection, since recall grows with the value. It changes no setting: pass the
        value to `search()`. `queries` and `sample` are as in `recall()`; a larger sample is more reliable.

            tuning = docs.tune(0.99, sample=200)
            docs.search("how to vacuum", ef_search=tuning.ef_search)
        """
        least = checked_target(target)
        return await tune(await self._task(queries, filters, measure, limit=limit, sample=sample, seed=seed), least)

    async def _task(
        self,
        queries: Iterable[Any] | None,
        filters: Filters | None,
        measure: Measure | None,
        *,
        limit: int,
        sample: int,
        seed: int | None,
    ) -> AsyncTask:
        table = await self._table()
        spec = measure_for(measure, table.vec_type, table.dimension)
        limit, sample = checked_int(limit, "limit", 1), checked_int(sample, "sample", 1)
        seed = random.getrandbits(62) if seed is None else checked_int(seed, "seed", 0)
        if isinstance(queries, str) or (queries is not None and not isinstance(queries, Iterable)):
            raise ArgError(f"queries must be an iterable of texts or vectors, not {brief(queries)}")
        given = None
        if queries is not None:
            given = await query_vectors(list(queries), table, self.transform, self._without_transform)
        if given == []:
            raise ArgError("queries is empty; give some queries, or leave queries= out for a sample of the records")
        selection = await self._selection(filters=filters)
        searched = AsyncSearched(self._executor, self._indexes, table, selection, spec)
        if given is not None:
            return await task_of(searched, given, limit)
        return await sampled_task(searched, limit, sample, seed)
