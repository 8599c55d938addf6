"""The order of the keys of JSON, which Postgres does not keep: shorter ones come first there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

KEYS, INSIDE = "keys", "inside"


def key_order(value: Any) -> Any:
    """
    Return what `in_order` restores the order of a value's keys by, as JSON; None where Postgres keeps it.

    It is the list of an object's keys, or, where there is something to restore inside, both as an object.
    """
    if isinstance(value, list):
        inside = _inside(enumerate(cast("list[Any]", value)))
        return {INSIDE: inside} if inside else None
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    keys = list(fields)
    inside = _inside(fields.items())
    if inside:
        return {KEYS: keys, INSIDE: inside}
    return None if len(keys) < 2 or keys == sorted(keys, key=_in_postgres) else keys


def in_order(value: Any, order: Any) -> Any:
    """Return a value with its keys in their order; those that somebody added since come last."""
    known: dict[str, Any] = {KEYS: order} if isinstance(order, list) else order
    keys: list[str] = known.get(KEYS, [])
    inside: dict[str, Any] = known.get(INSIDE, {})
    if isinstance(value, dict):
        fields = cast("Mapping[str, Any]", value)
        ordered = dict.fromkeys([*keys, *fields])
        return {key: _part(key, fields[key], inside) for key in ordered if key in fields}
    if isinstance(value, list):
        return [_part(str(place), item, inside) for place, item in enumerate(cast("list[Any]", value))]
    return value


def _part(key: str, value: Any, inside: Mapping[str, Any]) -> Any:
    return in_order(value, inside[key]) if key in inside else value


def _inside(parts: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    orders = ((key, key_order(part)) for key, part in parts if isinstance(part, dict | list))
    return {str(key): order for key, order in orders if order is not None}


def _in_postgres(key: str) -> tuple[int, bytes]:
    encoded = key.encode(errors="surrogatepass")
    return len(encoded), encoded
