"""Vectors as points."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from vecs._atlas import projection
from vecs._atlas.projection import arranged, basis_of, can_be_arranged, principal, scaled

RNG = np.random.default_rng(0)
CLUSTERS = (np.repeat(np.eye(3), 20, axis=0) + RNG.normal(size=(60, 3)) / 20).astype(np.float32)


def never() -> bool:
    return False


def apart(points: np.ndarray) -> bool:
    """Whether three clusters of 20 are farther from each other than they are wide."""
    parts = points.reshape(3, 20, 2)
    middles = parts.mean(axis=1)
    width = np.linalg.norm(parts - middles[:, np.newaxis], axis=2).max()
    return all(np.linalg.norm(middles[a] - middles[b]) > width for a, b in [(0, 1), (0, 2), (1, 2)])


def test_the_first_direction_has_the_greatest_variance() -> None:
    rows = RNG.normal(size=(500, 4)).astype(np.float32) * np.array([1, 9, 3, 2], dtype=np.float32)
    basis = basis_of(rows)
    assert np.abs(basis.directions[:, 0]).argmax() == 1
    spread = basis.reduced(rows).std(axis=0)
    assert sorted(spread, reverse=True) == pytest.approx(spread.tolist())


def test_many_dimensions_have_the_directions_that_all_of_the_decomposition_has() -> None:
    rows = (RNG.normal(size=(600, 450)) * np.geomspace(10, 0.1, 450)).astype(np.float32)
    basis = basis_of(rows)
    exact = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2]
    assert basis.directions.shape == (450, projection.COMPONENTS)
    for at in range(5):
        assert abs(float(basis.directions[:, at] @ exact[at])) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows_have_points_that_are_finite(count: int) -> None:
    rows = CLUSTERS[:count]
    points = scaled(principal(basis_of(rows).reduced(rows)))
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_equal_rows_stand_in_the_middle() -> None:
    rows = np.ones((5, 3), dtype=np.float32)
    assert scaled(principal(basis_of(rows).reduced(rows))).tolist() == pytest.approx(np.zeros((5, 2)))


def test_clusters_are_apart_by_both_projections() -> None:
    reduced = basis_of(CLUSTERS).reduced(CLUSTERS)
    assert apart(scaled(principal(reduced)))
    shares, points = zip(*arranged(reduced, never), strict=True)
    assert shares[-1] == 1
    assert list(shares) == sorted(shares)
    assert apart(scaled(points[-1]))


def test_the_same_rows_have_the_same_points() -> None:
    reduced = basis_of(CLUSTERS).reduced(CLUSTERS)
    (_, one), (_, two) = next(arranged(reduced, never)), next(arranged(reduced, never))
    assert one.tolist() == two.tolist()


def test_equal_rows_and_the_fewest_can_be_arranged() -> None:
    assert not can_be_arranged(3)
    assert can_be_arranged(4)
    rows = np.zeros((4, 2), dtype=np.float32)
    assert np.isfinite(next(arranged(rows, never))[1]).all()


def test_it_stops_between_two_rounds() -> None:
    stopped = iter([False, True])
    assert len(list(arranged(CLUSTERS, lambda: next(stopped)))) == 1


def test_beyond_a_size_the_rest_stands_at_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MOST_ARRANGED", 45)
    ((_, points),) = islice(arranged(CLUSTERS, never), 1)
    assert points.shape == (60, 2)
    assert np.isfinite(points).all()
    *_, (_, last) = arranged(CLUSTERS, never)
    assert apart(scaled(last))


def test_outliers_leave_room_for_the_others() -> None:
    points = RNG.normal(size=(5000, 2)).astype(np.float32)
    points[0] = 1e6
    inside = scaled(points)
    assert np.abs(inside).max() <= 1.5
    assert inside[1:].std() > 0.2
