"""How much of the exact answer an index finds, and which setting finds enough."""

from __future__ import annotations

import copy
import math
import random
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from vecs._async.collection.handle import Filters, Measure
from vecs._async.collection.searching import AsyncSearching
from vecs._checks.numbers import checked_int
from vecs._reports.recall import Recall, Trial, Tuning, found_share, interval, ladder
from vecs._sql import sampling
from vecs._sql import search as sql
from vecs._sql.indexes import IndexInfo
from vecs._sql.search import Columns, Selection, first_column
from vecs._sql.vectors import checked_vector, vec_param
from vecs.exc import ArgError
from vecs.measures import IndexMeasure, MeasureSpec, measure_for
from vecs.records import Match

# As many exact answers in one pass over the table, and as many exact searches to tell their time by.
_PER_PASS = 64
_TIMED = 3


@dataclass(frozen=True)
class _Query:
    """A vector to search for, and the id of the record that it is, if it is one."""

    vec: Any
    own_id: str | None = None


@dataclass(frozen=True)
class _Task:
    """What is measured: queries, how many neighbours, among how many records."""

    # The collection without its transform: the queries are vectors already.
    plain: AsyncSearching
    queries: list[_Query]
    limit: int
    records: int
    measure: MeasureSpec
    filters: Filters | None

    async def search(self, query: _Query, **options: Any) -> list[Match]:
        """Search for a query; the record that it is stays out."""
        limit = self.limit + (query.own_id is not None)
        measure, filters = self.measure.measure, self.filters
        matches = await self.plain.search(query.vec, limit=limit, measure=measure, filters=filters, **options)
        return [match for match in matches if match.id != query.own_id][: self.limit]

    async def distances(self, **settings: float | None) -> tuple[list[list[float]], float]:
        """Search for every query; return the distances found and the median time in milliseconds."""
        found: list[list[float]] = []
        times: list[float] = []
        for query in self.queries:
            start = time.perf_counter()
            matches = await self.search(query, **settings)
            times.append((time.perf_counter() - start) * 1000)
            found.append([match.distance for match in matches if match.distance is not None])
        return found, statistics.median(times)

    async def exact_ms(self) -> float:
        """Return the median time of a few exact searches."""
        times: list[float] = []
        for query in self.queries[:_TIMED]:
            start = time.perf_counter()
            await self.search(query, exact=True)
            times.append((time.perf_counter() - start) * 1000)
        return statistics.median(times)

    def shares(self, found: list[list[float]], exact: list[list[float]]) -> list[float]:
        """Return the share that each query found."""
        cosine = self.measure.measure is IndexMeasure.cosine_distance
        pairs = zip(found, exact, strict=True)
        return [found_share(distances, truth, self.limit, cosine=cosine) for distances, truth in pairs]


class AsyncMeasuring(AsyncSearching):
    """The methods that measure an index."""

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
        Measure which share of the exact answer searches find: on these queries, or on a sample of the records.

        `queries` are texts or vectors; real ones tell most. Else `sample` records are taken at random, the same
        for the same `seed`, each searched for and left out of its own answer. With `filters` both the sample
        and the searches are filtered. Where fewer records than `limit` are there, all of them are compared.
        `oversampling` is what the recall of binary codes goes with.

        Costs a search a query, a few exact searches, and one pass over the table for every 64 queries. The
        statement timeout does not hold for that pass. Raises ArgError for a collection without records.

            print(docs.recall())                    # is the index good enough?
            print(docs.recall(ef_search=200))       # what would this setting find?
        """
        task = await self._task(queries, sample, limit, filters, measure, seed)
        index = await self._answering_index(task, ef_search, probes)
        exact_ms = await task.exact_ms()
        if index is None:
            shares, search_ms = [1.0] * len(task.queries), exact_ms
        else:
            found, search_ms = await task.distances(ef_search=ef_search, probes=probes, oversampling=oversampling)
            shares = task.shares(found, await self._exact_distances(task, found))
        recall = statistics.fmean(shares)
        low, high = (1.0, 1.0) if index is None else interval(recall, len(shares))
        return Recall(
            recall=recall,
            low=low,
            high=high,
            least=min(shares),
            queries=len(shares),
            limit=task.limit,
            records=task.records,
            index=None if index is None else index.name,
            ef_search=ef_search,
            probes=probes,
            oversampling=oversampling,
            search_ms=search_ms,
            exact_ms=exact_ms,
        )

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
        Find the least `ef_search` (HNSW) or `probes` (IVFFlat) that finds the target share of the exact answer.

        Some four values are tried, by halving what is left, since recall grows with them. Nothing is set: give
        the value to `search()`. Queries and sample are as for `recall()`; a larger sample tells more surely.

            tuning = docs.tune(0.99, sample=200)
            docs.search("how to vacuum", ef_search=tuning.ef_search)
        """
        if isinstance(target, bool) or not isinstance(target, Real) or not 0 < float(target) <= 1:
            raise ArgError(f"target must be a recall above 0 and up to 1, not {target!r}")
        task = await self._task(queries, sample, limit, filters, measure, seed)
        index = await self._answering_index(task)
        tried: dict[int, Trial] = {}
        name, chosen, recall, bounds = "", None, 1.0, (1.0, 1.0)
        if index is not None:
            name = {"hnsw": "ef_search", "ivfflat": "probes"}.get(index.method, "")
            if not name:
                raise ArgError(f"index {index.name!r} is of method {index.method}; tune() knows hnsw and ivfflat")
            if index.precision == "binary":
                raise ArgError(
                    f"index {index.name!r} holds binary codes, whose recall goes with oversampling= and not with "
                    f"{name}; try recall(oversampling=20)"
                )
            lists = index.options.get("lists", "")
            values = ladder(index.method, int(lists) if lists.isdigit() else None)
            exact: list[list[float]] | None = None
            first, last = 0, len(values) - 1
            while first <= last:
                value = values[(first + last) // 2]
                found, ms = await task.distances(**{name: value})
                exact = await self._exact_distances(task, found) if exact is None else exact
                tried[value] = Trial(value, statistics.fmean(task.shares(found, exact)), ms)
                if tried[value].recall >= target:
                    last = values.index(value) - 1
                else:
                    first = values.index(value) + 1
            chosen = values[min(first, len(values) - 1)]
            recall = tried[chosen].recall
            bounds = interval(recall, len(task.queries))
        return Tuning(
            ef_search=chosen if name == "ef_search" else None,
            probes=chosen if name == "probes" else None,
            recall=recall,
            low=bounds[0],
            high=bounds[1],
            target=float(target),
            reached=recall >= target,
            tried=tuple(tried[value] for value in sorted(tried)),
            queries=len(task.queries),
            limit=task.limit,
            records=task.records,
            index=None if index is None else index.name,
        )

    async def _task(
        self,
        queries: Iterable[Any] | None,
        sample: int,
        limit: int,
        filters: Filters | None,
        measure: Measure | None,
        seed: int | None,
    ) -> _Task:
        table = await self._table()
        spec = measure_for(measure, table.vec_type, table.dimension)
        limit, sample = checked_int(limit, "limit", 1), checked_int(sample, "sample", 1)
        seed = random.getrandbits(62) if seed is None else checked_int(seed, "seed", 0)
        if isinstance(queries, str) or (queries is not None and not isinstance(queries, Iterable)):
            raise ArgError(f"queries must be an iterable of texts or vectors, not {queries!r}")
        given = None if queries is None else [_Query(vec) for vec in await self._vectors(list(queries))]
        if given == []:
            raise ArgError("queries is empty; give some, or none for a sample of the records")
        selection = await self._selection(filters=filters)
        records = (await self._executor.read(sql.count(table, selection)))[0][0]
        if records == 0:
            which = "no record that matches the filters" if filters else "no records"
            raise ArgError(f"collection {self.name!r} has {which}; upsert some to measure their index")
        plain = copy.copy(self)
        plain.transform = None
        if given is not None:
            return _Task(plain, given, min(limit, records), records, spec, filters)
        if records == 1:
            raise ArgError(
                f"collection {self.name!r} has one record to sample, hence no neighbours to find; give queries="
            )
        ids = first_column(await self._executor.read(sampling.sample_ids(table, selection, sample, seed)))
        columns = Columns(text=False, metadata=False, document_id=False, vec=True)
        found = sql.read_records(table, await self._executor.read(sql.records(table, columns, Selection(ids=ids))))
        sampled = [_Query(record.vec, str(record.id)) for record in found]
        return _Task(plain, sampled, min(limit, records - 1), records, spec, filters)

    async def _answering_index(
        self, task: _Task, ef_search: int | None = None, probes: int | None = None
    ) -> IndexInfo | None:
        """Return the approximate index that answers these searches, or may; None if there is none."""
        plan = await task.plain.explain(
            task.queries[0].vec,
            limit=task.limit,
            filters=task.filters,
            measure=task.measure.measure,
            ef_search=ef_search,
            probes=probes,
        )
        usable = [index for index in await self.indexes() if index.approximate and index.valid]
        # One name may begin another.
        named = sorted((index for index in usable if index.name in plan), key=lambda index: -len(index.name))
        # Under a filter the planner may compare every record now, and take the index once it plans for any filter.
        return next((i for i in (*named, *usable) if i in named or task.measure.measure in i.measures), None)

    async def _exact_distances(self, task: _Task, found: list[list[float]]) -> list[list[float]]:
        """Compute the least distances of every query; what a search found bounds what has to be sorted."""
        table = await self._table()
        selection = await self._selection(filters=task.filters)
        exact: list[list[float]] = []
        for start in range(0, len(task.queries), _PER_PASS):
            part = slice(start, start + _PER_PASS)
            statement = sampling.exact_distances(
                table,
                [vec_param(checked_vector(query.vec, table, "a query"), table) for query in task.queries[part]],
                task.measure,
                selection,
                limit=task.limit,
                bounds=[distances[-1] if len(distances) == task.limit else math.nan for distances in found[part]],
                own_ids=[query.own_id for query in task.queries[part]],
            )
            rows = await self._executor.read(statement, {"statement_timeout": "0"})
            exact += sampling.read_distances(rows, len(task.queries[part]))
        return exact
