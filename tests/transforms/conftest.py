from __future__ import annotations

from typing import Any

import pytest

from vecs.transforms import TextEmbedding
from vecs.transforms import _retrying as retrying


@pytest.fixture(scope="session")
def minilm() -> TextEmbedding:
    """all-MiniLM-L6-v2, loaded once, by the real way of a machine without network where there is none."""
    embedding = TextEmbedding("all-MiniLM-L6-v2")
    embedding.transform_query("warm up")
    return embedding


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between tries; nothing waits."""
    found: list[float] = []
    options = retrying.Retrying._options

    def without_waiting(self: Any) -> dict[str, Any]:
        made = options(self)
        wait = made["wait"]
        return {**made, "wait": lambda state: found.append(wait(state)) or 0.0}

    monkeypatch.setattr(retrying.Retrying, "_options", without_waiting)
    return found
