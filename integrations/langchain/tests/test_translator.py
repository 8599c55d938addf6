"""Structured queries as filters: each by its exact value, and by what it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from langchain_classic.chains.query_constructor.base import load_query_constructor_runnable
from langchain_classic.chains.query_constructor.parser import get_parser
from langchain_classic.chains.query_constructor.schema import AttributeInfo
from langchain_core.language_models import FakeListChatModel
from langchain_core.structured_query import (
    Comparator,
    Comparison,
    FilterDirective,
    Operation,
    Operator,
    StructuredQuery,
)

import vecs
from langchain_vecs.translator import VecsTranslator, translated

DAY = {"date": "2024-01-31", "type": "date"}
MOMENT = {"datetime": "2024-01-31T10:00:00", "type": "datetime"}
ON_THE_DAY = {"$gte": "2024-01-31", "$lt": "2024-01-31T24"}


def comparison(comparator: str, value: Any, key: str = "key") -> Comparison:
    return Comparison(comparator=Comparator(comparator), attribute=key, value=value)


def operation(operator: str, *arguments: FilterDirective) -> Operation:
    return Operation(operator=Operator(operator), arguments=list(arguments))


@pytest.mark.parametrize("comparator", ["eq", "ne", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("value", [1, 1.5, "text", True])
def test_comparisons_are_operators(comparator: str, value: Any) -> None:
    assert translated(comparison(comparator, value)) == {"key": {f"${comparator}": value}}


@pytest.mark.parametrize("comparator", ["in", "nin"])
def test_in_takes_a_list_or_one_value(comparator: str) -> None:
    assert translated(comparison(comparator, ["a", 1])) == {"key": {f"${comparator}": ["a", 1]}}
    assert translated(comparison(comparator, ("a", 1))) == {"key": {f"${comparator}": ["a", 1]}}
    assert translated(comparison(comparator, "a")) == {"key": {f"${comparator}": ["a"]}}
    assert translated(comparison(comparator, [])) == {"key": {f"${comparator}": []}}


def test_contain_is_membership_and_for_text_a_part_of_it_too() -> None:
    assert translated(comparison("contain", 7)) == {"key": {"$contains": 7}}
    assert translated(comparison("contain", [7, "a"])) == {"key": {"$contains_all": [7, "a"]}}
    assert translated(comparison("contain", "sea")) == {
        "$or": [{"key": {"$contains": "sea"}}, {"key": {"$like": "%sea%"}}]
    }


def test_contain_escapes_what_means_something_in_a_pattern() -> None:
    assert translated(comparison("contain", r"50%_\ ")) == {
        "$or": [{"key": {"$contains": r"50%_\ "}}, {"key": {"$like": r"%50\%\_\\ %"}}]
    }


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("sea%", "sea%"),
        ("s_a", "s_a"),
        (r"50\%", r"50\%"),
        ("sea", "%sea%"),
        (r"C:\temp", r"%C:\\temp%"),
        ("", "%%"),
    ],
)
def test_like_is_sqls_and_a_text_without_wildcards_is_a_part(value: str, pattern: str) -> None:
    assert translated(comparison("like", value)) == {"key": {"$like": pattern}}


@pytest.mark.parametrize(
    ("comparator", "condition"),
    [
        ("eq", ON_THE_DAY),
        ("ne", {"$exists": True, "$not": ON_THE_DAY}),
        ("gt", {"$gte": "2024-01-31T24"}),
        ("gte", {"$gte": "2024-01-31"}),
        ("lt", {"$lt": "2024-01-31"}),
        ("lte", {"$lt": "2024-01-31T24"}),
        ("like", {"$like": "%2024-01-31%"}),
    ],
)
def test_a_date_is_its_whole_day(comparator: str, condition: dict[str, Any]) -> None:
    for value in (DAY, date(2024, 1, 31)):
        assert translated(comparison(comparator, value)) == {"key": condition}


def test_dates_are_days_in_lists_too() -> None:
    assert translated(comparison("in", [DAY, 3])) == {"$or": [{"key": ON_THE_DAY}, {"key": {"$eq": 3}}]}
    assert translated(comparison("nin", [DAY, 3])) == {
        "$and": [{"key": {"$exists": True, "$not": ON_THE_DAY}}, {"key": {"$ne": 3}}]
    }
    assert translated(comparison("contain", [DAY])) == {"key": {"$contains_all": ["2024-01-31"]}}


def test_the_last_day_of_all_has_an_end() -> None:
    assert translated(comparison("lte", date.max)) == {"key": {"$lt": "9999-12-31T24"}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MOMENT, "2024-01-31T10:00:00"),
        ({"datetime": "2024-01-31T10:00:00Z", "type": "datetime"}, "2024-01-31T10:00:00+00:00"),
        ({"datetime": "2024-01-31T10:00:00z", "type": "datetime"}, "2024-01-31T10:00:00+00:00"),
        (datetime(2024, 1, 31, 10), "2024-01-31T10:00:00"),
        (datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=2))), "2024-01-31T10:00:00+02:00"),
    ],
)
def test_a_datetime_is_written_as_metadata_datetimes_are(value: Any, text: str) -> None:
    assert translated(comparison("gte", value)) == {"key": {"$gte": text}}
    assert translated(comparison("in", [value])) == {"key": {"$in": [text]}}


def test_impossible_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="'2024-02-31' is not a date; expected YYYY-MM-DD"):
        translated(comparison("eq", {"date": "2024-02-31", "type": "date"}))
    with pytest.raises(ValueError, match="'noon' is not a datetime; expected YYYY-MM-DDTHH:MM:SS"):
        translated(comparison("eq", {"datetime": "noon", "type": "datetime"}))


def test_a_mapping_that_is_no_date_stays_a_value() -> None:
    assert translated(comparison("eq", {"type": "date"})) == {"key": {"$eq": {"type": "date"}}}


def test_operators_nest() -> None:
    novel, old = comparison("eq", "novel", "kind"), comparison("lt", 1900, "year")
    found = translated(operation("or", operation("and", novel, old), operation("not", operation("not", novel))))
    assert found == {
        "$or": [
            {"$and": [{"kind": {"$eq": "novel"}}, {"year": {"$lt": 1900}}]},
            {"$not": [{"$not": [{"kind": {"$eq": "novel"}}]}]},
        ]
    }
    assert translated(operation("not", novel, old)) == {"$not": [{"kind": {"$eq": "novel"}}, {"year": {"$lt": 1900}}]}


def test_a_structured_query_is_a_text_and_search_arguments() -> None:
    translator = VecsTranslator()
    assert translator.visit_structured_query(StructuredQuery("sea", None)) == ("sea", {})
    with_filter = StructuredQuery("sea", comparison("eq", 1), 3)
    assert translator.visit_structured_query(with_filter) == ("sea", {"filter": {"key": {"$eq": 1}}})


def test_a_translator_can_be_restricted() -> None:
    class Simple(VecsTranslator):
        allowed_operators = (Operator.AND,)
        allowed_comparators = (Comparator.EQ,)

    with pytest.raises(ValueError, match="disallowed comparator"):
        comparison("gt", 1).accept(Simple())
    with pytest.raises(ValueError, match="disallowed operator"):
        operation("not", comparison("eq", 1)).accept(Simple())


# --- what is found -----------------------------------------------------------------------------------

RECORDS: dict[str, dict[str, Any]] = {
    "list": {"tags": ["sea", "war"], "year": 1999, "kind": "novel"},
    "text": {"tags": "by the sea_side", "year": 2012.0, "kind": "poem 50%"},
    "empty": {"kind": "Essay"},
    "day": {"when": date(2024, 1, 31)},
    "noon": {"when": datetime(2024, 1, 31, 12)},
    "late": {"when": datetime(2024, 1, 31, 23, 59, 59, 999999)},
    "next": {"when": datetime(2024, 2, 1)},
    "utc": {"when_utc": datetime(2024, 1, 31, 10, tzinfo=timezone.utc)},
    "utc-half": {"when_utc": datetime(2024, 1, 31, 10, 0, 0, 500000, tzinfo=timezone.utc)},
}


@pytest.fixture(scope="module")
def books(target: str) -> Iterator[vecs.Collection]:
    with vecs.create_client(target, schema="translated") as client:
        collection = client.get_or_create_collection("books", dimension=2)
        collection.upsert([(id, [1, 0], metadata) for id, metadata in RECORDS.items()])
        yield collection
        with client.connection() as connection:
            connection.execute("drop schema translated cascade")


def found(books: vecs.Collection, text: str) -> list[str]:
    """The records that a filter, as a model writes it, finds."""
    translator = VecsTranslator()
    parser = get_parser(translator.allowed_comparators, translator.allowed_operators)
    directive: Any = parser.parse(text)
    ids = {record.id for record in books.get(filters=translated(directive))}
    return [id for id in RECORDS if id in ids]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('eq("kind", "novel")', ["list"]),
        ('ne("kind", "novel")', ["text", "empty"]),
        ('gt("year", 1999)', ["text"]),
        ('gte("year", 1999)', ["list", "text"]),
        ('lt("year", 2012)', ["list"]),
        ('lte("year", 2012)', ["list", "text"]),
        ('in("kind", ["novel", "Essay"])', ["list", "empty"]),
        ('in("kind", "novel")', ["list"]),
        ('in("kind", [])', []),
        ('nin("kind", ["novel", "Essay"])', ["text"]),
        ('contain("tags", "sea")', ["list", "text"]),
        ('contain("tags", "sea_")', ["text"]),
        ('contain("tags", "SEA")', []),
        ('contain("tags", ["war", "sea"])', ["list"]),
        ('like("kind", "50%")', []),
        ('like("kind", "%50%")', ["text"]),
        ('like("kind", "ov")', ["list"]),
        ('contain("kind", "50%")', ["text"]),
        ('and(eq("kind", "novel"), gt("year", 1990))', ["list"]),
        ('or(eq("kind", "novel"), eq("kind", "Essay"))', ["list", "empty"]),
        ('and(gte("year", 0), not(eq("kind", "novel"), eq("kind", "Essay")))', ["text"]),
        ('and(gte("year", 0), not(or(eq("kind", "novel"), not(gt("year", 0)))))', ["text"]),
        ('eq("when", "2024-01-31")', ["day", "noon", "late"]),
        ('ne("when", "2024-01-31")', ["next"]),
        ('gt("when", "2024-01-31")', ["next"]),
        ('gte("when", "2024-01-31")', ["day", "noon", "late", "next"]),
        ('lt("when", "2024-02-01")', ["day", "noon", "late"]),
        ('lte("when", "2024-01-31")', ["day", "noon", "late"]),
        ('in("when", ["2024-01-31", "2023-01-31"])', ["day", "noon", "late"]),
        ('nin("when", ["2024-01-31"])', ["next"]),
        ('gt("when", "2024-01-31T12:00:00")', ["late", "next"]),
        ('gte("when", "2024-01-31T12:00:00")', ["noon", "late", "next"]),
        ('eq("when", "2024-01-31T12:00:00")', ["noon"]),
        ('eq("when_utc", "2024-01-31T10:00:00Z")', ["utc"]),
        ('gt("when_utc", "2024-01-31T10:00:00Z")', ["utc-half"]),
        ('lte("when_utc", "2024-01-31T10:00:00Z")', ["utc"]),
        ('eq("when_utc", "2024-01-31")', ["utc", "utc-half"]),
    ],
)
def test_what_a_model_writes_finds_what_it_means(books: vecs.Collection, text: str, ids: list[str]) -> None:
    assert found(books, text) == ids


def test_the_query_constructor_of_self_query_retriever_works_with_it() -> None:
    # given a model's answer
    answer = {"query": "sea", "filter": 'not(contain("tags", "war"))', "limit": 2}
    model = FakeListChatModel(responses=[f"```json\n{json.dumps(answer)}\n```"])
    translator = VecsTranslator()
    constructor = load_query_constructor_runnable(
        model,
        "Books",
        [AttributeInfo(name="tags", description="what it is about", type="list[string]")],
        enable_limit=True,
        allowed_comparators=translator.allowed_comparators or (),
        allowed_operators=translator.allowed_operators or (),
    )
    # when
    query = constructor.invoke({"query": "about the sea, not war"})
    # then
    assert query.limit == 2
    assert translator.visit_structured_query(query) == (
        "sea",
        {"filter": {"$not": [{"$or": [{"tags": {"$contains": "war"}}, {"tags": {"$like": "%war%"}}]}]}},
    )
