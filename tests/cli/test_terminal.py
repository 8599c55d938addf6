"""What others have stored is printed, and does nothing to the terminal."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.color import ColorSystem
from rich.table import Table
from rich.text import Text

import vecs
from vecs.cli import terminal
from vecs.cli.matches import print_json, print_matches
from vecs.cli.plain import plain, plain_json
from vecs.cli.terminal import PlainConsole, complain, reporting, say, step

HOSTILE = {
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "c1": "\x9b31m\x9d0;x\x9c\x90q\x9c\x85",
    "bidi": "\u202eabc\u202c\u2066x\u2069\u200e\u200f\u061c",
    "zero width": "pay\u200bpal\u2060\ufeff\u00ad\u200d",
    "separators": "a\u2028b\u2029c\rd\x0be\x0cf",
    "surrogate": "\ud800\udfff",
    "tags": "\U000e0041\U000e0042",
    "bell": "\x07\x08\x7f\x00",
}


def harmless(text: str) -> bool:
    return all(each in "\n\t" or each.isprintable() for each in text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_control_sequences_and_invisible_characters_are_left_out(text: str) -> None:
    assert plain(f"before {text} after").isprintable()
    assert harmless(plain(text, lines=True))
    assert plain(text + "seen").endswith("seen")


@pytest.mark.parametrize(
    "text",
    [
        "naïve café",
        "日本語 ไทย हिन्दी",
        "العربية",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f1e8\U0001f1ed",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "[red]not markup[/red]",
        "a\\nb",
    ],
    ids=range(7),
)
def test_what_is_seen_stays(text: str) -> None:
    assert plain(text) == text


def test_lines_are_kept_where_text_is_laid_out_and_become_blanks_elsewhere() -> None:
    assert plain("a\r\nb\tc\x85d\u2028e", lines=True) == "a\nb\tc\nd\ne"
    assert plain("a\nb\tc") == "a b c"


def test_a_whole_sequence_is_left_out_and_not_its_first_character_alone() -> None:
    assert plain("a\x1b]0;title\x07b\x1b[1;31mc\x1b(Bd") == "abcd"


def test_json_is_escaped_and_says_the_same() -> None:
    for text in HOSTILE.values():
        encoded = plain_json(json.dumps({"a": text, "é": "日本"}, ensure_ascii=False))
        assert harmless(encoded)
        assert "é" in encoded
        # Two halves of a pair become the character that they make.
        assert json.loads(encoded)["a"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


@pytest.fixture(params=[False, True], ids=["piped", "terminal"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    for name in ("OUT", "ERR"):
        console = PlainConsole(width=80)
        console.file = stream
        console._force_terminal = request.param
        monkeypatch.setattr(terminal, name, console)
        for module in ("vecs.cli.matches", "vecs.cli.ls", "vecs.cli.demo"):
            if hasattr(sys.modules.get(module), name):
                monkeypatch.setattr(f"{module}.{name}", console)
    return stream


def without_styles(text: str) -> str:
    """What rich itself tells a terminal taken out: colours, the cursor of a status line."""
    return re.sub(r"\x1b\[(0|1|3\d)m|\x1b\[(2K|1A|\?25l|\?25h)|\r", "", text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_everything_the_command_prints_is_harmless(printed: io.StringIO, text: str) -> None:
    match = vecs.Match(f"id{text}", f"text\n{text}", {text: text}, None, 0.5, 0.5)
    spans = tuple((start, start + 1) for start in range(0, len(match.text or ""), 2))
    print_matches([match, replace(match, highlights=spans), vecs.Match(text, None, {text: [text]}, None, 0.5, 0.5)])
    say(f"said {text}")
    complain(f"complained {text}")
    with step(f"doing {text}"):
        pass
    table = Table(title=text)
    table.add_column(text)
    table.add_row(Text(text))
    terminal.OUT.print(table)
    with pytest.raises(BaseException), reporting():  # noqa: B017, PT011 - typer's Exit
        raise vecs.exc.DatabaseError(f"the server said {text}")
    print_json([match])
    shown = without_styles(printed.getvalue())
    assert "the server said" in shown
    assert harmless(shown), repr(shown)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_errors_and_representations_are_harmless_wherever_they_are_printed(text: str) -> None:
    client: Any = vecs.Client("postgresql://localhost/x")
    name = "docs" + text.encode(errors="replace").decode()
    shown = [
        str(vecs.exc.ArgError(f"no {text}")),
        str(vecs.exc.MissingDependency(f"no {text}")),
        repr(vecs.Collection(name, 3, client)),
        repr(vecs.Embedding(len, 3, name=text)),
    ]
    assert all(each.isprintable() for each in shown)


def in_bold(text: str) -> list[str]:
    """What is in bold, of the lines of the texts."""
    return re.findall(r"\x1b\[1m(.*?)\x1b\[0m", "\n".join(line for line in text.split("\n") if line.startswith("   ")))


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal with colours gets."""
    console = PlainConsole(width=80)
    console.file = stream = io.StringIO()
    console._force_terminal, console._color_system = True, ColorSystem.STANDARD
    monkeypatch.setattr("vecs.cli.matches.OUT", console)
    return stream


def test_highlights_are_in_bold_on_a_terminal(coloured: io.StringIO) -> None:
    text = "a \x1b[31mcat\x1b[0m\t\u202ecat\r\n\n    indented cat\u2028" + "filler words " * 50 + "cat"
    spans = tuple(found.span() for found in re.finditer("cat|fill|words", text))
    match = vecs.Match("id", text, {}, None, 0.5, 0.5, highlights=spans)
    print_matches([match])
    marked = in_bold(coloured.getvalue())
    assert marked[:3] == ["cat", "cat", "cat"]
    assert set(marked[3:]) == {"fill", "words"}
    assert "   a \x1b[1mcat\x1b[0m" in coloured.getvalue()
    assert harmless(re.sub(r"\x1b\[(0|1|36)m", "", coloured.getvalue()))


def test_highlights_are_in_bold_among_the_chunks_next_to_a_match(coloured: io.StringIO) -> None:
    before, after = vecs.Record("b", text="a cat before"), vecs.Record("c", text="a cat after")
    match = vecs.Match("id", "the cat", {}, "d", 0.5, 0.5, highlights=((4, 7),))
    context = vecs.Context([before], [after], "a cat before\n\nthe cat\n\na cat after")
    print_matches([replace(match, context=context)])
    assert [line for line in coloured.getvalue().split("\n") if "\x1b[1mcat" in line] == ["   the \x1b[1mcat\x1b[0m"]


@pytest.mark.parametrize("printed", [False], indirect=True)
def test_nothing_is_in_bold_in_a_pipe(printed: io.StringIO) -> None:
    print_matches([vecs.Match("id", "the cat", {}, "d", 0.5, 0.5, highlights=((4, 7),))])
    assert printed.getvalue() == "id  0.500\n   the cat\n"


def test_a_collection_is_represented_with_its_name() -> None:
    client: Any = vecs.Client("postgresql://localhost/x")
    names = {"docs": '"docs"', "café's": '"café\'s"', 'a"b': "'a\"b'"}
    for name, quoted in names.items():
        assert repr(vecs.Collection(name, 3, client)) == f"vecs.Collection(name={quoted}, dimension=3)"


def test_an_error_is_never_a_megabyte() -> None:
    assert len(str(vecs.exc.DatabaseError("x" * 10**7))) < 10_100
