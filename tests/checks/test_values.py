"""What a value of each type becomes in JSON, by the tables of docs/filters.md and beyond."""

from __future__ import annotations

import array
import json
from collections import UserDict, defaultdict
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.oracle import same
from tests.typed_values import refused, stored

from vecs._checks.json import encode_json
from vecs._checks.values import plain
from vecs.exc import ArgError, FilterError
from vecs.filters import Equals, In, Range, parse_filters

STORED, REFUSED = stored(), refused()


@pytest.mark.parametrize(("value", "becomes"), STORED.values(), ids=STORED)
def test_a_value_becomes_what_the_documentation_says(value: Any, becomes: Any) -> None:
    made = json.loads(encode_json({"key": value}))["key"]
    assert same(made, becomes)
    assert type(made) is type(becomes)
    # Inside others, and in a filter, too.
    assert same(json.loads(encode_json([{"key": (value,)}])), [{"key": [becomes]}])
    condition = parse_filters({"key": {"$eq": value}})
    assert isinstance(condition, Equals)
    assert same(json.loads(encode_json(condition.value)), becomes)


@pytest.mark.parametrize(("value", "advice"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named_with_what_to_write_instead(value: Any, advice: str) -> None:
    for metadata in ({"key": value}, {"key": [value]}, {"key": {"inner": value}}):
        with pytest.raises(ArgError) as caught:
            encode_json(metadata)
        assert advice in str(caught.value)
        assert " at key" in str(caught.value)
    for condition in (value, {"$gt": value}, {"$in": [value]}, {"$contains": value}):
        with pytest.raises(FilterError, match="'key'"):
            parse_filters({"key": condition})


ELSEWHERE: dict[str, tuple[Any, Any]] = {
    "a mixed set": ({1, "b", "a"}, [1, "a", "b"]),
    "a set of numbers": (frozenset({10, 9.5}), [9.5, 10]),
    "a set of dates": ({date(2020, 1, 2), date(2020, 1, 1)}, ["2020-01-01", "2020-01-02"]),
    "an Enum of dates": (Enum("Day", {"FIRST": date(2020, 1, 1)})["FIRST"], "2020-01-01"),
    "an aware time": (time(8, tzinfo=timezone(timedelta(hours=2))), "08:00:00+02:00"),
    "nanoseconds with a zone": (
        pd.Timestamp("2020-01-31 08:30:00.000000001", tz="+05:30"),
        "2020-01-31T03:00:00.000000001+00:00",
    ),
    "milliseconds": (np.datetime64("2020-01-31T08:30:00.250", "ms"), "2020-01-31T08:30:00.250000"),
    "picoseconds": (np.datetime64(1, "ps"), "1970-01-01T00:00:00.000000000001"),
    "picoseconds without any": (np.datetime64(10**6, "ps"), "1970-01-01T00:00:00.000001"),
    "several hours": (np.datetime64("2020-01-31T06", "6h"), "2020-01-31T06:00:00"),
    "weeks": (np.datetime64("2020-01-30", "W"), "2020-01-30"),
    "an array without an axis": (np.array(5), 5),
    "an array of objects": (np.array([date(2020, 1, 1), 1], dtype=object), ["2020-01-01", 1]),
    "a matrix of dates": (np.array([["2020-01-01"]], "datetime64[D]"), [["2020-01-01"]]),
    "an array.array": (array.array("d", [0.5]), [0.5]),
    "a tensor": (torch.tensor([1, 2]), [1, 2]),
    "an index of pandas": (pd.date_range("2020-01-01", periods=1), ["2020-01-01T00:00:00"]),
    "a defaultdict": (defaultdict(list, a=[1]), {"a": [1]}),
    "a mapping": (UserDict(a=UserDict(b=date(2020, 1, 1))), {"a": {"b": "2020-01-01"}}),
    "a Windows path": (PureWindowsPath("a/b"), "a\\b"),
}


@pytest.mark.parametrize(("value", "becomes"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_relatives_of_documented_types_become_the_same(value: Any, becomes: Any) -> None:
    assert json.loads(encode_json({"key": value})) == {"key": becomes}


def test_other_values_are_refused_with_their_place() -> None:
    frame = pd.DataFrame({"a": [1]})
    for value, words in (
        (pd.Series([pd.NaT]), r"NaT at a\[0\] is a missing value"),
        (np.timedelta64("NaT"), "at a is a missing value"),
        (np.array([1j]), r"at a\[0\] is complex128, which has no JSON form; write \[value.real"),
        (np.bytes_(b"x"), "bytes_, which has no JSON form; write text"),
        (memoryview(b"x"), "memoryview, which has no JSON form; write text"),
        (np.zeros(1, "i4,i4")[0], "void, which has no JSON form"),
        (frame, "DataFrame, which has no JSON form; write it as"),
        (np.ndarray, "type, which has no JSON form"),
        (np.datetime64("12020-01-01"), "outside the years"),
        (np.datetime64("-0044-03-15"), "outside the years"),
        ({b"x"}, "at a is bytes, which"),
    ):
        with pytest.raises(ArgError, match=words):
            encode_json({"a": value})


class Late(datetime):
    """What a library may make of a datetime: another year than Python has, another text."""

    @property
    def year(self) -> int:
        """Return the year."""
        return 12020

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Return another form."""
        return "never"


def test_datetimes_of_other_libraries_are_written_as_pythons() -> None:
    class Day(date):
        def isoformat(self) -> str:
            return "never"

    assert plain(Day(2020, 1, 1)) == "2020-01-01"
    with pytest.raises(ArgError, match="outside the years"):
        plain(Late(2020, 1, 1))


def test_texts_of_times_sort_as_the_times_do() -> None:
    zones = [timezone.utc, timezone(timedelta(hours=5.5)), timezone(timedelta(hours=-8)), None]
    moments = [
        datetime(2020, 1, day, hour, 0, second, microsecond)
        for day in (1, 31)
        for hour in (0, 23)
        for second in (0, 1)
        for microsecond in (0, 1, 500_000)
    ]
    for given in (
        [moment.replace(tzinfo=zone) for moment in moments for zone in zones[:3]],
        moments,
        [pd.Timestamp(moment).as_unit("ns") + pd.Timedelta(nanoseconds=n) for moment in moments for n in (0, 1, 999)],
        [np.datetime64(moment, "ns") + n for moment in moments for n in (0, 1, 999)],
    ):
        ordered: list[Any] = sorted(given)
        texts = [plain(moment) for moment in ordered]
        assert texts == sorted(texts)
        for left, right, text, next_text in zip(ordered, ordered[1:], texts, texts[1:], strict=False):
            assert bool(left == right) is (text == next_text)


def test_lists_of_a_filter_may_be_any_list() -> None:
    for values in ((1, 2), {1, 2}, np.array([1, 2]), pd.Series([1, 2]), torch.tensor([1, 2])):
        assert parse_filters({"a": {"$in": values}}) == In("a", (1, 2))
        assert parse_filters({"$id": {"$in": values}}) == parse_filters({"$id": {"$in": ["1", "2"]}})
    assert parse_filters({"a": {"$between": np.array([1, 2])}}) == parse_filters({"a": {"$between": [1, 2]}})
    assert parse_filters({"a": {"$exists": np.True_}}) == parse_filters({"a": {"$exists": True}})
    assert parse_filters({"a": {"$gt": np.datetime64("2020-01-01", "D")}}) == Range("a", "$gt", "2020-01-01")
