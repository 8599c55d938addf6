"""Columns of a table with their types, and conditions on them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
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
    "integer",
    "numeric",
    "float",
    "text",
    "boolean",
    "uuid",
    "date",
    "timestamp",
    "timestamptz",
    "enum",
    "json",
    "array",
    "other",
]
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
# Numbers that JSON does not have are strings in metadata: these, and numerics of more digits than a float has.
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,6})?", re.ASCII)
_MOST_DIGITS = 150_000
# As Postgres writes dates and times in JSON, of those that Python does not have; and the years that they may have.
_FAR = re.compile(
    r"-?infinity|(?=[0-9]{5}|.* BC)(?P<year>[0-9]{4,7})-(?P<day>[0-9]{2}-[0-9]{2})"
    r"(?P<time>T(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?(?P<zone>[+-][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?)?"
    r"(?P<bc> BC)?",
    re.ASCII,
)
_FIRST_YEAR, _LAST_YEAR_OF_TIMES, _LAST_YEAR_OF_DAYS = 4713, 294_275, 5_874_896
_MOST_DIMENSIONS = 6


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
    true for one whose values only the database makes, `needed` for one that a new row must have a value for,
    `defaulted` for one that the database may give a value in a new row that names none. `quoted` is its name as
    Postgres writes it in expressions.
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
    defaulted: bool = False

    @property
    def kind(self) -> ColumnKind:
        """Which values it has."""
        return self.type.kind


class Unfit(ValueError):
    """A value that a type cannot hold, though it may be compared with its values: 10.5, or a label that is none."""


def fitting(type: ColumnType, value: Any, column: TableColumn, what: str) -> str | None:
    """Return a value's text form; None for one that the type cannot hold, but that its values compare with."""
    try:
        return form_of(type, value, column, what)
    except Unfit:
        return None


def form_of(type: ColumnType, value: Any, column: TableColumn, what: str, kind: type_of_error = FilterError) -> str:
    try:
        return _FORMS[type.kind](type, value)
    except Unfit:
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
    items, element = cast("list[Any]", value), type.element
    if is_nested(items):
        return array_text(items, lambda item: _stored(element, item, column, what), what, ArgError)
    return [None if item is None else _stored(element, item, column, what) for item in items]


def is_nested(items: Sequence[Any]) -> bool:
    """Whether a list is an array of several dimensions."""
    return any(isinstance(item, list | tuple) for item in items)


def array_text(items: Sequence[Any], form: Callable[[Any], str], what: str, error: type[ArgError]) -> str:
    """Return an array in Postgres' text form; raises an error if lists in it differ in length."""
    if len(_shape(items, what, error)) > _MOST_DIMENSIONS:
        raise error(f"{what} is {brief(items)}; an array has up to {_MOST_DIMENSIONS} dimensions")

    def text(value: Any) -> str:
        if isinstance(value, list | tuple):
            return "{" + ",".join(map(text, cast("Sequence[Any]", value))) + "}"
        return "NULL" if value is None else '"' + form(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    return text(items)


def _shape(value: Any, what: str, error: type[ArgError]) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        return ()
    items = cast("Sequence[Any]", value)
    shapes = {_shape(item, what, error) for item in items}
    if len(shapes) != 1:
        raise error(f"{what} is {brief(items)}; the lists in an array are of one length, and not empty")
    return (len(items), *shapes.pop())


def _stored(type: ColumnType, value: Any, column: TableColumn, what: str) -> str:
    try:
        return form_of(type, value, column, what, ArgError)
    except Unfit as error:
        raise ArgError(f"{what} is {brief(value)}; column {brief(column.name)} is {column.shown}{error}") from None


def number_of(value: Any) -> int | float | Decimal:
    value = value if isinstance(value, Decimal) else plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not _finite(value):
        raise ValueError
    return value


def _finite(value: float | Decimal) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)


def _integer(type: ColumnType, value: Any) -> str:
    number = number_of(value)
    # A decimal of many digits is short to write and long to expand.
    if isinstance(number, Decimal) and number.adjusted() > 20:
        number = math.copysign(1e30, number)
    if number != math.floor(number):
        raise Unfit(", of whole numbers")
    whole, bits = int(number), _BITS[type.name]
    if not -(2**bits) <= whole < 2**bits:
        raise Unfit(f", from {-(2**bits)} to {2**bits - 1}")
    return str(whole)


def _numeric(type: ColumnType, value: Any) -> str:
    if isinstance(value, str):
        value = plain(value)
        if value in _NOT_FINITE:
            return value
        if len(value) > _MOST_DIGITS or _NUMBER.fullmatch(value) is None:
            raise ValueError
        value = Decimal(value)
    number = number_of(value)
    if isinstance(number, int):
        return str(number)
    if isinstance(number, Decimal) and not -16383 < number.adjusted() < 131072:
        raise ValueError
    return str(number) if isinstance(number, Decimal) else repr(number)


def _float(type: ColumnType, value: Any) -> str:
    if isinstance(value, str) and value in _NOT_FINITE:
        return str.__str__(value)
    number = number_of(value)
    try:
        made = float(number)
    except OverflowError:
        raise Unfit(", which has no number so large") from None
    if type.name == "float4" and made and not (abs(made) <= _MAX_FLOAT4 and np.float32(made) != 0):
        raise Unfit(", which has no number so large or so small")
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
    far = _far(value)
    if far is not None:
        if far["time"]:
            raise Unfit(", of whole days")
        return far[0]
    value = _dated(value)
    if isinstance(value, datetime):
        if _utc(value).time() != datetime.min.time():
            raise Unfit(", of whole days")
        return _utc(value).date().isoformat()
    return value.isoformat()


def _timestamp(type: ColumnType, value: Any) -> str:
    return moment(value, aware=False)


def _timestamptz(type: ColumnType, value: Any) -> str:
    return moment(value, aware=True)


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


def _far(value: Any) -> re.Match[str] | None:
    """Return a date that Postgres has and Python has not, as it is in results: beyond the year 9999, or before 1."""
    found = _FAR.fullmatch(value) if isinstance(value, str) else None
    if found is None or not found["year"]:
        return found
    year = int(found["year"])
    # By a year of the same calendar.
    alike = 2000 + (1 - year if found["bc"] else year) % 400
    datetime.fromisoformat(f"{alike}-{found['day']}T{found['clock'] or '00:00:00'}")
    if not 0 < year <= (_FIRST_YEAR if found["bc"] else _LAST_YEAR_OF_TIMES if found["time"] else _LAST_YEAR_OF_DAYS):
        raise ValueError
    return found


def moment(value: Any, *, aware: bool) -> str:
    far = _far(value)
    if far is not None:
        if far["zone"] and not aware:
            raise ValueError
        if far["year"] and aware and not far["zone"]:
            time = far["time"] or "T00:00:00"
            return f"{far['year']}-{far['day']}{time}+00:00{far['bc'] or ''}"
        return far[0]
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
