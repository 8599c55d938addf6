"""Nodes as records and back, without a database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.schema import TextNode

from llama_index.vector_stores.vecs.key_order import in_order, key_order
from llama_index.vector_stores.vecs.nodes import NODE, to_node, to_record
from vecs import Record

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def as_postgres_keeps_it(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: as_postgres_keeps_it(value[key]) for key in keys}
    return [as_postgres_keeps_it(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_the_order_of_keys_is_restored(value: Any) -> None:
    stored = as_postgres_keeps_it(value)
    order = key_order(value)
    restored = stored if order is None else in_order(stored, json.loads(json.dumps(order)))
    assert json.dumps(restored) == json.dumps(value)
    assert key_order(stored) is None


@given(values, values)
def test_what_was_changed_since_is_kept(value: Any, changed: Any) -> None:
    order = key_order(value)
    assert order is None or in_order(changed, order) == changed


def test_little_is_stored_beside_text_and_metadata() -> None:
    record = to_record(TextNode(id_="a", text="t", metadata={"a": 1, "b": 2}, embedding=[1, 0]), embed=False)
    assert record == Record(
        "a", vec=[1, 0], text="t", metadata={"a": 1, "b": 2}, extra={NODE: {"class_name": "TextNode"}}
    )


def test_a_node_of_a_later_version_is_read() -> None:
    record = Record("a", text="t", metadata={}, extra={NODE: {"class_name": "TextNode", "invented_later": 1}})
    assert to_node(record) == TextNode(id_="a", text="t")


MALFORMED: dict[str, Any] = {
    "a list": [1],
    "a number": 5,
    "no object": {NODE: 5},
    "null": {NODE: None},
    "class is a list": {NODE: {"class_name": ["TextNode"]}},
    "wrong type": {NODE: {"class_name": "TextNode", "start_char_idx": "first"}},
    "no index_id": {NODE: {"class_name": "IndexNode"}},
    "bad relationships": {NODE: {"class_name": "TextNode", "relationships": {"9": 5}}},
    "relationships are a list": {NODE: {"class_name": "TextNode", "relationships": [1]}},
    "bad resource": {NODE: {"class_name": "Node", "text_resource": 5}},
    "bad order": {NODE: {"class_name": "TextNode", "metadata_order": 5}},
    "bad order inside": {NODE: {"class_name": "TextNode", "metadata_order": {"keys": [[1]], "inside": 5}}},
}


@pytest.mark.parametrize("extra", MALFORMED.values(), ids=MALFORMED)
def test_a_node_whose_extra_data_is_malformed_is_a_text_node_and_its_metadata_is_kept(extra: Any) -> None:
    record = Record("a\x1b", text="t", metadata={"x": 1, "y": {"z": 2}}, document_id="d", extra=extra)
    with pytest.warns(UserWarning, match=r"extra data of node 'a\\x1b' does not describe a node"):
        node = to_node(record)
    assert type(node) is TextNode
    assert (node.node_id, node.text, node.metadata, node.ref_doc_id) == ("a\x1b", "t", record.metadata, "d")
