"""Records found by nearness, by words, or by both."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from vecs._async.collection.handle import AsyncCore, Filters, Measure
from vecs._async.searching.refine import refine
from vecs._async.transforming import transform_queries
from vecs._checks.arguments import callers_level, one_of
from vecs._searching.candidates import Pool, candidates_found, compares_all, pool_for, unsettled
from vecs._searching.explain import describe_search
from vecs._searching.known_indexes import NOTHING_KNOWN, KnownIndexes, usable
from vecs._searching.request import Mode, Request, SearchOptions, checked_request, plain_request, request_from
from vecs._searching.statement import rows_of_index, statement
from vecs._sql import search as sql
from vecs._sql.fragment import Fragment
from vecs._sql.indexes import IndexInfo
from vecs._sql.search import Columns, first_column
from vecs._sql.settings import Settings, index_settings
from vecs._sql.table import Table
from vecs._sql.vectors import checked_vector
from vecs.exc import ArgError
from vecs.indexes import METHODS, IndexMethod
from vecs.records import Match, is_vector
from vecs.rerankers import Reranker

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

# So many searches are one statement, where there are many: less to send, to plan and to read for each.
GROUP = 10


class AsyncSearching(AsyncCore):
    """The methods that search."""

    async def search(
        self,
        query: Any,
        *,
        text: str | None = None,
        mode: Mode = "vector",
        limit: int = 10,
        offset: int = 0,
        filters: Filters | None = None,
        measure: Measure | None = None,
        threshold: float | None = None,
        exact: bool = False,
        ef_search: int | None = None,
        probes: int | None = None,
        weights: tuple[float, float] | None = None,
        candidates: int | tuple[int, int] | None = None,
        rrf_constant: int | None = None,
        rerank: Reranker | None = None,
        diversity: float | None = None,
        oversampling: float | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
    ) -> list[Match]:
        """
        Find the records that answer a text or a vector best, best first.

        `mode` is how: "vector" by nearness; "keyword" by the words they have in common with the text, rare
        words counting more; "hybrid" by both, fused by reciprocal rank. The two latter are for collections with
        text. With a vector for a query `text` gives the words.

        `threshold` keeps matches whose score, in [0, 1], is at least that. `exact` compares every record
        instead of asking the index. `ef_search` (HNSW) and `probes` (IVFFlat) trade speed for recall. Fewer
        than `limit` matches mean that no more records match.

        In hybrid mode `weights` are those of the vector side and of the keyword side, `candidates` how many
        each contributes (one number or a pair). The score of a record is the weighted mean of its nearness and of
        its rank by words, each stretched to [0, 1] over the candidates of this search; with `rrf_constant`, such as
        60, it is weighted reciprocal rank fusion, as a share of the greatest possible. Where `candidates` are fewer
        than `limit`, so may be the matches.

        Pages by `offset` fit together with `exact=True` only, since an index finds most of the nearest and not
        always the same ones; in hybrid mode with the same `candidates=` for all pages besides. Those of reranked or
        spread matches do not: ask for more at once.

        `rerank` reorders by a model that reads query and text together: a sentence-transformers CrossEncoder,
        or any function, sync or async, of the query and a list of texts that returns their scores.
        `diversity`, from 0 to 1, spends places on matches unlike those before them (maximal marginal relevance
        with lambda = 1 - diversity). Both choose from `oversampling` times as many matches as were asked for; without
        them that is how many times as many candidates of a half or binary index are ranked by their exact distance.
        """
        table = await self._table()
        fusing = not (weights is None and candidates is None and rrf_constant is None)
        if mode == "vector" and filters is None and rerank is None and not fusing:
            # The same from one search to the next, mostly.
            request = plain_request(
                table,
                limit,
                offset,
                measure,
                threshold,
                exact,
                ef_search,
                probes,
                diversity,
                oversampling,
                include_vector,
                include_extra,
            )
        else:
            request = checked_request(
                table,
                await self._selection(filters=filters),
                mode=mode,
                limit=limit,
                offset=offset,
                measure=measure,
                threshold=threshold,
                exact=exact,
                ef_search=ef_search,
                probes=probes,
                weights=weights,
                candidates=candidates,
                rrf_constant=rrf_constant,
                rerank=rerank,
                diversity=diversity,
                oversampling=oversampling,
                include_vector=include_vector,
                include_extra=include_extra,
            )
        words = await self._words(query, text, request)
        vec = None if mode == "keyword" else await self._vector(query)
        return await refine(table, await self._found(request, vec, words), request, vec, words)

    async def search_many(self, queries: Iterable[Any], **options: Unpack[SearchOptions]) -> list[list[Match]]:
        """
        Search for several texts or vectors; one list of matches each, in the order of the queries.

        The keyword arguments are those of `search()`.
        """
        if isinstance(queries, str) or not isinstance(queries, Iterable):
            raise ArgError(f"search_many takes an iterable of queries, not {queries!r}; see search() for one")
        text = options.get("text")
        table = await self._table()
        request = request_from(table, options, await self._selection(filters=options.get("filters")))
        given = list(queries)
        words = [await self._words(query, text, request) for query in given]
        if not given:
            return []
        vecs: list[Any] = [None] * len(given)
        if request.mode != "keyword":
            vecs = await self._vectors(given)
        found = await self._found_many(request, list(zip(vecs, words, strict=True)))
        return [
            await refine(table, rows, request, vec, text) for rows, vec, text in zip(found, vecs, words, strict=True)
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
        columns = Columns(text=False, metadata=include_metadata, document_id=False, vec=include_vector)
        selection = await self._selection(filters=filters)
        request = checked_request(
            table,
            selection,
            limit=limit,
            measure=measure,
            probes=probes,
            ef_search=ef_search,
            oversampling=oversampling,
            columns=columns,
        )
        given = data if query_vector is None else one_of("data", data, "query_vector", query_vector)
        if given is None:
            rows = await self._executor.read(sql.unordered(table, columns, selection, request.limit))
        else:
            rows = await self._found(request, await self._vector(given, skip_transform=skip_adapter), None)
        return sql.read_query_rows(table, rows, include_value, include_vector, include_metadata)

    async def explain(self, query: Any, *, analyze: bool = False, **options: Unpack[SearchOptions]) -> str:
        """
        Describe how Postgres would run a search: in words first, then the plan.

        The keyword arguments are those of `search()`. `analyze=True` runs it, and adds the times and row counts
        that were met.
        """
        text = options.get("text")
        table = await self._table()
        request = request_from(table, options, await self._selection(filters=options.get("filters")))
        words = await self._words(query, text, request)
        vec: Any = None if request.mode == "keyword" else await self._vector(query)
        known = NOTHING_KNOWN if request.exact or request.mode == "keyword" else await self._read_indexes()
        if compares_all(request, known):
            request = replace(request, exact=True)
        index = None if request.exact else usable(known.best(request.measure), vec)
        settings = self._settings(table, request, index, known)
        pool = pool_for(request, index, known)
        size, probe = (None, False) if pool is None else (pool.sizes[0], pool.probe)
        asked = sql.explain(statement(table, request, vec, words, index, pool=size, probe=probe), analyze)
        plan = first_column(await self._executor.read(asked, settings))
        in_force = dict(await self._executor.read(index_settings(), settings))
        words_first = describe_search(table, request, await self.indexes(), index, plan, in_force)
        return "\n".join([*words_first, "", *plan])

    async def _words(self, query: Any, text: str | None, request: Request) -> str | None:
        """Return the text whose words are looked for, or that a reranker reads; None if there is no need."""
        needs_keywords = request.mode != "vector"
        # The language is part of the statement: one that was changed elsewhere would find nothing, silently.
        table = await self._table(60 if needs_keywords else math.inf)
        if needs_keywords and table.language is None:
            raise ArgError(
                f"mode={request.mode!r} needs the words of texts, and collection {self.name!r} keeps none; call its "
                "enable_text(), or create the collection with text=True"
            )
        if request.rerank is not None and not table.has_text:
            raise ArgError(
                f"rerank= reads texts, and collection {self.name!r} keeps none; call its enable_text(), or create "
                "the collection with text=True"
            )
        if text is not None and not isinstance(text, str):
            raise ArgError(f"text must be a string, not {text!r}")
        if not needs_keywords and request.rerank is None:
            if text is not None:
                raise ArgError("text= is for mode='keyword' and mode='hybrid', and for rerank=; mode is 'vector'")
            return None
        if text is None and not isinstance(query, str):
            what = f"mode={request.mode!r}" if needs_keywords else "rerank="
            raise ArgError(f"the query is {type(query).__name__}, and {what} needs words: give text= beside it")
        return query if text is None else text

    async def _vector(self, query: Any, *, skip_transform: bool = False) -> Any:
        return (await self._vectors([query], skip_transform=skip_transform))[0]

    async def _vectors(self, queries: Sequence[Any], *, skip_transform: bool = False) -> list[Any]:
        table = await self._table()
        for query in queries:
            self._check_query(query, skip_transform)
        if self.transform is not None and not skip_transform:
            queries = await transform_queries(self.transform, queries)
        return [checked_vector(query, table, "the query") for query in queries]

    def _check_query(self, query: Any, skip_transform: bool) -> None:
        if query is None:
            raise ArgError("the query is None; give a text or a vector")
        if self.transform is None and not skip_transform and not is_vector(query):
            raise ArgError(
                f"the query is {type(query).__name__}, and collection {self.name!r} has no transform to turn it into "
                f"a vector; {self._without_transform or 'open the collection with transform=, or give a vector'}"
            )

    async def _found(self, request: Request, vec: Any, words: str | None) -> list[tuple[Any, ...]]:
        """
        Return the rows that answer a request.

        An index scan may end early, under a filter above all, and common words are not looked for where there
        are rarer ones. But fewer rows have to mean that there are no more: a short answer is asked for again.
        """
        return (await self._found_many(request, [(vec, words)]))[0]

    async def _found_many(
        self, request: Request, queries: Sequence[tuple[Any, str | None]]
    ) -> list[list[tuple[Any, ...]]]:
        if request.mode == "keyword" or request.exact:
            return await self._found_by(request, queries, NOTHING_KNOWN)
        known = await self._known_indexes()
        if known.best(request.measure) is not None:
            asked = replace(request, exact=True) if compares_all(request, known) else request
            return await self._found_by(asked, queries, known)
        key = (self.client.schema, self.name, request.measure.measure)
        warns = self.warns_without_index and self._catalog.warns(*key)
        if warns:
            # One may have been made elsewhere a moment ago.
            known = await self._read_indexes()
        found = await self._found_by(request, queries, known)
        # Those on parts were made for filters: perhaps for this one.
        served = known.best(request.measure) is not None or (request.filtered and known.on_parts)
        if warns and not served and self._catalog.warns(*key):
            self._catalog.warned(*key)
            warnings.warn(
                f"Query does not have a covering index for IndexMeasure.{request.measure.measure.value}. "
                "See Collection.create_index",
                UserWarning,
                stacklevel=callers_level(),
            )
        return found

    async def _found_by(
        self, request: Request, queries: Sequence[tuple[Any, str | None]], known: KnownIndexes
    ) -> list[list[tuple[Any, ...]]]:
        table = await self._table()
        index = known.best(request.measure)
        # What no index answers minds no setting of index scans.
        by_index = request.mode != "keyword" and not request.exact
        settings = self._settings(table, request, index, known) if by_index else None
        # With a filter nothing is prepared: after some runs Postgres would keep a plan that knows neither key nor
        # value, hence neither what the filter keeps nor which index is for it.
        prepare = False if request.filtered else None
        pool = pool_for(request, index, known)
        if pool is not None and settings is not None:
            return [
                await self._found_in_pool(table, request, vec, usable(index, vec), pool, settings) for vec, _ in queries
            ]
        statements = [statement(table, request, vec, words, usable(index, vec)) for vec, words in queries]
        if request.mode == "vector" and not request.filtered and len(statements) >= 2 * GROUP:
            found = await self._found_in_groups(statements, settings)
        else:
            found = await self._executor.read_many(statements, settings, prepare=prepare)
        if request.exact:
            return found
        short = await self._short_ones(request, found, known)
        if not short:
            return [sql.in_order(rows) for rows in found] if request.mode == "vector" else found
        again = [statement(table, request, *queries[place], None, complete=True) for place in short]
        answers = dict(zip(short, await self._executor.read_many(again, prepare=prepare), strict=True))
        return [
            answers[place] if place in answers else sql.in_order(rows) if request.mode == "vector" else rows
            for place, rows in enumerate(found)
        ]

    async def _found_in_groups(
        self, statements: Sequence[Fragment], settings: Settings | None
    ) -> list[list[tuple[Any, ...]]]:
        groups = [statements[start : start + GROUP] for start in range(0, len(statements), GROUP)]
        answers = await self._executor.read_many([sql.several(group) for group in groups], settings)
        return [rows for group, answer in zip(groups, answers, strict=True) for rows in sql.each(answer, len(group))]

    async def _found_in_pool(
        self, table: Table, request: Request, vec: Any, index: IndexInfo | None, pool: Pool, settings: Settings
    ) -> list[tuple[Any, ...]]:
        """Search under a filter as the planner thinks best; exactly where an index may have missed nearer ones."""
        wanted = request.fetched + request.skipped
        rows: list[tuple[Any, ...]] = []
        full = False
        for size in pool.sizes:
            asked = statement(table, request, vec, None, index, pool=size, probe=pool.probe)
            rows = await self._executor.read(asked, settings, prepare=False)
            full = candidates_found(rows) >= size
            if not full:
                break
            if not unsettled(rows, wanted):
                return rows
        # Among very many records, or in an index on just those that match, the nearest of a large pool must do.
        if full and len(pool.sizes) > 1:
            return rows
        exactly = statement(table, request, vec, None, None, complete=True)
        return await self._executor.read(exactly, prepare=False)

    async def _short_ones(
        self, request: Request, found: Sequence[Sequence[tuple[Any, ...]]], known: KnownIndexes
    ) -> list[int]:
        """Return which of some answers have too few rows, or too few candidates, to be believed."""
        few = [place for place, rows in enumerate(found) if len(rows) < request.fetched]
        if request.mode == "keyword":
            return few
        if request.mode == "hybrid":
            doubtful = [place for place, rows in enumerate(found) if rows and _doubtful(rows[0], request)]
            return sorted({*few, *(doubtful if known.approximate else ())})
        return few if few and (known.approximate or (await self._read_indexes()).approximate) else []

    def _settings(self, table: Table, request: Request, index: IndexInfo | None, known: KnownIndexes) -> Settings:
        rows = rows_of_index(request, index)
        settings: Settings = {}
        if table.extension.iterative_scan and (request.filtered or not self._executor.pooler):
            # Without a filter, too: a setting that changes from search to search costs a statement each time.
            settings = known.scan_limit(rows)
        if request.ef_search is None and request.probes is None and table.extension.iterative_scan:
            return settings
        settings = {**settings}
        for method, value in ((IndexMethod.hnsw, request.ef_search), (IndexMethod.ivfflat, request.probes)):
            spec = METHODS[method]
            if value is not None:
                settings[spec.search_setting] = str(value)
            elif method is IndexMethod.hnsw and rows > 40 and not table.extension.iterative_scan:
                # Before pgvector 0.8 a scan ends after ef_search rows.
                settings[spec.search_setting] = str(min(rows, spec.search_range[1]))
        return settings


def _doubtful(row: tuple[Any, ...], request: Request) -> bool:
    # Nearness had too few candidates, or under a filter none of those around the query.
    return row[8] < request.candidates[0] or row[9] == 0
