"""What a search asks for: LangChain's arguments checked and turned into those of `Collection.search`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from langchain_core.documents import Document

from langchain_vecs.documents import checked_ids, to_document
from langchain_vecs.filters import to_filters
from langchain_vecs.namespaces import checked_namespace, qualified
from vecs import Match
from vecs.exc import ArgError
from vecs.sharing import SearchOptions, brief, check_known, checked_int, checked_number

SearchMode: TypeAlias = Literal["vector", "keyword", "hybrid"]
MODES = ("vector", "keyword", "hybrid")

# Options of vecs that have another name here, or are not for a call to choose. All others are handed on as they are.
_NOT_PASSED = (
    "text", "mode", "limit", "filters", "measure", "threshold", "diversity", "include_vector", "include_extra",
    "include_columns",
)  # fmt: skip
_PASSED = tuple(name for name in SearchOptions.__annotations__ if name not in _NOT_PASSED)
KNOWN = ("filter", "namespace", "mode", "score_threshold", *_PASSED, "text")
# The arguments of a search by maximal marginal relevance that are parameters of the methods.
OF_MMR = ("k", "fetch_k", "lambda_mult")


@dataclass(frozen=True)
class Defaults:
    """What a store searches by, unless a call says otherwise."""

    measure: Any
    mode: SearchMode
    namespace: str | None
    relevance_score_fn: Callable[[float], float] | None
    # Whether filters may name columns of the table: it is one of the user's own.
    columns: bool = False


@dataclass(frozen=True)
class Search:
    """One search: `options` are those of `Collection.search`, but for the query and its words."""

    mode: SearchMode
    namespace: str | None
    options: Mapping[str, Any]
    words: str | None
    ordered_by_distance: bool
    measure: Any
    relevance_score_fn: Callable[[float], float] | None
    threshold: float | None

    @property
    def reads_words(self) -> bool:
        """Whether the search needs words beside a vector."""
        return self.mode != "vector" or self.options.get("rerank") is not None or bool(self.options.get("highlight"))

    def document(self, match: Match) -> Document:
        """Return what was found as a document."""
        return to_document(match, self.namespace)

    def with_score(self, match: Match) -> tuple[Document, float]:
        """Return a document with its distance: smaller is better, in every mode."""
        return to_document(match, self.namespace), self._distance(match)

    def with_relevance(self, match: Match) -> tuple[Document, float]:
        """Return a document with its relevance: larger is better, in [0, 1]."""
        return to_document(match, self.namespace), self._relevance(match)

    def above_threshold(self, matches: Sequence[Match]) -> list[Match]:
        """Return the matches that reach a threshold on a relevance of the caller's own making."""
        least = self.threshold
        if least is None or self.relevance_score_fn is None:
            return list(matches)
        return [match for match in matches if self._relevance(match) >= least]

    def _distance(self, match: Match) -> float:
        if self.ordered_by_distance and match.distance is not None:
            return match.distance
        return 1 - match.score

    def _relevance(self, match: Match) -> float:
        if not self.ordered_by_distance or match.distance is None:
            return match.score
        if self.relevance_score_fn is not None:
            return self.relevance_score_fn(match.distance)
        return relevance_of_score(match.score, self.measure)


def parse_search(defaults: Defaults, k: Any, given: Mapping[str, Any], parameters: Sequence[str] = ("k",)) -> Search:
    """Return what a call asks for, or raise ArgError; `parameters` are those of the method."""
    # Not ignored: with a misspelled filter a tenant would be shown another one's documents.
    check_known(given, (*KNOWN, *parameters, "settings"))
    mode = given.get("mode") or defaults.mode
    if mode not in MODES:
        raise ArgError(f"unknown mode {brief(mode)}; expected one of {', '.join(MODES)}")
    namespace = defaults.namespace if given.get("namespace") is None else checked_namespace(given["namespace"])
    ordered_by_distance = mode == "vector" and given.get("rerank") is None
    own = defaults.relevance_score_fn if ordered_by_distance else None
    threshold = _threshold(given.get("score_threshold"), bounded=own is None)
    options = {name: given[name] for name in _PASSED if given.get(name) is not None}
    options |= {
        "mode": mode,
        "limit": checked_int(k, "k", 0),
        "filters": to_filters(given.get("filter"), namespace, columns=defaults.columns),
        "measure": defaults.measure,
        "include_extra": True,
    }
    for name in ("like", "unlike"):
        if name in options:
            options[name] = [qualified(id, namespace) for id in checked_ids(options[name], name)]
    if threshold is not None and own is None:
        options["threshold"] = score_of_relevance(threshold, defaults.measure) if ordered_by_distance else threshold
    return Search(mode, namespace, options, given.get("text"), ordered_by_distance, defaults.measure, own, threshold)


def parse_vector_search(
    defaults: Defaults, k: Any, given: Mapping[str, Any], parameters: Sequence[str] = ("k",)
) -> Search:
    """Return what a call asks for that searches for a vector."""
    # A vector has no words: a store in hybrid mode searches by nearness here, unless the call gives the words.
    by_words = given.get("mode") or given.get("text") is not None
    return parse_search(defaults, k, given if by_words else {**given, "mode": "vector"}, parameters)


def with_mmr(search: Search, fetch_k: Any, lambda_mult: Any) -> Search:
    """Return the search with its matches chosen by maximal marginal relevance from the `fetch_k` best."""
    limit = search.options["limit"]
    fetched = max(checked_int(fetch_k, "fetch_k", 0), limit)
    wanted = "a number from 0 (most diverse) to 1 (most relevant)"
    relevance = checked_number(lambda_mult, "lambda_mult", 0, 1, wanted=wanted)
    # The next smaller number: the quotient times `limit` may be rounded up to one more than `fetch_k`.
    oversampling = max(1.0, math.nextafter(fetched / limit, 0)) if limit else 1.0
    options = {**search.options, "diversity": 1 - relevance, "oversampling": oversampling}
    return replace(search, options=options)


def relevance_of_score(score: float, measure: Any) -> float:
    """
    Return LangChain's relevance for vecs' score.

    They are one but for cosine distance: LangChain's stores say 1 - distance, so that 0 is a right angle.
    """
    return max(0.0, 2 * score - 1) if _is_cosine(measure) else score


def score_of_relevance(relevance: float, measure: Any) -> float | None:
    """Return the least score with that relevance; None where every score has it."""
    if relevance <= 0:
        return None
    return (1 + relevance) / 2 if _is_cosine(measure) else relevance


def _is_cosine(measure: Any) -> bool:
    return measure == "cosine_distance"


def _threshold(given: Any, *, bounded: bool) -> float | None:
    """Return the least relevance: from 0 to 1, but where it is one of the caller's own making."""
    if given is None:
        return None
    wanted = "a number, a relevance from 0 to 1"
    number = checked_number(given, "score_threshold", -math.inf, wanted=wanted)
    return checked_number(given, "score_threshold", 0, 1, wanted="a relevance from 0 to 1") if bounded else number
