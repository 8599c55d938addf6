"""What a map is to show, checked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias, cast

from vecs._atlas.colours import find_column
from vecs._atlas.fields import Column
from vecs._checks.numbers import checked_int, checked_number
from vecs._checks.shown import brief
from vecs.exc import ArgError, MissingDependency

Projection: TypeAlias = Literal["tsne", "pca"]
PROJECTIONS = ("tsne", "pca")
# So many points are drawn fluently without a graphics card.
DEFAULT_LIMIT = 100_000
_MOST_POINTS = 2_000_000
_MOST_INCHES = 100.0
_LAST_PORT = 65535


@dataclass(frozen=True)
class Wanted:
    """How many records are shown at most, where, and in what colours at first."""

    color: str | None
    limit: int
    projection: Projection
    port: int


def checked_wanted(color: Any, limit: Any, projection: Any, port: Any, *, figure: bool = False) -> Wanted:
    """Return the arguments of a map; raises ArgError, and MissingDependency where it needs what is not installed."""
    if color is not None and (not isinstance(color, str) or not color):
        raise ArgError(f"color must be a metadata key, such as 'year', not {brief(color)}")
    if not isinstance(projection, str) or projection not in PROJECTIONS:
        raise ArgError(f"projection must be 'tsne' or 'pca', not {brief(projection)}")
    limit = checked_int(limit, "limit", 1)
    if limit > _MOST_POINTS:
        raise ArgError(f"limit is {limit:,}; a map shows at most {_MOST_POINTS:,} records, a sample of more")
    port = checked_int(port, "port", 0)
    if port > _LAST_PORT:
        raise ArgError(f"port is {port}; ports go up to {_LAST_PORT}")
    if projection == "tsne" and not find_spec("sklearn"):
        raise MissingDependency(
            "scikit-learn is not installed: pip install 'vecs[atlas]', or give projection='pca', which needs nothing"
        )
    if figure and not find_spec("matplotlib"):
        raise MissingDependency("matplotlib is not installed: pip install 'vecs[atlas]'")
    return Wanted(color, limit, projection, port)


def checked_size(size: Any) -> tuple[float, float]:
    """Return a width and a height in inches."""
    given: Any = size
    if not isinstance(size, tuple | list) or len(cast("Sequence[Any]", size)) != 2:
        raise ArgError(f"size must be a width and a height in inches, such as (9, 7), not {brief(given)}")
    width, height = (checked_number(each, "size", 0.5, _MOST_INCHES) for each in cast("Sequence[Any]", size))
    return width, height


def checked_color(columns: Sequence[Column], color: str) -> Column:
    """Return the column to colour by; raises ArgError that names those that there are."""
    column = find_column(columns, color)
    if column is None:
        keys = ", ".join(repr(each.key) for each in columns[:10])
        others = f"; there are {keys}{' and others' if len(columns) > 10 else ''}" if keys else ""
        raise ArgError(f"color={brief(color)} is no metadata key with values to colour by{others}")
    return column
