"""Maps of a collection with texts, and of others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import vecs
from vecs import Record

# What a page must show as it is, and never obey.
EVIL = "attacking <img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"
TOPICS = ("oil", "pump", "valve", "seal")


def embed(texts: list[str]) -> list[list[float]]:
    """Vectors of texts by the hashes of their words."""
    made: list[list[float]] = []
    for text in texts:
        made.append([0.01] * 16)
        for word in text.lower().split():
            made[-1][hashlib.sha256(word.encode()).digest()[0] % 16] += 1.0
    return made


@pytest.fixture
def client(target: str, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[vecs.Client]:
    monkeypatch.setenv("VECS_CACHE", str(tmp_path / "cache"))
    with vecs.create_client(target, schema=schema) as client:
        yield client


@pytest.fixture
def docs(client: vecs.Client) -> vecs.Collection:
    """Sixty records about four topics, and one that attacks the page."""
    made = client.create_collection("docs", transform=vecs.Embedding(embed, dimension=16), text=True)
    records = [
        Record(
            f"{topic}-{number:02}",
            None,
            f"The {topic} of machine {number}",
            {"topic": topic, "year": 1990 + number, "day": f"2024-02-{number + 1:02}", "weight": number / 7},
        )
        for topic in TOPICS
        for number in range(15)
    ]
    records.append(Record(EVIL, None, EVIL, {"topic": EVIL, EVIL: EVIL, "year": 2020}))
    made.upsert(records)
    return made
