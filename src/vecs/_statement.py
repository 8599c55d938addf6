"""The one statement that answers a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vecs._filtered import pools
from vecs._precision import candidate_count
from vecs._request import Request
from vecs._sql import keywords
from vecs._sql import search as sql
from vecs._sql.filtered import nearest_of_pool
from vecs._sql.fragment import Fragment
from vecs._sql.indexes import IndexInfo
from vecs._sql.table import Table
from vecs._sql.vectors import vec_param


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
        )
    if request.mode == "vector":
        return _nearest(table, request, vec, index, exact=exact)
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
    return keywords.by_both(
        table,
        _nearest(table, near, vec, index, exact=exact),
        vec_param(vec, table),
        words or "",
        request.measure,
        request.columns,
        candidates=request.candidates,
        weights=request.weights,
        rrf_constant=request.rrf_constant,
        limit=request.fetched,
        offset=request.skipped,
        selection=request.selection,
        complete=exact,
    )


def rows_of_index(request: Request, index: IndexInfo | None) -> int:
    """Return how many rows the statement takes of the index on the vectors."""
    rows = request.candidates[0] if request.mode == "hybrid" else request.fetched + request.skipped
    precision = "full" if index is None or index.precision is None else index.precision
    if precision == "full":
        return rows
    candidates = candidate_count(precision, rows, request.oversampling)
    # What an index finds first under a filter is not always nearest.
    return max(candidates, pools(rows)[0]) if request.filtered else candidates


def _nearest(table: Table, request: Request, vec: Any, index: IndexInfo | None, *, exact: bool) -> Fragment:
    param = vec_param(vec, table)
    if index is None or index.precision is None or index.precision == "full":
        return sql.nearest(
            table,
            param,
            request.measure,
            request.columns,
            limit=request.fetched,
            offset=request.skipped,
            selection=request.selection,
            exact=exact,
        )
    return sql.nearest_of_candidates(
        table,
        param,
        request.measure,
        request.columns,
        index.precision,
        candidates=rows_of_index(request, index),
        limit=request.fetched,
        offset=request.skipped,
        selection=request.selection,
    )
