"""Between LangChain's values and vecs': documents and records, ids, filters. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from itertools import zip_longest
from typing import Any, NamedTuple, cast
from uuid import uuid4

from langchain_core.documents import Document
from langchain_core.structured_query import FilterDirective

from langchain_vecs.metadata import OnNul, restored_metadata, storable, stored_metadata
from langchain_vecs.translator import translated
from vecs import Match, Record
from vecs.exc import ArgError, FilterError
from vecs.filters import parse_filters
from vecs.records import record_id

# The metadata key that holds a record's namespace, and what stands between namespace and id.
NAMESPACE_KEY = "_namespace"
SEPARATOR = "\x1f"

_MISSING: Any = object()


class Item(NamedTuple):
    """What is to be stored."""

    id: str
    text: str
    metadata: Mapping[Any, Any]
    vec: Any = None


# --- documents and texts, as items -------------------------------------------------------------------------


def items_of_texts(
    texts: Iterable[str],
    metadatas: Iterable[Mapping[Any, Any]] | None,
    ids: Iterable[Any] | None,
    embeddings: Iterable[Any] | None = None,
) -> Iterator[Item]:
    """Pair texts with what belongs to them; raises ArgError where there is not one of each for every text."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise ArgError(f"texts must be a list of strings, not {type(texts).__name__}: {texts!r:.80}")
    _check_ids(ids)
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


def _check_ids(ids: Any) -> None:
    if ids is not None and (isinstance(ids, str | bytes) or not isinstance(ids, Iterable)):
        raise ArgError(f"ids must be a list of strings, not {ids!r:.80}")


def checked_ids(ids: Any) -> list[str]:
    """Return ids as they are stored; raises ArgError for what is none, None too."""
    _check_ids(ids)
    return [record_id(id) for id in ids]


def _id_or_new(id: Any, number: int) -> str:
    return str(uuid4()) if id is None else record_id(id, f"the id of document {number}")


def _checked_text(text: Any, number: int) -> str:
    if not isinstance(text, str):
        raise ArgError(f"text {number} is {type(text).__name__}, not str: {text!r:.80}")
    return text


def _uneven(counts: str) -> str:
    return f"texts, metadatas, ids and embeddings belong together one by one, but there are {counts}"


# --- items as records, records as documents ----------------------------------------------------------------


def to_record(item: Item, vec: Any, namespace: str | None, on_nul: OnNul) -> Record:
    """Turn an item and its vector into a record."""
    metadata, types = stored_metadata(item.metadata, item.id, on_nul)
    if namespace is not None:
        if NAMESPACE_KEY in metadata:
            raise ArgError(f"document {item.id!r} has the metadata key {NAMESPACE_KEY!r}, which holds the namespace")
        metadata = {**metadata, NAMESPACE_KEY: namespace}
    else:
        _check_namespace_of(item.id, metadata.get(NAMESPACE_KEY))
    return Record(
        qualified(item.id, namespace),
        vec=vec,
        text=storable(item.text, on_nul),
        metadata=metadata,
        extra=types or None,
    )


def _check_namespace_of(id: str, namespace: Any) -> None:
    """Refuse what would be half in a namespace: seen by its searches, and not under an id of its."""
    if isinstance(namespace, str) and not id.startswith(namespace + SEPARATOR):
        raise ArgError(
            f"document {id!r} has the metadata key {NAMESPACE_KEY!r}, but no id of the namespace {namespace!r}; add it "
            "with namespace="
        )


def to_document(found: Match | Record, namespace: str | None) -> Document:
    """Turn what was found into a document, with the metadata it was given."""
    metadata = dict(found.metadata or {})
    if namespace is not None:
        metadata.pop(NAMESPACE_KEY, None)
    metadata = restored_metadata(metadata, found.extra)
    return Document(id=unqualified(str(found.id), namespace), page_content=found.text or "", metadata=metadata)


def qualified(id: Any, namespace: str | None) -> str:
    """Return the id a record is stored under; raises ArgError for what is no id."""
    stored = record_id(id)
    return stored if namespace is None else f"{namespace}{SEPARATOR}{stored}"


def unqualified(id: str, namespace: str | None) -> str:
    """Return the id a record was given."""
    return id if namespace is None else id.removeprefix(namespace + SEPARATOR)


def checked_namespace(namespace: Any) -> str | None:
    """Return a namespace that can be told from the id behind it."""
    if namespace is None:
        return None
    if not isinstance(namespace, str) or not namespace or SEPARATOR in namespace:
        raise ArgError(f"a namespace is a string that is not empty and has no character U+001F, not {namespace!r}")
    return namespace


# --- filters -----------------------------------------------------------------------------------------------


def to_filters(
    given: Any, namespace: str | None = None, *conditions: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """
    Return a filter in vecs' language, for the records of a namespace; None where it excludes nothing.

    Understood are vecs' own language, which holds langchain-postgres', Chroma's `$not_contains`, and the
    comparisons and operations of `langchain_core.structured_query`.
    """
    if isinstance(given, FilterDirective):
        given = translated(given)
    if given is not None and not isinstance(given, Mapping):
        raise FilterError(f"a filter is a dict or a structured query's, not {type(given).__name__}: {given!r:.80}")
    parts: list[Any] = [] if namespace is None else [{NAMESPACE_KEY: namespace}]
    # By length: a mapping of somebody's may call itself false and hold a condition.
    if given is not None and len(cast("Mapping[Any, Any]", given)) > 0:
        parts.append(_checked(given))
    parts += [part for part in conditions if part]
    return None if not parts else parts[0] if len(parts) == 1 else {"$and": parts}


def _checked(given: Any) -> dict[str, Any]:
    """Return a filter in vecs' language, or raise FilterError: also where there is no collection to ask yet."""
    try:
        respelled = _respelled(given)
        parse_filters(respelled)
    except RecursionError:
        raise FilterError("the filter is nested too deeply, or contains itself") from None
    return respelled


def _respelled(filters: Any) -> Any:
    """Write Chroma's `$not_contains` as the negation it is."""
    if isinstance(filters, list | tuple):
        return [_respelled(part) for part in cast("Sequence[Any]", filters)]
    if not isinstance(filters, Mapping):
        return filters
    parts: list[Any] = []
    rest: dict[Any, Any] = {}
    for key, value in cast("Mapping[Any, Any]", filters).items():
        if isinstance(value, Mapping) and "$not_contains" in value and not str(key).startswith("$"):
            conditions = dict(cast("Mapping[Any, Any]", value))
            parts.append({"$not": {key: {"$contains": conditions.pop("$not_contains")}}})
            if not conditions:
                continue
            value = conditions
        rest[key] = _respelled(value) if key in ("$and", "$or", "$not") else value
    if not parts:
        return rest
    return {"$and": [*parts, rest]} if rest else {"$and": parts}


def text_filters(given: Any) -> dict[str, Any] | None:
    """Return Chroma's `where_document` as a filter on the text."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise FilterError(f"where_document is a dict such as {{'$contains': 'word'}}, not {given!r:.80}")
    parts: list[Any] = []
    for operator, operand in cast("Mapping[Any, Any]", given).items():
        if operator == "$contains":
            parts.append({"$text": {"$contains": operand}})
        elif operator == "$not_contains":
            parts.append({"$not": {"$text": {"$contains": operand}}})
        elif operator in ("$and", "$or") and isinstance(operand, list):
            parts.append({operator: [text_filters(part) or {} for part in cast("list[Any]", operand)]})
        else:
            raise FilterError(
                f"unknown operator {operator!r} in where_document; expected $contains, $not_contains, $and or $or"
            )
    return None if not parts else _checked(parts[0] if len(parts) == 1 else {"$and": parts})


def id_filters(ids: Sequence[str], *, chunks: bool) -> dict[str, Any]:
    """Return the condition that a record has one of these ids, or (`chunks`) is a part of the document that has."""
    of_record = {"$id": {"$in": list(ids)}}
    return {"$or": [of_record, {"$document_id": {"$in": list(ids)}}]} if chunks else of_record
