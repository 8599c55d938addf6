"""Namespaces: documents apart from those of all others, by a metadata key and a prefix of their ids."""

from __future__ import annotations

from typing import Any

from vecs.exc import ArgError
from vecs.records import record_id
from vecs.sharing import brief

# The metadata key that holds a record's namespace, and what stands between namespace and id.
NAMESPACE_KEY = "_namespace"
SEPARATOR = "\x1f"


def qualified(id: Any, namespace: str | None) -> str:
    """Return the id a record is stored under; raises ArgError for what is no id."""
    stored = record_id(id)
    if namespace is None and SEPARATOR in stored:
        owner, _, own = stored.partition(SEPARATOR)
        raise ArgError(
            f"the id {brief(stored)} has the character U+001F: it is {brief(own)} in the namespace {brief(owner)}; "
            "give namespace= to reach it"
        )
    return stored if namespace is None else f"{namespace}{SEPARATOR}{stored}"


def unqualified(id: str, namespace: str | None) -> str:
    """Return the id that a record was given by its caller."""
    return id if namespace is None else id.removeprefix(namespace + SEPARATOR)


def checked_namespace(namespace: Any) -> str | None:
    """Return a namespace, which must not hold the character that separates it from an id."""
    if namespace is None:
        return None
    if not isinstance(namespace, str) or not namespace or SEPARATOR in namespace:
        raise ArgError(f"a namespace is a string that is not empty and has no character U+001F, not {brief(namespace)}")
    return namespace


def check_namespace_of(id: str, namespace: Any) -> None:
    """Refuse a document that searches of a namespace would find, though its id is not one of the namespace."""
    if isinstance(namespace, str) and not id.startswith(namespace + SEPARATOR):
        raise ArgError(
            f"document {brief(id)} has the metadata key {NAMESPACE_KEY!r}, but no id of the namespace "
            f"{brief(namespace)}; add it with namespace="
        )
