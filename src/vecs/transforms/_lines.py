"""Lines and paragraphs of a text, with all kinds of line ends and blanks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ENDS = r"\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
# The line ends of str.splitlines(); CRLF is one line end.
_END = rf"(?:\r\n|\r(?!\n)|[{_ENDS.replace(chr(92) + 'r', '')}])"
# Invisible characters that Python does not count as whitespace: zero-width spaces, a byte order mark.
_UNSEEN = "\u180e\u200b\u2060\ufeff"
_BLANK = rf"(?:[^\S{_ENDS}]|[{_UNSEEN}])"
_LINE_END = re.compile(_END)
# The end of a page or Unicode's paragraph separator, with the ends of lines around it; or an empty line.
_PARAGRAPH_END = re.compile(
    rf"(?:{_END}{_BLANK}*)?[\f\u2029](?:{_BLANK}*{_END})*"
    rf"|{_END}{_BLANK}*{_END}"
)
_VISIBLE = re.compile(rf"[^\s{_UNSEEN}]")


@dataclass(frozen=True)
class Line:
    """A line: its start, its text, and the start of the next line."""

    start: int
    text: str
    end: int


def split_lines(text: str) -> list[Line]:
    """Return the lines of a text, without the line ends."""
    return list(_lines(text))


def split_paragraphs(text: str) -> list[str]:
    """Split a text at its empty lines, as `text.split("\\n\\n")` does if lines end in `\\n`."""
    return _PARAGRAPH_END.split(text)


def is_blank(text: str) -> bool:
    """Whether a text has no visible characters."""
    return _VISIBLE.search(text) is None


def _lines(text: str) -> Iterator[Line]:
    start = 0
    for end in _LINE_END.finditer(text):
        yield Line(start, text[start : end.start()], end.end())
        start = end.end()
    if start < len(text):
        yield Line(start, text[start:], len(text))
