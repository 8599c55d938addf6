"""Rows that LlamaIndex' SupabaseVectorStore wrote: nodes in collections of vecs 0.4."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sync.collection.collection import Collection
from vecs.exc import ArgError
from vecs.importing.incoming import Incoming
from vecs.importing.loading import batch_size as checked_size
from vecs.records import Record

# What a row's metadata has beside that of the node.
_OWN_KEYS = ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")
# Parts of a node that have columns of their own.
_COLUMNS = ("id_", "embedding", "metadata", "text")


@contextmanager
def supabase(collection: Collection, *, batch_size: int = 1000) -> Generator[list[Incoming]]:
    """
    Read the nodes that LlamaIndex' SupabaseVectorStore stored in a collection; it is left as it is.

    Their text, metadata and document become those of records, so that keyword search and filters find them, and
    `VecsVectorStore` reads the nodes that they were. Load them under another name, or with another client.
    """
    size = checked_size(batch_size)
    if not isinstance(collection, Collection):
        raise ArgError(
            f"supabase() needs a collection, as client.get_collection(name) returns; not {brief(collection)}"
        )

    def batches() -> Iterator[list[Record]]:
        records = iter(collection.scan(include_vector=True, page_size=size))
        while found := [node_record(record) for record in islice(records, size)]:
            yield found

    count = collection.count()
    yield [Incoming(collection.name, count, collection.dimension if count else None, True, None, batches)]


def node_record(record: Record) -> Record:
    """Return a row of SupabaseVectorStore as `VecsVectorStore` writes it; rows of others keep all they have."""
    stored = dict(record.metadata or {})
    node = _node_of(stored.get("_node_content"))
    metadata = {key: value for key, value in stored.items() if key not in _OWN_KEYS}
    if node is None:
        text = metadata.get("text")
        return Record(record.id, record.vec, text if isinstance(text, str) else None, stored)
    document = stored.get("ref_doc_id") or stored.get("document_id")
    fields = {key: value for key, value in node.items() if key not in _COLUMNS}
    fields.setdefault("class_name", stored.get("_node_type") or "TextNode")
    text = node.get("text")
    resource = fields.get("text_resource")
    if isinstance(resource, Mapping):
        named = cast("Mapping[str, Any]", resource)
        text = named.get("text", text)
        fields["text_resource"] = {key: value for key, value in named.items() if key != "text"}
    return Record(
        record.id,
        record.vec,
        text,
        metadata,
        # LlamaIndex writes the word where there is no document.
        document_id=None if document in (None, "None") else str(document),
        extra={"llama_index": fields},
    )


def _node_of(content: Any) -> dict[str, Any] | None:
    if not isinstance(content, str):
        return None
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
