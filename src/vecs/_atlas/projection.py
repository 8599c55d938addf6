"""Vectors as points of a plane: principal components at once, t-SNE behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vecs._atlas.dense import Matrix

Points: TypeAlias = Matrix
# Called with the share that is done, from 0 to 1; True means that nobody waits any more.
Stopped: TypeAlias = Callable[[], bool]

# As many directions as t-SNE is given: its neighbours hardly differ from those of the whole vectors.
COMPONENTS = 100
# Rows from which directions are found.
BASIS_ROWS = 5000
# More records than that take minutes: the rest is placed at neighbours. See DESIGN.md for the figures.
MOST_ARRANGED = 10_000
# t-SNE compares a point with three times so many neighbours.
_PERPLEXITY = 30
_STEPS = 250
# The first one pulls clusters apart; a third and fourth one keep hardly more neighbours, and take as long again.
_ROUNDS = 2
_PLACED_BY = 5
_AT_ONCE = 1000


@dataclass(frozen=True)
class Basis:
    """The main directions of some vectors, the one with the greatest variance first, and their mean."""

    mean: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]

    def reduced(self, rows: Matrix) -> Matrix:
        """Return what rows are along the directions."""
        return ((rows - self.mean) @ self.directions).astype(np.float32)


def basis_of(rows: Matrix) -> Basis:
    """Return up to `COMPONENTS` main directions of rows, the same ones each time, and with the same signs."""
    mean = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(rows.shape[1])
    centred = rows - mean
    wanted = min(COMPONENTS, *centred.shape)
    directions = _main_directions(centred, wanted)
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), range(wanted)]) if wanted else np.ones(0)
    return Basis(mean, directions * signs)


def _main_directions(centred: npt.NDArray[np.float64], wanted: int) -> npt.NDArray[np.float64]:
    """Return the right singular vectors with the greatest values, as columns."""
    if min(centred.shape) <= 4 * COMPONENTS:
        return np.transpose(np.linalg.svd(centred, full_matrices=False)[2][:wanted])
    # Halko, Martinsson and Tropp, 2011: some iterations on a random subspace that is a little larger.
    found = np.random.default_rng(0).standard_normal((centred.shape[1], wanted + 10))
    for _ in range(8):
        found = np.linalg.qr(np.transpose(centred) @ (centred @ found))[0]
    turned = np.linalg.svd(centred @ found, full_matrices=False)[2]
    return (found @ np.transpose(turned))[:, :wanted]


def principal(reduced: Matrix) -> Points:
    """Return the first two components as points; a component that is not there is 0."""
    points = np.zeros((len(reduced), 2), dtype=np.float32)
    width = min(2, reduced.shape[1])
    points[:, :width] = reduced[:, :width]
    return points


def can_be_arranged(count: int) -> bool:
    """Whether t-SNE has neighbours enough to compare."""
    return count >= 4


def arranged(reduced: Matrix, stopped: Stopped) -> Iterator[tuple[float, Points]]:
    """
    Yield points that t-SNE has moved, and the share that is done, after each half of its steps.

    Beyond `MOST_ARRANGED` rows it moves as many of them, and the others stand at their neighbours among these. The
    same rows give the same points. Ends early when `stopped()`.
    """
    chosen = _spread(len(reduced))
    some = reduced if chosen is None else reduced[chosen]
    neighbours = None if chosen is None else _neighbours(reduced, some)
    points = _first_place(some)
    for number in range(_ROUNDS):
        if stopped():
            return
        points = _moved(some, points, early=number == 0)
        yield (number + 1) / _ROUNDS, points if neighbours is None else _placed(points, neighbours)


def _spread(count: int) -> npt.NDArray[np.intp] | None:
    if count <= MOST_ARRANGED:
        return None
    return np.sort(np.random.default_rng(0).choice(count, MOST_ARRANGED, replace=False))


def _first_place(reduced: Matrix) -> Points:
    """Return where t-SNE begins: principal components, small, as scikit-learn does."""
    points = principal(reduced)
    spread = float(points[:, 0].std())
    return points / spread * np.float32(1e-4) if spread > 0 else points


def _moved(reduced: Matrix, points: Points, *, early: bool) -> Points:
    # Not imported by name: type checkers know no types of it.
    manifold: Any = import_module("sklearn.manifold")
    perplexity = min(_PERPLEXITY, max(1.0, (len(reduced) - 1) / 3))
    exaggeration = {} if early else {"early_exaggeration": 1.0}
    model = manifold.TSNE(
        init=points, perplexity=perplexity, max_iter=_STEPS, random_state=0, method="barnes_hut", **exaggeration
    )
    return model.fit_transform(reduced).astype(np.float32)


@dataclass(frozen=True)
class _Neighbours:
    places: npt.NDArray[np.intp]
    weights: Matrix


def _neighbours(reduced: Matrix, some: Matrix) -> _Neighbours:
    """Return the nearest rows of some for each row, and how much each of them counts."""
    squares = np.einsum("ij,ij->i", some, some)
    places = np.empty((len(reduced), _PLACED_BY), dtype=np.intp)
    weights = np.empty((len(reduced), _PLACED_BY), dtype=np.float32)
    for start in range(0, len(reduced), _AT_ONCE):
        part = reduced[start : start + _AT_ONCE]
        distances = squares - 2 * part @ np.transpose(some) + np.einsum("ij,ij->i", part, part)[:, np.newaxis]
        nearest = np.argpartition(distances, _PLACED_BY, axis=1)[:, :_PLACED_BY]
        near = np.maximum(np.take_along_axis(distances, nearest, axis=1), 0)
        # A row of `some` is its own neighbour at distance 0, and stays where it is.
        counted = 1 / (near**2 + 1e-9)
        places[start : start + _AT_ONCE] = nearest
        weights[start : start + _AT_ONCE] = counted / counted.sum(axis=1, keepdims=True)
    return _Neighbours(places, weights)


def _placed(points: Points, neighbours: _Neighbours) -> Points:
    return np.einsum("ij,ijk->ik", neighbours.weights, points[neighbours.places]).astype(np.float32)


def scaled(points: Points) -> Points:
    """
    Return points moved and stretched, both axes alike, into the square from -1 to 1.

    A few outliers may lie outside, up to 1.5: one of them would leave the others a dot in the middle.
    """
    if not len(points):
        return points
    low, high = np.quantile(points, 0.002, axis=0), np.quantile(points, 0.998, axis=0)
    if len(points) < 1000:
        low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) / 2
    moved = points - (low + high) / 2
    inside = np.minimum(np.maximum(moved / half if half > 0 else moved * 0, -1.5), 1.5)
    return inside.astype(np.float32)
