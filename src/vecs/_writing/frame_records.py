"""The rows of a data frame as records: columns by name, every other column a key of the metadata."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any, NamedTuple, cast

from vecs._checks.shown import brief
from vecs._writing.frames import (
    Batch,
    batches_of,
    check_installed,
    family_of,
    shown_columns,
    size_of_frame,
    unwrapped,
    without_missing,
)
from vecs.exc import ArgError
from vecs.records import Record, UnnamedMetadata

# A column of such a name is this part of a record; the others are named by columns= alone.
_PARTS = ("id", "vec", "text", "metadata", "document_id")
_NAMED_PARTS = (*_PARTS, "extra", "media")
# Beyond, floats do not tell whole numbers apart.
_MOST_EXACT = 2**53


class FrameRecords:
    """The records of a data frame, made while they are taken."""

    # Whether a record needs a vector or a text; a row of an attached table may keep those that it has.
    needs_content = True

    def __init__(self, frame: Any, columns: Mapping[str, str | None]) -> None:
        self._frame, self._columns = frame, columns

    def __iter__(self) -> Iterator[Record]:
        layout: _Layout | None = None
        position = 0
        family = family_of(self._frame)
        assert family is not None
        for batch in batches_of(self._frame, family):
            if layout is None:
                layout = _layout_of(batch.names, self._columns, self.needs_content)
            yield from _records(batch, layout, position)
            position += batch.rows


class SizedFrameRecords(FrameRecords):
    """Those of a data frame that tells how many rows it has, and may be read twice."""

    def __init__(self, frame: Any, columns: Mapping[str, str | None], size: int) -> None:
        super().__init__(frame, columns)
        self._size = size

    def __len__(self) -> int:
        return self._size


def frame_records(given: Any, columns: Any) -> FrameRecords:
    """
    Return the records of a data frame; nothing is read before the first one is taken.

    Raises ArgError for what is no data frame and for `columns` that are wrong, and MissingDependency.
    """
    frame = unwrapped(given)
    family = family_of(frame)
    if family is None:
        raise ArgError(f"columns= names the columns of a data frame, and the records are {type(given).__name__}")
    checked = _checked_columns(columns)
    check_installed(family)
    size = size_of_frame(frame, family)
    if size is None:
        return FrameRecords(frame, checked)
    return SizedFrameRecords(frame, checked, size)


def _checked_columns(columns: Any) -> dict[str, str | None]:
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise ArgError(f"columns must be a dict such as {{'id': 'key', 'text': 'body'}}, not {brief(columns)}")
    given = cast("Mapping[Any, Any]", columns)
    for part, column in given.items():
        if part not in _NAMED_PARTS:
            raise ArgError(f"columns= has {brief(part)}, which is no part of a record: {', '.join(_NAMED_PARTS)}")
        if column is not None and not isinstance(column, str):
            raise ArgError(f"columns= names the column for {part!r} by a string, not {brief(column)}")
    return dict(given)


class _Layout(NamedTuple):
    """Where the parts of a record stand in a row, and where the keys of its metadata."""

    parts: dict[str, int]
    keys: list[str]
    places: list[int]


def _layout_of(names: list[Any], columns: Mapping[str, str | None], needs_content: bool) -> _Layout:
    for name in names:
        if not isinstance(name, str):
            shown = f"{brief(name)}, which is {type(name).__name__}"
            raise ArgError(f"the data frame has the column {shown}; name its columns by strings")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ArgError(f"the data frame has several columns named {brief(twice[0])}; give each a name of its own")
    places = {name: place for place, name in enumerate(names)}
    parts = {part: places[part] for part in _PARTS if part in places and part not in columns}
    for part, column in columns.items():
        if column is None:
            continue
        if column not in places:
            raise ArgError(f"the data frame has no column {brief(column)} for {part!r}; it has {shown_columns(names)}")
        parts[part] = places[column]
    if needs_content and parts.keys().isdisjoint({"vec", "text", "media"}):
        raise ArgError(
            f"the data frame has no column 'vec' or 'text'; it has {shown_columns(names)}. Name one: "
            "columns={'text': ...}"
        )
    taken = set(parts.values())
    keys = [name for name in names if places[name] not in taken]
    return _Layout(parts, keys, [places[name] for name in keys])


def _records(batch: Batch, layout: _Layout, first: int) -> Iterator[Record]:
    def column(part: str) -> Iterable[Any]:
        place = layout.parts.get(part)
        if place is None:
            return repeat(None, batch.rows)
        if part == "vec":
            # What is missing inside a vector is left to its check.
            return map(_null_if_nan, batch.vectors(place))
        values = batch.values(place)
        return map(_null_if_nan, values) if part == "media" else without_missing(values)

    ids, documents = map(_whole, column("id")), map(_whole, column("document_id"))
    others = zip(column("metadata"), column("extra"), column("media"), strict=True)
    rows = zip(ids, column("vec"), column("text"), documents, _keyed(batch, layout), others, strict=True)
    for place, (id, vec, text, document_id, metadata, (given, extra, media)) in enumerate(rows, first):
        if given is not None:
            metadata = _merged(_mapping(given, f"row {place}: metadata"), metadata, place)
        yield Record(
            id,
            vec,
            text,
            metadata,
            document_id,
            None if extra is None else _mapping(extra, f"row {place}: extra"),
            media,
        )


def _keyed(batch: Batch, layout: _Layout) -> Iterator[dict[str, Any]]:
    """Return the metadata that the other columns make, row by row."""
    if not layout.keys:
        # Nothing is said of the metadata: a row of an attached table keeps its own.
        return (UnnamedMetadata() for _ in range(batch.rows))
    columns = [without_missing(batch.values(place)) for place in layout.places]
    return (dict(zip(layout.keys, row, strict=True)) for row in zip(*columns, strict=True))


def _null_if_nan(value: Any) -> Any:
    return None if value.__class__ is float and value != value else value


def _whole(value: Any) -> Any:
    """Return an id: pandas makes floats of whole numbers if one of them is missing."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _MOST_EXACT
    return int(value) if whole else value


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping, of its JSON text, too."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ArgError(f"{what} is no JSON: {brief(value)}") from error
    if not isinstance(value, Mapping):
        raise ArgError(f"{what} is {brief(value)}, neither a mapping nor JSON of an object")
    return cast("Mapping[str, Any]", value)


def _merged(metadata: Mapping[str, Any], keyed: dict[str, Any], place: int) -> dict[str, Any]:
    both = metadata.keys() & keyed.keys()
    if both:
        key = brief(min(both))
        raise ArgError(f"row {place}: {key} is a key of its metadata and a column of the data frame; leave one out")
    return {**metadata, **keyed}
