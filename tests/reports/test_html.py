"""HTML for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vecs import ClientInfo, CollectionInfo, Match, Matches
from vecs._reports.html import escaped, facts, mark, table


def test_what_html_would_obey_is_text() -> None:
    assert escaped("<img src=x onerror='a' \"b\"> &amp;") == (
        "&lt;img src=x onerror=&#x27;a&#x27; &quot;b&quot;&gt; &amp;amp;"
    )


def test_what_is_not_seen_is_shown() -> None:
    assert escaped("a\u202eb\x00c\x1b[1m\ud800") == "a\ufffdb\ufffdc\ufffd[1m\ufffd"
    assert escaped("tab\tline\n日本 é 👩‍👩‍👧") == "tab\tline\n日本 é 👩‍👩‍👧"


def test_a_table_has_cells_of_html_and_names_of_text() -> None:
    made = table(["<id>"], [[mark(escaped("<b>"))]])
    assert "&lt;id&gt;" in made
    assert "<mark>&lt;b&gt;</mark>" in made


def test_facts_are_text() -> None:
    made = facts("<name>", {"records": 12345, "has <text>": True, "sparse": False, "none": None, "size": "<1"})
    for part in ("&lt;name&gt;", "12,345", "has &lt;text&gt;", ">yes<", ">no<", "&lt;1"):
        assert part in made
    assert "none" not in made


def test_facts_of_clients_and_collections_are_tables() -> None:
    values: dict[str, Any] = dict.fromkeys(ClientInfo.__annotations__, "<v>")
    client = ClientInfo(**{**values, "folder": Path("/data"), "read_only": False})
    assert "&lt;v&gt;" in client._repr_html_()
    assert "/data" in client._repr_html_()
    made = CollectionInfo("<docs>", "vecs", 3, True, None, 12345, 2_000_000, [], "full", False)
    for part in ("Collection &lt;docs&gt;", "12,345", "none", "full"):
        assert part in made._repr_html_()


def test_matches_are_a_table_with_highlights_and_without_markup_of_others() -> None:
    first = Match("<1>", "<b>oil</b> here", {"a": "<i>"}, None, 0.5, 0.75, highlights=((3, 6),))
    html = Matches([first, Match("2", None, {"long": "x" * 300}, None, None, 0.5)])._repr_html_()
    assert "&lt;b&gt;<mark>oil</mark>&lt;/b&gt; here" in html
    for part in ("&lt;1&gt;", "0.750", "a: &lt;i&gt;", "…"):
        assert part in html
    assert "group" not in html
    grouped = Matches([Match("1", "t", {}, None, 0.5, 0.5, group="<g>"), *[first] * 60])._repr_html_()
    assert "&lt;g&gt;" in grouped
    assert "11 more" in grouped
    assert "<tbody></tbody>" in Matches()._repr_html_()
