"""The neighbours of matches: whose they are, and what their texts become."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.searching.test_plan import TABLE
from vecs import Match, Record
from vecs._searching.context import ask_for_neighbours, with_context
from vecs._sql.answers import Columns
from vecs.records import context_of


def match(id: str, text: str | None, document: str | None = "d") -> Match:
    return Match(id, text, {}, document, 0.5, 0.5)


def row(number: int, place: int, document: str = "d") -> tuple[Any, ...]:
    return (f"{document}#{number}", f"text {number}", {}, document, None, None, place)


def test_every_match_gets_those_next_to_it() -> None:
    rows = [row(0, 1), row(1, 2), row(2, 3), row(4, 5), row(5, 6), row(0, 1, "e")]
    answers = [[match("d#1", "text 1"), match("e#0", "text 0", "e")], [match("d#5", "text 5")]]
    found = with_context(TABLE, answers, (1, 1), rows)
    around = [[[r.id for r in side] for side in (m.context.before, m.context.after)] for ms in found for m in ms]
    assert around == [[["d#0"], ["d#2"]], [[], []], [["d#4"], []]]
    assert [replace(m, context=None) for m in found[0]] == answers[0]
    context = found[0][0].context
    assert context is not None
    assert context.text == "text 0\n\ntext 1\n\ntext 2"


def test_a_document_that_was_replaced_meanwhile_gives_no_neighbours() -> None:
    rows = [row(0, 1), row(1, 2), row(2, 3)]
    for changed in (
        match("d#1", "former text"),
        match("gone", "x"),
        match("d#1", "text 1", "other"),
        match("d#1", None),
    ):
        ((found,),) = with_context(TABLE, [[changed]], (1, 1), rows)
        assert found.context is not None
        assert (found.context.before, found.context.after) == ([], [])
        assert found.context.text == (changed.text or "")


def test_one_statement_asks_for_the_neighbours_of_all_matches_that_have_a_document() -> None:
    answers = [[match("a", "", "d"), match("b", "", None)], [match("c", "", "d"), match("a", "", "d")]]
    statement = ask_for_neighbours(TABLE, answers, (2, 3), Columns(vec=True))
    assert statement is not None
    text, params = statement.render()
    assert params == [["a", "c"], 3, 2, ["d"]]
    assert b"vector_send" not in text
    assert ask_for_neighbours(TABLE, [[match("b", "", None)], []], (2, 3), Columns()) is None


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("One sentence. Two", "Three"), "One sentence. Two\n\nThree"),
        (("the end of one chunk", "of one chunk and more"), "the end of one chunk and more"),
        (("a short a", "a b"), "a short a\n\na b"),
        (("repeated repeated ", "repeated repeated more"), "repeated repeated more"),
        (("12345678", "12345678"), "12345678"),
        (("x 12345678", "12345678 12345678 y"), "x 12345678 12345678 y"),
        (("12345678 z 12345678", "12345678 y"), "12345678 z 12345678 y"),
        ((None, "b"), "b"),
        (("", None), ""),
    ],
)
def test_overlapping_texts_are_joined_without_repeating(texts: Any, joined: str) -> None:
    first, second = texts
    made = context_of(match("b", second), [Record("a", text=first)], [])
    assert made.text == joined


def test_a_context_is_written_as_a_dict() -> None:
    made = context_of(match("b", "b"), [Record("a", text="a", metadata={"n": 1})], [])
    one = replace(match("b", "b"), context=made, group=False)
    assert one.to_dict()["context"] == {
        "text": "a\n\nb",
        "before": [{"id": "a", "text": "a", "metadata": {"n": 1}}],
        "after": [],
    }
    assert one.to_dict()["group"] is False
    assert "context" not in match("b", "b").to_dict()
    assert match("b", "b") != one
