"""What a role is told to ask for."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._connecting.refused import Need, what_to_ask_for, why_read_only
from vecs._sql.privileges import Privileges

ALL = Privileges(
    role="app",
    database="db",
    in_recovery=False,
    read_only=False,
    creates_schemas=True,
    schema_exists=True,
    uses_schema=True,
    creates_in_schema=True,
    extension_schema="extensions",
    uses_extension=True,
    owner="boss",
    owns=True,
    lacking=(),
)


def asked(*needs: Need, **found: Any) -> str:
    return str(what_to_ask_for(ALL._replace(**found), "ve cs", "docs", needs))


@pytest.mark.parametrize(
    ("needs", "found", "expected"),
    [
        (["make"], {"schema_exists": False, "creates_schemas": False}, 'ask for: create schema "ve cs" authorization'),
        (["make"], {"schema_exists": False, "extension_schema": None}, "ask for: create extension vector (by a super"),
        (["select"], {"uses_schema": False}, 'grant usage on schema "ve cs" to "app"'),
        (["make"], {"uses_schema": False, "creates_in_schema": False}, 'grant usage, create on schema "ve cs" to'),
        (["create"], {"creates_in_schema": False}, 'grant create on schema "ve cs" to "app"'),
        (["select", "insert"], {"lacking": ["insert", "update"]}, 'ask for: grant insert on "ve cs"."docs" to "app"'),
        (["own"], {"owns": False}, 'grant "boss" to "app", since only the owner of "ve cs"."docs" may do this'),
        (["select"], {"uses_extension": False}, 'grant usage on schema "extensions" to "app"'),
    ],
)
def test_what_is_lacking_is_named_with_the_statement_that_grants_it(
    needs: list[Need], found: dict[str, Any], expected: str
) -> None:
    assert expected in asked(*needs, **found)


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        (["select"], {"lacking": ["insert"], "creates_in_schema": False, "owns": False}),
        (["select"], {"owner": None, "lacking": ["select"]}),
        (["select"], {"schema_exists": False, "extension_schema": None}),
    ],
)
def test_nothing_is_asked_for_that_is_not_needed(needs: list[Need], found: dict[str, Any]) -> None:
    assert asked(*needs, **found) == "None"


def test_a_schema_and_an_extension_that_are_missing_are_asked_for_at_once() -> None:
    said = asked("make", schema_exists=False, creates_schemas=False, extension_schema=None)
    assert 'create schema "ve cs" authorization "app"; create extension vector' in said


def test_a_standby_and_a_setting_are_told_apart() -> None:
    assert "standby" in why_read_only(ALL._replace(in_recovery=True))
    assert 'alter role "app" or alter database "db" reset' in why_read_only(ALL)
