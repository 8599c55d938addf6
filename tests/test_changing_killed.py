"""Processes that are killed in the middle of reembed() and replace_all(): nothing is lost, and the next goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence

import pytest

import vecs
from vecs import Embedding

PROGRAM = """
    import os, signal, sys
    import vecs

    target, schema, what, place = *sys.argv[1:4], int(sys.argv[4])
    calls = 0

    def embed(texts):
        global calls
        calls += 1
        if calls == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return [[-float(len(text)), 1.0] for text in texts]

    def killed_before_the_end():
        for number in range(0, 80, 2):
            yield f"d{number}", "x" * (number + 1), {}
        os.kill(os.getpid(), signal.SIGKILL)

    vx = vecs.create_client(target, schema=schema)
    old = vecs.Embedding(lambda texts: [[1.0 * len(text)] for text in texts], 1, name="old")
    docs = vx.get_collection("docs", transform=old)
    if what == "reembed":
        docs.reembed(vecs.Embedding(embed, 2, name="new"), batch_size=10)
    else:
        docs.replace_all(killed_before_the_end(), batch_size=10)
"""


def old(texts: Sequence[str]) -> list[list[float]]:
    return [[float(len(text))] for text in texts]


def new(texts: Sequence[str]) -> list[list[float]]:
    return [[-float(len(text)), 1.0] for text in texts]


OLD, NEW = Embedding(old, 1, name="old"), Embedding(new, 2, name="new")


@pytest.fixture
def docs(target: str, schema: str) -> Iterator[vecs.Collection]:
    with vecs.create_client(target, schema=schema) as vx:
        docs = vx.create_collection("docs", transform=OLD)
        docs.upsert([(f"d{number}", "x" * (number + 1), {}) for number in range(60)])
        docs.index(measure="l2_distance")
        yield docs


def killed(docs: vecs.Collection, target: str, what: str, place: int = 0) -> None:
    program = textwrap.dedent(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-c", program, target, docs.schema, what, str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr


def test_a_killed_reembed_is_continued(docs: vecs.Collection, target: str) -> None:
    killed(docs, target, "reembed", 4)
    # Searches and writes go on as if nothing had been.
    assert docs.search("x" * 7, limit=1, measure="l2_distance")[0].id == "d6"
    docs.upsert([("d0", "changed", {}), ("late", "y" * 90, {})])
    killed(docs, target, "reembed", 2)
    assert docs.reembed(NEW, batch_size=10) == 60 - 40 + 1 + 1
    assert docs.count() == 61
    assert {index.valid for index in docs.indexes()} == {True}
    assert [match.id for match in docs.search("y" * 90, limit=1, measure="l2_distance")] == ["late"]
    assert docs.dimension == 2


def test_a_killed_reembed_can_be_cancelled(docs: vecs.Collection, target: str) -> None:
    killed(docs, target, "reembed", 4)
    assert docs.cancel_reembed()
    assert not docs.cancel_reembed()
    assert docs.search("x" * 7, limit=1, measure="l2_distance")[0].id == "d6"


def test_a_killed_replace_all_has_deleted_nothing(docs: vecs.Collection, target: str) -> None:
    killed(docs, target, "replace_all")
    # What was committed before is there, beside all that was there.
    assert docs.count() == 60 + 10
    result = docs.replace_all([(f"d{n}", "x" * (n + 1), {}) for n in range(0, 80, 2)], skip_unchanged=True)
    assert (result.unchanged, result.deleted, docs.count()) == (40, 30, 40)
