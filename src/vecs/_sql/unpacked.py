"""Filters with many conditions: what they look at is unpacked once per record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vecs._checks.json import encode_json
from vecs._sql.filters import COMPARE, MAX_CONTAINED, condition, has_any, operator
from vecs._sql.fragment import Fragment, join, qualified
from vecs.filters import (
    And,
    Column,
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

# How many copies of a record's metadata the conditions of one filter may make where they stand for themselves: Postgres
# unpacks the whole once per condition, and keeps every copy until it has done with the record.
MOST_COPIES = 64

# In which form a condition looks at a value.
_Form: TypeAlias = Literal["json", "text", "lower"]


def matching(node: Filter) -> Fragment:
    """
    Return a boolean expression over the columns of a record, as `condition()` does, that takes bounded memory.

    Where the conditions would make more than `MOST_COPIES` copies of the metadata, a subselect takes out what they look
    at first. No index answers it, so conditions of the filter's top that an index may answer stay outside.
    """
    if copies(node) <= MOST_COPIES:
        return condition(node)
    outside: list[Filter] = []
    inside: list[Filter] = []
    left = MOST_COPIES
    for part in sorted(node.parts if isinstance(node, And) else (node,), key=_rank):
        if (cost := copies(part)) <= left:
            outside.append(part)
            left -= cost
        else:
            inside.append(part)
    within = _Unpacked().select(And(tuple(inside)))
    return join(" and ", [*map(condition, outside), within])


def copies(node: Filter) -> int:
    """Return how many copies of the whole metadata, or text, the conditions of a filter make of a record, roughly."""
    return sum(map(_copies, conditions_of(node)))


def _copies(part: Filter) -> int:
    match part:
        case Column(column, compare, _):
            # Ids are short. Either pattern's string is copied once more in lower case.
            copies = 0 if column != "text" else 2 if compare == "$ilike" else 1
        case Typed():
            copies = 0
        case Shown(shown):
            # Each makes the whole anew.
            return 2 * _copies(shown)
        case Range(_, _, bound):
            copies = 4 if isinstance(bound, str) else 2
        case Like(_, _, ignore_case):
            copies = 5 if ignore_case else 4
        case In(_, values, negated):
            copies = 2 if negated else _values(values)
        case Contains(_, values, every):
            copies = 1 if every else _values(values)
        case _:
            copies = 1
    # A path is looked for in two places, and each of its steps is copied.
    steps = 0 if isinstance(part, And | Or | Not | Column | Typed) else part.key.count(".")
    return copies * (2 + steps if steps else 1)


def _values(values: Sequence[Any]) -> int:
    return len(values) if len(values) <= MAX_CONTAINED else 2


def _rank(node: Filter) -> int:
    """Return a smaller number for a condition that an index is more likely to answer."""
    match node:
        case And(parts):
            return min(map(_rank, parts))
        case Or(parts):
            return max(map(_rank, parts))
        case Equals() | Contains() | Column() | Typed() | In(_, _, False):
            return 0
        case Range():
            return 1
        case _:
            return 2


class _Unpacked:
    """
    The subselect that takes out of a record what conditions look at.

    It has three levels, which OFFSET 0 keeps apart: the whole metadata and text, the JSON at each key, and strings.
    """

    def __init__(self) -> None:
        self._columns: dict[tuple[str, _Form], Fragment] = {}

    def select(self, node: Filter) -> Fragment:
        """Return the subselect of a filter's truth."""
        test = self._test(node)
        keys = dict.fromkeys(key for key, _ in self._columns)
        names = {key: Fragment((f"k{n}",)) for n, key in enumerate(keys)}
        # Of an empty object nothing is joined: the result is the left side, unpacked.
        whole = [qualified("metadata || '{{}}'::pg_catalog.jsonb as metadata")]
        if "$text" in keys:
            whole.append(qualified("text || '' as text"))
        return qualified(
            """(
            select {test} from (
                select {forms} from (
                    select {values} from (select {whole} offset 0) as whole offset 0
                ) as taken offset 0
            ) as looked_at
        )""",
            test=test,
            forms=join(
                ", ",
                (
                    qualified("{value} as {name}", value=_formed(names[key], key, form), name=name)
                    for (key, form), name in self._columns.items()
                ),
            ),
            values=join(", ", (qualified("{at} as {name}", at=_taken(key), name=names[key]) for key in keys)),
            whole=join(", ", whole),
        )

    def _column(self, key: str, form: _Form) -> Fragment:
        return self._columns.setdefault((key, form), Fragment((f"v{len(self._columns)}",)))

    def _test(self, node: Filter) -> Fragment:
        match node:
            case And(parts):
                return qualified("({all})", all=join(" and ", map(self._test, parts)))
            case Or(parts):
                return qualified("({any})", any=join(" or ", map(self._test, parts)))
            case Not(parts):
                return qualified("(({any}) is not true)", any=join(" or ", map(self._test, parts)))
            case Column("text", compare, operand):
                return self._of_text(compare, operand)
            case Column() | Typed() | Shown():
                return condition(node)
            case Range(key, compare, str() as bound):
                return qualified(
                    '({found} collate pg_catalog."C"{op}{bound}::pg_catalog.text)',
                    found=self._column(key, "text"),
                    op=operator(COMPARE[compare]),
                    bound=bound,
                )
            case Like(key, pattern, ignore_case):
                return self._like(key, pattern, ignore_case)
            case _:
                return _of_json(node, self._column(node.key, "json"))

    def _of_text(self, compare: str, operand: Any) -> Fragment:
        if compare in ("$like", "$ilike"):
            return self._like("$text", operand, compare == "$ilike")
        tests: dict[str, LiteralString] = {
            "$eq": "({text} = {operand}::pg_catalog.text)",
            "$contains": "(pg_catalog.strpos({text}, {operand}::pg_catalog.text) > 0)",
            "$exists": "({text} is not null)" if operand else "({text} is null)",
        }
        return qualified(tests[compare], text=self._column("$text", "text"), operand=operand)

    def _like(self, key: str, pattern: str, ignore_case: bool) -> Fragment:
        # ILIKE is LIKE of both in lower case; it would make that of the string once per pattern.
        test: LiteralString = (
            "({found} ~~ pg_catalog.lower({pattern}::pg_catalog.text))"
            if ignore_case
            else "({found} ~~ {pattern}::pg_catalog.text)"
        )
        return qualified(test, found=self._column(key, "lower" if ignore_case else "text"), pattern=pattern)


def _of_json(node: Filter, found: Fragment) -> Fragment:
    match node:
        case Equals(_, value):
            return qualified("({found} = {value}::pg_catalog.jsonb)", found=found, value=encode_json(value))
        case NotEquals(_, value):
            return qualified("({found} <> {value}::pg_catalog.jsonb)", found=found, value=encode_json(value))
        case Exists(_, wanted):
            return qualified("({found} is not null)" if wanted else "({found} is null)", found=found)
        case Range(_, compare, bound):
            return qualified(
                "((case when pg_catalog.jsonb_typeof({found}) = 'number' then ({found})::numeric end)"
                "{op}{bound}::numeric)",
                found=found,
                op=operator(COMPARE[compare]),
                bound=encode_json(bound),
            )
        case In(_, values, negated):
            return qualified(
                "({found} is not null and {found} <> all({values}::pg_catalog.text[]::pg_catalog.jsonb[]))"
                if negated
                else "({found} = any({values}::pg_catalog.text[]::pg_catalog.jsonb[]))",
                found=found,
                values=[encode_json(value) for value in values],
            )
        case Contains(_, values, every=True):
            return qualified("({found} @> {values}::pg_catalog.jsonb)", found=found, values=encode_json(list(values)))
        case Contains(_, values, _):
            return has_any(found, values)
        case _:
            raise AssertionError(node)


def _taken(key: str) -> Fragment:
    if key == "$text":
        return qualified("text")
    if "." not in key:
        return qualified("metadata -> {key}::pg_catalog.text", key=key)
    # Unlike a chain of `->`, a path copies nothing but what it leads to. Strict: arrays are not looked into.
    path = "".join(f".{json.dumps(step, ensure_ascii=False)}" for step in key.split("."))
    return qualified(
        """coalesce(
            metadata -> {key}::pg_catalog.text,
            pg_catalog.jsonb_path_query_first(metadata, {path}::pg_catalog.jsonpath, '{{}}'::pg_catalog.jsonb, true)
        )""",
        key=key,
        path=f"strict ${path}",
    )


def _formed(value: Fragment, key: str, form: _Form) -> Fragment:
    if form == "json":
        return value
    if key != "$text":
        value = qualified(
            "case when pg_catalog.jsonb_typeof({value}) = 'string' then {value} #>> '{{}}' end", value=value
        )
    return qualified("pg_catalog.lower({value})", value=value) if form == "lower" else value
