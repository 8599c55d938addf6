"""Lines and paragraphs of a text, whatever ends them and whatever blanks stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ENDS = r"\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
# What ends a line for str.splitlines(): of CRLF neither half alone.
_END = rf"(?:\r\n|\r(?!\n)|[{_ENDS.replace(chr(92) + 'r', '')}])"
# Some characters show nothing and are no whitespace to Python: zero-width spaces, a byte order mark.
_UNSEEN = "\u180e\u200b\u2060\ufeff"
_BLANK = rf"(?:[^\S{_ENDS}]|[{_UNSEEN}])"
_LINE_END = re.compile(_END)
# An empty line; or the end of a page, or what Unicode calls the separator of paragraphs.
_PARAGRAPH_END = re.compile(rf"{_END}{_BLANK}*{_END}|[\f\u2029]")
_VISIBLE = re.compile(rf"[^\s{_UNSEEN}]")


@dataclass(frozen=True)
class Line:
    """A line: where it starts, what it says, and where the next one starts."""

    start: int
    text: str
    end: int


def split_lines(text: str) -> list[Line]:
    """Return the lines of a text, without what ends them."""
    return list(_lines(text))


def split_paragraphs(text: str) -> list[str]:
    """Return what stands between a text's empty lines, as `text.split("\\n\\n")` does where lines end in `\\n`."""
    return _PARAGRAPH_END.split(text)


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen in a text."""
    return _VISIBLE.search(text) is None


def _lines(text: str) -> Iterator[Line]:
    start = 0
    for end in _LINE_END.finditer(text):
        yield Line(start, text[start : end.start()], end.end())
        start = end.end()
    if start < len(text):
        yield Line(start, text[start:], len(text))
