"""
Tell whether the node_ids of a query restrict it: those that an index sends do not.

With every query, a retriever of an index sends the ids in its index_struct. If the store keeps the text, these are the
image nodes and index nodes that were ever added through this index, and the retriever means all nodes. LlamaIndex never
removes an id from this list. So its nodes may be deleted by now, or replaced by text nodes.

A list that an index did not send names text nodes. The table tells which nodes are image or index nodes, because the
index may be loaded from a file, and others may have added nodes since.
"""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.vector_stores.vecs.nodes import NODE, OBJECT
from vecs.sql import Fragment, Identifier, qualified


def count_of_ids(schema: str, name: str, ids: Sequence[str]) -> Fragment:
    """Return the statement that counts the nodes with these ids, and how many of them are of this kind."""
    return qualified(
        """
        select pg_catalog.count(*), pg_catalog.count(*) filter (where {is_object})
        from {table}
        where id = any({ids}::pg_catalog.text[])
        """,
        is_object=_is_object(),
        table=Identifier(schema, name),
        ids=list(ids),
    )


def find_others(schema: str, name: str, ids: Sequence[str]) -> Fragment:
    """Return the statement that tells whether there are nodes of this kind with other ids."""
    return qualified(
        """
        select exists (select from {table} where {is_object} and id <> all({ids}::pg_catalog.text[]))
        """,
        is_object=_is_object(),
        table=Identifier(schema, name),
        ids=list(ids),
    )


def _is_object() -> Fragment:
    # Also check the class, because an earlier beta did not mark these nodes.
    return qualified(
        """
        ((extra -> {node} ->> {mark}) is not null
            or (extra -> {node} ->> 'class_name') = 'ImageNode' or (extra -> {node} ->> 'class_name') = 'IndexNode')
        """,
        node=NODE,
        mark=OBJECT,
    )
