"""SQL as a value: a literal template, with every value a parameter and every name an identifier."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, Any, cast

from vecs.exc import ArgError

if TYPE_CHECKING:
    from typing_extensions import LiteralString


class Identifier:
    """A name, quoted on its way into a statement: `Identifier("schema", "table")` if it is qualified."""

    __slots__ = ("sql",)

    def __init__(self, *names: str) -> None:
        self.sql = ".".join('"' + name.replace('"', '""') + '"' for name in names)


class Literal:
    """A value as a constant, for the statements that take no parameters: SET, COMMENT and other DDL."""

    __slots__ = ("sql",)

    def __init__(self, value: str | int | float) -> None:
        self.sql = _constant(value)


def quote_literal(text: str) -> str:
    """Quote a string as a SQL constant, right under either setting of standard_conforming_strings."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


class Param:
    """A parameter that several fragments share: it is sent once."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Fragment:
    """A piece of SQL, or a statement: text between parameters. `fragment()` and `join()` make it."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Param, ...]) -> None:
        self.parts = parts

    def render(self) -> tuple[bytes, list[Any]]:
        """Return the statement with `$1` placeholders, as psycopg's raw cursors take it, and its parameters."""
        numbers: dict[int, int] = {}
        params: list[Any] = []
        text: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                text.append(part)
                continue
            number = numbers.get(id(part))
            if number is None:
                params.append(part.value)
                number = numbers[id(part)] = len(params)
            text.append(f"${number}")
        return "".join(text).encode(), params

    def inline(self) -> bytes:
        """Return the statement with its parameters as constants: EXPLAIN of bound ones fails on Citus."""
        return "".join(p if isinstance(p, str) else _constant(p.value) for p in self.parts).encode()

    def __repr__(self) -> str:
        # Parameters are the user's data: shown as placeholders only.
        return f"Fragment({self.render()[0].decode()!r})"


class Template:
    """A statement rendered once, whose only parameter, the hole, is filled in for each query."""

    __slots__ = ("_hole", "_parts", "_text")

    def __init__(self, statement: Fragment, hole: Param) -> None:
        self._parts, self._hole = statement.parts, hole
        self._text = statement.render()[0]

    def fill(self, param: Param) -> Fragment:
        """Return the statement with its parameter."""
        parts = tuple([param if part is self._hole else part for part in self._parts])
        return _Filled(parts, self._text, param.value)


class _Filled(Fragment):
    __slots__ = ("_text", "_value")

    def __init__(self, parts: tuple[str | Param, ...], text: bytes, value: Any) -> None:
        self.parts, self._text, self._value = parts, text, value

    def render(self) -> tuple[bytes, list[Any]]:
        return self._text, [self._value]


def _constant(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "array[" + ", ".join(map(_constant, cast("list[Any]", value))) + "]"
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    return quote_literal(str(value))


@lru_cache(maxsize=512)
def _parse(template: str) -> tuple[tuple[str, str | None], ...]:
    parts: list[tuple[str, str | None]] = []
    for literal, name, format_spec, conversion in Formatter().parse(template):
        if name is not None and (format_spec or conversion or not name.isidentifier()):
            shown = name + (f"!{conversion}" if conversion else "") + (f":{format_spec}" if format_spec else "")
            raise ArgError(f"a placeholder is a name in braces, not {{{shown}}}; braces that are text are doubled")
        parts.append((literal, name))
    return tuple(parts)


def fragment(template: LiteralString, /, **values: Any) -> Fragment:
    """
    Fill a literal template: `fragment("select {column} from t where id = {id}", column=Identifier("x"), id=1)`.

    An Identifier, a Literal or a Fragment is put in as SQL; anything else becomes a parameter. Braces that
    are meant as text are doubled. Raises ArgError for a placeholder
    that is not a name, or has no value.
    """
    return _filled(_parse(template), values)


# What stands between blanks, as an operator does in these templates; the star of `select *` is none.
# Names and text in quotes, and comments, are found first, to be left alone.
_OPERATOR = re.compile(
    r"""(?P<text>--[^\n]*|'[^']*'|"[^"]*")"""
    r"|(?<=\s)(?<!select )(<=|>=|<>|=|<|>|@>|@@|\|\||->>|->|#>>|!?~~\*?|\+|-|\*|/)(?=\s|$)"
)


def _from_pg_catalog(found: re.Match[str]) -> str:
    return found[0] if found["text"] else f"operator(pg_catalog.{found[0]})"


def qualified(template: LiteralString, /, **values: Any) -> Fragment:
    """
    Fill a template as `fragment()` does, with its operators taken from pg_catalog, whatever the search_path.

    An operator is what stands between blanks: `id = {id}` is sent as `id operator(pg_catalog.=) {id}`. Written so,
    all operators bind alike, from left to right: where two meet, parentheses say which comes first, as in
    `1 + (2 * x)`. What compares by the operator's bare name has no place here: IN, BETWEEN, LIKE, NULLIF,
    IS DISTINCT FROM, CASE x WHEN, USING. Functions, types and collations are written with their schema.
    What stands in quotes or in a comment stays as it is.
    """
    return _filled(_parse_qualified(template), values)


@lru_cache(maxsize=512)
def _parse_qualified(template: str) -> tuple[tuple[str, str | None], ...]:
    return _parse(_OPERATOR.sub(_from_pg_catalog, template))


def _filled(template: tuple[tuple[str, str | None], ...], values: dict[str, Any]) -> Fragment:
    parts: list[str | Param] = []
    params: dict[str, Param] = {}
    for literal, name in template:
        if literal:
            parts.append(literal)
        if name is None:
            continue
        try:
            value = values[name]
        except KeyError:
            raise ArgError(f"the placeholder {{{name}}} has no value; given are {sorted(values)}") from None
        if isinstance(value, Fragment):
            parts.extend(value.parts)
        elif isinstance(value, Identifier | Literal):
            parts.append(value.sql)
        elif isinstance(value, Param):
            parts.append(value)
        else:
            parts.append(params.setdefault(name, Param(value)))
    return Fragment(tuple(parts))


EMPTY = Fragment(())


def join(separator: LiteralString, fragments: Iterable[Fragment]) -> Fragment:
    """Join fragments with a literal separator."""
    parts: list[str | Param] = []
    for index, piece in enumerate(fragments):
        if index:
            parts.append(separator)
        parts.extend(piece.parts)
    return Fragment(tuple(parts))
