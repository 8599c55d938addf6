"""Fusion and diversity, against direct transcriptions of their formulas."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pgvector.psycopg import Vector

from vecs import Match
from vecs.exc import ArgError, MismatchedDimension
from vecs.fusion import checked_diversity, diversify, maximal_marginal_relevance, reciprocal_rank_fusion

VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
DIVERSITY = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


# Squares and products of most of these vanish or overflow.
EXTREMES = st.one_of(
    VALUES,
    st.sampled_from([5e-324, -1e-323, 1e-320, -2e-252, 2e-159, 1e154, -1e300, 1.7e308]),
    st.floats(allow_nan=False, allow_infinity=False),
)


@st.composite
def problems(draw: Any, values: st.SearchStrategy[float] = EXTREMES) -> tuple[list[float], list[list[float]]]:
    dimension = draw(st.integers(1, 5))
    vector = st.lists(values, min_size=dimension, max_size=dimension)
    return draw(vector), draw(st.lists(vector, max_size=9))


def whole(vector: list[float]) -> list[int]:
    """Return the vector times a power of two that makes its numbers whole: its direction, without rounding."""
    ratios = [value.as_integer_ratio() for value in vector]
    greatest = max(below for _, below in ratios)
    return [above * (greatest // below) for above, below in ratios]


def cosine(left: list[float], right: list[float]) -> float:
    # In whole numbers, since a vector has a direction however short or long it is.
    a, b = whole(left), whole(right)
    squares = sum(x * x for x in a) * sum(x * x for x in b)
    # The root with 64 binary digits after the point.
    return 0.0 if squares == 0 else (sum(map(operator.mul, a, b)) << 64) / math.isqrt(squares << 128)


def value(place: int, chosen: list[int], relevance: list[float], vectors: list[list[float]], diversity: float) -> float:
    """Carbonell and Goldstein's formula, word by word."""
    if not chosen:
        return relevance[place]
    trade_off = 1 - diversity
    return trade_off * relevance[place] - (1 - trade_off) * max(cosine(vectors[place], vectors[c]) for c in chosen)


def check_against_formula(
    found: list[int], relevance: list[float], vectors: list[list[float]], limit: int, diversity: float
) -> None:
    assert len(found) == len(set(found)) == min(limit, len(vectors))
    for step, place in enumerate(found):
        chosen = found[:step]
        rest = [p for p in range(len(vectors)) if p not in chosen]
        values = {p: value(p, chosen, relevance, vectors, diversity) for p in rest}
        best = max(values.values())
        assert values[place] == pytest.approx(best, abs=1e-9)
        # Of those that are equal but for rounding, none comes before the one that was chosen.
        assert not [p for p in rest if p < place and values[p] > values[place] + 1e-9]
        assert all(vectors[p] != vectors[place] or relevance[p] < relevance[place] for p in rest if p < place)


@given(problems(), st.integers(0, 12), DIVERSITY)
def test_mmr_chooses_as_the_published_formula_does(problem: Any, limit: int, diversity: float) -> None:
    query, vectors = problem
    relevance = [cosine(query, vector) for vector in vectors]
    found = maximal_marginal_relevance(query, vectors, limit, diversity)
    check_against_formula(found, relevance, vectors, limit, diversity)


@given(problems(), st.data(), st.integers(0, 12), DIVERSITY)
def test_diversify_chooses_as_the_formula_does(problem: Any, data: Any, limit: int, diversity: float) -> None:
    _, vectors = problem
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(vectors), max_size=len(vectors)))
    check_against_formula(diversify(scores, vectors, limit, diversity), scores, vectors, limit, diversity)


@given(problems(VALUES), st.integers(0, 12), st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]))
def test_mmr_chooses_as_langchain_does(problem: Any, limit: int, trade_off: float) -> None:
    core = pytest.importorskip("langchain_core.vectorstores.utils")
    query, vectors = problem
    # It refuses some zero vectors, and takes very short ones for such.
    assume(all(math.hypot(*vector) > 1e-9 for vector in [query, *vectors]))
    theirs = core.maximal_marginal_relevance(np.array(query), vectors, trade_off, limit)
    ours = maximal_marginal_relevance(query, vectors, limit, 1 - trade_off)
    relevance = [cosine(query, vector) for vector in vectors]
    # Where a tie but for rounding was broken otherwise, the rest differs with reason.
    for step, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine != other:
            values = [value(p, ours[:step], relevance, vectors, 1 - trade_off) for p in (mine, other)]
            assert values[0] == pytest.approx(values[1], abs=1e-9)
            break


@pytest.mark.parametrize("factor", [5e-324, 1e-320, 1e-252, 2e-159, 1e154, 1e300])
def test_a_vector_has_its_direction_at_any_length(factor: float) -> None:
    assert diversify([0, 0, 0, 0], [[0], [1], [-2 * factor], [-factor]], 4) == [0, 1, 2, 3]
    assert diversify([0, 0, 0], [[factor, 0], [1, 0], [0, 2 * factor]], 3) == [0, 2, 1]
    assert maximal_marginal_relevance([factor, 0], [[0, 1], [factor, factor], [1, 0]], 3, 0) == [2, 1, 0]
    assert maximal_marginal_relevance([0, 1], [[factor, 1e-8 * factor], [1e-200, 1e300], [1, 1]], 3, 0) == [1, 2, 0]


def test_mmr_breaks_ties_by_position_though_sums_are_rounded() -> None:
    vector = np.random.default_rng(1).normal(size=999).astype(np.float32)
    assert maximal_marginal_relevance(vector, [vector] * 67, 67, 0.3) == list(range(67))


def test_diversity_spreads() -> None:
    vectors = [[1, 0.02], [1, 0.01], [1, 0], [0.7, -0.7], [-1, 0]]
    assert maximal_marginal_relevance([1, 0], vectors, 3, 0) == [2, 1, 0]
    assert maximal_marginal_relevance([1, 0], vectors, 3, 0.6) == [2, 4, 3]
    assert maximal_marginal_relevance([1, 0], vectors, 2, 1) == [2, 4]


def test_vectors_without_a_direction_are_similar_to_nothing() -> None:
    vectors = np.array([[0, 0], [math.nan, 1], [math.inf, 1], [1, 1], [-1, 0]])
    assert maximal_marginal_relevance([1, 0], vectors, 9, 0) == [3, 0, 1, 2, 4]
    assert maximal_marginal_relevance([0, 0], vectors, 9, 0) == [0, 1, 2, 3, 4]
    assert maximal_marginal_relevance([1e300, 0], [[0, 1e-320], [1e-320, 0], [1e308, 1e308]], 2, 0) == [1, 2]


def test_mmr_takes_other_numbers_than_floats() -> None:
    bits = np.array([[True, False], [True, True]])
    assert maximal_marginal_relevance(bits[1], bits, 2, 0) == [1, 0]
    assert maximal_marginal_relevance([1, 2], iter([[1, 2], [2, 1]]), 1) == [0]
    assert maximal_marginal_relevance([1], [], 3) == maximal_marginal_relevance([1], [[1]], 0) == []
    assert diversify([], [], 3) == []


@pytest.mark.parametrize("diversity", [-0.1, 1.1, math.nan, "much", None, True])
def test_a_diversity_outside_its_range_is_refused(diversity: Any) -> None:
    for check in (
        lambda: maximal_marginal_relevance([1], [[1]], 1, diversity),
        lambda: maximal_marginal_relevance([1], [], 0, diversity),
        lambda: checked_diversity(diversity),
    ):
        with pytest.raises(ArgError, match=r"diversity must be a number from 0 \(none\) to 1 \(the most\), not "):
            check()


def test_what_is_no_matrix_of_vectors_is_refused() -> None:
    with pytest.raises(MismatchedDimension, match="the query has dimension 2, the vectors have 3"):
        maximal_marginal_relevance([1, 2], [[1, 2, 3]], 1)
    for vectors in ([[1], [1, 2]], [None, [1]], [["a"]], [1.0, 2.0]):
        with pytest.raises(ArgError, match="the vectors"):
            maximal_marginal_relevance([1], vectors, 1)
    with pytest.raises(ArgError, match="there are 1 scores for 2 vectors"):
        diversify([1], [[1], [2]], 1)
    with pytest.raises(ArgError, match="score 1 is nan"):
        diversify([1, math.nan], [[1], [2]], 1)
    with pytest.raises(ArgError, match="the scores are not a list of numbers"):
        diversify(["a"], [[1]], 1)
    with pytest.raises(ArgError, match="limit must be"):
        diversify([1], [[1]], -1)


RANKINGS = st.lists(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7), min_size=1, max_size=4)


@given(RANKINGS, st.data(), st.sampled_from([0, 1, 60]))
def test_fusion_scores_as_the_published_formula_does(rankings: Any, data: Any, constant: int) -> None:
    weights = data.draw(st.lists(st.floats(0, 5), min_size=len(rankings), max_size=len(rankings)))
    assume(sum(weights) > 1e-3)
    fused = reciprocal_rank_fusion(rankings, weights, constant)
    greatest = sum(weight / (constant + 1) for weight in weights)
    for identifier, score in fused:
        terms = [
            weight / (constant + ranking.index(identifier) + 1)
            for ranking, weight in zip(rankings, weights, strict=True)
            if identifier in ranking
        ]
        assert score == pytest.approx(sum(terms) / greatest, abs=1e-12)
        assert 0 <= score <= 1
    seen = list(dict.fromkeys(identifier for ranking in rankings for identifier in ranking))
    assert sorted(identifier for identifier, _ in fused) == sorted(seen)
    keys = [(-score, seen.index(identifier)) for identifier, score in fused]
    assert keys == sorted(keys)


def test_fusion_takes_ids_and_matches_and_normalises() -> None:
    match = Match("a", None, {}, None, 0.1, 0.9)
    assert reciprocal_rank_fusion([[match, 7], (i for i in ["a", "b"])], limit=2) == [("a", 1.0), ("7", 61 / 62 / 2)]
    assert reciprocal_rank_fusion([["a", "b"], ["b", "a"]]) == [("a", 1 / 2 + 61 / 124), ("b", 1 / 2 + 61 / 124)]
    assert reciprocal_rank_fusion([["a", "a", "b"]])[1] == ("b", 61 / 62)
    assert reciprocal_rank_fusion([]) == reciprocal_rank_fusion([[], []]) == []
    assert reciprocal_rank_fusion([["a"], ["b"]], [0, 2]) == [("b", 1.0), ("a", 0.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ab",), "lists must be a list"),
        ((["ab"],), "list 0 must be a list of ids or of matches, best first, not 'ab'"),
        (([[None]],), "an id of list 0 is None"),
        (([["a"]], [1, 2]), "there are 2 weights for 1 lists"),
        (([["a"]], [-1]), "weights must be numbers of at least 0, not -1"),
        (([["a"]], [math.nan]), "weights must be numbers of at least 0, not nan"),
        (([["a"]], [0]), "all weights are 0"),
        (([["a"]], None, -1), "constant must be a number of at least 0, not -1"),
        (([["a"]], None, "60"), "constant must be"),
        (([["a"]], None, 60, -1), "limit must be"),
    ],
)
def test_what_cannot_be_fused_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        reciprocal_rank_fusion(*arguments)


def test_vectors_to_choose_from_may_be_of_pgvectors_classes() -> None:
    vectors = [[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]
    chosen = diversify([1, 0.9, 0.8], [Vector(vec) for vec in vectors], limit=2, diversity=0.5)
    assert chosen == diversify([1, 0.9, 0.8], vectors, limit=2, diversity=0.5) == [0, 2]
