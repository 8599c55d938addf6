"""
The words of a text, as far as one may be highlighted without the others.

Postgres reads `well-known`, `example.com` and `getUserName` as words, and the first of them as its parts, too. So a
word is a tree: the longest unit that may be one word, the runs of letters and digits in it, and their parts in camel
case.

Texts in scripts without blanks between words have no such words here. Their runs are compared by the characters that
stand next to each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vecs._sql.lexemes import MAX_CHARACTERS

# Longer ones are data, not words.
MAX_WORD = 250

# Chinese, Japanese and Korean; not the dot between Japanese words.
_CJK = (
    "\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u3131-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Thai, Lao, Burmese and Khmer, with vowels that are combining marks.
_SOUTHEAST = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0edf\u1000-\u1049\u1050-\u109d\u1780-\u17d3\u17dd-\u17e9"
# Marks that stand behind letters and are none in Python: accents, Hebrew and Arabic points, Indic vowels, joiners.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0903\u093a-\u094f\u0951-\u0957"
    "\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd"
    "\u0ae2\u0ae3\u0b01-\u0b03\u0b3c-\u0b57\u0b62\u0b63\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3e-\u0c56\u0c62\u0c63"
    "\u0c81-\u0c83\u0cbc-\u0cd6\u0ce2\u0ce3\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0d62\u0d63\u0d81-\u0d83\u0dca-\u0df3"
    "\u00ad\u034f\u061c\u180b-\u180f\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f"
    "\u0f18-\u0f84\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0\ufe20-\ufe2f"
)
_LETTERS = rf"[^\W_{_CJK}{_SOUTHEAST}]"
_RUN = rf"{_LETTERS}+(?:[{_MARKS}]+{_LETTERS}*)*"
# C++ and C#, as lexemes.py has them.
_SIGNED = r"(?<![A-Za-z0-9])[A-Za-z](?:\+\+|#)"
_UNITS = re.compile(rf"{_SIGNED}|{_RUN}(?:[-._/@:](?!{_SIGNED}){_RUN})*")
_RUNS = re.compile(_RUN)
_UNSPACED = re.compile(rf"(?P<cjk>[{_CJK}]+)|[{_SOUTHEAST}]+")
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
# So many characters next to each other are taken for more than chance: these scripts write syllables, or letters.
_CJK_GRAM, _SOUTHEAST_GRAM = 2, 4


class Word(NamedTuple):
    """A word, where it begins in the one around it, and the words that are parts of it."""

    text: str
    start: int
    parts: tuple[Word, ...] = ()


def units(text: str) -> Iterator[tuple[int, str]]:
    """Find the longest units of a text that may be one word each, with where they begin."""
    return ((found.start(), found[0]) for found in _UNITS.finditer(text, 0, MAX_CHARACTERS))


def word_of(unit: str) -> Word:
    """Take a unit apart."""
    runs = [_in_camel_case(found[0], found.start()) for found in _RUNS.finditer(unit)]
    return runs[0] if len(runs) == 1 and runs[0].text == unit else Word(unit, 0, tuple(runs))


def letter_of(unit: str) -> str | None:
    """Return the letter of a unit such as C++ or C#, which is another word; None for other units."""
    return unit[0] if unit[-1] in "+#" else None


def _in_camel_case(run: str, start: int) -> Word:
    cuts = [0]
    if not run[1:].islower() and len(run) <= MAX_WORD:
        cuts += [place for place in range(1, len(run)) if _begins_part(run, place)]
    if len(cuts) == 1:
        return Word(run, start)
    ends = [*cuts[1:], len(run)]
    return Word(run, start, tuple(Word(run[a:b], a) for a, b in zip(cuts, ends, strict=True)))


def _begins_part(run: str, place: int) -> bool:
    """Whether a part begins here: `User` in getUser, `Server` in HTTPServer."""
    before, here, behind = run[place - 1], run[place], run[place + 1 : place + 2]
    return here.isupper() and before.isalpha() and (not before.isupper() or behind.islower())


def texts_of(word: Word) -> Iterator[str]:
    """Yield a word and its parts, without what is too long to be a word."""
    if len(word.text) <= MAX_WORD:
        yield word.text
    for part in word.parts:
        yield from texts_of(part)


class Unspaced:
    """
    The characters of a query that are looked for in scripts without blanks between words.

    These are each two that stand next to each other in Chinese, Japanese and Korean, each four in Thai, Lao, Burmese
    and Khmer; of a shorter run of the query, the whole run. Two of hiragana only, which are mostly endings, are
    looked for if the run has nothing else.
    """

    def __init__(self, query: str) -> None:
        self._grams: dict[int, set[str]] = {}
        for found in _UNSPACED.finditer(query, 0, MAX_CHARACTERS):
            run = found[0]
            size = min(_CJK_GRAM if found["cjk"] else _SOUTHEAST_GRAM, len(run))
            grams = {run[at : at + size] for at in range(len(run) - size + 1)}
            if not _HIRAGANA.fullmatch(run):
                grams = {gram for gram in grams if not _HIRAGANA.fullmatch(gram)}
            self._grams.setdefault(size, set()).update(grams)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Find them in a text; what is found may overlap."""
        if not self._grams:
            return
        for found in _UNSPACED.finditer(text, 0, MAX_CHARACTERS):
            run = found[0]
            for size, grams in self._grams.items():
                for at in range(len(run) - size + 1):
                    if run[at : at + size] in grams:
                        yield found.start() + at, found.start() + at + size


def merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return spans in order, with those that overlap or touch as one."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((start, end))
    return tuple(made)
