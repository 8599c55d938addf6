"""The headings above a part of a Markdown text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vecs.transforms._blocks import Heading


def heading_path(headings: Sequence[Heading], position: int) -> list[str]:
    """Return the titles that `position` stands under, outermost first."""
    return [heading.title for heading in _above(headings, position)]


def context(headings: Sequence[Heading], position: int, most: int | None, count: Callable[[str], int]) -> str:
    """
    Return the text that is embedded before the chunk at `position`: a line with the titles above it, and an empty line.

    If the titles have more than `most` tokens, the outermost ones are left out.
    """
    titles = [heading.title for heading in _above(headings, position) if heading.start < position and heading.title]
    while titles and most is not None and count(_line(titles)) > most:
        titles = titles[1:]
    return _line(titles) if titles else ""


def _line(titles: Sequence[str]) -> str:
    return f"{' > '.join(titles)}\n\n"


def _above(headings: Sequence[Heading], position: int) -> list[Heading]:
    path: list[Heading] = []
    for heading in headings:
        if heading.start > position:
            break
        path = [outer for outer in path if outer.level < heading.level]
        path.append(heading)
    return path
