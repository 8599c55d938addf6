"""Metadata as JSON: what is accepted, how it is encoded, and a readable refusal of the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._checks.values import plain
from vecs.exc import ArgError


def encode_json(value: Any) -> str:
    """
    Encode a value as JSON that jsonb accepts.

    `plain()` converts values that JSON has no type for. NaN, infinity, NUL characters, lone surrogates, keys that are
    not strings, and values without a JSON form raise ArgError, which names the value and its place.
    """
    try:
        _check(value, "", MAX_DEPTH)
    except (TypeError, ValueError) as error:
        # The caller's own class of mapping may raise any error.
        raise error if isinstance(error, ArgError) else ArgError(str(error)) from None
    try:
        encoded = _ENCODE(value)
    except ValueError:
        raise ArgError("it has a whole number of more than 4,300 digits, which is Python's limit") from None
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


def check_storable(text: str, what: str, kind: type[ArgError] = ArgError) -> None:
    """Raise an error, of this `kind`, if Postgres cannot store a text; `what` names the text in the error."""
    try:
        check_text(text)
    except ArgError as error:
        raise kind(f"{what} is not storable: {error}") from None


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
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ArgError(f"{value!r}{_at(path)} is not JSON; leave it out or use None")
    elif value is not None and not isinstance(value, int):
        _check(plain(value, _at(path)), path, depth - 1)


def _at(path: str) -> str:
    shown = path if len(path) <= _PATH_SHOWN else path[:_PATH_SHOWN] + "..."
    return f" at {shown if shown.isprintable() else repr(shown)[1:-1]}" if path else ""


def _default(value: Any) -> Any:
    # Checked before. Of mappings, the encoder takes dicts only.
    made = plain(value)
    return dict(cast("Mapping[Any, Any]", made)) if isinstance(made, Mapping) else made


# Python's decoder recurses: what is written must be readable from any depth of calls.
MAX_DEPTH = 100
_PATH_SHOWN = 80

# Strings, also one that does not end, and everything else that is no bracket.
_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^][{}"]+', re.DOTALL)

# A string, which is left as it is, or a large float.
_EXPONENT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?\d+(?:\.\d+)?e\+\d+)', re.DOTALL)

_PLAIN = frozenset((int, bool, type(None)))
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default).encode
