"""libpq's parameters for a server; no server here."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._connecting.parameters import server_parameters


def test_what_the_connection_string_says_wins_over_the_defaults() -> None:
    given = {"host": "h", "application_name": "mine", "connect_timeout": "3"}
    parameters = server_parameters(given, 10)
    assert parameters.items() >= given.items()
    assert server_parameters({}, 10)["connect_timeout"] == "10"
    assert given == {"host": "h", "application_name": "mine", "connect_timeout": "3"}


@pytest.mark.parametrize("said", ["LATIN1", "auto", "sql_ascii", ""])
def test_texts_are_utf8_whatever_the_connection_string_says(said: str) -> None:
    assert server_parameters({"client_encoding": said}, 10)["client_encoding"] == "UTF8"


@pytest.mark.parametrize(
    "given", [{"keepalives": "0"}, {"keepalives_idle": "300"}, {"tcp_user_timeout": "0"}, {"keepalives_count": "2"}]
)
def test_the_connection_string_chooses_all_keepalives_or_none(given: dict[str, Any]) -> None:
    named = {name for name in server_parameters(given, 10) if "keepalive" in name or name == "tcp_user_timeout"}
    assert named == set(given)
    assert {"keepalives_idle", "tcp_user_timeout"} <= server_parameters({}, 10).keys()


def test_nothing_is_added_that_pgbouncer_refuses() -> None:
    assert "options" not in server_parameters({}, 10)
