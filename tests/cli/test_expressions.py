"""Filters as people type them."""

from __future__ import annotations

from typing import Any

import pytest

from vecs.cli.expressions import parse_filters
from vecs.cli.terminal import UsageError


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("year>=2020", {"year": {"$gte": 2020}}),
        ("year >= 2020", {"year": {"$gte": 2020}}),
        ("module=gzip", {"module": {"$eq": "gzip"}}),
        ("module==gzip", {"module": {"$eq": "gzip"}}),
        ("a!=b", {"a": {"$ne": "b"}}),
        ("a<1.5 b<=-2", {"$and": [{"a": {"$lt": 1.5}}, {"b": {"$lte": -2}}]}),
        ("year>=2020 kind=recipe", {"$and": [{"year": {"$gte": 2020}}, {"kind": {"$eq": "recipe"}}]}),
        ("year>=2020 and kind=recipe", {"$and": [{"year": {"$gte": 2020}}, {"kind": {"$eq": "recipe"}}]}),
        ("year>=2020, kind=recipe", {"$and": [{"year": {"$gte": 2020}}, {"kind": {"$eq": "recipe"}}]}),
        ("and=1", {"and": {"$eq": 1}}),
        ("zip=01234", {"zip": {"$eq": "01234"}}),
        ("phone=+49", {"phone": {"$eq": "+49"}}),
        ("done=true", {"done": {"$eq": True}}),
        ("done=null", {"done": {"$eq": None}}),
        ('year="2020"', {"year": {"$eq": "2020"}}),
        ("title='a \"b\" c' x=1", {"$and": [{"title": {"$eq": 'a "b" c'}}, {"x": {"$eq": 1}}]}),
        (r"title='it\'s'", {"title": {"$eq": "it's"}}),
        ('"my key"=1', {"my key": {"$eq": 1}}),
        ("url=https://x.org/a?b=c", {"url": {"$eq": "https://x.org/a?b=c"}}),
        ("date>=2024-01-05", {"date": {"$gte": "2024-01-05"}}),
        ("kind in [soup, bread]", {"kind": {"$in": ["soup", "bread"]}}),
        ("kind in (1,'a b')", {"kind": {"$in": [1, "a b"]}}),
        ("kind in []", {"kind": {"$in": []}}),
        ("kind not in [a]", {"kind": {"$nin": ["a"]}}),
        ("tags contains sea", {"tags": {"$contains": "sea"}}),
        ("title like a%", {"title": {"$like": "a%"}}),
        ("title not ilike 5", {"$not": {"title": {"$ilike": "5"}}}),
        ("kind exists", {"kind": {"$exists": True}}),
        ("kind not exists x=1", {"$and": [{"kind": {"$exists": False}}, {"x": {"$eq": 1}}]}),
        ("tags=[1, 2]", {"tags": {"$eq": [1, 2]}}),
        ("author.name=Ada", {"author.name": {"$eq": "Ada"}}),
        ("$document_id=a.md", {"$document_id": {"$eq": "a.md"}}),
        ("größe=日本", {"größe": {"$eq": "日本"}}),
        ('{"year": {"$gt": 5}}', {"year": {"$gt": 5}}),
        ("x=1e999", {"x": {"$eq": "1e999"}}),
        ("x=NaN", {"x": {"$eq": "NaN"}}),
    ],
)
def test_conditions_in_words_are_filters(text: str, meant: dict[str, Any]) -> None:
    assert parse_filters([text]) == meant


def test_a_comma_is_part_of_a_value() -> None:
    assert parse_filters(["a=x,y"]) == {"a": {"$eq": "x,y"}}


def test_several_filters_hold_together_and_none_is_none() -> None:
    assert parse_filters(["a=1", '{"b": 2}']) == {"$and": [{"a": {"$eq": 1}}, {"b": 2}]}
    assert parse_filters([]) is parse_filters(None) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no condition"),
        ("   ", "no condition"),
        ("year", "at its end: after 'year' should stand one of"),
        ("year 2020", "at character 6 ('2020')"),
        ("year>=", "at its end: a value should stand after >="),
        (">=5", "at character 1 ('>=5'): a key"),
        ("a=1 or b=2", "JSON"),
        ("kind in soup", "at character 9 ('soup'): a list"),
        ("kind in [a b]", "at character 12 ('b]'): a comma or ]"),
        ("kind in [a", "at its end: a comma or ]"),
        ("title='a", "a closing ' is missing"),
        ("a=[1,", "this is not JSON"),
        ("{year", "is not JSON"),
        ("[1]", "is not a JSON object"),
    ],
)
def test_a_wrong_filter_is_told_with_its_place(text: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filters([text])
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
