"""The options of a search: the same everywhere, checked once."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import vecs
from tests.searching.test_columns import ATTACHED
from vecs._searching.request import (
    Request,
    SearchOptions,
    check_known,
    check_pairs,
    checked_request,
    is_plain,
    options_of,
    plain_request,
    words_of,
)
from vecs._sql.selection import EVERYTHING
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError

TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), has_text=True, language="english")
VECTORS = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1))


@pytest.mark.parametrize("cls", [vecs.Collection, vecs.AsyncCollection])
def test_the_options_are_the_keyword_arguments_of_search(cls: Any) -> None:
    keywords = inspect.signature(cls.search).parameters
    assert list(SearchOptions.__annotations__) == [name for name in keywords if name not in ("self", "query")]


@pytest.mark.parametrize("name", SearchOptions.__annotations__)
def test_the_default_of_an_option_is_that_of_search(name: str) -> None:
    default = inspect.signature(vecs.Collection.search).parameters[name].default
    given: Any = {name: default}
    assert values(checked_request(TABLE, EVERYTHING, given)) == values(checked_request(TABLE, EVERYTHING, {}))


# What each option changes in a request.
CHANGES: dict[str, Any] = {
    "mode": "keyword",
    "limit": 3,
    "offset": 2,
    "measure": "l2_distance",
    "threshold": 0.5,
    "exact": True,
    "ef_search": 77,
    "probes": 7,
    "weights": (1.0, 0.5),
    "candidates": 60,
    "rrf_constant": 9,
    "rerank": len,
    "diversity": 0.5,
    "oversampling": 2.0,
    "group_by": "kind",
    "group_size": 2,
    "context": (0, 1),
    "highlight": True,
    "include_vector": True,
    "include_extra": True,
}


@pytest.mark.parametrize("name", SearchOptions.__annotations__)
def test_every_option_changes_the_request(name: str) -> None:
    # The text and the examples go with the query, the filters are a selection already, and columns are read by a
    # statement of theirs.
    if name in ("text", "filters", "like", "unlike", "include_columns"):
        assert name not in CHANGES
        return
    mode: Any = {"mode": "hybrid"} if name in ("weights", "candidates", "rrf_constant") else {}
    if name == "group_size":
        mode = {"group_by": "kind"}
    changed = checked_request(TABLE, EVERYTHING, {**mode, name: CHANGES[name]})
    assert values(changed) != values(checked_request(TABLE, EVERYTHING, mode))


def values(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in Request.__slots__}


def options(**changed: Any) -> Any:
    parameters = inspect.signature(vecs.Collection.search).parameters
    return options_of({name: parameter.default for name, parameter in parameters.items()} | changed)


def test_a_plain_request_is_kept() -> None:
    assert is_plain(options())
    assert plain_request(TABLE, options(limit=7)) is plain_request(TABLE, options(limit=7))
    assert plain_request(TABLE, options(limit=7)).limit == 7


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "keyword"},
        {"mode": "hybrid"},
        {"text": "words"},
        {"filters": {}},
        {"rerank": print},
        {"weights": (1, 1)},
        {"candidates": 5},
        {"rrf_constant": 60},
        {"like": ["a"]},
        {"unlike": ["a"]},
    ],
)
def test_what_is_more_than_nearness_is_not_kept(changed: Any) -> None:
    assert not is_plain(options(**changed))


@pytest.mark.parametrize("changed", [{"limit": True}, {"offset": True}, {"ef_search": True}, {"limit": []}])
def test_what_equals_a_good_argument_is_refused_though_that_was_kept(changed: Any) -> None:
    plain_request(TABLE, options(limit=1, offset=1, ef_search=1))
    with pytest.raises(ArgError):
        plain_request(TABLE, options(**{"limit": 1, "offset": 1, "ef_search": 1, **changed}))


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    given: Any = {"top_k": 3}
    with pytest.raises(
        TypeError, match="unknown argument 'top_k'; did you mean 'limit'\\? search\\(\\) takes text, mode, limit"
    ):
        check_known(given)
    check_known(options())


def test_words_come_from_the_query_or_beside_it() -> None:
    keyword = checked_request(TABLE, EVERYTHING, {"mode": "keyword"})
    plain = checked_request(TABLE, EVERYTHING, {})
    reranked = checked_request(TABLE, EVERYTHING, {"rerank": lambda query, texts: [0.0 for _ in texts]})
    highlit = checked_request(TABLE, EVERYTHING, {"highlight": True})
    assert words_of("a b", keyword, TABLE, None) == "a b"
    assert words_of(np.ones(2), keyword, TABLE, "c") == "c"
    assert words_of("a b", plain, VECTORS, None) is None
    assert words_of("a b", reranked, TABLE, None) == "a b"
    assert words_of("a b", highlit, TABLE, None) == "a b"
    assert words_of(np.ones(2), highlit, TABLE, "c") == "c"
    attached = replace(ATTACHED, language="english")
    for query, request, table, text, message in (
        ("a", keyword, VECTORS, None, "mode='keyword' needs texts"),
        ("a", reranked, VECTORS, None, "rerank= needs texts"),
        ("a", keyword, TABLE, 5, "text must be a string, not 5"),
        ("a", plain, TABLE, "b", "text= is for mode='keyword' and mode='hybrid', and for rerank= and high"),
        ([1, 2], keyword, TABLE, None, "the query is list, and mode='keyword' needs words"),
        ([1, 2], reranked, TABLE, None, "the query is list, and rerank= needs words"),
        ("a", highlit, VECTORS, None, "highlight= needs texts, and collection 'docs' keeps none"),
        ("a", highlit, replace(ATTACHED, language=None), None, "highlight= needs keywords, and .* has no column"),
        ("a", highlit, replace(attached, has_text=False), None, "highlight= needs texts: name their column, attach"),
        ([1, 2], highlit, TABLE, None, "the query is list, and highlight= needs words: give text="),
    ):
        wrong: Any = text
        with pytest.raises(ArgError, match=message):
            words_of(query, request, table, wrong)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "fuzzy"}, "unknown mode 'fuzzy'; expected one of 'vector', 'keyword', 'hybrid'"),
        ({"weights": (1, 1)}, "weights= is for mode='hybrid', and mode is 'vector'"),
        ({"candidates": 9, "mode": "keyword"}, "candidates= is for mode='hybrid', and mode is 'keyword'"),
        ({"threshold": 1.5}, "threshold must be a score from 0 to 1, not 1.5"),
        ({"threshold": True}, "threshold must be a score from 0 to 1, not True"),
        ({"mode": "hybrid", "weights": 1}, r"weights must be a pair \(vector, keyword\), not 1"),
        ({"mode": "hybrid", "weights": (1, -1)}, "weights must be numbers of at least 0"),
        ({"mode": "hybrid", "weights": (0, 0)}, "both weights are 0"),
        ({"mode": "hybrid", "candidates": (1, 2, 3)}, "candidates must be a number or a pair"),
        ({"mode": "hybrid", "candidates": 0}, "candidates must be an integer at least 1, not 0"),
    ],
)
def test_a_wrong_option_is_refused_with_what_would_be_right(given: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        checked_request(TABLE, EVERYTHING, given)


def test_sparse_vectors_are_not_spread() -> None:
    sparse = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1), vec_type="sparsevec")
    with pytest.raises(ArgError, match="diversity= compares dense vectors, and collection 'docs' holds sparse ones"):
        checked_request(sparse, EVERYTHING, {"diversity": 0.5})


def test_a_side_without_weight_is_left_out_and_weights_are_relative() -> None:
    request = checked_request(TABLE, EVERYTHING, {"mode": "hybrid", "weights": (0, 4), "candidates": (7, 8)})
    assert request.weights == (0.0, 1.0)
    assert request.candidates == (0, 8)
    assert checked_request(TABLE, EVERYTHING, {"threshold": 1}).threshold == 1.0
    assert checked_request(TABLE, EVERYTHING, {"mode": "hybrid", "limit": 100}).candidates == (200, 200)


def test_diversity_over_too_many_matches_is_refused_with_the_limit() -> None:
    small = checked_request(TABLE, EVERYTHING, {"diversity": 0.5, "limit": 1000})
    check_pairs(small, 5000)
    large = checked_request(TABLE, EVERYTHING, {"diversity": 0.5, "limit": 20_000, "offset": 1})
    check_pairs(large, 2000)
    with pytest.raises(ArgError, match=r"limit=20000 and offset=1 these are 400,000,000 pairs, and 5,000,000"):
        check_pairs(large, 20_000)


@pytest.mark.parametrize("name", ["exact", "highlight", "include_vector", "include_extra"])
@pytest.mark.parametrize("given", [[], {}, "yes", 2, np.zeros(3), object()], ids=range(6))
def test_what_is_no_bool_is_refused(name: str, given: Any) -> None:
    for call in (plain_request, lambda table, options: checked_request(table, EVERYTHING, options)):
        with pytest.raises(ArgError, match=f"^{name} must be True or False, not "):
            call(TABLE, options(**{name: given}))


@pytest.mark.parametrize("mode", [[], np.zeros(3), 5, None], ids=range(4))
def test_a_mode_that_is_no_string_is_refused(mode: Any) -> None:
    assert not is_plain(options(mode=mode))
    with pytest.raises(ArgError, match="unknown mode"):
        checked_request(TABLE, EVERYTHING, options(mode=mode))
