"""Metadata as columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from vecs._atlas import fields
from vecs._atlas.fields import Column, Fields


def columns(*records: dict[str, Any]) -> dict[str, Column]:
    given = Fields()
    for metadata in records:
        given.add(metadata)
    return {column.key: column for column in given.columns()}


def of(*values: Any) -> Column:
    return columns(*({} if value is ... else {"key": value} for value in values))["key"]


def test_a_record_without_the_key_has_no_value() -> None:
    column = of("a", ..., "b", "a", ...)
    assert column.codes().tolist() == [0, -1, 1, 0, -1]
    assert column.values() == ["a", "b"]


def test_null_is_no_value() -> None:
    assert of("a", None).codes().tolist() == [0, -1]


def test_paths_lead_into_objects() -> None:
    found = columns({"author": {"name": "Ann", "born": {"year": 1970, "at": {"too": "deep"}}}, "a.b": {"c": 1}})
    assert list(found) == ["author.born.year", "author.name"]


def test_true_is_not_one() -> None:
    assert of(True, 1, False, 0, 1.0).codes().tolist() == [0, 1, 2, 3, 1]


def test_numbers_are_numbers() -> None:
    column = of(*range(10), 2.5, ...)
    assert column.kind == "number"
    assert column.numbers()[[9, 10]].tolist() == [9, 2.5]
    assert math.isnan(column.numbers()[11])


def test_a_few_whole_numbers_are_categories() -> None:
    assert of(1, 2, 3, 1, 2, 3).kind == "category"
    assert of(1.5, 2, 3).kind == "number"


def test_what_is_no_number_in_json_is_none_here() -> None:
    column = of(0.5, "NaN", "Infinity", "-Infinity", 1.5)
    assert column.kind == "number"
    assert np.isnan(column.numbers()).tolist() == [False, True, True, True, False]
    assert of("NaN", "NaN").kind == "category"


def test_numbers_that_no_float_holds_are_none() -> None:
    assert math.isnan(of(0.5, 10**400).numbers()[1])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T02:00:00+01:00", 3600.0),
        ("1969-12-31", -86400.0),
    ],
)
def test_dates_are_seconds(text: str, seconds: float) -> None:
    column = of(text, "2024-02-29")
    assert column.kind == "date"
    assert column.numbers()[0] == seconds


@pytest.mark.parametrize("text", ["2024", "2024-13-01", "not a date", "2024-02-30T00:00:00", "１９７０-01-02 and more"])
def test_other_texts_are_no_dates(text: str) -> None:
    assert of(text, "2024-02-28").kind == "category"


def test_lists_are_values_by_their_content() -> None:
    column = of(["a", "b"], ["a", "b"], ["b"], [])
    assert column.codes().tolist() == [0, 0, 1, -1]
    assert column.values() == ['["a", "b"]', '["b"]']


def test_long_texts_are_none_to_colour_by() -> None:
    assert columns({"body": "x" * 201}, {"body": "y" * 300}) == {}


def test_a_name_of_its_own_for_each_record_is_no_category() -> None:
    assert columns(*({"title": f"title {number}"} for number in range(50))) == {}
    assert "title" in columns(*({"title": f"title {number}"} for number in range(20)))
    assert "day" in columns(*({"day": f"2024-01-{number:02}"} for number in range(1, 30)))


def test_too_many_values_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MOST_VALUES", 5)
    records = [{"title": f"t{number}", "n": number, "day": f"2024-01-{number + 1:02}"} for number in range(9)]
    assert list(columns(*records)) == ["day", "n"]


def test_too_many_keys_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MOST_KEYS", 2)
    assert list(columns({"a": 1, "b": 2, "c": 3}, {"a": 1})) == ["a", "b"]
