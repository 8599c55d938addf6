"""Ids for records without one, without a server."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from vecs import Record
from vecs._writing.made_ids import IdMaker, MadeIds, checked_made_ids
from vecs.columns import ColumnType, TableColumn
from vecs.exc import ArgError

CONTENT = sha256("naïve".encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    "item",
    [
        Record("a", [1]),
        ("a", [1], {}),
        (None,),
        (None, 1, 2, 3),
        [1.0, 2.0],
        {"id": 0, "text": "x"},
        None,
        "text",
        5,
    ],
)
def test_what_has_an_id_or_is_no_record_stays_as_it_is(item: Any) -> None:
    maker = IdMaker("uuid")
    assert maker.named([item], 0) == [item]
    assert maker.made == []


def test_records_tuples_and_dicts_without_an_id_get_one_in_order() -> None:
    maker = IdMaker("uuid")
    first, second, third, fourth = maker.named([Record(text="x"), (None, [1]), [None, "x", {}], {"text": "x"}], 0)
    assert maker.made == [first.id, second[0], third[0], fourth["id"]]
    assert len({UUID(id) for id in maker.made}) == 4
    assert (first.text, second[1:], third[1:], fourth["text"]) == ("x", ([1],), ("x", {}), "x")


@pytest.mark.parametrize(
    "item",
    [
        Record(text="naïve", metadata={"n": 1}),
        Record(media="naïve"),
        (None, "naïve"),
        {"text": "naïve", "vec": [1]},
        {"media": "naïve"},
    ],
)
def test_the_id_of_a_text_is_always_the_same(item: Any) -> None:
    maker = IdMaker("content")
    maker.named([item], 0)
    assert maker.made == [CONTENT]


def test_a_lone_surrogate_is_left_to_the_check_of_texts() -> None:
    assert IdMaker("content").named([Record(text="\ud800")], 0)[0].text == "\ud800"


@pytest.mark.parametrize("item", [Record(vec=[1]), (None, [1]), {"vec": [1]}, Record(media=object())])
def test_without_a_text_there_is_no_id_of_it(item: Any) -> None:
    with pytest.raises(ArgError, match="record 3 has neither an id nor a text to make one of; leave out ids='content'"):
        IdMaker("content").named([item], 3)


@pytest.mark.parametrize("how", ["uuid", "content"])
def test_no_id_is_made_for_a_column_of_whole_numbers(how: MadeIds) -> None:
    key = TableColumn("k", ColumnType("integer", "pg_catalog", "int8"), "bigint", "c1")
    with pytest.raises(ArgError, match="record 0 has no id, and none can be made: column 'k', .*, is bigint; give"):
        IdMaker(how, key).named([Record(text="x")], 0)


def test_an_error_about_a_made_id_tells_which_record_it_is() -> None:
    maker = IdMaker("content")
    maker.named([Record("a"), Record(text="naïve")], 7)
    told, other = ArgError(f"record '{CONTENT}' has no vec"), ArgError("record 'a' has no vec")
    maker.tell(told)
    maker.tell(other)
    assert str(told) == f"record '{CONTENT}' has no vec (it is record 8, and its id was made)"
    assert str(other) == "record 'a' has no vec"


def test_how_ids_are_made_is_one_of_two() -> None:
    assert checked_made_ids("content") == "content"
    for wrong in ("hash", None, ["a"]):
        with pytest.raises(ArgError, match=r"^ids must be 'uuid' or 'content', not "):
            checked_made_ids(wrong)
