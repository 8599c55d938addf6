"""Metadata as JSON: what is accepted, how it is encoded, and a readable refusal of the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError


def encode_json(value: Any) -> str:
    """
    Encode a value as JSON that jsonb accepts.

    Dates, times and UUIDs become strings, Decimals and numpy scalars numbers. NaN, infinity, NUL characters,
    lone surrogates, keys that are not strings and any other type raise ArgError, which says what and where.
    """
    try:
        _check(value, "", MAX_DEPTH)
        encoded = _ENCODE(value)
    except ValueError as error:
        if isinstance(error, ArgError):
            raise
        raise ArgError(str(error)) from None
    except TypeError as error:
        raise ArgError(str(error)) from None
    return encoded if "e+" not in encoded else _EXPONENT.sub(_expanded, encoded)


def _expanded(found: re.Match[str]) -> str:
    """Write out a float that Python writes with an exponent: jsonb would keep it as a whole number."""
    return f"{int(float(found[1]))}.0" if found[1] else found[0]


def nested_deeper_than(levels: int, encoded: str) -> bool:
    """Whether JSON text has arrays and objects nested deeper than that; found without recursion."""
    if encoded.count("[") + encoded.count("{") <= levels:
        return False
    depth = 0
    for bracket in _NO_BRACKETS.sub("", encoded):
        depth += 1 if bracket in "[{" else -1
        if depth > levels:
            return True
    return False


def check_text(text: str) -> None:
    """Refuse what Postgres cannot store as text: NUL characters and lone surrogates."""
    if "\x00" in text:
        raise ArgError(f"it has a NUL character at position {text.index(chr(0))}; Postgres text cannot hold one")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgError(
            f"it has a lone surrogate {text[error.start]!r} at position {error.start}, which is not valid Unicode"
        ) from None


def check_storable(text: str, what: str) -> None:
    """Refuse what Postgres cannot store as text; `what` says in the error which text it is."""
    try:
        check_text(text)
    except ArgError as error:
        raise ArgError(f"{what} is not storable: {error}") from None


def plain(value: Any) -> Any:
    """Return a date, time, UUID, Decimal or numpy scalar as the JSON scalar it is stored as; anything else as it is."""
    if isinstance(value, np.generic):
        scalar = cast("Any", value)
        item = scalar.item()
        # Numbers of more than 64 bits stay numpy's.
        return scalar if isinstance(item, np.generic) else plain(item)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    return value


def _plain_decimal(value: Decimal) -> int | float:
    # 1e9999999 is short to write, and takes minutes to expand into its ten million digits.
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        raise ArgError(f"{brief(value)} is not a number that JSON can hold here; leave it out or use None")
    return int(value) if value == value.to_integral_value() else float(value)


def _check(value: Any, path: str, depth: int) -> None:
    if depth == 0:
        raise ArgError(f"it is nested too deeply or contains itself; {MAX_DEPTH} levels are the most{_at(path)}")
    if isinstance(value, str):
        # The fast test for the common case; isascii() is constant time.
        if not value.isascii() or "\x00" in value:
            check_storable(value, f"the string{_at(path)}")
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            if not isinstance(key, str):
                raise ArgError(f"key {brief(key)}{_at(path)} is {type(key).__name__}; JSON keys are strings")
            if not key.isascii() or "\x00" in key:
                check_storable(key, f"the string{_at(path) or ' at '}.{brief(key)} (the key)")
            if item.__class__ not in _PLAIN:
                _check(item, f"{path}.{key}" if path else key, depth - 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[Any]", value)):
            if item.__class__ not in _PLAIN:
                _check(item, f"{path}[{index}]", depth - 1)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise ArgError(f"{value!r}{_at(path)} is not JSON; leave it out or use None")


def _at(path: str) -> str:
    shown = path if len(path) <= _PATH_SHOWN else path[:_PATH_SHOWN] + "..."
    return f" at {shown if shown.isprintable() else repr(shown)[1:-1]}" if path else ""


def _default(value: Any) -> Any:
    made: Any = value.tolist() if _is_array(value) else plain(value)
    if made is not value:
        _check(made, "", MAX_DEPTH)
        return made
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    raise TypeError(f"{brief(value)} is {type(value).__name__}, which has no JSON form")


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


# Python's decoder recurses: what is written must be readable from any depth of calls.
MAX_DEPTH = 100
_MOST_DIGITS = 4000
_PATH_SHOWN = 80

# Strings, also one that does not end, and everything else that is no bracket.
_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^][{}"]+', re.DOTALL)

# A string, which is left as it is, or a large float.
_EXPONENT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?\d+(?:\.\d+)?e\+\d+)', re.DOTALL)

_PLAIN = frozenset((int, bool, type(None)))
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default).encode
