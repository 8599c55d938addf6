"""Operands of filters: what each operator takes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from vecs._checks.json import check_text, encode_json
from vecs._checks.limits import LONGEST_PATTERN, check_most
from vecs._checks.shown import brief
from vecs._checks.values import plain
from vecs.exc import ArgError, FilterError
from vecs.records import record_id


def id_operand(key: str, operator: str, operand: Any) -> str:
    """Return an id as the string it is stored as."""
    try:
        return record_id(operand, f"argument to {operator} for {brief(key)}")
    except ArgError as error:
        raise FilterError(str(error)) from None


def text_operand(key: str, operator: str, operand: Any) -> str:
    """Return a string that may be in a text."""
    if not isinstance(operand, str):
        raise FilterError(f"argument to {operator} for {brief(key)} must be a string, not {brief(operand)}")
    if operator == "$contains" and not operand:
        raise FilterError(f"argument to $contains for {brief(key)} is empty, which every text contains; leave it out")
    try:
        check_text(operand)
    except ArgError as error:
        raise FilterError(f"argument to {operator} for {brief(key)} cannot be in any text: {error}") from None
    return operand


def flag(key: str, operand: Any) -> bool:
    """Return the operand of `$exists`."""
    made = plain_operand(key, "$exists", operand)
    if not isinstance(made, bool):
        raise FilterError(f"argument to $exists for {brief(key)} must be True or False, not {brief(operand)}")
    return made


def pair(key: str, operand: Any) -> Sequence[Any]:
    """Return the operand of `$between`."""
    bounds = plain_operand(key, "$between", operand)
    if not isinstance(bounds, list | tuple) or len(cast("Sequence[Any]", bounds)) != 2:
        raise FilterError(f"argument to $between for {brief(key)} must be [low, high], not {brief(operand)}")
    return cast("Sequence[Any]", bounds)


def plain_operand(key: str, operator: str, operand: Any, *, whole: bool = False) -> Any:
    """Return an operand as it would be stored; with `whole`, the values inside it are checked, too."""
    try:
        made = plain(operand)
        if whole:
            encode_json(made)
        return made
    except ArgError as error:
        raise FilterError(f"argument to {operator} for {brief(key)} is not JSON: {error}") from None


def bound(key: str, operator: str, operand: Any) -> int | float | str:
    """Return what a range is compared with."""
    operand = plain_operand(key, operator, operand, whole=True)
    if isinstance(operand, bool) or not isinstance(operand, int | float | str):
        raise FilterError(
            f"argument to {operator} for {brief(key)} must be a number, a string or a date, not {brief(operand)}"
        )
    return operand


def listed(key: str, operator: str, operand: Any) -> list[Any]:
    """Return a list."""
    made = plain_operand(key, operator, operand)
    if not isinstance(made, list | tuple):
        raise FilterError(f"argument to {operator} filter must be a list, for {brief(key)} got {brief(operand)}")
    return list(cast("Sequence[Any]", made))


def scalars(key: str, operator: str, operand: Any) -> tuple[Any, ...]:
    """Return a list of scalars."""
    return tuple(scalar(key, operator, item, "a list of scalars") for item in listed(key, operator, operand))


def scalar(key: str, operator: str, operand: Any, wanted: str = "a scalar") -> Any:
    """Return a string, a number, a bool or None."""
    operand = plain_operand(key, operator, operand, whole=True)
    if operand is not None and not isinstance(operand, bool | int | float | str):
        raise FilterError(
            f"argument to {operator} filter must be {wanted} (string, number, boolean or null), "
            f"for {brief(key)} got {brief(operand)}"
        )
    return operand


def pattern(key: str, operator: str, operand: Any) -> str:
    """Return a pattern of LIKE."""
    if not isinstance(operand, str):
        raise FilterError(f"argument to {operator} for {brief(key)} must be a string pattern, not {brief(operand)}")
    check_most(len(operand), LONGEST_PATTERN, f"characters of the pattern for {brief(key)}", FilterError)
    trailing = len(operand) - len(operand.rstrip("\\"))
    if trailing % 2:
        raise FilterError(
            f"the pattern {brief(operand)} for {brief(key)} ends in a lone backslash; double it to mean one backslash"
        )
    return plain_operand(key, operator, operand, whole=True)


def unknown_operator(operator: Any, where: str, known: Sequence[str], hint: str = "") -> FilterError:
    """Return the error for an operator that there is not."""
    return FilterError(f"unknown operator {brief(operator)} for {where}; expected one of {', '.join(known)}{hint}")
