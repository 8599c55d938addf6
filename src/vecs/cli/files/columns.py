"""Columns of a table as the parts of a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from vecs.cli.files.problems import BadFile
from vecs.cli.files.tables import Row
from vecs.cli.files.typed import TYPES, typed_as
from vecs.records import Record
from vecs.sparse import SparseVector

PARTS = ("id", "text", "vec", "metadata", "document_id")


@dataclass(frozen=True)
class Columns:
    """Which column is which part of a record, and how values without types are read; the rest is metadata."""

    by_part: Mapping[str, str] = field(default_factory=dict[str, str])
    types: Mapping[str, str] = field(default_factory=dict[str, str])
    default_type: str = "auto"

    def record(self, row: Row, id: str, *, untyped: bool) -> Record:
        """Return a row as a record, which has this id if no column says one; raises BadFile saying what is wrong."""
        columns = {part: self.by_part.get(part, part) for part in PARTS}
        for part in self.by_part:
            if columns[part] not in row.values:
                raise BadFile(f"there is no column {columns[part]!r}; it has {_listed(row.values)}")
        parts = {part: row.values.get(column) for part, column in columns.items()}
        metadata = {**_metadata(parts["metadata"]), **self._others(row.values, columns.values(), untyped)}
        text, vec = parts["text"], _vector(parts["vec"])
        if text is None and vec is None:
            raise BadFile(
                f"there is no text: the columns are {_listed(row.values)}; say which it is, as in --columns text=body"
            )
        if not isinstance(text, str | None):
            text = json.dumps(text, ensure_ascii=False)
        if vec is None and not (text or "").strip():
            raise BadFile("its text is empty")
        given = parts["id"]
        return Record(
            id if given is None or given == "" else str(given),
            vec,
            text or None,
            metadata,
            str(parts["document_id"]) if parts["document_id"] not in (None, "") else None,
        )

    def _others(self, values: Mapping[str, Any], taken: Iterable[str], untyped: bool) -> dict[str, Any]:
        known = set(taken)
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name in known or value is None or (untyped and value == ""):
                continue
            kind = self.types.get(name, self.default_type)
            if not isinstance(value, str) or (not untyped and name not in self.types):
                made[name] = value
                continue
            try:
                made[name] = typed_as(value, kind)
            except BadFile as error:
                raise BadFile(f"column {name!r}: {error}") from None
        return made


def parse_columns(given: str) -> dict[str, str]:
    """Read `text=body,id=key`; raises ValueError that says what is wrong."""
    made = _pairs(given, "text=body,id=key")
    for part in made:
        if part not in PARTS:
            raise ValueError(f"{part!r} is no part of a record; there are {', '.join(PARTS)}, as in text=body,id=key")
    return made


def parse_types(given: str) -> tuple[str, dict[str, str]]:
    """Read `text`, or `zip=text,year=number`: the type of all other columns, and those of some."""
    if given in TYPES:
        return given, {}
    made = _pairs(given, "zip=text,year=number, or text for all columns")
    for kind in made.values():
        if kind not in TYPES:
            raise ValueError(f"{kind!r} is no type; there are {', '.join(TYPES)}")
    return "auto", made


def _pairs(given: str, such: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for pair in given.split(","):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not name or not equals or not value:
            raise ValueError(f"{pair!r} should be like {such}")
        made[name] = value
    return made


def _metadata(value: Any) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadFile(f"its column for metadata is not JSON ({error})") from None
    if not isinstance(value, Mapping):
        raise BadFile('its column for metadata is not a JSON object such as {"year": 1973}')
    return cast("Mapping[str, Any]", value)


def _vector(value: Any) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise BadFile("its vector is not a JSON list such as [0.1, 0.2]") from None
    if not isinstance(value, dict):
        return value
    try:
        return SparseVector(**cast("dict[str, Any]", value))
    except (TypeError, ValueError) as error:
        raise BadFile(f'its vector is not like {{"dimension": 9, "indices": [1], "values": [0.5]}} ({error})') from None


def _listed(names: Iterable[str]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
