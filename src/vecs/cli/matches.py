"""Matches as people and programs read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby, pairwise

from rich.cells import cell_len
from rich.text import Text

import vecs
from vecs.cli.plain import plain
from vecs.cli.terminal import OUT, emit_json
from vecs.records import context_of
from vecs.snippets import Highlights

_LINES = 5
_INDENT = "   "
_PIECES = re.compile(r"\s+|\S+")


def print_matches(matches: list[vecs.Match]) -> None:
    """Print each match: its id and score, then the beginning of its text, with highlights in bold."""
    for match in matches:
        OUT.print(Text.assemble((plain(match.id), "bold"), (f"  {match.score:.3f}", "cyan")), soft_wrap=True)
        context, text, highlights = match.context, match.text, match.highlights or ()
        lines = _LINES
        if context is not None:
            text = context.text
            lines *= len(context.before) + len(context.after) + 1
            moved = len(context_of(match, context.before, []).text) - len(match.text or "")
            highlights = tuple((start + moved, end + moved) for start, end in highlights)
        pieces = _pieces(text or json.dumps(match.metadata, ensure_ascii=False), highlights)
        shown = excerpt("".join(piece for piece, _ in pieces), OUT.width - 1, lines)
        for line in _in_bold(shown, pieces):
            OUT.print(line, soft_wrap=True)


def _pieces(text: str, highlights: Highlights) -> list[tuple[str, bool]]:
    """Return a text, without what a terminal would obey, in pieces that are highlighted or not."""
    cuts = [0, *(place for pair in highlights for place in pair), len(text)]
    return [(plain(text[a:b], lines=True), number % 2 == 1) for number, (a, b) in enumerate(pairwise(cuts))]


def _in_bold(lines: list[str], pieces: list[tuple[str, bool]]) -> Iterator[Text]:
    """Yield lines with the highlighted characters in bold: wrapping has changed nothing but blanks."""
    bold = (marked for piece, marked in pieces for character in piece if not character.isspace())
    for number, line in enumerate(lines, 1):
        # The dots after the last line are none of the text.
        end = len(line) - (3 if number == len(lines) and line.endswith(" ...") else 0)
        marks = [not character.isspace() and next(bold, False) for character in line[:end]]
        made = Text(line)
        for start, stop in _runs(marks):
            made.stylize("bold", start, stop)
        yield made


def _runs(marks: list[bool]) -> Iterator[tuple[int, int]]:
    """Yield where each run of marked places begins and ends."""
    start = 0
    for marked, run in groupby(marks):
        stop = start + len(list(run))
        if marked:
            yield start, stop
        start = stop


def print_json(matches: list[vecs.Match]) -> None:
    """Print each match as one line of JSON."""
    for match in matches:
        fields = ("id", "score", "distance", "text", "metadata", "document_id", "group", "context", "highlights")
        parts = match.to_dict()
        emit_json({name: parts[name] for name in fields if name in parts})


def excerpt(text: str, width: int, lines: int = _LINES) -> list[str]:
    """Return the first lines of a text, indented and no wider than this; dots where it goes on."""
    shown: list[str] = []
    for line in _wrapped(text, max(20, width) - len(_INDENT)):
        if len(shown) == lines:
            shown[-1] += " ..." if cell_len(shown[-1]) + 4 <= width else ""
            break
        shown.append(_INDENT + line)
    return shown


def _wrapped(text: str, width: int) -> Iterator[str]:
    for line in plain(text, lines=True).split("\n"):
        # The indentation of code is kept; empty lines would use up the few there are.
        indent = line[: len(line) - len(line.lstrip())].expandtabs(4)[: width // 2]
        yield from (indent + part for part in _lines_of(line.strip().expandtabs(4), width - len(indent)))


def _lines_of(line: str, width: int) -> Iterator[str]:
    """Yield parts of a line that are no wider than this many cells of a terminal: characters of CJK take two."""
    made, used = "", 0
    for piece in _PIECES.findall(line):
        wide = cell_len(piece)
        if used + wide > width and not piece.isspace():
            if made.strip():
                yield made.rstrip()
            made, used = "", 0
            while wide > width:
                start = _fitting(piece, width)
                yield piece[:start]
                piece = piece[start:]
                wide = cell_len(piece)
        if made or not piece.isspace():
            made, used = made + piece, used + wide
    if made.strip():
        yield made.rstrip()


def _fitting(text: str, width: int) -> int:
    """Return how many characters fit, at least one."""
    used = 0
    for number, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return max(1, number)
    return len(text)
