"""The headings above a part of a Markdown text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from vecs.transforms._blocks import Heading


class Headings:
    """The headings of a text, and for each of them those that it stands under."""

    def __init__(self, found: Sequence[Heading], most: int | None, count: Callable[[str], int]) -> None:
        """Take headings in order; a context has at most `most` tokens, by `count`."""
        self._starts = [heading.start for heading in found]
        self._paths: list[list[Heading]] = []
        self._most = most
        self._count = count
        path: list[Heading] = []
        for heading in found:
            path = [*(outer for outer in path if outer.level < heading.level), heading]
            self._paths.append(path)

    def path(self, position: int) -> list[str]:
        """Return the titles that `position` stands under, outermost first."""
        return [heading.title for heading in self._above(position)]

    def context(self, position: int) -> str:
        """
        Return the text that is embedded before the chunk at `position`: a line of titles above it, and an empty line.

        If the titles have more than `most` tokens, the outermost ones are left out.
        """
        titles = [heading.title for heading in self._above(position) if heading.start < position and heading.title]
        while titles and self._most is not None and self._count(titles_line(titles)) > self._most:
            titles = titles[1:]
        return titles_line(titles) if titles else ""

    def _above(self, position: int) -> list[Heading]:
        place = bisect_right(self._starts, position)
        return self._paths[place - 1] if place else []


def titles_line(titles: Sequence[str]) -> str:
    """Return the line of titles that is embedded before a text, with an empty line."""
    return f"{' > '.join(titles)}\n\n"
