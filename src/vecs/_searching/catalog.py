"""What a client has learnt of its collections, so that it need not ask the server each time."""

from __future__ import annotations

import time
from collections.abc import Callable

from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.lexicon import Lexicon
from vecs._sql.terms import WordStatistics

# Seconds for which the indexes of a collection are taken for known: another program may build or drop one.
LONGEST_KNOWN = 60.0
# After so many records were written, or a tenth of those that are there, a collection may have become a large one.
MANY_WRITTEN = 1000
# Of so many collections the statistics of words are kept, for each setting of row-level security.
_MOST_WORDS_KNOWN = 64


class Catalog:
    """
    What is known of collections: their indexes, how common their words are, lexemes of words, and the warnings given.

    And how often tables were altered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By schema and name, with the time at which they were read.
        self._indexes: dict[tuple[str, str], tuple[float, KnownIndexes]] = {}
        # How many records this client has written since.
        self._written: dict[tuple[str, str], int] = {}
        # Also by what a view of the client sets: a policy may hide from one what another sees.
        self._words: dict[tuple[str, str, str], tuple[float, WordStatistics]] = {}
        self.lexicon = Lexicon(clock)
        self._warned: set[tuple[str, str, str]] = set()
        # How often this client altered the columns of a table: collections read theirs again when it has grown.
        self.altered = 0

    def known(self, schema: str, name: str) -> KnownIndexes | None:
        """Return the indexes of a collection as they were a minute ago at most; None if they have to be read."""
        read_at, indexes = self._indexes.get((schema, name), (0.0, None))
        return indexes if self._clock() - read_at < LONGEST_KNOWN else None

    def remember(self, schema: str, name: str, known: KnownIndexes) -> None:
        """Note the indexes of a collection, which were read just now."""
        self._indexes[schema, name] = self._clock(), known
        self._written[schema, name] = 0

    def words(self, schema: str, name: str, view: str) -> WordStatistics | None:
        """Return what is known of how common a collection's words are, read a minute ago at most; else None."""
        read_at, words = self._words.get((schema, name, view), (0.0, None))
        return words if self._clock() - read_at < LONGEST_KNOWN else None

    def remember_words(self, schema: str, name: str, view: str, words: WordStatistics) -> None:
        """Note the statistics of a collection's words, which were read just now."""
        for oldest in list(self._words)[: -_MOST_WORDS_KNOWN + 1]:
            self._words.pop(oldest, None)
        self._words.pop((schema, name, view), None)
        self._words[schema, name, view] = self._clock(), words
        self._written.setdefault((schema, name), 0)

    def wrote(self, schema: str, name: str, count: int) -> None:
        """Note that records were written; after many, the indexes have to be read again, with the size they tell."""
        key = schema, name
        # Threads share a client: another one may forget the indexes between two of these lines.
        known = self._indexes.get(key)
        if key not in self._written:
            return
        written = self._written[key] = self._written.get(key, 0) + count
        if written >= max(MANY_WRITTEN, known[1].estimate // 10 if known is not None else 0):
            self._indexes.pop(key, None)
            self._written.pop(key, None)
            self._forget_words(key)

    def forget(self) -> None:
        """Forget the indexes of all collections, after one was built or dropped, or a collection was renamed."""
        self._indexes.clear()
        self._words.clear()

    def _forget_words(self, key: tuple[str, str]) -> None:
        for schema, name, view in list(self._words):
            if (schema, name) == key:
                self._words.pop((schema, name, view), None)

    def warns(self, schema: str, name: str, about: str) -> bool:
        """Whether a warning, about a measure without an index or about a filter's key, was not given yet."""
        return (schema, name, about) not in self._warned

    def warned(self, schema: str, name: str, about: str) -> None:
        """Remember that the warning was given, or is not needed."""
        self._warned.add((schema, name, about))
