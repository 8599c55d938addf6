"""Cutting text into pieces of at most so many tokens, and tables so that every piece has their header."""

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
    """What is not cut if it fits; a piece that begins with a table's row begins with the table's header."""

    text: str
    header: str = ""
    is_first: bool = False  # of its table: the header stands there in any case


def cut(text: str, limit: int, count: Count, tables: Sequence[Table] = ()) -> list[str]:
    """
    Cut text into pieces of at most `limit` tokens that join to the text again, but for the headers of tables.

    The cuts are after whitespace, and between the rows of `tables`; what is too long is cut inside. A header that is
    longer than half of the limit is not repeated.
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
    """Return smaller units of one that is too long: words, and then characters."""
    words = units_of(unit.text)
    parts = words if len(words) > 1 else list(unit.text)
    if len(parts) > 1:
        return [_Unit(part, unit.header) for part in parts]
    if not unit.header:
        raise ArgError(f"max_tokens={limit} is too small: {brief(unit.text)} alone is {count(unit.text)} tokens")
    return [_Unit(unit.text)]
