"""Progress of a long write or build: a callback, or a bar of tqdm's or rich's."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

from vecs._checks.shown import brief
from vecs._reports.builds import BuildProgress, BuildReport
from vecs.exc import ArgError, MissingDependency

ProgressCallback: TypeAlias = Callable[[int, "int | None"], object]
Progress: TypeAlias = "bool | Literal['tqdm', 'rich'] | ProgressCallback"
BuildProgressArg: TypeAlias = "bool | Literal['tqdm', 'rich'] | BuildReport"

_PERCENT_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


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
def build_updates(progress: BuildProgressArg, label: str) -> Generator[BuildReport | None]:
    """Give a function to call with a build's progress; None where nobody wants to know."""
    if callable(progress):
        yield progress
    elif progress is False:
        yield None
    else:
        with _bar(progress, 100, label, _PERCENT_BAR) as update:

            def show(at: BuildProgress) -> None:
                update(round(at.percent or 0.0, 1), f"{label}: {at.phase}")

            yield show


@contextmanager
def _bar(
    progress: object, total: int | None, label: str, bar_format: str | None = None
) -> Generator[Callable[..., object]]:
    """Give a function to call with how many are done, and with another label, if it changes."""
    if progress is not True and (not isinstance(progress, str) or progress not in ("tqdm", "rich")):
        raise ArgError(f"progress must be True, False, 'tqdm', 'rich' or a callable, not {brief(progress)}")
    if progress == "tqdm" or (progress is True and find_spec("tqdm")):
        with _tqdm(total, label, bar_format) as update:
            yield update
    else:
        with _rich(total, label) as update:
            yield update


@contextmanager
def _tqdm(total: int | None, label: str, bar_format: str | None) -> Generator[Callable[..., object]]:
    try:
        # The notebook form needs ipywidgets: without them it warns, and draws nothing.
        module = import_module("tqdm.auto" if find_spec("ipywidgets") else "tqdm.std")
    except ImportError as error:
        raise _missing("tqdm") from error
    bar: Any = module.tqdm(total=total, desc=label, unit="record", unit_scale=False, bar_format=bar_format)

    def update(done: float, description: str | None = None) -> None:
        if description is not None:
            bar.set_description_str(description, refresh=False)
        bar.update(done - bar.n)

    with bar:
        yield update


@contextmanager
def _rich(total: int | None, label: str) -> Generator[Callable[..., object]]:
    try:
        from rich.progress import Progress as RichProgress
    except ImportError as error:
        raise _missing("rich") from error
    with RichProgress() as bar:
        task = bar.add_task(label, total=total)

        def update(done: float, description: str | None = None) -> None:
            bar.update(task, completed=done, description=description)

        yield update


def _missing(name: str) -> MissingDependency:
    return MissingDependency(
        f"a progress bar needs tqdm or rich, and {name} is not installed: pip install 'vecs[progress]'"
    )
