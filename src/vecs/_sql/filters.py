"""Filters as a condition on a record's columns, its metadata above all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vecs._checks.json import encode_json
from vecs._sql.fragment import Fragment, Identifier, fragment, join
from vecs.exc import ArgError
from vecs.filters import (
    And,
    Column,
    ColumnOperator,
    Contains,
    Equals,
    Exists,
    Filter,
    In,
    Like,
    Not,
    NotEquals,
    Or,
    Range,
    conditions_of,
)

if TYPE_CHECKING:
    from typing_extensions import LiteralString

# Up to so many values are tested by containment, which unpacks the whole metadata for each: 2,000 values on a record of
# 1 MB took a backend to 2 GB (by hand, 2026-11-22).
_MAX_CONTAINED = 50

# As in typed_value(): how many characters of a string are compared through an index.
_CUT = 200

# A condition is kept in one row of the catalog.
_LONGEST = 2000

KeyType: TypeAlias = Literal["number", "string"]
KEY_TYPES: tuple[KeyType, ...] = ("number", "string")

_COMPARE: dict[str, LiteralString] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}

# The column stays as it is, a varchar in collections of vecs 0.4: an index answers nothing but the column itself.
_COLUMN_TESTS: dict[ColumnOperator, LiteralString] = {
    "$eq": "({column} = {operand}::text)",
    "$ne": "({column} <> {operand}::text)",
    "$in": "({column} = any({operand}::text[]))",
    # `<> all` of an empty array is true even for NULL.
    "$nin": "({column} is not null and {column} <> all({operand}::text[]))",
    "$like": "({column} like {operand}::text)",
    "$ilike": "({column} ilike {operand}::text)",
    "$contains": "(strpos({column}, {operand}::text) > 0)",
}


def condition(node: Filter) -> Fragment:
    """
    Return a boolean expression over the columns of a record.

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
            return fragment("({found} <> {value}::jsonb)", found=value_at(key), value=encode_json(value))
        case Range(key, operator, bound):
            return _range(key, _COMPARE[operator], bound)
        case In(key, values, negated):
            if negated:
                return _not_in(key, values)
            return _holds_any(key, values) if len(values) <= _MAX_CONTAINED else _is_any(key, values)
        case Exists(key, wanted):
            test: LiteralString = "({found} is not null)" if wanted else "({found} is null)"
            return fragment(test, found=value_at(key))
        case Like(key, pattern, ignore_case):
            return _like(key, pattern, ignore_case)
        case Contains(key, values, every):
            if every:
                return _holds(key, list(values))
            if len(values) <= _MAX_CONTAINED:
                return _holds_any(key, [[value] for value in values])
            return _has_any(key, values)
        case Column():
            return _of_column(node)


def _of_column(node: Column) -> Fragment:
    column, operand = Identifier(node.column), node.operand
    if node.operator == "$exists":
        return fragment("({column} is not null)" if operand else "({column} is null)", column=column)
    value = list(operand) if isinstance(operand, tuple) else operand
    return fragment(_COLUMN_TESTS[node.operator], column=column, operand=value)


def value_at(key: str) -> Fragment:
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
        found=value_at(key),
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
        found=value_at(key),
        values=[encode_json(value) for value in values],
    )


def _literal_key_absent(key: str) -> Fragment:
    return fragment("metadata -> {key}::text is null", key=key)


def _equals(key: str, value: Any) -> Fragment:
    held = _holds(key, value)
    if value is None or isinstance(value, str | int | float | bool):
        return held
    # An array or object contains smaller ones: containment finds candidates, equality decides.
    return fragment("({held} and {found} = {value}::jsonb)", held=held, found=value_at(key), value=encode_json(value))


def typed_value(key: str, type: KeyType) -> Fragment:
    """
    Return what range conditions compare, and what an index for them is on; NULL for values of other types.

    A CASE, because it never casts what it must not, and because the planner takes its statistics of an expression
    from an index that is not partial. A string is cut: a btree takes no row above some 2,700 bytes, and an index
    must not make a write fail.
    """
    if type == "number":
        return fragment("(case when jsonb_typeof({found}) = 'number' then ({found})::numeric end)", found=value_at(key))
    # By code point whatever the database's collation, and as Python compares.
    return fragment(
        """((case when jsonb_typeof({found}) = 'string' then left({found} #>> '{{}}', 200) end) collate "C")""",
        found=value_at(key),
    )


def _range(key: str, operator: LiteralString, bound: int | float | str) -> Fragment:
    comparison = Fragment((f" {operator} ",))
    if not isinstance(bound, str):
        return fragment(
            "({value}{op}{bound}::numeric)",
            value=typed_value(key, "number"),
            op=comparison,
            bound=encode_json(bound),
        )
    if len(bound) < _CUT:
        # Shorter than the cut: cut and whole strings compare with it alike.
        return fragment("({value}{op}{bound}::text)", value=typed_value(key, "string"), op=comparison, bound=bound)
    return fragment(
        """({value}{or_equal}{cut}::text and jsonb_typeof({found}) = 'string'
            and ({found} #>> '{{}}') collate "C"{op}{bound}::text)""",
        value=typed_value(key, "string"),
        or_equal=Fragment((" >= " if operator.startswith(">") else " <= ",)),
        cut=bound[:_CUT],
        found=value_at(key),
        op=comparison,
        bound=bound,
    )


def index_condition(node: Filter) -> Fragment:
    """Return the condition with its values as constants, as an index on a part of the records needs it."""
    _check_immutable(node)
    text = condition(node).inline().decode()
    if len(text.encode()) > _LONGEST:
        raise ArgError(
            f"the condition of an index may have {_LONGEST} bytes as SQL, not {len(text.encode())}; "
            "use fewer or shorter values"
        )
    return Fragment((text,))


def _check_immutable(node: Filter) -> None:
    for part in conditions_of(node):
        if isinstance(part, Column):
            raise ArgError(
                f"{part.key} cannot choose the records of an index, only metadata can; leave it out here, and search "
                "with it all the same"
            )
        if isinstance(part, Contains) and not part.every and len(part.values) > _MAX_CONTAINED:
            raise ArgError(
                f"$contains_any for {part.key!r} has {len(part.values)} values; the condition of an index takes up to "
                f"{_MAX_CONTAINED} of them (beyond, it is a subquery), and any other operator"
            )


def _not_in(key: str, values: tuple[Any, ...]) -> Fragment:
    # `<> all` of an empty array is true even for NULL, hence the explicit test.
    return fragment(
        "({found} is not null and {found} <> all({values}::text[]::jsonb[]))",
        found=value_at(key),
        values=[encode_json(value) for value in values],
    )


def _like(key: str, pattern: str, ignore_case: bool) -> Fragment:
    test: LiteralString = (
        "(jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}') ilike {pattern}::text)"
        if ignore_case
        else "(jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}') like {pattern}::text)"
    )
    return fragment(test, found=value_at(key), pattern=pattern)
