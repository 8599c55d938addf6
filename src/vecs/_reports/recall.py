"""What measuring an index returns: recall and its interval, the setting that reaches a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vecs._checks.numbers import ABOVE_ZERO, checked_number

# The settings that are tried, in steps of about a third: a sample cannot tell smaller ones apart.
_EF_SEARCH = (10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800, 1000)
_PROBES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10000, 20000)

_Z = 1.959964


@dataclass(frozen=True, repr=False)
class Recall:
    """
    The share of the exact answer that searches found, measured on a sample of queries.

    `low` and `high` are the 95 % confidence interval of the recall for other queries of this kind. `least` is the
    share of the worst query. For each query, `limit` neighbours were compared, among `records` records. `index` is
    the approximate index that such searches use (with a filter, Postgres' planner may choose not to). It is None if
    there is none: then all records are compared, and recall is 1. `ef_search`, `probes` and `oversampling` are the
    arguments of the call; None means the default. `search_ms` and `exact_ms` are medians in milliseconds, with the
    round trip; `exact_ms` is the median of three searches.
    """

    recall: float
    low: float
    high: float
    least: float
    queries: int
    limit: int
    records: int
    index: str | None
    ef_search: int | None
    probes: int | None
    oversampling: float | None
    search_ms: float
    exact_ms: float

    def __repr__(self) -> str:
        if self.index is None:
            return f"recall@{self.limit} 1: no approximate index is used, all {self.records:,} records are compared"
        return (
            f"recall@{self.limit} {self.recall:.3f} (95 %: {self.low:.3f} to {self.high:.3f}; least {self.least:.2f}; "
            f"{self.queries} queries, {self.records:,} records)\n"
            f"{self.index}{_settings(self.ef_search, self.probes, self.oversampling)}: {self.search_ms:.1f} ms, "
            f"exact {self.exact_ms:.1f}"
        )


class Trial(NamedTuple):
    """One setting that `tune()` tried: its value, the recall, and the median time of a search in milliseconds."""

    value: int
    recall: float
    ms: float


@dataclass(frozen=True, repr=False)
class Tuning:
    """
    The smallest setting whose recall reached the target on a sample of queries, or the greatest one if none did.

    Pass `ef_search` or `probes` to `search()`. Both are None if there is no approximate index. `reached` tells whether
    the recall on the sample reached the target. `low` and `high` are its confidence interval, as in Recall. `tried`
    lists the settings that were measured, ordered by value.
    """

    ef_search: int | None
    probes: int | None
    recall: float
    low: float
    high: float
    target: float
    reached: bool
    tried: tuple[Trial, ...]
    queries: int
    limit: int
    records: int
    index: str | None

    def __repr__(self) -> str:
        if self.index is None:
            return f"nothing to tune: no approximate index is used, all {self.records:,} records are compared"
        verdict = "reaches" if self.reached else "is the greatest value and misses"
        tried = ", ".join(f"{trial.value}: {trial.recall:.3f} in {trial.ms:.1f} ms" for trial in self.tried)
        return (
            f"{_settings(self.ef_search, self.probes).strip()} {verdict} {self.target:g}: recall@{self.limit} "
            f"{self.recall:.3f} (95 %: {self.low:.3f} to {self.high:.3f}; {self.queries} queries, "
            f"{self.records:,} records)\n{self.index}, tried {tried}"
        )


def _settings(ef_search: int | None, probes: int | None, oversampling: float | None = None) -> str:
    given = (("ef_search", ef_search), ("probes", probes), ("oversampling", oversampling))
    return "".join(f" {name}={value}" for name, value in given if value is not None)


def interval(share: float, queries: int) -> tuple[float, float]:
    """
    Return the 95 % interval of a mean of shares, one per query.

    Wilson's (Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927), with one trial
    per query, not per neighbour: the neighbours of one query are found or missed together. Shares in [0, 1] vary no
    more than such trials, so the interval is rather too wide than too narrow. It has a width even where every query
    found all.
    """
    square = _Z * _Z
    centre = (share + square / (2 * queries)) / (1 + square / queries)
    reach = _Z * math.sqrt(share * (1 - share) / queries + square / (4 * queries * queries)) / (1 + square / queries)
    return max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach))


def checked_target(target: Any) -> float:
    """Return a recall above 0 and up to 1, or raise ArgError."""
    return checked_number(target, "target", ABOVE_ZERO, 1, wanted="a recall above 0 and up to 1")


def found_share(distances: Sequence[float], exact: Sequence[float], limit: int, *, cosine: bool) -> float:
    """
    Return which share of the `limit` nearest a search found, by the distances of both.

    A record as near as the last of the exact answer counts, whichever of them the exact search took.
    """
    if len(exact) < limit or math.isnan(exact[limit - 1]):
        # Records were deleted meanwhile, or zero vectors are among the nearest: there is no last distance.
        return min(len(distances), limit) / limit
    last = exact[limit - 1]
    # A cosine distance near 0 is a difference of numbers near 1, of float32's precision.
    greatest = last + 1e-6 * abs(last) + (1e-7 if cosine else 0.0)
    return sum(distance <= greatest for distance in distances[:limit]) / limit


def ladder(method: str, lists: int | None) -> tuple[int, ...]:
    """Return the values of an index method's search setting that are worth trying, ascending."""
    if method == "hnsw":
        return _EF_SEARCH
    return tuple(value for value in _PROBES if lists is None or value < lists) + (() if lists is None else (lists,))
