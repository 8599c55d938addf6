"""Which words of a text are highlighted, and what passages and marked texts are made of them."""

from __future__ import annotations

import html
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vecs
from vecs import Match
from vecs._searching.highlights import look_up, size_of_texts, with_highlights, words_of_answers
from vecs._searching.lexicon import Lexicon
from vecs._searching.words import MAX_CHARACTERS, MAX_WORD, Unspaced, merged, texts_of, units, word_of
from vecs.exc import ArgError, CallError
from vecs.snippets import marked as marked_text
from vecs.snippets import snippet_of

# How a server might read words: the first of them as its parts, too.
STOP_WORDS = {"the", "of"}


def read(word: str) -> frozenset[str]:
    """Read a word as English text, roughly: a hyphenated one also by its parts, a dotted one only as one."""
    lowered = word.lower()
    if re.fullmatch(r"[a-z](\+\+|#)", lowered):
        return frozenset({lowered[0], lowered})
    parts = {lowered, *lowered.split("-")} if re.fullmatch(r"[a-z-]+", lowered) else {lowered}
    parts = parts if "_" not in lowered else set(lowered.split("_"))
    return frozenset(part.rstrip("s") for part in parts if part not in STOP_WORDS)


def match(text: str | None, id: str = "a") -> Match:
    return Match(id, text, {}, None, 0.5, 0.5)


def marked(text: str | None, query: str, reading: Any = read) -> str:
    answers = [[match(text)]]
    words = words_of_answers(answers, [query])
    lexemes = {each: reading(each) for word in words.values() for each in texts_of(word)}
    ((found,),) = with_highlights(answers, [query], words, lexemes)
    return found.highlighted("[", "]")


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The cats of a cat.", "Cat, the dog", "The [cats] of a [cat]."),
        ("The cats of a cat.", "the of", "The cats of a cat."),
        ("The cats of a cat.", "", "The cats of a cat."),
        (None, "cat", ""),
        ("", "cat", ""),
        ("a well-known well", "known", "a well-[known] well"),
        ("a well-known well", "well-known", "a [well-known] [well]"),
        ("a well-known well", "well", "a [well]-known [well]"),
        ("see README.md, or me", "readme.md", "see [README.md], or me"),
        ("version 1.5 and 5", "5", "version 1.5 and [5]"),
        ("at example.com/path here", "example.com/path", "at [example.com/path] here"),
        ("vitamin C is in C++ and c code", "C++", "vitamin C is in [C++] and c code"),
        ("C++11, (c++), C/C++, x++", "c++", "[C++]11, ([c++]), C/[C++], x++"),
        ("C#, F#, C++ and C", "C#", "[C#], F#, C++ and C"),
        ("C#, F#, C++ and C", "C", "[C]#, F#, [C]++ and [C]"),
        ("C#, F#, C++ and C", "C C++", "[C]#, F#, [C++] and [C]"),
        ("abc++ #c éc#", "c++ c#", "abc++ #c éc#"),
        ("snake_case names", "name case", "snake_[case] [names]"),
        ("getUserName of HTTPServer", "getusername", "[getUserName] of HTTPServer"),
        ("(cat)cat's", "cat", "([cat])[cat]'s"),
        ("Straße İstanbul हिन्दी ok", "हिन्दी straße", "[Straße] İstanbul [हिन्दी] ok"),
    ],
)
def test_words_with_a_lexeme_of_the_query_are_highlighted(text: str | None, query: str, expected: str) -> None:
    assert marked(text, query) == expected


def test_parts_in_camel_case_are_highlighted_if_the_index_has_them() -> None:
    def reads_parts(word: str) -> frozenset[str]:
        return frozenset({word.lower(), *(part.lower() for part in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", word))})

    assert marked("getUserName of HTTPServer", "user", reads_parts) == "get[User]Name of HTTPServer"
    assert marked("getUserName of HTTPServer", "user name http", reads_parts) == "get[UserName] of [HTTP]Server"
    assert marked("a.getUserName", "user", lambda word: frozenset({word.lower()})) == "a.getUserName"


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("我们使用PostgreSQL数据库和数字", "数据", "我们使用PostgreSQL[数据]库和数字"),
        ("我们使用PostgreSQL数据库和数字", "数据库 postgresql", "我们使用[PostgreSQL数据库]和数字"),
        ("数 数据 据", "数据", "数 [数据] 据"),
        ("猫と犬", "猫", "[猫]と犬"),
        ("データベースの設計です。机です", "データベースですか", "[データベース]の設計です。机です"),
        ("設計です", "です", "設計[です]"),
        ("데이터베이스를 쓴다", "데이터", "[데이터]베이스를 쓴다"),
        ("ฐานข้อมูล ทั่วไป", "ฐานข้อมูล", "[ฐานข้อมูล] ทั่วไป"),
        ("ข้อมูลทั่วไป", "ฐานข้อมูล", "[ข้อมูล]ทั่วไป"),
        ("ทั่วไป", "ไป", "ทั่ว[ไป]"),
    ],
)
def test_texts_without_blanks_are_compared_by_characters_next_to_each_other(
    text: str, query: str, expected: str
) -> None:
    assert marked(text, query) == expected


def test_each_match_is_highlighted_by_the_words_of_its_own_query() -> None:
    answers = [[match("cat dog"), match("cat dog", "b")], [match("cat dog")], []]
    queries = ["cat", "dog", "cat"]
    words = words_of_answers(answers, queries)
    assert set(words) == {"cat", "dog"}
    found = with_highlights(answers, queries, words, {"cat": frozenset({"cat"}), "dog": frozenset({"dog"})})
    assert [[m.highlights for m in matches] for matches in found] == [[((0, 3),), ((0, 3),)], [((4, 7),)], []]
    assert [m.id for m in found[0]] == ["a", "b"]
    assert size_of_texts(answers) == 21
    assert words_of_answers([[match(None)], []], queries) == {}


def test_what_is_too_long_is_not_looked_at() -> None:
    long = "a" * (MAX_WORD + 1)
    assert list(texts_of(word_of(long))) == []
    assert list(texts_of(word_of(f"{long}.b"))) == ["b"]
    assert marked(f"{long}.cat {long}", f"{long} cat") == f"{long}.[cat] {long}"
    assert word_of("aB" * MAX_WORD).parts == ()
    text = "cat " * (MAX_CHARACTERS // 4 + 10)
    assert marked(text, "cat").count("[") == MAX_CHARACTERS // 4
    assert size_of_texts([[match(text)]]) == MAX_CHARACTERS
    assert len(list(Unspaced("数据").spans("数据" * MAX_CHARACTERS))) == MAX_CHARACTERS // 2


@given(st.text("aB1-._/ '数据のไป\u0301\u093e\x00\ud800é", max_size=40), st.text("aB1-数据の\ud800", max_size=9))
def test_highlights_are_in_order_apart_and_storable(text: str, query: str) -> None:
    answers = [[match(text)]]
    words = words_of_answers(answers, [query])
    lexemes = {each: read(each) for word in words.values() for each in texts_of(word)}
    for each in lexemes:
        assert "\x00" not in each
        each.encode()
    ((found,),) = with_highlights(answers, [query], words, lexemes)
    assert found.highlights is not None
    places = [place for pair in found.highlights for place in pair]
    assert places == sorted(set(places))
    assert all(0 <= place <= len(text) for place in places)
    assert found.highlighted("", "") == text
    for unit_start, unit in units(text):
        assert text.startswith(unit, unit_start)
    snippet = found.snippet(10, ellipsis="")
    assert snippet.text in text
    assert len(snippet.text) <= 10
    assert all(snippet.text[a:b] in text for a, b in snippet.highlights)


def test_spans_that_overlap_or_touch_are_one() -> None:
    assert merged([(4, 6), (0, 2), (1, 3), (3, 4), (8, 9)]) == ((0, 6), (8, 9))


def highlit(text: str, *words: str) -> Match:
    spans = tuple((found.start(), found.end()) for found in re.finditer("|".join(words), text))
    return Match("a", text, {}, None, 0.5, 0.5, highlights=spans)


def test_all_but_the_marks_is_escaped() -> None:
    found = highlit("<b> & cat <cat>", "cat", "b")
    assert found.highlighted() == "<**b**> & **cat** <**cat**>"
    assert (
        found.highlighted("<mark>", "</mark>", escape=html.escape)
        == "&lt;<mark>b</mark>&gt; &amp; <mark>cat</mark> &lt;<mark>cat</mark>&gt;"
    )
    assert found.snippet(100).highlighted("{", "}", escape=str.upper) == "<{B}> & {CAT} <{CAT}>"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("**", "a **cat**"),
        ("<b>", "a <b>cat</b>"),
        ('<mark class="x">', 'a <mark class="x">cat</mark>'),
        ("<p><my-tag>", "a <p><my-tag>cat</my-tag></p>"),
        ("[", "a [cat]"),
        ("[(", "a [(cat)]"),
        ("«", "a «cat»"),
        ("`", "a `cat`"),
        ("<3", "a <3cat<3"),
        ("<x/>", "a <x/>cat<x/>"),
        ("\x1b[1m", "a \x1b[1mcat\x1b[1m"),
        ("", "a cat"),
    ],
)
def test_a_mark_is_closed_by_what_belongs_to_it(before: str, expected: str) -> None:
    found = Match("a", "a cat", {}, None, None, 1.0, highlights=((2, 5),))
    assert found.highlighted(before) == found.snippet().highlighted(before) == expected
    assert marked_text("a cat", [[2, 5]], before) == expected
    assert found.highlighted(before, "|") == f"a {before}cat|"


def test_marks_and_escape_are_given_by_position_or_by_name() -> None:
    found = Match("a", "<cat>", {}, None, None, 1.0, highlights=((1, 4),))
    for each in (found, found.snippet()):
        assert each.highlighted("<b>", "</b>", html.escape) == "&lt;<b>cat</b>&gt;"
        assert each.highlighted("<b>", escape=html.escape) == "&lt;<b>cat</b>&gt;"
        wrong: Any = each
        with pytest.raises(CallError, match="unknown argument 'start'; did you mean 'before'"):
            wrong.highlighted(start="<b>")
        with pytest.raises(ArgError, match="escape must be a function such as html.escape, not 'html'"):
            wrong.highlighted("<b>", escape="html")
        with pytest.raises(ArgError, match="before must be a string such as '<mark>', not 5"):
            wrong.highlighted(5)
        with pytest.raises(ArgError, match="after must be a string"):
            wrong.highlighted("<b>", 5)
        with pytest.raises(CallError, match="takes only before, after, escape by position"):
            wrong.highlighted("<b>", "</b>", html.escape, 1)


def test_passages_are_made_of_a_text_and_its_highlights() -> None:
    text = "Feed the sourdough starter, fold the dough, and bake it."
    found = snippet_of(text, [[9, 18], [37, 42]], 40)
    assert json.loads(json.dumps(found.to_dict())) == {
        "text": found.text,
        "highlights": [list(pair) for pair in found.highlights],
    }
    assert found.highlighted("[") == "…[sourdough] starter, fold the [dough],…"
    assert snippet_of("dough", [[0, 5]]) == vecs.Snippet("dough", ((0, 5),))
    assert snippet_of("", []) == vecs.Snippet("", ())


@pytest.mark.parametrize(
    "wrong", [[5], [[0, 9]], [[2, 1]], [[3, 4], [0, 1]], [[0, 1, 2]], ["ab"], [[-1, 2]], [[0.5, 1]]]
)
def test_highlights_of_another_text_are_refused(wrong: Any) -> None:
    for make in (marked_text, snippet_of):
        with pytest.raises(ArgError, match=r"highlights must be pairs \[start, end\] of indices of the text, in order"):
            make("a cat", wrong)
    nothing: Any = None
    with pytest.raises(ArgError, match="text must be a string, not None"):
        marked_text(nothing, [])
    with pytest.raises(ArgError, match="ellipsis must be a string, not None"):
        snippet_of("a cat", [], 2, nothing)


def test_a_match_without_highlights_says_how_to_have_them() -> None:
    for call in (match("text").highlighted, match("text").snippet):
        with pytest.raises(ArgError, match="match 'a' has no highlights; search with highlight=True"):
            call()
    assert "highlights" not in match("text").to_dict()
    assert highlit("a cat", "cat").to_dict()["highlights"] == [[2, 5]]
    bare: Any = match("text")
    with pytest.raises(AttributeError, match="highlights, with search"):
        _ = bare.headline


TEXT = f"{'one cat here. ' * 5}{'filler words ' * 20}a dog and a cat sleep, {'more filler ' * 20}"


def test_a_snippet_is_around_the_most_different_highlights() -> None:
    snippet = highlit(TEXT, "cat", "dog").snippet(60)
    assert snippet.text == "…words filler words a dog and a cat sleep, more filler more…"
    assert [snippet.text[a:b] for a, b in snippet.highlights] == ["dog", "cat"]
    assert highlit(TEXT, "cat").snippet(30).text == "one cat here. one cat here.…"
    assert highlit(TEXT, "nothing").snippet(30) == vecs.Snippet("one cat here. one cat here.…", ())
    assert highlit("short cat", "cat").snippet(30) == vecs.Snippet("short cat", ((6, 9),))
    end = highlit("x " * 40 + "cat", "cat").snippet(9)
    assert end == vecs.Snippet("…x x x cat", ((7, 10),))


def test_a_snippet_is_never_empty() -> None:
    assert highlit(" abcdefghijklmnopqrstuvwxyz", "nothing").snippet(10).text == " abcdefghi…"


def test_a_snippet_without_blanks_is_cut_where_it_ends() -> None:
    text = "数" * 100 + "据" * 3 + "数" * 100
    snippet = highlit(text, "据据据").snippet(11, ellipsis="...")
    assert snippet.text == "...数数数数据据据数数数数..."
    assert [snippet.text[a:b] for a, b in snippet.highlights] == ["据据据"]
    long = highlit("x" * 50 + "y" * 50, "y+").snippet(10, ellipsis="")
    assert long == vecs.Snippet("y" * 10, ((0, 10),))
    with pytest.raises(ArgError, match="length must be an integer at least 1, not 0"):
        highlit(text, "x").snippet(0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_words_are_known_for_their_language_and_for_some_time() -> None:
    clock = Clock()
    lexicon = Lexicon(clock, most=100, longest=60)
    assert lexicon.known("english", ["cats"]) == {}
    lexicon.learn("english", {"cats": frozenset({"cat"}), "the": frozenset()})
    assert lexicon.known("english", ["cats", "the", "dogs"]) == {"cats": {"cat"}, "the": frozenset()}
    assert lexicon.known("simple", ["cats"]) == {}
    clock.now += 60.5
    assert lexicon.known("english", ["cats"]) == {}
    assert Lexicon()._clock is time.monotonic


def test_the_words_used_last_are_kept_and_no_more_than_so_many() -> None:
    clock = Clock()
    lexicon = Lexicon(clock, most=10, longest=60)

    def learn(*words: str) -> None:
        lexicon.learn("english", {word: frozenset({word}) for word in words})

    learn("a")
    for round in range(20):
        learn(*(f"{round}.{n}" for n in range(3)))
        assert "a" in lexicon.known("english", ["a"])
        assert len(lexicon._young) + len(lexicon._old) <= 16
    assert "0.0" not in lexicon.known("english", ["0.0"])
    clock.now += 61
    assert lexicon.known("english", ["a", "19.0", "18.0", "17.0"]) == {}
    learn(*(f"more {n}" for n in range(1000)))
    assert len(lexicon._young) + len(lexicon._old) <= 16


def test_only_words_that_are_not_known_are_asked_for() -> None:
    lexicon = Lexicon()
    lexicon.learn("english", {"cats": frozenset({"cat"})})
    words, lexemes, unknown = look_up([[match("cats, sub-marine")]], ["submarine"], lexicon, "english")
    assert set(words) == {"cats", "sub-marine", "submarine"}
    assert lexemes == {"cats": {"cat"}}
    assert sorted(unknown) == ["marine", "sub", "sub-marine", "submarine"]
