"""SQL as a value: what a template is filled with, and what is sent."""

from __future__ import annotations

from typing import Any, cast

import pytest

from vecs.exc import ArgError
from vecs.sql import Fragment, Identifier, Literal, Param, fragment, join, qualified


def sent(statement: Fragment) -> tuple[str, list[Any]]:
    text, params = statement.render()
    return text.decode(), params


def test_values_become_parameters_and_names_identifiers() -> None:
    made = fragment("select {column} from t where a = {a} and b = {b}", column=Identifier('x"y'), a="'", b=None)
    assert sent(made) == ('select "x""y" from t where a = $1 and b = $2', ["'", None])


def test_a_value_that_is_used_twice_is_sent_once() -> None:
    assert sent(fragment("{a} {b} {a}", a=1, b=1)) == ("$1 $2 $1", [1, 1])
    shared = Param([1.5])
    parts = [fragment("{vec}", vec=shared), fragment("{n}", n=2), fragment("{again}", again=shared)]
    assert sent(join(", ", parts)) == ("$1, $2, $1", [[1.5], 2])


def test_fragments_are_put_into_fragments() -> None:
    condition = fragment("a = {a}", a=1)
    both = fragment("select {b} where {condition} or not {condition}", b=2, condition=condition)
    assert sent(both) == ("select $1 where a = $2 or not a = $2", [2, 1])
    assert sent(fragment("")) == sent(join(" and ", [])) == ("", [])


def test_doubled_braces_are_text() -> None:
    assert sent(fragment("select '{{}}'::jsonb, {a}", a=1)) == ("select '{}'::jsonb, $1", [1])


def test_percent_signs_are_text() -> None:
    assert sent(fragment("select 5 % {a}, '%s'", a=1)) == ("select 5 % $1, '%s'", [1])


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("it's", "'it''s'"),
        ("a\\b", " E'a\\\\b'"),
        (7, "7"),
        (0.5, "0.5"),
        (True, "True"),
        (float("inf"), "'inf'"),
    ],
)
def test_a_literal_is_a_constant(value: str | int | float, sql: str) -> None:
    assert sent(fragment("set x = {value}", value=Literal(value))) == (f"set x = {sql}", [])


def test_a_name_may_be_qualified() -> None:
    assert sent(fragment("{t}", t=Identifier("my schema", "t"))) == ('"my schema"."t"', [])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("select {b}", r"the placeholder \{b\} has no value; given are \['a'\]"),
        ("select {}", r"a placeholder is a name in braces, not \{\}; braces that are text are doubled"),
        ("select '{\"a\": 1}'", r'not \{"a": 1\}'),
        ("select {a:>3}", r"not \{a:>3\}"),
        ("select {a!r}", r"not \{a!r\}"),
        ("select {a.b}", r"not \{a.b\}"),
        ("select {0}", r"not \{0\}"),
    ],
)
def test_a_wrong_placeholder_is_refused(template: str, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        fragment(cast("Any", template), a=1)


def test_what_a_fragment_shows_of_itself_has_no_values() -> None:
    assert repr(fragment("select {secret}", secret="secret")) == "Fragment('select $1')"


def test_an_operator_in_quotes_or_a_comment_is_text() -> None:
    template = """select 'it''s a = b {{x = y}} ' || "a < b" -- where a = {b}
        = {b}"""
    assert sent(qualified(template, b=1)) == (
        """select 'it''s a = b {x = y} ' operator(pg_catalog.||) "a < b" -- where a = $1
        operator(pg_catalog.=) $1""",
        [1],
    )
