"""Conditions on columns of a table, by the columns' own types."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from vecs._checks.shown import brief
from vecs._checks.values import plain
from vecs.columns import (
    ColumnKind,
    ColumnType,
    TableColumn,
    Unfit,
    array_text,
    fitting,
    form_of,
    is_nested,
    moment,
    number_of,
)
from vecs.exc import FilterError
from vecs.operands import flag, listed, pair, pattern, unknown_operator

TypedOperator: TypeAlias = Literal[
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$like",
    "$ilike",
    "$contains",
    "$contains_any",
    "$contains_all",
]

_RANGES = ("$gt", "$gte", "$lt", "$lte", "$between")
_EQUALITY = ("$eq", "$ne", "$in", "$nin")
_ARRAYS = ("$contains", "$contains_any", "$contains_all")
_ORDERED = (*_EQUALITY, *_RANGES)
OPERATORS_OF: dict[ColumnKind, tuple[str, ...]] = {
    **dict.fromkeys(("integer", "numeric", "float", "uuid", "date", "timestamp", "timestamptz", "enum"), _ORDERED),
    "text": (*_ORDERED, "$like", "$ilike", "$contains"),
    "boolean": _EQUALITY,
    "array": ("$eq", "$ne", *_ARRAYS),
    "json": (*_EQUALITY, *_ARRAYS),
    "other": (),
}


@dataclass(frozen=True)
class Typed:
    """
    A column of the table compares so; NULL matches only `$exists: False`.

    `operand` is in Postgres' text form: a string, a tuple of strings, or a bool for `$exists`. `cast` is its type.
    """

    key: str
    column: TableColumn
    operator: TypedOperator
    operand: str | tuple[str, ...] | bool
    cast: ColumnType


KnownColumns: TypeAlias = Mapping[str, TableColumn]


class Lenient(dict[str, TableColumn]):
    """The columns of a table for a filter whose operands may be of any type."""


def operators_of(column: TableColumn) -> tuple[str, ...]:
    """Return the operators that a column's type has."""
    return (*OPERATORS_OF[column.kind], "$exists", "$not")


def typed_conditions(key: str, operator: str, operand: Any, known: KnownColumns) -> list[Typed]:
    """
    Return the conditions that an operator of a filter makes of a column that is known by its key.

    Raises FilterError for an operator that the column's type does not have, and for an operand of another type.
    """
    if not isinstance(known, Lenient):
        return _parse_strictly(key, operator, operand, known)
    if operator in ("$in", "$nin", "$contains_any") and isinstance(operand, list | tuple):
        # Those that the column can hold.
        fitting = [each for each in cast("Sequence[Any]", operand) if _is_fitting(key, operator, each, known)]
        operand = fitting
    try:
        return _parse_strictly(key, operator, operand, known)
    except FilterError:
        return [_nothing_matches(key, known[key], operator)]


def _is_fitting(key: str, operator: str, item: Any, known: KnownColumns) -> bool:
    try:
        _parse_strictly(key, operator, [item], known)
    except FilterError:
        return False
    return True


def _parse_strictly(key: str, operator: str, operand: Any, known: KnownColumns) -> list[Typed]:
    column = known[key]
    if operator not in operators_of(column):
        what = f"{key!r}: column {brief(column.name)} is {column.shown}"
        raise unknown_operator(operator, what, operators_of(column))
    if operator == "$exists":
        operand = flag(key, operand)
    elif operator in ("$like", "$ilike"):
        operand = pattern(key, operator, operand)
    elif operator in ("$in", "$nin", "$contains_any", "$contains_all"):
        operand = listed(key, operator, operand)
    elif operator == "$between":
        operand = pair(key, operand)
    return _conditions(key, column, operator, operand)


def _conditions(key: str, column: TableColumn, operator: str, operand: Any) -> list[Typed]:
    """Return the conditions for an operand whose form was checked."""
    if operator == "$exists":
        return [Typed(key, column, "$exists", operand, column.type)]
    what = f"argument to {operator} for {brief(key)}"
    values = cast("Sequence[Any]", operand if operator in ("$in", "$nin", "$contains_any", "$contains_all") else ())
    if operand is None or any(value is None for value in values):
        raise FilterError(
            f"{what} {'is' if operand is None else 'holds'} None; for records without a value write "
            f"{{{brief(key)}: {{'$exists': False}}}}"
        )
    if operator == "$between":
        low, high = operand
        return [_condition(key, column, "$gte", low, what), _condition(key, column, "$lte", high, what)]
    return [_condition(key, column, cast("TypedOperator", operator), operand, what)]


def _condition(key: str, column: TableColumn, operator: TypedOperator, operand: Any, what: str) -> Typed:
    type = column.type
    if operator in ("$like", "$ilike"):
        return Typed(key, column, operator, operand, type)
    if operator in ("$in", "$nin"):
        forms = [form for value in operand if (form := fitting(type, value, column, what)) is not None]
        return Typed(key, column, operator, tuple(forms), type)
    if type.element is not None:
        return _of_array(key, column, operator, operand, what)
    if type.kind == "json" and operator in _ARRAYS:
        listed = [operand] if operator == "$contains" else operand
        return Typed(key, column, operator, tuple(form_of(type, value, column, what) for value in listed), type)
    if type.kind == "text" and operator == "$contains" and operand == "":
        raise FilterError(f"{what} is empty, which every text contains; leave it out")
    if operator in _RANGES and type.kind in ("integer", "float", "date"):
        return _range(key, column, operator, operand, what)
    form = fitting(type, operand, column, what)
    if form is None:
        return _nothing(key, column) if operator == "$eq" else _everything(key, column)
    return Typed(key, column, operator, form, type)


def _of_array(key: str, column: TableColumn, operator: TypedOperator, operand: Any, what: str) -> Typed:
    element = cast("ColumnType", column.type.element)
    if operator in ("$eq", "$ne"):
        operand = _listed(operand, column, what)
        if is_nested(operand) or None in operand:
            return _of_whole_array(key, column, operator, operand, what)
    elif operator == "$contains":
        operand = [operand]
    forms = [fitting(element, value, column, what) for value in operand]
    if None in forms and operator != "$contains_any":
        return _everything(key, column) if operator == "$ne" else _nothing(key, column)
    return Typed(key, column, operator, tuple(form for form in forms if form is not None), column.type)


def _of_whole_array(key: str, column: TableColumn, operator: TypedOperator, operand: Sequence[Any], what: str) -> Typed:
    element = cast("ColumnType", column.type.element)
    try:
        text = array_text(operand, lambda item: form_of(element, item, column, what), what, FilterError)
    except Unfit:
        return _everything(key, column) if operator == "$ne" else _nothing(key, column)
    return Typed(key, column, operator, text, column.type)


def _listed(value: Any, column: TableColumn, what: str) -> list[Any]:
    value = plain(value)
    if not isinstance(value, list | tuple):
        raise FilterError(f"{what} must be a list: column {brief(column.name)} is {column.shown}; not {brief(value)}")
    return list(cast("Sequence[Any]", value))


def _nothing_matches(key: str, column: TableColumn, operator: str) -> Typed:
    """Return what a condition comes to whose operand no value of a column equals, or is compared with."""
    return _everything(key, column) if operator in ("$ne", "$nin") else _nothing(key, column)


def _nothing(key: str, column: TableColumn) -> Typed:
    return Typed(key, column, "$in", (), column.type)


def _everything(key: str, column: TableColumn) -> Typed:
    return Typed(key, column, "$exists", True, column.type)


def _range(key: str, column: TableColumn, operator: TypedOperator, operand: Any, what: str) -> Typed:
    """Return a condition by the column's own type, so that its index answers, for a bound that is none of its."""
    form = fitting(column.type, operand, column, what)
    if form is not None:
        return Typed(key, column, operator, form, column.type)
    upwards = operator in ("$gt", "$gte")
    if column.kind == "integer":
        bound = number_of(operand)
        # Of 10.5: less than it is what is at most 10.
        whole = math.ceil(bound) if upwards else math.floor(bound)
        form = fitting(column.type, whole, column, what)
        if form is not None:
            return Typed(key, column, "$gte" if upwards else "$lte", form, column.type)
        return _everything(key, column) if (bound < 0) == upwards else _nothing(key, column)
    if column.kind == "float":
        bound = number_of(operand)
        wide = ColumnType("float", "pg_catalog", "float8")
        try:
            return Typed(key, column, operator, repr(float(bound)), wide)
        except OverflowError:
            beyond: TypedOperator = "$lt" if operator == "$lte" else "$gte" if operator == "$gt" else operator
            below: TypedOperator = "$lte" if operator == "$lt" else "$gt" if operator == "$gte" else operator
            return Typed(key, column, beyond if bound > 0 else below, f"{'' if bound > 0 else '-'}Infinity", wide)
    return Typed(key, column, operator, moment(operand, aware=False), _TIMESTAMP)


_TIMESTAMP = ColumnType("timestamp", "pg_catalog", "timestamp")
