"""The decisions of a search, by hand-fed rows: what is asked, with which settings, and when the answer is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vecs import IndexInfo
from vecs._searching.candidates import pool_sizes
from vecs._searching.groups import group_answers
from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.plan import QUERIES_PER_STATEMENT, Ask, Look, Query, set_up, steps
from vecs._searching.request import SearchOptions, checked_request, plain_request
from vecs._sql.filters import index_condition
from vecs._sql.indexes import part_of_name
from vecs._sql.selection import EVERYTHING, Selection
from vecs._sql.tables import Extension, Table
from vecs._sql.terms import WordStatistics, terms_of
from vecs.filters import parse_filters
from vecs.measures import IndexMeasure

TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), has_text=True, language="english")
OLD_TABLE = Table("s", "docs", 2, Extension("public", (0, 7, 4), 1))
FILTERS = parse_filters({"kind": "book"})
VEC = np.array([1, 0], np.float32)
TERMS = terms_of(
    [("rare", [1], 3), ("usual", [2], None), ("common", [3], None)],
    WordStatistics(100_000, {"usual": 0.3, "common": 0.5}),
)
QUERY = Query(VEC, "rare usual common", TERMS)


def index(method: str = "hnsw", precision: Any = "full", rows: int = 100_000, **parts: Any) -> IndexInfo:
    measure = parts.pop("measure", IndexMeasure.cosine_distance)
    return IndexInfo(
        name=parts.pop("name", f"ix_{method}"),
        method=method,
        column="vec",
        measure=measure,
        options={},
        valid=True,
        primary=False,
        size_bytes=0,
        definition="",
        precision=precision,
        rows=rows,
        **parts,
    )


HNSW = KnownIndexes([index()])
HALF = KnownIndexes([index(precision="half")])
NONE = KnownIndexes([index("btree", None, measure=None)])
PART = KnownIndexes(
    [index(measure=None, name=f"{part_of_name(index_condition(FILTERS))}vector_cosine_ops_x", condition="x")]
)


def row(id: str, distance: float, *more: Any) -> tuple[Any, ...]:
    return (id, None, {}, None, None, None, distance, *more)


def near(count: int) -> list[tuple[Any, ...]]:
    return [row(f"{i}", i / 10) for i in range(count)]


def pooled(count: int, candidates: int, kept_around: int | None = 40, latest: int | None = None) -> list[Any]:
    """An answer of `nearest_of_pool`; one row was found as late as `latest`."""
    found = [latest if i == 0 and latest else i + 1 for i in range(count)]
    return [row(f"{i}", i / 10, found[i], candidates, kept_around) for i in range(count)]


def fused(count: int, candidates: int, kept_around: int | None = None) -> list[Any]:
    return [row(f"{i}", 0.5, 1.0, candidates, kept_around) for i in range(count)]


class Plan:
    """A plan that a test feeds by hand."""

    def __init__(self, queries: Any = (QUERY,), *, table: Table = TABLE, pooler: bool = False, **options: Any) -> None:
        filters = options.pop("filters", None)
        selection = EVERYTHING if filters is None else Selection(filters=filters)
        given: SearchOptions = options  # type: ignore[assignment]
        self.warnings = 0
        request = checked_request(table, selection, given)
        answer = None if request.groups is None else group_answers
        self._steps = steps(table, request, list(queries), pooler=pooler, warn=self._warn, answer=answer)
        self.answer: Any = None
        self.asked: Any = next(self._steps)

    def _warn(self, known: KnownIndexes) -> None:
        self.warnings += 1

    def feed(self, answer: Any) -> Any:
        try:
            self.asked = self._steps.send(answer)
        except StopIteration as done:
            self.asked, self.answer = None, done.value
        return self.asked

    @property
    def text(self) -> str:
        (statement,) = self.asked.statements
        return statement.render()[0].decode()


def is_exact(plan: Plan) -> bool:
    return " operator(pg_catalog.+) 0::double precision as distance from" in plan.text


def test_a_search_looks_at_the_known_indexes_and_asks_once() -> None:
    plan = Plan(limit=3)
    assert plan.asked == Look(now=False)
    plan.feed(HNSW)
    assert not is_exact(plan)
    assert plan.asked.settings == {"hnsw.max_scan_tuples": "16384"}
    assert plan.asked.prepare is None
    rows = near(3)
    assert plan.feed([[rows[1], rows[0], rows[2]]]) is None
    # The relaxed order of an index scan is put right.
    assert plan.answer == [rows]
    assert plan.warnings == 0


def test_a_short_answer_of_an_index_is_asked_for_again_exactly() -> None:
    plan = Plan(limit=3)
    plan.feed(HNSW)
    plan.feed([near(2)])
    assert is_exact(plan)
    assert plan.asked.settings is None
    assert plan.feed([near(3)]) is None
    assert plan.answer == [near(3)]


def test_a_short_answer_without_an_index_means_that_there_are_no_more() -> None:
    plan = Plan(limit=3)
    plan.feed(NONE)
    assert plan.asked == Look(now=True)
    plan.feed(NONE)
    assert isinstance(plan.asked, Ask)
    # An index may have been made elsewhere while the answer was on its way.
    assert plan.feed([near(2)]) == Look(now=True)
    assert plan.feed(NONE) is None
    assert plan.answer == [near(2)]
    assert plan.warnings == 1


def test_an_index_made_meanwhile_makes_a_short_answer_doubtful() -> None:
    plan = Plan(limit=3)
    plan.feed(NONE)
    plan.feed(NONE)
    plan.feed([near(2)])
    plan.feed(HNSW)
    assert is_exact(plan)


def test_a_search_that_no_index_covers_warns_after_a_second_look() -> None:
    plan = Plan(limit=2)
    assert plan.feed(NONE) == Look(now=True)
    plan.feed(HNSW)
    plan.feed([near(2)])
    assert plan.warnings == 0
    plan = Plan(limit=2)
    plan.feed(KnownIndexes([index(measure=IndexMeasure.l2_distance)]))
    plan.feed(KnownIndexes([index(measure=IndexMeasure.l2_distance)]))
    plan.feed([near(2)])
    assert plan.warnings == 1


def test_a_search_among_few_records_neither_looks_again_nor_warns() -> None:
    plan = Plan(limit=2)
    assert isinstance(plan.feed(KnownIndexes([index("btree", None, measure=None, rows=9_999)])), Ask)
    plan.feed([near(2)])
    assert plan.warnings == 0


def test_where_the_server_has_not_counted_the_index_on_the_ids_tells_how_many_records_there_are() -> None:
    def known(size: int) -> KnownIndexes:
        return KnownIndexes([replace(index("btree", None, measure=None, rows=0), primary=True, size_bytes=size)])

    assert not known(639_999).worth_an_index
    assert known(640_000).worth_an_index


@pytest.mark.parametrize("options", [{"exact": True}, {"mode": "keyword"}])
def test_what_asks_no_index_looks_at_none_and_sets_nothing(options: Any) -> None:
    plan = Plan(limit=2, **options)
    assert isinstance(plan.asked, Ask)
    assert plan.asked.settings is None
    plan.feed([near(2)])
    assert plan.answer == [near(2)]
    assert plan.warnings == 0


def test_a_short_exact_answer_is_believed() -> None:
    plan = Plan(limit=5, exact=True)
    assert plan.feed([near(2)]) is None


def test_a_short_keyword_answer_is_asked_for_again_with_all_words() -> None:
    plan = Plan(limit=5, mode="keyword")
    assert "'rare' | 'usual' & 'common'" in plan.asked.statements[0].render()[1]
    plan.feed([near(2)])
    assert "'rare' | 'usual' & 'common'" not in plan.asked.statements[0].render()[1]
    plan.feed([near(3)])
    assert plan.answer == [near(3)]


def test_a_short_keyword_answer_for_which_all_words_were_looked_for_is_all_there_is() -> None:
    terms = terms_of([("rare", [1], 3)], WordStatistics(100_000, {}))
    plan = Plan([Query(None, "rare", terms)], limit=5, mode="keyword")
    assert plan.feed([near(3)]) is None
    assert plan.answer == [near(3)]


def test_a_few_records_are_compared_under_a_filter_where_an_index_is() -> None:
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(KnownIndexes([index(rows=2000)]))
    assert is_exact(plan)
    assert plan.asked == Ask(plan.asked.statements, None, False)
    plan.feed([near(1)])
    assert plan.answer == [near(1)]


def test_a_full_pool_that_converged_is_believed() -> None:
    size = pool_sizes(3)[0]
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(HNSW)
    assert "as candidate (id" in plan.text
    assert plan.asked.prepare is False
    assert size in plan.asked.statements[0].render()[1]
    assert plan.feed([pooled(3, size)]) is None
    assert [found[0] for found in plan.answer[0]] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("candidates", "kept_around", "latest"),
    [
        (pool_sizes(3)[0] - 1, 40, None),  # not full
        (pool_sizes(3)[0], 0, None),  # none of those around the query passes the filter
        (pool_sizes(3)[0], 40, 3 + 40 // 4 + 1),  # still found near ones late
    ],
)
def test_a_doubtful_pool_is_followed_by_the_exact_answer(candidates: int, kept_around: int, latest: int | None) -> None:
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(HNSW)
    plan.feed([pooled(3, candidates, kept_around, latest)])
    assert is_exact(plan)
    plan.feed([near(3)])
    assert plan.answer == [near(3)]


def test_an_empty_pool_is_followed_by_the_exact_answer() -> None:
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(HNSW)
    plan.feed([[]])
    assert is_exact(plan)


@pytest.mark.parametrize("known", [PART, KnownIndexes([index(rows=400_000)])])
def test_a_larger_pool_must_do_among_very_many_and_in_an_index_on_the_matches(known: KnownIndexes) -> None:
    first, second = pool_sizes(3)
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(known)
    if isinstance(plan.asked, Look):
        plan.feed(known)
    plan.feed([pooled(3, first, 0)])
    assert second in plan.asked.statements[0].render()[1]
    assert plan.feed([pooled(3, second, 0)]) is None
    assert plan.warnings == 0


def test_a_larger_pool_that_is_not_full_is_followed_by_the_exact_answer() -> None:
    first, second = pool_sizes(3)
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(KnownIndexes([index(rows=400_000)]))
    plan.feed([pooled(3, first, 0)])
    plan.feed([pooled(3, second - 1)])
    assert is_exact(plan)


def test_the_records_around_the_query_are_looked_at_where_an_index_finds_them() -> None:
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(HNSW)
    assert "limit 40" in plan.text
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(PART)
    plan.feed(PART)
    # Without an index on all vectors, they would be found by comparing every record.
    assert "limit 40" not in plan.text


def test_a_lower_precision_gathers_one_pool() -> None:
    plan = Plan(limit=3, filters=FILTERS)
    plan.feed(HALF)
    assert f"limit {pool_sizes(3)[0]}" in plan.text
    plan.feed([pooled(3, pool_sizes(3)[0], 0)])
    assert is_exact(plan)


def test_a_vector_that_half_precision_cannot_hold_is_compared_with_every_record() -> None:
    plan = Plan([Query(np.array([1e6, 0], np.float32)), QUERY], limit=3)
    plan.feed(HALF)
    huge, ordinary = [statement.render()[0].decode() for statement in plan.asked.statements]
    assert "halfvec" in ordinary
    assert "halfvec" not in huge


@pytest.mark.parametrize("kept", [0, None, 7])
@pytest.mark.parametrize("candidates", [49, 50])
def test_a_hybrid_answer_is_doubtful_with_too_few_candidates_or_none_around(candidates: int, kept: int | None) -> None:
    plan = Plan(limit=3, mode="hybrid", filters=FILTERS)
    plan.feed(HNSW)
    assert "is_worded" in plan.text
    plan.feed([fused(3, candidates, kept)])
    assert (plan.asked is not None) == (candidates < 50 or kept == 0)
    if plan.asked is not None:
        assert plan.asked.settings is None
        plan.feed([fused(3, 1)])
    assert len(plan.answer[0]) == 3


def test_a_hybrid_answer_without_an_index_is_doubtful_only_if_it_is_short() -> None:
    plan = Plan(limit=3, mode="hybrid")
    plan.feed(NONE)
    plan.feed(NONE)
    assert plan.feed([fused(3, 1)]) is None
    plan = Plan(limit=3, mode="hybrid")
    plan.feed(NONE)
    plan.feed(NONE)
    assert plan.feed([fused(2, 1)]) is not None


def test_many_searches_go_in_groups() -> None:
    queries = [QUERY] * (2 * QUERIES_PER_STATEMENT + 1)
    plan = Plan(queries, limit=1)
    plan.feed(HNSW)
    assert len(plan.asked.statements) == 3
    sizes = [10, 10, 1]
    plan.feed([[row(f"{group}-{n}", 0.0, n) for n in range(size)] for group, size in enumerate(sizes)])
    assert [rows[0][0] for rows in plan.answer] == [f"{g}-{n}" for g, size in enumerate(sizes) for n in range(size)]


def test_only_the_short_answers_of_many_are_asked_for_again() -> None:
    plan = Plan([QUERY] * 3, limit=2)
    plan.feed(HNSW)
    plan.feed([near(2), near(1), near(2)[::-1]])
    assert len(plan.asked.statements) == 1
    plan.feed([near(2)])
    assert plan.answer == [near(2)] * 3


def test_many_filtered_searches_are_each_settled_by_themselves() -> None:
    size = pool_sizes(1)[0]
    plan = Plan([QUERY] * 2, limit=1, filters=FILTERS)
    plan.feed(HNSW)
    plan.feed([pooled(1, size)])
    plan.feed([pooled(1, 0)])
    assert is_exact(plan)
    plan.feed([near(1)])
    assert [rows[0][0] for rows in plan.answer] == ["0", "0"]


def test_no_queries_ask_for_nothing() -> None:
    plan = Plan([], limit=3)
    plan.feed(HNSW)
    assert plan.asked.statements == []
    plan.feed([])
    assert plan.answer == []


@pytest.mark.parametrize(
    ("options", "table", "pooler", "settings"),
    [
        ({}, TABLE, False, {"hnsw.max_scan_tuples": "16384"}),
        # Behind a pooler each setting is a statement.
        ({}, TABLE, True, {}),
        ({"filters": FILTERS}, TABLE, True, {"hnsw.max_scan_tuples": "16384"}),
        ({"ef_search": 77}, TABLE, True, {"hnsw.ef_search": "77"}),
        ({"probes": 5}, TABLE, True, {"ivfflat.probes": "5"}),
        ({"ef_search": 77, "probes": 5}, OLD_TABLE, False, {"hnsw.ef_search": "77", "ivfflat.probes": "5"}),
        # Before pgvector 0.8 a scan ends after ef_search rows.
        ({"limit": 40}, OLD_TABLE, False, {}),
        ({"limit": 41}, OLD_TABLE, False, {"hnsw.ef_search": "41"}),
        ({"limit": 4000}, OLD_TABLE, False, {"hnsw.ef_search": "1000"}),
        ({"limit": 5000}, TABLE, False, {"hnsw.max_scan_tuples": "20000"}),
    ],
)
def test_index_scans_are_set_to_what_the_search_needs(options: Any, table: Table, pooler: bool, settings: Any) -> None:
    plan = Plan(table=table, pooler=pooler, **options)
    plan.feed(HNSW)
    assert plan.asked.settings == settings


def test_a_scan_of_a_table_of_unknown_size_has_no_limit_of_ours() -> None:
    plan = Plan()
    plan.feed(KnownIndexes([index(rows=0)]))
    assert plan.asked.settings == {}


def test_the_shape_of_many_searches_is_one_text() -> None:
    plan = Plan([Query(VEC), Query(-VEC)], limit=2)
    plan.feed(HNSW)
    first, second = plan.asked.statements
    assert first.render()[0] is second.render()[0]


def test_a_plain_search_is_set_up_once() -> None:
    options: Any = {"limit": 7}
    request = plain_request(TABLE, options)
    assert set_up(TABLE, request, HNSW, pooler=False) is set_up(TABLE, request, HNSW, pooler=False)
    assert set_up(TABLE, request, HNSW, pooler=False) is not set_up(TABLE, request, HNSW, pooler=True)
