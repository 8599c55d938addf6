"""Filters as a condition on a record's columns, its metadata above all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vecs._checks.json import encode_json
from vecs._sql.fragment import Fragment, Identifier, join, qualified
from vecs._sql.names import unqualified
from vecs._sql.typed import typed_condition
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
    Shown,
    conditions_of,
)
from vecs.typed import Typed

if TYPE_CHECKING:
    from typing_extensions import LiteralString

# Up to so many values are tested by containment, which unpacks the whole metadata for each: 2,000 values on a record of
# 1 MB took a backend to 2 GB (by hand, 2026-11-22).
MAX_CONTAINED = 50

# As in typed_value(): how many characters of a string are compared through an index.
_CUT = 200

# A condition is kept in one row of the catalog.
_LONGEST = 2000

KeyType: TypeAlias = Literal["number", "string"]
KEY_TYPES: tuple[KeyType, ...] = ("number", "string")

COMPARE: dict[str, LiteralString] = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}

# The column stays as it is, a varchar in collections of vecs 0.4: an index answers nothing but the column itself.
_COLUMN_TESTS: dict[ColumnOperator, LiteralString] = {
    "$eq": "({column} = {operand}::pg_catalog.text)",
    "$ne": "({column} <> {operand}::pg_catalog.text)",
    "$in": "({column} = any({operand}::pg_catalog.text[]))",
    # `<> all` of an empty array is true even for NULL.
    "$nin": "({column} is not null and {column} <> all({operand}::pg_catalog.text[]))",
    "$like": "({column} ~~ {operand}::pg_catalog.text)",
    "$ilike": "({column} ~~* {operand}::pg_catalog.text)",
    "$contains": "(pg_catalog.strpos({column}, {operand}::pg_catalog.text) > 0)",
}


def condition(node: Filter) -> Fragment:
    """
    Return a boolean expression over the columns of a record.

    It may be NULL where it means false; only Not looks at the difference, so no other node guards against it
    and expression indexes stay usable.
    """
    match node:
        case And(parts):
            return qualified("({all})", all=join(" and ", map(condition, parts)))
        case Or(parts):
            return qualified("({any})", any=join(" or ", map(condition, parts)))
        case Not(parts):
            return qualified("(({any}) is not true)", any=join(" or ", map(condition, parts)))
        case Equals(key, value):
            return _equals(key, value)
        case NotEquals(key, value):
            return qualified("({found} <> {value}::pg_catalog.jsonb)", found=value_at(key), value=encode_json(value))
        case Range(key, compare, bound):
            return _range(key, COMPARE[compare], bound)
        case In(key, values, negated):
            if negated:
                return _not_in(key, values)
            return _holds_any(key, values) if len(values) <= MAX_CONTAINED else _is_any(key, values)
        case Exists(key, wanted):
            test: LiteralString = "({found} is not null)" if wanted else "({found} is null)"
            return qualified(test, found=value_at(key))
        case Like(key, pattern, ignore_case):
            return _like(key, pattern, "~~*" if ignore_case else "~~")
        case Contains(key, values, every):
            if every:
                return _holds(key, list(values))
            if len(values) <= MAX_CONTAINED:
                return _holds_any(key, [[value] for value in values])
            return has_any(value_at(key), values)
        case Column():
            return _of_column(node)
        case Typed():
            return typed_condition(node)
        case Shown(part):
            return of_shown(condition(part))


def of_shown(expression: Fragment) -> Fragment:
    """Return an expression over metadata, of metadata with the declared columns as its keys; no index answers it."""
    return qualified("(select {expression} from (select shown as metadata) as whole)", expression=expression)


def _of_column(node: Column) -> Fragment:
    column, operand = Identifier(node.column), node.operand
    if node.operator == "$exists":
        return qualified("({column} is not null)" if operand else "({column} is null)", column=column)
    value = list(operand) if isinstance(operand, tuple) else operand
    return qualified(_COLUMN_TESTS[node.operator], column=column, operand=value)


def value_at(key: str) -> Fragment:
    """Return the JSON at a key: the literal key where there is one, else the path through objects."""
    if "." not in key:
        return qualified("(metadata -> {key}::pg_catalog.text)", key=key)
    path = join("", (qualified(" -> {step}::pg_catalog.text", step=step) for step in key.split(".")))
    return qualified("coalesce(metadata -> {key}::pg_catalog.text, metadata{path})", key=key, path=path)


def _at_path(key: str, value: Any) -> Any:
    for step in reversed(key.split(".")):
        value = {step: value}
    return value


def _holds(key: str, value: Any) -> Fragment:
    # Containment, not `-> =`: `@>` is what the GIN index can answer.
    literal = qualified("metadata @> {match}::pg_catalog.jsonb", match=encode_json({key: value}))
    if "." not in key:
        return literal
    return qualified(
        "({literal} or ({absent} and metadata @> {match}::pg_catalog.jsonb))",
        literal=literal,
        absent=_literal_key_absent(key),
        match=encode_json(_at_path(key, value)),
    )


def _holds_any(key: str, values: Any) -> Fragment:
    literal = qualified(
        "metadata @> any({matches}::pg_catalog.text[]::pg_catalog.jsonb[])",
        matches=[encode_json({key: value}) for value in values],
    )
    if "." not in key:
        return literal
    return qualified(
        "({literal} or ({absent} and metadata @> any({matches}::pg_catalog.text[]::pg_catalog.jsonb[])))",
        literal=literal,
        absent=_literal_key_absent(key),
        matches=[encode_json(_at_path(key, value)) for value in values],
    )


def _is_any(key: str, values: Sequence[Any]) -> Fragment:
    return qualified(
        "({found} = any({values}::pg_catalog.text[]::pg_catalog.jsonb[]))",
        found=value_at(key),
        values=[encode_json(value) for value in values],
    )


def has_any(found: Fragment, values: Sequence[Any]) -> Fragment:
    """Return whether JSON is an array with one of these scalars, however many they are."""
    return qualified(
        """exists (
            select from pg_catalog.jsonb_array_elements(
                case when pg_catalog.jsonb_typeof({found}) = 'array' then {found} else '[]'::pg_catalog.jsonb end
            ) as e (element)
            where e.element = any({values}::pg_catalog.text[]::pg_catalog.jsonb[])
        )""",
        found=found,
        values=[encode_json(value) for value in values],
    )


def _literal_key_absent(key: str) -> Fragment:
    return qualified("metadata -> {key}::pg_catalog.text is null", key=key)


def _equals(key: str, value: Any) -> Fragment:
    held = _holds(key, value)
    if value is None or isinstance(value, str | int | float | bool):
        return held
    # An array or object contains smaller ones: containment finds candidates, equality decides.
    return qualified(
        "({held} and {found} = {value}::pg_catalog.jsonb)", held=held, found=value_at(key), value=encode_json(value)
    )


def typed_value(key: str, type: KeyType) -> Fragment:
    """
    Return what range conditions compare, and what an index for them is on; NULL for values of other types.

    A CASE, because it never casts what it must not, and because the planner takes its statistics of an expression
    from an index that is not partial. A string is cut: a btree takes no row above some 2,700 bytes, and an index
    must not make a write fail.
    """
    if type == "number":
        return qualified(
            "(case when pg_catalog.jsonb_typeof({found}) = 'number' then ({found})::numeric end)", found=value_at(key)
        )
    # By code point whatever the database's collation, and as Python compares.
    return qualified(
        "((case when pg_catalog.jsonb_typeof({found}) = 'string' then pg_catalog.left({found} #>> '{{}}', 200) end) "
        'collate pg_catalog."C")',
        found=value_at(key),
    )


def _range(key: str, compare: LiteralString, bound: int | float | str) -> Fragment:
    comparison = operator(compare)
    if not isinstance(bound, str):
        return qualified(
            "({value}{op}{bound}::numeric)",
            value=typed_value(key, "number"),
            op=comparison,
            bound=encode_json(bound),
        )
    if len(bound) < _CUT:
        # Shorter than the cut: cut and whole strings compare with it alike.
        return qualified(
            "({value}{op}{bound}::pg_catalog.text)", value=typed_value(key, "string"), op=comparison, bound=bound
        )
    return qualified(
        """({value}{or_equal}{cut}::pg_catalog.text and pg_catalog.jsonb_typeof({found}) = 'string'
            and ({found} #>> '{{}}') collate pg_catalog."C"{op}{bound}::pg_catalog.text)""",
        value=typed_value(key, "string"),
        or_equal=operator(">=" if compare.startswith(">") else "<="),
        cut=bound[:_CUT],
        found=value_at(key),
        op=comparison,
        bound=bound,
    )


def operator(name: LiteralString) -> Fragment:
    """Return an operator of Postgres' own, between blanks."""
    return Fragment((f" operator(pg_catalog.{name}) ",))


def index_condition(node: Filter) -> Fragment:
    """Return the condition with its values as constants, as an index on a part of the records needs it."""
    _check_immutable(node)
    text = condition(node).inline().decode()
    size = len(unqualified(text).encode())
    if size > _LONGEST:
        raise ArgError(
            f"the condition of an index may have {_LONGEST} bytes as SQL, not {size}; use fewer or shorter values"
        )
    return Fragment((text,))


def _check_immutable(node: Filter) -> None:
    for part in conditions_of(node):
        if isinstance(part, Column | Typed):
            raise ArgError(
                f"{part.key} cannot choose the records of an index, only metadata can; leave it out here, and search "
                "with it all the same"
            )
        if isinstance(part, Contains) and not part.every and len(part.values) > MAX_CONTAINED:
            raise ArgError(
                f"$contains_any for {part.key!r} has {len(part.values)} values; the condition of an index takes up to "
                f"{MAX_CONTAINED} of them (beyond, it is a subquery), and any other operator"
            )


def _not_in(key: str, values: tuple[Any, ...]) -> Fragment:
    # `<> all` of an empty array is true even for NULL, hence the explicit test.
    return qualified(
        "({found} is not null and {found} <> all({values}::pg_catalog.text[]::pg_catalog.jsonb[]))",
        found=value_at(key),
        values=[encode_json(value) for value in values],
    )


def _like(key: str, pattern: str, matches: LiteralString) -> Fragment:
    return qualified(
        "(pg_catalog.jsonb_typeof({found}) = 'string' and ({found} #>> '{{}}'){matches}{pattern}::pg_catalog.text)",
        found=value_at(key),
        matches=operator(matches),
        pattern=pattern,
    )
