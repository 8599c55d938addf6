"""Settings of requests: names that may be given, values as text, refusals that show no value."""

from __future__ import annotations

from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from vecs._checks.settings import SERVER_SETTINGS, check_may_alter, checked_settings, merged_settings, of_tenants
from vecs.exc import ArgError, DatabaseError


class Tenant(str, Enum):
    ACME = "acme"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", ""),
        ("'; drop table x; --", "'; drop table x; --"),
        ("Zürich 東京", "Zürich 東京"),
        (7, "7"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        (Tenant.ACME, "acme"),
        ({"sub": "u1", "role": "authenticated"}, '{"sub":"u1","role":"authenticated"}'),
        (["a", "b"], '["a","b"]'),
        (("a",), '["a"]'),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)
def test_values_become_the_text_that_postgres_takes(value: Any, text: str) -> None:
    settings = checked_settings({"app.tenant": value})
    assert settings == {"app.tenant": text}
    assert type(settings["app.tenant"]) is str


@pytest.mark.parametrize("name", [*SERVER_SETTINGS, "app.tenant", "request.jwt.claims", "hnsw.ef_search", "_a.b$1"])
def test_names_of_ones_own_and_those_that_limit_or_plan_are_taken(name: str) -> None:
    assert checked_settings({name: "1"}) == {name: "1"}


def test_names_are_one_whatever_their_case() -> None:
    assert checked_settings({"App.Tenant": "a", "ROLE": "r"}) == {"app.tenant": "a", "role": "r"}
    with pytest.raises(ArgError, match="'app.tenant' is given twice"):
        checked_settings({"app.tenant": "a", "APP.tenant": "b"})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("search_path", "vecs sends every name with its schema"),
        ("Search_Path", "vecs sends every name with its schema"),
        ("session_authorization", "give 'role' instead"),
        ("client_encoding", "how values are written and read"),
        ("standard_conforming_strings", "how values are written and read"),
        ("default_transaction_read_only", "before the transaction begins"),
        ("role_", "did you mean 'role'"),
        ("statment_timeout", "did you mean 'statement_timeout'"),
        ("tenant", "expected a name with a dot"),
        ("shared_buffers", "expected a name with a dot"),
        ("app.", "expected a name with a dot"),
        (".app", "expected a name with a dot"),
        ("app.1", "expected a name with a dot"),
        ("app.ten ant", "expected a name with a dot"),
        ("app.tenant\n", "expected a name with a dot"),
        ("app.tenänt", "expected a name with a dot"),
        ('app."x"', "expected a name with a dot"),
        ("app." + "a" * 1_000_000, "expected a name with a dot"),
        ("", "expected a name with a dot"),
        (7, "is a string, not int"),
    ],
)
def test_other_names_are_refused_with_the_reason(name: Any, reason: str) -> None:
    with pytest.raises(ArgError, match=reason) as caught:
        checked_settings({name: "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["app.tenant", "role"])
@pytest.mark.parametrize("value", ["s3cret\x00", "s3cret\ud800", None, float("nan"), b"s3cret", object()])
def test_values_that_postgres_cannot_hold_are_refused_and_not_shown(name: str, value: Any) -> None:
    with pytest.raises(ArgError, match=f"the setting '{name}'") as caught:
        checked_settings({name: value})
    assert "s3cret" not in str(caught.value)


def test_a_mapping_is_json_for_a_setting_of_ones_own_alone() -> None:
    with pytest.raises(ArgError, match="must be a string, a number, a bool, a UUID, not dict"):
        checked_settings({"role": {"a": 1}})
    with pytest.raises(ArgError, match="has no JSON form"):
        checked_settings({"app.claims": {"a": float("nan")}})


def test_settings_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ArgError, match="must be a mapping") as caught:
        checked_settings("app.tenant=s3cret")
    assert "s3cret" not in str(caught.value)


def test_nothing_given_sets_nothing() -> None:
    assert checked_settings(None) == checked_settings({}) == {}


def test_settings_are_added_to_others_and_replace_them() -> None:
    first = checked_settings({"app.tenant": "a", "role": "r"})
    assert merged_settings(first, {"App.Tenant": "b", "app.user": 1}) == {
        "app.tenant": "b",
        "role": "r",
        "app.user": "1",
    }
    assert first == {"app.tenant": "a", "role": "r"}
    assert merged_settings(first, None) == first


def test_a_role_and_names_of_ones_own_say_whose_a_request_is_and_limits_do_not() -> None:
    limits = {"work_mem": "5MB", "hnsw.ef_search": "9", "ivfflat.probes": "3", "diskann.x": "1", "row_security": "on"}
    assert of_tenants(limits) == []
    check_may_alter(limits, "to delete a collection")
    assert of_tenants({**limits, "role": "r", "app.tenant": "a"}) == ["app.tenant", "role"]
    with pytest.raises(
        DatabaseError, match=r"to delete .* without settings \(this one has app.tenant, role\)"
    ) as caught:
        check_may_alter({**limits, "role": "s3cret", "app.tenant": "s3cret"}, "to delete a collection")
    assert "s3cret" not in str(caught.value)
