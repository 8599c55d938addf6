"""Values that are not shown."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from vecs._connecting.secrets import Secret, hides_targets, looks_like_target, seen, unseen, with_hidden_values


def test_values_of_settings_are_there_and_not_shown() -> None:
    settings = with_hidden_values({"request.jwt.claims": "token"})
    assert settings == {"request.jwt.claims": "token"}
    assert "token" not in repr(settings)
    assert with_hidden_values({}) == {}


def test_a_secret_stays_one_when_it_is_cut_or_pickled() -> None:
    assert repr(Secret("token")[:3]) == "'***'"
    assert repr(pickle.loads(pickle.dumps(Secret("token")))) == "'***'"


def test_what_is_handed_on_is_hidden_until_the_function_that_has_it_is_called() -> None:
    def make(name: str, **others: object) -> None: ...

    def final(*, prefix: str, url: str) -> None: ...

    given = {"prefix": "a://b", "url": "x", "size": 1, "db_password": "y", "db": "u:p@h"}
    _, passed = hides_targets(make)(("n",), given)
    assert {name for name in passed if passed[name] is not given[name]} == {"prefix", "url", "db_password", "db"}
    _, taken = hides_targets(final)((), passed)
    assert taken["prefix"] == "a://b"
    assert taken["url"] is passed["url"]
    assert seen(unseen("x")) == "x"


@pytest.mark.parametrize(
    ("value", "is_target"),
    [
        ("postgresql://host/db", True),
        (unseen("u:p@host"), True),
        ("host=h my_api_key = 'x'", True),
        ("a@b: c", False),
        ("a passage", False),
        (5, False),
        # As long as no test should take.
        ("a" * 300_000 + "pass" * 50_000, False),
        (":" * 300_000, False),
    ],
)
def test_what_may_hold_a_password_looks_like_a_target(value: Any, is_target: bool) -> None:
    assert looks_like_target(value) == is_target
