"""Metadata as JSON."""

from __future__ import annotations

import json
from collections import UserDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from vecs._checks.json import MAX_DEPTH, check_storable, check_text, encode_json, nested_deeper_than
from vecs._checks.values import plain
from vecs.exc import ArgError

IDENTIFIER = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize("value", [None, 1, "one", [1], {"one": 1}])
def test_what_is_json_stays_as_it_is(value: Any) -> None:
    assert plain(value) is value
    assert json.loads(encode_json(value)) == value


def test_arrays_and_mappings_of_any_type_are_encoded() -> None:
    assert encode_json({"array": np.arange(3)}) == '{"array":[0,1,2]}'
    assert encode_json(UserDict({"b": UserDict({"ä": (1, None)})})) == '{"b":{"ä":[1,null]}}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, float("nan")]}, "nan at a[1] is not JSON; leave it out or use None"),
        (float("inf"), "inf is not JSON; leave it out or use None"),
        ({"a": np.array([np.inf])}, "inf at a[0] is not JSON; leave it out or use None"),
        ({"a": np.float32("nan")}, "nan at a is not JSON; leave it out or use None"),
        ({"a": Decimal("nan")}, "Decimal('NaN') at a is not a number that JSON can hold here; leave it out or use "
                                "None"),
        (Decimal("1e5000"), "Decimal('1E+5000') is not a number that JSON can hold here; leave it out or use None"),
        ({"a": {1: 2}}, "key 1 at a is int; JSON keys are strings"),
        ({"a": 10**5000}, "it has a whole number of more than 4,300 digits, which is Python's limit"),
        ({"a": "x\0"}, "the string at a is not storable: it has a NUL character at position 1; Postgres text cannot "
                       "hold one"),
        ({"a": {"x\0": 1}}, "the string at a.'x\\x00' (the key) is not storable: it has a NUL character at position 1; "
                            "Postgres text cannot hold one"),
        ("\ud800", "the string is not storable: it has a lone surrogate '\\ud800' at position 0, which is not valid "
                   "Unicode"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(ArgError) as caught:
        encode_json(value)
    assert str(caught.value) == message


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ArgError, match=f"nested too deeply or contains itself; {MAX_DEPTH} levels are the most"):
        encode_json(endless)


def test_a_mapping_that_cannot_be_read_is_refused_in_its_own_words() -> None:
    class Broken(Mapping[str, Any]):
        def __iter__(self) -> Any:
            raise ValueError("no keys today")

        def __len__(self) -> int:
            return 1

        def __getitem__(self, key: str) -> Any:
            return key

    with pytest.raises(ArgError, match="no keys today"):
        encode_json(Broken())


def test_text_that_postgres_takes_passes() -> None:
    check_text("zürich, 東京 🚲")
    check_storable("zürich", "the text")
    with pytest.raises(ArgError, match="^the text is not storable: it has a NUL character at position 0"):
        check_storable("\0", "the text")


@pytest.mark.parametrize(
    ("encoded", "deeper"),
    [
        ("[[1]]", False),
        ("[[[1]]]", True),
        ('[{"a":[]}]', True),
        ('["[[[[", {}, "\\"[[[", [], []]', False),
        ('["unfinished [[[', False),
        ("[" * 10**6, True),
        ("]]]][[[[", False),
    ],
    ids=range(7),
)
def test_nesting_is_counted_without_recursion_and_without_strings(encoded: str, deeper: bool) -> None:
    assert nested_deeper_than(2, encoded) is deeper


def test_a_place_in_metadata_is_shown_short_and_without_control_characters() -> None:
    with pytest.raises(ArgError, match=r"at \\x1b\.kkkk") as caught:
        encode_json({"\x1b": {"k" * 10_000: float("nan")}})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("number", [1e16, -1e16, 1.5e17, 1e22, 1.7976931348623157e308, np.float64(1e20)], ids=range(6))
def test_a_large_float_is_written_as_one(number: Any) -> None:
    encoded = encode_json({"n": number, "e+16": '1e+16 "1e+17', "list": [number]})
    assert "e+" not in encoded.replace("e+16", "").replace("e+17", "")
    assert json.loads(encoded) == {"n": number, "e+16": '1e+16 "1e+17', "list": [number]}
    assert isinstance(json.loads(encoded)["n"], float)
    assert ".0" in encoded
