"""Which errors may come of an altered database."""

from __future__ import annotations

import pytest

from vecs._connecting.altered import may_be_altered
from vecs.exc import (
    ArgError,
    CollectionNotFound,
    DatabaseError,
    IndexNotFound,
    MismatchedDimension,
    TransformError,
    Unavailable,
    VecsException,
)


@pytest.mark.parametrize("state", ["42703", "42704", "42883", "42P01", "42804", "42501", "22000", "22P03", "3F000"])
def test_what_is_undefined_or_does_not_fit_may_come_of_an_altered_database(state: str) -> None:
    assert may_be_altered(DatabaseError("said", state))


@pytest.mark.parametrize("error", [ArgError("a"), MismatchedDimension("a"), CollectionNotFound("a")], ids=repr)
def test_what_was_checked_against_the_known_table_may_be_right_for_the_present_one(error: VecsException) -> None:
    assert may_be_altered(error)


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("of the client's side"),
        DatabaseError("timeout", "57014"),
        DatabaseError("duplicate", "23505"),
        Unavailable("gone", "XX000"),
        IndexNotFound("none"),
        TransformError("a model failed"),
    ],
    ids=repr,
)
def test_other_errors_ask_nothing(error: VecsException) -> None:
    assert not may_be_altered(error)
