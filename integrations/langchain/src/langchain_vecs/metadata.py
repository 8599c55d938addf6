"""Metadata as JSON can hold it, and back as it was: dates, UUIDs, decimals, sets, tuples, paths. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

from vecs.exc import ArgError
from vecs.sharing import brief

# In a record's extra data, this and a metadata key: the type its value had, where JSON has no such type.
TYPE_OF = "langchain:"

OnNul: TypeAlias = Literal["strip", "raise"]


def storable(text: str, on_nul: OnNul) -> str:
    """Take out of a text what Postgres cannot store, NUL and lone surrogates, or leave it to be refused."""
    if on_nul == "raise" or (text.isascii() and "\x00" not in text):
        return text
    return text.replace("\x00", "").encode(errors="ignore").decode()


def stored_metadata(metadata: Any, who: str, on_nul: OnNul) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return metadata as JSON holds it, and for each key whose value JSON has no type for, what it was."""
    if not isinstance(metadata, Mapping):
        raise ArgError(f"the metadata of document {brief(who)} is {type(metadata).__name__}, not a dict")
    try:
        plain, types = _plain_mapping(cast("Mapping[Any, Any]", metadata), on_nul)
    except RecursionError:
        raise ArgError(f"the metadata of document {brief(who)} is nested too deeply or contains itself") from None
    return plain, {f"{TYPE_OF}{name}": type_of for name, type_of in (types or {}).items()}


def restored_metadata(metadata: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata with the values it had before it became JSON."""
    # Another program may have written something else than an object.
    if not extra or not isinstance(cast("Any", extra), Mapping):
        return metadata
    for key, type_of in extra.items():
        name = key.removeprefix(TYPE_OF)
        # An update leaves None where the new value is of a type that JSON has.
        if name != key and type_of is not None and name in metadata:
            metadata = {**metadata, name: _restored(metadata[name], type_of)}
    return metadata


# Python writes larger floats with an exponent, and jsonb expands that to a whole number.
_LARGE = 1e16
_PLAIN = frozenset((int, float, bool, type(None)))
_READ: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
    "path": Path,
}
_GATHER: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def _plain(value: Any, on_nul: OnNul) -> tuple[Any, Any]:
    """Return a value as JSON holds it, and what it was: None, the name of a type, or the types of its parts."""
    if value.__class__ in _PLAIN:
        return value, "float" if value.__class__ is float and abs(value) >= _LARGE else None
    if isinstance(value, Enum):
        return _plain(value.value, on_nul)
    if isinstance(value, str):
        return storable(value, on_nul), None
    if isinstance(value, Mapping):
        return _plain_mapping(cast("Mapping[Any, Any]", value), on_nul)
    if isinstance(value, list | tuple | set | frozenset):
        return _plain_sequence(cast("Sequence[Any]", value), on_nul)
    if isinstance(value, date | time):
        kind = "datetime" if isinstance(value, datetime) else "date" if isinstance(value, date) else "time"
        # Written by vecs itself, as in filters: an instant in UTC.
        return value, kind
    if isinstance(value, UUID):
        return str(value), "uuid"
    if isinstance(value, PurePath):
        return str(value), "path"
    if isinstance(value, Decimal):
        # Stored as a number, so that filters can compare it; its exact digits are kept beside it.
        return value, ["decimal", str(value)]
    # vecs itself writes numbers and arrays of NumPy, and refuses anything else.
    return value, None


def _plain_mapping(value: Mapping[Any, Any], on_nul: OnNul) -> tuple[dict[Any, Any], dict[str, Any] | None]:
    made: dict[Any, Any] = {}
    types: dict[str, Any] = {}
    for key, item in value.items():
        name = storable(key, on_nul) if isinstance(key, str) else key
        made[name], type_of = _plain(item, on_nul)
        if type_of is not None:
            types[str(name)] = type_of
    return made, types or None


def _plain_sequence(value: Iterable[Any], on_nul: OnNul) -> tuple[Any, Any]:
    parts = [_plain(item, on_nul) for item in value]
    types = {str(place): type_of for place, (_, type_of) in enumerate(parts) if type_of is not None}
    plain = [part for part, _ in parts]
    return (plain, types or None) if isinstance(value, list) else (plain, [_gathered_as(value), types])


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
