from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vecs
from vecs.cli import demo

Run = Callable[..., Any]


@pytest.mark.model
@pytest.mark.usefixtures("read_once")
def test_a_second_run_embeds_only_what_is_missing(run: Run, folder: Path) -> None:
    # given: a first run
    first = run("demo", "--texts", 30, "--target", folder)
    assert first.code == 0
    assert all(f"? {question}" in first.out for question in demo.QUESTIONS)
    with vecs.create_client(folder) as client:
        made = [record.id for record in client.get_collection(demo.COLLECTION)]

    # when: it is run again, and once more with a part of it gone
    second = run("demo", "a question of my own", "--texts", 30, "--target", folder)
    with vecs.create_client(folder) as client:
        client.get_collection(demo.COLLECTION).delete(made[:5])
    third = run("demo", "--texts", 30, "--target", folder)

    # then
    assert "nothing to embed" in second.err
    assert "Embedding" not in second.err
    assert "? a question of my own" in second.out
    assert "Embedding: 5 texts" in third.err
    with vecs.create_client(folder) as client:
        assert [record.id for record in client.get_collection(demo.COLLECTION)] == made


@pytest.mark.model
@pytest.mark.usefixtures("read_once")
def test_an_interrupted_run_says_so_in_one_line_and_is_continued(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(demo, "build_index", interrupt)
        stopped = run("demo", "--texts", 30, "--target", folder)
    continued = run("demo", "--texts", 30, "--target", folder)

    assert stopped.code == 130
    assert stopped.out == ""
    assert stopped.err.splitlines()[-1].startswith("Stopped.")
    assert "nothing to embed" in continued.err
    with vecs.create_client(folder) as client:
        assert client.get_collection(demo.COLLECTION).is_indexed_for_measure("cosine_distance")
