"""Sets of ids in little memory."""

from __future__ import annotations

import pytest

from vecs._writing import ids
from vecs._writing.ids import IdSet


def test_a_set_holds_what_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_PORTION", 10)
    found = IdSet()
    assert found.holds(["a"]) == [False]
    assert found.holds([]) == []
    for start in range(0, 100, 7):
        found.add(f"id{n}" for n in range(start, start + 7, 2))
    found.add(["", "東京", "id0"])
    assert found.holds(["id0", "id1", "id2", "東京", "", "zzz"]) == [True, False, True, True, True, False]
