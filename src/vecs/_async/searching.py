"""Records found by nearness."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from vecs._arguments import check_mode, checked_threshold, first_column, one_of
from vecs._async.core import AsyncCore, Filters, Measure
from vecs._async.transforming import transform_query
from vecs._sql import search as sql
from vecs._sql.binary import Binary, vector_param
from vecs._sql.indexes import IndexInfo, serves_part
from vecs._sql.rows import checked_vector
from vecs._sql.search import Columns, Selection
from vecs._sql.settings import Settings
from vecs._sql.table import Table
from vecs.exc import ArgError
from vecs.indexes import METHODS, IndexMethod, checked_int
from vecs.measures import MeasureSpec, measure_spec
from vecs.records import Match, is_vector

_FEW = 2000
# From here on pgvector's own limit of 20,000 records is the better moment to give an index scan up.
_MANY = 400_000


class AsyncSearching(AsyncCore):
    """The methods that search."""

    async def search(
        self,
        query: Any,
        *,
        limit: int = 10,
        offset: int = 0,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[Match]:
        """
        Find the records nearest to a text or a vector, nearest first.

        `threshold` keeps matches whose score, in [0, 1], is at least that. `exact` compares every record
        instead of asking the index. `ef_search` (HNSW) and `probes` (IVFFlat) trade speed for recall. Fewer
        than `limit` matches mean that no more records match. Pages by `offset` are sure to fit together with
        `exact=True` only: an index finds most of the nearest, not always the same ones.
        """
        check_mode(mode)
        spec = measure_spec(measure)
        least = None if threshold is None else checked_threshold(threshold)
        rows = await self._nearest(
            await self._query_vector(query),
            spec,
            Columns(vec=include_vector, extra=include_extra),
            await self._selection(filters=filters),
            (ef_search, probes),
            limit=limit,
            offset=offset,
            exact=exact,
        )
        return sql.read_matches(rows, spec, least)

    async def search_many(
        self,
        queries: Iterable[Any],
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        mode: Literal["vector"] = "vector",
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
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
        measure: Measure = "cosine_distance",
        include_value: bool = False,
        include_metadata: bool = False,
        include_vector: bool = False,
        *,
        query_vector: Any = None,
        probes: int | None = None,
        ef_search: int | None = None,
        skip_adapter: bool = False,
    ) -> list[Any]:
        """
        Find the nearest records, in the shapes of vecs 0.4; `search()` is the better verb.

        Returns ids, or tuples of what was asked for, always in the order id, distance, vec, metadata, with
        attributes of those names. Without data it selects by filter alone, by id, with None for a distance.
        """
        spec = measure_spec(measure)
        columns = Columns(text=False, metadata=include_metadata, document_id=False, vec=include_vector)
        selection = await self._selection(filters=filters)
        settings = (ef_search, probes)
        given = data if query_vector is None else one_of("data", data, "query_vector", query_vector)
        if given is None:
            limit = checked_int(limit, "limit", 0)
            statement = sql.unordered(await self._table(), columns, selection, limit)
            rows = await self._executor.read(statement)
        else:
            vec = await self._query_vector(given, skip_transform=skip_adapter)
            rows = await self._nearest(vec, spec, columns, selection, settings, limit=limit)
        return sql.read_query_rows(rows, include_value, include_vector, include_metadata)

    async def explain(
        self,
        query: Any,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        measure: Measure = "cosine_distance",
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        analyze: bool = False,
    ) -> str:
        """
        Describe how Postgres would run a search: which index answers it, then the plan.

        `analyze=True` runs it, and adds the times and row counts that were met.
        """
        spec = measure_spec(measure)
        table = await self._table()
        vec = vector_param(checked_vector(await self._query_vector(query), table, "the query"))
        limit, selection = checked_int(limit, "limit", 0), await self._selection(filters=filters)
        indexes = await self.indexes()
        exact = exact or (selection != sql.EVERYTHING and _are_few(indexes))
        if selection == sql.EVERYTHING or exact or limit == 0 or not _approximate(indexes):
            statement = sql.nearest(table, vec, spec, Columns(), limit=limit, selection=selection, exact=exact)
        else:
            pool = sql.pools(limit)[0]
            statement = sql.nearest_of_pool(
                table, vec, spec, Columns(), limit=limit, offset=0, selection=selection, pool=pool, probe=False
            )
        settings = self._settings(table, ef_search, probes, limit)
        plan = first_column(await self._executor.read(sql.explain(statement, analyze), settings))
        indexes = [index.name for index in indexes if any(index.name in line for line in plan)]
        used = f"uses {', '.join(indexes)}" if indexes else "compares every record, without an index"
        return "\n".join([f"The search {used}.", *plan])

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
        settings: tuple[int | None, int | None],
        *,
        limit: int,
        offset: int = 0,
        exact: bool = False,
    ) -> list[tuple[Any, ...]]:
        table = await self._table()
        limit, offset = checked_int(limit, "limit", 0), checked_int(offset, "offset", 0)
        vec = vector_param(checked_vector(query, table, "the query"))
        indexes = () if exact else await self._known_indexes()
        if not exact:
            self._warn_without_index(measure, indexes, selection)
        # With a filter nothing is prepared: after some runs Postgres would keep a plan that knows neither key nor
        # value, hence neither what the filter keeps nor which index is for it.
        filtered = selection != sql.EVERYTHING
        exact = exact or (filtered and _are_few(indexes))
        applied = self._settings(table, *settings, limit + offset)
        if table.extension.iterative_scan and (filtered or not self._executor.options.pooler):
            # Without a filter, too: a setting that changes from search to search costs a statement each time.
            applied = {**_scan_limit(indexes, limit + offset), **applied}
        if filtered and not exact and limit > 0 and _approximate(indexes):
            served = selection.filters is not None and serves_part(indexes, selection.filters)
            pools = sql.pools(limit + offset)[: 2 if served or _covered(indexes) >= _MANY else 1]
            # Without an index on all vectors a probe would compare every record.
            probe = any(index.approximate and index.measure is measure.measure for index in indexes)
            rows = await self._nearest_of_pool(vec, measure, columns, selection, applied, limit, offset, pools, probe)
            if rows is not None:
                return rows
        else:
            statement = sql.nearest(
                table, vec, measure, columns, limit=limit, offset=offset, selection=selection, exact=exact
            )
            rows = await self._executor.read(statement, applied, prepare=False if filtered else None)
            if exact:
                return rows
            if len(rows) == limit or not (_approximate(indexes) or _approximate(await self._read_indexes())):
                return sql.in_order(rows)
        # An index scan may end early, under a filter above all: fewer rows must mean that there are no more.
        statement = sql.nearest(
            table, vec, measure, columns, limit=limit, offset=offset, selection=selection, exact=True
        )
        return await self._executor.read(statement, applied, prepare=False if filtered else None)

    async def _nearest_of_pool(
        self,
        vec: Binary,
        measure: MeasureSpec,
        columns: Columns,
        selection: Selection,
        settings: Settings,
        limit: int,
        offset: int,
        pools: Sequence[int],
        probe: bool,
    ) -> list[tuple[Any, ...]] | None:
        """Search under a filter, as the planner thinks best; None where an index does not find the nearest."""
        rows: list[tuple[Any, ...]] = []
        for candidates in pools:
            statement = sql.nearest_of_pool(
                await self._table(),
                vec,
                measure,
                columns,
                limit=limit,
                offset=offset,
                selection=selection,
                pool=candidates,
                probe=probe,
            )
            rows = await self._executor.read(statement, settings, prepare=False)
            if sql.candidates_found(rows) < candidates:
                return None
            if not sql.unsettled(rows, limit + offset):
                return rows
        # Among very many records, or in an index on just those that match, the nearest of a large pool must do.
        return rows if len(pools) > 1 else None

    def _warn_without_index(self, measure: MeasureSpec, indexes: Iterable[IndexInfo], selection: Selection) -> None:
        key = (self.client.schema, self.name, measure.measure)
        if key in self._executor.warned or any(index.measure is measure.measure for index in indexes):
            return
        if selection.filters is not None and any(index.condition and index.approximate for index in indexes):
            # Made for filters: perhaps for this one.
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


def _covered(indexes: Iterable[IndexInfo]) -> int:
    return max((index.rows for index in indexes), default=0)


def _are_few(indexes: Iterable[IndexInfo]) -> bool:
    # So few that comparing all that match costs less than making sure of an index's answer.
    return 0 < _covered(indexes) <= _FEW


def _scan_limit(indexes: Iterable[IndexInfo], rows: int) -> Settings:
    # Beyond some tenth of the records, going on through the index takes longer than comparing all that match.
    # In powers of two, so that a growing collection does not change the setting all the time.
    covered = _covered(indexes)
    if covered == 0 or covered >= _MANY:
        return {}
    return {"hnsw.max_scan_tuples": str(max(1 << (covered // 10 | 512).bit_length(), 4 * rows))}


def _approximate(indexes: Iterable[IndexInfo]) -> bool:
    # Be it the user's own: any of them may have answered.
    return any(index.approximate for index in indexes)
