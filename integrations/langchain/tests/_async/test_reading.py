"""Documents out of a store: found in order, with scores that mean what they say, spread out, read by id."""

from __future__ import annotations

import math
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.vectorstores.utils import maximal_marginal_relevance

import vecs
from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import Table, at_angle

MEASURES = ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"]

# By cosine "near" is nearest to `at_angle(0)`, by L2 "short" is, by inner product "long".
PLANE = {
    "query": at_angle(0),
    "near": at_angle(1, 3),
    "short": at_angle(20, 1),
    "long": at_angle(40, 10),
    "right": at_angle(90),
    "opposite": at_angle(180, 10),
}
ORDERS = {
    "cosine_distance": ["near", "short", "long", "right", "opposite"],
    "l2_distance": ["short", "right", "near", "long", "opposite"],
    "max_inner_product": ["long", "near", "short", "right", "opposite"],
    "l1_distance": ["short", "right", "near", "opposite", "long"],
}


def texts(found: list[Document]) -> list[str]:
    return [document.page_content for document in found]


async def planar(make_store: MakeStore, **options: Any) -> VecsVectorStore:
    """A store of all texts of the plane but the query."""
    store = make_store(Table(dict(PLANE), dimension=2), **options)
    await store.aadd_texts([text for text in PLANE if text != "query"])
    return store


@pytest.fixture
async def plane(make_store: MakeStore) -> VecsVectorStore:
    return await planar(make_store)


# --- how many, in which order -------------------------------------------------------------------------------


async def test_four_documents_are_found_unless_told_otherwise(plane: VecsVectorStore) -> None:
    assert len(await plane.asimilarity_search("query")) == 4
    assert len(await plane.asimilarity_search_with_score("query")) == 4
    assert len(await plane.asimilarity_search_by_vector(at_angle(0))) == 4
    assert len(await plane.amax_marginal_relevance_search("query")) == 4


@pytest.mark.parametrize(("k", "count"), [(0, 0), (1, 1), (5, 5), (6, 5), (10**9, 5)])
async def test_k_is_how_many_are_found_at_most(plane: VecsVectorStore, k: int, count: int) -> None:
    assert len(await plane.asimilarity_search("query", k=k)) == count
    assert len(await plane.amax_marginal_relevance_search("query", k=k)) == count
    assert len(await plane.asimilarity_search("near", k=k, mode="hybrid")) == count


@pytest.mark.parametrize("k", [-1, 1.5, "3", None, True])
async def test_a_k_that_is_no_count_is_refused(store: VecsVectorStore, k: Any) -> None:
    with pytest.raises(ArgError, match="k must be"):
        await store.asimilarity_search("query", k=k)


@pytest.mark.parametrize("measure", MEASURES)
async def test_documents_are_found_in_the_order_of_the_measure(make_store: MakeStore, measure: str) -> None:
    store = await planar(make_store, measure=measure)
    assert texts(await store.asimilarity_search("query", k=5)) == ORDERS[measure]
    assert texts(await store.asimilarity_search_by_vector(at_angle(0), k=5)) == ORDERS[measure]


@pytest.mark.parametrize("measure", MEASURES)
async def test_an_index_keeps_the_order(make_store: MakeStore, measure: str) -> None:
    store = await planar(make_store, measure=measure)
    await store.acreate_index()
    assert texts(await store.asimilarity_search("query", k=5)) == ORDERS[measure]


async def test_pages_by_offset_fit_together(plane: VecsVectorStore) -> None:
    pages = [await plane.asimilarity_search("query", k=2, offset=offset, exact=True) for offset in (0, 2, 4)]
    assert [text for page in pages for text in texts(page)] == ORDERS["cosine_distance"]


async def test_a_store_without_documents_finds_none(store: VecsVectorStore) -> None:
    assert await store.asimilarity_search("query") == []
    assert await store.asimilarity_search_with_score("query") == []
    assert await store.asimilarity_search_with_relevance_scores("query") == []
    assert await store.asimilarity_search_by_vector([1, 0]) == []
    assert await store.amax_marginal_relevance_search("query") == []
    assert await store.aget_by_ids(["1"]) == []
    assert await store.aget() == {"ids": [], "documents": [], "metadatas": [], "embeddings": None}
    assert await store.acount() == 0
    assert await store.adelete(["1"])
    assert await store.aupdate_metadata(["1"], {"x": 1}) == []


async def test_an_unknown_argument_is_refused_by_every_search(store: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="did you mean 'filter'"):
        await store.asimilarity_search("query", filters={"x": 1})
    with pytest.raises(ArgError, match="did you mean 'namespace'"):
        await store.asimilarity_search_with_score("query", namespce="a")
    with pytest.raises(ArgError, match="did you mean 'score_threshold'"):
        await store.asimilarity_search_with_relevance_scores("query", score_treshold=0.5)
    with pytest.raises(ArgError, match="did you mean 'filter'"):
        await store.amax_marginal_relevance_search_by_vector([1, 0], where={"x": 1})
    with pytest.raises(ArgError, match=r"did you mean 'lambda_mult'\?.*fetch_k, lambda_mult"):
        await store.amax_marginal_relevance_search("query", lambda_mul=0.5)
    with pytest.raises(ArgError, match="did you mean 'fetch_k'"):
        await store.amax_marginal_relevance_search_with_score_by_vector([1, 0], fetchk=5)
    for filters in ({"filter": {"x": 1}}, {"filters": {"x": 1}}):
        with pytest.raises(ArgError, match="did you mean 'where'"):
            await store.aget(**filters)
    for wrong, meant in (("where", "filter"), ("filters", "filter"), ("namespce", "namespace"), ("id", "ids")):
        with pytest.raises(ArgError, match=f"did you mean '{meant}'"):
            await store.adelete(**{wrong: {"x": 1}})


# --- scores -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "l1_distance"])
async def test_the_same_vector_has_distance_0(make_store: MakeStore, measure: str) -> None:
    store = await planar(make_store, measure=measure)
    ((document, distance),) = await store.asimilarity_search_with_score("long", k=1)
    assert (document.page_content, distance) == ("long", pytest.approx(0, abs=1e-6))


async def test_scores_are_pgvectors_distances(make_store: MakeStore) -> None:
    found = {}
    for measure in MEASURES[:3]:
        store = await planar(make_store, measure=measure, collection=measure)
        pairs = await store.asimilarity_search_with_score("query", k=5)
        found[measure] = {document.page_content: distance for document, distance in pairs}
    assert found["cosine_distance"]["opposite"] == pytest.approx(2)
    assert found["l2_distance"]["opposite"] == pytest.approx(11)
    assert found["max_inner_product"]["opposite"] == pytest.approx(10)
    assert found["max_inner_product"]["long"] == pytest.approx(-10 * math.cos(math.radians(40)), rel=1e-5)


def backwards(query: str, answers: list[str]) -> list[float]:
    return [float(place) for place, _ in enumerate(answers)]


WAYS: list[dict[str, Any]] = [
    *({"measure": measure} for measure in MEASURES),
    {"mode": "keyword"},
    {"mode": "hybrid"},
    {"mode": "hybrid", "rrf_constant": 60},
    {"mode": "hybrid", "weights": (1, 0)},
    {"rerank": backwards},
    {"mode": "hybrid", "rerank": backwards},
]


def named(way: dict[str, Any]) -> str:
    """The way as a test's id, which is the same in every process."""
    return ",".join(f"{option}={getattr(value, '__name__', value)}" for option, value in way.items())


@pytest.mark.parametrize("way", WAYS, ids=named)
async def test_scores_ascend_and_relevances_descend_in_every_way(make_store: MakeStore, way: dict[str, Any]) -> None:
    measure = way.get("measure", "cosine_distance")
    options = {name: value for name, value in way.items() if name != "measure"}
    store = await planar(make_store, measure=measure)
    query = "query near long short"
    distances = [distance for _, distance in await store.asimilarity_search_with_score(query, k=5, **options)]
    assert len(distances) >= 3
    assert distances == sorted(distances)
    relevances = [r for _, r in await store.asimilarity_search_with_relevance_scores(query, k=5, **options)]
    assert relevances == sorted(relevances, reverse=True)
    assert all(0 <= relevance <= 1 for relevance in relevances)


@pytest.mark.parametrize("way", WAYS, ids=named)
async def test_with_and_without_scores_the_documents_are_the_same(make_store: MakeStore, way: dict[str, Any]) -> None:
    measure = way.get("measure", "cosine_distance")
    options = {name: value for name, value in way.items() if name != "measure"}
    store = await planar(make_store, measure=measure)
    documents = await store.asimilarity_search("near long", **options)
    assert [document for document, _ in await store.asimilarity_search_with_score("near long", **options)] == documents
    pairs = await store.asimilarity_search_with_relevance_scores("near long", **options)
    assert [document for document, _ in pairs] == documents


@pytest.mark.parametrize("given", [list, tuple, np.array, lambda v: np.array(v, dtype=np.float32), np.float16])
async def test_a_vector_may_be_a_list_or_an_array(plane: VecsVectorStore, given: Callable[[Any], Any]) -> None:
    vector = given(at_angle(0))
    assert texts(await plane.asimilarity_search_by_vector(vector, k=1)) == ["near"]
    assert (await plane.asimilarity_search_with_score_by_vector(vector, k=1))[0][0].page_content == "near"
    assert texts(await plane.amax_marginal_relevance_search_by_vector(vector, k=1)) == ["near"]


async def test_a_vector_of_another_dimension_is_refused(plane: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="dimension"):
        await plane.asimilarity_search_by_vector([1, 0, 0])


async def test_a_store_that_searches_in_hybrid_mode_takes_a_vector_alone(make_store: MakeStore) -> None:
    store = await planar(make_store, search_mode="hybrid")
    assert texts(await store.asimilarity_search_by_vector(at_angle(0), k=5)) == ORDERS["cosine_distance"]
    assert texts(await store.asimilarity_search_by_vector(at_angle(0), k=1, text="long", weights=(0, 1))) == ["long"]


# --- relevance ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("index", [False, True])
async def test_relevance_is_in_0_to_1_and_the_best_has_the_most(
    make_store: MakeStore, measure: str, index: bool
) -> None:
    store = await planar(make_store, measure=measure)
    if index:
        await store.acreate_index()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = await store.asimilarity_search_with_relevance_scores("query", k=5)
    assert texts([document for document, _ in pairs]) == ORDERS[measure]
    relevances = [relevance for _, relevance in pairs]
    assert all(0 <= relevance <= 1 for relevance in relevances)
    assert relevances == sorted(relevances, reverse=True)
    assert relevances[0] > relevances[-1]


async def test_cosine_relevance_is_1_less_the_distance_and_0_from_a_right_angle_on(plane: VecsVectorStore) -> None:
    pairs = await plane.asimilarity_search_with_relevance_scores("query", k=5)
    relevance = {document.page_content: relevance for document, relevance in pairs}
    assert relevance["short"] == pytest.approx(math.cos(math.radians(20)), abs=1e-6)
    assert relevance["right"] == pytest.approx(0, abs=1e-6)
    assert relevance["opposite"] == 0


@pytest.mark.parametrize("measure", MEASURES)
async def test_relevance_agrees_with_the_stores_function_of_distances(make_store: MakeStore, measure: str) -> None:
    store = await planar(make_store, measure=measure)
    function = store._select_relevance_score_fn()
    distances = [distance for _, distance in await store.asimilarity_search_with_score("query", k=5)]
    relevances = [r for _, r in await store.asimilarity_search_with_relevance_scores("query", k=5)]
    assert [function(distance) for distance in distances] == pytest.approx(relevances)


async def test_a_vector_without_direction_has_no_relevance(make_store: MakeStore) -> None:
    store = make_store(Table({"query": [1, 0], "zero": [0, 0]}))
    await store.aadd_texts(["zero"])
    assert [r for _, r in await store.asimilarity_search_with_relevance_scores("query")] == [0]
    assert texts(await store.amax_marginal_relevance_search("query")) == ["zero"]
    assert texts(await store.asimilarity_search("zero")) == ["zero"]


@pytest.mark.parametrize("measure", MEASURES)
async def test_a_threshold_keeps_what_reaches_it(make_store: MakeStore, measure: str) -> None:
    store = await planar(make_store, measure=measure)
    everything = await store.asimilarity_search_with_relevance_scores("query", k=5)
    for _, least in everything:
        expected = [document for document, relevance in everything if relevance >= least]
        retriever = store.as_retriever(
            search_type="similarity_score_threshold", search_kwargs={"k": 5, "score_threshold": least}
        )
        assert await retriever.ainvoke("query") == expected
        assert await store.asimilarity_search("query", k=5, score_threshold=least) == expected
        pairs = await store.asimilarity_search_with_relevance_scores("query", k=5, score_threshold=least)
        assert [document for document, _ in pairs] == expected


async def test_a_threshold_of_0_keeps_everything(plane: VecsVectorStore) -> None:
    retriever = plane.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"k": 5, "score_threshold": 0.0}
    )
    assert texts(await retriever.ainvoke("query")) == ORDERS["cosine_distance"]


async def test_a_threshold_of_1_keeps_the_same_vector(make_store: MakeStore) -> None:
    store = make_store(Table({"a": [1, 0], "b": [0, 1]}))
    await store.aadd_texts(["a", "b"])
    assert texts(await store.asimilarity_search("a", score_threshold=1)) == ["a"]


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, math.inf, "0.5", True])
@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_a_threshold_that_is_no_relevance_is_refused(store: VecsVectorStore, threshold: Any, mode: str) -> None:
    with pytest.raises(ArgError, match="score_threshold must be"):
        await store.asimilarity_search("query", score_threshold=threshold, mode=mode)


async def test_a_threshold_on_words_and_on_both_keeps_what_reaches_it(plane: VecsVectorStore) -> None:
    for mode in ("keyword", "hybrid"):
        everything = await plane.asimilarity_search_with_relevance_scores("near long", k=5, mode=mode)
        for _, least in everything:
            found = await plane.asimilarity_search("near long", k=5, mode=mode, score_threshold=least)
            assert found == [document for document, relevance in everything if relevance >= least]


async def test_relevance_may_be_a_function_of_the_callers_own(make_store: MakeStore) -> None:
    store = await planar(make_store, relevance_score_fn=lambda distance: 100 - distance)
    pairs = await store.asimilarity_search_with_relevance_scores("query", k=5)
    assert [relevance for _, relevance in pairs][2:] == pytest.approx([99 + math.cos(math.radians(40)), 99, 98])
    assert len(await store.asimilarity_search("query", k=5, score_threshold=98.5)) == 4
    assert len(await store.asimilarity_search_with_relevance_scores("query", k=5, score_threshold=98.5)) == 4


# --- maximal marginal relevance -----------------------------------------------------------------------------


async def test_spread_documents_are_not_the_most_similar_ones(make_store: MakeStore) -> None:
    angles = {f"twin {n}": at_angle(10 + n / 100) for n in range(6)} | {"apart": at_angle(-60)}
    store = make_store(Table({"query": at_angle(0), **angles}))
    await store.aadd_texts(list(angles))
    assert "apart" not in texts(await store.asimilarity_search("query"))
    assert texts(await store.amax_marginal_relevance_search("query"))[:2] == ["twin 0", "apart"]


PAIRS = [(1, 20), (3, 20), (7, 30), (6, 7), (4, 20), (10, 33), (11, 11), (5, 40), (20, 3), (9, 29), (13, 38), (49, 50)]


def chosen_by_langchain(
    table: Table, query: str, stored: list[str], k: int, fetch_k: int, lambda_mult: float, measure: str
) -> list[str]:
    """The nearest `fetch_k` as LangChain's function orders the `k` best of them."""
    target = np.array(table.embed_query(query))
    vectors = {text: np.array(table.embed_query(text)) for text in stored}
    if measure == "cosine_distance":
        order = sorted(stored, key=lambda text: -float(vectors[text] @ target / np.linalg.norm(vectors[text])))
    elif measure == "l2_distance":
        order = sorted(stored, key=lambda text: float(np.linalg.norm(vectors[text] - target)))
    else:
        order = sorted(stored, key=lambda text: -float(vectors[text] @ target))
    fetched = order[: max(k, fetch_k)]
    places = maximal_marginal_relevance(target, [vectors[text] for text in fetched], lambda_mult, k)
    return [fetched[place] for place in places]


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize("lambda_mult", [0.0, 0.25, 0.5, 0.9, 1.0])
async def test_spread_documents_are_those_that_langchain_would_choose(
    make_store: MakeStore, measure: str, lambda_mult: float
) -> None:
    table = Table(dimension=8)
    stored = [f"text {number}" for number in range(50)]
    for number, text in enumerate(stored):
        vector = table.embed_query(text)
        table.vectors[text] = [value * (1 + number % 5) for value in vector]
    store = make_store(table, measure=measure)
    await store.aadd_texts(stored)
    for k, fetch_k in PAIRS:
        query = f"query {k} {fetch_k}"
        found = await store.amax_marginal_relevance_search(query, k=k, fetch_k=fetch_k, lambda_mult=lambda_mult)
        assert texts(found) == chosen_by_langchain(table, query, stored, k, fetch_k, lambda_mult, measure)


@pytest.mark.parametrize(("k", "fetch_k"), [(k, k + more) for k in (3, 6, 7, 11, 13, 49) for more in range(0, 12, 3)])
async def test_no_more_are_chosen_from_than_were_asked_for(make_store: MakeStore, k: int, fetch_k: int) -> None:
    # All but the last of the nearest are alike: the odd one out is chosen as soon as it is among the fetched.
    near = {f"near {n:03}": at_angle(10 + n / 100) for n in range(fetch_k)}
    store = make_store(Table({"query": at_angle(0), **near, "odd": at_angle(-90)}))
    await store.aadd_texts([*near, "odd"])
    found = texts(await store.amax_marginal_relevance_search("query", k=k, fetch_k=fetch_k, lambda_mult=0))
    assert "odd" not in found
    found = texts(await store.amax_marginal_relevance_search("query", k=k, fetch_k=fetch_k + 1, lambda_mult=0))
    assert "odd" in found


async def test_spread_documents_come_with_the_same_distances(plane: VecsVectorStore) -> None:
    distances = {d.page_content: score for d, score in await plane.asimilarity_search_with_score("query", k=5)}
    pairs = await plane.amax_marginal_relevance_search_with_score("query", k=5)
    assert {document.page_content: score for document, score in pairs} == distances
    assert [document for document, _ in pairs] == await plane.amax_marginal_relevance_search("query", k=5)
    assert await plane.amax_marginal_relevance_search_with_score_by_vector(at_angle(0), k=5) == pairs


async def test_spreading_from_fewer_than_k_returns_k(plane: VecsVectorStore) -> None:
    assert len(await plane.amax_marginal_relevance_search("query", k=4, fetch_k=1)) == 4
    assert len(await plane.amax_marginal_relevance_search("query", k=4, fetch_k=0)) == 4


@pytest.mark.parametrize("lambda_mult", [-0.1, 1.1, "0.5", None, math.nan, True])
async def test_a_lambda_beyond_0_to_1_is_refused(store: VecsVectorStore, lambda_mult: Any) -> None:
    with pytest.raises(ArgError, match="lambda_mult must be"):
        await store.amax_marginal_relevance_search("query", lambda_mult=lambda_mult)


@pytest.mark.parametrize("fetch_k", [-1, 1.5, "20", None])
async def test_a_fetch_k_that_is_no_count_is_refused(store: VecsVectorStore, fetch_k: Any) -> None:
    with pytest.raises(ArgError, match="fetch_k must be"):
        await store.amax_marginal_relevance_search("query", fetch_k=fetch_k)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_what_words_found_can_be_spread_too(plane: VecsVectorStore, mode: str) -> None:
    query = "near long short"
    best = await plane.asimilarity_search(query, k=3, mode=mode)
    assert await plane.amax_marginal_relevance_search(query, k=3, lambda_mult=1, mode=mode) == best
    assert len(await plane.amax_marginal_relevance_search(query, k=3, lambda_mult=0, mode=mode)) == 3


async def test_spread_documents_reach_a_threshold(plane: VecsVectorStore) -> None:
    found = await plane.amax_marginal_relevance_search("query", k=5, score_threshold=0.5)
    assert sorted(texts(found)) == ["long", "near", "short"]


# --- by id, by condition ------------------------------------------------------------------------------------


async def test_documents_are_read_in_the_order_of_their_ids(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a", "b", "c"], ids=["1", "2", "3"])
    assert texts(await store.aget_by_ids(["3", "none", "1"])) == ["c", "a"]
    assert texts(await store.aget_by_ids(("2", "2", "1", "2"))) == ["b", "a"]
    assert await store.aget_by_ids([]) == []
    assert await store.aget_by_ids(["'", "%s", str(uuid.uuid4())]) == []


@pytest.mark.parametrize("ids", ["1", b"1", None, 1, [None], [""], [1.5]])
async def test_what_are_no_ids_are_refused(store: VecsVectorStore, ids: Any) -> None:
    await store.aadd_texts(["a"], ids=["1"])
    with pytest.raises(ArgError):
        await store.aget_by_ids(ids)


async def test_pages_go_through_everything_once(store: VecsVectorStore) -> None:
    ids = [str(number) for number in range(100)]
    await store.aadd_texts(ids, ids=ids)
    pages = [(await store.aget(limit=7, offset=offset))["ids"] for offset in range(0, 105, 7)]
    assert sorted(id for page in pages for id in page) == sorted(ids)


async def test_documents_are_read_by_ids_condition_and_words(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a red cat", "a red dog", "a blue cat"], [{"n": n} for n in range(3)], ids=["0", "1", "2"])
    assert (await store.aget("1"))["ids"] == ["1"]
    assert (await store.aget(["2", "0", "9"]))["ids"] == ["2", "0"]
    assert (await store.aget(where={"n": {"$gt": 0}}))["ids"] == ["1", "2"]
    assert (await store.aget(where_document={"$contains": "cat"}))["ids"] == ["0", "2"]
    assert (await store.aget(where_document={"$not_contains": "cat"}))["ids"] == ["1"]
    both = {"$and": [{"$contains": "red"}, {"$or": [{"$contains": "dog"}, {"$contains": "fish"}]}]}
    assert (await store.aget(where_document=both))["ids"] == ["1"]
    assert (await store.aget(["2", "1", "0"], {"n": {"$lt": 2}}, where_document={"$contains": "cat"}))["ids"] == ["0"]
    assert (await store.aget(["2", "1", "0"], limit=1, offset=1))["ids"] == ["1"]
    assert (await store.aget([]))["ids"] == []


@pytest.mark.parametrize("word", ["%", "_", "100%", "it's", "\\"])
async def test_words_in_a_text_are_looked_for_as_they_are(store: VecsVectorStore, word: str) -> None:
    await store.aadd_texts(["a b c", f"a{word}b"], ids=["without", "with"])
    assert (await store.aget(where_document={"$contains": word}))["ids"] == ["with"]


@pytest.mark.parametrize(
    "where_document",
    [
        "cat",
        ["cat"],
        {"$regex": "c"},
        {"$contains": 5},
        {"$contains": ""},
        {"cat": 1},
        {"$and": {}},
        {"$or": ["cat"]},
        {"$or": [{}]},
        {"$not": {"$contains": "x"}},
    ],
)
async def test_an_invalid_condition_on_the_text_is_refused(store: VecsVectorStore, where_document: Any) -> None:
    with pytest.raises(ValueError, match="where_document|\\$and|\\$or|\\$text|empty filter"):
        await store.aget(where_document=where_document)


async def test_only_what_is_included_is_read(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a"], [{"n": 1}], ids=["1"])
    default = {"ids": ["1"], "documents": ["a"], "metadatas": [{"n": 1}], "embeddings": None}
    assert await store.aget() == default
    assert await store.aget(include=None) == default
    assert await store.aget(include=[]) == {"ids": ["1"], "documents": None, "metadatas": None, "embeddings": None}
    assert (await store.aget(include=["embeddings"]))["embeddings"][0].shape == (4,)
    with pytest.raises(ArgError, match="unknown 'uris' in include"):
        await store.aget(include=["uris"])


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("ids", [None, ["1"]])
async def test_a_page_that_is_none_is_refused(store: VecsVectorStore, name: str, ids: Any) -> None:
    await store.aadd_texts(["a"], ids=["1"])
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ArgError, match=name):
        await store.aget(ids, **options)


async def test_documents_are_counted(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a", "b", "c"], [{"n": n} for n in range(3)])
    assert await store.acount() == 3
    assert await store.acount({"n": {"$gt": 0}}) == 2
    assert await store.acount(filter={"n": 9}) == 0


async def test_documents_added_by_vecs_are_documents(make_store: MakeStore, client: vecs.AsyncClient) -> None:
    collection = await client.create_collection("docs", 2, text=True)
    await collection.upsert([vecs.Record("1", [1, 0], None, None), vecs.Record("2", [0, 1], "b", None, extra={"x": 1})])
    store = make_store(Table({"b": [0, 1]}))
    assert await store.aget_by_ids(["1", "2"]) == [Document("", id="1"), Document("b", id="2")]
    assert await store.asimilarity_search("b") == [Document("b", id="2"), Document("", id="1")]


# --- retrievers ---------------------------------------------------------------------------------------------


async def test_a_call_of_a_retriever_wins_over_its_defaults(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a", "b", "c"], [{"n": n} for n in range(3)])
    retriever = store.as_retriever(search_kwargs={"k": 1, "filter": {"n": 0}})
    assert texts(await retriever.ainvoke("a")) == ["a"]
    assert sorted(texts(await retriever.ainvoke("a", k=2, filter={"n": {"$gt": 0}}))) == ["b", "c"]
    assert texts(await retriever.ainvoke("a")) == ["a"]
