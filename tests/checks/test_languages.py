"""Wrong names of languages: what they probably mean."""

from __future__ import annotations

import pytest

from vecs._checks.languages import language_hint

KNOWN = ["danish", "english", "french", "german", "portuguese", "simple", "ukrainian"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("English", "english"),
        (" ENGLISH ", "english"),
        ("englsh", "english"),
        ("en", "english"),
        ("en_US", "english"),
        ("english_stem", "english"),
        ("de", "german"),
        ("de-AT", "german"),
        ("Deutsch", "german"),
        ("français", "french"),
        ("franc\u0327ais", "french"),
        ("pt_BR.UTF-8", "portuguese"),
        # A configuration of the server's own.
        ("uk", "'simple'"),
        ("Ukrainian", "ukrainian"),
        ("Japanese", "'simple'"),
        ("zh-Hant", "'simple'"),
        ("中文", "'simple'"),
        ("ไทย", "'simple'"),
        ("polski", "'simple'"),
        # Known to Postgres 18, and not to this server.
        ("et", "Estonian; use 'simple'"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(name: str, meant: str) -> None:
    assert meant in language_hint(name, KNOWN)


@pytest.mark.parametrize("name", ["klingon", "", "\ud800", "x" * 10_000, 5, None, "body"])
def test_what_is_like_no_language_has_no_hint(name: object) -> None:
    assert language_hint(name, KNOWN) == ""


def test_only_what_the_server_has_is_named() -> None:
    assert language_hint("de", ["arabic"]) == ""
    assert language_hint("ja", ["arabic"]) == ""
