"""Values as error messages show them."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._checks.shown import brief, counted, in_double_quotes


def test_a_noun_follows_its_number() -> None:
    assert [counted(number, "text") for number in (0, 1, 2, 1000)] == ["0 texts", "1 text", "2 texts", "1,000 texts"]


class Unshowable:
    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [5, "a", b"a", 1.5, None, True, [1, 2], (1,), {"b": 1, "a": [2]}, {1}, frozenset([1]), float("nan"), "it's"],
    ids=range(13),
)
def test_a_small_value_is_shown_as_it_is(value: Any) -> None:
    assert brief(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    ["a" * 10**7, b"a" * 10**7, list(range(10**6)), {n: n for n in range(10**5)}, [["a" * 100] * 100] * 100],
    ids=range(5),
)
def test_a_huge_value_is_shown_by_its_beginning(value: Any) -> None:
    assert len(brief(value)) <= 203


def test_the_beginning_of_a_long_text_is_legible_and_says_how_long_it_is() -> None:
    assert brief("ab" * 500) == "'" + "ab" * 40 + "'... (1,000 characters)"
    assert brief(b"ab" * 500) == "b'" + "ab" * 40 + "'... (1,000 bytes)"


def test_nested_values_are_shown_to_some_depth() -> None:
    assert brief({"a": {"b": {"c": {"d": 1}}}}) == "{'a': {'b': {'c': {...}}}}"
    assert brief({n: n for n in range(8)}) == "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, ...}"


def test_a_value_that_has_no_representation_is_shown_by_its_type() -> None:
    assert brief(10**5000) == "<int>"
    assert "Unshowable" in brief(Unshowable())


def test_what_would_change_a_terminal_is_escaped() -> None:
    assert brief("\x1b]52;c;x\x07\u202e\x9b\u2028\ud800").isprintable()


def test_a_name_is_put_in_double_quotes() -> None:
    assert [in_double_quotes(text) for text in ("a", "it's", 'a"b', "\x1b")] == ['"a"', '"it\'s"', "'a\"b'", '"\\x1b"']


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://u:p/w@d@host/db", "'postgresql://u:***@host/db'"),
        (["postgresql://u:" + "secret" * 99 + "@host"], "['postgresql://u:***@host']"),
        ("postgresql://u@host:5432/db", "'postgresql://u@host:5432/db'"),
        ("https://host/a:b@c", "'https://host/a:b@c'"),
        ("https://host/a", "'https://host/a'"),
    ],
)
def test_a_password_in_a_connection_string_is_not_shown(value: object, shown: str) -> None:
    assert brief(value) == shown
