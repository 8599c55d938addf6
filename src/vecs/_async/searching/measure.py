"""Measures how much of the exact answer an index finds: by queries, their answers, and the exact ones."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from vecs._async.searching.explain import explain
from vecs._async.searching.run import AsyncIndexReader, run
from vecs._async.sending.executor import AsyncExecutor
from vecs._reports.recall import Recall, Trial, Tuning, found_share, interval, ladder
from vecs._searching.plan import Query, set_up, steps
from vecs._searching.request import Request, SearchOptions, checked_request
from vecs._sql import sampling
from vecs._sql.answers import DISTANCE, ID, Columns, Row, read_records
from vecs._sql.indexes import IndexInfo
from vecs._sql.records import count_records, select_records
from vecs._sql.scalars import first_column, only_value
from vecs._sql.selection import EVERYTHING, Selection, selection_of
from vecs._sql.tables import Table
from vecs._sql.vectors import checked_vector, vec_param
from vecs.exc import ArgError
from vecs.measures import IndexMeasure, MeasureSpec

# As many exact answers come from one pass over the table; and so many exact searches tell how long one takes.
_PER_PASS = 64
_TIMED = 3


class Probe(NamedTuple):
    """A vector to search for, and the id of the record that it is, if it is one."""

    vec: Any
    own_id: str | None = None


class AsyncSearched(NamedTuple):
    """What is searched, and how nearness is measured."""

    executor: AsyncExecutor
    known_indexes: AsyncIndexReader
    table: Table
    selection: Selection
    measure: MeasureSpec

    def request(self, **options: Any) -> Request:
        """Return a search by the measure among the selected records."""
        given = cast("SearchOptions", {"measure": self.measure.measure, **options})
        return checked_request(self.table, self.selection, given)

    async def count_records(self) -> int:
        """Count the selected records that have a vector; raises ArgError if there are none."""
        found = only_value(await self.executor.read(count_records(self.table, self.selection, sampling.HAS_VECTOR)))
        if found == 0:
            which = "no records" if self.selection == EVERYTHING else "no record that matches the filters"
            raise ArgError(f"collection {self.table.name!r} has {which}; upsert some to measure their index")
        return found

    async def rows(self, request: Request, vec: Any) -> list[Row]:
        """Search for a vector."""
        plan = steps(self.table, request, [Query(vec)], pooler=self.executor.pooler)
        return (await run(plan, self.executor, self.known_indexes))[0]


class AsyncTask(NamedTuple):
    """What is measured: searches for some vectors, each for so many neighbours among so many records."""

    searched: AsyncSearched
    probes: Sequence[Probe]
    limit: int
    records: int

    async def distances(self, **settings: float | None) -> tuple[list[list[float]], float]:
        """Search for every vector; return the distances found and the median time in milliseconds."""
        found: list[list[float]] = []
        times: list[float] = []
        for probe in self.probes:
            # The record that is searched for stays out of its own answer.
            request = self.searched.request(limit=self.limit + (probe.own_id is not None), **settings)
            start = time.perf_counter()
            rows = await self.searched.rows(request, probe.vec)
            times.append((time.perf_counter() - start) * 1000)
            found.append([row[DISTANCE] for row in rows if row[ID] != probe.own_id][: self.limit])
        return found, statistics.median(times)

    async def exact_ms(self) -> float:
        """Return the median time of a few exact searches, in milliseconds."""
        return (await self._replace(probes=self.probes[:_TIMED]).distances(exact=True))[1]

    async def exact_distances(self, found: Sequence[Sequence[float]]) -> list[list[float]]:
        """Compute the least distances of every vector; what a search found bounds what has to be sorted."""
        searched, exact = self.searched, list[list[float]]()
        for start in range(0, len(self.probes), _PER_PASS):
            part = slice(start, start + _PER_PASS)
            statement = sampling.exact_distances(
                searched.table,
                searched.measure,
                searched.selection,
                [
                    sampling.Target(
                        vec_param(checked_vector(probe.vec, searched.table, "a query"), searched.table),
                        distances[-1] if len(distances) == self.limit else math.nan,
                        probe.own_id,
                    )
                    for probe, distances in zip(self.probes[part], found[part], strict=True)
                ],
                limit=self.limit,
            )
            # A pass over the table takes as long as it takes: a timeout meant for searches must not end it.
            rows = await searched.executor.read(statement, {"statement_timeout": "0"})
            exact += sampling.read_distances(rows, len(self.probes[part]))
        return exact

    async def answering_index(self, **settings: float | None) -> IndexInfo | None:
        """Return the approximate index that answers these searches, or may; None if there is none."""
        request = self.searched.request(limit=self.limit, **settings)
        known = await self.searched.known_indexes(now=True)
        executor = self.searched.executor
        setup = set_up(self.searched.table, request, known, pooler=executor.pooler)
        plan = "\n".join((await explain(executor, setup, Query(self.probes[0].vec), analyze=False))[0])
        usable = [index for index in known.all if index.approximate]
        # One name may begin another.
        named = sorted((index for index in usable if index.name in plan), key=lambda index: -len(index.name))
        # Under a filter the planner may compare every record now, and take the index once it plans for any filter.
        return next((i for i in (*named, *usable) if i in named or request.measure.measure in i.measures), None)

    def shares(self, found: Sequence[Sequence[float]], exact: Sequence[Sequence[float]]) -> list[float]:
        """Return the share of the exact answer that each search found."""
        cosine = self.searched.measure.measure is IndexMeasure.cosine_distance
        pairs = zip(found, exact, strict=True)
        return [found_share(distances, truth, self.limit, cosine=cosine) for distances, truth in pairs]


async def task_of(searched: AsyncSearched, vecs: Sequence[Any], limit: int) -> AsyncTask:
    """Measure by the caller's own vectors."""
    there = await searched.count_records()
    return AsyncTask(searched, [Probe(vec) for vec in vecs], min(limit, there), there)


async def sampled_task(searched: AsyncSearched, limit: int, sample: int, seed: int) -> AsyncTask:
    """Measure by a random sample of the selected records, the same for the same seed."""
    there = await searched.count_records()
    table, executor = searched.table, searched.executor
    if there == 1:
        raise ArgError(
            f"collection {table.name!r} has one record to sample, so there are no neighbours to find; give queries="
        )
    ids = first_column(await executor.read(sampling.sample_ids(table, searched.selection, sample, seed)))
    columns = Columns(text=False, metadata=False, document_id=False, vec=True)
    found = read_records(table, await executor.read(select_records(table, columns, selection_of(table, ids))))
    probes = [Probe(record.vec, str(record.id)) for record in found]
    return AsyncTask(searched, probes, min(limit, there - 1), there)


async def measure_recall(task: AsyncTask, settings: dict[str, Any]) -> Recall:
    """Measure the recall of searches with these settings."""
    index = await task.answering_index(ef_search=settings["ef_search"], probes=settings["probes"])
    exact_ms = await task.exact_ms()
    if index is None:
        shares, search_ms = [1.0] * len(task.probes), exact_ms
    else:
        found, search_ms = await task.distances(**settings)
        shares = task.shares(found, await task.exact_distances(found))
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
        **settings,
        search_ms=search_ms,
        exact_ms=exact_ms,
    )


async def tune(task: AsyncTask, target: float) -> Tuning:
    """Find the least setting of the index that reaches the target, by halving what is left of the ladder."""
    index = await task.answering_index()
    tried: dict[int, Trial] = {}
    name, chosen, recall = "", None, 1.0
    if index is not None:
        name, values = search_setting(index)
        exact: list[list[float]] | None = None
        first, last = 0, len(values) - 1
        while first <= last:
            value = values[(first + last) // 2]
            found, ms = await task.distances(**{name: value})
            exact = await task.exact_distances(found) if exact is None else exact
            tried[value] = Trial(value, statistics.fmean(task.shares(found, exact)), ms)
            if tried[value].recall >= target:
                last = values.index(value) - 1
            else:
                first = values.index(value) + 1
        chosen = values[min(first, len(values) - 1)]
        recall = tried[chosen].recall
    low, high = (1.0, 1.0) if index is None else interval(recall, len(task.probes))
    return Tuning(
        ef_search=chosen if name == "ef_search" else None,
        probes=chosen if name == "probes" else None,
        recall=recall,
        low=low,
        high=high,
        target=target,
        reached=recall >= target,
        tried=tuple(tried[value] for value in sorted(tried)),
        queries=len(task.probes),
        limit=task.limit,
        records=task.records,
        index=None if index is None else index.name,
    )


def search_setting(index: IndexInfo) -> tuple[str, tuple[int, ...]]:
    """Return the setting that an index's recall goes with, and the values worth trying; raises ArgError for others."""
    name = {"hnsw": "ef_search", "ivfflat": "probes"}.get(index.method, "")
    if not name:
        raise ArgError(f"index {index.name!r} is of method {index.method}; tune() knows hnsw and ivfflat")
    if index.precision == "binary":
        raise ArgError(
            f"index {index.name!r} holds binary codes, whose recall depends on oversampling= and not on "
            f"{name}; try recall(oversampling=20)"
        )
    lists = index.options.get("lists", "")
    return name, ladder(index.method, int(lists) if lists.isdigit() else None)
