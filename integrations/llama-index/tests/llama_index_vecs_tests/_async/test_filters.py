"""Filters: every operator, as LlamaIndex's own store understands it."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from llama_index.vector_stores.vecs import VecsVectorStore
from vecs.exc import FilterError

from ..models import all_of, any_of, condition, near, node, none_of, where

RECORDS: dict[str, dict[str, Any]] = {
    "novel": {"year": 1999, "kind": "novel", "tags": ["sea", "war"], "sizes": [1, 2.5], "title": "The 100% Sea_side"},
    "poem": {
        "year": 2012.0,
        "kind": "poem",
        "tags": ["sea"],
        "sizes": [],
        "title": 'it\'s "quoted" \\ here',
        "flag": True,
    },
    "essay": {"year": "1999", "kind": "Essay", "tags": [], "title": "", "flag": False, "n": 1},
    "none": {"year": None, "kind": None, "tags": None},
    "bare": {},
}


@pytest.fixture
async def books(store: VecsVectorStore) -> VecsVectorStore:
    await store.async_add([node(id, **metadata) for id, metadata in RECORDS.items()])
    return store


async def found(store: VecsVectorStore, filters: MetadataFilters) -> set[str]:
    result = await store.aquery(near(filters=filters, top_k=100))
    assert {node.node_id for node in await store.aget_nodes(filters=filters)} == set(result.ids or [])
    return set(result.ids or [])


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("year", "EQ", 1999, "novel"),
        ("year", "EQ", 2012, "poem"),
        ("year", "EQ", 1999.0, "novel"),
        ("year", "EQ", "1999", "essay"),
        ("year", "EQ", None, ""),
        ("tags", "EQ", ["sea"], "poem"),
        ("tags", "EQ", "sea", ""),
        ("flag", "EQ", 1, "poem"),
        ("flag", "EQ", 0, "essay"),
        ("n", "EQ", 1, "essay"),
        ("kind", "NE", "novel", "poem essay none bare"),
        ("kind", "NE", None, "novel poem essay none bare"),
        ("year", "GT", 1999, "poem"),
        ("year", "GTE", 1999, "novel poem"),
        ("year", "LT", 2012, "novel"),
        ("year", "LTE", 2012.0, "novel poem"),
        ("year", "LT", "2", "essay"),
        ("kind", "GT", "a", "novel poem"),
        ("year", "IN", [1999, 5], "novel"),
        ("year", "IN", ["1999", "5"], "essay"),
        ("kind", "IN", [], ""),
        ("kind", "IN", "novel", "novel"),
        ("kind", "NIN", ["novel", "poem"], "essay none bare"),
        ("kind", "NIN", [], "novel poem essay none bare"),
        ("tags", "CONTAINS", "sea", "novel poem"),
        ("sizes", "CONTAINS", 1, "novel"),
        ("sizes", "CONTAINS", 2.5, "novel"),
        ("title", "CONTAINS", "100%", "novel"),
        ("kind", "CONTAINS", "o", "novel poem"),
        ("tags", "ANY", ["war", "x"], "novel"),
        ("sizes", "ANY", [2.5, 7], "novel"),
        ("tags", "ANY", [], ""),
        ("kind", "ANY", ["nov", "poe"], "novel poem"),
        ("tags", "ALL", ["sea", "war"], "novel"),
        ("sizes", "ALL", [1, 2.5], "novel"),
        ("tags", "ALL", [], "novel poem essay"),
        ("kind", "ALL", ["o", "e"], "novel poem"),
        ("title", "TEXT_MATCH", "100%", "novel"),
        ("title", "TEXT_MATCH", "00_", ""),
        ("title", "TEXT_MATCH", "a_s", "novel"),
        ("title", "TEXT_MATCH", "THE", ""),
        ("title", "TEXT_MATCH", "'s \"q", "poem"),
        ("title", "TEXT_MATCH", "\\", "poem"),
        ("title", "TEXT_MATCH_INSENSITIVE", "the 100% SEA", "novel"),
        ("kind", "TEXT_MATCH_INSENSITIVE", "ESS", "essay"),
        ("tags", "IS_EMPTY", None, "essay none bare"),
        ("title", "IS_EMPTY", None, "essay none bare"),
        ("sizes", "IS_EMPTY", None, "poem essay none bare"),
    ],
)
async def test_an_operator_matches(books: VecsVectorStore, key: str, operator: str, value: Any, expected: str) -> None:
    assert await found(books, where(key, operator, value)) == set(expected.split())


async def test_conditions_nest(books: VecsVectorStore) -> None:
    novel, poem = condition("kind", "EQ", "novel"), condition("kind", "EQ", "poem")
    sea = condition("tags", "CONTAINS", "sea")
    assert await found(books, all_of(novel, sea)) == {"novel"}
    assert await found(books, any_of(novel, poem)) == {"novel", "poem"}
    assert await found(books, none_of(novel, poem)) == {"essay", "none", "bare"}
    assert await found(books, all_of(sea, none_of(novel))) == {"poem"}
    assert await found(books, none_of(all_of(sea, novel), condition("kind", "EQ", "Essay"))) == {"poem", "none", "bare"}
    assert await found(books, any_of(all_of(novel, poem), none_of(any_of(sea, none_of(poem))))) == set()
    assert await found(books, MetadataFilters(filters=[novel, sea], condition=None)) == {"novel"}


async def test_no_filters_are_no_restriction(books: VecsVectorStore) -> None:
    novel = condition("kind", "EQ", "novel")
    assert await found(books, MetadataFilters(filters=[])) == set(RECORDS)
    assert await found(books, any_of()) == set(RECORDS)
    assert await found(books, all_of(novel, any_of())) == {"novel"}
    assert await found(books, any_of(novel, all_of())) == set(RECORDS)
    assert await found(books, none_of(all_of())) == set()


@pytest.mark.parametrize("key", ["doc_id", "ref_doc_id", "document_id"])
async def test_the_source_document_is_found_by_its_names_and_not_by_what_a_node_claims(
    store: VecsVectorStore, key: str
) -> None:
    await store.async_add([node("a", document="d"), node("b", document="e"), node("c"), node("own", **{key: "d"})])
    assert await found(store, where(key, "EQ", "d")) == {"a"}
    assert await found(store, where(key, "IN", ["d", "e"])) == {"a", "b"}
    assert await found(store, where(key, "NE", "d")) == {"b", "c", "own"}
    assert await found(store, where(key, "NIN", ["d", "e"])) == {"c", "own"}
    assert await found(store, where(key, "IS_EMPTY", None)) == {"a", "b", "c"}


HOSTILE = [
    "x' OR '1'='1",
    "x'); drop table nodes; --",
    "name' = 'zz' OR '1'='1' --",
    '"',
    "%s",
    "%(key)s",
    "{key}",
    ":word",
    "$1",
    "\\",
    "'::text",
    "nan",
    "123",
    "",
    "🙂" * 100,
    "a.b",
    "a" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_a_model_wrote_is_never_sql(store: VecsVectorStore, text: str) -> None:
    await store.async_add([node("a", kind="plain"), node("b", **{"kind": text, text or "empty": "x"})])
    assert await found(store, where("kind", "EQ", text)) == {"b"}
    assert await found(store, where("kind", "IN", [text])) == {"b"}
    if text:
        assert await found(store, where("kind", "TEXT_MATCH", text)) == {"b"}
        if not text.startswith("$"):
            assert await found(store, where(text, "EQ", "x")) == {"b"}
            assert await found(store, where(text, "GT", 1)) == set()
            assert await found(store, where(text, "IS_EMPTY", None)) == {"a"}
    await store.adelete_nodes(filters=where("kind", "EQ", f"{text}?"))
    assert len(await store.aget_nodes()) == 2


@pytest.mark.parametrize(
    ("key", "operator", "value", "problem"),
    [
        ("$id", "EQ", "a", r"\$id"),
        ("$where", "EQ", "a", r"\$where"),
        ("a\x00b", "EQ", "a", "NUL"),
        ("a", "EQ", "x\x00", "NUL"),
        ("a", "GT", None, "GT on 'a'"),
        ("a", "LT", [1, 2], "LT on 'a'"),
        ("a", "CONTAINS", ["x"], "CONTAINS on 'a'"),
        ("a", "TEXT_MATCH", 5, "TEXT_MATCH on 'a'"),
        ("a", "TEXT_MATCH_INSENSITIVE", None, "TEXT_MATCH_INSENSITIVE on 'a'"),
        ("a", "EQ", float("nan"), "nan"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    books: VecsVectorStore, key: str, operator: str, value: Any, problem: str
) -> None:
    with pytest.raises(FilterError, match=problem):
        await books.aquery(near(filters=where(key, operator, value)))
    with pytest.raises(FilterError, match=problem):
        await books.adelete_nodes(filters=where(key, operator, value))
    assert len(await books.aget_nodes()) == len(RECORDS)


async def test_filters_of_another_kind_are_refused(books: VecsVectorStore) -> None:
    with pytest.raises(FilterError, match="MetadataFilters"):
        await books.aquery(near(filters={"kind": "novel"}))


# --- compared with LlamaIndex's own -------------------------------------------------------------------------

texts = st.text(alphabet="ab%_\\'\"$.é " + string.ascii_uppercase[:2], max_size=4)
numbers = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.0, 1e6, 0.1])
lists = st.lists(texts, max_size=3) | st.lists(st.integers(-3, 3), max_size=3)
keys = st.sampled_from(["a", "b.c", "it's", 'x"y'])
# A boolean is a number in Python, but no ranges are asked of this key.
metadata = st.dictionaries(keys, st.none() | texts | numbers | lists, max_size=4)
with_flag = st.builds(lambda known, flag: {**known, "flag": flag}, metadata, st.booleans() | st.integers(0, 2))

SCALAR = [FilterOperator.EQ, FilterOperator.NE, FilterOperator.CONTAINS]
RANGE = [FilterOperator.GT, FilterOperator.GTE, FilterOperator.LT, FilterOperator.LTE]
LIST = [FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL]
TEXT = [FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE]

single = st.one_of(
    st.builds(MetadataFilter, key=keys | st.just("flag"), value=texts | numbers, operator=st.sampled_from(SCALAR)),
    st.builds(MetadataFilter, key=keys, value=lists, operator=st.sampled_from(SCALAR[:2])),
    st.builds(MetadataFilter, key=keys, value=texts | numbers, operator=st.sampled_from(RANGE)),
    st.builds(MetadataFilter, key=keys | st.just("flag"), value=lists, operator=st.sampled_from(LIST)),
    st.builds(MetadataFilter, key=keys, value=texts, operator=st.sampled_from(TEXT)),
    st.builds(MetadataFilter, key=keys | st.just("flag"), value=st.none(), operator=st.just(FilterOperator.IS_EMPTY)),
)
flat = st.builds(
    MetadataFilters, filters=st.lists(single, max_size=3), condition=st.none() | st.sampled_from(FilterCondition)
)


def expected(known: dict[str, Any], filters: MetadataFilters) -> bool:
    """What LlamaIndex's own store says; a comparison that raises there, of types that do not compare, is none."""
    try:
        return build_metadata_filter_fn(lambda _: known, filters)("")
    except TypeError:
        parts = [_one(known, part) for part in filters.filters]
    if filters.condition == FilterCondition.OR:
        return any(parts)
    return not any(parts) if filters.condition == FilterCondition.NOT else all(parts)


def _one(known: dict[str, Any], part: Any) -> bool:
    if part.operator in (FilterOperator.ANY, FilterOperator.ALL) and isinstance(known.get(part.key), str):
        # Whether it raises there depends on the order of the values.
        return not part.value or (all if part.operator == FilterOperator.ALL else any)(
            isinstance(value, str) and value in known[part.key] for value in part.value
        )
    try:
        return build_metadata_filter_fn(lambda _: known, MetadataFilters(filters=[part]))("")
    except TypeError:
        return False


@settings(
    max_examples=settings.default.max_examples * 3 // 5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records=st.lists(with_flag, min_size=1, max_size=8), filters=st.lists(flat, min_size=1, max_size=12))
async def test_filters_match_what_llama_indexs_own_store_matches(
    store: VecsVectorStore, records: list[dict[str, Any]], filters: list[MetadataFilters]
) -> None:
    await store.aclear()
    await store.async_add([node(str(place), **known) for place, known in enumerate(records)])
    for given_filters in filters:
        matching = {str(place) for place, known in enumerate(records) if expected(known, given_filters)}
        nodes = await store.aget_nodes(filters=given_filters)
        assert {n.node_id for n in nodes} == matching, given_filters


async def test_ranges_and_lists_see_booleans_and_nothing_as_llama_index_does(store: VecsVectorStore) -> None:
    await store.async_add([node("yes", k=True), node("no", k=False), node("null", k=None), node("absent")])

    async def ids(operator: FilterOperator, value: Any) -> set[str]:
        return await found(store, MetadataFilters(filters=[MetadataFilter(key="k", value=value, operator=operator)]))

    assert await ids(FilterOperator.GTE, 1) == {"yes"}
    assert await ids(FilterOperator.LT, 1) == {"no"}
    assert await ids(FilterOperator.GT, 0.5) == {"yes"}
    assert await ids(FilterOperator.IN, None) == set()
    assert await ids(FilterOperator.NIN, None) == {"yes", "no", "null", "absent"}
