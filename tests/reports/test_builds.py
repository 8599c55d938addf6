"""The progress of a build, by what the server tells."""

from __future__ import annotations

import pytest

from vecs._reports import builds
from vecs._reports.builds import BuildTracker
from vecs._sql.builds import ProgressRow

Counted = tuple[int, int]


def row(phase: str, *, lockers: Counted = (0, 0), blocks: Counted = (0, 0), tuples: Counted = (0, 0)) -> ProgressRow:
    """What the server tells: a phase, and of what it counts how many are done and how many there are."""
    return ProgressRow(phase, *lockers, *blocks, *tuples)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [0.0]
    monkeypatch.setattr(builds.time, "monotonic", lambda: now[0])
    return now


def test_a_graph_counts_records_and_its_share_is_that_of_the_blocks() -> None:
    tracker = BuildTracker()
    tracker.begin("ix_vector", 0, 1, 1000)
    seen = tracker.read(row("building index: loading tuples", blocks=(50, 100), tuples=(480, 0)))
    assert (seen.index, seen.phase, seen.done, seen.total, seen.unit) == (
        "ix_vector",
        "loading tuples",
        480,
        1000,
        "tuples",
    )
    assert seen.percent == pytest.approx(99 * 0.95 * 0.5)


def test_more_records_than_were_expected_are_the_total() -> None:
    tracker = BuildTracker()
    tracker.begin("ix_vector", 0, 1, 1000)
    assert tracker.read(row("building index: loading tuples", tuples=(1200, 0))).total == 1200
    tracker.begin("ix_vector", 0, 1)
    assert tracker.read(row("building index: loading tuples", tuples=(1200, 0))).total is None


def test_lists_are_loaded_after_k_means() -> None:
    tracker = BuildTracker()
    tracker.begin("ix_vector", 0, 1, 1000)
    assert tracker.read(row("building index: performing k-means")).percent == 0.0
    seen = tracker.read(row("building index: loading tuples", tuples=(300, 600)))
    assert (seen.done, seen.total) == (300, 600)
    assert seen.percent == pytest.approx(99 * (0.7 + 0.25 * 0.5))


def test_blocks_are_counted_where_there_are_no_records() -> None:
    tracker = BuildTracker()
    seen = tracker.read(row("building index: scanning table", blocks=(3, 4)))
    assert (seen.done, seen.total, seen.unit) == (3, 4, "blocks")
    seen = tracker.read(ProgressRow("initializing", None, None, None, None, None, None))
    assert (seen.done, seen.total, seen.unit) == (0, None, None)


def test_transactions_are_counted_while_a_build_waits_for_them() -> None:
    seen = BuildTracker().read(row("waiting for writers before validation", lockers=(1, 2)))
    assert (seen.phase, seen.done, seen.total, seen.unit) == ("waiting for writers", 1, 2, "transactions")
    assert BuildTracker().read(row("index validation: scanning table")).phase == "validating: scanning table"


def test_the_metadata_index_takes_the_last_part_of_the_whole() -> None:
    tracker = BuildTracker()
    tracker.begin("ix_vector", 0, 2)
    assert tracker.read(row("building index: scanning table", blocks=(1, 1))).percent == pytest.approx(94 * 0.7)
    tracker.begin("ix_meta_1", 1, 2)
    seen = tracker.read(row("building index: scanning table", blocks=(1, 1)))
    assert seen.phase == "metadata index: scanning table"
    assert seen.percent == pytest.approx(94 + 5 * 0.7)


def test_the_percentage_never_falls() -> None:
    tracker = BuildTracker()
    assert tracker.at("analyzing", 99.0, "ix").percent == 99.0
    assert tracker.read(row("initializing")).percent == 99.0
    assert tracker.at("waiting for another build").percent == 99.0


def test_where_the_server_tells_nothing_the_phase_goes_on() -> None:
    tracker = BuildTracker()
    assert tracker.read(None).phase == "building"
    tracker.read(row("building index: sorting tuples"))
    seen = tracker.read(None)
    assert (seen.phase, seen.rate) == ("sorting tuples", None)


def test_the_rate_is_that_of_the_last_seconds(clock: list[float]) -> None:
    tracker = BuildTracker()
    rates: list[float | None] = []
    for clock[0], done in ((0.0, 0), (1.0, 100), (4.0, 400), (8.0, 4400)):
        rates.append(tracker.read(row("building index: loading tuples", tuples=(done, 9000))).rate)
    assert rates == [None, 100.0, 100.0, 1000.0]
    clock[0] = 9.0
    assert tracker.read(row("index validation: scanning table", tuples=(1, 9000))).rate is None
    assert tracker.at("done").seconds == 9.0
