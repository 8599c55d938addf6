"""Numbers that callers give."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pgvector.psycopg as pgvector
import pytest

from vecs._checks.numbers import (
    ABOVE_ZERO,
    checked_flag,
    checked_int,
    checked_number,
    checked_oversampling,
    is_number,
    plain_rows,
)
from vecs.exc import ArgError


@pytest.mark.parametrize("value", [3, np.int16(3)])
def test_whole_numbers_of_any_type_become_int(value: Any) -> None:
    assert checked_int(value, "limit", 1, 5) == 3
    assert type(checked_int(value, "limit", 1, 5)) is int


@pytest.mark.parametrize("value", [True, 3.0, "3", None, np.float64(3)])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ArgError) as caught:
        checked_int(value, "limit", 1)
    assert str(caught.value) == f"limit must be an integer at least 1, not {value!r}"


@pytest.mark.parametrize("value", [0, 6, -(10**30)])
def test_whole_numbers_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(ArgError) as caught:
        checked_int(value, "limit", 1, 5)
    assert str(caught.value) == f"limit must be an integer from 1 to 5, not {value}"


def test_no_whole_number_is_greater_than_postgres_can_hold() -> None:
    assert checked_int(2**63 - 1, "limit", 0) == 2**63 - 1
    with pytest.raises(ArgError, match="at least 0, not 9223372036854775808"):
        checked_int(2**63, "limit", 0)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), Fraction(1), np.int8(1)])
def test_numbers_of_any_type_become_float(value: Any) -> None:
    found = checked_number(value, "share", 0, 1)
    assert found == 1.0
    assert type(found) is float


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, -1, 1.0001, 10**400])
def test_what_is_no_number_in_the_range_is_refused(value: Any) -> None:
    assert not is_number(value, 0, 1)
    with pytest.raises(ArgError) as caught:
        checked_number(value, "share", 0, 1)
    assert str(caught.value) == f"share must be a number from 0 to 1, not {value!r}"


@pytest.mark.parametrize("value", [math.inf, 10**400])
def test_a_range_without_an_end_has_finite_floats_only(value: float) -> None:
    assert checked_number(1e300, "weight", 0) == 1e300
    with pytest.raises(ArgError, match=f"^weight must be a number of at least 0, not {value}$"):
        checked_number(value, "weight", 0)


@pytest.mark.parametrize("value", [-math.inf, -(10**400)])
def test_a_range_without_a_beginning_has_finite_floats_only(value: float) -> None:
    assert is_number(-1e300, -math.inf)
    assert not is_number(value, -math.inf)


def test_the_words_for_a_range_may_be_the_callers() -> None:
    with pytest.raises(ArgError, match="^target must be a recall above 0 and up to 1, not 0$"):
        checked_number(0, "target", ABOVE_ZERO, 1, wanted="a recall above 0 and up to 1")


def test_oversampling_is_at_least_1() -> None:
    assert checked_oversampling(None) is None
    assert checked_oversampling(2) == 2.0
    with pytest.raises(ArgError, match=r"^oversampling must be a number from 1 to 1,000,000, not 0\.5$"):
        checked_oversampling(0.5)


def test_bools_and_what_other_libraries_take_for_them_are_flags() -> None:
    assert [checked_flag(value, "replace") for value in (True, np.True_, 1)] == [True, True, True]
    assert [checked_flag(value, "replace") for value in (False, np.False_, 0, None)] == [False] * 4


@pytest.mark.parametrize("value", [[], "", "no", 2, 1.0, np.zeros(2), object()], ids=range(7))
def test_anything_else_is_no_flag(value: Any) -> None:
    with pytest.raises(ArgError, match="^replace must be True or False, not "):
        checked_flag(value, "replace")


@pytest.mark.parametrize("value", [np.zeros(3), np.array([1]), 10**5000, -(10**5000), "1", 1.0, True], ids=range(7))
def test_what_is_no_integer_in_the_range_is_refused_whatever_it_is(value: Any) -> None:
    with pytest.raises(ArgError, match="^limit must be an integer at least 0, not "):
        checked_int(value, "limit", 0)


def test_rows_of_another_library_become_arrays() -> None:
    plain = plain_rows(([1, 2], pgvector.Vector([1, 2]), np.array([3])))
    assert [list(row) for row in plain] == [[1, 2], [1, 2], [3]]
    matrix = np.ones((2, 2))
    assert plain_rows(matrix) is matrix
