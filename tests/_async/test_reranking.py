"""Rerankers: what they may be, what they may answer, and what is said where they fail."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vecs import Match
from vecs._async.searching.refine import rerank
from vecs.exc import ArgError, FilterError, TransformError

MATCHES = [Match(id, text, {"n": 1}, "d", 0.5, 0.75) for id, text in (("a", "one"), ("b", None), ("c", "three"))]


def ids(matches: list[Match]) -> list[str]:
    return [match.id for match in matches]


async def test_matches_come_in_the_order_of_the_new_scores() -> None:
    given: list[Any] = []

    def scorer(query: str, texts: list[str]) -> list[float]:
        given.append((query, texts))
        return [0.25, 0.5, 1]

    found = await rerank(MATCHES, "q", scorer, 2)
    assert given == [("q", ["one", "", "three"])]
    assert found == [replace(MATCHES[2], score=1.0), replace(MATCHES[1], score=0.5)]
    assert [match.score for match in MATCHES] == [0.75] * 3
    assert ids(await rerank(MATCHES, "q", scorer, 10)) == ["c", "b", "a"]
    assert await rerank(MATCHES, "q", scorer, 0) == []


async def test_scores_beyond_0_and_1_go_through_the_logistic_function_together() -> None:
    found = await rerank(MATCHES, "q", lambda _, __: [0.5, -1000, 1000.0], 3)
    assert ids(found) == ["c", "a", "b"]
    assert [match.score for match in found] == [1.0, pytest.approx(1 / (1 + math.exp(-0.5))), 0.0]


async def test_the_order_is_that_of_the_raw_scores_where_the_logistic_function_is_flat() -> None:
    assert ids(await rerank(MATCHES, "q", lambda _, __: [50, 52, 51], 3)) == ["b", "c", "a"]


async def test_ties_stay_in_their_former_order() -> None:
    assert ids(await rerank(MATCHES, "q", lambda _, __: [0.5, 0.7, 0.5], 3)) == ["b", "a", "c"]


@pytest.mark.parametrize(
    "answer",
    [
        [0.1, 0.2, 0.3],
        (0.1, 0.2, 0.3),
        np.array([0.1, 0.2, 0.3]),
        np.array([[0.1], [0.2], [0.3]]),
        [np.float64(0.1), np.array(0.2), np.array([0.3])],
        iter([0.1, 0.2, 0.3]),
    ],
)
async def test_scores_may_come_as_any_sequence_of_numbers(answer: Any) -> None:
    found = await rerank(MATCHES, "q", lambda _, __: answer, 3)
    assert [(match.id, match.score) for match in found] == [("c", 0.3), ("b", 0.2), ("a", 0.1)]
    assert all(type(match.score) is float for match in found)


async def test_async_rerankers_are_awaited() -> None:
    async def function(query: str, texts: list[str]) -> list[float]:
        return [0.1, 0.2, 0.3]

    class Callable:
        __call__ = staticmethod(function)

    class Model:
        async def predict(self, pairs: Any) -> list[float]:
            return await function("q", [text for _, text in pairs])

    for reranker in (function, Callable(), Model(), lambda q, t: function(q, t)):
        assert ids(await rerank(MATCHES, "q", reranker, 3)) == ["c", "b", "a"]


async def test_a_generator_works_where_the_function_works() -> None:
    threads: list[int] = []

    def scores(_: str, texts: list[str]) -> Any:
        for _ in texts:
            threads.append(threading.get_ident())
            yield 0.5

    await rerank(MATCHES, "q", scores, 3)
    here = threading.get_ident()
    # In a thread of its own in the async world: the event loop goes on.
    assert all((thread == here) is (rerank.__module__ == "vecs._sync.searching.refine") for thread in threads)


@pytest.mark.parametrize("name", ["activation_fn", "activation_fct"])
async def test_a_cross_encoder_is_asked_for_logits(name: str) -> None:
    class Model:
        def predict(self, pairs: Any, **given: Any) -> Any:
            assert pairs == [("q", "one"), ("q", ""), ("q", "three")]
            return given[name](np.array([0.0, 0.5, 1.0], np.float32))

    if name == "activation_fn":
        Model.predict.__signature__ = _signature("pairs", "activation_fn")
    else:
        Model.predict.__signature__ = _signature("pairs", "activation_fct")
    found = await rerank(MATCHES, "q", Model(), 3)
    # Though all lie in [0, 1]: a logit means the same in every search.
    assert [match.score for match in found] == [pytest.approx(1 / (1 + math.exp(-x))) for x in (1, 0.5, 0)]


def _signature(*names: str) -> Any:
    import inspect

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in ("self", *names)])


async def test_a_model_that_knows_no_activation_is_taken_at_its_word() -> None:
    class Model:
        def predict(self, pairs: Any) -> Any:
            return [0.1] * len(pairs)

    assert [match.score for match in await rerank(MATCHES, "q", Model(), 3)] == [0.1] * 3


async def test_nothing_is_called_without_matches() -> None:
    def never(query: str, texts: list[str]) -> list[float]:
        raise AssertionError

    assert await rerank([], "q", never, 3) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, r"answered None \(NoneType\); expected 3 numbers, one per text"),
        (0.5, r"answered 0.5 \(float\); expected 3 numbers"),
        ("abc", r"answered 'abc' \(str\); expected 3 numbers"),
        ({"a": 1}, r"answered {'a': 1} \(dict\)"),
        ({1, 2, 3}, r"answered {1, 2, 3} \(set\); expected 3 numbers"),
        ([1, 2], "answered 2 scores for 3 texts; expected one per text"),
        ([], "answered 0 scores for 3 texts"),
        ([1, 2, 3, 4], "answered 4 scores for 3 texts"),
        ([1, None, 3], r"answered None \(NoneType\) for text 1; expected a number"),
        ([1, "2", 3], r"answered '2' \(str\) for text 1"),
        ([True, False, True], r"answered True \(bool\) for text 0"),
        ([1, {"score": 2}, 3], r"answered {'score': 2} \(dict\) for text 1"),
        ([1, math.nan, 3], "answered nan for text 1; every score must be finite"),
        (np.array([1, 2, -np.inf]), "answered -inf for text 2"),
        (np.ones((3, 2)), "answered 2 numbers for text 0; expected one. A model of several labels"),
    ],
)
async def test_an_answer_that_is_no_list_of_scores_is_refused(answer: Any, message: str) -> None:
    def scorer(query: str, texts: list[str]) -> Any:
        return answer

    async def later(query: str, texts: list[str]) -> Any:
        return answer

    with pytest.raises(TransformError, match="^the reranker scorer " + message):
        await rerank(MATCHES, "q", scorer, 3)
    with pytest.raises(TransformError, match="^the reranker later " + message):
        await rerank(MATCHES, "q", later, 3)


async def test_an_error_of_the_reranker_is_told_with_its_cause() -> None:
    def failing(query: str, texts: list[str]) -> Any:
        raise ZeroDivisionError("oh")

    async def failing_later(query: str, texts: list[str]) -> Any:
        raise ZeroDivisionError("oh")

    def generating(query: str, texts: list[str]) -> Any:
        yield 0.5
        raise ZeroDivisionError("oh")

    for reranker in (failing, failing_later, generating):
        with pytest.raises(TransformError, match="failed on 3 texts: ZeroDivisionError: oh") as caught:
            await rerank(MATCHES, "q", reranker, 3)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def ours(query: str, texts: list[str]) -> Any:
        raise FilterError("as it is")

    with pytest.raises(FilterError, match="as it is"):
        await rerank(MATCHES, "q", ours, 3)


@pytest.mark.parametrize("reranker", [None, "cross-encoder/ms-marco-MiniLM-L6-v2", True, {}, 3])
async def test_what_cannot_rerank_is_refused(reranker: Any) -> None:
    with pytest.raises(ArgError, match=r"rerank must be a CrossEncoder or a function of \(query, texts\)"):
        await rerank(MATCHES, "q", reranker, 3)


async def test_a_class_or_a_query_without_text_is_refused() -> None:
    with pytest.raises(ArgError, match="rerank is the class Match; give an instance"):
        await rerank([], "q", Match, 3)
    with pytest.raises(ArgError, match="a reranker reads texts, and the query is list"):
        await rerank(MATCHES, [0.1, 0.2], lambda _, texts: [1] * len(texts), 3)
