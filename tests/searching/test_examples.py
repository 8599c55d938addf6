"""Searches from stored records: the vector that is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.searching.test_plan import TABLE
from vecs import Record, SparseVector
from vecs._searching.examples import (
    Examples,
    check_has_target,
    checked_examples,
    example_vectors,
    target_vector,
    without_examples,
)
from vecs.exc import ArgError
from vecs.filters import And, Column, Not, parse_filters
from vecs.measures import measure_spec

COSINE, EUCLIDEAN = measure_spec("cosine_distance"), measure_spec("l2_distance")
RECORDS = [
    Record("a", np.array([2, 0], np.float32)),
    Record("b", np.array([0, 4], np.float32)),
    Record("d#0", np.array([1, 0], np.float32), document_id="d"),
    Record("d#1", np.array([0, 3], np.float32), document_id="d"),
    Record("d#2", None, document_id="d"),
    Record("n", None),
    Record("-a", np.array([-2, 0], np.float32)),
    Record("w", np.array([5, 5], np.float32), document_id="w"),
]
HALF = np.sqrt(0.5)


def target(like: list[str], unlike: list[str], measure: Any = COSINE, query: Any = None) -> Any:
    examples = Examples(like, unlike)
    return target_vector(TABLE, measure, examples, example_vectors(examples, RECORDS, whole=True), query)


@pytest.mark.parametrize(
    ("like", "unlike", "query", "by_cosine", "by_distance"),
    [
        (["a"], [], None, [1, 0], [2, 0]),
        (["a", "a", "b"], [], None, [0.5, 0.5], [1, 2]),
        (["a"], ["b"], None, [2, -1], [4, -4]),
        (["a", "b"], ["b"], None, [1, 0], [2, 0]),
        (["d"], [], None, [HALF, HALF], [0.5, 1.5]),
        (["d", "a"], [], None, [(HALF + 1) / 2, HALF / 2], [1.25, 0.75]),
        (["w"], [], None, [HALF, HALF], [5, 5]),
        ([], ["b"], [3, 0], [2, -1], [6, -4]),
        (["b"], [], [4, 0], [0.5, 0.5], [2, 2]),
    ],
)
def test_a_target_is_the_mean_of_what_is_liked_and_away_from_what_is_not(
    like: Any, unlike: Any, query: Any, by_cosine: Any, by_distance: Any
) -> None:
    vec = None if query is None else np.array(query, np.float32)
    np.testing.assert_allclose(target(like, unlike, COSINE, vec), by_cosine, rtol=1e-6)
    np.testing.assert_allclose(target(like, unlike, EUCLIDEAN, vec), by_distance, rtol=1e-6)
    assert target(like, unlike).dtype == np.float32 if like else True


def test_what_cancels_out_is_refused_only_where_length_means_nothing() -> None:
    with pytest.raises(ArgError, match="cancel each other out"):
        target(["a", "-a"], [])
    assert target(["a", "-a"], [], EUCLIDEAN).tolist() == [0, 0]


def test_ids_that_there_are_not_are_named() -> None:
    with pytest.raises(ArgError, match=r"there are none with \['x', 'y'\]"):
        example_vectors(Examples(["a", "x"], ["y"]), RECORDS, whole=True)
    with pytest.raises(ArgError, match=r"there are none with \['d'\]"):
        example_vectors(Examples(["d"], []), RECORDS, whole=False)
    with pytest.raises(ArgError, match=r"need records with a vector, and \['n'\] have none"):
        example_vectors(Examples(["n", "a"], []), RECORDS, whole=True)


def test_vectors_of_several_dimensions_have_no_mean() -> None:
    vectors = {"a": [np.ones(2, np.float32)], "b": [np.ones(3, np.float32)]}
    with pytest.raises(ArgError, match=r"have vectors of 2 dimensions: \[2, 3\]"):
        target_vector(TABLE, COSINE, Examples(["a", "b"], []), vectors, None)


def test_sparse_vectors_have_a_sparse_mean() -> None:
    table = replace(TABLE, vec_type="sparsevec", dimension=1_000_000_000)
    vectors: Any = {
        "a": [SparseVector.from_mapping({3: 3.0, 999_999_999: 4.0}, 1_000_000_000)],
        "b": [SparseVector.from_mapping({3: 1.0, 5: 0.5}, 1_000_000_000)],
    }
    found = target_vector(table, EUCLIDEAN, Examples(["a", "b"], []), vectors, None)
    assert found == SparseVector.from_mapping({3: 2.0, 5: 0.25, 999_999_999: 2.0}, 1_000_000_000)
    found = target_vector(table, COSINE, Examples(["a"], []), vectors, None)
    np.testing.assert_allclose(found.values, [0.6, 0.8], rtol=1e-6)


def test_bits_are_set_by_majority() -> None:
    table = replace(TABLE, vec_type="bit", dimension=3)
    vectors: Any = {id: [np.array(bits, np.bool_)] for id, bits in {"a": [1, 1, 0], "b": [1, 0, 0]}.items()}
    measure = measure_spec("hamming_distance")
    assert target_vector(table, measure, Examples(["a", "b"], []), vectors, None).tolist() == [True, False, False]
    assert target_vector(table, measure, Examples(["a"], ["b"]), vectors, None).tolist() == [True, True, False]


def test_examples_are_read_from_the_arguments() -> None:
    assert checked_examples({"like": None, "unlike": None}, TABLE) is None
    assert checked_examples({"like": []}, TABLE) is None
    assert checked_examples({"like": ["a", 5], "unlike": ["b", "a"]}, TABLE) == Examples(["a", "5"], ["b", "a"])
    assert Examples(["a"], ["b", "a"]).ids == ["a", "b"]
    assert checked_examples({"unlike": ["b"]}, TABLE) == Examples([], ["b"])
    with pytest.raises(ArgError, match="like must be a list of strings, not 'a'"):
        checked_examples({"like": "a"}, TABLE)
    with pytest.raises(ArgError, match="mode is 'keyword'"):
        checked_examples({"like": ["a"], "mode": "keyword"}, TABLE)


def test_what_is_only_disliked_is_no_target() -> None:
    with pytest.raises(ArgError, match="unlike= says what not to find"):
        check_has_target(Examples([], ["a"]), None)
    check_has_target(Examples([], ["a"]), [1, 0])
    check_has_target(Examples(["a"], []), None)
    check_has_target(None, [1, 0])
    with pytest.raises(ArgError, match="like= and unlike= are empty"):
        check_has_target(None, None)


def test_examples_are_left_out_of_their_answer() -> None:
    of_records = Column("id", "$in", ("a", "b"))
    assert without_examples(None, Examples(["a"], ["b"]), whole=False) == Not((of_records,))
    filters = parse_filters({"k": 1})
    of_documents = Column("document_id", "$in", ("a", "b"))
    assert without_examples(filters, Examples(["a"], ["b"]), whole=True) == And(
        (filters, Not((of_records, of_documents)))
    )
