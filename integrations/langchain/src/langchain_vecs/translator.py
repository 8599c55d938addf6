"""LangChain's structured queries as vecs' filters, for SelfQueryRetriever and for `filter=`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias, cast

from langchain_core.structured_query import (
    Comparator,
    Comparison,
    FilterDirective,
    Operation,
    Operator,
    StructuredQuery,
    Visitor,
)

from vecs.sharing import brief

Filter: TypeAlias = dict[str, Any]

__all__ = ["VecsTranslator", "translated"]


class VecsTranslator(Visitor):
    """
    Translate structured queries, such as a language model writes for SelfQueryRetriever, into filters.

    - EQ NE GT GTE LT LTE IN NIN are vecs' operators; IN and NIN take one value for a list of it.
    - CONTAIN means an element if the metadata is a list, and a part of the text if it is a string. With a list of
      values, the metadata must be a list that contains all of them.
    - LIKE is the LIKE of SQL, and case-sensitive. A text without `%` and `_` may be anywhere in the string.
    - NOT with several arguments means that none of them matches. Unlike NE and NIN, it also matches records that do
      not have the attribute.

    A date means its whole day, for metadata that are datetimes or dates: "equal to" means on this day, GT begins on
    the next day, and LTE ends with this day. Datetimes are compared as vecs stores them, as text in ISO format with
    `+00:00` for `Z`. Such comparisons are right if all datetimes have the same UTC offset, or none has one. Strings
    in other formats (with `Z`, or with a space instead of `T`) are compared as text, too.
    """

    allowed_operators: Sequence[Operator] | None = tuple(Operator)
    allowed_comparators: Sequence[Comparator] | None = tuple(Comparator)

    def visit_operation(self, operation: Operation) -> Filter:
        """Translate AND, OR or NOT with its arguments."""
        self._validate_func(operation.operator)
        parts = [argument.accept(self) for argument in operation.arguments]
        return {f"${operation.operator.value}": parts}

    def visit_comparison(self, comparison: Comparison) -> Filter:
        """Translate the comparison of an attribute with a value."""
        self._validate_func(comparison.comparator)
        return _compared(comparison.comparator, comparison.attribute, _read(comparison.value))

    def visit_structured_query(self, structured_query: StructuredQuery) -> tuple[str, dict[str, Any]]:
        """Return the query's text and the arguments of a search: `{"filter": {...}}`, or `{}` without a filter."""
        if structured_query.filter is None:
            return structured_query.query, {}
        return structured_query.query, {"filter": structured_query.filter.accept(self)}


def translated(directive: FilterDirective) -> Filter:
    """Return a Comparison or Operation as a filter of vecs."""
    return directive.accept(VecsTranslator())


def _compared(comparator: Comparator, key: str, value: Any) -> Filter:
    if comparator in (Comparator.IN, Comparator.NIN):
        return _among(comparator, key, cast("list[Any]", value if isinstance(value, list) else [value]))
    if comparator == Comparator.CONTAIN:
        return _containing(key, value)
    if comparator == Comparator.LIKE:
        return {key: {"$like": _pattern(_plain(value))}}
    if _is_day(value):
        return {key: _DAYS[comparator](value.isoformat())}
    return {key: {f"${comparator.value}": _plain(value)}}


# The end of a day is ISO 8601's hour 24: later than every time of the day, as text too, and there is one after the
# last day that Python knows.
_DAYS: dict[Comparator, Callable[[str], Filter]] = {
    Comparator.EQ: lambda day: {"$gte": day, "$lt": f"{day}T24"},
    Comparator.NE: lambda day: {"$exists": True, "$not": {"$gte": day, "$lt": f"{day}T24"}},
    Comparator.GT: lambda day: {"$gte": f"{day}T24"},
    Comparator.GTE: lambda day: {"$gte": day},
    Comparator.LT: lambda day: {"$lt": day},
    Comparator.LTE: lambda day: {"$lt": f"{day}T24"},
}


def _among(comparator: Comparator, key: str, values: list[Any]) -> Filter:
    if not any(map(_is_day, values)):
        return {key: {f"${comparator.value}": _plain(values)}}
    if comparator == Comparator.IN:
        return {"$or": [_compared(Comparator.EQ, key, value) for value in values]}
    return {"$and": [_compared(Comparator.NE, key, value) for value in values]}


def _containing(key: str, value: Any) -> Filter:
    value = _plain(value)
    if isinstance(value, list):
        return {key: {"$contains_all": value}}
    if isinstance(value, str):
        return {"$or": [{key: {"$contains": value}}, {key: {"$like": _anywhere(value)}}]}
    return {key: {"$contains": value}}


def _pattern(value: Any) -> Any:
    return value if not isinstance(value, str) or "%" in value or "_" in value else _anywhere(value)


def _anywhere(text: str) -> str:
    escaped = re.sub(r"([%_\\])", r"\\\1", text)
    return f"%{escaped}%"


def _read(value: Any) -> Any:
    """Make a date or a datetime of what the query parser makes of one."""
    if isinstance(value, list | tuple | set):
        return [_read(item) for item in cast("Sequence[Any]", value)]
    match value:
        case {"type": "date", "date": str(text)}:
            return _moment("date", text)
        case {"type": "datetime", "datetime": str(text)}:
            return _moment("datetime", text)
        case other:
            return other


def _moment(kind: str, text: str) -> date:
    try:
        if kind == "date":
            return date.fromisoformat(text)
        # Python 3.10 does not read a Z.
        return datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text))
    except ValueError:
        wanted = "YYYY-MM-DD" if kind == "date" else "YYYY-MM-DDTHH:MM:SS"
        raise ValueError(f"{brief(text)} is not a {kind}; expected {wanted} in ISO 8601 format") from None


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value.isoformat() if isinstance(value, date) else value
