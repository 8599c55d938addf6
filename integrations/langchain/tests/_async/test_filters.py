"""Filters, in langchain-postgres' spelling, Chroma's and LangChain's own: what they find, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.structured_query import Comparator, Comparison, Operation, Operator

from langchain_vecs import VecsVectorStore
from vecs.exc import ArgError, FilterError

from ..conftest import MakeStore
from ..models import Table, at_angle

ANA = {
    "name": "ana",
    "id": 1,
    "active": True,
    "location": [1.0, 2.0],
    "height": 10.0,
    "born": "1990-05-01",
    "tags": ["red", "round"],
    "specs": {"screen": "oled", "size": {"inches": 6.1}},
    "my-key": "dash",
    "note": None,
}
BEN = {
    "name": "ben",
    "id": 2,
    "active": False,
    "location": [2.0, 1.0],
    "height": 5.7,
    "born": "2001-12-31",
    "tags": ["blue"],
    "specs": {"screen": "lcd", "size": {"inches": 5}},
    "mixed": "text",
}
CAM = {
    "name": "Cam_100%",
    "id": 3,
    "active": True,
    "height": 2.4,
    "born": "2010-01-01",
    "tags": [],
    "specs.screen": "literal",
    "mixed": 7,
    "huge": 10**30,
}
PEOPLE: dict[str, dict[str, Any]] = {"1": ANA, "2": BEN, "3": CAM}


@pytest.fixture
async def people(store: VecsVectorStore) -> VecsVectorStore:
    await store.aadd_texts([f"text of {id}" for id in PEOPLE], list(PEOPLE.values()), ids=list(PEOPLE))
    return store


def compare(comparator: Comparator, attribute: str, value: Any) -> Comparison:
    return Comparison(comparator=comparator, attribute=attribute, value=value)


def operate(operator: Operator, *arguments: Any) -> Operation:
    return Operation(operator=operator, arguments=list(arguments))


CASES: list[tuple[Any, str]] = [
    # Nothing to filter by.
    (None, "123"),
    ({}, "123"),
    # Equality, of several keys too.
    ({"name": "ana"}, "1"),
    ({"id": 2}, "2"),
    ({"height": 5.7}, "2"),
    ({"active": True}, "13"),
    ({"active": True, "id": 3}, "3"),
    ({"active": True, "id": 2}, ""),
    ({"name": {"$eq": "ben"}}, "2"),
    ({"active": {"$eq": False}}, "2"),
    ({"location": [1.0, 2.0]}, "1"),
    ({"specs": {"$eq": {"screen": "lcd", "size": {"inches": 5}}}}, "2"),
    # Only where the key is there.
    ({"name": {"$ne": "ana"}}, "23"),
    ({"mixed": {"$ne": 7}}, "2"),
    # Numbers, of either kind.
    ({"id": {"$gt": 1}}, "23"),
    ({"id": {"$gte": 2}}, "23"),
    ({"id": {"$lt": 2}}, "1"),
    ({"id": {"$lte": 2}}, "12"),
    ({"id": 1.0}, "1"),
    ({"height": 10}, "1"),
    ({"height": {"$gte": 10}}, "1"),
    ({"id": {"$gt": 1.5}}, "23"),
    ({"huge": 10**30}, "3"),
    ({"huge": {"$gt": 10**30 - 1}}, "3"),
    ({"huge": {"$gt": 10**30}}, ""),
    ({"huge": {"$gt": 3_000_000_000}}, "3"),
    # Strings by code point, hence dates in ISO format.
    ({"name": {"$gt": "ana"}}, "2"),
    ({"name": {"$lt": "a"}}, "3"),
    ({"born": {"$gte": "2001-12-31"}}, "23"),
    ({"born": {"$lt": date(2000, 1, 1)}}, "1"),
    ({"born": {"$between": ["1990-05-01", "2001-12-31"]}}, "12"),
    # Logic.
    ({"$and": [{"active": True}, {"height": {"$lt": 5}}]}, "3"),
    ({"$or": [{"name": "ana"}, {"id": 2}]}, "12"),
    ({"$or": [{"name": "ana"}]}, "1"),
    ({"$not": {"name": "ana"}}, "23"),
    ({"$not": [{"name": "ana"}, {"id": 2}]}, "3"),
    ({"id": {"$not": {"$gt": 1}}}, "1"),
    ({"$not": {"height": {"$gte": 5, "$lte": 10}}}, "3"),
    ({"$and": [{"$or": [{"id": 1}, {"$and": [{"id": 2}, {"$not": {"active": True}}]}]}, {"height": {"$gt": 1}}]}, "12"),
    ({"$or": [{"$and": [{"$not": {"$or": [{"id": 1}, {"id": 3}]}}]}]}, "2"),
    ({"name": "ana", "$or": [{"id": 1}, {"id": 2}]}, "1"),
    # Membership.
    ({"id": {"$between": (1, 2)}}, "12"),
    ({"height": {"$between": [2.4, 5.7]}}, "23"),
    ({"name": {"$in": ["ana", "ben", "dan"]}}, "12"),
    ({"name": {"$in": ["ana"]}}, "1"),
    ({"name": {"$in": []}}, ""),
    ({"id": {"$in": [1, 2.0]}}, "12"),
    ({"active": {"$in": [True]}}, "13"),
    ({"active": {"$in": [True, False]}}, "123"),
    ({"name": {"$nin": ["ana", "ben"]}}, "3"),
    ({"id": {"$nin": [1]}}, "23"),
    ({"active": {"$nin": [True]}}, "2"),
    ({"name": {"$nin": []}}, "123"),
    ({"note": {"$in": [None]}}, "1"),
    # Patterns.
    ({"name": {"$like": "a%"}}, "1"),
    ({"name": {"$like": "A%"}}, ""),
    ({"name": {"$ilike": "A%"}}, "1"),
    ({"name": {"$like": "_en"}}, "2"),
    ({"name": {"$like": "%\\_100\\%"}}, "3"),
    ({"name": {"$like": "ana%"}}, "1"),
    ({"name": {"$like": ""}}, ""),
    # There or not; null is there.
    ({"note": {"$exists": True}}, "1"),
    ({"note": {"$exists": False}}, "23"),
    ({"mixed": {"$exists": True}}, "23"),
    ({"note": None}, "1"),
    ({"note": {"$eq": None}}, "1"),
    ({"note": {"$ne": None}}, ""),
    ({"name": {"$ne": None}}, "123"),
    # Paths, keys of any text.
    ({"specs.screen": "oled"}, "1"),
    ({"specs.screen": "literal"}, "3"),
    ({"specs.size.inches": {"$gt": 5}}, "1"),
    ({"my-key": "dash"}, "1"),
    ({"no such key": 1}, ""),
    # Lists.
    ({"tags": {"$contains": "red"}}, "1"),
    ({"tags": {"$not_contains": "red"}}, "23"),
    ({"tags": {"$not_contains": "red"}, "id": 2}, "2"),
    ({"$or": [{"tags": {"$not_contains": "red"}}, {"id": 1}]}, "123"),
    ({"tags": {"$contains_any": ["blue", "round"]}}, "12"),
    ({"tags": {"$contains_all": ["red", "round"]}}, "1"),
    ({"tags": []}, "3"),
    # Several operators on one key.
    ({"id": {"$gt": 1, "$lt": 3}}, "2"),
    ({"name": {"$like": "%n%", "$ne": "ana"}}, "2"),
    # Keys whose values differ in type.
    ({"mixed": {"$gt": 5}}, "3"),
    ({"mixed": {"$gt": "a"}}, "2"),
    ({"mixed": {"$like": "%"}}, "2"),
    ({"mixed": {"$in": ["text", 7]}}, "23"),
    ({"tags": {"$gt": 0}}, ""),
    ({"name": {"$contains": "ana"}}, ""),
    # The record itself.
    ({"$id": {"$in": ["1", "3"]}}, "13"),
    ({"$text": {"$contains": "of 2"}}, "2"),
    # LangChain's structured queries.
    (compare(Comparator.EQ, "name", "ana"), "1"),
    (operate(Operator.AND, compare(Comparator.GT, "id", 1), compare(Comparator.LIKE, "name", "en")), "2"),
    (operate(Operator.NOT, compare(Comparator.IN, "id", [1, 2])), "3"),
    (compare(Comparator.CONTAIN, "tags", "red"), "1"),
    (compare(Comparator.GTE, "born", {"date": "2001-12-31", "type": "date"}), "23"),
    # Injections are keys and values like any other.
    ({"name": "'; drop table docs; --"}, ""),
    ({"a' or '1'='1": "x"}, ""),
    ({"name') or (1=1": {"$gt": 0}}, ""),
    ({'"': 1}, ""),
    ({"%s": "%s"}, ""),
    ({"name": {"$in": ["' or 1=1 --"]}}, ""),
    ({"name": {"$like": "'%"}}, ""),
    ({"name": {"$gt": "zzz' or 'a'='a"}}, ""),
    # What metadata is stored as.
    ({"id": np.int64(1)}, "1"),
    ({"id": {"$in": [np.int64(1)]}}, "1"),
    ({"height": {"$gt": Decimal("5.7")}}, "1"),
]


@pytest.mark.parametrize(("filter", "expected"), CASES, ids=lambda value: str(value)[:50])
async def test_a_filter_finds_what_it_says(people: VecsVectorStore, filter: Any, expected: str) -> None:
    assert (await people.aget(where=filter))["ids"] == list(expected)
    assert sorted(str(d.id) for d in await people.asimilarity_search("text", filter=filter)) == list(expected)
    assert await people.acount(filter) == len(expected)


@pytest.mark.parametrize("namespace", [None, "mine"])
async def test_every_method_keeps_to_its_filter(make_store: MakeStore, namespace: str | None) -> None:
    store = make_store(Table(), namespace=namespace)
    await store.aadd_texts([f"text {n}" for n in range(6)], [{"odd": n % 2 == 1} for n in range(6)], ids=list("012345"))
    odd: dict[str, Any] = {"filter": {"odd": True}, "k": 6}
    vector = [1, 0, 0, 0]
    found = [
        await store.asimilarity_search("text", **odd),
        await store.asimilarity_search("text", mode="keyword", **odd),
        await store.asimilarity_search("text", mode="hybrid", **odd),
        await store.asimilarity_search("text", score_threshold=0, **odd),
        await store.asearch("text", "mmr", **odd),
        await store.asearch("text", "similarity_score_threshold", score_threshold=0, **odd),
        await store.asimilarity_search_by_vector(vector, **odd),
        await store.amax_marginal_relevance_search("text", **odd),
        await store.amax_marginal_relevance_search_by_vector(vector, **odd),
        [document for document, _ in await store.asimilarity_search_with_score("text", **odd)],
        [document for document, _ in await store.asimilarity_search_with_score_by_vector(vector, **odd)],
        [document for document, _ in await store.asimilarity_search_with_relevance_scores("text", **odd)],
        [document for document, _ in await store.amax_marginal_relevance_search_with_score("text", **odd)],
        [document for document, _ in await store.amax_marginal_relevance_search_with_score_by_vector(vector, **odd)],
    ]
    for documents in found:
        assert sorted(str(document.id) for document in documents) == ["1", "3", "5"]
    assert await store.acount({"odd": True}) == 3
    assert (await store.aget(["0", "1"], {"odd": True}))["ids"] == ["1"]
    await store.aupdate_metadata(filter={"odd": True}, metadata={"seen": 1})
    assert (await store.aget(where={"seen": 1}))["ids"] == ["1", "3", "5"]
    await store.adelete(["0", "1"], filter={"odd": True})
    assert (await store.aget())["ids"] == ["0", "2", "3", "4", "5"]
    await store.adelete(filter={"odd": True})
    assert (await store.aget())["ids"] == ["0", "2", "4"]


class Evasive(Mapping[str, Any]):
    """Says that it is nothing, and is a condition."""

    def __getitem__(self, key: str) -> Any:
        return {"x": 1}[key]

    def __iter__(self) -> Any:
        return iter(["x"])

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return False


async def test_a_condition_that_calls_itself_false_is_one(store: VecsVectorStore) -> None:
    await store.aadd_texts(["a", "b"], [{"x": 1}, {"x": 2}])
    assert await store.acount(Evasive()) == 1
    await store.adelete(filter=Evasive())
    assert await store.acount() == 1


def nested(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"x": 1}
    for _ in range(levels):
        made = {"$and": [made]}
    return made


def circular() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["$and"] = [made]
    return made


INVALID: list[Any] = [
    # Not filters.
    "name = 'ana'",
    ["name"],
    [],
    "",
    0,
    False,
    True,
    lambda document: True,
    {1: 2},
    {None: 1},
    # Unknown or misplaced operators.
    {"$nor": [{"id": 1}]},
    {"id": {"$nor": [1]}},
    {"id": {"$regex": "a"}},
    {"id": {"$GT": 1}},
    {"id": {"gt": 1}},
    {"$eq": {}},
    {"$exists": True},
    {"$between": {}},
    {"id": 2, "$name": "foo"},
    {"$_namespace": "a"},
    {"id": {"$in": [1], "other": 2}},
    # Logic of nothing.
    {"$and": {}},
    {"$and": {"id": 1}},
    {"$or": {}},
    {"$or": []},
    {"$or": [1]},
    {"$or": ["$and"]},
    {"$not": True},
    {"$not": {}},
    {"$not": []},
    {"$not": "id"},
    {"id": {}},
    {"id": {"$not": 1}},
    {"id": {"$not": {}}},
    # Operands of the wrong kind.
    {"id": {"$gt": None}},
    {"id": {"$gt": True}},
    {"id": {"$gt": [1]}},
    {"id": {"$lt": {"$gt": 3}}},
    {"id": {"$between": [1]}},
    {"id": {"$between": [1, "2"]}},
    {"id": {"$between": 5}},
    {"id": {"$in": 1}},
    {"id": {"$in": "12"}},
    {"id": {"$in": {1: 2}}},
    {"id": {"$nin": None}},
    {"id": {"$in": [[1]]}},
    {"id": {"$like": 1}},
    {"id": {"$ilike": None}},
    {"id": {"$like": "a\\"}},
    {"id": {"$exists": "yes"}},
    {"id": {"$exists": 1}},
    {"id": {"$contains": ["a"]}},
    {"id": float("nan")},
    {"id": object()},
    {"id": "a\x00"},
    {"a\x00": 1},
    {"id": "\ud800"},
    {"tags": {"$not_contains": ["a"]}},
    # Too much.
    nested(100),
    nested(5000),
    circular(),
]


@pytest.mark.parametrize("filter", INVALID, ids=[f"{n}" for n in range(len(INVALID))])
async def test_an_invalid_filter_is_refused_before_anything_is_sent(make_store: MakeStore, filter: Any) -> None:
    # Nobody listens there: whatever is sent raises another error.
    store = make_store(Table(), url="postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(FilterError):
        await store.asimilarity_search("text", filter=filter)
    with pytest.raises(FilterError):
        await store.asimilarity_search_by_vector([1, 0, 0, 0], filter=filter)
    with pytest.raises(FilterError):
        await store.amax_marginal_relevance_search("text", filter=filter)
    with pytest.raises(FilterError):
        await store.acount(filter)
    with pytest.raises(FilterError):
        await store.aget(where=filter)
    with pytest.raises(FilterError):
        await store.adelete(filter=filter)
    with pytest.raises(FilterError):
        await store.adelete(["1"], filter=filter)
    with pytest.raises(FilterError):
        await store.aupdate_metadata(["1"], {"x": 1}, filter=filter)


async def test_an_invalid_filter_is_not_worth_an_embedding(make_store: MakeStore) -> None:
    table = Table()
    with pytest.raises(ValueError, match="unknown operator"):
        await make_store(table).asimilarity_search("text", filter={"$nor": []})
    assert table.calls == []


async def test_deleting_needs_to_be_told_what(people: VecsVectorStore) -> None:
    for given in ({}, {"ids": None}, {"filter": None}, {"filter": {}}):
        with pytest.raises(ArgError, match="ids=, filter= or delete_all=True"):
            await people.adelete(**given)
    with pytest.raises(ArgError, match="without ids and filter"):
        await people.adelete(["1"], delete_all=True)
    with pytest.raises(ArgError, match="unknown argument 'where'"):
        await people.adelete(where={"id": 1})
    assert await people.acount() == 3


async def test_deleting_no_ids_deletes_nothing_and_is_no_failure(people: VecsVectorStore) -> None:
    assert await people.adelete([])
    assert await people.adelete([], filter={"id": 1})
    assert await people.adelete(["none"])
    assert await people.acount() == 3


DATED = {
    "when": datetime(2024, 6, 1, 12, 0, tzinfo=timezone.utc),
    "day": date(2024, 6, 1),
    "uuid": UUID(int=7),
    "price": Decimal("19.90"),
    "pair": (1, 2),
    "set": {"x"},
}


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"when": datetime(2024, 6, 1, 12, 0, tzinfo=timezone.utc)}, True),
        ({"when": {"$gt": datetime(2024, 6, 1, 11, 0, tzinfo=timezone.utc)}}, True),
        ({"when": {"$gt": datetime(2024, 6, 1, 13, 0, tzinfo=timezone.utc)}}, False),
        ({"day": date(2024, 6, 1)}, True),
        ({"day": {"$between": [date(2024, 1, 1), date(2024, 12, 31)]}}, True),
        ({"uuid": UUID(int=7)}, True),
        ({"uuid": {"$in": [UUID(int=7)]}}, True),
        ({"price": Decimal("19.90")}, True),
        ({"price": {"$lt": 20}}, True),
        ({"pair": (1, 2)}, True),
        ({"pair": {"$contains": 2}}, True),
        ({"set": {"$contains": "x"}}, True),
    ],
)
async def test_values_that_json_has_no_type_for_are_compared(
    store: VecsVectorStore, filter: dict[str, Any], found: bool
) -> None:
    await store.aadd_texts(["a"], [DATED])
    assert await store.acount(filter) == int(found)


async def test_a_selective_filter_finds_its_k_through_an_index(make_store: MakeStore) -> None:
    count, k = 4_000, 100
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, 16))
    store = make_store(Table(dimension=16))
    await store.aadd_embeddings([""] * count, vectors, [{"part": n % 20} for n in range(count)], map(str, range(count)))
    await store.acreate_index()
    found = exact = 0
    for query in rng.normal(size=(5, 16)):
        near = await store.asimilarity_search_by_vector(query, k=k, filter={"part": 3})
        best = await store.asimilarity_search_by_vector(query, k=k, filter={"part": 3}, exact=True)
        assert len(near) == len(best) == k
        found += len({document.id for document in near} & {document.id for document in best})
        exact += k
    assert found / exact >= 0.9


async def test_an_index_returns_as_many_as_were_asked_for(make_store: MakeStore) -> None:
    store = make_store(Table())
    vectors = np.random.default_rng(0).normal(size=(2_000, 4))
    await store.aadd_embeddings([""] * 2_000, vectors)
    await store.acreate_index()
    assert len(await store.asimilarity_search_by_vector([1, 0, 0, 0], k=100)) == 100
    assert len(await store.amax_marginal_relevance_search_by_vector([1, 0, 0, 0], k=50, fetch_k=500)) == 50


async def test_spreading_chooses_from_what_the_filter_lets_through(make_store: MakeStore) -> None:
    vectors = {f"{n}": at_angle(n) for n in range(0, 90, 5)}
    store = make_store(Table({"query": at_angle(0), **vectors}))
    await store.aadd_documents([Document(text, metadata={"far": int(text) >= 45}) for text in vectors])
    found = await store.amax_marginal_relevance_search("query", k=3, fetch_k=9, filter={"far": True}, lambda_mult=0)
    assert [document.page_content for document in found][:2] == ["45", "85"]


async def test_instants_are_found_whatever_zone_they_are_given_in(store: VecsVectorStore) -> None:
    given = datetime(2024, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=5.5)))
    await store.aadd_documents([Document("one", id="1", metadata={"when": given})])
    instant = given.astimezone(timezone.utc)
    for condition in (instant, given, {"$lte": instant}, {"$gt": given - timedelta(seconds=1)}):
        (found,) = await store.asimilarity_search("one", filter={"when": condition})
        assert found.metadata["when"] == given
