"""The one statement that answers a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vecs._searching.candidates import candidate_count, pools
from vecs._searching.request import Request
from vecs._sql import keywords
from vecs._sql import search as sql
from vecs._sql.filtered import kept_around, nearest_of_pool
from vecs._sql.fragment import Fragment, Param
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs._sql.vectors import vec_param
from vecs.storage import Precision


def statement(
    table: Table,
    request: Request,
    vec: Any,
    words: str | None,
    index: IndexInfo | None,
    *,
    complete: bool = False,
    pool: int | None = None,
    probe: bool = False,
) -> Fragment:
    """
    Build the statement that answers a request for a checked vector, for words, or for both.

    `index` is the one that is to answer by nearness, `pool` how many candidates it is asked for under a filter;
    `complete` leaves nothing out, at any cost.
    """
    exact = complete or request.exact
    index = None if exact else index
    if request.mode == "vector" and pool is not None:
        return nearest_of_pool(
            table,
            vec_param(vec, table),
            request.measure,
            request.columns,
            limit=request.fetched,
            offset=request.skipped,
            selection=request.selection,
            pool=pool,
            probe=probe,
            precision=_precision(index),
        )
    if request.mode == "vector":
        return _nearest(table, request, Param(vec_param(vec, table)), index, exact=exact)
    if request.mode == "keyword":
        return keywords.by_words(
            table,
            words or "",
            request.columns,
            limit=request.fetched,
            offset=request.skipped,
            selection=request.selection,
            complete=exact,
        )
    near = replace(request, fetched=request.candidates[0], skipped=0, columns=replace(request.columns, raw=True))
    given = Param(vec_param(vec, table))
    around = None
    if request.filtered and index is not None and request.candidates[0] > 0:
        around = kept_around(table, given, request.measure, request.selection, _precision(index))
    return keywords.by_both(
        table,
        _nearest(table, near, given, index, exact=exact),
        given,
        words or "",
        request.measure,
        request.columns,
        candidates=request.candidates,
        weights=request.weights,
        rrf_constant=request.rrf_constant,
        around=around,
        limit=request.fetched,
        offset=request.skipped,
        selection=request.selection,
        complete=exact,
    )


def rows_of_index(request: Request, index: IndexInfo | None) -> int:
    """Return how many rows the statement takes of the index on the vectors."""
    rows = request.candidates[0] if request.mode == "hybrid" else request.fetched + request.skipped
    precision = _precision(index)
    if precision == "full":
        return rows
    candidates = candidate_count(precision, rows, request.oversampling)
    # What an index finds first under a filter is not always nearest.
    return max(candidates, pools(rows)[0]) if request.filtered else candidates


def _precision(index: IndexInfo | None) -> Precision:
    return "full" if index is None or index.precision is None else index.precision


def _nearest(table: Table, request: Request, vec: Param, index: IndexInfo | None, *, exact: bool) -> Fragment:
    precision = _precision(index)
    if precision == "full":
        return sql.nearest(
            table,
            vec,
            request.measure,
            request.columns,
            limit=request.fetched,
            offset=request.skipped,
            selection=request.selection,
            exact=exact,
        )
    return sql.nearest_of_candidates(
        table,
        vec,
        request.measure,
        request.columns,
        precision,
        candidates=rows_of_index(request, index),
        limit=request.fetched,
        offset=request.skipped,
        selection=request.selection,
    )
