"""Progress of writes and builds: callbacks and bars."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import pytest

from vecs import BuildProgress
from vecs._reports import bars
from vecs._reports.bars import build_updates, progress_updates
from vecs.exc import ArgError, MissingDependency


def build(percent: float | None, phase: str = "loading tuples") -> BuildProgress:
    return BuildProgress("ix", phase, percent, 0, None, None, None, 0.0)


def test_a_callable_is_given_done_and_total() -> None:
    seen: list[tuple[int, int | None]] = []
    with progress_updates(lambda done, total: seen.append((done, total)), 7, "docs") as update:
        update(3)
    assert seen == [(3, 7)]


def test_nothing_is_shown_unasked(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_updates(False, 7, "docs") as update:
        update(3)
    with build_updates(False, "docs") as report:
        assert report is None
    assert capfd.readouterr() == ("", "")


def test_a_build_is_reported_to_a_callable_as_it_is() -> None:
    def report(at: BuildProgress) -> None: ...

    with build_updates(report, "docs") as given:
        assert given is report


@pytest.mark.parametrize("kind", [True, "tqdm", "rich"])
def test_a_bar_shows_records(kind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with progress_updates(kind, 7, "docs") as update:
        update(3)
        update(7)
    assert "docs" in "".join(capfd.readouterr())


@pytest.mark.parametrize("kind", [True, "tqdm", "rich"])
def test_a_bar_shows_the_phase_of_a_build(kind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with build_updates(kind, "docs") as report:
        assert report is not None
        report(build(None))
        report(build(100.0, "done"))
    shown = "".join(capfd.readouterr())
    assert "docs: done" in shown
    assert "100%" in shown


def test_a_bar_is_richs_where_tqdm_is_absent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with progress_updates(True, 7, "docs") as update:
        update(7)
    assert "docs" in "".join(capfd.readouterr())


@pytest.mark.parametrize(("kind", "module"), [("tqdm", "tqdm.std"), ("rich", "rich.progress")])
def test_a_bar_that_is_not_installed_names_the_extra(kind: Any, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"^a progress bar needs tqdm or rich, and {kind} is not installed: pip install 'vecs\[progress\]'$"
    with pytest.raises(MissingDependency, match=message), progress_updates(kind, 7, "docs"):
        pass


@pytest.mark.parametrize(("installed", "module"), [(True, "tqdm.auto"), (False, "tqdm.std")])
def test_the_notebook_form_is_taken_where_it_can_be_drawn(
    installed: bool, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bars, "find_spec", lambda name: name if installed or name == "tqdm" else None)
    imported: list[str] = []
    monkeypatch.setattr(bars, "import_module", lambda name: imported.append(name) or import_module("tqdm.std"))
    with progress_updates(True, 7, "docs") as update:
        update(7)
    assert imported == [module]


@pytest.mark.parametrize("wrong", [None, 1.5, "bar"])
def test_a_wrong_progress_is_refused(wrong: Any) -> None:
    message = "progress must be True, False, 'tqdm', 'rich' or a callable, not"
    with pytest.raises(ArgError, match=message), progress_updates(wrong, 7, "docs"):
        pass
    with pytest.raises(ArgError, match=message), build_updates(wrong, "docs"):
        pass
