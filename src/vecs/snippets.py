"""Texts with the words that a search matched: marked, or cut to a passage around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, cast

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs._checks.wrong_calls import explains_wrong_calls
from vecs.exc import ArgError

# Where words stand in a text: start and end, as in `text[start:end]`; in order, and none touches the next.
Highlights: TypeAlias = tuple[tuple[int, int], ...]
# How far a cut is moved so that it is between two words.
_MOVED = 20
# Tags of HTML that begin something, and brackets: what closes them is another mark.
_TAG = re.compile(r"<([A-Za-z][\w:-]*)(?:\s[^<>]*)?(?<!/)>")
_CLOSING = str.maketrans("([{<\u00ab\u201c\u300c\u3010", ")]}>\u00bb\u201d\u300d\u3011")


@dataclass(frozen=True)
class Snippet:
    """
    A passage of a match's text, with an ellipsis where it was cut.

    `highlights` are the pairs (start, end) of the words that were searched for, as indices of this `text`.
    """

    text: str
    highlights: Highlights

    @explains_wrong_calls
    def highlighted(
        self, before: str = "**", after: str | None = None, escape: Callable[[str], str] | None = None
    ) -> str:
        """Return the text with marks around the words: see `Match.highlighted`."""
        return marked(self.text, self.highlights, before, after, escape)

    def to_dict(self) -> dict[str, Any]:
        """Return the passage as a dict for `json.dumps()`: `text`, and `highlights`, a list of lists `[start, end]`."""
        return {"text": self.text, "highlights": [list(pair) for pair in self.highlights]}


@explains_wrong_calls
def marked(
    text: str,
    highlights: Iterable[Sequence[int]],
    before: str = "**",
    after: str | None = None,
    escape: Callable[[str], str] | None = None,
) -> str:
    """
    Return a text with marks before and after each highlight, a pair [start, end] of indices of the text.

    Without `after`, what `before` opens is closed: `<b>` by `</b>`, `[` by `]`, and other marks by themselves. `escape`
    is applied to everything but the marks.
    """
    for name, mark in (("before", before), ("after", "" if after is None else after)):
        if not isinstance(cast("Any", mark), str):
            raise ArgError(f"{name} must be a string such as '<mark>', not {brief(mark)}")
    if escape is not None and not callable(escape):
        raise ArgError(f"escape must be a function such as html.escape, not {brief(escape)}")
    after = _closing(before) if after is None else after
    pieces: list[str] = []
    done = 0
    written = escape or str
    for start, end in _checked(text, highlights):
        pieces += [written(text[done:start]), before, written(text[start:end]), after]
        done = end
    return "".join([*pieces, written(text[done:])])


def pieces(text: str, highlights: Highlights) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is highlighted; none is empty."""
    cuts = [0, *(place for pair in highlights for place in pair), len(text)]
    return [(text[a:b], number % 2 == 1) for number, (a, b) in enumerate(pairwise(cuts)) if a < b]


@explains_wrong_calls
def snippet_of(text: str, highlights: Iterable[Sequence[int]], length: int = 200, ellipsis: str = "\u2026") -> Snippet:
    """Cut the passage of about `length` characters that has the most different highlighted words."""
    length = checked_int(length, "length", 1)
    if not isinstance(cast("Any", ellipsis), str):
        raise ArgError(f"ellipsis must be a string, not {brief(ellipsis)}")
    given = _checked(text, highlights)
    if len(text) <= length:
        return Snippet(text, given)
    first, last = _densest(text, given, length)
    start = max(0, min(first - max(0, length - (last - first)) // 2, len(text) - length))
    end = start + length
    if start:
        places = range(start, min(first, start + _MOVED) + 1)
        start = next((at for at in places if text[at - 1].isspace() and not text[at].isspace()), start)
    if end < len(text):
        places = range(end, max(last, end - _MOVED, start + 1) - 1, -1)
        end = next((at for at in places if text[at].isspace() and not text[at - 1].isspace()), end)
    before, after = ellipsis if start else "", ellipsis if end < len(text) else ""
    moved = len(before) - start
    within = tuple((max(a, start) + moved, min(b, end) + moved) for a, b in given if a < end and b > start)
    return Snippet(f"{before}{text[start:end]}{after}", within)


def _checked(text: str, highlights: Iterable[Sequence[int]]) -> Highlights:
    if not isinstance(cast("Any", text), str):
        raise ArgError(f"text must be a string, not {brief(text)}")
    made: list[tuple[int, int]] = []
    done = 0
    for pair in highlights:
        start, end = pair if _is_pair(pair) else (0, -1)
        if not done <= start <= end <= len(text):
            raise ArgError(
                f"highlights must be pairs [start, end] of indices of the text, in order, not {brief(pair)}; a match "
                "and a document have them for the text that they were found with"
            )
        made.append((start, end))
        done = end
    return tuple(made)


def _is_pair(value: Any) -> bool:
    parts = cast("list[Any]", value if isinstance(value, list | tuple) else [])
    return len(parts) == 2 and all(isinstance(part, int) for part in parts)


def _closing(before: str) -> str:
    tags = _TAG.findall(before)
    if tags:
        return "".join(f"</{tag}>" for tag in reversed(tags))
    closing = before.translate(_CLOSING)
    # Of marks that are brackets and nothing else: an escape sequence of terminals has one, too.
    return closing[::-1] if all(a != b for a, b in zip(before, closing, strict=True)) else before


def _densest(text: str, highlights: Highlights, length: int) -> tuple[int, int]:
    """Return where the first highlight begins and the last one ends of those that fit and are most different words."""
    best, found = (0, 0), (0, 0)
    words: Counter[str] = Counter()
    first = 0
    for last, (start, end) in enumerate(highlights):
        words[text[start:end].lower()] += 1
        while first < last and end - highlights[first][0] > length:
            left = text[slice(*highlights[first])].lower()
            words[left] -= 1
            if not words[left]:
                del words[left]
            first += 1
        held = len(words), last - first + 1
        if held > best:
            best, found = held, (highlights[first][0], end)
    return found
