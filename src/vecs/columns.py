"""Columns of a table with their types, and conditions on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

import numpy as np

from vecs._checks.json import check_text, encode_json
from vecs._checks.shown import brief
from vecs._checks.values import plain
from vecs.exc import ArgError, FilterError

ColumnKind: TypeAlias = Literal[
    "integer", "numeric", "float", "text", "boolean", "uuid", "date", "timestamp", "timestamptz", "enum", "json",
    "array", "other",
]  # fmt: skip
TypedOperator: TypeAlias = Literal[
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$like", "$ilike", "$contains",
    "$contains_any", "$contains_all",
]  # fmt: skip

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
_WANTED: dict[ColumnKind, str] = {
    "integer": "a whole number",
    "numeric": "a number",
    "float": "a number",
    "text": "a string",
    "boolean": "True or False",
    "uuid": "a UUID",
    "date": "a date or an ISO string such as '2024-05-17'",
    "timestamp": "a datetime or an ISO string such as '2024-05-17T12:00:00'",
    "timestamptz": "a datetime or an ISO string such as '2024-05-17T12:00:00+00:00'",
    "enum": "a label",
    "json": "JSON",
    "array": "a list",
    "other": "a string",
}
_BITS = {"int2": 15, "int4": 31, "int8": 63}
_MAX_FLOAT4 = float(np.finfo(np.float32).max)
_LABELS_SHOWN = 20


@dataclass(frozen=True)
class ColumnType:
    """The type of a column's values, of a domain the type it is made of: its kind, schema and name."""

    kind: ColumnKind
    schema: str
    name: str
    # Of an enum.
    labels: tuple[str, ...] = ()
    # Of an array.
    element: ColumnType | None = None


@dataclass(frozen=True)
class TableColumn:
    """
    A column of a table.

    `shown` is its type as Postgres writes it. `reference` is its name in statements that read records. `computed` is
    true for one whose values only the database makes, `needed` for one that a new row must have a value for.
    `quoted` is its name as Postgres writes it in expressions.
    """

    name: str
    type: ColumnType
    shown: str
    reference: str
    nullable: bool = True
    computed: bool = False
    needed: bool = False
    identity: bool = False
    quoted: str = ""

    @property
    def kind(self) -> ColumnKind:
        """Which values it has."""
        return self.type.kind


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


class _Unfit(ValueError):
    """A value that a type cannot hold, though it may be compared with its values: 10.5, or a label that is none."""


def operators_of(column: TableColumn) -> tuple[str, ...]:
    """Return the operators that a column's type has."""
    return (*OPERATORS_OF[column.kind], "$exists", "$not")


def typed_conditions(key: str, column: TableColumn, operator: str, operand: Any) -> list[Typed]:
    """
    Return the conditions that an operator of a filter makes of a column.

    A list of values, a pattern and the operand of `$exists` were checked. Raises FilterError for an operand of another
    type than the column's.
    """
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
        fitting = [form for value in operand if (form := _fitting(type, value, column, what)) is not None]
        return Typed(key, column, operator, tuple(fitting), type)
    if type.element is not None:
        return _of_array(key, column, operator, operand, what)
    if type.kind == "json" and operator in _ARRAYS:
        listed = [operand] if operator == "$contains" else operand
        return Typed(key, column, operator, tuple(_form(type, value, column, what) for value in listed), type)
    if type.kind == "text" and operator == "$contains" and operand == "":
        raise FilterError(f"{what} is empty, which every text contains; leave it out")
    if operator in _RANGES and type.kind in ("integer", "float", "date"):
        return _range(key, column, operator, operand, what)
    form = _fitting(type, operand, column, what)
    if form is None:
        return _nothing(key, column) if operator == "$eq" else _everything(key, column)
    return Typed(key, column, operator, form, type)


def _of_array(key: str, column: TableColumn, operator: TypedOperator, operand: Any, what: str) -> Typed:
    element = cast("ColumnType", column.type.element)
    if operator in ("$eq", "$ne"):
        operand = _listed(operand, column, what)
    elif operator == "$contains":
        operand = [operand]
    forms = [_fitting(element, value, column, what) for value in operand]
    if None in forms and operator != "$contains_any":
        return _everything(key, column) if operator == "$ne" else _nothing(key, column)
    return Typed(key, column, operator, tuple(form for form in forms if form is not None), column.type)


def _listed(value: Any, column: TableColumn, what: str) -> list[Any]:
    value = plain(value)
    if not isinstance(value, list | tuple):
        raise FilterError(f"{what} must be a list: column {brief(column.name)} is {column.shown}; not {brief(value)}")
    return list(cast("Sequence[Any]", value))


def _nothing(key: str, column: TableColumn) -> Typed:
    return Typed(key, column, "$in", (), column.type)


def _everything(key: str, column: TableColumn) -> Typed:
    return Typed(key, column, "$exists", True, column.type)


def _range(key: str, column: TableColumn, operator: TypedOperator, operand: Any, what: str) -> Typed:
    """Return a condition by the column's own type, so that its index answers, for a bound that is none of its."""
    form = _fitting(column.type, operand, column, what)
    if form is not None:
        return Typed(key, column, operator, form, column.type)
    upwards = operator in ("$gt", "$gte")
    if column.kind == "integer":
        bound = _number(operand)
        # Of 10.5: less than it is what is at most 10.
        whole = math.ceil(bound) if upwards else math.floor(bound)
        form = _fitting(column.type, whole, column, what)
        if form is not None:
            return Typed(key, column, "$gte" if upwards else "$lte", form, column.type)
        return _everything(key, column) if (bound < 0) == upwards else _nothing(key, column)
    if column.kind == "float":
        bound = _number(operand)
        wide = ColumnType("float", "pg_catalog", "float8")
        try:
            return Typed(key, column, operator, repr(float(bound)), wide)
        except OverflowError:
            beyond: TypedOperator = "$lt" if operator == "$lte" else "$gte" if operator == "$gt" else operator
            below: TypedOperator = "$lte" if operator == "$lt" else "$gt" if operator == "$gte" else operator
            return Typed(key, column, beyond if bound > 0 else below, f"{'' if bound > 0 else '-'}Infinity", wide)
    return Typed(key, column, operator, _moment(operand, aware=False), _TIMESTAMP)


_TIMESTAMP = ColumnType("timestamp", "pg_catalog", "timestamp")


def _fitting(type: ColumnType, value: Any, column: TableColumn, what: str) -> str | None:
    """Return a value's text form; None for one that the type cannot hold, but that its values compare with."""
    try:
        return _form(type, value, column, what)
    except _Unfit:
        return None


def _form(type: ColumnType, value: Any, column: TableColumn, what: str, kind: type_of_error = FilterError) -> str:
    try:
        return _FORMS[type.kind](type, value)
    except _Unfit:
        raise
    except (ArgError, TypeError, ValueError) as error:
        why = f": {error}" if isinstance(error, ArgError) and type.kind in ("text", "json") else ""
        each = "an item of it" if type is column.type.element else "it"
        raise kind(
            f"{what} is {brief(value)}{why}; column {brief(column.name)} is {column.shown}, so {each} must be "
            f"{_wanted(type)}"
        ) from None


def _wanted(type: ColumnType) -> str:
    if type.kind != "enum":
        return _WANTED[type.kind]
    more = ", ..." if len(type.labels) > _LABELS_SHOWN else ""
    return f"one of its labels, {', '.join(map(brief, type.labels[:_LABELS_SHOWN]))}{more}"


def stored_value(column: TableColumn, value: Any, what: str) -> Any:
    """
    Return a value of metadata as JSON that is cast to the column's type; raises ArgError for one that does not fit.

    Scalars are strings in Postgres' text form, lists are lists of them; JSON stays JSON.
    """
    type = column.type
    if value is None:
        return None
    if type.kind == "json":
        try:
            encode_json(value)
        except ArgError as error:
            raise ArgError(f"{what} is not storable: {error}") from None
        return plain(value)
    if type.element is None:
        return _stored(type, value, column, what)
    value = plain(value)
    if not isinstance(value, list | tuple):
        raise ArgError(f"{what} is {brief(value)}; column {brief(column.name)} is {column.shown}, so it must be a list")
    return [None if item is None else _stored(type.element, item, column, what) for item in cast("list[Any]", value)]


def _stored(type: ColumnType, value: Any, column: TableColumn, what: str) -> str:
    try:
        return _form(type, value, column, what, ArgError)
    except _Unfit as error:
        raise ArgError(f"{what} is {brief(value)}; column {brief(column.name)} is {column.shown}{error}") from None


def _number(value: Any) -> int | float | Decimal:
    value = value if isinstance(value, Decimal) else plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not _finite(value):
        raise ValueError
    return value


def _finite(value: float | Decimal) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)


def _integer(type: ColumnType, value: Any) -> str:
    number = _number(value)
    # A decimal of many digits is short to write and long to expand.
    if isinstance(number, Decimal) and number.adjusted() > 20:
        number = math.copysign(1e30, number)
    if number != math.floor(number):
        raise _Unfit(", of whole numbers")
    whole, bits = int(number), _BITS[type.name]
    if not -(2**bits) <= whole < 2**bits:
        raise _Unfit(f", from {-(2**bits)} to {2**bits - 1}")
    return str(whole)


def _numeric(type: ColumnType, value: Any) -> str:
    number = _number(value)
    if isinstance(number, int):
        return str(number)
    if isinstance(number, Decimal) and not -16383 < number.adjusted() < 131072:
        raise ValueError
    return str(number) if isinstance(number, Decimal) else repr(number)


def _float(type: ColumnType, value: Any) -> str:
    number = _number(value)
    try:
        made = float(number)
    except OverflowError:
        raise _Unfit(", which has no number so large") from None
    if type.name == "float4" and made and not (abs(made) <= _MAX_FLOAT4 and np.float32(made) != 0):
        raise _Unfit(", which has no number so large or so small")
    return repr(made)


def _text(type: ColumnType, value: Any) -> str:
    value = plain(value) if isinstance(value, Enum | np.generic | UUID) else value
    if not isinstance(value, str):
        raise TypeError
    check_text(value)
    return str(value)


def _boolean(type: ColumnType, value: Any) -> str:
    value = plain(value)
    if not isinstance(value, bool):
        raise TypeError
    return "true" if value else "false"


def _uuid(type: ColumnType, value: Any) -> str:
    return str(value if isinstance(value, UUID) else UUID(_text(type, value)))


def _date(type: ColumnType, value: Any) -> str:
    value = _dated(value)
    if isinstance(value, datetime):
        if _utc(value).time() != datetime.min.time():
            raise _Unfit(", of whole days")
        return _utc(value).date().isoformat()
    return value.isoformat()


def _timestamp(type: ColumnType, value: Any) -> str:
    return _moment(value, aware=False)


def _timestamptz(type: ColumnType, value: Any) -> str:
    return _moment(value, aware=True)


def _dated(value: Any) -> date:
    """Return a date or datetime; of a string in ISO form, too."""
    if isinstance(value, np.generic | Enum):
        value = plain(value)
    if isinstance(value, str):
        if len(value) <= len("2024-05-17"):
            return date.fromisoformat(value)
        # Python 3.10 does not read a Z, nor other than three or six digits of a second.
        text = f"{value[:-1]}+00:00" if value[-1:] in ("Z", "z") else value
        return datetime.fromisoformat(text)
    if not isinstance(value, date) or value != value:
        raise TypeError
    return value


def _utc(value: datetime) -> datetime:
    """Return the moment in UTC, without a time zone; one that is written without a time zone is in UTC."""
    try:
        return value.replace(tzinfo=None) if value.utcoffset() is None else _at_utc(value)
    except OverflowError:
        raise ValueError from None


def _at_utc(value: datetime) -> datetime:
    return value.astimezone(timezone.utc).replace(tzinfo=None)


def _moment(value: Any, *, aware: bool) -> str:
    value = _dated(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    # By the base class: a subclass may write another form.
    return datetime.isoformat(_utc(value)) + ("+00:00" if aware else "")


def _enum(type: ColumnType, value: Any) -> str:
    text = _text(type, value)
    if text not in type.labels:
        raise ValueError
    return text


def _json(type: ColumnType, value: Any) -> str:
    return encode_json(value)


def _other(type: ColumnType, value: Any) -> str:
    value = plain(value)
    return _text(type, str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value)


type_of_error: TypeAlias = "type[ArgError]"
_FORMS: dict[ColumnKind, Any] = {
    "integer": _integer,
    "numeric": _numeric,
    "float": _float,
    "text": _text,
    "boolean": _boolean,
    "uuid": _uuid,
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "enum": _enum,
    "json": _json,
    "array": _json,
    "other": _other,
}
