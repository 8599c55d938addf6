"""
Turn texts and metadata into what Postgres can store, and back: dates, UUIDs, decimals, sets, tuples, paths.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

import numpy as np

from vecs._checks.json import plain
from vecs._checks.shown import brief
from vecs.exc import ArgError

OnNul: TypeAlias = Literal["strip", "raise"]
ON_NUL = ("strip", "raise")


def storable(text: str, on_nul: OnNul) -> str:
    """Take out of a text what Postgres cannot store, NUL and lone surrogates, or leave it to be refused."""
    if on_nul == "raise" or (text.isascii() and "\x00" not in text):
        return text
    return text.replace("\x00", "").encode(errors="ignore").decode()


def stored_metadata(
    metadata: Any, what: str, on_nul: OnNul, other: Callable[[Any], Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return metadata as JSON, and the types of those values that JSON has no type for, by key.

    The second is JSON, too; `restored_metadata()` needs it. `what` says in errors whose metadata it is. `other` turns
    values of types that vecs does not know into JSON; without it they are not changed, and vecs raises the error.
    """
    if not isinstance(metadata, Mapping):
        raise ArgError(f"{what} is {type(metadata).__name__}, not a dict")
    try:
        made, types = _Plain(what, on_nul, other).mapping(cast("Mapping[Any, Any]", metadata))
    except RecursionError:
        raise ArgError(f"{what} is nested too deeply or contains itself") from None
    return made, types or {}


def restored_metadata(metadata: dict[str, Any], types: Any) -> dict[str, Any]:
    """Return metadata with the values it had before it became JSON."""
    # Another program may have written something that is no object, or may have changed the metadata later.
    if not isinstance(types, Mapping):
        return metadata
    known = cast("Mapping[str, Any]", types)
    # An update leaves None where the new value is of a type that JSON has.
    changed = {
        name: _restored(metadata[name], type_of)
        for name, type_of in known.items()
        if type_of is not None and name in metadata
    }
    return {**metadata, **changed} if changed else metadata


def _datetime(written: str) -> datetime:
    # Python 3.10 cannot read the letter Z.
    return datetime.fromisoformat(written.removesuffix("Z") + "+00:00" if written.endswith("Z") else written)


# Python writes larger floats with an exponent, and jsonb expands that to a whole number.
_LARGE = 1e16
_PLAIN = frozenset((int, float, bool, type(None)))
_READ: dict[str, Callable[[str], Any]] = {
    "datetime": _datetime,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
    "path": Path,
}
_GATHER: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class _Plain:
    """
    Turns values into JSON: each value into its JSON form and its type.

    The type is None, the name of a type, or the types of the value's parts.
    """

    def __init__(self, what: str, on_nul: OnNul, other: Callable[[Any], Any] | None) -> None:
        self._what = what
        self._on_nul: OnNul = on_nul
        self._other = other

    def value(self, value: Any) -> tuple[Any, Any]:
        """Turn a value of any type into JSON."""
        if value.__class__ in _PLAIN:
            return value, "float" if value.__class__ is float and abs(value) >= _LARGE else None
        if isinstance(value, Enum):
            return self.value(value.value)
        if isinstance(value, str):
            return storable(str(value), self._on_nul), None
        if isinstance(value, Mapping):
            return self.mapping(cast("Mapping[Any, Any]", value))
        if isinstance(value, list | tuple | set | frozenset):
            return self.sequence(cast("Sequence[Any]", value))
        if isinstance(value, np.ndarray):
            return self.value(cast("Any", value).tolist())
        if isinstance(value, PurePath):
            return storable(str(value), self._on_nul), "path"
        if isinstance(value, np.generic):
            scalar = _written(value)
            return (scalar, None) if scalar is value else self.value(scalar)
        if isinstance(value, date | time | UUID | Decimal):
            return _plain_scalar(value)
        other = value if self._other is None else self._other(value)
        return (other, None) if other is value else (self.value(other)[0], None)

    def mapping(self, value: Mapping[Any, Any]) -> tuple[dict[Any, Any], dict[str, Any] | None]:
        """Turn a mapping into an object."""
        made: dict[Any, Any] = {}
        types: dict[str, Any] = {}
        for key, item in value.items():
            name = storable(key, self._on_nul) if isinstance(key, str) else key
            if name in made:
                raise ArgError(self._ambiguous(value, name))
            made[name], type_of = self.value(item)
            if type_of is not None:
                types[str(name)] = type_of
        return made, types or None

    def _ambiguous(self, value: Mapping[Any, Any], name: str) -> str:
        same = [key for key in value if isinstance(key, str) and storable(key, self._on_nul) == name]
        return (
            f"{self._what} has the keys {' and '.join(map(brief, same[:2]))}, which are the same key "
            "without NUL characters and lone surrogates; rename one of them"
        )

    def sequence(self, value: Iterable[Any]) -> tuple[Any, Any]:
        """Turn a list, tuple or set into an array."""
        parts = [self.value(item) for item in value]
        types = {str(place): type_of for place, (_, type_of) in enumerate(parts) if type_of is not None}
        made = [part for part, _ in parts]
        return (made, types or None) if isinstance(value, list) else (made, [_gathered_as(value), types])


def _written(value: Any) -> Any:
    """Return a value as vecs writes it, or unchanged if vecs refuses it: the later error names its place."""
    try:
        return plain(value)
    except ArgError:
        return value


def _plain_scalar(value: Any) -> tuple[Any, Any]:
    """Write a value as vecs itself does, so that filters find it, and remember the type that is lost."""
    stored = _written(value)
    if stored is value:
        return value, None
    if isinstance(value, Decimal):
        # Keep its exact digits.
        return stored, ["decimal", str(value)]
    if isinstance(value, datetime):
        # Keep its time zone.
        exact = value.isoformat()
        return stored, "datetime" if stored == exact else ["datetime", exact]
    return stored, "date" if isinstance(value, date) else "time" if isinstance(value, time) else "uuid"


def _gathered_as(value: Iterable[Any]) -> str:
    return "tuple" if isinstance(value, tuple) else "set" if isinstance(value, set) else "frozenset"


def _restored(value: Any, type_of: Any) -> Any:
    """Return what a value was; as it is where somebody changed it since, or a later version wrote it."""
    with suppress(ValueError, TypeError, KeyError, ArithmeticError):
        return _as_it_was(value, type_of)
    return value


def _as_it_was(value: Any, type_of: Any) -> Any:
    if isinstance(type_of, dict):
        return _restored_parts(value, cast("dict[str, Any]", type_of))
    if type_of == "float":
        return float(value) if type(value) is int else value
    if isinstance(type_of, str):
        return _READ[type_of](value) if isinstance(value, str) else value
    name, rest = cast("Sequence[Any]", type_of)
    if name == "datetime":
        exact = datetime.fromisoformat(cast("str", rest))
        return exact if plain(exact) == value else _READ[name](value)
    if name == "decimal":
        number = Decimal(cast("str", rest))
        return number if isinstance(value, int | float) and _is_stored_as(number, value) else value
    return _GATHER[name](_restored_parts(value, rest)) if isinstance(value, list) else value


def _is_stored_as(number: Decimal, value: float) -> bool:
    # Whole numbers are exact, and may be beyond any float; all others are the nearest float.
    return number == value or (number != number.to_integral_value() and float(number) == float(value))


def _restored_parts(value: Any, types: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _restored(item, types[key]) if key in types else item for key, item in fields.items()}
    if isinstance(value, list):
        parts = enumerate(cast("list[Any]", value))
        return [_restored(item, types[str(place)]) if str(place) in types else item for place, item in parts]
    return value
