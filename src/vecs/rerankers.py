"""What a search accepts as `rerank=`, and how its scores are read."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from numbers import Real
from typing import Any, Protocol, TypeAlias, cast

from vecs._checks.shown import brief, counted
from vecs.exc import ArgError, TransformError
from vecs.records import Match


class ScoringFunction(Protocol):
    """
    A function that says how well each text answers a query: one number per text, larger is better.

    It may be async. If all numbers are in [0, 1], they are the scores. Otherwise vecs applies the logistic function
    to all of them. The function gets all texts at once, and makes batches itself if it needs them.
    """

    def __call__(self, query: str, texts: list[str], /) -> Iterable[float] | Awaitable[Iterable[float]]:
        """Score the texts, in their order."""
        ...


class ScoringModel(Protocol):
    """
    A model that scores pairs of query and text, as sentence-transformers' CrossEncoder does.

    vecs asks a CrossEncoder for raw logits and applies the logistic function, so that scores are in [0, 1] for every
    model, and scores of different searches can be compared. The model must have exactly one label.
    """

    def predict(self, pairs: list[tuple[str, str]], /) -> object:
        """Score the pairs, in their order."""
        ...


Reranker: TypeAlias = ScoringModel | ScoringFunction


def check_reranker(reranker: Any) -> None:
    """Refuse what cannot rerank."""
    if isinstance(reranker, type):
        raise ArgError(f"rerank is the class {reranker.__name__}; give an instance of it")
    if not callable(getattr(reranker, "predict", None)) and not callable(reranker):
        raise ArgError(
            f"rerank must be a CrossEncoder or a function of (query, texts) that returns scores, not {brief(reranker)}"
        )


def identity(logits: Any) -> Any:
    """Return a model's output as it is; not a lambda, so that it can be sent to a worker process."""
    return logits


def call(reranker: Reranker, query: str, texts: list[str]) -> object:
    """Run a reranker; return its answer as a list, or an awaitable as it is."""
    predict = getattr(reranker, "predict", None)
    if predict is None:
        answer: object = cast("ScoringFunction", reranker)(query, texts)
    else:
        answer = predict([(query, text) for text in texts], **_raw(predict))
    # Read here, in the thread of the call: a generator does its work while it is read.
    return answer if inspect.isawaitable(answer) else listed(answer)


def gives_logits(reranker: Reranker) -> bool:
    """Whether a reranker is a model that was asked for raw logits."""
    predict = getattr(reranker, "predict", None)
    return predict is not None and bool(_raw(predict))


def _raw(predict: Any) -> dict[str, Any]:
    """Return the argument that asks a CrossEncoder for logits; nothing for another class with such a method."""
    try:
        parameters = inspect.signature(predict).parameters
    except (TypeError, ValueError):
        return {}
    # sentence-transformers' name for it since version 4, and before.
    names = [name for name in ("activation_fn", "activation_fct") if name in parameters]
    return {names[0]: identity} if names else {}


def listed(answer: object) -> object:
    """Return a tensor's, an array's or a generator's items as a list; anything else as it is."""
    if callable(getattr(answer, "tolist", None)):
        return cast("Any", answer).tolist()
    if isinstance(answer, str | bytes | Mapping | Set) or not isinstance(answer, Iterable):
        return cast("object", answer)
    return [listed(item) for item in cast("Iterable[object]", answer)]


def read_scores(answer: Any, count: int, name: str) -> list[float]:
    """Return a reranker's answer as finite numbers, one per text, or raise TransformError that says what came."""
    if not isinstance(answer, list):
        raise TransformError(f"{name} answered {_brief(answer)}; expected {counted(count, 'number')}, one per text")
    items = cast("list[Any]", answer)
    scores = [_number(item, place, name) for place, item in enumerate(items)]
    if len(scores) != count:
        raise TransformError(f"{name} answered {len(scores)} scores for {count} texts; expected one per text")
    return scores


def _number(item: Any, place: int, name: str) -> float:
    # A column, as models of one label may answer.
    if isinstance(item, list) and len(cast("list[Any]", item)) == 1:
        item = cast("list[Any]", item)[0]
    if isinstance(item, list):
        labels = len(cast("list[Any]", item))
        raise TransformError(
            f"{name} answered {labels} numbers for text {place}; expected one. A model of several labels does not "
            "say which of them is relevance: use one with num_labels=1, or a function that picks"
        )
    if isinstance(item, bool) or not isinstance(item, Real):
        raise TransformError(f"{name} answered {_brief(item)} for text {place}; expected a number")
    try:
        score = float(item)
    except OverflowError:
        score = math.inf
    if not math.isfinite(score):
        raise TransformError(f"{name} answered {score} for text {place}; every score must be finite")
    return score


def reordered(matches: Sequence[Match], raw: Sequence[float], limit: int, *, logits: bool) -> list[Match]:
    """Return the `limit` best matches by raw score, with scores in [0, 1]; ties in their former order."""
    if logits or not all(0 <= score <= 1 for score in raw):
        scores = [_logistic(score) for score in raw]
    else:
        scores = list(raw)
    # By the raw score: the logistic function is flat in floating point beyond 37.
    order = sorted(range(len(raw)), key=lambda place: -raw[place])[:limit]
    return [replace(matches[place], score=scores[place]) for place in order]


def _logistic(value: float) -> float:
    # The usual form overflows on one side.
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    return math.exp(value) / (1.0 + math.exp(value))


def _brief(value: Any) -> str:
    shown = repr(value)
    return f"{shown[:80]}{'...' if len(shown) > 80 else ''} ({type(value).__name__})"
