"""A search in words, from what was decided and what the server answered; no server here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vecs import IndexInfo
from vecs._searching.explain import describe_search, shortened, without_index
from vecs._searching.known_indexes import KnownIndexes
from vecs._searching.plan import Query, set_up
from vecs._searching.request import checked_request
from vecs._sql.lexemes import UNICODE
from vecs._sql.mapped import Mapped
from vecs._sql.selection import EVERYTHING, Selection
from vecs._sql.tables import Extension, Table
from vecs._sql.terms import WordStatistics, terms_of
from vecs.columns import ColumnType, TableColumn
from vecs.filters import parsed_filters
from vecs.measures import IndexMeasure, measure_spec

TABLE = Table("s", "docs", 2, Extension("public", (0, 8, 5), 1, 2, 3), has_text=True, language="english")
INDEX = IndexInfo(
    name="ix_half",
    method="hnsw",
    column=None,
    measure=IndexMeasure.cosine_distance,
    options={},
    valid=True,
    primary=False,
    size_bytes=0,
    definition="",
    precision="half",
    rows=9000,
)
TERMS = terms_of([("word", [1], 1)], WordStatistics(100, {}))
KEY = TableColumn("k", ColumnType("text", "pg_catalog", "text"), "text", "c0", quoted="k")
MAPPED = Mapped(KEY, {}, (), (KEY,), attached=True, shown="s.t")
SETTINGS = {"hnsw.ef_search": "40", "ivfflat.probes": "10"}


def described(plan: list[str], **options: Any) -> list[str]:
    given: Any = options
    setup = set_up(TABLE, checked_request(TABLE, EVERYTHING, given), KnownIndexes([INDEX]), pooler=False)
    query = Query(np.array([1, 0], np.float32), "words")
    return describe_search(setup, query, [INDEX], plan, SETTINGS)


def test_a_search_by_an_index_names_it_its_precision_and_its_settings() -> None:
    assert described(["Index Scan using ix_half on docs"], limit=10) == [
        "The search by nearness (cosine_distance) uses ix_half (hnsw).",
        "Index ix_half was made with precision='half'.",
        "It finds 12 candidates by half precision and ranks them by their exact distance, from the vectors as they "
        "are stored.",
        "Settings: hnsw.ef_search = 40.",
        "If the index finds too few rows, the search is repeated without it: no row is missing.",
    ]


def test_an_exact_search_says_that_it_compares_every_record() -> None:
    assert described(["Seq Scan on docs"], exact=True) == [
        "The search by nearness (cosine_distance) compares every record, without an index."
    ]


def test_a_hybrid_search_tells_how_both_sides_are_fused() -> None:
    by_scores = described(["Seq Scan"], mode="hybrid", weights=(1, 0.5))
    assert "Words are read as english text; rare ones count more." in by_scores
    assert (
        "Up to 50 records by nearness and 50 by words are fused by their scores, from the least to the greatest of "
        "them, with the weights 1 and 0.5."
    ) in by_scores
    by_ranks = described(["Seq Scan"], mode="hybrid", rrf_constant=60)
    assert any("by reciprocal rank with the constant 60" in line for line in by_ranks)


def test_the_words_that_are_looked_for_and_those_that_are_not_are_told() -> None:
    table = replace(TABLE, preparation=UNICODE)
    setup = set_up(table, checked_request(table, EVERYTHING, {"mode": "keyword"}), KnownIndexes(), pooler=False)
    terms = terms_of([("queri", [2], 1541), ("slow", [1], 60)], WordStatistics(9724, {}))

    def told(query: Query, *dropped: str) -> list[str]:
        return describe_search(setup, query, [], [], SETTINGS, dropped)[2:]

    assert told(Query(None, "the slow query", terms), "the") == [
        "Words looked for, and in how many records they are: 'slow' (in about 60, weight 5.08), 'queri' (in about "
        "1,541, weight 1.84).",
        "Words left out as stop words: 'the'.",
    ]
    assert told(Query(None, "the"), "the") == ["Words left out as stop words: 'the'."]
    assert told(Query(None, "?!")) == []


def test_what_follows_the_search_is_told() -> None:
    lines = described(["Seq Scan"], rerank=lambda query, texts: [], diversity=0.5, limit=4)
    assert lines[-1] == "20 matches are fetched and reranked and spread by diversity 0.5; 4 are returned."


def test_a_missing_index_is_told_with_the_call_that_makes_it() -> None:
    def told(measure: str, name: str = "docs", call: str | None = None) -> str:
        return without_index(replace(TABLE, name=name), measure_spec(measure), KnownIndexes([INDEX]), call)

    assert told("cosine_distance") == (
        "Query does not have a covering index: collection 'docs' has about 9,000 records, and each search compares all "
        "of them. Make an index with docs.index()"
    )
    assert told("l2_distance").endswith('with docs.index("l2_distance")')
    assert told("cosine_distance", "my docs").endswith("with collection.index()")
    assert told("cosine_distance", call="store.create_index()").endswith("with store.create_index()")


def test_a_search_for_groups_says_what_is_grouped() -> None:
    used = ["Index Scan using ix_half on docs"]
    told = "Records are grouped by '$document_id'; a group has up to 2 in the answer. "
    options: Any = {"group_by": "$document_id", "group_size": 2, "limit": 10}
    assert "It finds 96 candidates by half precision" in described(used, **options)[2]
    assert described(used, **options)[-1] == (
        f"{told}The best 80 records are grouped first, then more of them or all, until there are 10 groups."
    )
    assert described(used, **options, exact=True)[-1] == f"{told}The server groups all records that match."
    assert described(used, **options, mode="hybrid")[-1] == (
        f"{told}If the candidates are of fewer than 10 groups, more are taken."
    )
    assert described(used, **options, mode="hybrid", candidates=60)[-1] == f"{told}Only those candidates are grouped."
    assert described(used, **options, diversity=0.5)[-1] == (
        "50 groups are fetched and spread by diversity 0.5; 10 are returned."
    )


def test_a_search_with_highlights_tells_of_the_statement_for_words() -> None:
    assert described(["Seq Scan on docs"], highlight=True)[-1] == (
        "Words of the matches that no earlier search met are read by one more statement."
    )


def test_a_search_with_context_tells_of_its_second_statement() -> None:
    assert described(["Seq Scan on docs"], context=(0, 2))[-1] == (
        "A second statement reads up to 0 records before each match and 2 after it."
    )


def test_a_query_without_words_compares_nothing() -> None:
    lines = described(["Seq Scan on docs"], mode="keyword")
    assert lines[0] == "The search by words finds nothing: the query has no words that are looked for."
    assert "so that nearness alone decides." in "".join(described(["Seq Scan on docs"], mode="hybrid"))


def test_an_index_that_the_server_does_not_use_is_named() -> None:
    words = replace(INDEX, name="words", method="gin", column="text_search", measure=None, precision=None)
    others = [replace(INDEX, name="building", valid=False), replace(INDEX, name="part", condition="(a)")]
    told = "compares every record: Postgres takes that to be cheaper than to use"
    for options, named in (({}, "ix_half"), ({"mode": "hybrid"}, "words, ix_half")):
        setup = set_up(TABLE, checked_request(TABLE, EVERYTHING, options), KnownIndexes([]), pooler=False)
        query = Query(np.array([1, 0], np.float32), "words", TERMS)
        line = describe_search(setup, query, [words, INDEX, *others], ["Seq Scan"], SETTINGS)[0]
        assert f"{told} {named}, as it is for few records." in line
    assert "without an index" in described(["Seq Scan"], measure="l2_distance")[0]
    setup = set_up(TABLE, checked_request(TABLE, EVERYTHING, {"mode": "keyword"}), KnownIndexes([]), pooler=False)
    query = Query(None, "words", TERMS)
    assert f"{told} words," in describe_search(setup, query, [INDEX, words], ["Seq Scan"], SETTINGS)[0]
    assert "without an index" in describe_search(setup, query, [INDEX], ["Seq Scan"], SETTINGS)[0]


def test_counts_of_words_are_told_to_be_without_the_filter() -> None:
    selection = Selection(filters=parsed_filters({"kind": "x"}))
    setup = set_up(TABLE, checked_request(TABLE, selection, {"mode": "keyword"}), KnownIndexes([]), pooler=False)
    lines = describe_search(setup, Query(None, "oil", TERMS), [], ["Seq Scan"], SETTINGS, has_words=False)
    assert "in how many records they are, whether or not they match the filter: 'word'" in "".join(lines)
    assert "No record has a text; write records with one, or enable_text(text_key=...) takes" in "".join(lines)
    theirs = replace(TABLE, mapped=MAPPED)
    setup = set_up(theirs, checked_request(theirs, EVERYTHING, {"mode": "keyword"}), KnownIndexes([]), pooler=False)
    lines = describe_search(setup, Query(None, "oil", TERMS), [], ["Seq Scan"], SETTINGS, has_words=False)
    assert "No record has words to be found by." in lines


def test_vectors_in_a_plan_are_shortened() -> None:
    dense = "[" + ",".join(["0.125"] * 384) + "]"
    sparse = "{" + ",".join(f"{n}:-1e-05" for n in range(1, 100)) + "}/30000"
    bits = "01" * 500
    plan = [f"  Order By: (vec <=> '{dense}'::vector)", f"('{sparse}'::sparsevec)", f"B'{bits}'", "'[1,2,3]'", "'[]'"]
    assert shortened(plan) == [
        "  Order By: (vec <=> '[0.125, 0.125, 0.125, ... 384 numbers]'::vector)",
        "('{1:-1e-05, 2:-1e-05, 3:-1e-05, ... 99 numbers}/30000'::sparsevec)",
        "B'0101010101010101... 1,000 bits'",
        "'[1,2,3]'",
        "'[]'",
    ]
