"""Searches by words, and by words and vectors together."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document

from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import Table, at_angle

TEXTS = {
    "apple": "An apple pie with cinnamon",
    "banana": "Banana bread is baked slowly",
    "cherry": "A cherry tart",
    "vacuum": "The postgres vacuum process reclaims storage",
    "zebra": "A zebra in the savannah",
}
# All questions but the last have the same vector, nearest to the apple, then in the order above.
QUERIES = ("zebra", "cherry", "banana bread", "vacuum", "how does postgres vacuum work in detail?", "", "the of and")
VECTORS = {text: at_angle(20 * number) for number, text in enumerate(TEXTS.values())}
VECTORS |= dict.fromkeys(QUERIES, at_angle(0))
ODD = (
    '"',
    "&",
    "!",
    "''",
    "(((",
    ":*",
    "a & | b",
    "\\",
    "<->",
    "%s",
    "\x00",
    "-",
    " ",
    "\N{GRINNING FACE}",
    "the of and",
)


@pytest.fixture
async def fruit(make_store: MakeStore) -> VecsVectorStore:
    store = make_store(Table(VECTORS, 2))
    await store.aadd_texts(list(TEXTS.values()), ids=list(TEXTS))
    return store


@pytest.fixture
async def other_modes(make_store: MakeStore, fruit: VecsVectorStore) -> dict[str, VecsVectorStore]:
    """Stores on the same documents that search by words, or by both."""
    return {mode: make_store(Table(VECTORS, 2), search_mode=mode) for mode in ("keyword", "hybrid")}


def ids(found: list[Any]) -> list[str]:
    return [(one if isinstance(one, Document) else one[0]).id for one in found]


async def test_each_query_looks_for_its_own_words(fruit: VecsVectorStore) -> None:
    for query, wanted in (("cherry", "cherry"), ("zebra", "zebra"), ("cherry", "cherry")):
        assert ids(await fruit.asimilarity_search(query, mode="keyword")) == [wanted]
        assert wanted in ids(await fruit.asimilarity_search(query, k=2, mode="hybrid"))


async def test_a_search_leaves_the_arguments_it_is_given_unchanged(fruit: VecsVectorStore) -> None:
    options: dict[str, Any] = {"filter": {"a": 1}, "weights": [1, 2], "mode": "hybrid"}
    before = {"filter": {"a": 1}, "weights": [1, 2], "mode": "hybrid"}
    await fruit.asimilarity_search("cherry", **options)
    assert options == before


@pytest.mark.parametrize("k", [0, 1, 10, 50, 100])
@pytest.mark.parametrize("by_vector", [False, True])
async def test_hybrid_returns_k_documents(make_store: MakeStore, k: int, by_vector: bool) -> None:
    store = make_store(Table())
    await store.aadd_texts([f"common word number {number}" for number in range(120)])
    if by_vector:
        vector = store.embeddings.embed_query("a word")
        found = await store.asimilarity_search_by_vector(vector, k=k, mode="hybrid", text="common word")
    else:
        found = await store.asimilarity_search("common word", k=k, mode="hybrid")
    assert len(set(ids(found))) == k


async def test_a_document_with_the_very_word_comes_up_though_its_vector_is_far(fruit: VecsVectorStore) -> None:
    assert ids(await fruit.asimilarity_search("zebra", k=4)) == ["apple", "banana", "cherry", "vacuum"]
    assert "zebra" in ids(await fruit.asimilarity_search("zebra", k=2, mode="hybrid"))


async def test_hybrid_finds_what_only_vectors_and_what_only_words_find(fruit: VecsVectorStore) -> None:
    found = ids(await fruit.asimilarity_search("zebra", k=2, mode="hybrid", candidates=1))
    assert sorted(found) == ["apple", "zebra"]


@pytest.mark.parametrize("query", ["", "the of and"])
async def test_without_words_to_look_for_hybrid_is_the_order_of_vectors(fruit: VecsVectorStore, query: str) -> None:
    wanted = ids(await fruit.asimilarity_search(query, k=5))
    assert ids(await fruit.asimilarity_search(query, k=5, mode="hybrid")) == wanted


@pytest.mark.parametrize("query", ODD)
async def test_odd_queries_find_what_they_can(fruit: VecsVectorStore, query: str) -> None:
    assert len(await fruit.asimilarity_search(query, k=5, mode="hybrid")) == 5
    assert await fruit.asimilarity_search(query, k=5, mode="keyword") == []


async def test_a_query_of_very_many_words_is_answered(fruit: VecsVectorStore) -> None:
    query = "zebra " + " ".join(f"word{number}" for number in range(20_000))
    assert len(await fruit.asimilarity_search(query, k=5, mode="hybrid")) == 5


async def test_weights_favour_a_side(fruit: VecsVectorStore) -> None:
    by_vectors = await fruit.asimilarity_search("zebra", k=1, mode="hybrid", weights=(1, 0.01))
    by_words = await fruit.asimilarity_search("zebra", k=1, mode="hybrid", weights=(0.01, 1))
    assert (ids(by_vectors), ids(by_words)) == (["apple"], ["zebra"])


async def test_the_constant_makes_scores_those_of_reciprocal_ranks(fruit: VecsVectorStore) -> None:
    found = await fruit.asimilarity_search_with_relevance_scores(
        "zebra", k=5, mode="hybrid", rrf_constant=60, weights=(1, 1)
    )
    scores = {document.id: score for document, score in found}
    # First by vectors and nowhere by words; last by vectors and first by words.
    assert scores["apple"] == pytest.approx(0.5)
    assert scores["zebra"] == pytest.approx(61 / 65 / 2 + 0.5)


async def test_words_may_differ_from_the_query(fruit: VecsVectorStore) -> None:
    assert ids(await fruit.asimilarity_search("cherry", mode="keyword", text="zebra")) == ["zebra"]
    found = await fruit.asimilarity_search("cherry", k=1, mode="hybrid", text="zebra", weights=(0.01, 1))
    assert ids(found) == ["zebra"]


async def test_words_for_a_search_by_vectors_alone_are_refused(fruit: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="text= is for mode"):
        await fruit.asimilarity_search("cherry", text="zebra")


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
@pytest.mark.parametrize("query", ["zebra", "banana bread", "how does postgres vacuum work in detail?"])
@pytest.mark.parametrize("options", [{}, {"rrf_constant": 60}, {"weights": (3, 1)}])
async def test_relevance_falls_from_one_to_nought(
    fruit: VecsVectorStore, mode: str, query: str, options: dict[str, Any]
) -> None:
    if mode == "keyword" and options:
        options = {}
    found = await fruit.asimilarity_search_with_relevance_scores(query, k=5, mode=mode, **options)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert found


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_scores_that_are_distances_rise_in_every_mode(fruit: VecsVectorStore, mode: str) -> None:
    found = await fruit.asimilarity_search_with_score("banana bread", k=5, mode=mode)
    scores = [score for _, score in found]
    assert scores == sorted(scores)
    assert found[0][0].id == "banana"


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_a_threshold_is_a_relevance_in_every_mode(fruit: VecsVectorStore, mode: str) -> None:
    found = await fruit.asimilarity_search_with_relevance_scores("banana bread zebra", k=5, mode=mode)
    least = found[0][1]
    kept = await fruit.asimilarity_search_with_relevance_scores(
        "banana bread zebra", k=5, mode=mode, score_threshold=least
    )
    assert 1 <= len(kept) <= len(found)
    assert all(score >= least for _, score in kept)


async def test_a_question_finds_documents_that_have_some_of_its_words(fruit: VecsVectorStore) -> None:
    question = "how does postgres vacuum work in detail?"
    assert ids(await fruit.asimilarity_search(question, mode="keyword")) == ["vacuum"]
    assert "vacuum" in ids(await fruit.asimilarity_search(question, k=2, mode="hybrid"))


@pytest.mark.parametrize(("language", "found"), [("german", ["1"]), ("english", []), ("simple", [])])
async def test_words_are_read_in_the_language_of_the_collection(
    make_store: MakeStore, language: str, found: list[str]
) -> None:
    store = make_store(Table(), language=language)
    await store.aadd_texts(["Die Häuser am See"], ids=["1"])
    assert ids(await store.asimilarity_search("Haus", mode="keyword")) == found


async def test_an_unknown_language_is_refused_by_name(make_store: MakeStore) -> None:
    with pytest.raises(ArgError, match="'klingon'"):
        await make_store(Table(), language="klingon").aadd_texts(["nuqneH"])


async def test_documents_added_by_a_store_that_searches_by_vectors_are_found_by_words(
    other_modes: dict[str, VecsVectorStore],
) -> None:
    assert ids(await other_modes["keyword"].asimilarity_search("zebra")) == ["zebra"]


async def test_a_collection_without_words_gets_them_later(make_store: MakeStore) -> None:
    made = make_store(Table())
    collection = made.client.get_or_create_collection("docs", dimension=4)
    collection.upsert([("1", [1, 2, 3, 4], {"body": "a zebra"})])
    with pytest.raises(ArgError, match="enable_text"):
        await made.asimilarity_search("zebra", mode="hybrid")
    collection.enable_text(text_key="body")
    store = make_store(Table())
    assert ids(await store.asimilarity_search("zebra", mode="hybrid")) == ["1"]


async def test_filters_hold_on_both_sides(make_store: MakeStore) -> None:
    store = make_store(Table(VECTORS, 2))
    metadatas = [{"even": number % 2 == 0} for number in range(len(TEXTS))]
    await store.aadd_texts(list(TEXTS.values()), metadatas, ids=list(TEXTS))
    found = await store.asimilarity_search("cherry", k=5, mode="hybrid", filter={"even": False})
    assert sorted(ids(found)) == ["banana", "vacuum"]


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_a_store_searches_in_its_own_mode_by_every_method(
    other_modes: dict[str, VecsVectorStore], mode: str
) -> None:
    store = other_modes[mode]
    options: dict[str, Any] = {} if mode == "keyword" else {"weights": (0.01, 1)}
    for found in (
        await store.asimilarity_search("zebra", **options),
        await store.asimilarity_search_with_score("zebra", **options),
        await store.asimilarity_search_with_relevance_scores("zebra", **options),
        await store.asearch("zebra", "similarity", **options),
        await store.asearch("zebra", "similarity_score_threshold", score_threshold=0.1, **options),
        await store.amax_marginal_relevance_search("zebra", **options),
        await store.amax_marginal_relevance_search_with_score("zebra", **options),
        await store.asimilarity_search_by_vector(at_angle(0), text="zebra", **options),
        await store.asimilarity_search_with_score_by_vector(at_angle(0), text="zebra", **options),
        await store.amax_marginal_relevance_search_by_vector(at_angle(0), text="zebra", **options),
        await store.as_retriever(search_kwargs=options).ainvoke("zebra"),
        await store.as_retriever(search_type="mmr", search_kwargs=options).ainvoke("zebra"),
    ):
        assert ids(found)[0] == "zebra"


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_a_vector_without_words_is_searched_for_by_nearness_whatever_the_stores_mode(
    other_modes: dict[str, VecsVectorStore], mode: str
) -> None:
    store = other_modes[mode]
    assert ids(await store.asimilarity_search_by_vector(at_angle(81))) == ["zebra", "vacuum", "cherry", "banana"]
    assert ids(await store.amax_marginal_relevance_search_by_vector(at_angle(81), k=1)) == ["zebra"]


async def test_hybrid_by_vector_without_words_is_refused(fruit: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="give text="):
        await fruit.asimilarity_search_by_vector(at_angle(0), mode="hybrid")


async def test_a_mode_of_the_call_wins_over_the_stores(other_modes: dict[str, VecsVectorStore]) -> None:
    store = other_modes["keyword"]
    assert ids(await store.asimilarity_search("zebra", k=2, mode="vector")) == ["apple", "banana"]
    assert ids(await store.asearch("zebra", "vector", k=2)) == ["apple", "banana"]
    assert ids(await store.as_retriever(search_type="vector").ainvoke("zebra", k=2)) == ["apple", "banana"]


async def test_an_unknown_mode_is_refused(make_store: MakeStore, fruit: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="'dense'"):
        await fruit.asimilarity_search("zebra", mode="dense")
    with pytest.raises(ArgError, match="'dense'"):
        make_store(Table(), search_mode="dense")


async def test_words_alone_embed_nothing(make_store: MakeStore, fruit: VecsVectorStore) -> None:
    table = Table(VECTORS, 2)
    await make_store(table).asimilarity_search("zebra", mode="keyword")
    assert table.calls == []


async def test_before_the_first_document_nothing_is_found(store: VecsVectorStore) -> None:
    assert await store.asimilarity_search("zebra", mode="hybrid") == []
    assert await store.asimilarity_search("zebra", mode="keyword") == []


async def test_unlike_documents_are_chosen_in_hybrid_mode(make_store: MakeStore) -> None:
    vectors = {"zebra one": at_angle(5), "zebra two": at_angle(6), "zebra far": at_angle(-60), "zebra": at_angle(0)}
    store = make_store(Table(vectors, 2))
    await store.aadd_texts(list(vectors)[:3], ids=["one", "two", "far"])
    found = await store.amax_marginal_relevance_search("zebra", k=2, mode="hybrid", lambda_mult=0.2)
    assert ids(found) == ["one", "far"]
