"""How long a server may be silent; no server here."""

from __future__ import annotations

import socket
from collections.abc import Generator

import pytest

from vecs._connecting import silence
from vecs._connecting.silence import GRACE, Silent, is_readable, patience_for, watched


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [("1500ms", 1.5), ("2s", 2), ("3", 0.003), ("1min", 60), ("1.5h", 5400), (" 1 d ", 86400), ("7us", 7e-6)],
)
def test_a_call_waits_longer_than_the_servers_own_limit(setting: str, seconds: float) -> None:
    assert patience_for(setting) == pytest.approx(seconds + GRACE)


@pytest.mark.parametrize("setting", [None, "", "0", "0s", "soon", "-1"])
def test_without_a_limit_a_call_waits_for_ever(setting: str | None) -> None:
    assert patience_for(setting) is None


def test_a_socket_is_readable_with_something_to_read_and_at_its_end() -> None:
    one, other = socket.socketpair()
    with one:
        assert not is_readable(one.fileno())
        other.sendall(b"x")
        assert is_readable(one.fileno())
        assert one.recv(1)
        assert not is_readable(one.fileno())
        other.close()
        assert is_readable(one.fileno())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(silence.time, "monotonic", lambda: now[0])
    return now


def work(rounds: int) -> Generator[str, int, list[int]]:
    got: list[int] = []
    for _ in range(rounds):
        got.append((yield "readable"))
    return got


def test_work_is_done_as_without_a_watch() -> None:
    watch = watched(work(3), lambda: 1)
    assert next(watch) == "readable"
    assert watch.send(0) == "readable"
    assert watch.send(1) == "readable"
    with pytest.raises(StopIteration) as done:
        watch.send(2)
    assert done.value.value == [0, 1, 2]
    with pytest.raises(StopIteration) as done:
        next(watched(work(0), lambda: 1))
    assert done.value.value == []


def test_only_silence_counts_and_not_how_long_the_work_takes(clock: list[float]) -> None:
    watch = watched(work(100), lambda: 2)
    next(watch)
    for ready in (0, 0, 1, 0, 0, 1):
        watch.send(ready)
        clock[0] += 1.5
    watch.send(0)
    clock[0] += 2
    with pytest.raises(Silent, match="silent for 2 s"):
        watch.send(0)


def test_a_call_may_become_less_patient_while_it_waits(clock: list[float]) -> None:
    patience: list[float | None] = [None]
    watch = watched(work(100), lambda: patience[0])
    next(watch)
    watch.send(0)
    clock[0] += 1000
    watch.send(0)
    patience[0] = 1
    with pytest.raises(Silent):
        watch.send(0)


@pytest.mark.parametrize("seconds", [None, 5])
def test_work_that_is_given_up_ends_without_a_word(clock: list[float], seconds: float | None) -> None:
    ended: list[bool] = []

    def fails() -> Generator[str, int, None]:
        try:
            while True:
                yield "readable"
        finally:
            ended.append(True)
            raise OSError("the connection is closed")

    watch = watched(fails(), lambda: seconds)
    next(watch)
    if seconds is None:
        watch.close()
    else:
        watch.send(0)
        clock[0] += seconds
        with pytest.raises(Silent):
            watch.send(0)
    assert ended == [True]
