"""Split text into pieces of limited length, and tables so that each piece has the header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._blocks import Table
from vecs.transforms._lines import split_lines
from vecs.transforms._tokens import longest, units_of

Count = Callable[[str], int]


@dataclass(frozen=True)
class _Unit:
    """A part of a text that is not split if it fits. A piece that begins with a table's row gets the table's header."""

    text: str
    header: str = ""
    is_first: bool = False  # of its table, which has the header before it already


def cut(text: str, limit: int, count: Count, tables: Sequence[Table] = ()) -> list[str]:
    """
    Split text into pieces of at most `limit` tokens. Together they are the text, except for repeated headers of tables.

    Text is split after whitespace, and `tables` between their rows. Words and rows that are too long are split inside.
    A header that is longer than half of the limit is not repeated.
    """
    if count(text) <= limit:
        return [text]
    return list(_pack(list(_units(text, limit, count, tables)), limit, count))


def _units(text: str, limit: int, count: Count, tables: Sequence[Table]) -> Iterator[_Unit]:
    position = 0
    for table in tables:
        header = text[table.start : table.rows]
        if table.rows == table.end or count(header) > limit // 2:
            continue
        yield from map(_Unit, units_of(text[position : table.start]))
        for line in split_lines(text[table.rows : table.end]):
            row = text[table.rows + line.start : table.rows + line.end]
            yield _Unit(row, header, is_first=not line.start)
        position = table.end
    yield from map(_Unit, units_of(text[position:]))


def _pack(units: Sequence[_Unit], limit: int, count: Count) -> Iterator[str]:
    start = 0

    def fits(size: int) -> bool:
        return count(_joined(units[start : start + size])) <= limit

    while start < len(units):
        size = longest(len(units) - start, fits)
        if size:
            yield _joined(units[start : start + size])
            start += size
            continue
        yield from _pack(_parts(units[start], limit, count), limit, count)
        start += 1


def _joined(units: Sequence[_Unit]) -> str:
    return "".join(f"{unit.header if unit.is_first or not ix else ''}{unit.text}" for ix, unit in enumerate(units))


def _parts(unit: _Unit, limit: int, count: Count) -> list[_Unit]:
    """Split a unit that is too long into smaller ones: words, and then characters."""
    words = units_of(unit.text)
    parts = words if len(words) > 1 else list(unit.text)
    if len(parts) > 1:
        return [_Unit(part, unit.header) for part in parts]
    if not unit.header:
        raise ArgError(f"max_tokens={limit} is too small: {brief(unit.text)} alone is {count(unit.text)} tokens")
    return [_Unit(unit.text)]
