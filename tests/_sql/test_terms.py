"""What the words of a query weigh, and which records are worth ranking."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vecs._sql.terms import MOST_WORDS, NO_TERMS, WordStatistics, read_statistics, terms_of

KNOWN = WordStatistics(10_000, {"common": 0.5, "usual": 0.2, "often": 0.4})


def lexemes(*words: str) -> list[tuple[str, list[int], int | None]]:
    """Words in this order; those that begin with a digit are in so many records."""
    return [(word, [place], int(word) if word.isdigit() else None) for place, word in enumerate(words, 1)]


def test_rare_words_weigh_more_and_stand_first() -> None:
    terms = terms_of(lexemes("common", "7", "usual"), KNOWN).terms
    assert [(term.lexeme, term.records) for term in terms] == [("7", 7.0), ("usual", 2000.0), ("common", 5000.0)]
    assert terms[0].idf == pytest.approx(math.log(1 + (10_000 - 7 + 0.5) / 7.5))
    assert [term.weight for term in terms] == sorted((term.weight for term in terms), reverse=True)


def test_a_word_that_is_repeated_weighs_less_than_twice_as_much() -> None:
    once, twice = (terms_of([("common", places, None)], KNOWN).terms[0] for places in ([1], [1, 9]))
    assert twice.weight == pytest.approx(once.weight * 4 / 3)


def test_neighbours_weigh_more_by_their_distance_in_the_query() -> None:
    terms = terms_of([("usual", [1, 8], None), ("common", [3], None), ("often", [3], None)], KNOWN)
    idf = {term.lexeme: term.idf for term in terms.terms}
    assert {pair.query: pair.weight for pair in terms.pairs} == {
        "'usual' <2> 'common'": pytest.approx(0.15 * idf["common"]),
        "'often' <5> 'usual'": pytest.approx(0.15 * idf["often"]),
    }
    assert terms.most == pytest.approx(sum(term.weight for term in terms.terms) + 0.15 * (idf["common"] + idf["often"]))


def test_characters_of_scripts_that_part_no_words_are_found_as_words_by_their_neighbours() -> None:
    terms = terms_of([("数", [1], 5), ("据", [2], 5), ("a", [3], 5)], KNOWN)
    first, second = sorted(terms.pairs, key=lambda pair: -pair.weight)
    assert first.query == "'数' <1> '据'"
    assert first.weight == pytest.approx(second.weight / 0.15)


def test_lexemes_are_quoted_in_queries() -> None:
    assert terms_of([("it's \\ | !", [1], 1)], KNOWN).every == "'it''s \\\\ | !'"


@pytest.mark.parametrize(
    ("words", "wanted", "query"),
    [
        (["7"], 10, "'7'"),
        # As many as are read anyway.
        (["7", "600"], 10, "'7' | '600'"),
        # Enough are found by the rare one.
        (["7", "600", "common"], 10, "'7' | '600'"),
        (["7", "common"], 10, "'7' | 'common'"),
        (["600", "usual", "often", "common"], 10, "'600'"),
        # 10,000 * 0.2 * 0.4 * 0.5 meet.
        (["usual", "often", "common"], 10, "'usual' & 'often' & ('common')"),
        (["usual", "often"], 10, "'usual' & 'often'"),
        ([], 10, ""),
    ],
)
def test_common_words_have_to_meet(words: list[str], wanted: int, query: str) -> None:
    assert terms_of(lexemes(*words), KNOWN).worth_ranking(wanted) == query


def test_fewer_records_are_read_beside_those_that_are_near() -> None:
    terms = terms_of(lexemes("7", "600"), KNOWN)
    assert terms.worth_ranking(10, beside_near=True) == "'7' | '600'"
    small = terms_of([("a", [1], 200), ("b", [2], 200)], WordStatistics(1000, {}))
    assert small.worth_ranking(10) == "'a' | 'b'"
    assert small.worth_ranking(10, beside_near=True) == "'a'"


def test_there_are_few_numbers_of_words_and_pairs() -> None:
    terms = terms_of([(f"w{n}", [n], n) for n in range(1, 6)], KNOWN)
    assert (len(terms.terms), len(terms.pairs)) == (5, 4)
    assert [len(terms.padded(parts)) for parts in (terms.terms, terms.pairs)] == [6, 6]
    assert terms.padded(terms.pairs)[4:] == [(None, 0), (None, 0)]
    most = terms_of([(f"w{n}", [n, n + 50], n) for n in range(1, 60)], KNOWN)
    assert len(most.padded(most.terms)) == len(most.padded(most.pairs)) == MOST_WORDS


def test_more_records_are_read_of_a_large_collection() -> None:
    def query(records: float) -> str:
        return terms_of([("a", [1], 1200), ("b", [2], 4000)], WordStatistics(records, {})).worth_ranking(10)

    assert [query(records) for records in (8e3, 1e5, 1e6)] == ["'a' & ('b')", "'a'", "'a'"]


def test_of_many_words_the_weightiest_are_looked_for() -> None:
    found = [(f"w{n}", [n], n) for n in range(1, 100)]
    terms = terms_of(found, KNOWN)
    assert [term.lexeme for term in terms.terms] == [f"w{n}" for n in range(1, MOST_WORDS + 1)]
    assert len(terms.pairs) == MOST_WORDS - 1


def test_words_that_no_record_has_take_no_place_of_others() -> None:
    found = [*((f"typo{n}", [n], 0) for n in range(1, 40)), ("word", [40], 9)]
    assert "word" in {term.lexeme for term in terms_of(found, KNOWN).terms}


def test_without_words_nothing_is_looked_for() -> None:
    assert terms_of([], KNOWN) is NO_TERMS
    assert (NO_TERMS.every, NO_TERMS.worth_ranking(10), NO_TERMS.most) == ("", "", 1)


@pytest.mark.parametrize(
    ("rows", "statistics"),
    [
        ([], WordStatistics()),
        ([(0.0, None, None, None, None, "LATIN1")], WordStatistics(encoding="LATIN1")),
        # Row-level security hides them.
        ([(9.0, None, None, None, None, "UTF8")], WordStatistics(9, {})),
        # After TRUNCATE the shares are of records that are gone.
        ([(0.0, ["a"], [0.5, 0.5, 0.5], 0, 9, "UTF8")], WordStatistics()),
        ([(9.0, ["a", "b"], [0.5, 0.25, 0.25, 0.5], 0, 90, "UTF8")], WordStatistics(9, {"a": 0.5, "b": 0.25}, 90)),
        # Half of the records have no text.
        ([(9.0, ["a"], [0.5, 0.25, 0.25], 0.5, 90, "UTF8")], WordStatistics(9, {"a": 0.25}, 90)),
    ],
)
def test_statistics_are_those_of_the_planner(rows: list[Any], statistics: WordStatistics) -> None:
    assert read_statistics(rows) == statistics


def test_a_text_is_as_long_as_the_shares_tell_or_a_guess() -> None:
    assert KNOWN.mean_length == pytest.approx(22)
    assert WordStatistics().mean_length == 640


def test_a_text_of_rare_words_is_as_long_as_its_size_tells() -> None:
    assert WordStatistics(9, {"a": 0.5}, 55).mean_length == 55


def test_more_records_have_a_word_than_the_planner_knows_of() -> None:
    assert terms_of([("a", [1], 700)], WordStatistics(100, {})).records == 1400


def test_syllables_find_a_record_with_a_neighbour_and_characters_of_han_alone() -> None:
    terms = terms_of([("サ", [1], 5), ("ポ", [2], 4), ("ー", [3, 5], 9), ("猫", [4], 2), ("otter", [7], 1)], KNOWN)
    of_syllables = ["'サ' <-> 'ポ'", "'ポ' <-> 'ー'", "'ー' <-> '猫'", "'猫' <-> 'ー'"]
    for query in (terms.every, terms.worth_ranking(10)):
        assert sorted(query.split(" | ")) == sorted([*of_syllables, "'猫'", "'otter'"])
    # What has to meet is in parentheses, and nothing is there twice.
    met = terms_of([("サ", [1], 9000), ("ポ", [2], 9500)], WordStatistics(10_000, {})).worth_ranking(10)
    assert met == "('サ' <-> 'ポ') & ('サ' <-> 'ポ')"


@pytest.mark.parametrize("word", ["サ", "の", "ก", "猫", "한", "a"])
def test_a_single_character_is_looked_for_alone(word: str) -> None:
    assert terms_of([(word, [1], 5), ("otter", [2], 4)], KNOWN).every == f"'otter' | '{word}'"
