"""The matches of a search: a list that data frames are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from vecs._reports.frames import arrow_of_columns, json_column, require, vector_column
from vecs._reports.html import escaped, mark, table
from vecs.records import Match
from vecs.snippets import pieces, snippet_of

if TYPE_CHECKING:
    from typing_extensions import Self

# What a match has only if the search asked for it.
_MOST_SHOWN = 50
_SNIPPET = 240
_OPTIONAL = ("vec", "extra", "columns", "group", "context", "highlights")


class Matches(list[Match]):
    """
    The matches of a search, best first: a list, whose slices are such lists, too.

    Data frames have the columns id, score, distance, text, metadata and document_id, and those of vec, extra, columns,
    group, context and highlights that a match has. `context` is its text.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> Match: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Match | Self:
        """Return a match, or some of the matches."""
        found: Any = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame, one row per match; metadata as dicts."""
        pandas = require("pandas")
        values = self._values()
        texts = pandas.Series(["text"]).dtype
        types: dict[str, Any] = dict.fromkeys(("id", "text", "document_id", "context"), texts)
        types.update(dict.fromkeys(("score", "distance"), "float64"))
        return pandas.DataFrame(
            {name: pandas.Series(column, dtype=types.get(name, object)) for name, column in values.items()}
        )

    def to_arrow(self) -> Any:
        """Return a pyarrow Table, one row per match; metadata, extra, columns and group as JSON text."""
        made: dict[str, Callable[[Any], Any]] = {}
        for name, values in self._values().items():
            if name == "vec":
                made[name] = vector_column(values)
            elif name in ("metadata", "extra", "columns", "group"):
                made[name] = json_column(values)
            else:
                made[name] = _typed_column(name, values)
        return arrow_of_columns(made)

    def to_polars(self) -> Any:
        """Return a polars DataFrame with the columns of `to_arrow()`."""
        polars = require("polars")
        return polars.from_arrow(self.to_arrow())

    def _repr_html_(self) -> str:
        """Return a table of the first matches, with a passage of each text and its highlights."""
        names = ["id", "score", "text", "metadata"]
        grouped = any(match.group is not None for match in self)
        rows = [_row(match, grouped) for match in self[:_MOST_SHOWN]]
        more = len(self) - len(rows)
        rest = f"<p>{more:,} more</p>" if more else ""
        return f"{table([*names, 'group'] if grouped else names, rows)}{rest}"

    def _values(self) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {
            name: [getattr(match, name) for match in self]
            for name in ("id", "score", "distance", "text", "metadata", "document_id", *_OPTIONAL)
        }
        columns["context"] = [None if context is None else context.text for context in columns["context"]]
        return {
            name: values
            for name, values in columns.items()
            if name not in _OPTIONAL or any(value is not None for value in values)
        }


def _row(match: Match, grouped: bool) -> list[str]:
    snippet = snippet_of(match.text or "", match.highlights or (), _SNIPPET, "…")
    # Marked first, since escaping makes the text longer.
    text = "".join(
        mark(escaped(piece)) if marked else escaped(piece) for piece, marked in pieces(snippet.text, snippet.highlights)
    )
    shown = ", ".join(f"{key}: {value}" for key, value in match.metadata.items())
    shown = shown if len(shown) <= _SNIPPET else f"{shown[: _SNIPPET - 1]}…"
    cells = [escaped(match.id), f"{match.score:.3f}", text, escaped(shown)]
    return [*cells, escaped("" if match.group is None else match.group)] if grouped else cells


def _typed_column(name: str, values: list[Any]) -> Callable[[Any], Any]:
    def make(arrow: Any) -> Any:
        if name in ("score", "distance"):
            return arrow.array(values, arrow.float64())
        if name == "highlights":
            return arrow.array([None if pairs is None else list(map(list, pairs)) for pairs in values], _pairs(arrow))
        return arrow.array(values, arrow.string())

    return make


def _pairs(arrow: Any) -> Any:
    return arrow.list_(arrow.list_(arrow.int32(), 2))
