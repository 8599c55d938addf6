"""Points for what was gathered: from the cache, or found anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vecs._atlas.colours import colouring, find_column, one_colour
from vecs._atlas.gathering import Gathered
from vecs._atlas.picture import figure_of
from vecs._atlas.projection import Points, arranged, can_be_arranged, principal, scaled
from vecs._atlas.wanted import Projection, Wanted
from vecs._serving.cache import keep, recalled


def layouts(gathered: Gathered, projection: Projection, stopped: Callable[[], bool]) -> Iterator[tuple[float, Points]]:
    """Yield points, better ones each time, and the share of the work that is done; ends early when `stopped()`."""
    count = len(gathered.ids)
    whole = projection == "pca" or not can_be_arranged(count)
    kept = None if whole else recalled(gathered.digest, count)
    if kept is not None:
        yield 1.0, kept
        return
    yield float(whole), scaled(principal(gathered.reduced))
    if whole:
        return
    for share, points in arranged(gathered.reduced, stopped):
        moved = scaled(points)
        if share == 1:
            keep(gathered.digest, moved)
        yield share, moved


def figure(gathered: Gathered, wanted: Wanted, name: str, size: tuple[float, float]) -> Any:
    """Return a map as a figure of matplotlib."""
    points = [points for _, points in layouts(gathered, wanted.projection, lambda: False)][-1]
    column = find_column(gathered.columns, wanted.color or "")
    colours = one_colour(len(gathered.ids)) if column is None else colouring(column)
    shown = len(gathered.ids)
    title = f"{name}: {shown:,} of {gathered.total:,} records" if gathered.sampled else f"{name}: {shown:,} records"
    return figure_of(points, colours, title, wanted.color if column else None, size)
