"""psycopg's errors as vecs', by what the server said; no server here."""

from __future__ import annotations

from typing import Any, cast

import psycopg
import pytest
from psycopg import errors

from vecs._connecting.errors import (
    Conflict,
    ConnectionLost,
    ServerBusy,
    ServerStarting,
    again,
    conflict_pauses,
    connection_error,
    database_error,
    plan_is_stale,
    without_frames,
)
from vecs.exc import ArgError, CollectionNotFound, DatabaseError, ServerError, Unavailable, VecsException


class Diagnostic:
    source_function: str | None = None

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
        ("57P03", "das Datenbanksystem startet", Unavailable),
        ("57P05", "terminating connection due to idle-session timeout", Unavailable),
        ("53200", "out of memory", DatabaseError),
        ("53400", "temporary file size exceeds temp_file_limit", DatabaseError),
        ("28P01", "password authentication failed", DatabaseError),
        ("3D000", "too many clients", DatabaseError),
        (
            "XX000",
            "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited",
            Unavailable,
        ),
        ("XX000", "Control plane request failed", Unavailable),
        ("08P01", "query_wait_timeout", Unavailable),
        ("08P01", "no more connections allowed (max_client_conn)", Unavailable),
        ("08P01", "bind message supplies 1 parameters, but prepared statement requires 2", DatabaseError),
        ("22003", "out of range", DatabaseError),
        ("22P02", 'invalid input syntax for type uuid: "x"', DatabaseError),
        ("22P02", "ungültige Eingabesyntax für Typ boolean: »vecs: 3 1 L#0LM :vecs«", ArgError),
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


def test_a_full_disk_is_said_first_and_waiting_does_not_help() -> None:
    error = said("53100", 'could not extend file "base/5/1": No space left on device')
    # The server ends a session that could not write its log.
    for lost in (False, True):
        full = database_error(error, lost=lost)
        assert type(full) is DatabaseError
        assert str(full).startswith("the disk of the server is full: could not extend file")


@pytest.mark.parametrize("state", ["26000", "42P05", "08P01"])
def test_prepared_statements_that_are_mixed_up_tell_of_poolers(state: str) -> None:
    assert "give pooler=True" in str(database_error(said(state, 'prepared statement "_pg3_0" ...')))


# What comes before the server's own words.
AT = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '

FINAL = [
    'FATAL:  password authentication failed for user "u"',
    "FATAL:  Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen",
    'ВАЖНО:  пользователь "u" не прошёл проверку подлинности (по паролю)',
    '致命错误:  数据库 "nope" 不存在',
    'FATAL:  ユーザー"u"のパスワード認証に失敗しました',
    "FATAL:  no such database: nope",
    "FATAL:  Tenant or user not found",
    "fe_sendauth: no password supplied",
    "server does not support SSL, but SSL was required",
    "SSL error: certificate verify failed",
    'root certificate file "/nope" does not exist',
    'authentication method requirement "scram-sha-256" failed: server requested a cleartext password',
]

PASSING = [
    "FATAL:  sorry, too many clients already",
    "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
    "FATAL:  remaining connection slots are reserved for roles",
    'FATAL:  too many connections for role "u"',
    'FATAL:  too many connections for database "d"',
    "FATAL:  no more connections allowed (max_client_conn)",
    "FATAL:  Max client connections reached",
    "FATAL:  MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
    "FATAL:  query_wait_timeout",
    "FATAL:  pgbouncer cannot connect to server",
    "FATAL:  server login has been failing, try again later (server_login_retry)",
    "FATAL:  das Datenbanksystem startet",
    "FATAL:  tut mir leid, schon zu viele Verbindungen",
    "FATAL:  zu viele Verbindungen von Rolle »u«",
    "FATAL:  die verbleibenden Verbindungen sind für Superuser auf Nicht-Replikationsverbindungen reserviert",
    "ВАЖНО:  извините, уже слишком много клиентов",
    "ВАЖНО:  система БД ещё не принимает подключения",
    "FATAL:  désolé, trop de clients sont déjà connectés",
    "FATALE:  spiacente, troppi client già connessi",
    "FATAL:  lo siento, ya tenemos demasiados clientes",
    "FATAL:  現在クライアント数が多すぎます",
    '치명적오류:  "u" 롤의 최대 동시 접속수를 초과했습니다',
    "致命错误:  对不起, 已经有太多的客户",
    "ERROR:  Control plane request failed",
    "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
    "session is read-only",
    "timeout expired",
]

STARTING = [
    "FATAL:  the database system is starting up",
    "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state is not reached.",
    "FATAL:  the database system is in recovery mode",
    "FATAL:  the database system is shutting down",
    "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
]


@pytest.mark.parametrize("reason", FINAL)
def test_a_refusal_is_final_in_every_language(reason: str) -> None:
    translated = connection_error(psycopg.OperationalError(AT + reason), "postgresql://h/db")
    assert type(translated) is DatabaseError
    assert str(translated) == f"cannot connect to postgresql://h/db: {AT}{reason}"


@pytest.mark.parametrize("reason", PASSING)
def test_a_server_or_pooler_that_is_busy_is_unavailable_in_every_language(reason: str) -> None:
    assert type(connection_error(psycopg.OperationalError(AT + reason), "h")) in (Unavailable, ServerBusy)


@pytest.mark.parametrize("reason", STARTING)
def test_a_server_that_starts_or_recovers_is_unavailable_and_known_as_such(reason: str) -> None:
    assert type(connection_error(psycopg.OperationalError(AT + reason), "h")) is ServerStarting


@pytest.mark.parametrize("reason", ['invalid sslmode value: "x"', 'definition of service "x" not found'])
def test_what_libpq_finds_wrong_before_it_connects_is_final(reason: str) -> None:
    assert type(connection_error(psycopg.OperationalError(f"connection is bad: {reason}"), "h")) is DatabaseError


def test_what_the_environment_names_wrongly_is_final() -> None:
    wrong = UnicodeError("encoding with 'idna' codec failed"), psycopg.ProgrammingError("bad value for connect_timeout")
    for error in wrong:
        assert type(connection_error(error, "h")) is DatabaseError
    assert "the host from the environment or a service file" in str(connection_error(wrong[0], "h"))


def test_a_code_goes_before_words_where_psycopg_has_one() -> None:
    assert type(connection_error(said("57P03", "x"), "h")) is ServerStarting
    assert type(connection_error(said("53300", "x"), "h")) is ServerBusy
    assert type(connection_error(said("28P01", "x"), "h")) is DatabaseError


def test_one_of_several_addresses_that_answered_decides() -> None:
    refused = f"{AT}Connection refused"
    for answer, expected in (('FATAL:  database "x" does not exist', DatabaseError), (PASSING[0], ServerBusy)):
        reason = (
            f"{refused}\nMultiple connection attempts failed. All failures were:\n- host: a: {refused}\n- host: b: {AT}"
        )
        assert type(connection_error(psycopg.OperationalError(reason + answer), "h")) is expected


def test_a_password_that_the_server_misses_is_final() -> None:
    class Asked:
        needs_password = True

    error = psycopg.OperationalError("in some language", pgconn=cast("Any", Asked()))
    assert type(connection_error(error, "h")) is DatabaseError


def test_a_plan_that_an_altered_table_made_stale_is_known_in_every_language() -> None:
    german = said("0A000", "gecachter Plan darf den Ergebnistyp nicht ändern")
    cast("Any", german).diag.source_function = "RevalidateCachedQuery"
    assert plan_is_stale(german)
    assert plan_is_stale(said("0A000", "cached plan must not change result type"))
    assert not plan_is_stale(said("0A000", "not supported"))
    assert not plan_is_stale(said("0A000", None))


def test_pauses_grow_and_differ() -> None:
    assert len(conflict_pauses()) == 7
    assert all(
        0 < pause <= longest for pause, longest in zip(conflict_pauses(), (0.02, 0.1, 0.3, 1, 1, 1, 1), strict=True)
    )


@pytest.mark.parametrize(
    "reason",
    [
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "FATAL:  sorry, too many clients already",
    ],
)
def test_full_server_says_to_share_one_client(reason: str) -> None:
    assert "share one client" in str(connection_error(psycopg.OperationalError(reason), "/a/folder"))


def test_other_refusals_do_not_speak_of_sharing() -> None:
    reason = 'FATAL:  database "d" does not exist'
    assert "share" not in str(connection_error(psycopg.OperationalError(reason), "postgresql://h/d"))


def test_an_error_of_psycopg_is_shown_without_its_frames() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        raise psycopg.OperationalError("x")
    assert without_frames(caught.value).__traceback__ is None


def test_an_error_for_another_caller_says_the_same_and_keeps_nothing_alive() -> None:
    try:
        try:
            raise psycopg.OperationalError("refused")
        except psycopg.Error as reason:
            raise ServerStarting("it starts", "57P03") from reason
    except ServerStarting as error:
        first = error
    second = again(first)
    assert second is not first
    assert (type(second), str(second), second.sqlstate) == (ServerStarting, "it starts", "57P03")
    assert repr(second.__cause__) == repr(first.__cause__)
    assert second.__traceback__ is None
    assert second.__cause__ is not None
    assert second.__cause__.__traceback__ is None


@pytest.mark.parametrize("kind", [ServerError, VecsException])
def test_an_error_without_psycopgs_is_said_again_without_one(kind: type[VecsException]) -> None:
    first = kind("it did not start")
    first.__cause__ = OSError()
    assert (repr(again(first)), again(first).__cause__) == (repr(first), None)
