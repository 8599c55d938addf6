"""
Which ids of a query restrict it: those of image nodes and index nodes alone may not.

A retriever of an index passes the ids in its index_struct with every query. Where the store keeps the text these are
the image nodes and index nodes that went through this index, or none, and the retriever means every node. What is
stored says which nodes are of that kind: the index may have been loaded, and others may have added nodes since.
"""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.vector_stores.vecs.nodes import NODE, OBJECT
from vecs.sql import Fragment, Identifier, qualified


def count_of_ids(schema: str, name: str, ids: Sequence[str]) -> Fragment:
    """Return the statement that counts the nodes with these ids, and those of them that are of that kind."""
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
    """Return the statement that says whether there are nodes of that kind with other ids."""
    return qualified(
        """
        select exists (select from {table} where {is_object} and id <> all({ids}::pg_catalog.text[]))
        """,
        is_object=_is_object(),
        table=Identifier(schema, name),
        ids=list(ids),
    )


def _is_object() -> Fragment:
    # By the class, too: an earlier beta did not mark them.
    return qualified(
        """
        ((extra -> {node} ->> {mark}) is not null
            or (extra -> {node} ->> 'class_name') = 'ImageNode' or (extra -> {node} ->> 'class_name') = 'IndexNode')
        """,
        node=NODE,
        mark=OBJECT,
    )
