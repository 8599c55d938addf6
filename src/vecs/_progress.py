"""Progress of a long write or build: a callback, or a bar of tqdm's or rich's."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

from vecs.exc import ArgError, MissingDependency

ProgressCallback: TypeAlias = Callable[[int, "int | None"], object]
Progress: TypeAlias = "bool | Literal['tqdm', 'rich'] | ProgressCallback"


@contextmanager
def progress_updates(progress: Progress, total: int | None, label: str) -> Generator[Callable[[int], object]]:
    """
    Give a function to call with how many are done so far.

    True takes tqdm (its notebook form where there is a notebook) or else rich, whichever is installed; a
    callable is called with (done, total), total being None where the input does not tell its length.
    """
    if callable(progress):
        callback = progress
        yield lambda done: callback(done, total)
    elif progress is False:
        yield lambda done: None
    else:
        with _bar(progress, total, label) as update:
            yield update


@contextmanager
def _bar(progress: object, total: int | None, label: str) -> Generator[Callable[[int], object]]:
    if progress not in (True, "tqdm", "rich"):
        raise ArgError(f"progress must be True, False, 'tqdm', 'rich' or a callable, not {progress!r}")
    if progress == "tqdm" or (progress is True and find_spec("tqdm")):
        with _tqdm(total, label) as update:
            yield update
    else:
        with _rich(total, label) as update:
            yield update


@contextmanager
def _tqdm(total: int | None, label: str) -> Generator[Callable[[int], object]]:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise _missing("tqdm") from error
    bar: Any = tqdm(total=total, desc=label, unit="record", unit_scale=False)
    with bar:
        yield lambda done: bar.update(done - bar.n)


@contextmanager
def _rich(total: int | None, label: str) -> Generator[Callable[[int], object]]:
    try:
        from rich.progress import Progress as RichProgress
    except ImportError as error:
        raise _missing("rich") from error
    with RichProgress() as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def _missing(name: str) -> MissingDependency:
    return MissingDependency(
        f"a progress bar needs tqdm or rich, and {name} is not installed: pip install 'vecs[progress]'"
    )
