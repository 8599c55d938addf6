"""Between LangChain's documents and vecs' records. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import zip_longest
from typing import Any, NamedTuple, cast
from uuid import uuid4

from langchain_core.documents import Document

from langchain_vecs.metadata import (
    CONTEXT_KEY,
    HIGHLIGHTS_KEY,
    OnNul,
    restored_metadata,
    storable,
    stored_metadata,
)
from langchain_vecs.namespaces import NAMESPACE_KEY, check_namespace_of, qualified, unqualified
from vecs import Match, Record
from vecs.exc import ArgError
from vecs.records import record_id
from vecs.sharing import brief

_MISSING: Any = object()


class Item(NamedTuple):
    """What is to be stored."""

    id: str
    text: str
    metadata: Mapping[Any, Any]
    vec: Any = None


def items_of_texts(
    texts: Iterable[str],
    metadatas: Iterable[Mapping[Any, Any]] | None,
    ids: Iterable[Any] | None,
    embeddings: Iterable[Any] | None = None,
) -> Iterator[Item]:
    """Pair texts with what belongs to them; raises ArgError where there is not one of each for every text."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise ArgError(f"texts must be a list of strings, not {type(texts).__name__}: {brief(texts)}")
    _check_ids(ids)
    if isinstance(metadatas, str | bytes | Mapping) or not isinstance(metadatas, Iterable | None):
        raise ArgError(f"metadatas must be a list with one dict per text, not {brief(cast(Any, metadatas))}")
    columns = {"texts": texts, "metadatas": metadatas, "ids": ids, "embeddings": embeddings}
    given = {name: column for name, column in columns.items() if column is not None}
    sizes = {name: len(column) for name, column in given.items() if isinstance(column, Sized)}
    if len(set(sizes.values())) > 1:
        raise ArgError(_uneven(", ".join(f"{size} {name}" for name, size in sizes.items())))
    return _paired(given)


def _paired(given: Mapping[str, Iterable[Any]]) -> Iterator[Item]:
    for number, row in enumerate(zip_longest(*given.values(), fillvalue=_MISSING)):
        parts = dict(zip(given, row, strict=True))
        short = [name for name, part in parts.items() if part is _MISSING]
        if short:
            raise ArgError(_uneven(f"{number} {' and '.join(short)}, and more of the others"))
        metadata = parts.get("metadatas")
        if parts.get("embeddings", _MISSING) is None:
            raise ArgError(f"embedding {number} is None; give every text its vector, or let add_texts() make them")
        yield Item(
            _id_or_new(parts.get("ids"), number),
            _checked_text(parts["texts"], number),
            {} if metadata is None else metadata,
            parts.get("embeddings"),
        )


def items_of_documents(documents: Iterable[Document], ids: Iterable[Any] | None) -> Iterator[Item]:
    """Turn documents into items; an id that is given beside a document wins over its own."""
    if isinstance(documents, Document | str) or not isinstance(documents, Iterable):
        raise ArgError(f"documents must be a list of Documents, not {type(documents).__name__}")
    _check_ids(ids)
    if ids is None:
        return (_item_of(document, number) for number, document in enumerate(documents))
    if isinstance(documents, Sized) and isinstance(ids, Sized) and len(documents) != len(ids):
        raise ArgError(_uneven(f"{len(documents)} documents, {len(ids)} ids"))
    return _documents_with(documents, ids)


def _documents_with(documents: Iterable[Document], ids: Iterable[Any]) -> Iterator[Item]:
    for number, (document, id) in enumerate(zip_longest(documents, ids, fillvalue=_MISSING)):
        if document is _MISSING or id is _MISSING:
            raise ArgError(_uneven(f"{number} {'documents' if document is _MISSING else 'ids'}, and more of the other"))
        yield _item_of(document, number, id)


def _item_of(document: Any, number: int, id: Any = None) -> Item:
    if not isinstance(document, Document):
        raise ArgError(f"document {number} is {type(document).__name__}, not a langchain_core Document")
    return Item(_id_or_new(document.id if id is None else id, number), document.page_content, document.metadata)


def _check_ids(ids: Any, what: str = "ids") -> None:
    if ids is not None and (isinstance(ids, str | bytes) or not isinstance(ids, Iterable)):
        raise ArgError(f"{what} must be a list of strings, not {brief(ids)}")


def checked_ids(ids: Any, what: str = "ids") -> list[str]:
    """Return ids as they are stored; raises ArgError for what is none, None too."""
    _check_ids(ids, what)
    return [record_id(id) for id in ids]


def _id_or_new(id: Any, number: int) -> str:
    return str(uuid4()) if id is None else record_id(id, f"the id of document {number}")


def _checked_text(text: Any, number: int) -> str:
    if not isinstance(text, str):
        raise ArgError(f"text {number} is {type(text).__name__}, not str: {brief(text)}")
    return text


def _uneven(counts: str) -> str:
    return f"texts, metadatas, ids and embeddings belong together one by one, but there are {counts}"


def to_record(item: Item, vec: Any, namespace: str | None, on_nul: OnNul) -> Record:
    """Turn an item and its vector into a record."""
    metadata, types = stored_metadata(item.metadata, item.id, on_nul)
    if namespace is not None:
        if NAMESPACE_KEY in metadata:
            who = f"document {brief(item.id)}"
            raise ArgError(f"{who} has the metadata key {NAMESPACE_KEY!r}, which holds the namespace")
        metadata = {**metadata, NAMESPACE_KEY: namespace}
    else:
        check_namespace_of(item.id, metadata.get(NAMESPACE_KEY))
    return Record(
        qualified(item.id, namespace),
        vec=vec,
        text=storable(item.text, on_nul),
        metadata=metadata,
        extra=types or None,
    )


def to_document(found: Match | Record, namespace: str | None) -> Document:
    """Turn what was found into a document, with the metadata it was given."""
    metadata = dict(found.metadata or {})
    if namespace is not None:
        metadata.pop(NAMESPACE_KEY, None)
    metadata = restored_metadata(metadata, found.extra)
    if isinstance(found, Match) and found.context is not None:
        metadata[CONTEXT_KEY] = found.context.text
    if isinstance(found, Match) and found.highlights is not None:
        metadata[HIGHLIGHTS_KEY] = [list(pair) for pair in found.highlights]
    return Document(id=unqualified(str(found.id), namespace), page_content=found.text or "", metadata=metadata)
