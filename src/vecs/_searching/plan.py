"""
The decisions of a search: which index, how many candidates, which settings, whether to believe the answer.

A plan is a generator. It yields what it wants to know, an `Ask` for rows or a `Look` at the indexes, and is sent the
answer; so it decides everything and awaits nothing. `_async/searching/run.py` awaits for it; tests feed it by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from vecs._searching.candidates import (
    CandidatePool,
    candidate_count,
    candidate_pool,
    candidates_found,
    group_pool,
    is_doubtful,
    may_have_missed,
    pool_sizes,
    prefers_exact,
)
from vecs._searching.known_indexes import NO_INDEXES, KnownIndexes, usable
from vecs._searching.request import Request
from vecs._sql.answers import Row, each, in_order, with_distance
from vecs._sql.fragment import Fragment, Param
from vecs._sql.groups import groups_by_both, groups_by_words, nearest_groups
from vecs._sql.indexes import IndexInfo
from vecs._sql.keywords import by_both, by_words
from vecs._sql.search import nearest, nearest_of_pool, several
from vecs._sql.selection import EVERYTHING
from vecs._sql.settings import Settings
from vecs._sql.shape import Fusion, Shape
from vecs._sql.tables import Table
from vecs._sql.terms import NO_TERMS, Terms
from vecs._sql.vectors import vec_param
from vecs.indexes import METHODS, IndexMethod

# So many searches are one statement, where there are many: less to send, to plan and to read for each. Measured by
# benchmarks/many.py.
QUERIES_PER_STATEMENT = 10

T = TypeVar("T")


class Query(NamedTuple):
    """What is searched for: a checked vector, words, or both; `terms` is what the words are looked for by."""

    vec: Any = None
    words: str | None = None
    terms: Terms = NO_TERMS


class Ask(NamedTuple):
    """Rows wanted: the answers of these statements, all with the same settings."""

    statements: Sequence[Fragment]
    # Those of index scans; None leaves what earlier searches set.
    settings: Settings | None = None
    prepare: Literal[False] | None = None


class Look(NamedTuple):
    """Indexes wanted: as they are `now`, or as they were a minute ago at most."""

    now: bool


Answers: TypeAlias = "list[list[Row]]"
# What a step of a plan yields, is sent, and returns.
Step: TypeAlias = "Generator[Ask | Look, Any, T]"


@dataclass(frozen=True)
class Setup:
    """What follows for all queries of a search from the request and the known indexes."""

    request: Request
    known: KnownIndexes
    index: IndexInfo | None
    shape: Shape
    settings: Settings | None
    pool: CandidatePool | None
    pooler: bool = False

    @property
    def prepare(self) -> Literal[False] | None:
        """
        Whether its statements may be prepared.

        With a filter they are not: after some runs Postgres would keep a plan that knows neither key nor value, hence
        neither what the filter keeps nor which index is for it.
        """
        return False if self.request.filtered else None

    @property
    def reorders(self) -> bool:
        """Whether rows come in the relaxed order of an index scan."""
        return self.request.mode == "vector" and not self.request.exact

    def settings_for(self, pool_size: int) -> Settings | None:
        """Return the settings of index scans for so many records that are grouped."""
        if self.settings is None or self.pool is None:
            return None
        shape = _of_pool(self.shape, self.request, self.pool, pool_size)
        return _scan_settings(shape, self.request, self.known, pooler=self.pooler)

    def index_for(self, query: Query) -> IndexInfo | None:
        """Return the index that is asked; a vector that half precision cannot hold is compared with every record."""
        return usable(self.index, query.vec)

    def statement(self, query: Query, *, pool_size: int | None = None, complete: bool = False) -> Fragment:
        """Return the statement that answers a query; `complete` leaves nothing out, at any cost."""
        shape = self.shape
        if complete or self.index_for(query) is not self.index:
            shape = shape_for(shape.table, self.request, None, exact=complete or shape.exact)
        if pool_size is not None and self.pool is not None:
            shape = _of_pool(shape, self.request, self.pool, pool_size)
        return statement_for(shape, self.request, query)


def _of_pool(shape: Shape, request: Request, pool: CandidatePool, size: int) -> Shape:
    if shape.groups is not None and shape.precision != "full":
        shape = shape._replace(candidates=candidate_count(shape.precision, size, request.oversampling))
    return shape._replace(pool=size, probe=pool.probe)


def shape_for(table: Table, request: Request, index: IndexInfo | None, *, exact: bool) -> Shape:
    """Return the shape of the statement that answers a request by an index, or by none."""
    precision = "full" if index is None or index.precision is None else index.precision
    hybrid = request.mode == "hybrid"
    candidates = 0
    if precision != "full":
        rows = request.candidates[0] if hybrid else request.fetched + request.skipped
        candidates = candidate_count(precision, rows, request.oversampling)
        if request.filtered:
            # What an index finds first under a filter is not always nearest.
            candidates = max(candidates, pool_sizes(rows)[0])
    fusion = None
    if hybrid:
        around = request.selection != EVERYTHING and index is not None and request.candidates[0] > 0
        fusion = Fusion(request.candidates, request.weights, request.rrf_constant, around)
    return Shape(
        table=table,
        measure=request.measure,
        columns=request.columns,
        limit=request.fetched,
        offset=request.skipped,
        selection=request.selection,
        exact=exact,
        precision=precision,
        candidates=candidates,
        fusion=fusion,
        groups=request.groups,
    )


def statement_for(shape: Shape, request: Request, query: Query) -> Fragment:
    """Put the vector and the terms into a shape."""
    grouped = shape.groups is not None
    if request.mode == "keyword":
        return groups_by_words(shape, query.terms) if grouped else by_words(shape, query.terms)
    vec = Param(vec_param(query.vec, shape.table))
    if shape.fusion is not None:
        by_both_sides = groups_by_both if grouped else by_both
        return by_both_sides(shape, shape.fusion, vec, query.terms)
    if grouped:
        return nearest_groups(shape, vec)
    return nearest(shape, vec) if shape.pool is None else nearest_of_pool(shape, vec)


def set_up(table: Table, request: Request, known: KnownIndexes, *, pooler: bool) -> Setup:
    """Choose the index, the settings of its scan and the candidates."""
    return (_kept_setup if request.plain else _setup)(table, request, known, pooler)


# Requests and what is known of indexes are told apart as objects: a plain request is one and the same from one search
# to the next, see `plain_request`.
@lru_cache(maxsize=256)
def _kept_setup(table: Table, request: Request, known: KnownIndexes, pooler: bool) -> Setup:
    return _setup(table, request, known, pooler)


def _setup(table: Table, request: Request, known: KnownIndexes, pooler: bool) -> Setup:
    if prefers_exact(request, known) and known.best(request.measure) is not None:
        request = replace(request, exact=True)
    index = None if request.exact else known.best(request.measure)
    shape = shape_for(table, request, index, exact=request.exact)
    pool = (candidate_pool if request.groups is None else group_pool)(request, index, known)
    if request.groups is not None and pool is not None:
        shape = _of_pool(shape, request, pool, pool.sizes[0])
    settings = None
    if request.mode != "keyword" and not request.exact:
        # Else no index on the vectors is asked, and no setting of index scans matters.
        settings = _scan_settings(shape, request, known, pooler=pooler)
    return Setup(request, known, index, shape, settings, pool, pooler)


def _scan_settings(shape: Shape, request: Request, known: KnownIndexes, *, pooler: bool) -> Settings:
    iterative, rows = shape.table.extension.iterative_scan, shape.rows_of_index
    settings: Settings = {}
    if iterative and (request.filtered or not pooler):
        # Without a filter, too: a setting that changes from search to search costs a statement each time.
        settings = known.scan_limit(rows)
    if request.ef_search is None and request.probes is None and iterative:
        return settings
    settings = {**settings}
    for method, value in ((IndexMethod.hnsw, request.ef_search), (IndexMethod.ivfflat, request.probes)):
        spec = METHODS[method]
        if value is not None:
            settings[spec.search_setting] = str(value)
        elif method is IndexMethod.hnsw and rows > 40 and not iterative:
            # Before pgvector 0.8 a scan ends after ef_search rows.
            settings[spec.search_setting] = str(min(rows, spec.search_range[1]))
    return settings


def steps(
    table: Table,
    request: Request,
    queries: Sequence[Query],
    *,
    pooler: bool = False,
    warn: Callable[[KnownIndexes], None] | None = None,
    answer: Callable[[Setup, Sequence[Query]], Step[Answers]] | None = None,
) -> Step[Answers]:
    """
    Answer a request for some queries; return the rows of each.

    `answer` is the plan that asks for them, once it is known which index there is: None is the one for single records.

    `warn` is called with the known indexes if none is for the measure and there are so many records that an index is
    advisable. None means no warning.
    """
    answered = answer or _answers
    if request.mode == "keyword" or request.exact:
        return _found(request, (yield from answered(set_up(table, request, NO_INDEXES, pooler=pooler), queries)))
    known: KnownIndexes = yield Look(now=False)
    if known.best(request.measure) is None and known.worth_an_index and warn is not None:
        # One may have been made elsewhere a moment ago.
        known = yield Look(now=True)
    answers = yield from answered(set_up(table, request, known, pooler=pooler), queries)
    # Indexes on parts were made for filters: perhaps for this one.
    covered = known.best(request.measure) is not None or (request.filtered and known.on_parts)
    if warn is not None and known.worth_an_index and not covered:
        warn(known)
    return _found(request, answers)


def _found(request: Request, answers: Answers) -> Answers:
    return [with_distance(rows) for rows in answers] if request.mode == "vector" else answers


def _answers(setup: Setup, queries: Sequence[Query]) -> Step[Answers]:
    """
    Ask for the rows, and once more for those of an answer that is not to be believed.

    An index scan may end early, under a filter above all, and common words are not looked for where there are rarer
    ones. But fewer rows have to mean that there are no more.
    """
    if setup.pool is not None:
        pooled: Answers = []
        for query in queries:
            pooled.append((yield from _from_pools(setup, setup.pool, query)))
        return pooled
    statements = [setup.statement(query) for query in queries]
    answers: Answers = yield from _in_groups(setup, statements)
    if setup.request.exact:
        return answers
    again = yield from _not_to_be_believed(setup, queries, answers)
    complete: Answers = []
    if again:
        complete = yield Ask([setup.statement(queries[at], complete=True) for at in again], prepare=setup.prepare)
    if setup.reorders:
        answers = [in_order(with_distance(rows)) for rows in answers]
    for at, rows in zip(again, complete, strict=True):
        answers[at] = rows
    return answers


def _in_groups(setup: Setup, statements: Sequence[Fragment]) -> Step[Answers]:
    plain = setup.request.mode == "vector" and not setup.request.filtered
    if not plain or len(statements) < 2 * QUERIES_PER_STATEMENT:
        return (yield Ask(statements, setup.settings, setup.prepare))
    starts = range(0, len(statements), QUERIES_PER_STATEMENT)
    groups = [statements[start : start + QUERIES_PER_STATEMENT] for start in starts]
    answers: Answers = yield Ask([several(group) for group in groups], setup.settings)
    return [rows for group, answer in zip(groups, answers, strict=True) for rows in each(answer, len(group))]


def _from_pools(setup: Setup, pool: CandidatePool, query: Query) -> Step[list[Row]]:
    """Search under a filter as the planner thinks best; exactly where an index may have missed nearer records."""
    wanted = setup.request.fetched + setup.request.skipped
    rows: list[Row] = []
    full = False
    for size in pool.sizes:
        (rows,) = yield Ask([setup.statement(query, pool_size=size)], setup.settings, prepare=False)
        full = candidates_found(rows) >= size
        if not full:
            break
        if not may_have_missed(rows, wanted):
            return rows
    # Among very many records, or in an index on just those that match, the nearest of a large pool must do.
    if full and len(pool.sizes) > 1:
        return rows
    (rows,) = yield Ask([setup.statement(query, complete=True)], prepare=False)
    return rows


def _not_to_be_believed(setup: Setup, queries: Sequence[Query], answers: Answers) -> Step[list[int]]:
    """Return the places of the answers that have too few rows, or too few candidates."""
    request, known = setup.request, setup.known
    short = [at for at, rows in enumerate(answers) if len(rows) < request.fetched]
    if request.mode == "keyword":
        wanted = request.fetched + request.skipped
        return [at for at in short if queries[at].terms.worth_ranking(wanted) != queries[at].terms.every]
    if request.mode == "hybrid":
        doubtful = [at for at, rows in enumerate(answers) if known.approximate and is_doubtful(rows, request)]
        return sorted({*short, *doubtful})
    if short and not known.approximate:
        # Only an index leaves rows out; one may have been made elsewhere a moment ago.
        known = yield Look(now=True)
    return short if known.approximate else []
