"""HTML for notebooks."""

from __future__ import annotations

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
