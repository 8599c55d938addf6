"""Search by words and by both: what is found, in what order, with what scores; and what must never raise."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import psycopg
import pytest

import vecs
from vecs._sql import terms
from vecs.exc import ArgError, DatabaseError

pytestmark = pytest.mark.filterwarnings("ignore:Query does not have a covering index:UserWarning")

TEXTS = {
    "bread": "Feed the sourdough starter, fold the dough, wait, and bake the bread in a hot oven.",
    "cake": "Beat butter and sugar, add eggs and flour, and bake the cake in a warm oven.",
    "motor": "Change the oil of the motor before it turns black.",
    "bike": "Oil the chain of the bike, and check the brakes of the bike.",
    "cat": "The cat sleeps on the warm oven.",
    "none": None,
}
VECTORS = {
    "bread": [1, 0, 0],
    "cake": [0.9, 0.3, 0],
    "motor": [0, 1, 0],
    "bike": [0, 0.9, 0.4],
    "cat": [0, 0, 1],
    "none": [0.8, 0, 0.6],
}
KINDS = {"bread": "food", "cake": "food", "motor": "tools", "bike": "tools", "cat": "pets", "none": "pets"}


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    """A text collection with vectors of its own."""
    docs = await client.create_collection("docs", 3, text=True)
    await docs.upsert(vecs.Record(id, VECTORS[id], text, {"kind": KINDS[id]}) for id, text in TEXTS.items())
    await docs.index()
    return docs


def ids(matches: list[vecs.Match]) -> list[str]:
    return [match.id for match in matches]


async def test_keyword_mode_finds_the_records_that_have_the_words(docs: vecs.AsyncCollection) -> None:
    assert sorted(ids(await docs.search("oil", mode="keyword"))) == ["bike", "motor"]
    assert sorted(ids(await docs.search("baking in ovens", mode="keyword"))) == ["bread", "cake", "cat"]
    assert await docs.search("submarine", mode="keyword") == []


async def test_any_of_the_words_will_do_and_rare_ones_count_more(docs: vecs.AsyncCollection) -> None:
    found = await docs.search("how often must I bake sourdough in the oven?", mode="keyword")
    assert ids(found)[0] == "bread"
    assert set(ids(found)) == {"bread", "cake", "cat"}


async def test_repeated_words_and_short_texts_rank_higher(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    texts = {
        "once": "apple pear plum quince cherry",
        "twice": "apple apple pear plum quince",
        "long": "apple " + "pear plum quince cherry " * 20,
        "without": "pear plum",
    }
    await docs.upsert(vecs.Record(id, [1], text) for id, text in texts.items())
    assert ids(await docs.search("apple", mode="keyword")) == ["twice", "once", "long"]


async def test_what_one_record_has_decides_also_where_all_words_are_rare(client: vecs.AsyncClient) -> None:
    def text(n: int) -> str:
        return f"w{n % 500} {n * 7919:x}c {n * 104729}"

    docs = await client.create_collection("docs", 2, text=True)
    await docs.upsert(vecs.Record(f"{n}", [1, n % 7], text(n)) for n in range(1, 2000))
    await docs.index()
    for n in (11, 500, 1234):
        (keyword, *_) = await docs.search(text(n), mode="keyword")
        assert keyword.score is not None
        assert keyword.score > 0.45
        (best, *_) = await docs.search([0, 1], text=text(n), mode="hybrid")
        assert keyword.id == best.id == f"{n}"


async def test_words_at_the_end_of_a_long_query_are_found(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("zebra", [1], "zebra")])
    words = " ".join(f"a{n}" for n in range(200))
    for exact in (False, True):
        assert ids(await docs.search(words + " zebra", mode="keyword", exact=exact)) == ["zebra"]


async def test_neighbouring_words_count_more_together(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert(
        [
            vecs.Record("apart", [1], "york is old, and the castle there is new as of late"),
            vecs.Record("together", [1], "castle there is old, and new york is as of late"),
        ]
    )
    assert ids(await docs.search("new york", mode="keyword")) == ["together", "apart"]


async def test_scores_fall_and_lie_between_0_and_1(docs: vecs.AsyncCollection) -> None:
    for mode in ("keyword", "hybrid"):
        found = await docs.search([1, 0, 0], text="bake the bread in the oven", mode=mode)
        scores = [match.score for match in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


async def test_keyword_matches_have_no_distance_and_hybrid_ones_have_pgvectors(docs: vecs.AsyncCollection) -> None:
    assert {match.distance for match in await docs.search("oven", mode="keyword")} == {None}
    exact = {match.id: match.distance for match in await docs.search([1, 0, 0], exact=True)}
    found = await docs.search([1, 0, 0], text="oven", mode="hybrid")
    assert {match.id: match.distance for match in found} == pytest.approx(exact)


async def test_hybrid_mode_finds_what_either_side_does(docs: vecs.AsyncCollection) -> None:
    found = await docs.search([1, 0, 0], text="motor oil", mode="hybrid")
    assert len(found) == 6
    assert ids(found)[0] in ("bread", "motor")
    both = await docs.search([0, 1, 0], text="motor oil", mode="hybrid", limit=1)
    assert [(match.id, match.score) for match in both] == [("motor", pytest.approx(1))]
    assert both[0].text == TEXTS["motor"]
    assert both[0].metadata == {"kind": "tools"}


async def test_weights_move_the_answer_from_side_to_side(docs: vecs.AsyncCollection) -> None:
    async def best(weights: tuple[float, float]) -> list[str]:
        return ids(await docs.search([1, 0, 0], text="motor oil", mode="hybrid", weights=weights, limit=1))

    assert await best((1, 0.01)) == ["bread"]
    assert await best((0.01, 1)) == ["motor"]
    by_words = await docs.search([1, 0, 0], text="motor oil", mode="hybrid", weights=(0, 1))
    assert ids(by_words) == ids(await docs.search("motor oil", mode="keyword"))
    by_nearness = await docs.search([1, 0, 0], text="motor oil", mode="hybrid", weights=(1, 0))
    assert ids(by_nearness) == ids(await docs.search([1, 0, 0], exact=True))


async def test_rrf_constant_makes_it_reciprocal_rank_fusion(docs: vecs.AsyncCollection) -> None:
    query, text, weights, constant = [0.9, 0.1, 0.1], "bake the cake in the oven", (2.0, 1.0), 10
    near = ids(await docs.search(query, exact=True))
    worded = ids(await docs.search(text, mode="keyword"))
    expected = dict(vecs.fusion.reciprocal_rank_fusion([near, worded], weights, constant))
    found = await docs.search(query, text=text, mode="hybrid", weights=weights, rrf_constant=constant)
    assert {match.id: match.score for match in found} == pytest.approx(expected)


async def test_candidates_bound_what_each_side_contributes(docs: vecs.AsyncCollection) -> None:
    found = await docs.search([1, 0, 0], text="cat", mode="hybrid", candidates=(2, 1))
    assert set(ids(found)) == {"bread", "cake", "cat"}
    assert set(ids(await docs.search([1, 0, 0], text="cat", mode="hybrid", candidates=1))) == {"bread", "cat"}


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_filters_hold_on_both_sides(docs: vecs.AsyncCollection, mode: Any) -> None:
    found = await docs.search([1, 0, 0], text="oil the warm oven", mode=mode, filters={"kind": "tools"})
    assert set(ids(found)) == {"motor", "bike"}
    none = await docs.search([1, 0, 0], text="oil", mode=mode, filters={"kind": "nothing"})
    assert none == []


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_pages_follow_each_other(docs: vecs.AsyncCollection, mode: Any) -> None:
    whole = await docs.search([1, 0, 0], text="bake in a warm oven", mode=mode, candidates=None)
    pages = [
        await docs.search([1, 0, 0], text="bake in a warm oven", mode=mode, limit=2, offset=offset)
        for offset in range(0, len(whole), 2)
    ]
    assert [match.id for page in pages for match in page] == ids(whole)


async def test_all_that_match_are_found_where_common_words_are_cut(
    client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await client.create_collection("docs", 2, text=True)
    await docs.upsert(
        vecs.Record(f"{i:03}", [1, i], f"common words{' rare' * (i % 100 == 0)} number{i}") for i in range(300)
    )
    await docs.index()
    # As few rows are read for candidates as if there were millions.
    monkeypatch.setattr(terms, "_LEAST_SCANNED", 5.0)
    monkeypatch.setattr(terms, "_MOST_SCANNED", 5.0)
    assert set(ids(await docs.search("common rare", mode="keyword", limit=3))) == {"000", "100", "200"}
    assert len(await docs.search("common rare", mode="keyword", limit=50)) == 50
    assert len(await docs.search("common rare", mode="keyword", limit=400)) == 300
    assert len(await docs.search([1, 7], text="common rare", mode="hybrid", limit=300)) == 300
    assert len(await docs.search("common words", mode="keyword", limit=30, offset=290)) == 10


async def test_a_short_scan_of_the_vector_index_is_noticed_in_hybrid_mode(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2, text=True)
    rng = np.random.default_rng(0)
    await docs.upsert(
        vecs.Record(f"{i:04}", [1 + rng.random() / 100, 0], f"word{i % 7}", {"far": False}) for i in range(1500)
    )
    await docs.upsert(vecs.Record(f"far{i}", [-1, i / 10], "word", {"far": True}) for i in range(15))
    await docs.index(method=vecs.IndexArgsIVFFlat(50))
    found = await docs.search([1, 0], text="word3", mode="hybrid", filters={"far": True}, limit=20, probes=1)
    assert len(found) == 15


HOSTILE = [
    "", " ", "\n\t", "the and of", "'", "''", '"', "\\", "\\'", "a'b\\c", "foo & | ! <-> :* (", "!!!", "a:*", "'x':1A",
    "💥🔥", "数据库 向量 搜索", "кошка спит", "بحث", "ﬁ ß İ", "NULL", "'); drop table docs; --", "%s {x} $1", "\x00",
    "a\x00b", "\ud800", "word " * 20_000, " ".join(f"w{i}" for i in range(20_000)), "x" * 3_000, "é" * 200_000,
    "1.5 -3 10e5 127.0.0.1 a@b.example https://a.example/b?c=d", "a-b-c_d/e", "<b>bold</b>",
]  # fmt: skip


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
async def test_odd_queries_never_raise(docs: vecs.AsyncCollection, text: str, mode: Any) -> None:
    found = await docs.search([1, 0, 0], text=text, mode=mode)
    assert all(0 <= match.score <= 1 for match in found)
    if mode == "hybrid":
        assert len(found) == 6


@pytest.mark.parametrize("text", ["don't", "rock'n'roll", "c:\\temp\\new", "a&b", "o''clock"])
async def test_odd_words_are_found(client: vecs.AsyncClient, text: str) -> None:
    docs = await client.create_collection("docs", 1, text=True, language="simple")
    await docs.upsert([vecs.Record("it", [1], f"here is {text} once"), vecs.Record("other", [1], "nothing of it")])
    assert ids(await docs.search(text, mode="keyword", limit=1)) == ["it"]


async def test_words_without_meaning_leave_hybrid_search_to_nearness(docs: vecs.AsyncCollection) -> None:
    found = await docs.search([1, 0, 0], text="the of and", mode="hybrid")
    assert ids(found) == ids(await docs.search([1, 0, 0], exact=True))
    assert found[0].score == 1


async def test_an_empty_collection_has_no_matches(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    assert await docs.search("word", mode="keyword") == []
    assert await docs.search([1], text="word", mode="hybrid") == []


async def test_a_zero_vector_comes_last_in_hybrid_mode(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([vecs.Record("zero", [0, 0, 0], "nothing to say")])
    found = await docs.search([1, 0, 0], text="bread", mode="hybrid")
    assert ids(found)[-1] == "zero"
    assert all(0 <= match.score <= 1 for match in found)


async def test_every_measure_and_kind_of_vector_serves_hybrid_search(client: vecs.AsyncClient) -> None:
    for number, (options, measures) in enumerate(
        [
            ({}, ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"]),
            ({"precision": "half"}, ["cosine_distance", "l2_distance"]),
            ({"precision": "binary"}, ["hamming_distance", "jaccard_distance"]),
            ({"sparse": True}, ["cosine_distance", "l2_distance"]),
        ]
    ):
        docs = await client.create_collection(f"docs{number}", 3, text=True, **options)
        await docs.upsert(
            [vecs.Record("a", [1, 0, 0], "apple"), vecs.Record("b", [0, 1, 0], "pear"), vecs.Record("c", [0, 1, 1])]
        )
        for measure in measures:
            await docs.index(measure)
            found = await docs.search([1, 0, 0], text="apple", mode="hybrid", measure=measure)
            assert found[0].id == "a", (options, measure)
            assert len(found) == 3


async def test_quantised_indexes_serve_hybrid_search(client: vecs.AsyncClient) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 64))
    docs = await client.create_collection("docs", 64, text=True)
    await docs.upsert(vecs.Record(f"{i:03}", vec, f"number{i}") for i, vec in enumerate(vectors))
    for precision in ("half", "binary"):
        await docs.index(precision=precision, replace=True)
        found = await docs.search(vectors[7], text="number8", mode="hybrid", include_vector=True)
        assert set(ids(found[:2])) == {"007", "008"}
        assert found[0].vec is not None


async def test_language_decides_which_words_are_one(client: vecs.AsyncClient) -> None:
    english = await client.create_collection("english", 1, text=True)
    german = await client.create_collection("german", 1, text=True, language="german")
    simple = await client.create_collection("simple", 1, text=True, language="simple")
    record = vecs.Record("it", [1], "Die Häuser der Katzen are running")
    for docs in (english, german, simple):
        await docs.upsert([record])
    assert ids(await english.search("he runs", mode="keyword")) == ["it"]
    assert ids(await german.search("ein Haus", mode="keyword")) == ["it"]
    assert ids(await simple.search("haus runs", mode="keyword")) == []
    assert ids(await simple.search("DIE", mode="keyword")) == ["it"]


# --- a collection that had no text -------------------------------------------------------------------------


async def test_enable_text_makes_a_vector_collection_one_of_texts(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {"body": "green apples"}), ("b", [0, 1], {"body": 5}), ("c", [1, 1], {})])
    await docs.index()
    with pytest.raises(ArgError, match=r"keeps none; call its enable_text\(\)"):
        await docs.search("apple", mode="keyword")
    await docs.enable_text(text_key="body")
    assert ids(await docs.search("apple", mode="keyword")) == ["a"]
    await docs.upsert([vecs.Record("d", [1, 0], "more apples")])
    assert set(ids(await docs.search([1, 0], text="apple", mode="hybrid", limit=2))) == {"a", "d"}
    assert [record.text for record in await docs.get(["a", "b", "c"])] == ["green apples", None, None]
    again = await client.get_collection("docs")
    assert set(ids(await again.search("apple", mode="keyword"))) == {"a", "d"}
    assert (await docs.info()).has_text


async def test_enable_text_twice_changes_nothing(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.enable_text()
    before = [index.name for index in await docs.indexes()]
    await docs.enable_text()
    assert [index.name for index in await docs.indexes()] == before


async def test_enable_text_changes_the_language(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1], "Häuser")])
    assert await docs.search("Haus", mode="keyword") == []
    await docs.enable_text("german")
    assert ids(await docs.search("Haus", mode="keyword")) == ["a"]
    assert (await client.get_collection("docs")).dimension == 1
    with pytest.raises(ArgError, match="unknown language 'klingon'; the server has .*english"):
        await docs.enable_text("klingon")


# --- refused before anything is sent -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "semantic"}, "unknown mode 'semantic'; expected one of 'vector', 'keyword', 'hybrid'"),
        ({"mode": "keyword"}, r"the query is list, and mode='keyword' needs words: give text= beside it"),
        ({"mode": "hybrid"}, r"the query is list, and mode='hybrid' needs words: give text= beside it"),
        ({"mode": "hybrid", "text": 5}, "text must be a string, not 5"),
        ({"text": "words"}, r"text= is for mode='keyword' and mode='hybrid', and for rerank="),
        ({"mode": "hybrid", "text": "x", "weights": (-1, 1)}, "weights must be numbers of at least 0"),
        ({"mode": "hybrid", "text": "x", "weights": (0, 0)}, "both weights are 0"),
        ({"mode": "hybrid", "text": "x", "weights": 0.5}, r"weights must be a pair \(vector, keyword\), not 0.5"),
        ({"mode": "hybrid", "text": "x", "weights": (1, float("nan"))}, "weights must be numbers of at least 0"),
        ({"mode": "hybrid", "text": "x", "candidates": 0}, "candidates must be an integer at least 1, not 0"),
        ({"mode": "hybrid", "text": "x", "candidates": (1, 2, 3)}, "candidates must be a number or a pair"),
        ({"mode": "hybrid", "text": "x", "rrf_constant": -1}, "rrf_constant must be an integer at least 0, not -1"),
        ({"mode": "keyword", "text": "x", "weights": (1, 1)}, "weights= is for mode='hybrid', and mode is 'keyword'"),
        ({"candidates": 10}, "candidates= is for mode='hybrid', and mode is 'vector'"),
    ],
)
async def test_wrong_arguments_are_refused(docs: vecs.AsyncCollection, options: Any, message: str) -> None:
    with pytest.raises(ArgError, match=message):
        await docs.search([1, 0, 0], **options)
    with pytest.raises(ArgError, match=message):
        await docs.search_many([[1, 0, 0]], **options)


async def test_a_text_needs_a_transform_or_a_vector_beside_it(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match="has no transform to turn it into a vector"):
        await docs.search("bake", mode="hybrid")
    with pytest.raises(ArgError, match="has no transform to turn it into a vector"):
        await docs.search("bake")


# --- refined -----------------------------------------------------------------------------------------------


async def test_rerank_reorders_what_was_found(docs: vecs.AsyncCollection) -> None:
    asked: list[tuple[str, list[str]]] = []

    async def longest(query: str, texts: list[str]) -> list[float]:
        asked.append((query, texts))
        return [len(text) / 100 for text in texts]

    for mode in ("vector", "keyword", "hybrid"):
        found = await docs.search([1, 0, 0], text="bake an oven", mode=mode, rerank=longest, limit=2)
        assert ids(found) == ["bread", "cake"]
        assert found[0].score == len(TEXTS["bread"] or "") / 100
    assert [query for query, _ in asked] == ["bake an oven"] * 3
    await docs.search([1, 0, 0], text="bake", rerank=longest, limit=1, oversampling=2)
    assert len(asked[-1][1]) == 2


async def test_rerank_reads_the_query_and_needs_texts(docs: vecs.AsyncCollection, client: vecs.AsyncClient) -> None:
    with pytest.raises(ArgError, match="the query is list, and rerank= needs words: give text= beside it"):
        await docs.search([1, 0, 0], rerank=lambda query, texts: [1] * len(texts))
    plain = await client.create_collection("plain", 3)
    with pytest.raises(ArgError, match="rerank= needs texts, and collection 'plain' keeps none"):
        await plain.search([1, 0, 0], text="x", rerank=lambda query, texts: [1] * len(texts))
    with pytest.raises(ArgError, match="rerank must be a CrossEncoder or a function"):
        await docs.search([1, 0, 0], text="x", rerank="cross-encoder")


async def test_threshold_and_pages_follow_the_reranker(docs: vecs.AsyncCollection) -> None:
    def by_letter(query: str, texts: list[str]) -> list[float]:
        return [texts[place].count("o") / 10 for place in range(len(texts))]

    whole = await docs.search([1, 0, 0], text="x", rerank=by_letter, limit=6)
    cut = await docs.search([1, 0, 0], text="x", rerank=by_letter, limit=6, threshold=0.3)
    assert ids(cut) == [match.id for match in whole if match.score >= 0.3]
    assert ids(await docs.search([1, 0, 0], text="x", rerank=by_letter, limit=2, offset=2)) == ids(whole)[2:4]


async def test_diversity_is_maximal_marginal_relevance(docs: vecs.AsyncCollection) -> None:
    names = list(VECTORS)
    vectors = np.array([VECTORS[name] for name in names], dtype=np.float64)
    for diversity in (0.0, 0.3, 0.7, 1.0):
        places = vecs.fusion.maximal_marginal_relevance([1, 0.2, 0.1], vectors, 4, diversity)
        found = await docs.search([1, 0.2, 0.1], diversity=diversity, limit=4)
        assert ids(found) == [names[place] for place in places]
        assert all(match.vec is None for match in found)
    assert (await docs.search([1, 0.2, 0.1], diversity=0.5, include_vector=True))[0].vec is not None
    spread = await docs.search([1, 0, 0], text="bake oven", mode="hybrid", diversity=0.9, limit=3)
    assert len(spread) == 3


async def test_search_many_is_many_searches(docs: vecs.AsyncCollection) -> None:
    queries = [[1, 0, 0], [0, 1, 0], [0, 0, 1]] * 9
    for options in (
        {"limit": 3},
        {"text": "oil the oven", "mode": "hybrid", "limit": 4},
        {"text": "oven", "mode": "keyword"},
        {"text": "oven", "rerank": lambda query, texts: [len(text) for text in texts]},
        {"diversity": 0.5, "limit": 2},
        {"filters": {"kind": "food"}, "offset": 1},
    ):
        many: Any = await docs.search_many(queries, **options)
        assert [ids(matches) for matches in many] == [ids(await docs.search(query, **options)) for query in queries]


async def test_explain_says_in_words_how_both_sides_are_joined(docs: vecs.AsyncCollection) -> None:
    told = await docs.explain([1, 0, 0], text="oven", mode="hybrid")
    assert "The search by nearness and words (cosine_distance)" in told
    assert "Up to 50 records by nearness and 50 by words are fused" in told
    assert "Words are read as english text" in told
    assert "reciprocal rank with the constant 60" in await docs.explain(
        [1, 0, 0], text="oven", mode="hybrid", rrf_constant=60
    )
    assert "5 matches are fetched and spread by diversity 0.5; 1 are returned." in await docs.explain(
        [1, 0, 0], limit=1, diversity=0.5
    )
    assert "actual time" in await docs.explain("oven", mode="keyword", analyze=True)


# --- whatever is going on ----------------------------------------------------------------------------------


async def test_a_failed_search_many_leaves_every_connection_as_it_was(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, statement_timeout=0.4, pool_size=2) as client:
        docs = await client.create_collection("docs", 2, text=True)
        await docs.upsert(vecs.Record(f"{i}", [1, i], "some words") for i in range(30))
        await docs.index()
        for _ in range(8):
            await docs.search_many([[1, 2]] * 30)
            await docs.search_many(["words"] * 30, mode="keyword")
        async with await psycopg.AsyncConnection.connect(target) as locking:
            await locking.execute(f'lock table "{schema}".docs in access exclusive mode')
            for options in ({}, {"text": "words", "mode": "keyword"}):
                with pytest.raises(DatabaseError, match="statement timeout"):
                    await docs.search_many([[1, 3]] * 30, **options)
        for _ in range(8):
            assert len(await docs.search([1, 2])) == 10
            assert len(await docs.search("words", mode="keyword")) == 10
            assert len(await docs.search_many([[1, 2]] * 30)) == 30


async def test_a_subclass_says_how_queries_are_embedded(client: vecs.AsyncClient) -> None:
    class Backwards(vecs.Embedding):
        def transform_query(self, query: Any, /) -> Any:
            return super().transform_query(query[::-1])

    transform = Backwards(lambda texts: [[ord(text[0]), ord(text[-1])] for text in texts], 2, name="ends")
    docs = await client.create_collection("docs", transform=transform)
    await docs.upsert([("ab", "ab", {}), ("ba", "ba", {})])
    one = [match.id for match in await docs.search("ab")]
    assert [ids(matches) for matches in await docs.search_many(["ab", "ab"])] == [one, one]


async def test_another_object_learns_of_enable_text(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1], "running")])
    other = await client.get_collection("docs")
    assert ids(await other.search("run", mode="keyword")) == ["a"]
    await docs.enable_text("simple")
    assert ids(await other.search("running", mode="keyword")) == ["a"]
    assert ids(await other.search("run", mode="keyword")) == []


async def test_pages_of_hybrid_search_fit_with_candidates_given(docs: vecs.AsyncCollection) -> None:
    options: Any = {"text": "oil the oven", "mode": "hybrid", "candidates": 6, "exact": True}
    whole = ids(await docs.search([1, 0.5, 0], limit=6, **options))
    pages = [ids(await docs.search([1, 0.5, 0], limit=2, offset=offset, **options)) for offset in (0, 2, 4)]
    assert [id for page in pages for id in page] == whole


@pytest.mark.parametrize("options", [{}, {"filters": {"kind": "food"}}, {"diversity": 0.5}, {"offset": 1}])
async def test_the_greatest_limit_is_everything(docs: vecs.AsyncCollection, options: Any) -> None:
    everything = 2 if "filters" in options else 6 - options.get("offset", 0)
    assert len(await docs.search([1, 0, 0], limit=sys.maxsize, **options)) == everything
    if "diversity" not in options:
        found = await docs.search([1, 0, 0], text="oven", mode="hybrid", limit=sys.maxsize, **options)
        assert len(found) == everything
    assert await docs.search("oven", mode="keyword", limit=1, offset=sys.maxsize) == []


async def test_infinite_distances_come_last_in_hybrid_mode(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 2, text=True)
    await docs.upsert(
        [
            vecs.Record("far", [3e30, 3e30], "one"),
            vecs.Record("near", [1, 1], "two"),
            vecs.Record("mid", [5, 5], "three"),
        ]
    )
    found = await docs.search([1, 1], text="nothing", mode="hybrid", measure="l2_distance")
    assert ids(found) == ["near", "mid", "far"]
    huge: Any = (1e308, 1e308)
    assert ids(await docs.search([1, 1], text="two", mode="hybrid", measure="l2_distance", weights=huge))[0] == "near"


async def test_an_unknown_argument_is_named(docs: vecs.AsyncCollection) -> None:
    for call in (docs.search_many, docs.explain):
        with pytest.raises(TypeError, match="unknown argument 'limt'; did you mean 'limit'"):
            await call([[1, 0, 0]], limt=3)


async def test_enable_text_leaves_keywords_alone_that_somebody_else_fills(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1)
    await docs.upsert([("a", [1], {})])
    async with client.connection() as connection:
        await connection.execute(f'alter table "{client.schema}".docs add column text_search tsvector')
        await connection.execute(f"update \"{client.schema}\".docs set text_search = to_tsvector('precious')")
    theirs = await client.get_collection("docs")
    assert ids(await theirs.search("precious", mode="keyword")) == ["a"]
    with pytest.raises(ArgError, match="the column text_search of 'docs' is not made by vecs"):
        await theirs.enable_text()
    assert ids(await theirs.search("precious", mode="keyword")) == ["a"]


@pytest.mark.parametrize("language", ["\ud800", "a\x00b", "", 5])
async def test_what_is_no_language_is_refused(client: vecs.AsyncClient, language: Any) -> None:
    docs = await client.create_collection("docs", 1)
    with pytest.raises(ArgError, match="unknown language"):
        await docs.enable_text(language)
    with pytest.raises(ArgError, match="metadata key must be a string|not storable"):
        await docs.enable_text(text_key="a\x00" if language == "" else 5)
    await docs.enable_text("pg_catalog.simple")
    await docs.upsert([("a", [1], {})])
    with pytest.raises(ArgError, match="exists with keywords in simple, not 'german'"):
        await client.get_or_create_collection("docs", dimension=1, language="german")
    assert await client.get_or_create_collection("docs", dimension=1, language="simple")


async def test_pages_of_keyword_search_fit_beyond_the_first_hundred(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    rng = np.random.default_rng(0)
    words = ["apple", "pear", "plum", "fig"]
    await docs.upsert(vecs.Record(f"{i:03}", [1], " ".join(rng.choice(words, 6))) for i in range(300))
    whole = ids(await docs.search("apple pear", mode="keyword", limit=300))
    pages = [ids(await docs.search("apple pear", mode="keyword", limit=30, offset=at)) for at in range(0, 300, 30)]
    assert [id for page in pages for id in page] == whole


async def test_neighbours_decide_however_many_records_have_the_words(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert(
        [
            *(vecs.Record(f"{i:03}", [1], "aid first 館 図 書") for i in range(150)),
            vecs.Record("first", [1], "first aid box"),
            vecs.Record("library", [1], "東京の図書館は駅の近くにある"),
        ]
    )
    for exact in (False, True):
        for limit in (1, 10):
            for query, wanted in (("first aid", "first"), ("図書館", "library")):
                assert (await docs.search(query, mode="keyword", limit=limit, exact=exact))[0].id == wanted
    pages = [await docs.search("first aid", mode="keyword", exact=True, limit=10, offset=10 * n) for n in range(16)]
    assert len({match.id for page in pages for match in page}) == 151


async def test_statistics_of_words_are_of_what_a_view_sees(client: vecs.AsyncClient) -> None:
    await (await client.create_collection("docs", 1, text=True)).upsert([vecs.Record("a", [1], "word")])
    for tenant in ("a", "b", "a"):
        docs = await client.with_settings({"app.tenant": tenant}).get_collection("docs")
        assert len(await docs.search("word", mode="keyword")) == 1
    assert len(client._catalog._words) == 2


async def test_marks_that_have_no_end_take_no_time(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record("a", [1], "e" + "\u0301\u0316" * 49_000 + " word")])
    assert await docs.search("\u0301\u0316" * 50_000, mode="keyword") == []
    assert len(await docs.search("word", mode="keyword")) == 1


async def test_words_of_a_collection_that_was_emptied_are_counted_anew(client: vecs.AsyncClient) -> None:
    docs = await client.create_collection("docs", 1, text=True)
    await docs.upsert([vecs.Record(f"{i}", [1], "common word") for i in range(200)])
    await docs.index()
    assert "'common' (in about 200," in await docs.explain("common", mode="keyword")
    await docs.truncate()
    await docs.upsert([vecs.Record("a", [1], "common"), vecs.Record("b", [1], "other")])
    assert "'common' (in about 1," in await docs.explain("common", mode="keyword")
