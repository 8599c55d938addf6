"""The first look at a server; no server here."""

from __future__ import annotations

from vecs._sql.look import look_at_server, read_look
from vecs._sql.tables import Extension

AS_NEEDED = ("UTF8", "on", "on", "off", "off", "0")


def test_a_server_as_it_should_be_needs_nothing_set() -> None:
    look = read_look([(7, *AS_NEEDED, "public", "0.8.5", 1, 2, 3)])
    assert look.pid == 7
    assert look.needed == {}
    assert look.extension == Extension("public", (0, 8, 5), 1, 2, 3)


def test_what_a_role_or_a_database_says_otherwise_is_to_be_set() -> None:
    look = read_look([(7, "UTF8", "off", "on", "off", "on", "0", None, None, None, None, None)])
    assert look.needed == {"standard_conforming_strings": "on", "quote_all_identifiers": "off"}
    assert look.extension is None


def test_all_of_it_is_one_statement() -> None:
    text, params = look_at_server().render()
    assert len(params) == len(AS_NEEDED)
    assert b";" not in text
