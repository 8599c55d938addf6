"""What may be searched for, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sql.tables import Table
from vecs.exc import ArgError
from vecs.records import is_vector


def checked_queries(queries: Any) -> Iterable[Any]:
    """Return what `search_many` is given if each of its items may be a query."""
    given: object = queries
    if isinstance(queries, str | bytes | Mapping) or not isinstance(queries, Iterable):
        raise ArgError(f"search_many takes an iterable of queries, not {brief(given)}; see search() for one")
    if hasattr(cast("Any", queries), "columns"):
        kind = type(cast("object", queries)).__name__
        raise ArgError(
            f"search_many takes an iterable of queries, not a {kind}, which iterates over the names of its columns; "
            "give one column: list(frame['vec'])"
        )
    return cast("Iterable[Any]", queries)


def _is_list_of_texts(value: Any) -> bool:
    items = cast("list[Any]", value) if isinstance(value, list | tuple) else []
    return bool(items) and all(isinstance(item, str) for item in items)


def check_single(query: Any) -> None:
    """Raise ArgError for a list of texts, which `search_many` is for."""
    if _is_list_of_texts(query):
        raise ArgError(f"the query is a list of texts, {brief(query)}; search() takes one, search_many() several")


def without_query(text: Any) -> str:
    """Return what to say where `search()` has no query; `text` is the argument of that name."""
    if isinstance(text, str):
        return (
            "search() needs the argument 'query': text= gives the words beside a vector. Write the text first, "
            f"search({brief(text)}, ...), or search for its words alone, with mode='keyword'"
        )
    return (
        "search() needs the argument 'query', and it is None; give a text or a vector, like=[id] for what is like a "
        "stored record, or look at records without a query: get(limit=10)"
    )


def check_query(query: Any, table: Table, transforms: bool, without_transform: str | None) -> None:
    """
    Raise ArgError for what is no query: without a transform, whatever is not a vector.

    `without_transform` is why there is none, where the collection was made with one.
    """
    if query is None:
        what = "a text or a vector" if transforms else "a vector"
        raise ArgError(f"the query is None; give {what}, or look at records without a query: get(limit=10)")
    check_single(query)
    axes = getattr(query, "ndim", None)
    if transforms or (axes != 0 and is_vector(query)) or axes in (2, 3, 4):
        # Of an array of more axes the check of vectors says what to do.
        return
    if axes == 0 or isinstance(query, int | float):
        raise ArgError(
            f"the query is one number, {brief(query)}; a vector is a list of {table.dimension or 'its'} numbers, and "
            "search_many() takes a list of vectors"
        )
    if without_transform is None:
        words = ', or search for its words with mode="keyword"' if isinstance(query, str) and table.language else ""
        without_transform = f"open the collection with transform=, or give a vector{words}"
    raise ArgError(
        f"the query is {type(query).__name__}, and collection {table.name!r} has no transform to turn it into a "
        f"vector; {without_transform}"
    )
