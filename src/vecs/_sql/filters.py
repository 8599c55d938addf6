"""Filters as a condition on the metadata column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vecs._json import encode_json
from vecs._sql.fragment import Fragment, fragment, join
from vecs.filters import And, Contains, Equals, Exists, Filter, In, Like, Not, NotEquals, Or, Range

if TYPE_CHECKING:
    from typing_extensions import LiteralString

# Containment unpacks the whole metadata for each value: beyond a few, a large record would cost gigabytes.
_FEW = 50

_COMPARE: dict[str, LiteralString] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


def condition(node: Filter) -> Fragment:
    """
    Return a boolean expression over `metadata`.

    It may be NULL where it means false; only Not looks at the difference, so no other node guards against it
    and expression indexes stay usable.
    """
    match node:
        case And(parts):
            return fragment("({all})", all=join(" and ", map(condition, parts)))
        case Or(parts):
            return fragment("({any})", any=join(" or ", map(condition, parts)))
        case Not(parts):
            return fragment("(({any}) is not true)", any=join(" or ", map(condition, parts)))
        case Equals(key, value):
            return _equals(key, value)
        case NotEquals(key, value):
            return fragment("({found} <> {value}::jsonb)", found=_value(key), value=encode_json(value))
        case Range(key, operator, bound):
            return _range(key, _COMPARE[operator], bound)
        case In(key, values, negated):
            if negated:
                return _not_in(key, values)
            return _holds_any(key, values) if len(values) <= _FEW else _is_any(key, values)
        case Exists(key, wanted):
            test: LiteralString = "({found} is not null)" if wanted else "({found} is null)"
            return fragment(test, found=_value(key))
        case Like(key, pattern, ignore_case):
            return _like(key, pattern, ignore_case)
        case Contains(key, values, every):
            if every:
                return _holds(key, list(values))
            if len(values) <= _FEW:
                return _holds_any(key, [[value] for value in values])
            return _has_any(key, values)


def _value(key: str) -> Fragment:
    """Return the JSON at a key: the literal key where there is one, else the path through objects."""
    if "." not in key:
        return fragment("(metadata -> {key}::text)", key=key)
    path = join("", (fragment(" -> {step}::text", step=step) for step in key.split(".")))
    return fragment("coalesce(metadata -> {key}::text, metadata{path})", key=key, path=path)


def _at_path(key: str, value: Any) -> Any:
    for step in reversed(key.split(".")):
        value = {step: value}
    return value


def _holds(key: str, value: Any) -> Fragment:
    # Containment, not `-> =`: `@>` is what the GIN index can answer.
    literal = fragment("metadata @> {match}::jsonb", match=encode_json({key: value}))
    if "." not in key:
        return literal
    return fragment(
        "({literal} or ({absent} and metadata @> {match}::jsonb))",
        literal=literal,
        absent=_literal_key_absent(key),
        match=encode_json(_at_path(key, value)),
    )


def _holds_any(key: str, values: Any) -> Fragment:
    literal = fragment(
        "metadata @> any({matches}::text[]::jsonb[])", matches=[encode_json({key: value}) for value in values]
    )
    if "." not in key:
        return literal
    return fragment(
        "({literal} or ({absent} and metadata @> any({matches}::text[]::jsonb[])))",
        literal=literal,
        absent=_literal_key_absent(key),
        matches=[encode_json(_at_path(key, value)) for value in values],
    )


def _is_any(key: str, values: Sequence[Any]) -> Fragment:
    return fragment(
        "({found} = any({values}::text[]::jsonb[]))",
        found=_value(key),
        values=[encode_json(value) for value in values],
    )


def _has_any(key: str, values: Sequence[Any]) -> Fragment:
    return fragment(
        """exists (
            select from jsonb_array_elements(
                case when jsonb_typeof({found}) = 'array' then {found} else '[]'::jsonb end
            ) as e (element)
            where e.element = any({values}::text[]::jsonb[])
        )""",
        found=_value(key),
        values=[encode_json(value) for value in values],
    )


def _literal_key_absent(key: str) -> Fragment:
    return fragment("metadata -> {key}::text is null", key=key)


def _equals(key: str, value: Any) -> Fragment:
    held = _holds(key, value)
    if value is None or isinstance(value, str | int | float | bool):
        return held
    # An array or object contains smaller ones: containment finds candidates, equality decides.
    return fragment("({held} and {found} = {value}::jsonb)", held=held, found=_value(key), value=encode_json(value))


def _range(key: str, operator: LiteralString, bound: int | float | str) -> Fragment:
    found = _value(key)
    comparison = Fragment((f" {operator} ",))
    if isinstance(bound, str):
        # By code point whatever the database's collation, and as Python compares.
        return fragment(
            """(jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}') collate "C"{op}{bound}::text)""",
            found=found,
            op=comparison,
            bound=bound,
        )
    # jsonb compares two numbers as numeric: no cast that could raise on other data.
    return fragment(
        "(jsonb_typeof({found}) = 'number' and {found}{op}{bound}::jsonb)",
        found=found,
        op=comparison,
        bound=encode_json(bound),
    )


def _not_in(key: str, values: tuple[Any, ...]) -> Fragment:
    # `<> all` of an empty array is true even for NULL, hence the explicit test.
    return fragment(
        "({found} is not null and {found} <> all({values}::text[]::jsonb[]))",
        found=_value(key),
        values=[encode_json(value) for value in values],
    )


def _like(key: str, pattern: str, ignore_case: bool) -> Fragment:
    test: LiteralString = (
        "(jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}') ilike {pattern}::text)"
        if ignore_case
        else "(jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}') like {pattern}::text)"
    )
    return fragment(test, found=_value(key), pattern=pattern)
