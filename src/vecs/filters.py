"""The filter language: a mapping in MongoDB's style, parsed into typed nodes before any SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from vecs._checks.json import check_storable
from vecs._checks.limits import MOST_CONDITIONS, MOST_VALUES, check_most
from vecs._checks.shown import brief
from vecs.columns import TableColumn
from vecs.exc import ArgError, FilterError
from vecs.operands import (
    bound,
    flag,
    id_operand,
    listed,
    pair,
    pattern,
    plain_operand,
    scalar,
    scalars,
    text_operand,
    unknown_operator,
)
from vecs.typed import KnownColumns, Lenient, Typed, operators_of, typed_conditions

RangeOperator: TypeAlias = Literal["$gt", "$gte", "$lt", "$lte"]
ColumnName: TypeAlias = Literal["id", "document_id", "text"]
ColumnOperator: TypeAlias = Literal["$eq", "$ne", "$in", "$nin", "$like", "$ilike", "$contains", "$exists"]


@dataclass(frozen=True)
class Equals:
    """The key's value equals this JSON; 5 equals 5.0."""

    key: str
    value: Any


@dataclass(frozen=True)
class NotEquals:
    """The key is there, with another value."""

    key: str
    value: Any


@dataclass(frozen=True)
class Range:
    """The key's value compares so with a bound of its own type; any other type does not match."""

    key: str
    operator: RangeOperator
    bound: int | float | str


@dataclass(frozen=True)
class In:
    """The key's value is one of these scalars; none of these, but there, if `negated`."""

    key: str
    values: tuple[Any, ...]
    negated: bool = False


@dataclass(frozen=True)
class Exists:
    """The key is there (a JSON null is there), or is not."""

    key: str
    wanted: bool


@dataclass(frozen=True)
class Like:
    """The key's value is a string matching this SQL pattern."""

    key: str
    pattern: str
    ignore_case: bool


@dataclass(frozen=True)
class Contains:
    """The key's value is an array holding every one (or any one) of these scalars."""

    key: str
    values: tuple[Any, ...]
    every: bool


@dataclass(frozen=True)
class Column:
    """
    A column of the record compares so; what is not there matches only `$exists: False`.

    The operand of `$in` and `$nin` is a tuple, that of `$exists` a bool, any other a string.
    """

    column: ColumnName
    operator: ColumnOperator
    operand: str | tuple[str, ...] | bool

    @property
    def key(self) -> str:
        """The key that stands for the column in a filter."""
        return f"${self.column}"


@dataclass(frozen=True)
class Shown:
    """A condition on a path that may lead into a declared column: on metadata as results have it."""

    part: Equals | NotEquals | Range | In | Exists | Like | Contains

    @property
    def key(self) -> str:
        """The path."""
        return self.part.key


@dataclass(frozen=True)
class And:
    """Every part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """At least one part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """No part matches."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = (
    "Equals | NotEquals | Range | In | Exists | Like | Contains | Column | Typed | Shown | And | Or | Not"
)

LOGICAL = ("$and", "$or", "$not")
# No metadata key of a filter begins with $, so these cannot be meant for one.
_COLUMNS: dict[str, tuple[ColumnName, tuple[ColumnOperator, ...]]] = {
    "$id": ("id", ("$eq", "$ne", "$in", "$nin", "$like", "$ilike")),
    "$document_id": ("document_id", ("$eq", "$ne", "$in", "$nin", "$like", "$ilike", "$exists")),
    "$text": ("text", ("$eq", "$contains", "$like", "$ilike", "$exists")),
}
OPERATORS = (
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$between", "$in", "$nin", "$exists", "$like", "$ilike",
    "$contains", "$contains_any", "$contains_all", "$and", "$or", "$not",
)  # fmt: skip

_NO_COLUMNS: KnownColumns = {}
# Deeper than people write. Without a limit an input could overflow Python's or Postgres' stack.
MAX_DEPTH = 64
# The catalog keeps an index's expression, which holds the key a few times, in one row.
MAX_INDEXED_KEY = 200


class OfAnyType(dict[str, Any]):
    """
    A filter whose operands may be of any type, as those of a framework are that knows no types of columns.

    A value that a column cannot hold equals none of its values, and no range has it.
    """


class _AnyColumn(dict[str, TableColumn]):
    """What stands for the columns of a table that is not known yet."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.startswith("$") and key not in _COLUMNS


def is_empty(filters: Any) -> bool:
    """Whether a filter has no condition; raises FilterError as far as that does not depend on columns of the table."""
    return parsed_filters(filters, _AnyColumn()) is None


def parse_filters(filters: Mapping[str, Any]) -> Filter:
    """
    Parse a filter; `{"year": {"$gte": 2000}, "kind": "book"}` is an And of two comparisons.

    Raises FilterError for an unknown operator, an operand of the wrong kind, or a filter without a condition.
    """
    parsed = parsed_filters(filters)
    if parsed is None:
        raise FilterError(f"the filter {brief(filters)} has no condition; leave it out")
    return parsed


def parsed_filters(filters: Any, known: KnownColumns = _NO_COLUMNS) -> Filter | None:
    """
    Parse a filter; returns None for None and for a filter without a condition: `{}`, `{"$and": []}`.

    `known` are the columns of the table that it may name, by key.
    """
    parsed = None if filters is None else _parse_mapping(filters, MAX_DEPTH, known)
    conditions = [] if parsed is None else list(conditions_of(parsed))
    check_most(len(conditions), MOST_CONDITIONS, "conditions of a filter", FilterError)
    check_most(sum(map(_values_of, conditions)), MOST_VALUES, "values in the lists of a filter", FilterError)
    return parsed


def conditions_of(node: Filter) -> Iterator[Filter]:
    """Yield the single conditions of a filter, without what combines them."""
    if not isinstance(node, And | Or | Not):
        yield node
        return
    for part in node.parts:
        yield from conditions_of(part)


def _values_of(part: Filter) -> int:
    values: Any = part.operand if isinstance(part, Column | Typed) else getattr(part, "values", ())
    return len(cast("tuple[Any, ...]", values)) if isinstance(values, tuple) else 0


def _parse_mapping(filters: Any, depth: int, known: KnownColumns) -> Filter | None:
    if not isinstance(filters, Mapping):
        raise FilterError(f"filters must be a dict, not {type(filters).__name__}: {brief(filters)}")
    if depth == 0:
        raise FilterError(f"filters are nested more than {MAX_DEPTH} levels deep")
    entries = cast("Mapping[Any, Any]", filters)
    if isinstance(filters, OfAnyType) and not isinstance(known, _AnyColumn | Lenient):
        known = Lenient(known)
    parts = [_parse_entry(key, value, depth, known) for key, value in entries.items()]
    return _all_of([part for part in parts if part is not None]) if any(parts) else None


def _all_of(parts: Sequence[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _parse_entry(key: Any, value: Any, depth: int, known: KnownColumns) -> Filter | None:
    if not isinstance(key, str):
        raise FilterError(f"filters keys must be strings, not {type(key).__name__}: {brief(key)}")
    if key in LOGICAL:
        return _parse_logical(key, value, depth, known)
    if key.startswith("$") and key not in _COLUMNS and key not in known:
        if (path := path_below_column(key, known)) is not None:
            raise FilterError(f"the filter key {brief(key)}: {path}")
        columns = (*_COLUMNS, *(name for name in known if name.startswith("$") and name not in _COLUMNS))
        raise unknown_operator(key, "the top of a filter", (*LOGICAL, *columns))
    _check_key(key)
    if isinstance(value, Mapping):
        return _parse_conditions(key, cast("Mapping[Any, Any]", value), depth, known)
    return _parse_operator(key, "$eq", value, depth, known)


def path_below_column(key: str, known: KnownColumns) -> str | None:
    """Return how a path below a column is written, where a key is `$column.step`; else None."""
    first, dot, _ = key.partition(".")
    column = known.get(first) if dot and key not in known and first.startswith("$") else None
    if column is None or isinstance(known, _AnyColumn):
        return None
    if column.kind != "json":
        return f"column {brief(column.name)} is {column.shown}, which has no paths"
    declares = "" if column.name in known else f"declare the column, attach(..., columns=[{column.name!r}]), and "
    return f"a path below a column is written without $: {declares}write {key[1:]!r}"


def _check_key(key: str) -> None:
    check_storable(key, f"filter key {brief(key)}", FilterError)
    if key.count(".") >= MAX_DEPTH:
        raise FilterError(f"a filter key is a path of more than {MAX_DEPTH} steps: {key[:40]!r}...")


def checked_key(key: Any) -> str:
    """Return a metadata key that an index can be made for, or raise ArgError."""
    if not isinstance(key, str):
        raise ArgError(f"a metadata key must be a string, not {brief(key)}")
    if key.startswith("$"):
        raise ArgError(f"the key {brief(key)} begins with $; filters cannot use such keys, so they need no index")
    _check_key(key)
    size = len(key.encode())
    if size > MAX_INDEXED_KEY:
        raise ArgError(f"the key {key[:40]!r}... has {size} bytes; an index takes keys of up to {MAX_INDEXED_KEY}")
    return key


def _parse_logical(operator: str, value: Any, depth: int, known: KnownColumns) -> Filter | None:
    if operator == "$not" and isinstance(value, Mapping):
        value = [cast("Any", value)]
    if not isinstance(value, list | tuple):
        raise FilterError(f"{operator} filters must have associated list of conditions, not {type(value).__name__}")
    parts = [_parse_mapping(condition, depth - 1, known) for condition in cast("Sequence[Any]", value)]
    kept = tuple(part for part in parts if part is not None)
    if operator == "$and":
        return And(kept) if kept else None
    if not kept:
        raise FilterError(f"{operator} has no conditions; give at least one, or leave {operator} out")
    if len(kept) < len(parts):
        raise FilterError(f"a filter without a condition inside {operator} matches everything; leave it out")
    return Or(kept) if operator == "$or" else Not(kept)


def _parse_conditions(key: str, conditions: Mapping[Any, Any], depth: int, known: KnownColumns) -> Filter:
    if len(conditions) == 0:
        raise FilterError(f"the condition on {brief(key)} is empty; give a value or an operator such as $eq")
    for operator in conditions:
        if not (isinstance(operator, str) and operator.startswith("$")):
            hint = f' (to compare with an object write {{{brief(key)}: {{"$eq": {{...}}}}}})'
            raise unknown_operator(operator, repr(key), _operators_of(key, known), "" if key in _COLUMNS else hint)
    return _all_of([_parse_operator(key, op, operand, depth, known) for op, operand in conditions.items()])


def _operators_of(key: str, known: KnownColumns) -> Sequence[str]:
    if key in known and not isinstance(known, _AnyColumn):
        return operators_of(known[key])
    return (*_COLUMNS[key][1], "$not") if key in _COLUMNS else OPERATORS


def _parse_operator(key: str, operator: str, operand: Any, depth: int, known: KnownColumns) -> Filter:
    if key in known and operator != "$not":
        if isinstance(known, _AnyColumn):
            return Exists(key, True)
        return _all_of(typed_conditions(key, operator, operand, known))
    if key in _COLUMNS and operator != "$not":
        return _parse_column(key, operator, operand)
    if operator == "$eq":
        return Equals(key, plain_operand(key, operator, operand, whole=True))
    if operator == "$ne":
        return NotEquals(key, plain_operand(key, operator, operand, whole=True))
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return Range(key, operator, bound(key, operator, operand))
    if operator == "$between":
        return _parse_between(key, operand)
    if operator in ("$in", "$nin"):
        return In(key, scalars(key, operator, operand), negated=operator == "$nin")
    if operator == "$exists":
        return Exists(key, flag(key, operand))
    if operator in ("$like", "$ilike"):
        return Like(key, pattern(key, operator, operand), ignore_case=operator == "$ilike")
    if operator == "$contains":
        return Contains(key, (scalar(key, operator, operand),), every=True)
    if operator in ("$contains_any", "$contains_all"):
        return Contains(key, scalars(key, operator, operand), every=operator == "$contains_all")
    if operator == "$not":
        if not isinstance(operand, Mapping):
            raise FilterError(f"argument to $not for {brief(key)} must be a dict of operators, not {brief(operand)}")
        if depth == 0:
            raise FilterError(f"filters are nested more than {MAX_DEPTH} levels deep")
        return Not((_parse_conditions(key, cast("Mapping[Any, Any]", operand), depth - 1, known),))
    raise unknown_operator(operator, repr(key), _operators_of(key, known))


def _parse_column(key: str, operator: str, operand: Any) -> Filter:
    column, operators = _COLUMNS[key]
    if operator not in operators:
        raise unknown_operator(operator, repr(key), (*operators, "$not"))
    if operand is None and "$exists" in operators:
        raise FilterError(
            f"argument to {operator} for {brief(key)} is None; for records without it write "
            f"{{{brief(key)}: {{'$exists': False}}}}"
        )
    return Column(column, operator, _column_operand(key, operator, operand))


def _column_operand(key: str, operator: ColumnOperator, operand: Any) -> str | tuple[str, ...] | bool:
    if operator == "$exists":
        return flag(key, operand)
    if operator in ("$like", "$ilike"):
        return pattern(key, operator, operand)
    if key == "$text":
        return text_operand(key, operator, operand)
    if operator in ("$in", "$nin"):
        return tuple(id_operand(key, operator, item) for item in listed(key, operator, operand))
    return id_operand(key, operator, operand)


def _parse_between(key: str, operand: Any) -> Filter:
    low, high = (bound(key, "$between", each) for each in pair(key, operand))
    if isinstance(low, str) != isinstance(high, str):
        raise FilterError(f"the bounds of $between for {brief(key)} differ in type: {brief(low)} and {brief(high)}")
    return And((Range(key, "$gte", low), Range(key, "$lte", high)))
