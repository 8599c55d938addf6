"""Names of prepared statements; no server here."""

from __future__ import annotations

from types import SimpleNamespace

from psycopg._preparing import PrepareManager

from vecs._connecting.prepared import name_uniquely


def test_each_connection_counts_from_another_number() -> None:
    connections = [SimpleNamespace(_prepared=PrepareManager()) for _ in range(3)]
    for connection in connections:
        name_uniquely(connection)
    assert len({connection._prepared._prepared_idx for connection in connections}) == 3


def test_a_psycopg_that_counts_otherwise_is_left_alone() -> None:
    for unknown in (SimpleNamespace(), SimpleNamespace(_prepared=SimpleNamespace())):
        before = repr(unknown)
        name_uniquely(unknown)
        assert repr(unknown) == before
