"""What llama-index-vector-stores-postgres stored, as nodes. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores import utils

from vecs.exc import ArgError
from vecs.sql import Fragment, Identifier, qualified

# What its nodes' metadata has besides: the node as JSON, and the source document under three names.
_OWN_KEYS = ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")


@dataclass(frozen=True)
class Source:
    """A PGVectorStore's table, and where it is; `target` is None where the copy is to be."""

    schema: str
    table: str
    # With its password.
    target: str | None = field(repr=False)
    language: str | None = None


def source_of(given: Any, schema: str | None) -> Source:
    """Return what a PGVectorStore, or the name it was given for its table, stands for."""
    if isinstance(given, str):
        return Source((schema or "public").lower(), f"data_{given.lower()}", None)
    try:
        table, target = f"data_{given.table_name}", _target_of(given)
    except AttributeError:
        raise ArgError(
            f"a PGVectorStore or the table_name it was made with is needed, not {type(given).__name__}"
        ) from None
    language = given.text_search_config if given.hybrid_search else None
    return Source(schema or given.schema_name, table, target, language)


def _target_of(store: Any) -> str:
    # One that was given engines has no connection string.
    engine = store.client
    if engine is not None:
        return cast("str", engine.url.render_as_string(hide_password=False))
    return cast("str", store.connection_string)


def find_table(source: Source) -> Fragment:
    """Return the statement that reads the columns of the table: name, type, and of vectors the dimension."""
    return qualified(
        """
        select a.attname, pg_catalog.format_type(a.atttypid, null), a.atttypmod
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_class c on c.oid = a.attrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = {schema}::pg_catalog.name and c.relname = {table}::pg_catalog.name
            and a.attnum > 0 and not a.attisdropped
        """,
        schema=source.schema,
        table=source.table,
    )


def select_rows(source: Source) -> Fragment:
    """Return the statement that reads all rows, the oldest first: a node that was added twice ends as the last."""
    return qualified(
        """
        select node_id, text, metadata_::pg_catalog.jsonb, embedding::real[]
        from {table}
        where embedding is not null
        order by id
        """,
        table=Identifier(source.schema, source.table),
    )


def read_node(row: tuple[Any, ...]) -> BaseNode:
    """Return a row as the node that was added."""
    node_id, text, metadata, embedding = row
    stored: Mapping[str, Any] = metadata or {}
    if stored.get("_node_content") is None:
        plain = {key: value for key, value in stored.items() if key not in _OWN_KEYS}
        node: BaseNode = TextNode(id_=node_id, text=text or "", metadata=plain)
    else:
        node = cast("Any", utils).metadata_dict_to_node(dict(stored), text=text)
        node.node_id = node_id or node.node_id
    node.embedding = embedding
    return node
