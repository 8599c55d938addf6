"""Vectors of any kind as rows."""

from __future__ import annotations

import numpy as np
import pytest

from vecs import SparseVector
from vecs._atlas.dense import dense_rows


def test_rows_have_length_one() -> None:
    rows = dense_rows([np.array([3.0, 4.0], dtype=np.float32), np.array([0.0, 0.0], dtype=np.float32)])
    assert rows.dtype == np.float32
    assert rows.tolist() == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_the_greatest_numbers_of_float32_do_not_overflow() -> None:
    greatest = np.finfo(np.float32).max
    (row,) = dense_rows([np.array([greatest, greatest], dtype=np.float32)])
    assert row == pytest.approx([0.5**0.5] * 2)


def test_bits_are_numbers() -> None:
    (row,) = dense_rows([np.array([True, False, True])])
    assert row == pytest.approx([0.5**0.5, 0, 0.5**0.5])


def test_no_vectors_make_no_rows() -> None:
    assert dense_rows([]).shape == (0, 1)


def test_sparse_vectors_of_few_dimensions_stay_as_they_are() -> None:
    (row,) = dense_rows([SparseVector(5, [1, 3], [3.0, -4.0])])
    assert row == pytest.approx([0, 0.6, 0, -0.8, 0])


def test_sparse_vectors_of_a_million_dimensions_keep_their_angles() -> None:
    rng = np.random.default_rng(0)

    def vector(places: list[int]) -> SparseVector:
        return SparseVector(1_000_000, sorted(set(places)), [1.0] * len(set(places)))

    shared = rng.choice(1_000_000, 90, replace=False).tolist()
    one, two, other = vector(shared[:60]), vector(shared[30:]), vector(rng.choice(1_000_000, 60).tolist())
    rows = dense_rows([one, two, other])
    assert rows.shape == (3, 2048)
    assert float(rows[0] @ rows[1]) == pytest.approx(0.5, abs=0.15)
    assert float(rows[0] @ rows[2]) == pytest.approx(0, abs=0.15)
