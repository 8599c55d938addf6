"""Queries in every mode, and what they return."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.schema import ImageNode, IndexNode, QueryBundle, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode, VectorStoreQueryResult
from pgvector.psycopg import HalfVector, Vector

from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import ArgError

from ..conftest import MakeStore
from ..models import at_angle, near, node, where

TEXTS = {
    "cat": "A cat sleeps on the warm stove of the old kitchen",
    "dog": "A dog barks at the postman every single morning",
    "ship": "The ship sails to the harbour of Valparaiso",
    "bread": "Bread is baked with flour and a little salt",
}


@pytest.fixture
async def filled(store: VecsVectorStore) -> VecsVectorStore:
    """Four texts, each 30 degrees from the next."""
    await store.async_add([node(id, text, degrees=30 * place) for place, (id, text) in enumerate(TEXTS.items())])
    return store


def ids(found: VectorStoreQueryResult) -> list[str]:
    assert found.nodes is not None
    assert found.similarities is not None
    assert [node.node_id for node in found.nodes] == found.ids
    assert len(found.similarities) == len(found.nodes)
    assert all(0 <= similarity <= 1 for similarity in found.similarities)
    return found.ids or []


def words(text: str, mode: str = "text_search", **options: Any) -> VectorStoreQuery:
    return VectorStoreQuery(query_str=text, mode=VectorStoreQueryMode(mode), **{"similarity_top_k": 10, **options})


def both(degrees: float, text: str, **options: Any) -> VectorStoreQuery:
    given = {"similarity_top_k": 10, "mode": VectorStoreQueryMode.HYBRID, **options}
    return VectorStoreQuery(query_embedding=at_angle(degrees), query_str=text, **given)


def descend(similarities: Sequence[float] | None) -> bool:
    return list(similarities or []) == sorted(similarities or [], reverse=True)


async def test_similarity_is_the_cosine(filled: VecsVectorStore) -> None:
    found = await filled.aquery(near(0))
    assert ids(found) == ["cat", "dog", "ship", "bread"]
    assert found.similarities == pytest.approx([1, 0.8660254, 0.5, 0], abs=1e-6)


async def test_the_same_vector_has_similarity_one_in_every_length(store: VecsVectorStore) -> None:
    await store.async_add([TextNode(id_="a", embedding=[0.1, 0.7, 0.3]), TextNode(id_="b", embedding=[1, 7, 3])])
    found = await store.aquery(VectorStoreQuery(query_embedding=[10, 70, 30], similarity_top_k=2))
    assert ids(found)
    assert found.similarities == pytest.approx([1, 1])


async def test_what_points_away_has_similarity_zero(store: VecsVectorStore) -> None:
    await store.async_add([node("away", degrees=180), node("zero")])
    zero = TextNode(id_="zero", embedding=[0, 0])
    await store.async_add([zero])
    found = await store.aquery(near(0))
    assert set(ids(found)) == {"away", "zero"}
    assert found.similarities == [0, 0]


@pytest.mark.parametrize("measure", ["l2_distance", "max_inner_product", "l1_distance", None])
async def test_similarities_descend_by_any_measure(make_store: MakeStore, measure: str | None) -> None:
    store = make_store(measure=measure)
    await store.async_add([node(id, degrees=40 * place) for place, id in enumerate("abcd")])
    found = await store.aquery(near(0))
    assert ids(found) == ["a", "b", "c", "d"]
    assert descend(found.similarities)


async def test_top_k_nodes_are_found(filled: VecsVectorStore) -> None:
    assert ids(await filled.aquery(near(30, top_k=1))) == ["dog"]
    assert ids(await filled.aquery(near(30, top_k=0))) == []
    assert ids(await filled.aquery(near(0, top_k=2), offset=1)) == ["dog", "ship"]


@pytest.mark.parametrize("mode", ["text_search", "sparse"])
async def test_words_find_texts_that_have_one_of_them(filled: VecsVectorStore, mode: str) -> None:
    found = await filled.aquery(words("where do cats sleep, or ships?", mode))
    assert set(ids(found)) == {"cat", "ship"}
    assert descend(found.similarities)
    assert ids(await filled.aquery(words("zebra", mode))) == []
    assert ids(await filled.aquery(words("", mode))) == []


async def test_sparse_top_k_limits_a_search_by_words(filled: VecsVectorStore) -> None:
    assert len(ids(await filled.aquery(words("cat dog ship bread", sparse_top_k=2)))) == 2
    assert len(ids(await filled.aquery(words("cat dog ship bread", similarity_top_k=3)))) == 3


async def test_twenty_thousand_words_are_a_query(filled: VecsVectorStore) -> None:
    many = " ".join(f"word{number}" for number in range(20_000))
    assert ids(await filled.aquery(words(f"cat {many}"))) == ["cat"]


async def test_hybrid_prefers_what_both_sides_find(filled: VecsVectorStore) -> None:
    found = await filled.aquery(both(90, "a ship"))
    assert ids(found)[0] in ("ship", "bread")
    assert descend(found.similarities)
    assert len(set(ids(found))) == len(ids(found))
    agreed = await filled.aquery(both(60, "a ship"))
    assert ids(agreed)[0] == "ship"
    assert (agreed.similarities or [])[0] == pytest.approx(1)


async def test_alpha_is_the_share_of_nearness(filled: VecsVectorStore) -> None:
    assert ids(await filled.aquery(both(90, "cat", alpha=1.0)))[0] == "bread"
    assert ids(await filled.aquery(both(90, "cat", alpha=0.9)))[0] == "bread"
    assert ids(await filled.aquery(both(90, "cat", alpha=0.1)))[0] == "cat"
    assert ids(await filled.aquery(both(90, "cat", alpha=0.0)))[0] == "cat"
    assert ids(await filled.aquery(both(90, "cat", alpha=0)))[:1] == ["cat"]


async def test_hybrid_returns_as_many_as_hybrid_top_k_says(filled: VecsVectorStore) -> None:
    assert len(ids(await filled.aquery(both(0, "ship dog", similarity_top_k=2)))) == 2
    assert len(ids(await filled.aquery(both(0, "ship dog", similarity_top_k=2, hybrid_top_k=1)))) == 1
    assert len(ids(await filled.aquery(both(0, "ship dog", similarity_top_k=1, hybrid_top_k=3)))) == 3
    large = both(0, "ship dog", similarity_top_k=500, sparse_top_k=300, hybrid_top_k=3)
    assert len(ids(await filled.aquery(large))) == 3


async def test_semantic_hybrid_is_reordered_by_a_model(filled: VecsVectorStore, make_store: MakeStore) -> None:
    def shortest(query: str, texts: Sequence[str]) -> list[float]:
        return [-len(text) for text in texts]

    query = both(0, "a cat or a ship", mode=VectorStoreQueryMode.SEMANTIC_HYBRID)
    with pytest.raises(ArgError, match="rerank"):
        await filled.aquery(query)
    by_length = sorted(TEXTS, key=lambda id: len(TEXTS[id]))
    assert ids(await filled.aquery(query, rerank=shortest)) == by_length
    assert ids(await make_store(rerank=shortest).aquery(query)) == by_length
    found = await filled.aquery(near(0, query_str="cat"), rerank=shortest)
    assert ids(found) == by_length
    assert descend(found.similarities)


async def test_mmr_spreads_what_it_finds(store: VecsVectorStore) -> None:
    await store.async_add([node(f"n{degrees}", degrees=degrees) for degrees in (0, 1, 2, 50)])
    query = near(0, top_k=2, mode=VectorStoreQueryMode.MMR)
    assert ids(await store.aquery(near(0, top_k=2))) == ["n0", "n1"]
    assert ids(await store.aquery(query, mmr_threshold=0.2)) == ["n0", "n50"]
    assert ids(await store.aquery(query, mmr_threshold=1)) == ["n0", "n1"]
    assert ids(await store.aquery(query, mmr_threshold=0)) == ["n0", "n50"]
    assert ids(await store.aquery(query, mmr_threshold=0.2, mmr_prefetch_k=3)) == ["n0", "n2"]
    assert ids(await store.aquery(query, mmr_threshold=0.2, mmr_prefetch_factor=1)) == ["n0", "n1"]
    found = await store.aquery(near(0, top_k=2, mode=VectorStoreQueryMode.MMR, mmr_threshold=0.2), mmr_threshold=1)
    assert ids(found) == ["n0", "n50"]
    assert found.similarities == pytest.approx([1, 0.6427876], abs=1e-6)


@pytest.mark.parametrize("mode", ["svm", "logistic_regression", "linear_regression", "nearest"])
async def test_a_mode_that_is_not_supported_raises_and_names_those_that_are(store: VecsVectorStore, mode: Any) -> None:
    known = {member.value for member in VectorStoreQueryMode}
    with pytest.raises(ValueError, match=f"{mode}.*text_search, sparse, hybrid"):
        await store.aquery(near(mode=VectorStoreQueryMode(mode) if mode in known else mode))


async def test_filters_hold_in_every_mode(filled: VecsVectorStore) -> None:
    await filled.async_add([node("other", "cat dog ship bread", kind="other")])
    only = where("kind", "EQ", "other")
    for query in (
        near(0, filters=only),
        near(0, filters=only, mode=VectorStoreQueryMode.MMR),
        words("cat dog", filters=only),
        both(0, "cat dog", filters=only),
    ):
        assert ids(await filled.aquery(query)) == ["other"]


async def test_doc_ids_choose_documents(store: VecsVectorStore) -> None:
    await store.async_add([node("a", document="d"), node("b", document="e"), node("c")])
    assert ids(await store.aquery(near(doc_ids=["d", "unknown"]))) == ["a"]
    assert set(ids(await store.aquery(near(doc_ids=["d", "e"])))) == {"a", "b"}
    assert ids(await store.aquery(near(doc_ids=[]))) == []


async def test_node_ids_choose_nodes(store: VecsVectorStore) -> None:
    await store.async_add([node("a"), node("b"), node("c")])
    assert set(ids(await store.aquery(near(node_ids=["a", "c", "unknown"])))) == {"a", "c"}
    # LlamaIndex sends this list for an index of text nodes.
    assert len(ids(await store.aquery(near(node_ids=[])))) == 3


async def test_the_node_ids_of_an_index_with_objects_mean_everything(store: VecsVectorStore) -> None:
    table = IndexNode(id_="table", text="t", index_id="x", embedding=at_angle(0))
    image = ImageNode(id_="image", text="i", embedding=at_angle(1))
    await store.async_add([node("a"), table, image])
    assert set(ids(await store.aquery(near(node_ids=["image", "table"])))) == {"a", "table", "image"}
    assert ids(await store.aquery(near(node_ids=["table"]))) == ["table"]


async def test_what_is_stored_says_which_node_ids_mean_everything(make_store: MakeStore) -> None:
    class Picture(ImageNode):
        @classmethod
        def class_name(cls) -> str:
            return "Picture"

    table = IndexNode(id_="table", text="t", index_id="x", embedding=at_angle(0))
    await make_store().async_add([node("a"), table, Picture(id_="image", text="i", embedding=at_angle(1))])
    # A store that added nothing, as after loading an index.
    store = make_store()

    async def found(*node_ids: str, words: str | None = "t") -> set[str]:
        return set(ids(await store.aquery(near(node_ids=list(node_ids), query_str=words))))

    everything = {"a", "table", "image"}
    assert await found("image", "table") == everything
    # An index that others have added to, or whose nodes others have deleted.
    assert await found("table") == everything
    assert await found("table", "deleted") == everything
    # No retriever's, which always has words.
    assert await found("image", "table", words=None) == everything
    assert await found("table", words=None) == {"table"}
    assert await found("a", "table") == {"a", "table"}
    assert await found("a", "table", words=None) == {"a", "table"}
    # An index whose image nodes and index nodes are all deleted still names them.
    assert await found("deleted") == everything
    assert await found() == everything
    assert await found("deleted", words=None) == set()
    # A list that names a text node is not an index's.
    assert await found("a", "deleted") == {"a"}


async def test_a_query_says_how_to_write_it(filled: VecsVectorStore) -> None:
    for query, meant in (
        ("x", r"VectorStoreQuery\(query_str='x', query_embedding=\.\.\.\)"),
        (QueryBundle("x"), "retriever of an index"),
        ([1.0, 0.0], r"VectorStoreQuery\(query_embedding=\[\.\.\.\]\)"),
        (VectorStoreQuery, r"not the class VectorStoreQuery; write VectorStoreQuery\("),
        (None, "similarity_top_k="),
    ):
        with pytest.raises(ArgError, match=meant):
            await filled.aquery(query)
    for name, meant in (
        ("top_k", "similarity_top_k"),
        ("limit", "similarity_top_k"),
        ("similarity_top_k", "similarity_top_k"),
        ("filters", "filters"),
        ("doc_id", "doc_ids"),
    ):
        with pytest.raises(ArgError, match=rf"did you mean '{meant}'\?.*VectorStoreQuery\({meant}=\.\.\.\)"):
            await filled.aquery(near(), **{name: 3})
    with pytest.raises(ArgError, match=r"as_retriever\(vector_store_query_mode="):
        await filled.aquery(near(), mode="hybrid")


async def test_own_filters_are_passed_through(store: VecsVectorStore) -> None:
    await store.async_add([node("a", flag=True, n=1), node("b", flag=False, n=2), node("c", n=1)])
    assert ids(await store.aquery(near(), vecs_filters={"flag": True})) == ["a"]
    found = await store.aquery(near(filters=where("n", "EQ", 1)), vecs_filters={"flag": {"$exists": False}})
    assert ids(found) == ["c"]


async def test_an_unknown_argument_is_refused(filled: VecsVectorStore) -> None:
    arguments: list[dict[str, Any]] = [{"vecs_filter": {"a": 1}}, {"filter": {"a": 1}}, {"limit": 3}, {"x" * 10**6: 1}]
    for given in arguments:
        with pytest.raises(ArgError, match="unknown argument") as caught:
            await filled.aquery(near(), **given)
        assert len(str(caught.value)) < 1000
    with pytest.raises(ArgError, match="did you mean 'vecs_filters'"):
        await filled.aquery(near(), vecs_filter={"a": 1})
    with pytest.raises(ArgError, match="unknown argument 'vecs_filter'"):
        await filled.adelete_nodes(["a"], vecs_filter={"a": 1})


async def test_the_settings_of_a_search_are_passed_on(filled: VecsVectorStore) -> None:
    await filled.acreate_index()
    for options in ({"ef_search": 100}, {"hnsw_ef_search": 100}, {"exact": True}, {"ivfflat_probes": 3}):
        assert ids(await filled.aquery(near(), **options)) == list(TEXTS)
    with pytest.raises(ArgError, match="ef_search"):
        await filled.aquery(near(), hnsw_ef_search=5000)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (VectorStoreQuery(), "needs query_embedding"),
        (VectorStoreQuery(mode=VectorStoreQueryMode.MMR), "needs query_embedding"),
        (VectorStoreQuery(mode=VectorStoreQueryMode.TEXT_SEARCH), "needs query_str"),
        (VectorStoreQuery(mode=VectorStoreQueryMode.HYBRID, query_embedding=[1, 0]), "needs query_str"),
        (VectorStoreQuery(query_str="words"), "no transform"),
        (VectorStoreQuery(query_embedding=[1, 0, 0]), "dimension"),
        (near(top_k=-1), "similarity_top_k"),
        (near(top_k=1.5), "similarity_top_k"),
        (both(0, "a", alpha=1.5), "alpha"),
        (both(0, "a", hybrid_top_k=-1), "hybrid_top_k"),
        (near(mode=VectorStoreQueryMode.MMR, mmr_threshold=2), "mmr_threshold"),
    ],
)
async def test_a_query_that_cannot_be_answered_says_why(
    filled: VecsVectorStore, query: VectorStoreQuery, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        await filled.aquery(query)


async def test_prefetching_is_said_in_one_way(filled: VecsVectorStore) -> None:
    with pytest.raises(ArgError, match="mmr_prefetch_factor and mmr_prefetch_k"):
        await filled.aquery(near(mode=VectorStoreQueryMode.MMR), mmr_prefetch_k=3, mmr_prefetch_factor=2)


async def test_queries_do_not_warn_for_want_of_an_index(filled: VecsVectorStore) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ids(await filled.aquery(near()))


@pytest.mark.parametrize("kind", [Vector, HalfVector])
async def test_a_query_may_be_a_vector_of_pgvectors_classes(filled: VecsVectorStore, kind: Any) -> None:
    asked = VectorStoreQuery(query_embedding=kind(at_angle(31)), similarity_top_k=1)
    assert (await filled.aquery(asked)).ids == ["dog"]
