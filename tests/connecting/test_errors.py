"""psycopg's errors as vecs', by what the server said; no server here."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from vecs._connecting.errors import (
    Conflict,
    ConnectionLost,
    conflict_pauses,
    connection_error,
    database_error,
    plan_is_stale,
)
from vecs.exc import CollectionNotFound, DatabaseError, Unavailable


class Diagnostic:
    def __init__(self, primary: str | None, detail: str | None, hint: str | None) -> None:
        self.message_primary, self.message_detail, self.message_hint = primary, detail, hint


def said(state: str, primary: str | None, detail: str | None = None, hint: str | None = None) -> psycopg.Error:
    """An error as the server sends it."""
    cls = type("Said", (errors.lookup(state),), {"diag": Diagnostic(primary, detail, hint)})
    return cls("as libpq words it")


@pytest.mark.parametrize(
    ("state", "message", "expected"),
    [
        ("40P01", "deadlock detected", Conflict),
        ("40001", "could not serialize access", Conflict),
        ("42P01", 'relation "docs" does not exist', CollectionNotFound),
        ("XX000", "could not open relation with OID 5", CollectionNotFound),
        ("XX000", "cache lookup failed", DatabaseError),
        ("08006", "connection failure", Unavailable),
        ("53300", "too many clients", Unavailable),
        ("57P01", "terminating connection", Unavailable),
        ("22003", "out of range", DatabaseError),
    ],
)
def test_the_state_tells_what_kind_of_error_it_is(state: str, message: str, expected: type) -> None:
    translated = database_error(said(state, message))
    assert type(translated) is expected
    assert getattr(translated, "sqlstate", state) == state


def test_detail_hint_and_remedy_follow_the_message() -> None:
    message = '"70000" is out of range for type halfvec'
    translated = str(database_error(said("22003", message, detail="at 3", hint="scale it")))
    assert translated.startswith(f"{message}; detail: at 3; hint: scale it; half precision goes up to 65,504")
    assert str(database_error(said("22003", None))) == "as libpq words it"


def test_a_lost_connection_is_more_than_what_the_server_said() -> None:
    lost = database_error(said("57P01", "terminating connection"), lost=True)
    assert type(lost) is ConnectionLost
    assert str(lost) == "the connection was lost: terminating connection"


@pytest.mark.parametrize(
    ("reason", "final"),
    [
        ('FATAL:  password authentication failed for user "u"', True),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  the database system is starting up", False),
        ("connection refused", False),
    ],
)
def test_an_answer_of_the_server_is_final_unless_it_is_busy(reason: str, final: bool) -> None:
    translated = connection_error(psycopg.OperationalError(reason), "postgresql://h/db")
    assert isinstance(translated, Unavailable) is not final
    assert str(translated) == f"cannot connect to postgresql://h/db: {reason}"


def test_a_plan_that_an_altered_table_made_stale_is_known_by_its_message() -> None:
    assert plan_is_stale(said("0A000", "cached plan must not change result type"))
    assert not plan_is_stale(said("0A000", "not supported"))
    assert not plan_is_stale(said("0A000", None))


def test_pauses_grow_and_differ() -> None:
    assert len(conflict_pauses()) == 7
    assert all(
        0 < pause <= longest for pause, longest in zip(conflict_pauses(), (0.02, 0.1, 0.3, 1, 1, 1, 1), strict=True)
    )


def test_full_server_says_to_share_one_client() -> None:
    reason = "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"
    assert "share one client" in str(connection_error(psycopg.OperationalError(reason), "/a/folder"))


def test_other_refusals_do_not_speak_of_sharing() -> None:
    reason = 'FATAL:  database "d" does not exist'
    assert "share" not in str(connection_error(psycopg.OperationalError(reason), "postgresql://h/d"))
