"""The decisions of a search for groups, by hand-fed rows: when more are grouped, and which groups are completed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.searching.test_plan import FILTERS, HALF, HNSW, NONE, PART, QUERY, TABLE, Plan, index, row
from vecs import Match
from vecs._searching.candidates import group_pool, more_groups
from vecs._searching.groups import in_groups, set_groups
from vecs._searching.known_indexes import NO_INDEXES, KnownIndexes
from vecs._searching.plan import Look, Query
from vecs._searching.request import checked_request
from vecs._sql.groups import group_value, may_have_others, of_groups
from vecs._sql.selection import EVERYTHING
from vecs._sql.shape import Grouping
from vecs.exc import ArgError

LARGE = KnownIndexes([index(rows=500_000)])


def one(id: str, group: int, distance: float = 0.1, **more: Any) -> tuple[Any, ...]:
    """One row of an answer; the record is of document `group`."""
    told: Any = {"told": 1, "pool": 50, "around": None, "depth": 1, "label": f"d{group}", **more}
    return row(id, distance, told["told"], told["pool"], told["around"], told["label"], group, told["depth"])


def groups(count: int, first: int = 1, **more: Any) -> list[Any]:
    return [one(f"{n}", n, n / 10, **more) for n in range(first, first + count)]


def grouped(known: Any = HNSW, **options: Any) -> Plan:
    plan = Plan(group_by=options.pop("group_by", "$document_id"), limit=options.pop("limit", 3), **options)
    if plan.asked == Look(now=False):
        plan.feed(known)
    if plan.asked == Look(now=True):
        plan.feed(known)
    return plan


def is_complete(plan: Plan) -> bool:
    """Whether all records are grouped."""
    return "as measured" in plan.text


def is_of_all(plan: Plan) -> bool:
    """Whether every record that has any of the words is ranked."""
    return not any("&" in str(value) for value in plan.asked.statements[0].render()[1])


def pool_of(plan: Plan) -> str:
    return plan.text.split(") as candidate")[0].rpartition(" limit ")[2].strip()


def ids(plan: Plan) -> list[list[str]]:
    return [[row[0] for row in rows] for rows in plan.answer]


def test_enough_groups_among_the_nearest_are_the_answer() -> None:
    plan = grouped()
    assert pool_of(plan) == "50"
    assert not is_complete(plan)
    assert plan.asked.prepare is None
    assert plan.feed([groups(3)]) is None
    assert ids(plan) == [["1", "2", "3"]]


def test_too_few_groups_are_looked_for_among_four_times_as_many_and_at_last_among_all() -> None:
    plan = grouped()
    for pool in (50, 200, 800, 3200):
        assert pool_of(plan) == str(pool)
        assert plan.asked.settings == {"hnsw.max_scan_tuples": "16384"}
        plan.feed([groups(2, pool=pool)])
    assert is_complete(plan)
    assert plan.asked.settings is None
    assert plan.feed([groups(2)]) is None
    assert ids(plan) == [["1", "2"]]


def test_the_limit_of_a_scan_grows_with_what_is_asked_for() -> None:
    known = KnownIndexes([index(rows=9000)])
    plan = grouped(known)
    plan.feed([groups(2)])
    plan.feed([groups(2, pool=200)])
    assert plan.asked.settings == {"hnsw.max_scan_tuples": "3200"}


@pytest.mark.parametrize("answer", [[], groups(3, pool=49)])
def test_an_index_scan_that_ended_early_is_not_believed(answer: Any) -> None:
    plan = grouped()
    plan.feed([answer])
    assert is_complete(plan)


def test_each_query_is_asked_again_for_itself() -> None:
    plan = grouped(queries=[QUERY, QUERY, QUERY])
    plan.feed([groups(3), groups(2), []])
    assert len(plan.asked.statements) == 1
    plan.feed([groups(3, pool=200)])
    assert is_complete(plan)
    assert plan.feed([groups(1, first=9)]) is None
    assert ids(plan) == [["1", "2", "3"], ["1", "2", "3"], ["9"]]


@pytest.mark.parametrize(
    ("known", "options"),
    [
        (NONE, {}),
        (KnownIndexes([index(rows=2000)]), {}),
        (HNSW, {"exact": True}),
        (HNSW, {"limit": 3000}),
        (HNSW, {"filters": FILTERS, "limit": 3, "measure": "l2_distance"}),
    ],
)
def test_all_records_are_grouped_at_once_where_that_is_no_slower(known: Any, options: Any) -> None:
    plan = grouped(known, **options)
    assert is_complete(plan)
    plan.feed([groups(1)])
    assert plan.asked is None


def test_a_part_with_an_index_is_grouped_by_it() -> None:
    assert pool_of(grouped(PART, filters=FILTERS)) == "50"


def test_no_group_is_asked_for_where_none_is_wanted() -> None:
    plan = grouped(limit=0)
    assert plan.asked is None
    assert plan.answer == [[]]


def test_an_index_of_lower_precision_is_asked_for_more() -> None:
    plan = grouped(HALF)
    assert pool_of(plan) == "60"
    assert "null::bigint" in plan.text
    plan.feed([groups(2)])
    assert pool_of(plan) == "240"
    far = Query(np.array([7e4, 0], np.float32))
    # What half precision cannot hold is compared with every record.
    assert is_complete(grouped(HALF, queries=[far]))


def test_a_filtered_answer_must_be_settled() -> None:
    plan = grouped(filters=FILTERS)
    assert plan.asked.prepare is False
    # The last wanted is the third nearest: it may be found as late as 3 + 47 / 4.
    assert plan.feed([groups(3, depth=3, told=14, around=40)]) is None
    plan = grouped(filters=FILTERS)
    for pool in (50, 200, 800, 3200):
        plan.feed([groups(3, pool=pool, depth=3, told=pool, around=40)])
    assert is_complete(plan)
    plan = grouped(LARGE, filters=FILTERS)
    for pool in (50, 200, 800, 3200):
        plan.feed([groups(3, pool=pool, depth=3, told=pool, around=40)])
    assert plan.asked is None
    plan = grouped(LARGE, filters=FILTERS)
    for pool in (50, 200, 800, 3200):
        plan.feed([groups(2, pool=pool, depth=3, told=pool, around=40)])
    assert is_complete(plan)


def test_groups_of_which_not_all_wanted_records_were_near_are_completed() -> None:
    plan = grouped(limit=2, group_size=2)
    plan.feed([[one("a", 1, 0.1), one("b", 2, 0.2), one("c", 2, 0.3)]])
    assert is_complete(plan)
    assert plan.asked.prepare is False
    # Only those that are short; the index had missed a nearer one.
    assert ["1"] in plan.asked.statements[0].render()[1]
    assert plan.feed([[one("e", 1, 0.05), one("a", 1, 0.1)]]) is None
    assert ids(plan) == [["e", "a", "b", "c"]]


def test_groups_stay_in_the_order_of_their_best_records() -> None:
    plan = grouped(limit=2, group_size=2)
    plan.feed([[one("a", 1, 0.1), one("b", 1, 0.3), one("c", 2, 0.2)]])
    plan.feed([[one("d", 1, 0.05, label="d2"), one("c", 1, 0.2, label="d2")]])
    assert ids(plan) == [["d", "c", "a", "b"]]


def test_a_group_that_is_gone_meanwhile_keeps_what_was_found() -> None:
    plan = grouped(limit=1, group_size=2)
    plan.feed([[one("a", 1)]])
    assert plan.feed([[]]) is None
    assert ids(plan) == [["a"]]


@pytest.mark.parametrize(("group_by", "label"), [("$document_id", "ra"), ("$id", "a")])
def test_a_record_that_is_a_group_of_its_own_has_no_others(group_by: str, label: str) -> None:
    plan = grouped(group_by=group_by, limit=1, group_size=2)
    assert plan.feed([[one("a", 1, label=label)]]) is None


def test_words_are_looked_for_without_leaving_common_ones_out_where_groups_are_missing() -> None:
    plan = grouped(mode="keyword", limit=2)
    assert not is_of_all(plan)
    plan.feed([groups(1)])
    assert is_of_all(plan)
    assert plan.feed([groups(1)]) is None
    plan = grouped(mode="keyword", limit=2, group_size=2)
    plan.feed([[one("a", 1, told=0.5), one("b", 1, told=0.4), one("c", 2, told=0.3)]])
    assert is_of_all(plan)
    assert plan.feed([[one("d", 1, told=0.9, label="d2"), one("c", 1, told=0.3, label="d2")]]) is None
    assert ids(plan) == [["d", "c", "a", "b"]]


def both(**options: Any) -> Plan:
    return grouped(mode="hybrid", **{"limit": 2, **options})


def test_more_candidates_are_fused_while_there_are_too_few_groups() -> None:
    plan = both()
    assert "limit 50" in plan.text
    plan.feed([groups(1, pool=50)])
    assert "limit 200" in plan.text
    assert plan.feed([groups(2, pool=200)]) is None
    assert ids(plan) == [["1", "2"]]


def test_what_is_no_candidate_at_last_comes_by_nearness_with_the_score_0() -> None:
    plan = both(limit=3)
    for candidates in (50, 200, 800, 3200):
        assert f"limit {candidates}" in plan.text
        plan.feed([[one("a", 1, told=1.0, pool=candidates)]])
    assert is_complete(plan)
    others = [one("a", 1), *groups(3, first=2)]
    assert plan.feed([others]) is None
    assert ids(plan) == [["a", "2", "3"]]
    assert [row[7] for row in plan.answer[0]] == [1.0, 0.0, 0.0]
    assert [row[11] for row in plan.answer[0]] == [1, 2, 3]


def test_a_hybrid_offset_counts_groups() -> None:
    plan = both(limit=1, offset=1)
    plan.feed([groups(2)])
    assert ids(plan) == [["2"]]


def test_a_hybrid_answer_without_a_candidate_goes_on() -> None:
    plan = both(weights=(0, 1))
    for _ in range(4):
        plan.feed([[]])
    # Nearness has no weight, so that the rest is found by its words.
    assert "worded" in plan.text
    assert is_of_all(plan)
    assert plan.feed([groups(1)]) is None
    assert ids(plan) == [["1"]]


def test_a_hybrid_search_that_has_every_record_as_a_candidate_is_done() -> None:
    plan = both(known=NONE, group_size=2)
    assert plan.feed([groups(1, pool=7)]) is None
    assert ids(plan) == [["1"]]
    plan = both()
    plan.feed([groups(1, pool=7)])
    # An index may have ended its scan early.
    assert is_of_all(plan)
    assert plan.feed([groups(1, pool=9)]) is None


def test_chosen_candidates_are_all_there_are() -> None:
    plan = both(candidates=80, group_size=2)
    assert "limit 80" in plan.text
    plan.feed([groups(1, pool=80)])
    assert is_of_all(plan)
    assert plan.feed([groups(1, pool=80)]) is None
    assert ids(plan) == [["1"]]
    plan = both(candidates=80)
    assert plan.feed([groups(2, pool=80)]) is None


def test_hybrid_groups_are_completed_by_records_that_are_no_candidates() -> None:
    plan = both(group_size=2)
    plan.feed([[one("a", 1, told=1.0), one("b", 2, told=0.5), one("c", 2, told=0.2)]])
    assert is_complete(plan)
    assert plan.feed([[one("d", 1), one("a", 1), one("e", 1)]]) is None
    assert ids(plan) == [["a", "d", "b", "c"]]
    assert [row[7] for row in plan.answer[0]] == [1.0, 0.0, 0.5, 0.2]


def test_the_first_number_of_records_is_grouped_however_large_it_is() -> None:
    assert list(more_groups(10_001)) == [10_001]
    request = checked_request(TABLE, EVERYTHING, {"group_by": "k", "limit": 2501})
    assert group_pool(request, HNSW.all[0], HNSW) is None
    assert group_pool(checked_request(TABLE, EVERYTHING, {"group_by": "k"}), None, NO_INDEXES) is None


def test_the_key_of_a_group_is_its_value() -> None:
    rows = [one("a", 1, label="dx"), one("b", 1, label="dx"), one("c", 2, label="ry")]
    matches = [Match(row[0], None, {}, None, 0.1, 0.9) for row in rows]
    numbers = set_groups(matches, rows, Grouping("$document_id"))
    assert [match.group for match in matches] == ["x", "x", "y"]
    assert numbers == {"a": 1, "b": 1, "c": 2}
    assert in_groups(["c", "a", "b"], lambda id: numbers[id]) == [["c"], ["a", "b"]]


@pytest.mark.parametrize(
    ("key", "label", "value"),
    [
        ("$id", "a", "a"),
        ("$text", "tx", "x"),
        ("$text", "t", ""),
        ("$text", "", None),
        ("k", "1.0", 1),
        ("k", '{"a": [null]}', {"a": [None]}),
        ("k", "null", None),
    ],
)
def test_a_label_is_read_as_the_value_it_is_of(key: str, label: str, value: Any) -> None:
    assert group_value(Grouping(key), label) == value
    assert may_have_others(Grouping(key), label) == (key != "$id")


def condition(key: str, labels: list[str]) -> tuple[str, list[Any]]:
    text, params = of_groups(TABLE, Grouping(key), labels).render()
    return text.decode(), params


def test_groups_are_selected_by_what_an_index_answers() -> None:
    assert condition("$document_id", ["da"]) == (
        "document_id operator(pg_catalog.=) any($1::pg_catalog.text[])",
        [["a"]],
    )
    assert "metadata operator(pg_catalog.@>) any" in condition("a.b", ["1"])[0]
    assert ['{"a.b": 1}', '{"a": {"b": 1}}'] in condition("a.b", ["1"])[1]
    for key, labels in (("k", ["1", "null"]), ("k", ["1"] * 51), ("$text", ["tx", ""])):
        assert "@>" not in condition(key, labels)[0]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"group_by": "$vec"},
            r"unknown column '\$vec' for group_by; expected one of '\$id', '\$document_id', '\$text'",
        ),
        ({"group_by": 5}, "group_by must be a metadata key"),
        ({"group_by": "a\0"}, "group_by='a.*NUL"),
        ({"group_by": "a." * 99}, "group_by is a path of more than 64 steps"),
        ({"group_size": 2}, r"group_size=2 is for group_by="),
        ({"group_by": "a", "group_size": 0}, "group_size must be an integer at least 1"),
        ({"context": (1, 2, 3)}, "context must be a number of records or a pair"),
        ({"context": -1}, "context must be an integer at least 0"),
    ],
)
def test_wrong_groups_and_contexts_are_refused(options: Any, problem: str) -> None:
    with pytest.raises(ArgError, match=problem):
        checked_request(TABLE, EVERYTHING, options)


@pytest.mark.parametrize("options", [{"group_by": "$document_id"}, {"group_by": "$text"}, {"context": 1}])
def test_what_needs_texts_says_how_to_have_them(options: Any) -> None:
    vectors = TABLE.__class__("s", "docs", 2, TABLE.extension)
    with pytest.raises(ArgError, match=r"and collection 'docs' keeps none; call its enable_text\(\)"):
        checked_request(vectors, EVERYTHING, options)
