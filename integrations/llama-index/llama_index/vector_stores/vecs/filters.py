"""LlamaIndex's filters in vecs' language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, TypeAlias, cast

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from vecs.exc import FilterError
from vecs.filters import OfAnyType
from vecs.sharing import brief

# A filter in vecs' language; None matches every record.
Filters: TypeAlias = "dict[str, Any] | None"

NOTHING: dict[str, Any] = {"$id": {"$in": []}}

# The keys by which LlamaIndex's stores filter on, and this one groups by, a node's source document.
DOCUMENT_KEYS = frozenset(("doc_id", "ref_doc_id", "document_id"))


def to_filters(given: Any) -> Filters:
    """
    Return a filter in vecs' language that matches what LlamaIndex's own filter matches; None where that is everything.

    NE and NIN match records without the key, too, and NOT is none-of. Raises FilterError for what has no meaning.
    """
    made = _made(given)
    # LlamaIndex does not know what types columns of a table have.
    return None if made is None else OfAnyType(made)


def _made(given: Any) -> Filters:
    if given is None:
        return None
    if isinstance(given, MetadataFilter):
        return _condition(given)
    if not isinstance(given, MetadataFilters):
        raise FilterError(f"filters must be MetadataFilters, not {type(given).__name__}: {brief(given)}")
    parts = [_made(part) for part in given.filters]
    if not parts:
        return None
    if given.condition == FilterCondition.OR:
        return any_of(parts)
    if given.condition == FilterCondition.NOT:
        return negated(any_of(parts))
    return all_of(parts)


def all_of(parts: Sequence[Mapping[str, Any] | None]) -> Filters:
    """Return the filter that matches what all of these match."""
    kept = [part if isinstance(part, dict) else dict(part) for part in parts if part is not None]
    return None if not kept else kept[0] if len(kept) == 1 else {"$and": kept}


def any_of(parts: Sequence[Filters]) -> Filters:
    """Return the filter that matches what one of these matches."""
    kept = [part for part in parts if part is not None]
    if len(kept) < len(parts):
        return None
    return NOTHING if not kept else kept[0] if len(kept) == 1 else {"$or": kept}


def negated(part: Filters) -> Filters:
    """Return the filter that matches what this one does not."""
    return NOTHING if part is None else {"$not": part}


def _condition(given: MetadataFilter) -> Filters:
    operator = given.operator
    if given.key.startswith("$"):
        raise FilterError(f"metadata cannot be filtered on {brief(given.key)}: no key of a filter begins with $")
    if operator == FilterOperator.NE:
        return negated(_condition_on(given, FilterOperator.EQ))
    if operator == FilterOperator.NIN:
        return negated(_condition_on(given, FilterOperator.IN))
    return _condition_on(given, operator)


def _condition_on(given: MetadataFilter, operator: FilterOperator) -> Filters:
    if given.key not in DOCUMENT_KEYS or operator not in (FilterOperator.EQ, FilterOperator.IN):
        return _OPERATORS[operator](given)
    # Not the metadata: a node may claim there to be of any document.
    ids = [value for value in _listed(given.value) if isinstance(value, str) and value]
    return {"$document_id": {"$in": ids}} if ids else NOTHING


def _equal(given: MetadataFilter) -> Filters:
    if isinstance(given.value, list):
        return {given.key: {"$eq": given.value}}
    return _in(given)


def _in(given: MetadataFilter) -> Filters:
    if given.value is None:
        # As in LlamaIndex, a value that is absent or null is in no list.
        return NOTHING
    values = _values(_listed(given.value))
    return {given.key: values[0] if len(values) == 1 else {"$in": values}}


def _range(operator: str, compare: Callable[[Any, Any], bool]) -> Callable[[MetadataFilter], Filters]:
    def condition(given: MetadataFilter) -> Filters:
        if given.value is None or isinstance(given.value, list):
            raise FilterError(f"{_described(given)} compares with a number or a string, not with {brief(given.value)}")
        in_range = {given.key: {operator: given.value}}
        if isinstance(given.value, str):
            return in_range
        # As in Python, where True is 1.
        booleans = [value for value in (False, True) if compare(value, given.value)]
        return any_of([in_range, {given.key: {"$in": booleans}}]) if booleans else in_range

    return condition


def _contains(given: MetadataFilter) -> Filters:
    if isinstance(given.value, list):
        raise FilterError(f"{_described(given)} takes one value, not {brief(given.value)}; ANY and ALL take a list")
    return _any(given)


def _any(given: MetadataFilter) -> Filters:
    listed = _listed(given.value)
    in_text = [_like(given.key, value) for value in listed if isinstance(value, str)]
    return any_of([{given.key: {"$contains_any": _values(listed)}}, *in_text])


def _all(given: MetadataFilter) -> Filters:
    listed = _listed(given.value)
    if not listed:
        return {given.key: {"$ne": None}}
    each = [{given.key: {"$contains_any": _values([value])}} for value in listed]
    in_text = [_like(given.key, value) for value in listed if isinstance(value, str)]
    in_list = {given.key: {"$contains_all": listed}} if _values(listed) == listed else all_of(each)
    return any_of([in_list, all_of(in_text)]) if len(in_text) == len(listed) else in_list


def _text(operator: str) -> Callable[[MetadataFilter], Filters]:
    def condition(given: MetadataFilter) -> Filters:
        if not isinstance(given.value, str):
            raise FilterError(f"{_described(given)} takes a string, not {brief(given.value)}")
        return _like(given.key, given.value, operator)

    return condition


def _empty(given: MetadataFilter) -> Filters:
    return any_of([{given.key: {"$exists": False}}, {given.key: {"$in": [None, ""]}}, {given.key: {"$eq": []}}])


def _like(key: str, part: str, operator: str = "$like") -> dict[str, Any]:
    """Return the condition that a string has this part, no character of which is special."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {key: {operator: f"%{escaped}%"}}


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _values(listed: Sequence[Any]) -> list[Any]:
    """Add what equals a value in Python, where True is 1: LlamaIndex has no other way to ask for a boolean."""
    values: list[Any] = []
    for value in listed:
        values.append(value)
        if value in (0, 1):
            values.append(bool(value))
    return values


def _described(given: MetadataFilter) -> str:
    return f"the filter {given.operator.name} on {brief(given.key)}"


_OPERATORS: dict[FilterOperator, Callable[[MetadataFilter], Filters]] = {
    FilterOperator.EQ: _equal,
    FilterOperator.IN: _in,
    FilterOperator.GT: _range("$gt", gt),
    FilterOperator.GTE: _range("$gte", ge),
    FilterOperator.LT: _range("$lt", lt),
    FilterOperator.LTE: _range("$lte", le),
    FilterOperator.CONTAINS: _contains,
    FilterOperator.ANY: _any,
    FilterOperator.ALL: _all,
    FilterOperator.TEXT_MATCH: _text("$like"),
    FilterOperator.TEXT_MATCH_INSENSITIVE: _text("$ilike"),
    FilterOperator.IS_EMPTY: _empty,
}
