"""Colours and legends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.atlas.test_fields import of
from vecs._atlas.colours import CATEGORIES, NONE, OTHER, colouring, find_column, label_of, one_colour, scale


def test_ten_categories_and_the_others() -> None:
    values = [f"c{number:04}" for number in range(2000) for _ in range(2)] + ["c0007"] * 5 + [...]
    found = colouring(of(*values))
    assert [entry.label for entry in found.entries][:2] == ["c0007", "c0000"]
    assert [entry.label for entry in found.entries][-2:] == ["1,990 other values", "none"]
    assert found.colours == (*CATEGORIES, OTHER, NONE)
    assert [entry.count for entry in found.entries] == [7, *[2] * 9, 3980, 1]
    assert found.classes[[14, 0, 3999, -1]].tolist() == [0, 1, 10, 11]
    assert json.dumps(found.legend())


def test_one_other_is_named_in_the_singular() -> None:
    assert colouring(of(*range(7), *"abcd")).entries[-1].label == "1 other value"


def test_few_numbers_stand_in_their_order() -> None:
    assert [entry.label for entry in colouring(of(3, 3, 1, 2)).entries] == ["1", "2", "3"]


def test_numbers_have_a_scale() -> None:
    found = colouring(of(*(number / 10 for number in range(101)), ...))
    assert found.kind == "number"
    assert [text for _, text in found.ticks] == ["0", "2.5", "5", "7.5", "10"]
    assert found.classes[[0, 50, 100, 101]].tolist() == [0, 32, 63, 64]
    assert found.colours[64] == NONE
    assert found.legend()["missing"] == 1
    assert found.legend()["range"] == [0, 10]


def test_an_outlier_does_not_take_the_colours_of_the_others() -> None:
    found = colouring(of(*(number / 10 for number in range(1000)), 1e9))
    assert len(set(found.classes.tolist())) == 64


def test_dates_have_a_scale_of_dates() -> None:
    found = colouring(of("2024-01-01", "2024-01-05"))
    assert [text for _, text in found.ticks] == [f"2024-01-0{day}" for day in range(1, 6)]
    hours = colouring(of("2024-01-01T10:00", "2024-01-01T14:00:00"))
    assert hours.ticks[1] == (0.25, "2024-01-01 11:00")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.25, 0.25), ["0.25"]),
        ((0.0, 1e-9), ["0", "2.5e-10", "5e-10", "7.5e-10", "1e-09"]),
        ((0.5, 4e7), ["0", "1e+07", "2e+07", "3e+07", "4e+07"]),
        ((0.5, 40_000.5), ["0", "10,000", "20,000", "30,000", "40,000"]),
        ((0.125, 0.625), ["0.125", "0.25", "0.375", "0.5", "0.625"]),
    ],
)
def test_ticks_are_short(values: tuple[float, ...], ticks: list[str]) -> None:
    assert [text for _, text in colouring(of(*values)).ticks] == ticks


def test_numbers_that_are_none_have_no_ticks() -> None:
    found = colouring(of(10**400, 10**401, 10**402, *([10**403] * 4), *(10**power for power in range(404, 410))))
    assert found.ticks == ()
    assert found.legend()["range"] == [0, 0]


@pytest.mark.parametrize(
    ("value", "label"),
    [(True, "true"), (False, "false"), ("a\n b", "a b"), ("", "(empty)"), ("x" * 99, "x" * 79 + "…"), (1.5, "1.5")],
)
def test_labels_are_one_line(value: Any, label: str) -> None:
    assert label_of(value) == label


def test_all_colours_are_hex_numbers_and_differ() -> None:
    colours = [*scale(64), *CATEGORIES, OTHER, NONE]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert len(set(colours)) == len(colours)


def test_one_colour_has_no_legend() -> None:
    assert one_colour(3).classes.tolist() == [0, 0, 0]
    assert one_colour(3).legend() == {"kind": "none", "colours": [CATEGORIES[0]], "entries": []}


def test_a_column_is_found_by_its_key() -> None:
    column = of("a", "b")
    assert find_column([column], "key") is column
    assert find_column([column], "other") is None
