"""Records found by nearness."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Literal

from vecs._arguments import check_mode, checked_threshold, first_column, one_of
from vecs._async.core import AsyncCore, Filters, Measure
from vecs._async.transforming import transform_query
from vecs._precision import best_index, candidate_count, checked_oversampling, usable, why_precision
from vecs._sql import search as sql
from vecs._sql.indexes import IndexInfo
from vecs._sql.search import Columns, Selection
from vecs._sql.settings import Settings
from vecs._sql.table import Table
from vecs._sql.vectors import checked_vector, vec_param
from vecs.exc import ArgError
from vecs.indexes import METHODS, IndexMethod, checked_int
from vecs.measures import MeasureSpec, measure_for
from vecs.records import Match, StoredVector, is_vector


class AsyncSearching(AsyncCore):
    """The methods that search."""

    async def search(
        self,
        query: Any,
        *,
        limit: int = 10,
        offset: int = 0,
        filters: Filters | None = None,
        measure: Measure | None = None,
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        oversampling: float | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[Match]:
        """
        Find the records nearest to a text or a vector, nearest first.

        `threshold` keeps matches whose score, in [0, 1], is at least that. `exact` compares every record
        instead of asking the index. `ef_search` (HNSW) and `probes` (IVFFlat) trade speed for recall, and so does
        `oversampling`, where the index is of half precision or binary codes: that many times `limit` candidates
        are ranked by their exact distance. The measure is that of `index()` unless it is named. Fewer
        than `limit` matches mean that no more records match. Pages by `offset` are sure to fit together with
        `exact=True` only: an index finds most of the nearest, not always the same ones.
        """
        check_mode(mode)
        table = await self._table()
        spec = measure_for(measure, table.vec_type, table.dimension)
        least = None if threshold is None else checked_threshold(threshold)
        rows = await self._nearest(
            await self._query_vector(query),
            spec,
            Columns(vec=include_vector, extra=include_extra),
            await self._selection(filters=filters),
            (ef_search, probes, checked_oversampling(oversampling)),
            limit=limit,
            offset=offset,
            exact=exact,
        )
        return sql.read_matches(table, rows, spec, least)

    async def search_many(
        self,
        queries: Iterable[Any],
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure | None = None,
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        oversampling: float | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[list[Match]]:
        """Search for several texts or vectors; one list of matches each, in the order of the queries."""
        if isinstance(queries, str) or not isinstance(queries, Iterable):
            raise ArgError(f"search_many takes an iterable of queries, not {queries!r}; see search() for one")
        return [
            await self.search(
                query,
                limit=limit,
                filters=filters,
                measure=measure,
                mode=mode,
                threshold=threshold,
                exact=exact,
                ef_search=ef_search,
                probes=probes,
                oversampling=oversampling,
                include_vector=include_vector,
                include_extra=include_extra,
            )
            for query in queries
        ]

    async def query(
        self,
        data: Any = None,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure | None = None,
        include_value: bool = False,
        include_metadata: bool = False,
        include_vector: bool = False,
        *,
        query_vector: Any = None,
        probes: int | None = None,
        ef_search: int | None = None,
        oversampling: float | None = None,
        skip_adapter: bool = False,
    ) -> list[Any]:
        """
        Find the nearest records, in the shapes of vecs 0.4; `search()` is the better verb.

        Returns ids, or tuples of what was asked for, always in the order id, distance, vec, metadata, with
        attributes of those names. Without data it selects by filter alone, by id, with None for a distance.
        """
        table = await self._table()
        spec = measure_for(measure, table.vec_type, table.dimension)
        columns = Columns(text=False, metadata=include_metadata, document_id=False, vec=include_vector)
        selection = await self._selection(filters=filters)
        settings = (ef_search, probes, checked_oversampling(oversampling))
        given = data if query_vector is None else one_of("data", data, "query_vector", query_vector)
        if given is None:
            limit = checked_int(limit, "limit", 0)
            statement = sql.unordered(table, columns, selection, limit)
            rows = await self._executor.read(statement)
        else:
            vec = await self._query_vector(given, skip_transform=skip_adapter)
            rows = await self._nearest(vec, spec, columns, selection, settings, limit=limit)
        return sql.read_query_rows(table, rows, include_value, include_vector, include_metadata)

    async def explain(
        self,
        query: Any,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        oversampling: float | None = None,
        analyze: bool = False,
    ) -> str:
        """
        Describe how Postgres would run a search: which index answers it, then the plan.

        `analyze=True` runs it, and adds the times and row counts that were met.
        """
        table = await self._table()
        spec = measure_for(measure, table.vec_type, table.dimension)
        limit = checked_int(limit, "limit", 0)
        vec = checked_vector(await self._query_vector(query), table, "the query")
        index = None if exact else usable(best_index(await self._known_indexes(), spec), vec)
        statement, rows = _statement(
            table,
            vec,
            spec,
            Columns(),
            await self._selection(filters=filters),
            index,
            checked_oversampling(oversampling),
            limit=limit,
            exact=exact,
        )
        settings = self._settings(table, ef_search, probes, rows)
        plan = first_column(await self._executor.read(sql.explain(statement, analyze), settings))
        indexes = [index.name for index in await self.indexes() if any(index.name in line for line in plan)]
        used = f"uses {', '.join(indexes)}" if indexes else "compares every record, without an index"
        return "\n".join([f"The search {used}.", *why_precision(table, index, rows), *plan])

    async def _query_vector(self, query: Any, *, skip_transform: bool = False) -> Any:
        if query is None:
            raise ArgError("the query is None; give a text or a vector")
        if skip_transform:
            return query
        if self.transform is not None:
            vector_steps = is_vector(query)
            return await transform_query(self.transform, query, vector_steps=vector_steps)
        if is_vector(query):
            return query
        raise ArgError(
            f"the query is {type(query).__name__}, and collection {self.name!r} has no transform to turn it "
            f"into a vector; {self._without_transform or 'open the collection with transform=, or give a vector'}"
        )

    async def _nearest(
        self,
        query: Any,
        measure: MeasureSpec,
        columns: Columns,
        selection: Selection,
        settings: tuple[int | None, int | None, float | None],
        *,
        limit: int,
        offset: int = 0,
        exact: bool = False,
    ) -> list[tuple[Any, ...]]:
        table = await self._table()
        limit, offset = checked_int(limit, "limit", 0), checked_int(offset, "offset", 0)
        vec = checked_vector(query, table, "the query")
        indexes = () if exact else await self._known_indexes()
        index = best_index(indexes, measure)
        if index is None and not exact:
            self._warn_without_index(measure)
        ef_search, probes, oversampling = settings
        statement, wanted = _statement(
            table,
            vec,
            measure,
            columns,
            selection,
            usable(index, vec),
            oversampling,
            limit=limit,
            offset=offset,
            exact=exact,
        )
        rows = await self._executor.read(statement, self._settings(table, ef_search, probes, wanted))
        if exact:
            return rows
        if len(rows) < limit and (_approximate(indexes) or _approximate(await self._read_indexes())):
            # An index scan may end early, under a filter above all: fewer rows must mean that there are no more.
            statement = sql.nearest(
                table,
                vec_param(vec, table),
                measure,
                columns,
                limit=limit,
                offset=offset,
                selection=selection,
                exact=True,
            )
            return await self._executor.read(statement)
        return sql.in_order(rows)

    def _warn_without_index(self, measure: MeasureSpec) -> None:
        key = (self.client.schema, self.name, measure.measure)
        if key in self._executor.warned:
            return
        self._executor.warned.add(key)
        warnings.warn(
            f"Query does not have a covering index for IndexMeasure.{measure.measure.value}. "
            "See Collection.create_index",
            UserWarning,
            stacklevel=4,
        )

    def _settings(self, table: Table, ef_search: int | None, probes: int | None, rows: int) -> Settings:
        settings: dict[str, str] = {}
        for method, value, name in (
            (IndexMethod.hnsw, ef_search, "ef_search"),
            (IndexMethod.ivfflat, probes, "probes"),
        ):
            spec = METHODS[method]
            if value is not None:
                settings[spec.search_setting] = str(checked_int(value, name, *spec.search_range))
            elif method is IndexMethod.hnsw and rows > 40 and not table.extension.iterative_scan:
                # Before pgvector 0.8 a scan ends after ef_search rows.
                settings[spec.search_setting] = str(min(rows, spec.search_range[1]))
        return settings


def _statement(
    table: Table,
    vec: StoredVector,
    measure: MeasureSpec,
    columns: Columns,
    selection: Selection,
    index: IndexInfo | None,
    oversampling: float | None,
    *,
    limit: int,
    offset: int = 0,
    exact: bool,
) -> tuple[sql.Fragment, int]:
    """Build the search that an index answers; return how many rows that takes of the index, too."""
    param = vec_param(vec, table)
    if index is None or index.precision is None or index.precision == "full":
        statement = sql.nearest(
            table, param, measure, columns, limit=limit, offset=offset, selection=selection, exact=exact
        )
        return statement, limit + offset
    candidates = candidate_count(index.precision, limit + offset, oversampling)
    statement = sql.nearest_of_candidates(
        table,
        param,
        measure,
        columns,
        index.precision,
        candidates=candidates,
        limit=limit,
        offset=offset,
        selection=selection,
    )
    return statement, candidates


def _approximate(indexes: Iterable[IndexInfo]) -> bool:
    # Be it the user's own: any of them may have answered.
    return any(index.approximate for index in indexes)
