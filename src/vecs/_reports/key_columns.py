"""Keys of metadata as columns of a data frame: their names, their types, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from vecs._checks.shown import brief
from vecs.exc import ArgError

Kind: TypeAlias = Literal["boolean", "integer", "number", "string", "json"]
KeyColumns: TypeAlias = "Sequence[str] | Mapping[str, str]"

_SCALARS: tuple[Kind, ...] = ("boolean", "integer", "number", "string")
_NOTHING = {"none", "null"}


class KeyColumn(NamedTuple):
    """
    A key of metadata as a column: of one kind, or of lists of one kind; "json" is whatever is of several kinds.

    `nulls` is whether a record has no value.
    """

    key: str
    name: str
    kind: Kind
    listed: bool = False
    nulls: bool = True


def checked_key_columns(columns: Any, taken: Iterable[str]) -> dict[str, str]:
    """Return the names of the columns by key, of a list of keys or a dict of both; raises ArgError."""
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise ArgError(f"columns must be a list of keys of metadata, or a dict of their columns, not {brief(columns)}")
    keys = list(cast("Iterable[Any]", columns))
    names = dict(cast("Mapping[Any, Any]", columns)) if isinstance(columns, Mapping) else {key: key for key in keys}
    seen = set(taken)
    for key, name in names.items():
        if not isinstance(key, str) or not isinstance(name, str):
            raise ArgError(
                f"columns= has {brief(key if not isinstance(key, str) else name)}; keys and names are strings"
            )
        if name in seen:
            raise ArgError(
                f"the data frame already has a column {brief(name)}; name another one: columns={{{brief(key)}: ...}}"
            )
        seen.add(name)
    return names


def key_column(key: str, name: str, found: Iterable[str]) -> KeyColumn:
    """Return the column for values of these kinds, as the server tells them: "array string" is a list of strings."""
    kinds = set(found)
    nulls, there = bool(kinds & _NOTHING) or not kinds, kinds - _NOTHING
    lists = {kind for kind in there if kind.startswith("array")}
    if lists and lists == there:
        elements = {element for kind in lists for element in kind.split()[1:]} - {"null"}
        kind = _common(elements)
        return KeyColumn(key, name, kind, kind != "json", nulls)
    return KeyColumn(key, name, _common(there), False, nulls)


def _common(kinds: set[str]) -> Kind:
    if kinds == {"integer", "number"}:
        return "number"
    if not kinds:
        return "string"
    for kind in _SCALARS:
        if kinds == {kind}:
            return kind
    return "json"


def value_at_key(metadata: Mapping[str, Any], key: str) -> Any:
    """Return the value at a key or path, as filters find it; None where there is none."""
    if key in metadata or "." not in key:
        return metadata.get(key)
    found: Any = metadata
    for step in key.split("."):
        found = cast("Mapping[str, Any]", found).get(step) if isinstance(found, Mapping) else None
    return found


def as_numbers(value: Any) -> Any:
    """Return floats for whole numbers, also in a list: a column of numbers takes no large ones."""
    if isinstance(value, list):
        return [as_numbers(item) for item in cast("list[Any]", value)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
