"""The filter language evaluated in plain Python, from its description alone, to compare Postgres with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ABSENT = object()


COLUMNS = ("$id", "$document_id", "$text")


def matches(metadata: Mapping[str, Any], filters: Mapping[str, Any], **columns: str | None) -> bool:
    """Whether a record with this metadata, and this id, document_id and text, matches."""
    # A key of metadata may begin with $, but not one of a filter.
    return _matches({**metadata, **{key: columns.get(key[1:]) for key in COLUMNS}}, filters)


def _matches(record: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    return all(_entry(record, key, value) for key, value in filters.items())


def _entry(record: Mapping[str, Any], key: str, value: Any) -> bool:
    if key == "$and":
        return all(_matches(record, part) for part in value)
    if key == "$or":
        return any(_matches(record, part) for part in value)
    if key == "$not":
        return not any(_matches(record, part) for part in (value if isinstance(value, list) else [value]))
    if key in COLUMNS:
        return _column(ABSENT if record[key] is None else record[key], value)
    found = _find(record, key)
    if not isinstance(value, Mapping):
        return _operator(found, "$eq", value)
    return all(_operator(found, op, operand) for op, operand in value.items())


def _column(found: Any, value: Any) -> bool:
    if not isinstance(value, Mapping):
        return _column(found, {"$eq": value})
    for operator, operand in value.items():
        if operator == "$not":
            matched = not _column(found, operand)
        elif operator == "$contains":
            matched = found is not ABSENT and operand in found
        elif operator in ("$in", "$nin"):
            matched = _operator(found, operator, [str(item) for item in operand])
        else:
            matched = _operator(found, operator, operand if operator == "$exists" else str(operand))
        if not matched:
            return False
    return True


def _find(metadata: Mapping[str, Any], key: str) -> Any:
    if key in metadata:
        return metadata[key]
    found: Any = metadata
    for step in key.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return ABSENT
        found = found[step]
    return found


def _operator(found: Any, operator: str, operand: Any) -> bool:
    if operator == "$not":
        return not all(_operator(found, op, inner) for op, inner in operand.items())
    if operator == "$exists":
        return (found is not ABSENT) is operand
    if found is ABSENT:
        return False
    match operator:
        case "$eq":
            return same(found, operand)
        case "$ne":
            return not same(found, operand)
        case "$gt" | "$gte" | "$lt" | "$lte":
            return _compare(found, operator, operand)
        case "$between":
            return _compare(found, "$gte", operand[0]) and _compare(found, "$lte", operand[1])
        case "$in":
            return any(same(found, item) for item in operand)
        case "$nin":
            return not any(same(found, item) for item in operand)
        case "$like":
            return isinstance(found, str) and _like(operand).fullmatch(found) is not None
        case "$ilike":
            return isinstance(found, str) and _like(operand.lower()).fullmatch(found.lower()) is not None
        case "$contains":
            return isinstance(found, list) and any(same(item, operand) for item in found)
        case "$contains_any":
            return isinstance(found, list) and any(same(item, wanted) for wanted in operand for item in found)
        case "$contains_all":
            return isinstance(found, list) and all(any(same(i, wanted) for i in found) for wanted in operand)
        case _:
            raise AssertionError(operator)


def same(left: Any, right: Any) -> bool:
    """JSON equality: 5 equals 5.0, True does not equal 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if _is_number(left) and _is_number(right):
        return left == right
    return type(left) is type(right) and left == right


def _compare(found: Any, operator: str, bound: Any) -> bool:
    if not (_is_number(found) and _is_number(bound)) and not (isinstance(found, str) and isinstance(bound, str)):
        return False
    return {
        "$gt": lambda: found > bound,
        "$gte": lambda: found >= bound,
        "$lt": lambda: found < bound,
        "$lte": lambda: found <= bound,
    }[operator]()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _like(pattern: str) -> re.Pattern[str]:
    pieces: list[str] = []
    escaped = False
    for character in pattern:
        if escaped or character not in "\\%_":
            pieces.append(re.escape(character))
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            pieces.append(".*" if character == "%" else ".")
    return re.compile("".join(pieces), re.DOTALL)
