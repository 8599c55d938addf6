"""What callers give, checked: alternatives, ids, filters, thresholds."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from vecs._sql.search import Selection
from vecs.exc import ArgError
from vecs.filters import Filter, parse_filters
from vecs.records import record_id


def parsed_filters(filters: Any) -> Filter | None:
    # By length: a mapping of somebody's may call itself false and hold a condition.
    if filters is None or (isinstance(filters, Mapping) and len(cast("Mapping[Any, Any]", filters)) == 0):
        return None
    return parse_filters(cast("Any", filters))


def id_list(ids: Iterable[Any], *, tuples: bool = False, what: str = "ids") -> list[str]:
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise ArgError(f"{what} must be a list of strings, not {ids!r}")
    return [record_id(_only(id) if tuples else id) for id in ids]


def _only(id: Any) -> Any:
    # One-tuples, as rows of a query have them: vecs 0.4 took those.
    if not isinstance(id, tuple):
        return id
    row = cast("tuple[Any, ...]", id)
    return row[0] if len(row) == 1 else row


def selects_nothing(selection: Selection) -> bool:
    return selection.ids == [] or selection.document_ids == []


def first_column(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [row[0] for row in rows]


def one_of(name: str, value: Any, other_name: str, other: Any) -> Any:
    if value is not None and other is not None:
        raise ArgError(f"{name} and {other_name} are two names of one argument; give one of them")
    if value is None and other is None:
        raise ArgError(f"{name} is missing")
    return other if value is None else value


def callers_level() -> int:
    """Return the stacklevel at which a warning points at the code that called vecs."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("vecs."):
        level, frame = level + 1, frame.f_back
    return level
