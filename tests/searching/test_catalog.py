"""What a client remembers of its collections, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._searching.catalog import LONGEST_KNOWN, MANY_WRITTEN, Catalog
from vecs._searching.known_indexes import KnownIndexes
from vecs._sql.terms import WordStatistics
from vecs.measures import IndexMeasure

COSINE, L2 = IndexMeasure.cosine_distance, IndexMeasure.l2_distance


class Clock:
    """A time that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(clock: Clock) -> Catalog:
    return Catalog(clock)


def test_nothing_is_known_at_first(catalog: Catalog, clock: Clock) -> None:
    assert catalog.known("vecs", "docs") is None
    clock.now = 0.0
    assert catalog.known("vecs", "docs") is None


def test_indexes_are_known_for_a_minute(catalog: Catalog, clock: Clock) -> None:
    indexes = KnownIndexes()
    catalog.remember("vecs", "docs", indexes)
    clock.now += LONGEST_KNOWN - 0.1
    assert catalog.known("vecs", "docs") is indexes
    clock.now += 0.1
    assert catalog.known("vecs", "docs") is None


def test_indexes_read_again_are_known_for_another_minute(catalog: Catalog, clock: Clock) -> None:
    catalog.remember("vecs", "docs", KnownIndexes())
    clock.now += 50
    again = KnownIndexes()
    catalog.remember("vecs", "docs", again)
    clock.now += 50
    assert catalog.known("vecs", "docs") is again


def test_collections_of_other_names_and_schemas_are_others(catalog: Catalog) -> None:
    catalog.remember("vecs", "docs", KnownIndexes())
    assert catalog.known("vecs", "other") is None
    assert catalog.known("other", "docs") is None


def test_forgetting_is_of_the_indexes_of_all_collections_and_of_no_warning(catalog: Catalog) -> None:
    catalog.remember("vecs", "docs", KnownIndexes())
    catalog.remember("vecs", "other", KnownIndexes())
    catalog.warned("vecs", "docs", COSINE)
    catalog.forget()
    assert catalog.known("vecs", "docs") is None
    assert catalog.known("vecs", "other") is None
    assert not catalog.warns("vecs", "docs", COSINE)


def test_a_warning_is_given_once_per_collection_and_measure(catalog: Catalog) -> None:
    assert catalog.warns("vecs", "docs", COSINE)
    catalog.warned("vecs", "docs", COSINE)
    assert not catalog.warns("vecs", "docs", COSINE)
    assert catalog.warns("vecs", "docs", L2)
    assert catalog.warns("vecs", "other", COSINE)
    assert catalog.warns("other", "docs", COSINE)


def known_of(rows: int) -> KnownIndexes:
    known = KnownIndexes()
    known.estimate = rows
    return known


@pytest.mark.parametrize(("rows", "many"), [(0, MANY_WRITTEN), (3_000, MANY_WRITTEN), (1_000_000, 100_000)])
def test_after_many_writes_the_indexes_and_the_size_are_read_again(catalog: Catalog, rows: int, many: int) -> None:
    catalog.wrote("vecs", "docs", many)
    for _ in range(2):
        known = known_of(rows)
        catalog.remember("vecs", "docs", known)
        catalog.wrote("vecs", "docs", many // 2)
        catalog.wrote("vecs", "other", many)
        assert catalog.known("vecs", "docs") is known
        catalog.wrote("vecs", "docs", many - many // 2)
        assert catalog.known("vecs", "docs") is None


def test_no_table_was_altered_at_first(catalog: Catalog) -> None:
    assert catalog.altered == 0


def test_the_clock_is_the_monotonic_one_by_default() -> None:
    catalog = Catalog()
    indexes = KnownIndexes()
    catalog.remember("vecs", "docs", indexes)
    assert catalog.known("vecs", "docs") is indexes


def test_a_thread_may_forget_the_indexes_while_another_one_notes_what_it_wrote(catalog: Catalog) -> None:
    class Forgotten:
        @property
        def estimate(self) -> int:
            catalog.forget()
            return 0

    known: Any = Forgotten()
    catalog.remember("s", "t", known)
    catalog.wrote("s", "t", 10_000)
    assert catalog.known("s", "t") is None


def test_words_are_known_for_a_minute_and_for_each_view(catalog: Catalog, clock: Clock) -> None:
    words = WordStatistics(5, {"a": 0.5})
    catalog.remember_words("vecs", "docs", "a", words)
    assert catalog.words("vecs", "docs", "a") is words
    assert catalog.words("vecs", "docs", "b") is None
    clock.now += LONGEST_KNOWN
    assert catalog.words("vecs", "docs", "a") is None


def test_words_are_forgotten_with_the_indexes_and_after_many_writes(catalog: Catalog) -> None:
    for name in ("docs", "other"):
        catalog.remember_words("vecs", name, "", WordStatistics())
    catalog.wrote("vecs", "docs", MANY_WRITTEN - 1)
    assert catalog.words("vecs", "docs", "") is not None
    catalog.wrote("vecs", "docs", 1)
    assert catalog.words("vecs", "docs", "") is None
    assert catalog.words("vecs", "other", "") is not None
    catalog.forget()
    assert catalog.words("vecs", "other", "") is None


def test_words_of_so_many_views_are_known(catalog: Catalog) -> None:
    for view in range(100):
        catalog.remember_words("vecs", "docs", str(view), WordStatistics())
    known = [view for view in range(100) if catalog.words("vecs", "docs", str(view)) is not None]
    assert known == list(range(36, 100))
