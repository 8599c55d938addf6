"""What a role is told to ask for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from vecs._connecting.refused import Need, what_policies_refused, what_to_ask_for, why_read_only
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
        (["own"], {"owns": False}, 'only the owner ("boss") of "ve cs"."docs" may do this: connect as the owner'),
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


def test_nobody_is_made_a_member_of_the_owner() -> None:
    said = asked("own", "create", owns=False, creates_in_schema=False)
    assert said.endswith('ask for: grant create on schema "ve cs" to "app"')
    assert 'grant "boss"' not in said


class Refusal(psycopg.Error):
    """An error by a function of the server."""

    def __init__(self, function: str) -> None:
        super().__init__()
        self.function = function

    @property
    def diag(self) -> Any:
        return SimpleNamespace(source_function=self.function)


def test_a_row_that_policies_refuse_is_told_by_the_names_of_the_settings_alone() -> None:
    row = Refusal("ExecWithCheckOptions")
    settings = {"app.tenant": "s3cret", "work_mem": "5MB", "role": "t"}
    said = str(what_policies_refused(row, None, settings))
    assert "may belong to another tenant, or the settings of the call (app.tenant, role) do not match" in said
    assert "s3cret" not in said
    assert "the settings of the session do not" in str(what_policies_refused(row, None, {}))


def test_a_role_that_may_not_be_set_is_told_how_it_is_granted() -> None:
    unset = Refusal("call_string_check_hook")
    assert what_policies_refused(unset, "re ader", {"role": 'te"nant'}) == 'ask for: grant "te""nant" to "re ader"'
    assert what_policies_refused(unset, None, {"role": "t"}) is None
    assert what_policies_refused(unset, "reader", {"work_mem": "1"}) is None
    assert what_policies_refused(Refusal("aclcheck_error"), "reader", {"role": "t"}) is None


def test_a_standby_and_a_setting_are_told_apart() -> None:
    assert "standby" in why_read_only(ALL._replace(in_recovery=True))
    assert 'alter role "app" or alter database "db" reset' in why_read_only(ALL)
