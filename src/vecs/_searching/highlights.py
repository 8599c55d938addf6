"""Which words of the texts that were found are those of the query: highlights of matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vecs._searching.lexicon import Lexemes, Lexicon
from vecs._searching.words import Unspaced, Word, letter_of, merged, texts_of, units, word_of
from vecs._sql.lexemes import MAX_CHARACTERS
from vecs.records import Match
from vecs.snippets import Highlights

_NONE: frozenset[str] = frozenset()


def size_of_texts(answers: Sequence[Sequence[Match]]) -> int:
    """Return how many characters are looked at."""
    return sum(min(len(match.text or ""), MAX_CHARACTERS) for matches in answers for match in matches)


def words_of_answers(answers: Sequence[Sequence[Match]], queries: Sequence[str]) -> dict[str, Word]:
    """Return the words of queries and of the texts that were found for them."""
    texts = {match.text for matches in answers for match in matches if match.text}
    found = {unit for text in (*texts, *(queries if texts else ())) for _, unit in units(text)}
    return {unit: word_of(unit) for unit in found}


def look_up(
    answers: Sequence[Sequence[Match]], queries: Sequence[str], lexicon: Lexicon, language: str
) -> tuple[dict[str, Word], Lexemes, list[str]]:
    """Return the words, the lexemes of those that are known, and those that are not: words or parts of them."""
    words = words_of_answers(answers, queries)
    asked = {text for word in words.values() for text in texts_of(word)}
    lexemes = lexicon.known(language, asked)
    return words, lexemes, [text for text in asked if text not in lexemes]


def with_highlights(
    answers: Sequence[Sequence[Match]], queries: Sequence[str], words: Mapping[str, Word], lexemes: Lexemes
) -> list[list[Match]]:
    """Return the matches with the places of the words that have a lexeme of the words of their query."""

    def highlighted(matches: Sequence[Match], query: str) -> Iterator[Match]:
        wanted = _NONE.union(*(_wanted(unit, lexemes) for _, unit in units(query)))
        unspaced = Unspaced(query)
        # Where a unit has highlights, wherever it stands.
        known: dict[str, Highlights] = {}
        for match in matches:
            text = match.text or ""
            spans = list(unspaced.spans(text))
            for at, unit in units(text):
                inside = known.get(unit)
                if inside is None:
                    inside = known[unit] = tuple(_spans_of(words[unit], 0, wanted, lexemes.get(unit), lexemes))
                spans += [(at + start, at + end) for start, end in inside]
            yield replace(match, highlights=merged(spans))

    return [list(highlighted(matches, query)) for matches, query in zip(answers, queries, strict=True)]


def _wanted(unit: str, lexemes: Lexemes) -> frozenset[str]:
    """Return the lexemes of a word of the query; C++ is not highlighted in each C, which it also finds."""
    found, letter = lexemes.get(unit, _NONE), letter_of(unit)
    return found if letter is None else found - lexemes.get(letter, _NONE) or found


def _spans_of(
    word: Word, at: int, wanted: frozenset[str], read: frozenset[str] | None, lexemes: Lexemes
) -> Iterator[tuple[int, int]]:
    """
    Yield where a word, which begins at `at`, is to be highlighted: all of it, or parts of it.

    `read` are the lexemes that the index has of the whole unit: a part that is not among them, such as the 5 of 1.5,
    is not what was searched for. They are None for a unit that is too long to be one word.
    """
    own = lexemes.get(word.text, _NONE)
    for part in word.parts:
        # What a part has, the part alone is highlighted for.
        own = own - lexemes.get(part.text, _NONE)
    if own & (wanted if read is None else wanted & read):
        yield at, at + len(word.text)
        return
    for part in word.parts:
        yield from _spans_of(part, at + part.start, wanted, read, lexemes)
