"""SelfQueryRetriever over a store: a question becomes a query and a filter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from langchain_classic.chains.query_constructor.schema import AttributeInfo
from langchain_classic.retrievers.self_query.base import SelfQueryRetriever
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.structured_query import Comparator, Comparison, Operation, Operator

from langchain_vecs import VecsTranslator, VecsVectorStore

from .models import Table

FIELDS = [
    AttributeInfo(name="kind", description="animal or food", type="string"),
    AttributeInfo(name="year", description="when it was written", type="integer"),
    AttributeInfo(name="day", description="the day", type="date"),
    AttributeInfo(name="tags", description="what it is about", type="list[string]"),
]
NOTES = [
    Document(id="1", page_content="cats", metadata={"kind": "animal", "year": 2020, "day": date(2024, 1, 1)}),
    Document(id="2", page_content="dogs", metadata={"kind": "animal", "year": 2024, "tags": ["walk"]}),
    Document(id="3", page_content="bread", metadata={"kind": "food", "year": 2024, "day": date(2024, 5, 1)}),
]


@pytest.fixture
def notes(make_store: Callable[..., VecsVectorStore]) -> VecsVectorStore:
    store = make_store(Table())
    store.add_documents(NOTES)
    return store


def retriever_of(store: VecsVectorStore, filter: str, query: str = "notes", **options: Any) -> SelfQueryRetriever:
    """A retriever whose model answers with this filter, whatever it is asked."""
    answer = json.dumps({"query": query, "filter": filter})
    return SelfQueryRetriever.from_llm(
        FakeListChatModel(responses=[f"```json\n{answer}\n```"] * 4),
        store,
        "Notes",
        FIELDS,
        structured_query_translator=VecsTranslator(),
        **options,
    )


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("NO_FILTER", {"1", "2", "3"}),
        ('eq("kind", "animal")', {"1", "2"}),
        ('and(eq("kind", "animal"), gt("year", 2021))', {"2"}),
        ('or(eq("kind", "food"), lte("year", 2020))', {"1", "3"}),
        ('not(eq("kind", "animal"))', {"3"}),
        ('in("kind", ["food", "drink"])', {"3"}),
        ('nin("kind", ["food", "drink"])', {"1", "2"}),
        ('contain("tags", "walk")', {"2"}),
        ('like("kind", "ani")', {"1", "2"}),
        ('gte("day", "2024-02-01")', {"3"}),
        ('lt("day", "2024-02-01")', {"1"}),
        ("eq(\"kind\", \"animal' or '1'='1\")", set()),
    ],
)
def test_the_filter_of_a_question_is_applied(notes: VecsVectorStore, filter: str, expected: set[str]) -> None:
    retriever = retriever_of(notes, filter)
    assert {document.id for document in retriever.invoke("?")} == expected
    assert {document.id for document in asyncio.run(retriever.ainvoke("?"))} == expected


def test_the_search_type_and_the_limit_of_a_question_count(notes: VecsVectorStore) -> None:
    retriever = retriever_of(notes, "NO_FILTER", query="bread", search_type="hybrid", search_kwargs={"k": 1})
    assert [document.id for document in retriever.invoke("?")] == ["3"]


def test_structured_comparisons_are_filters_of_every_method(notes: VecsVectorStore) -> None:
    animals = Comparison(comparator=Comparator.EQ, attribute="kind", value="animal")
    late = Comparison(comparator=Comparator.GT, attribute="year", value=2021)
    both = Operation(operator=Operator.AND, arguments=[animals, late])
    assert notes.count(animals) == 2
    assert [document.id for document in notes.similarity_search("?", filter=both)] == ["2"]
    assert notes.get(where=both)["ids"] == ["2"]
    notes.delete(filter=both)
    assert notes.count() == 2
