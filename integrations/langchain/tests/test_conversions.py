"""Between LangChain's values and vecs', exactly: nothing here asks a database."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from langchain_vecs.documents import Item, items_of_documents, items_of_texts, to_document, to_record
from langchain_vecs.filters import text_filters, to_filters
from langchain_vecs.metadata import storable, stored_metadata
from langchain_vecs.namespaces import checked_namespace, qualified, unqualified
from langchain_vecs.search_arguments import Defaults, parse_search, relevance_of_score, score_of_relevance, with_mmr
from vecs import Match, Record
from vecs._checks.json import encode_json
from vecs.exc import ArgError, FilterError

# --- metadata -----------------------------------------------------------------------------------------------

# Without lone surrogates and NUL, which are left out.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
ZONES = st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    TEXTS.map(Path),
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
        st.frozensets(HASHABLE, max_size=4),
        st.sets(st.tuples(HASHABLE, st.frozensets(HASHABLE, max_size=2)), max_size=2),
    ),
    max_leaves=12,
)


def as_jsonb(text: str) -> Any:
    """Read JSON as Postgres gives it back: a number that has an exponent comes without."""

    def number(digits: str) -> Any:
        plain = format(Decimal(digits), "f")
        return float(plain) if "." in plain else int(plain)

    return json.loads(text, parse_float=number)


def stored_and_read(metadata: dict[str, Any], namespace: str | None = None) -> Document:
    record = to_record(Item("1", "text", metadata), [1.0], namespace, "strip")
    extra = None if record.extra is None else as_jsonb(encode_json(record.extra))
    return to_document(
        Record(record.id, text="text", metadata=as_jsonb(encode_json(record.metadata)), extra=extra), namespace
    )


def types_of(value: Any) -> Any:
    """Return the types in a value: 5 == 5.0 == True; of a set's members, which have no order, the set of them."""
    if isinstance(value, dict):
        return {key: types_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, set | frozenset):
        return type(value), sorted(str(types_of(item)) for item in value)
    return type(value)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.sampled_from([None, "mine"]))
def test_metadata_is_read_as_it_was_stored(metadata: dict[str, Any], namespace: str | None) -> None:
    if namespace is not None:
        metadata.pop("_namespace", None)
    document = stored_and_read(metadata, namespace)
    assert document == Document("text", id="1", metadata=metadata)
    assert types_of(document.metadata) == types_of(metadata)


class Colour(Enum):
    red = "r"


class Level(int, Enum):
    high = 3


class Day(date):
    """As freezegun's and pendulum's."""


class Moment(datetime):
    """As pandas' Timestamp."""


class Hour(time):
    pass


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Colour.red, "r"),
        (Level.high, 3),
        (Day(2024, 1, 1), date(2024, 1, 1)),
        (Moment(2024, 1, 1), datetime(2024, 1, 1)),
        (Hour(12), time(12)),
        (np.int64(5), 5),
        (np.float64(1e20), 1e20),
        (np.array([1, 2]), [1, 2]),
        (np.datetime64("2024-01-01").item(), date(2024, 1, 1)),
        (Decimal("1E+400"), Decimal("1E+400")),
        (Decimal("-0.0"), Decimal("0")),
        (-0.0, 0.0),
        (1.7976931348623157e308, 1.7976931348623157e308),
        ("2024-01-01", "2024-01-01"),
        ({"langchain:x": "uuid"}, {"langchain:x": "uuid"}),
    ],
)
def test_a_value_is_read_as_what_it_equals(value: Any, read: Any) -> None:
    assert stored_and_read({"x": [value]}).metadata == {"x": [read]}
    assert stored_and_read({"x": value}).metadata == {"x": read}


def test_decimals_are_stored_as_numbers_and_dates_as_text() -> None:
    metadata = {"price": Decimal("19.90"), "day": date(2024, 1, 1), "pair": (1, date(2024, 1, 2)), "plain": [1]}
    plain, types = stored_metadata(metadata, "1", "strip")
    assert json.loads(encode_json(plain)) == {
        "price": 19.9,
        "day": "2024-01-01",
        "pair": [1, "2024-01-02"],
        "plain": [1],
    }
    assert types == {
        "langchain:price": ["decimal", "19.90"],
        "langchain:day": "date",
        "langchain:pair": ["tuple", {"1": "date"}],
    }


@pytest.mark.parametrize(
    ("stored", "type_of"),
    [
        ("no date", "date"),
        (5, "date"),
        ("x", "unknown"),
        (5, ["decimal", "6"]),
        ("5", ["decimal", "5"]),
        ("x", ["tuple", {}]),
        ({"a": 1}, ["set", {}]),
        ("x", {"a": "date"}),
        ([1], {"5": "date"}),
        ("x", "float"),
        (True, "float"),
        (None, "date"),
        ("x", None),
        (10**400, ["decimal", "1.5"]),
        (5, ["decimal", "x"]),
        ([[1]], ["set", {}]),
        # What a later version may write.
        ("x", ["list of something", {}]),
        ("x", [1, 2, 3]),
        ("x", 5),
    ],
    ids=range(19),
)
def test_a_value_that_somebody_changed_since_is_read_as_it_is(stored: Any, type_of: Any) -> None:
    found = Record("1", text="a", metadata={"x": stored}, extra={"langchain:x": type_of})
    assert to_document(found, None).metadata == {"x": stored}


def test_what_others_keep_in_extra_is_theirs() -> None:
    found = Record("1", text="a", metadata={"x": 1}, extra={"x": "date", "langchain:y": "date", "other": {"z": 1}})
    assert to_document(found, None).metadata == {"x": 1}


@pytest.mark.parametrize(
    "metadata",
    [{"k": "v", "k\0": 1}, {"k\0": 1, "k": "v"}, {"a": [{"k\0": 1, "k\ud800": 2}]}],
    ids=["after", "before", "inside"],
)
def test_keys_that_would_be_one_are_refused_by_name(metadata: dict[str, Any]) -> None:
    with pytest.raises(ArgError, match=r"document 'the id' has the keys 'k.*' and 'k.*', which are the same"):
        stored_metadata(metadata, "the id", "strip")
    assert stored_metadata(metadata, "the id", "raise")[0] == metadata


@pytest.mark.parametrize("metadata", [None, [], "x", 5, [("a", 1)]])
def test_metadata_that_is_no_dict_is_refused_by_the_documents_id(metadata: Any) -> None:
    with pytest.raises(ArgError, match="document 'the id'"):
        stored_metadata(metadata, "the id", "strip")


# --- texts, ids, namespaces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("ü😀", "ü😀"),
        ("a\x00b", "ab"),
        ("\x00", ""),
        ("a\ud800b", "ab"),
        ("ü\x00\udfff", "ü"),
        ("", ""),
    ],
)
def test_a_text_is_stored_without_what_postgres_cannot_hold(text: str, stored: str) -> None:
    assert storable(text, "strip") == stored
    assert storable(text, "raise") == text


@given(TEXTS.filter(lambda text: text and "\x1f" not in text), TEXTS.filter(bool))
def test_ids_of_a_namespace_are_read_as_they_were_given(namespace: str, id: str) -> None:
    assert unqualified(qualified(id, namespace), namespace) == id
    if "\x1f" not in id:
        assert unqualified(qualified(id, None), None) == id


@given(st.lists(st.tuples(TEXTS.filter(lambda t: t and "\x1f" not in t), TEXTS.filter(bool)), unique=True, max_size=9))
def test_no_two_ids_of_namespaces_are_stored_alike(pairs: list[tuple[str, str]]) -> None:
    assert len({qualified(id, namespace) for namespace, id in pairs}) == len(pairs)


@pytest.mark.parametrize(("id", "stored"), [("a", "a"), (5, "5"), (np.int32(5), "5"), (UUID(int=5), str(UUID(int=5)))])
def test_ids_are_stored_as_text(id: Any, stored: str) -> None:
    assert qualified(id, None) == stored
    assert qualified(id, "mine") == f"mine\x1f{stored}"


@pytest.mark.parametrize("id", ["", None, True, 1.5, b"a", ["a"], "\x00"])
@pytest.mark.parametrize("namespace", [None, "mine"])
def test_what_is_no_id_is_refused(id: Any, namespace: str | None) -> None:
    with pytest.raises(ArgError):
        qualified(id, namespace)


def test_a_namespace_is_none_or_a_text() -> None:
    assert checked_namespace(None) is None
    assert checked_namespace("mine") == "mine"


def test_texts_without_anything_else_get_ids_and_no_metadata() -> None:
    first, second = items_of_texts(["a", "b"], None, None)
    assert (first.text, first.metadata, first.vec) == ("a", {}, None)
    assert UUID(first.id) != UUID(second.id)


def test_metadata_may_be_missing_for_some_texts() -> None:
    assert [item.metadata for item in items_of_texts(["a", "b"], [None, {"n": 1}], None)] == [{}, {"n": 1}]


def test_documents_keep_their_ids() -> None:
    documents = [Document("a", id="A"), Document("b", id="B")]
    assert [item.id for item in items_of_documents(documents, None)] == ["A", "B"]
    assert [item.id for item in items_of_documents(documents, ["1", None])] == ["1", "B"]


# --- filters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "namespace", "filters"),
    [
        (None, None, None),
        ({}, None, None),
        ({}, "mine", {"_namespace": "mine"}),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1}, "mine", {"$and": [{"_namespace": "mine"}, {"a": 1}]}),
        ({"a": {"$not_contains": 1}}, None, {"$and": [{"$not": {"a": {"$contains": 1}}}]}),
        (
            {"a": {"$not_contains": 1, "$exists": True}, "b": 2},
            None,
            {"$and": [{"$not": {"a": {"$contains": 1}}}, {"a": {"$exists": True}, "b": 2}]},
        ),
        ({"$or": [{"a": {"$not_contains": 1}}]}, None, {"$or": [{"$and": [{"$not": {"a": {"$contains": 1}}}]}]}),
    ],
)
def test_filters_are_written_in_vecs_language(given_: Any, namespace: str | None, filters: Any) -> None:
    assert to_filters(given_, namespace) == filters


def test_conditions_are_added_to_a_filter() -> None:
    assert to_filters({"a": 1}, None, None, {"b": 2}) == {"$and": [{"a": 1}, {"b": 2}]}


def test_a_filter_is_not_changed() -> None:
    filters = {"$and": [{"a": {"$not_contains": 1, "$exists": True}}, {"$not": {"b": 1}}]}
    before = json.dumps(filters)
    to_filters(filters, "mine")
    assert json.dumps(filters) == before


@pytest.mark.parametrize(
    ("given_", "filters"),
    [
        (None, None),
        ({}, None),
        ({"$contains": "a"}, {"$text": {"$contains": "a"}}),
        ({"$not_contains": "a"}, {"$not": {"$text": {"$contains": "a"}}}),
        (
            {"$contains": "a", "$not_contains": "b"},
            {"$and": [{"$text": {"$contains": "a"}}, {"$not": {"$text": {"$contains": "b"}}}]},
        ),
        ({"$or": [{"$contains": "a"}]}, {"$or": [{"$text": {"$contains": "a"}}]}),
    ],
)
def test_conditions_on_the_text_are_filters(given_: Any, filters: Any) -> None:
    assert text_filters(given_) == filters


def test_an_unknown_operator_is_named_with_those_that_are_known() -> None:
    with pytest.raises(FilterError, match=r"unknown operator '\$nor'.*\$and, \$or, \$not"):
        to_filters({"$nor": []})


# --- what a search asks for ---------------------------------------------------------------------------------

DEFAULTS = Defaults(measure="cosine_distance", mode="vector", namespace=None, relevance_score_fn=None)


def test_a_search_asks_for_the_defaults() -> None:
    assert parse_search(DEFAULTS, 4, {}).options == {
        "mode": "vector",
        "limit": 4,
        "filters": None,
        "measure": "cosine_distance",
        "include_extra": True,
    }


@pytest.mark.parametrize("mode", ["dense", "Hybrid", 5, "mmr"])
def test_an_unknown_mode_is_refused_with_those_that_are_known(mode: Any) -> None:
    with pytest.raises(ArgError, match="expected one of vector, keyword, hybrid"):
        parse_search(DEFAULTS, 4, {"mode": mode})


@given(st.integers(1, 200), st.integers(0, 5000))
def test_spreading_fetches_as_many_as_were_asked_for(k: int, fetch_k: int) -> None:
    options = with_mmr(parse_search(DEFAULTS, k, {}), fetch_k, 0.5).options
    assert math.ceil(k * options["oversampling"]) == max(k, fetch_k)


@pytest.mark.parametrize("measure", ["cosine_distance", "l2_distance", "max_inner_product", "l1_distance"])
@given(score=st.floats(0, 1))
def test_a_threshold_at_a_documents_relevance_keeps_it(measure: str, score: float) -> None:
    least = score_of_relevance(relevance_of_score(score, measure), measure)
    assert least is None or score >= least


def test_scores_of_a_match_go_by_its_mode() -> None:
    match = Match("1", "a", {}, None, distance=0.5, score=0.75)
    assert parse_search(DEFAULTS, 4, {}).with_score(match)[1] == 0.5
    assert parse_search(DEFAULTS, 4, {}).with_relevance(match)[1] == 0.5
    assert parse_search(DEFAULTS, 4, {"mode": "hybrid"}).with_score(match)[1] == 0.25
    assert parse_search(DEFAULTS, 4, {"mode": "hybrid"}).with_relevance(match)[1] == 0.75
