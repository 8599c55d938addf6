"""Conditions on columns of other types than a record's own, such that the columns' own indexes answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vecs._sql.fragment import Fragment, Identifier, qualified
from vecs.typed import Typed

if TYPE_CHECKING:
    from typing_extensions import LiteralString

_COMPARE: dict[str, LiteralString] = {
    "$eq": "=",
    "$ne": "<>",
    "$gt": ">",
    "$gte": ">=",
    "$lt": "<",
    "$lte": "<=",
    "$contains": "@>",
    "$contains_all": "@>",
    "$contains_any": "&&",
    "$like": "~~",
    "$ilike": "~~*",
}


def typed_condition(node: Typed) -> Fragment:
    """Return a boolean expression, which is not true where the column is NULL."""
    column = qualified("{column}", column=Identifier(node.column.reference))
    if node.operator == "$in" and node.operand == ():
        return qualified("false")
    if node.operator == "$nin" and node.operand == ():
        return qualified("({column} is not null)", column=column)
    if node.operator == "$exists":
        return qualified("({column} is not null)" if node.operand else "({column} is null)", column=column)
    if node.column.kind == "json":
        return _of_json(node, column)
    type = Identifier(node.cast.schema, node.cast.name)
    if node.operator in ("$in", "$nin"):
        return _in(node, column, type)
    if node.column.kind == "text" and node.operator in ("$contains", "$like", "$ilike"):
        return _of_text(node, column)
    if isinstance(node.operand, tuple):
        operand = qualified("{values}::pg_catalog.text[]::{type}", values=list(node.operand), type=type)
    else:
        operand = qualified("{value}::{type}", value=node.operand, type=type)
    return qualified("({column}{op}{operand})", column=column, op=_operator(node, node.operator), operand=operand)


def _operator(node: Typed, operator: str) -> Fragment:
    # Types of extensions, as citext is one, have operators of their own beside them.
    schema = node.cast.schema if node.column.kind == "text" else "pg_catalog"
    return Fragment((f" operator({Identifier(schema).sql}.{_COMPARE[operator]}) ",))


def _in(node: Typed, column: Fragment, type: Identifier) -> Fragment:
    operand: object = node.operand
    values = qualified(
        "{values}::pg_catalog.text[]::{type}[]", values=list(operand) if isinstance(operand, tuple) else [], type=type
    )
    if node.operator == "$in":
        return qualified("({column}{eq}any({values}))", column=column, eq=_operator(node, "$eq"), values=values)
    # `<> all` of an empty array is true even for NULL.
    return qualified(
        "({column} is not null and {column}{ne}all({values}))", column=column, ne=_operator(node, "$ne"), values=values
    )


def _of_text(node: Typed, column: Fragment) -> Fragment:
    value = node.operand
    if node.operator != "$contains":
        # As a pattern of text: of a type of fixed length the pattern would be padded, too.
        return qualified(
            "({column}{op}{value}::pg_catalog.text)"
            if node.cast.schema == "pg_catalog"
            else "(({column}){op}{value}::pg_catalog.text)",
            column=column,
            op=_operator(node, node.operator),
            value=value,
        )
    if node.cast.schema != "pg_catalog":
        return qualified(
            "(pg_catalog.strpos(pg_catalog.lower({column}::pg_catalog.text), "
            "pg_catalog.lower({value}::pg_catalog.text)) > 0)",
            column=column,
            value=value,
        )
    return qualified(
        "(pg_catalog.strpos({column}::pg_catalog.text, {value}::pg_catalog.text) > 0)", column=column, value=value
    )


def _of_json(node: Typed, column: Fragment) -> Fragment:
    # Of type json the values are made jsonb, which has the operators.
    found = qualified("{column}::pg_catalog.jsonb", column=column)
    operand: object = node.operand
    values = list(operand) if isinstance(operand, tuple) else []
    match node.operator:
        case "$in":
            return qualified("({found} = any({v}::pg_catalog.text[]::pg_catalog.jsonb[]))", found=found, v=values)
        case "$nin":
            return qualified(
                "({found} is not null and {found} <> all({v}::pg_catalog.text[]::pg_catalog.jsonb[]))",
                found=found,
                v=values,
            )
        case "$contains" | "$contains_all":
            return qualified("({found} @> {v}::pg_catalog.jsonb)", found=found, v=f"[{','.join(values)}]")
        case "$contains_any":
            each = [f"[{value}]" for value in values]
            return qualified("({found} @> any({v}::pg_catalog.text[]::pg_catalog.jsonb[]))", found=found, v=each)
        case "$eq":
            return qualified("({found} = {v}::pg_catalog.jsonb)", found=found, v=operand)
        case _:
            return qualified("({found} <> {v}::pg_catalog.jsonb)", found=found, v=operand)
