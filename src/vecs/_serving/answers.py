"""What the page asks, and what it is answered: JSON, or numbers as bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from vecs._checks.json import encode_json
from vecs._checks.shown import brief
from vecs._reports.matches import Matches
from vecs._serving.model import Model
from vecs.exc import ArgError
from vecs.records import Match, Record
from vecs.snippets import pieces, snippet_of
from vecs.sparse import SparseVector

Asked: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = "dict[str, Any] | bytes | Iterator[bytes]"

_MOST_MATCHES = 500
_SNIPPET = 240
_LABEL = 160
_AT_ONCE = 500


def state(model: Model, _: Asked) -> Answer:
    """How far the map is."""
    now = model.state
    return {"phase": now.phase, "share": now.share, "version": now.version, "error": now.error}


def info(model: Model, _: Asked) -> Answer:
    """What is shown, and what can be asked; after the records are read."""
    gathered = model.shown.gathered
    meaning, words, _columns = model.facts
    modes = [mode for mode, can in (("vector", meaning), ("keyword", words), ("hybrid", meaning and words)) if can]
    return {
        "name": model.name,
        "shown": len(gathered.ids),
        "total": gathered.total,
        "without_vector": gathered.without_vector,
        "sampled": gathered.sampled,
        "modes": modes,
        "fields": [{"key": column.key, "kind": column.kind} for column in gathered.columns],
        "color": model.wanted.color,
        "filters": model.collection._map_filters,
    }


def points(model: Model, _: Asked) -> Answer:
    """The version of the points, then x and y of each, as little-endian uint32 and float32."""
    shown = model.shown
    return np.uint32(shown.version).astype("<u4").tobytes() + shown.points.astype("<f4").tobytes()


def legend(model: Model, asked: Asked) -> Answer:
    """What the colours by a key mean."""
    return model.colouring(_text(asked, "field")).legend()


def classes(model: Model, asked: Asked) -> Answer:
    """The number of each point's colour, a byte each."""
    return model.colouring(_text(asked, "field")).classes.tobytes()


def numbers(model: Model, asked: Asked) -> Answer:
    """The number or the date at a key of each point, as little-endian float64; NaN for none."""
    found = model.colouring(_text(asked, "field")).numbers
    if found is None:
        raise ArgError("its values are no numbers")
    return found.astype("<f8").tobytes()


def search(model: Model, asked: Asked) -> Answer:
    """The matches of a text or a vector, best first."""
    query, mode = _text(asked, "query"), _text(asked, "mode") or "vector"
    words = model.facts[1]
    given: Any = _vector(query) if query.lstrip().startswith("[") else query
    highlight = words and isinstance(given, str)
    found = model.search(query=given, mode=mode, limit=_limit(asked), filters=_filters(asked), highlight=highlight)
    return {"matches": [_match(model, match) for match in cast("Matches", found)]}


def neighbours(model: Model, asked: Asked) -> Answer:
    """The records that are nearest to one of them, by their vectors as they are stored."""
    found = model.search(like=[_text(asked, "id")], limit=_limit(asked), filters=_filters(asked))
    return {"matches": [_match(model, match) for match in found]}


def record(model: Model, asked: Asked) -> Answer:
    """A whole record, by the number of its point or by its id."""
    id = model.shown.gathered.ids[_number(model, asked)] if "number" in asked else _text(asked, "id")
    found = model.record(id)
    if found is None:
        raise ArgError(f"record {brief(id)} is not there any more")
    return {
        "id": str(found.id),
        "number": model.shown.places.get(str(found.id)),
        "text": found.text,
        "label": _label(found),
        "metadata": found.metadata,
        "document_id": found.document_id,
        "extra": found.extra,
        "columns": found.columns or None,
    }


def matching(model: Model, asked: Asked) -> Answer:
    """The numbers of the points whose records match a filter, as little-endian uint32."""
    return model.matching(_filters(asked) or {}).astype("<u4").tobytes()


def select(model: Model, asked: Asked) -> Answer:
    """Remember the selected points, for `Atlas.selection`, and return their ids."""
    model.select(_numbers(asked))
    return {"ids": model.selection()}


def export(model: Model, asked: Asked) -> Answer:
    """The records of some points, a line of JSON each, read part by part."""
    ids = model.shown.gathered.ids
    wanted = [ids[number] for number in _numbers(asked) if number < len(ids)]
    return _lines(model, wanted)


ANSWERS: dict[str, Callable[[Model, Asked], Answer]] = {
    "state": state,
    "info": info,
    "points": points,
    "legend": legend,
    "classes": classes,
    "numbers": numbers,
    "search": search,
    "neighbours": neighbours,
    "record": record,
    "matching": matching,
    "select": select,
    "export": export,
}


def _lines(model: Model, ids: Sequence[str]) -> Iterator[bytes]:
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        for found in model.records(part):
            parts = {
                "id": found.id,
                "text": found.text,
                "metadata": found.metadata,
                "document_id": found.document_id,
                "vec": _listed(found.vec),
            }
            yield f"{encode_json({name: part for name, part in parts.items() if part is not None})}\n".encode()


def _listed(vec: Any) -> Any:
    if isinstance(vec, SparseVector):
        return {"dimension": vec.dimension, "indices": vec.indices.tolist(), "values": vec.values.tolist()}
    return None if vec is None else vec.tolist()


def _match(model: Model, match: Match) -> dict[str, Any]:
    snippet = snippet_of(match.text or "", match.highlights or (), _SNIPPET, "…")
    return {
        "id": match.id,
        "number": model.shown.places.get(match.id),
        "score": None if math.isnan(match.score) else match.score,
        # The page makes no HTML of them.
        "pieces": pieces(snippet.text, snippet.highlights) or [(_label(match), False)],
    }


def _label(found: Record | Match) -> str:
    """Return what a record is called where there is little room: the beginning of its text, or of its metadata."""
    text = " ".join((found.text or "").split())
    if not text:
        text = ", ".join(f"{key}: {value}" for key, value in (found.metadata or {}).items())
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def _text(asked: Asked, name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise ArgError(f"{name} must be a text")
    return value


def _limit(asked: Asked) -> int:
    value = asked.get("limit", 50)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_MATCHES:
        raise ArgError(f"limit must be a number from 1 to {_MOST_MATCHES}")
    return value


def _filters(asked: Asked) -> dict[str, Any] | None:
    value = asked.get("filters")
    if value is not None and not isinstance(value, dict):
        raise ArgError('a filter is a JSON object, such as {"year": {"$gte": 1990}}')
    return cast("dict[str, Any] | None", value)


def _number(model: Model, asked: Asked) -> int:
    value = asked["number"]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(model.shown.gathered.ids):
        raise ArgError(f"there is no point {brief(value)}")
    return value


def _numbers(asked: Asked) -> list[int]:
    value = asked.get("numbers")
    if not isinstance(value, list):
        raise ArgError("numbers must be a list of whole numbers")
    given = cast("list[Any]", value)
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in given):
        raise ArgError("numbers must be a list of whole numbers")
    return given


def _vector(query: str) -> Any:
    """Return a query as a vector, if it is written as a JSON list of numbers."""
    try:
        return [float(part) for part in json.loads(query)]
    except (ValueError, TypeError):
        return query
