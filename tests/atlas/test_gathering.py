"""Records on their way to the map."""

from __future__ import annotations

import numpy as np
import pytest

from vecs import Record
from vecs._atlas import gathering as module
from vecs._atlas.gathering import Gathered, Gathering

RNG = np.random.default_rng(0)
RECORDS = [Record(f"r{at}", RNG.normal(size=4).astype(np.float32), None, {"n": at}) for at in range(30)]


def gathered(records: list[Record], batch: int = 7) -> Gathered:
    made = Gathering()
    for start in range(0, len(records), batch):
        made.add(records[start : start + batch])
    return made.finish(len(records), made.count)


def test_records_without_vector_are_counted_and_left_out() -> None:
    found = gathered([*RECORDS[:3], Record("none"), Record("other", metadata=None)])
    assert found.ids == ["r0", "r1", "r2"]
    assert (found.total, found.without_vector, found.sampled) == (5, 2, False)


def test_nothing_is_nothing() -> None:
    found = gathered([])
    assert (found.ids, found.reduced.shape, found.columns) == ([], (0, 1), [])
    assert gathered([Record("none")]).reduced.shape == (0, 1)


def test_a_part_is_a_sample() -> None:
    made = Gathering()
    made.add(RECORDS[:10])
    assert made.finish(30, 30).sampled


def test_more_records_than_were_counted_are_no_sample() -> None:
    made = Gathering()
    made.add(RECORDS)
    found = made.finish(20, 20)
    assert (found.total, found.sampled) == (30, False)


def test_directions_are_found_from_the_first_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gathered(RECORDS)
    monkeypatch.setattr(module, "BASIS_ROWS", 20)
    part = gathered(RECORDS)
    assert part.ids == whole.ids
    assert part.reduced.shape == whole.reduced.shape == (30, 4)
    # The same space, turned: distances stay.
    for a, b in [(0, 29), (3, 12)]:
        lengths = [float(np.linalg.norm(each.reduced[a] - each.reduced[b])) for each in (whole, part)]
        assert lengths[0] == pytest.approx(lengths[1], rel=1e-4)


def test_directions_are_found_from_a_sample_that_is_given() -> None:
    made = Gathering()
    made.use_sample([record.vec for record in RECORDS if isinstance(record.vec, np.ndarray)])
    made.add(RECORDS[:5])
    assert made.finish(5, 5).reduced.shape == (5, 4)


def test_the_digest_tells_other_content() -> None:
    changed = [*RECORDS[:-1], Record("r29", np.ones(4, dtype=np.float32))]
    renamed = [*RECORDS[:-1], Record("other", RECORDS[-1].vec)]
    found = [gathered(records).digest for records in (RECORDS, changed, renamed, RECORDS[:-1])]
    assert len(set(found)) == 4
    assert gathered(RECORDS).digest == found[0]
    assert gathered([Record("\ud800", RECORDS[0].vec)]).digest
