"""Texts with the words that a search matched: marked, or cut to a passage around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from vecs._checks.numbers import checked_int

# Where words stand in a text: start and end, as in `text[start:end]`; in order, and none touches the next.
Highlights: TypeAlias = tuple[tuple[int, int], ...]
# How far a cut is moved so that it is between two words.
_MOVED = 20


@dataclass(frozen=True)
class Snippet:
    """
    A passage of a match's text, with an ellipsis where it was cut.

    `highlights` are the pairs (start, end) of the words that were searched for, as indices of this `text`.
    """

    text: str
    highlights: Highlights

    def highlighted(self, before: str = "**", after: str = "**", *, escape: Callable[[str], str] | None = None) -> str:
        """Return the text with marks around the words: see `Match.highlighted`."""
        return marked(self.text, self.highlights, before, after, escape)


def marked(
    text: str, highlights: Highlights, before: str, after: str, escape: Callable[[str], str] | None = None
) -> str:
    """Return a text with marks before and after each highlight; `escape` is applied to all but the marks."""
    pieces: list[str] = []
    done = 0
    written = escape or str
    for start, end in highlights:
        pieces += [written(text[done:start]), before, written(text[start:end]), after]
        done = end
    return "".join([*pieces, written(text[done:])])


def pieces(text: str, highlights: Highlights) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is highlighted; none is empty."""
    cuts = [0, *(place for pair in highlights for place in pair), len(text)]
    return [(text[a:b], number % 2 == 1) for number, (a, b) in enumerate(pairwise(cuts)) if a < b]


def snippet_of(text: str, highlights: Highlights, length: int, ellipsis: str) -> Snippet:
    """Cut the passage of about `length` characters that has the most different highlighted words."""
    length = checked_int(length, "length", 1)
    if len(text) <= length:
        return Snippet(text, highlights)
    first, last = _densest(text, highlights, length)
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
    within = tuple((max(a, start) + moved, min(b, end) + moved) for a, b in highlights if a < end and b > start)
    return Snippet(f"{before}{text[start:end]}{after}", within)


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
