"""Notes on the types of metadata, as another program may have written them."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_vecs.documents import to_document
from vecs import Record


@pytest.mark.parametrize(
    "extra",
    [
        [1],
        5,
        "langchain:n",
        {"langchain:n": ["decimal", "1e999999999"]},
        {"langchain:n": {"a": 1}},
        {"langchain:n": ["set", 5]},
        {"langchain:n": [[1], 2]},
        {"langchain:n": "eval"},
        {"langchain:absent": "date"},
        {"langchain:": "date", "other": 1},
    ],
    ids=range(10),
)
def test_metadata_is_returned_as_it_is_stored_where_the_notes_on_it_are_malformed(extra: Any) -> None:
    record = Record("a", text="t", metadata={"n": [1, {"a": 2}], "m": 5}, extra=extra)
    assert to_document(record, None).metadata == {"n": [1, {"a": 2}], "m": 5}
