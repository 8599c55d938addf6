"""What wrong names were meant to be."""

from __future__ import annotations

import pytest

from vecs._checks.meant import argument_meant, instead_of, near, unknown_argument, words

SEARCH = ("query", "limit", "filters", "include_vector", "measure", "threshold")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("k", SEARCH, "limit"),
        ("TOP_K", SEARCH, "limit"),
        ("where", SEARCH, "filters"),
        ("where", ("filter", "k"), "filter"),
        ("k", ("namespace",), None),
        ("size", ("dimension",), "dimension"),
        ("size", SEARCH, "limit"),
        ("collection_name", ("ids", "namespace"), "namespace"),
        ("connection_string", ("url", "path"), "url"),
        ("mesure", SEARCH, "measure"),
        ("FILTRES", SEARCH, "filters"),
        ("zzz", SEARCH, None),
        ("measure" * 1000, SEARCH, None),
        (7, SEARCH, None),
    ],
)
def test_words_of_other_libraries_and_slips_are_understood(name: object, known: tuple[str, ...], meant: str) -> None:
    assert argument_meant(name, known) == meant


def test_an_argument_that_is_not_given_is_rather_meant() -> None:
    assert argument_meant("size", ("limit", "dimension"), ["limit"]) == "dimension"
    assert argument_meant("k", SEARCH, ["limit"]) == "limit"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("k", "unknown argument 'k'; did you mean 'limit'? expected some of query, limit"),
        ("include", "unknown argument 'include'; text, metadata, distance and score are always returned"),
        ("colour", "unknown argument 'colour'; did you mean 'measure'? "),
        ("colours", "unknown argument 'colours'; expected some of query"),
        (7, "unknown argument 7; expected some of query"),
        ("zzz", "unknown argument 'zzz'; expected some of query"),
        ("chunk_size", "unknown argument 'chunk_size'; expected some of query"),
    ],
)
def test_an_unknown_argument_is_told_with_the_one_that_is_meant(name: object, told: str) -> None:
    elsewhere = {"colour": "measure", "colours": "colour"}
    assert unknown_argument(name, SEARCH, elsewhere=elsewhere).startswith(told)


def test_a_method_that_is_not_there_is_told_with_what_to_write() -> None:
    elsewhere = words(("add insert", "upsert(records)"))
    assert instead_of("insert", ["upsert"], elsewhere) == "upsert(records)"
    assert instead_of("inserts", ["upsert"], elsewhere) == "upsert(records)"
    assert instead_of("upsrt", ["upsert"], elsewhere) == "upsert"
    assert instead_of("zzz", ["upsert"], elsewhere) is None
    assert near("upsrt", iter(["upsert"])) == "upsert"
