"""Ranked lists from ranked lists: reciprocal rank fusion, maximal marginal relevance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from vecs._checks.numbers import checked_int, checked_number, plain_rows
from vecs._checks.shown import brief
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Match, RecordId, Vector, record_id

Floats = npt.NDArray[np.float64]

# Differences below are rounding: equal vectors must tie, whatever order their numbers were added in.
_ROUNDING = 1e-12


def maximal_marginal_relevance(
    query: Vector, vectors: Sequence[Vector] | npt.NDArray[Any], limit: int, diversity: float = 0.5
) -> list[int]:
    """
    Choose vectors that are near a query but not near each other; return their positions in the order of choice.

    The first vector is the most similar to the query. Each next one has the greatest `(1 - diversity) * similarity
    to the query - diversity * greatest similarity to a vector chosen before`, by cosine. Of equal ones, the earlier
    is chosen. So `diversity=0` gives the order of similarity, and 1 the greatest differences. A zero vector, or one
    with NaN or an infinite value, has similarity 0 to all others. Returns fewer than `limit` positions only if there
    are fewer vectors.

    Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking, SIGIR 1998; its lambda is
    `1 - diversity`.
    """
    units = _unit_rows(vectors)
    target = _unit_rows([query])[0]
    if len(units) and units.shape[1] != target.shape[0]:
        raise MismatchedDimension(f"the query has dimension {target.shape[0]}, the vectors have {units.shape[1]}")
    relevance = units @ target if len(units) else np.empty(0)
    return _select(relevance, _cosine_to(units), limit, diversity)


def diversify(
    scores: Sequence[float] | npt.NDArray[Any],
    vectors: Sequence[Vector] | npt.NDArray[Any],
    limit: int,
    diversity: float = 0.5,
) -> list[int]:
    """
    Choose as `maximal_marginal_relevance` does, but take the relevance of each vector from a list of scores.

    Use it for matches of keyword or hybrid search, or after reranking. Scores should be in [0, 1], like similarities.
    """
    units = _unit_rows(vectors)
    try:
        relevance = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgError(f"the scores are not a list of numbers: {error}") from None
    if relevance.shape != (len(units),):
        raise ArgError(f"there are {relevance.size} scores for {len(units)} vectors; give one score per vector")
    if not np.isfinite(relevance).all():
        position = int(np.flatnonzero(~np.isfinite(relevance))[0])
        raise ArgError(f"score {position} is {relevance[position]}; every score must be finite")
    return _select(relevance, _cosine_to(units), limit, diversity)


def checked_diversity(diversity: Any) -> float:
    """Return a diversity from 0 to 1, or raise ArgError."""
    return checked_number(diversity, "diversity", 0, 1, wanted="a number from 0 (none) to 1 (the most)")


def _select(relevance: Floats, similar_to: Callable[[int], Floats], limit: int, diversity: float) -> list[int]:
    count = min(checked_int(limit, "limit", 0), len(relevance))
    weight = checked_diversity(diversity)
    chosen: list[int] = []
    nearest = np.full(len(relevance), -np.inf)
    values = relevance
    while len(chosen) < count:
        place = int(np.argmax(values >= values.max() - _ROUNDING))
        chosen.append(place)
        # One column per step: the greatest similarity to any of the chosen is kept, not computed anew.
        nearest = np.maximum(nearest, similar_to(place))
        values = (1 - weight) * relevance - weight * nearest
        values[chosen] = -np.inf
    return chosen


def _cosine_to(units: Floats) -> Callable[[int], Floats]:
    return lambda place: units @ units[place]


def _unit_rows(vectors: Sequence[Vector] | npt.NDArray[Any]) -> Floats:
    """Return vectors as rows of length 1; those that have no direction as zeros."""
    try:
        rows = np.asarray(vectors if isinstance(vectors, np.ndarray) else plain_rows(list(vectors)), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgError(f"the vectors do not make a matrix of numbers: {error}") from None
    if rows.size == 0:
        return np.empty((len(rows), 0))
    if rows.ndim != 2:
        raise ArgError(f"the vectors have shape {rows.shape}; expected one row each")
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
    # By the largest value first: squares of very large or small ones would overflow or vanish.
    rows = _divided(rows, np.abs(rows).max(axis=1, keepdims=True))
    return _divided(rows, np.linalg.norm(rows, axis=1, keepdims=True))


def _divided(rows: Floats, lengths: Floats) -> Floats:
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def reciprocal_rank_fusion(
    lists: Iterable[Iterable[RecordId | Match]],
    weights: Sequence[float] | None = None,
    constant: float = 60,
    limit: int | None = None,
) -> list[tuple[str, float]]:
    """
    Merge ranked lists of ids or of matches, best first, into one list; return ids with scores, best first.

    The score of an id is the sum of `weight / (constant + rank)` over the lists that contain it, with ranks from 1.
    It is divided by the score of an id that is first in every list, so it is in [0, 1]. Ids with equal scores stay in
    the order in which they first appear. If a list contains an id twice, only the first one counts.

        answers = docs.search_many(["how to vacuum", "reclaim disk space"])
        reciprocal_rank_fusion(answers, limit=10)

    Cormack, Clarke and Buettcher, Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning
    Methods, SIGIR 2009; 60 is its constant.
    """
    rankings = [_ids(ranking, position) for position, ranking in enumerate(_iterable(lists, "lists"))]
    shares = _shares(weights, len(rankings))
    constant = checked_number(constant, "constant", 0)
    scores: dict[str, float] = {}
    for ranking, share in zip(rankings, shares, strict=True):
        for rank, identifier in enumerate(ranking, 1):
            scores[identifier] = scores.get(identifier, 0.0) + share * ((constant + 1) / (constant + rank))
    # The sort is stable, so that ties stay in the order of first appearance. Rounding may exceed 1 a little.
    ordered = [(identifier, min(1.0, score)) for identifier, score in sorted(scores.items(), key=lambda item: -item[1])]
    return ordered if limit is None else ordered[: checked_int(limit, "limit", 0)]


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    given = [1.0] * count if weights is None else list(weights)
    if len(given) != count:
        raise ArgError(f"there are {len(given)} weights for {count} lists; give one weight per list")
    numbers = [checked_number(weight, "weights", 0, wanted="numbers of at least 0") for weight in given]
    total = math.fsum(numbers)
    if numbers and total == 0:
        raise ArgError("all weights are 0; at least one must be greater than 0")
    return [number / total for number in numbers]


def _ids(ranking: Iterable[RecordId | Match], position: int) -> list[str]:
    items = _iterable(ranking, f"list {position}")
    ids = (item.id if isinstance(item, Match) else record_id(item, f"an id of list {position}") for item in items)
    return list(dict.fromkeys(ids))


def _iterable(value: Any, what: str) -> Iterable[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ArgError(f"{what} must be a list of ids or of matches, best first, not {brief(value)}")
    return cast("Iterable[Any]", value)
