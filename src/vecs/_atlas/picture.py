"""A map as a figure of matplotlib."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from vecs._atlas.colours import Colouring
from vecs._atlas.projection import Points

# A point is smaller where there are many.
_MOST_SIZE, _LEAST_SIZE, _AREA = 40.0, 1.5, 9000.0


def figure_of(points: Points, colouring: Colouring, title: str, color: str | None, size: tuple[float, float]) -> Any:
    """Return a matplotlib Figure, which no window shows by itself; `size` is in inches."""
    matplotlib: Any = import_module("matplotlib.figure")
    figure = matplotlib.Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    each = np.array(colouring.colours)[colouring.classes]
    dot = min(_MOST_SIZE, max(_LEAST_SIZE, _AREA / max(1, len(points))))
    # In an order by chance: otherwise the last category would cover the others.
    order = np.random.default_rng(0).permutation(len(points))
    axes.scatter(points[order, 0], points[order, 1], c=each[order], s=dot, linewidths=0, alpha=0.8, rasterized=True)
    # `$` begins a formula in matplotlib.
    axes.set_title(_plain(title))
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.set_frame_on(False)
    if color is not None:
        _add_legend(figure, axes, colouring, _plain(color))
    return figure


def _add_legend(figure: Any, axes: Any, colouring: Colouring, name: str) -> None:
    if colouring.numbers is None:
        for entry in colouring.entries:
            label = f"{_plain(entry.label)} ({entry.count:,})"
            axes.scatter([], [], c=entry.colour, s=_MOST_SIZE, linewidths=0, label=label)
        axes.legend(title=name, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")
        return
    colours: Any = import_module("matplotlib.colors")
    mappable: Any = import_module("matplotlib.cm")
    shades = colours.ListedColormap(colouring.colours[:-1])
    bar = figure.colorbar(mappable.ScalarMappable(cmap=shades), ax=axes, label=name, shrink=0.6)
    bar.set_ticks([at for at, _ in colouring.ticks], labels=[label for _, label in colouring.ticks])
    bar.outline.set_visible(False)


def _plain(text: str) -> str:
    return text.replace("$", r"\$")
