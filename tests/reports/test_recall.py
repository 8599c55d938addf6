"""Recall: its interval, the share found, and how it is shown."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vecs import Recall, Tuning
from vecs._reports.recall import Trial, checked_target, found_share, interval, ladder
from vecs.exc import ArgError

RECALL = Recall(
    recall=0.95,
    low=0.9,
    high=0.98,
    least=0.8,
    queries=50,
    limit=10,
    records=10_000,
    index="ix_vector",
    ef_search=None,
    probes=None,
    oversampling=20.0,
    search_ms=1.24,
    exact_ms=9.96,
)


def test_the_interval_is_wilsons() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 1998, table I.
    low, high = interval(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = interval(15 / 148, 148)
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)


def test_an_interval_has_a_width_where_every_query_found_all() -> None:
    low, high = interval(1.0, 20)
    assert (round(low, 4), high) == (0.8389, 1.0)
    assert interval(0.0, 20)[0] == 0.0


def test_records_as_near_as_the_last_of_the_exact_answer_count() -> None:
    assert found_share([0.1, 0.2, 0.4], [0.1, 0.2, 0.3], 3, cosine=False) == pytest.approx(2 / 3)
    assert found_share([0.1, 0.3, 0.3], [0.1, 0.2, 0.3], 3, cosine=False) == 1.0
    assert found_share([0.1], [0.1, 0.2], 2, cosine=False) == 0.5
    assert found_share([5e-8], [0.0], 1, cosine=True) == 1.0
    assert found_share([5e-8], [0.0], 1, cosine=False) == 0.0


def test_an_answer_without_a_last_distance_is_counted() -> None:
    assert found_share([0.1, 0.2], [0.1], 4, cosine=True) == 0.5
    assert found_share([0.1, 0.2, 0.3], [0.1, math.nan], 2, cosine=True) == 1.0


def test_settings_are_tried_in_ascending_order_up_to_all_lists() -> None:
    assert ladder("hnsw", None)[0] == 10
    assert ladder("hnsw", None)[-1] == 1000
    assert ladder("ivfflat", 12) == (1, 2, 3, 5, 7, 10, 12)
    assert ladder("ivfflat", None)[-1] == 20_000


def test_recall_is_shown_with_its_interval_and_its_index() -> None:
    assert repr(RECALL) == (
        "recall@10 0.950 (95 %: 0.900 to 0.980; least 0.80; 50 queries, 10,000 records)\n"
        "ix_vector oversampling=20.0: 1.2 ms, exact 10.0"
    )


def test_without_an_index_there_is_nothing_to_show_or_to_tune() -> None:
    alone = Recall(**{**vars(RECALL), "index": None})
    assert repr(alone) == "recall@10 1: no approximate index is used, all 10,000 records are compared"
    tuning = Tuning(None, None, 1.0, 1.0, 1.0, 0.98, True, (), 50, 10, 10_000, None)
    assert repr(tuning) == "nothing to tune: no approximate index is used, all 10,000 records are compared"


@pytest.mark.parametrize(("reached", "verdict"), [(True, "reaches"), (False, "is the greatest value and misses")])
def test_tuning_is_shown_with_what_was_tried(reached: bool, verdict: str) -> None:
    tried = (Trial(20, 0.9, 0.5), Trial(40, 0.99, 0.7))
    tuning = Tuning(40, None, 0.99, 0.95, 1.0, 0.98, reached, tried, 50, 10, 10_000, "ix_vector")
    assert repr(tuning) == (
        f"ef_search=40 {verdict} 0.98: recall@10 0.990 (95 %: 0.950 to 1.000; 50 queries, 10,000 records)\n"
        "ix_vector, tried 20: 0.900 in 0.5 ms, 40: 0.990 in 0.7 ms"
    )


@pytest.mark.parametrize("target", [0, -1, 1.01, True, "0.9", math.nan])
def test_a_target_is_a_recall_above_0(target: Any) -> None:
    assert checked_target(1) == 1.0
    with pytest.raises(ArgError) as caught:
        checked_target(target)
    assert str(caught.value) == f"target must be a recall above 0 and up to 1, not {target!r}"
