"""Finding the headings of a Markdown text: those outside fenced code."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The heading of vecs 0.4; its chunk ids depend on where this matches.
_HEADING = re.compile(r"^(#{1,6})\s+(.+)$", re.MULTILINE)
# A fence may stand in a list item or a quotation, even on the line of the list's marker.
_FENCE = re.compile(
    r"(?P<inside>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*)"
    r"(?P<fence>`{3,}(?!`)(?=[^`]*\Z)|~{3,}(?!~)).*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Heading:
    """A heading: where its line starts, how deep it is, what it says."""

    start: int
    level: int
    title: str


def find_headings(text: str) -> list[Heading]:
    """Return the ATX headings (`# ...` to `###### ...`) that are not lines of fenced code."""
    return [
        Heading(match.start(), len(match[1]), _title(text[match.start(2) : match.end(2)]))
        for match in _HEADING.finditer(_without_code(text))
    ]


def heading_path(headings: list[Heading], position: int) -> list[str]:
    """Return the titles that `position` stands under, outermost first."""
    path: list[Heading] = []
    for heading in headings:
        if heading.start > position:
            break
        path = [outer for outer in path if outer.level < heading.level]
        path.append(heading)
    return [heading.title for heading in path]


def _title(line: str) -> str:
    line = line.strip()
    bare = line.rstrip("#")
    return bare.strip() if bare.endswith((" ", "\t")) else line


def _without_code(text: str) -> str:
    """Return the text with an x for every character of fenced code, so that positions stay."""
    lines = re.split(r"(?<=\n)", text)
    unclosed: set[str] = set()  # fences that no later line closes: not searched for again
    ix = 0
    while ix < len(lines):
        opening = _FENCE.fullmatch(lines[ix])
        end = ix
        if opening and not (_contained(opening) and opening["fence"] in unclosed):
            end = _end_of_code(lines, ix, opening)
            if end == ix:
                unclosed.add(opening["fence"])
        lines[ix:end] = [re.sub(r"[^\n]", "x", line) for line in lines[ix:end]]
        ix = max(end, ix + 1)
    return "".join(lines)


def _contained(opening: re.Match[str]) -> bool:
    """Tell whether a fence stands in a list item or a quotation."""
    return bool(opening["inside"].strip(" ")) or len(opening["inside"]) > 3


def _end_of_code(lines: list[str], start: int, opening: re.Match[str]) -> int:
    """
    Return the line after the code that line `start` opens, by CommonMark's rules; `start` if it opens none.
    """
    inside, fence = opening["inside"], opening["fence"]
    contained = _contained(opening)
    indent = "[ \t>]*" if contained else " {0,3}"
    closing = re.compile(rf"{indent}{re.escape(fence)}{re.escape(fence[0])}*\s*")
    for ix in range(start + 1, len(lines)):
        if ">" in inside and not lines[ix].lstrip().startswith(">"):
            return ix  # the quotation is over, and its code with it
        if closing.fullmatch(lines[ix]):
            return ix + 1
    # Code that is never closed runs to the end of the document, but not out of a list item or quotation.
    return start if contained else len(lines)
