"""Which lexemes words have, as far as a client has asked: the same words come up in one search after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

# A client keeps this many words, some MB of them, and the half of these that was used last.
MOST_WORDS = 20_000
# Seconds after which a word is read anew: somebody may have altered a dictionary.
LONGEST_KNOWN = 600.0

Lexemes = dict[str, frozenset[str]]


class Lexicon:
    """
    The lexemes of words, by how a collection reads them: its language, and how texts are prepared.

    There are two generations of them. A word that is used moves to the young one. Once that is full it becomes the
    old one, and what was old is forgotten. Threads share it: all that happens is done with single operations of dicts.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, most: int = MOST_WORDS, longest: float = LONGEST_KNOWN
    ) -> None:
        self._clock, self._most, self._longest = clock, most, longest
        self._young: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}
        self._old: dict[tuple[str, str], tuple[float, frozenset[str]]] = {}

    def known(self, language: str, words: Iterable[str]) -> Lexemes:
        """Return those of these words that are known, with their lexemes."""
        young, old, oldest = self._young, self._old, self._clock() - self._longest
        found: Lexemes = {}
        for word in words:
            key = language, word
            entry = young.get(key)
            if entry is None:
                entry = old.get(key)
                if entry is None or entry[0] < oldest:
                    continue
                young[key] = entry
            elif entry[0] < oldest:
                continue
            found[word] = entry[1]
        self._grow_old()
        return found

    def learn(self, language: str, lexemes: Mapping[str, frozenset[str]]) -> None:
        """Remember the lexemes of words, which were read just now."""
        young, now = self._young, self._clock()
        for word, those in islice(lexemes.items(), self._most // 2):
            young[language, word] = now, those
        self._grow_old()

    def _grow_old(self) -> None:
        if len(self._young) > self._most // 2:
            self._old, self._young = self._young, {}
