"""Filters of LangChain's users in vecs' language. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.structured_query import FilterDirective

from langchain_vecs.namespaces import NAMESPACE_KEY
from langchain_vecs.translator import translated
from vecs.exc import FilterError
from vecs.filters import is_empty, parsed_filters
from vecs.sharing import brief


def to_filters(
    given: Any, namespace: str | None = None, *conditions: Mapping[str, Any] | None, columns: bool = False
) -> dict[str, Any] | None:
    """
    Return a filter in vecs' language, for the records of a namespace; None where it excludes nothing.

    Understood are vecs' own language, which holds langchain-postgres', Chroma's `$not_contains`, and the
    comparisons and operations of `langchain_core.structured_query`. With `columns`, keys such as `$price` may name
    columns of the table, which the collection checks.
    """
    if isinstance(given, FilterDirective):
        given = translated(given)
    if given is not None and not isinstance(given, Mapping):
        raise FilterError(
            "a filter must be a dict, or a Comparison or Operation of langchain_core.structured_query, not "
            f"{type(given).__name__}: {brief(given)}"
        )
    parts: list[Any] = [] if namespace is None else [{NAMESPACE_KEY: namespace}]
    parts += [part for part in (_checked(given, columns), *conditions) if part]
    return None if not parts else parts[0] if len(parts) == 1 else {"$and": parts}


def _checked(given: Any, columns: bool = False) -> dict[str, Any] | None:
    """
    Return a filter in vecs' language, or None if it has no condition.

    Raises FilterError if the filter is malformed, also if the collection does not exist yet.
    """
    try:
        respelled = _respelled(given)
        empty = is_empty(respelled) if columns else parsed_filters(respelled) is None
        return None if empty else respelled
    except RecursionError:
        raise FilterError("the filter is nested too deeply, or contains itself") from None


def _respelled(filters: Any) -> Any:
    """Write Chroma's `$not_contains` as the negation it is."""
    if isinstance(filters, list | tuple):
        return [_respelled(part) for part in cast("Sequence[Any]", filters)]
    if not isinstance(filters, Mapping):
        return filters
    parts: list[Any] = []
    rest: dict[Any, Any] = {}
    for key, value in cast("Mapping[Any, Any]", filters).items():
        if isinstance(value, Mapping) and "$not_contains" in value and not str(key).startswith("$"):
            conditions = dict(cast("Mapping[Any, Any]", value))
            parts.append({"$not": {key: {"$contains": conditions.pop("$not_contains")}}})
            if not conditions:
                continue
            value = conditions
        rest[key] = _respelled(value) if key in ("$and", "$or", "$not") else value
    if not parts:
        return rest
    return {"$and": [*parts, rest]} if rest else {"$and": parts}


def text_filters(given: Any) -> dict[str, Any] | None:
    """Return Chroma's `where_document` as a filter on the text."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise FilterError(f"where_document is a dict such as {{'$contains': 'word'}}, not {brief(given)}")
    parts: list[Any] = []
    for operator, operand in cast("Mapping[Any, Any]", given).items():
        if operator == "$contains":
            parts.append({"$text": {"$contains": operand}})
        elif operator == "$not_contains":
            parts.append({"$not": {"$text": {"$contains": operand}}})
        elif operator in ("$and", "$or") and isinstance(operand, list):
            parts.append({operator: [text_filters(part) or {} for part in cast("list[Any]", operand)]})
        else:
            raise FilterError(
                f"unknown operator {brief(operator)} in where_document; expected $contains, $not_contains, $and or $or"
            )
    return None if not parts else _checked(parts[0] if len(parts) == 1 else {"$and": parts})
