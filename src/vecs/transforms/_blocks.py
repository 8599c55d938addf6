"""Markdown's headings and tables, by the rules of CommonMark that a chunker needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vecs.transforms._lines import Line, is_blank, split_lines

_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})\s+(?P<title>\S.*)", re.DOTALL)
_UNDERLINE = re.compile(r" {0,3}(?:(?P<first>=+)|-+)\s*")
_BREAK = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}\s*")
_MARKER = re.compile(r" {0,3}(?:> ?|(?:[-+*]|(?P<number>\d{1,9})[.)])(?:[ \t]+(?=\S)|\s*\Z))")
_DEFINITION = re.compile(r" {0,3}\[[^\]]+\]:")
# A fence may stand in a list item or a quotation, even on the line of the list's marker.
_FENCE = re.compile(
    r"(?P<inside>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*)"
    r"(?P<fence>`{3,}(?!`)(?=[^`]*\Z)|~{3,}(?!~)).*",
    re.DOTALL,
)
# HTML that continues to its own end mark, whatever comes before it.
_HTML = [
    (re.compile(r" {0,3}" + start, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for start, end in (
        (r"<!--", r"-->"),
        (r"<\?", r"\?>"),
        (r"<!\[CDATA\[", r"\]\]>"),
        (r"<!(?=[a-z])", r">"),
        (r"<(?:script|pre|style|textarea)(?=[\s>]|\Z)", r"</(?:script|pre|style|textarea)>"),
    )
]
# HTML that continues to the next empty line: a block's tag, or, where no paragraph is open, any tag alone on its line.
_BLOCK_TAG = re.compile(
    r" {0,3}</?(?:address|article|aside|blockquote|body|center|details|dd|div|dl|dt|fieldset|figcaption|figure"
    r"|footer|form|h[1-6r]|header|html|iframe|li|link|main|nav|ol|p|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)"
    r"(?=[\s/>]|\Z)",
    re.IGNORECASE,
)
_ANY_TAG = re.compile(r" {0,3}</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>\s*", re.IGNORECASE)
_PIPE = re.compile(r"(?<!\\)\|")
_DELIMITER = re.compile(r":?-+:?")
# Lines of YAML: lines with content, and lines that may be between them.
_YAML_KEY = re.compile(r"[^\s#-][^#]*:(?:\s.*)?")
_YAML_LINE = re.compile(r"#.*|-(?:\s.*)?|\s.*|[\]}],?\s*|")
# The indentation of a block that continues to the next empty line.
_ALL = 10**9
# Longer ones are paragraphs with a line below, not headings.
_LONGEST_TITLE = 200


@dataclass(frozen=True)
class Heading:
    """A heading: the start of its first line, its level, its title."""

    start: int
    level: int
    title: str


@dataclass(frozen=True)
class Table:
    """A table: its start, the start of its rows below the header, and its end."""

    start: int
    rows: int
    end: int

    def moved(self, by: int) -> Table:
        """Return the table with its places moved: for a part of the text, or for a text that contains this one."""
        return Table(self.start + by, self.rows + by, self.end + by)


def find_headings(text: str) -> list[Heading]:
    """Return the headings, `# ...` or underlined, that are not in code, comments, front matter or HTML blocks."""
    return _Scanner(text).headings


def find_tables(text: str) -> list[Table]:
    """Return the tables of a text, without those in code or HTML."""
    return _Scanner(text).tables if "|" in text else []


class _Scanner:
    """Reads a text line by line, and keeps its headings and tables."""

    def __init__(self, text: str) -> None:
        self.headings: list[Heading] = []
        self.tables: list[Table] = []
        self._lines = split_lines(text)
        if text.startswith("\ufeff"):  # a byte order mark
            self._lines[0] = Line(0, self._lines[0].text[1:], self._lines[0].end)
        self._paragraph: int | None = None  # the first line of the paragraph that is open, one of no list
        self._indent: int | None = None  # how far what belongs to the open list item is indented
        self._after_blank = True
        self._is_text = False  # whether the last line in a list item, quotation or table is text, which may continue
        self._unclosed: set[str] = set()  # fences that no later line closes: not searched for again
        ix = _end_of_front_matter(self._lines)
        while ix < len(self._lines):
            ix = self._read(ix)

    def _read(self, ix: int) -> int:
        """Read the block, or one line of it, that starts at this line; return the number of the next line."""
        line = self._lines[ix].text
        if is_blank(line):
            self._paragraph, self._after_blank = None, True
            return ix + 1
        end = self._end_of_code(ix) or self._end_of_html(ix)
        table = None if end else self._end_of_table(ix)
        if end or table:
            self._paragraph = None
            # A line directly after a table belongs to it, at least to its first column.
            self._indent = _ALL if table else self._indent if self._is_inside(line) else None
            self._is_text = table is not None
        else:
            self._read_line(ix, line)
        self._after_blank = False
        return end or table or ix + 1

    def _read_line(self, ix: int, line: str) -> None:
        atx = _ATX.fullmatch(line)
        if atx:
            self._add(ix, len(atx["marks"]), _without_closing(atx["title"]))
        elif self._paragraph is not None and (under := _UNDERLINE.fullmatch(line)):
            first = self._paragraph
            title = " ".join(each.text.strip() for each in self._lines[first:ix])
            if len(title) <= _LONGEST_TITLE:
                self._add(first, 1 if under["first"] else 2, title)
            self._paragraph = None
        elif _BREAK.fullmatch(line):
            self._paragraph = self._indent = None
        elif self._paragraph is None or _starts_item(line):
            self._start(ix, line)

    def _add(self, ix: int, level: int, title: str) -> None:
        self.headings.append(Heading(self._lines[ix].start, level, title))
        self._paragraph = self._indent = None

    def _start(self, ix: int, line: str) -> None:
        """Open what this line starts: a list item, a quotation or a paragraph."""
        self._paragraph = None
        marker = _MARKER.match(line)
        if marker:
            # A line after a quotation and an empty line is not part of the quotation.
            self._indent = _ALL if line.lstrip().startswith(">") else len(marker[0].rstrip()) + 1
            self._is_text = _begins_with_text(line)
            return
        if self._continues() or self._is_inside(line):
            self._is_text = self._continues() or _indent(line) < (self._indent or 0) + 4
            return
        self._indent = None
        # Indented code is not a paragraph, nor is a definition.
        if _indent(line) < 4 and not _DEFINITION.match(line):
            self._paragraph = ix

    def _is_inside(self, line: str) -> bool:
        """Whether a line is indented as what belongs to the open list item."""
        return self._indent is not None and _indent(line) >= self._indent

    def _continues(self) -> bool:
        """Whether a line of text here would continue the text of a list item, quotation or table."""
        return self._indent is not None and self._is_text and not self._after_blank

    def _end_of_code(self, ix: int) -> int | None:
        """Return the line after the code that this line starts, by CommonMark's rules; None if it starts none."""
        opening = _FENCE.fullmatch(self._lines[ix].text)
        if opening is None:
            return None
        inside, fence = opening["inside"], opening["fence"]
        contained = bool(inside.strip(" ")) or len(inside) > 3
        if contained and fence in self._unclosed:
            return None
        indent = "[ \t>]*" if contained else " {0,3}"
        closing = re.compile(rf"{indent}{re.escape(fence)}{re.escape(fence[0])}*\s*")
        for end in range(ix + 1, len(self._lines)):
            line = self._lines[end].text
            if ">" in inside and not line.lstrip().startswith(">"):
                return end  # the quotation is over, and its code with it
            if closing.fullmatch(line):
                return end + 1
        if not contained:
            return len(self._lines)
        # Code that is never closed runs to the end of the document, but not out of a list item or quotation.
        self._unclosed.add(fence)
        return None

    def _end_of_html(self, ix: int) -> int | None:
        """Return the line after a comment or other HTML; None if this line starts none."""
        for start, end in _HTML:
            opening = start.match(self._lines[ix].text)
            if opening is None:
                continue
            if end.search(self._lines[ix].text, opening.end()):
                return ix + 1
            later = range(ix + 1, len(self._lines))
            return next((at + 1 for at in later if end.search(self._lines[at].text)), len(self._lines))
        return self._end_of_tags(ix)

    def _end_of_tags(self, ix: int) -> int | None:
        """Return the line after HTML that continues to the next empty line, or to the end of its list item."""
        line = self._lines[ix].text
        is_in_text = self._paragraph is not None or self._continues()
        if not _BLOCK_TAG.match(line) and (is_in_text or not _ANY_TAG.fullmatch(line)):
            return None
        inside, end = self._is_inside(line), ix + 1
        while end < len(self._lines) and not is_blank(self._lines[end].text):
            if inside and not self._is_inside(self._lines[end].text):
                break
            end += 1
        return end

    def _end_of_table(self, ix: int) -> int | None:
        """Return the line after the table whose header is this line; None if it is no header."""
        if ix + 1 == len(self._lines) or not _PIPE.search(self._lines[ix].text):
            return None
        header, below = self._lines[ix].text, self._lines[ix + 1].text
        if not _is_delimiters(below) or _cells(header) != _cells(below):
            return None
        end = ix + 2
        while end < len(self._lines) and _is_row(self._lines[end].text):
            end += 1
        self.tables.append(Table(self._lines[ix].start, self._lines[ix + 1].end, self._lines[end - 1].end))
        return end


def _starts_item(line: str) -> bool:
    """Whether a line starts a list item or a quotation, and so ends the paragraph above."""
    marker = _MARKER.match(line)
    return marker is not None and marker["number"] in (None, "1") and not is_blank(line[marker.end() :])


def _begins_with_text(line: str) -> bool:
    """Whether a list item or quotation begins with text, which may continue in the next line."""
    while marker := _MARKER.match(line):
        line = line[marker.end() :]
    return not (is_blank(line) or _ATX.fullmatch(line) or _BREAK.fullmatch(line) or _FENCE.fullmatch(line))


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip(" "))


def _is_delimiters(line: str) -> bool:
    """Whether a line separates a table's header from its rows."""
    cells = line.strip()
    if "|" not in cells or _indent(line) > 3:
        return False
    return all(_DELIMITER.fullmatch(cell.strip()) for cell in cells.removeprefix("|").removesuffix("|").split("|"))


def _cells(line: str) -> int:
    inner = line.strip()
    inner = inner[1:] if inner.startswith("|") else inner
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith(r"\|") else inner
    return len(_PIPE.findall(inner)) + 1


def _is_row(line: str) -> bool:
    return bool(_PIPE.search(line)) and not (_ATX.fullmatch(line) or _FENCE.fullmatch(line))


def _without_closing(title: str) -> str:
    title = title.strip()
    bare = title.rstrip("#")
    return bare.strip() if bare.endswith((" ", "\t")) else title


def _end_of_front_matter(lines: list[Line]) -> int:
    """Return the line after the YAML or TOML at the beginning of a text; 0 if there is none."""
    first = lines[0].text.rstrip() if lines else ""
    closing = {"---": ("---", "..."), "+++": ("+++",)}.get(first)
    if closing is None:
        return 0
    told, only_comments = False, True
    for ix, line in enumerate(lines[1:], 1):
        if line.text.rstrip() in closing:
            return ix + 1 if told or only_comments else 0
        says = first == "+++" or bool(_YAML_KEY.fullmatch(line.text))
        if not says and not _YAML_LINE.fullmatch(line.text):
            return 0  # a text that begins with a horizontal line
        told = told or says
        only_comments = only_comments and line.text.startswith("#")
    return 0
