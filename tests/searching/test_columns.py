"""Which columns are returned besides a record, and what attached tables lack, without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vecs._searching.columns import checked_columns
from vecs._searching.request import checked_request, words_of
from vecs._sql.extension import Extension
from vecs._sql.mapped import Mapped
from vecs._sql.selection import EVERYTHING
from vecs._sql.tables import Table
from vecs.columns import ColumnType, TableColumn
from vecs.exc import ArgError

TEXT = ColumnType("text", "pg_catalog", "text")
KEY, BODY, KIND, NOTE = (
    TableColumn(name, TEXT, "text", f"c{n}", quoted=name) for n, name in enumerate(["k", "body", "kind", "note"])
)
MAPPED = Mapped(KEY, {"text": BODY}, (KIND,), (KEY, BODY, KIND, NOTE), attached=True, shown="s.t")
PLAIN = Table("s", "t", 2, Extension("public", (0, 8, 5), 1))
ATTACHED = replace(PLAIN, mapped=MAPPED, has_text=True)


@pytest.mark.parametrize(
    ("table", "wanted", "names"),
    [
        (ATTACHED, None, []),
        (ATTACHED, False, []),
        (ATTACHED, True, ["note"]),
        (ATTACHED, iter(["body", "note", "body"]), ["body", "note"]),
        (replace(PLAIN, extras=(NOTE,)), True, ["note"]),
        (PLAIN, True, []),
    ],
)
def test_columns_are_those_that_are_named(table: Table, wanted: Any, names: list[str]) -> None:
    assert [column.name for column in checked_columns(table, wanted)] == names


@pytest.mark.parametrize(
    ("table", "wanted", "said"),
    [
        (ATTACHED, "note", "a list of names"),
        (ATTACHED, {"note": 1}, "a list of names"),
        (ATTACHED, 5, "a list of names"),
        (ATTACHED, ["notes"], "did you mean 'note'"),
        (ATTACHED, [5], "names 5"),
        (PLAIN, ["zzz"], "none besides"),
    ],
)
def test_other_columns_are_refused(table: Table, wanted: Any, said: str) -> None:
    with pytest.raises(ArgError, match=said):
        checked_columns(table, wanted)


def test_a_search_says_which_column_it_needs() -> None:
    with pytest.raises(ArgError, match=r"give it vec=, after alter table s\.t add column"):
        checked_request(ATTACHED, EVERYTHING, {})
    keyword = checked_request(ATTACHED, EVERYTHING, {"mode": "keyword"})
    with pytest.raises(ArgError, match=r"alter table s\.t add column text_search tsvector"):
        words_of("word", keyword, ATTACHED, None)
    without = replace(ATTACHED, mapped=replace(MAPPED, parts={"vec": BODY}), has_text=False)
    reranked = checked_request(without, EVERYTHING, {"rerank": len})
    with pytest.raises(ArgError, match=r"attach\('s\.t', text=...\)"):
        words_of("word", reranked, without, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"group_by": "$document_id"}, "give it document_id="),
        ({"group_by": "$text"}, "give it text="),
        ({"context": 1}, "give it document_id="),
        ({"group_by": "kin"}, "did you mean 'kind'"),
        ({"group_by": "$kind.x"}, "column 'kind' is text, which has no paths"),
        ({"group_by": ""}, "group_by must be a metadata key"),
        ({"group_by": "$nope"}, r"one of '\$id', '\$document_id', '\$text', '\$k'"),
    ],
)
def test_groups_and_neighbours_say_which_column_they_need(options: Any, said: str) -> None:
    with_text = said.endswith("document_id=")
    table = replace(ATTACHED, has_text=with_text, mapped=replace(MAPPED, parts={"vec": BODY}))
    with pytest.raises(ArgError, match=said):
        checked_request(table, EVERYTHING, options)


def test_groups_may_be_of_other_columns() -> None:
    request = checked_request(replace(PLAIN, extras=(NOTE,)), EVERYTHING, {"group_by": "$note"})
    assert request.groups is not None
    assert request.groups.column is NOTE


def test_neighbours_need_ids_in_an_order() -> None:
    key = replace(KEY, type=ColumnType("uuid", "pg_catalog", "uuid"), shown="uuid")
    table = replace(ATTACHED, mapped=replace(MAPPED, key=key, parts={"vec": BODY, "document_id": KIND}))
    with pytest.raises(ArgError, match="end in numbers; column 'k', that of the ids, is uuid"):
        checked_request(table, EVERYTHING, {"context": 1})
