"""Records found by nearness, by words, or by both."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from vecs._async.collection.anew import async_anew
from vecs._async.collection.handle import AsyncHandle, Filters, Measure
from vecs._async.searching.columns import with_columns
from vecs._async.searching.context import add_context
from vecs._async.searching.examples import read_examples
from vecs._async.searching.explain import explain
from vecs._async.searching.highlights import add_highlights
from vecs._async.searching.queries import query_vectors
from vecs._async.searching.refine import refine
from vecs._async.searching.run import run
from vecs._async.searching.words import dropped_words, query_terms, read_words
from vecs._checks.arguments import callers_level, one_of
from vecs._checks.limits import MOST_QUERIES, at_most
from vecs._checks.numbers import checked_flag
from vecs._reports.matches import Matches
from vecs._searching.columns import IncludeColumns, checked_columns
from vecs._searching.examples import check_has_target, checked_examples, target_vector, without_examples
from vecs._searching.explain import describe_search, without_index
from vecs._searching.groups import group_answers
from vecs._searching.known_indexes import NO_INDEXES, KnownIndexes
from vecs._searching.plan import Query, set_up, steps
from vecs._searching.queries import checked_queries
from vecs._searching.request import (
    WITHOUT_QUERY,
    Mode,
    Request,
    SearchOptions,
    check_known,
    checked_request,
    is_plain,
    options_of,
    plain_request,
    words_of,
)
from vecs._sql.answers import Columns, Row, read_query_rows
from vecs._sql.mapped import of_table
from vecs._sql.records import select_unordered
from vecs._sql.tables import Table
from vecs._sql.terms import Terms
from vecs._sql.vectors import checked_vector
from vecs.exc import CallError
from vecs.records import RecordId
from vecs.rerankers import Reranker

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack


class AsyncSearching(AsyncHandle):
    """The methods that search."""

    @async_anew("select")
    async def search(
        self,
        query: Any = None,
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
        group_by: str | None = None,
        group_size: int = 1,
        context: int | tuple[int, int] | None = None,
        highlight: bool = False,
        like: Iterable[RecordId] | None = None,
        unlike: Iterable[RecordId] | None = None,
        include_vector: bool = False,
        include_extra: bool = False,
        include_columns: IncludeColumns = False,
    ) -> Matches:
        """
        Find the records that answer a text or a vector best, best first.

        `mode` is "vector" (nearest vectors), "keyword" (words in common with the query, rare words count more) or
        "hybrid" (both, combined by their scores). Keyword and hybrid mode need a collection with text. If the query
        is a vector, `text` gives the words for them.

        `threshold` keeps the matches whose score, in [0, 1], is at least this number. `exact` compares every record
        and uses no index. Greater values of `ef_search` (HNSW) and `probes` (IVFFlat) find more, but take longer. If
        there are fewer than `limit` matches, no more records match. `measure` is how nearness is measured.

        In hybrid mode, `weights` is the pair (vector, keyword), and `candidates` how many records each of the two
        contributes (one number or a pair). Each score is rescaled so that the best candidate of this search gets 1
        and the worst 0, and the score of a match is their weighted mean. Without `weights`, nearness weighs 1, and
        words weigh up to 2.5: the more, the more the best record stands out by its words. With `rrf_constant`, such as
        60, it is weighted reciprocal rank fusion instead, by default with equal weights, divided by its greatest
        possible value. If `candidates` are fewer than `limit`, there may be fewer matches than `limit`.

        Use `offset` with `exact=True`: an index may find other records for each page, so that pages would overlap. In
        hybrid mode, also give the same `candidates=` for all pages. With `rerank` or `diversity`, pages do not fit
        together: raise `limit` instead.

        `rerank` reorders the matches by a model that reads query and text together: a sentence-transformers
        CrossEncoder, or any function, sync or async, that gets the query and a list of texts and returns their scores.
        `diversity`, from 0 to 1, prefers matches that differ from the matches before them (maximal marginal relevance
        with lambda = 1 - diversity). Both choose from `oversampling` times as many matches as you ask for. Without
        them, `oversampling` is for indexes of half precision or bits: they find that many times more candidates than
        matches, which are ranked by their exact distance.

        `group_by` finds the `group_size` best records of each of `limit` groups: of each document with
        "$document_id", of each value of a metadata key (or path, as in filters), with the same text with "$text".
        The matches come as one list, those of a group together, the group with the best match first; `match.group` is
        its value. `offset` counts groups, too. If there are fewer groups than `limit`, no more match. A record without
        a document is a group of its own; records without the metadata key, or with null, are one group, None. Values
        are the same if they are as JSON: 1 and 1.0 are, 1 and "1" are not. `rerank` reads the `group_size` best records
        of `oversampling` times as many groups, and `diversity` compares the best one of each.

        `context=1` gives each match the record before it and the one after it in its document, in reading order, as
        `match.context`, a `vecs.Context`; `context=(0, 2)` the two after it. It needs a collection with text.

        `highlight` tells where the query's words are in the text of each match, as `match.highlights`: pairs (start,
        end), of which `match.highlighted()` and `match.snippet()` make texts. Words count as in keyword mode: in other
        forms, too, and no stop words. In vector mode they are those of the query if it is a text, or of `text`. The
        first 100,000 characters of each text are looked at. It needs a collection with text.

        `like` and `unlike` are ids of stored records: matches are near to the vector `mean(like) + (mean(like) -
        mean(unlike))`, or `mean(like)` without `unlike`. A query is one more of those in `like`; without one, leave
        `query` out. If the transform splits documents, an id may be that of a document, whose vector is the mean of
        those of its records. For cosine distance, vectors are made of length 1 first. In a collection of bits, a bit is
        set if more than half of the vectors have it. These records are not among the matches.

        `include_columns` are names of other columns of the table, whose values `columns` of a match has; True means
        all of them. They are read right after the search.

        The list has `to_pandas()`, `to_polars()` and `to_arrow()`.
        """
        if query is None and like is None and unlike is None:
            raise CallError(WITHOUT_QUERY)
        return (await self._search([query], options_of(locals())))[0]

    @async_anew("select")
    async def search_many(self, queries: Iterable[Any], **options: Unpack[SearchOptions]) -> list[Matches]:
        """
        Search for several texts or vectors; return one list of matches per query, in the order of the queries.

        The keyword arguments are those of `search()`.
        """
        check_known(options)
        return await self._search(at_most(checked_queries(queries), MOST_QUERIES, "queries"), options)

    @async_anew("select")
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
        Find the nearest records, and return them as vecs 0.4 did; prefer `search()`.

        Returns ids, or named tuples of what the `include_...` arguments ask for, always in the order id, distance,
        vec, metadata. Without data it returns records that match the filter, in id order, with None as distance.
        """
        skip_adapter = checked_flag(skip_adapter, "skip_adapter")
        include_value = checked_flag(include_value, "include_value")
        include_metadata = checked_flag(include_metadata, "include_metadata")
        include_vector = checked_flag(include_vector, "include_vector")
        table = await self._table()
        options: SearchOptions = {
            "limit": limit,
            "measure": measure,
            "probes": probes,
            "ef_search": ef_search,
            "oversampling": oversampling,
        }
        columns = Columns(text=False, metadata=include_metadata, document_id=False, vec=include_vector)
        request = checked_request(table, await self._selection(filters=filters), options, columns=columns)
        given = data if query_vector is None else one_of("data", data, "query_vector", query_vector)
        if given is None:
            rows = await self._executor.read(select_unordered(table, columns, request.selection, request.limit))
        else:
            vec = (
                checked_vector(given, table, "the query")
                if checked_flag(skip_adapter, "skip_adapter")
                else (await self._vectors([given]))[0]
            )
            rows = (await self._answer(table, request, [Query(vec)]))[0]
        if not rows:
            await self._warn_of_columns(request.selection)
        value = request.measure.finite if include_value else None
        return read_query_rows(table, rows, value=value, vector=include_vector, metadata=include_metadata)

    @async_anew("select")
    async def explain(self, query: Any = None, *, analyze: bool = False, **options: Unpack[SearchOptions]) -> str:
        """
        Describe how Postgres would run a search: in words first, then the plan.

        Of a search by words it tells which lexemes are looked for, how many records have them and what they weigh, and
        which words of the query are left out as stop words.

        The keyword arguments are those of `search()`. `analyze=True` runs the search, and adds actual times and row
        counts.
        """
        check_known(options)
        options.pop("include_columns", None)
        analyze = checked_flag(analyze, "analyze")
        table, request = await self._request(options)
        (asked,) = await self._queries([query], table, request, options)
        known = NO_INDEXES if request.exact or request.mode == "keyword" else await self._read_indexes()
        setup = set_up(table, request, known, pooler=self._executor.pooler)
        plan, settings = await explain(self._executor, setup, asked, analyze=analyze)
        dropped = list[str]()
        if request.mode != "vector":
            dropped = await dropped_words(self._executor, table, asked.words or "")
        told = describe_search(setup, asked, await self.indexes(), plan, settings, dropped)
        return "\n".join([*told, "", *plan])

    async def _search(self, given: Sequence[Any], options: SearchOptions) -> list[Matches]:
        wanted = options.pop("include_columns", False)
        table, request = await self._request(options)
        columns = checked_columns(table, wanted)
        queries = await self._queries(given, table, request, options)
        if not queries:
            return []
        answers = await self._answer(table, request, queries)
        if not any(answers):
            await self._warn_of_columns(request.selection)
        found = [await refine(table, rows, request, query) for rows, query in zip(answers, queries, strict=True)]
        if request.groups is not None and all(match.group is None for each in found for match in each):
            await self._warn_of_keys({request.groups.key} - table.known_columns.keys(), "group_by=")
        if request.context is not None:
            found = await add_context(self._executor, table, found, request)
        if request.highlight:
            words = [query.words or "" for query in queries]
            found = await add_highlights(self._executor, self._catalog.lexicon, table, found, words)
        if wanted:
            found = [await with_columns(self._executor, table, each, columns) for each in found]
        return [Matches(each) for each in found]

    async def _request(self, options: SearchOptions) -> tuple[Table, Request]:
        table = await self._table()
        if is_plain(options):
            return table, plain_request(table, options)
        selection = await self._selection(filters=options.get("filters"))
        examples = checked_examples(options, table)
        if examples is not None:
            others = without_examples(selection.filters, examples, whole=await self._is_split())
            selection = replace(selection, filters=others if table.mapped is None else of_table(others, table.mapped))
        return table, checked_request(table, selection, options)

    async def _queries(
        self, given: Sequence[Any], table: Table, request: Request, options: SearchOptions
    ) -> list[Query]:
        """Return the vectors and the words that the request needs of what is searched for."""
        words = [words_of(query, request, table, options.get("text")) for query in given]
        if request.mode == "keyword":
            terms = await self._terms(table, words)
            return [Query(words=text, terms=found) for text, found in zip(words, terms, strict=True)]
        if options.get("like") is None and options.get("unlike") is None:
            vecs = await self._vectors(given)
        else:
            vecs = await self._targets(given, table, request, options)
        if request.mode != "hybrid":
            return [Query(vec, text) for vec, text in zip(vecs, words, strict=True)]
        found = zip(vecs, words, await self._terms(table, words), strict=True)
        return [Query(vec, text, terms) for vec, text, terms in found]

    async def _terms(self, table: Table, texts: Sequence[str | None]) -> list[Terms]:
        """Return what texts are looked for by, from statistics of a minute ago at most."""
        # Of a tenant's settings only the hash is kept. Tables of one's own may have several columns of keywords.
        view = f"{hash(frozenset(self._executor.settings.items()))} {table.name_of('text_search')}"
        known = self._catalog.words(*self._place, view)
        if known is None:
            known = await read_words(self._executor, table)
            self._catalog.remember_words(*self._place, view, known)
        return await query_terms(self._executor, table, [text or "" for text in texts], known)

    async def _targets(self, given: Sequence[Any], table: Table, request: Request, options: SearchOptions) -> list[Any]:
        """Return the vectors that are like stored records and like each query, if it is not None."""
        examples = checked_examples(options, table)
        for query in given:
            check_has_target(examples, query)
        asked = await self._vectors([query for query in given if query is not None or examples is None])
        if examples is None:
            return asked
        vectors = await read_examples(self._executor, table, examples, whole=await self._is_split())
        following = iter(asked)
        return [
            target_vector(table, request.measure, examples, vectors, None if query is None else next(following))
            for query in given
        ]

    async def _vectors(self, given: Sequence[Any]) -> list[Any]:
        return await query_vectors(given, await self._table(), self.transform, self._without_transform)

    async def _answer(self, table: Table, request: Request, queries: Sequence[Query]) -> list[list[Row]]:
        def warn(known: KnownIndexes) -> None:
            if self._catalog.warns(*key):
                self._catalog.warned(*key)
                told = without_index(table, request.measure, known, self._index_call)
                warnings.warn(told, UserWarning, stacklevel=callers_level())

        key = (*self._place, request.measure.measure)
        unwarned = self.warns_without_index and self._catalog.warns(*key)
        plan = steps(
            table,
            request,
            queries,
            pooler=self._executor.pooler,
            warn=warn if unwarned else None,
            answer=None if request.groups is None else group_answers,
        )
        return await run(plan, self._executor, self._indexes)
