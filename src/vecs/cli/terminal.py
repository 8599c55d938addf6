"""What the command says and where: answers on stdout, progress and complaints on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import NoReturn, Protocol

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment

from vecs import BuildProgress
from vecs.cli.plain import plain, plain_json
from vecs.exc import ServerError, VecsException


class PlainConsole(Console):
    """Prints texts of others, in whatever they stand, without what a terminal would obey."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with each piece of text cleaned; what rich itself tells the terminal is no text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text, lines=True), segment.style)

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to `reporting()` to end: whoever read has seen enough, which is no failure."""
        raise BrokenPipeError


OUT = PlainConsole()
ERR = PlainConsole(stderr=True)

USAGE = 2
INTERRUPTED = 130
_TRACEBACK = "VECS_TRACEBACK"
# Seconds between lines that tell how far a load is, where no bar is drawn.
_TOLD_EVERY = 10


class UsageError(VecsException):
    """The command line itself is wrong."""


@contextmanager
def reporting(interrupted: str = "Stopped.") -> Generator[None]:
    """Print errors as one line and end with 1, or 2 for a wrong command line, and 130 for Ctrl-C."""
    try:
        with warnings.catch_warnings():
            # Warnings are written for programmers, with lines of source.
            warnings.simplefilter("ignore")
            yield
            # Here, where it is told, and not when Python ends.
            sys.stdout.flush()
    except VecsException as error:
        # A server that does not start says why in the lines of its log.
        message = str(error) if isinstance(error, ServerError) else " ".join(plain(error).split())
        complain(f"vecs: {message}")
        raise typer.Exit(USAGE if isinstance(error, UsageError) else 1) from None
    except BrokenPipeError:
        _drop_the_rest()
        raise typer.Exit from None
    except OSError as error:
        complain(f"vecs: {' '.join(plain(error).split())}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain(interrupted)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        # Typer's own, and what no one has foreseen.
        if type(error).__module__.startswith(("typer", "click")) or os.environ.get(_TRACEBACK):
            raise
        said = " ".join(plain(error).split())
        complain(f"vecs: unexpected {type(error).__name__}: {said} ({_TRACEBACK}=1 shows where)")
        raise typer.Exit(1) from None


def _drop_the_rest() -> None:
    """Write what is left to be written to nowhere: Python would complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(line: str) -> None:
    """Write a line for programs on stdout, as it is; see plain_json() for what others wrote."""
    OUT.file.write(f"{line}\n")


def emit_json(value: object) -> None:
    """Write a value as one line of JSON; characters that stdout or nobody can show are escaped."""
    shows_all = "utf" in (getattr(OUT.file, "encoding", None) or "utf-8").lower()
    emit(plain_json(json.dumps(value, ensure_ascii=not shows_all)))


def say(message: str) -> None:
    """Tell what happens, on stderr."""
    ERR.print(message, soft_wrap=True)


def complain(message: str) -> None:
    """Say what went wrong, unwrapped, so that a log keeps it in one line."""
    ERR.print(message, soft_wrap=True, style="red" if ERR.is_terminal else None)


@contextmanager
def step(doing: str) -> Generator[None]:
    """Show that something is going on, and how long it took if that was a second or more."""
    began = time.monotonic()
    if not ERR.is_terminal:
        say(f"{doing} ...")
        yield
        return
    with ERR.status(doing):
        yield
    seconds = time.monotonic() - began
    say(f"{doing}: {seconds:.0f} s" if seconds >= 1 else f"{doing}: done")


@contextmanager
def bar(doing: str, total: int, what: str = "texts") -> Generator[Callable[[int, int | None], object]]:
    """Give a progress callback: it draws a bar on a terminal, and writes ten lines at most elsewhere."""
    if not ERR.is_terminal:
        say(f"{doing}: {total:,} {what} ...")
        yield _tenths(total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
    )
    # The first seconds say little: the speed is taken over the whole run.
    with Progress(*columns, console=ERR, speed_estimate_period=600) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done, _: progress.update(task, completed=done)


class Loaded(Protocol):
    """How far a load is."""

    at: int

    @property
    def files(self) -> int:
        """How many files were begun."""
        ...

    @property
    def done(self) -> int:
        """How many documents were dealt with."""
        ...


@contextmanager
def loading(files: int, size: int) -> Generator[Callable[[Loaded], object]]:
    """Give a callback that shows how far a load of so many files and bytes is; 0 bytes: nobody knows how many."""
    if not ERR.is_terminal:
        yield _told_sometimes(files, size)
        return
    narrow = ERR.width < 60
    columns = (
        TextColumn("Loading"),
        BarColumn(bar_width=10 if narrow else 40),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        *(() if narrow else (TimeRemainingColumn(compact=True),)),
    )
    with Progress(*columns, console=ERR, speed_estimate_period=600) as progress:
        task = progress.add_task("", total=size or None, told="0 texts")

        def update(loaded: Loaded) -> None:
            of_files = f"{loaded.files:,}/{files:,} files, " if files > 1 and not narrow else ""
            progress.update(task, completed=loaded.at, told=f"{of_files}{loaded.done:,} texts")

        yield update


@contextmanager
def building() -> Generator[Callable[[BuildProgress], object]]:
    """Give a callback that shows how far the build of an index is."""
    if not ERR.is_terminal:
        yield _told_phases()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10 if ERR.width < 60 else 40),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, console=ERR) as progress:
        task = progress.add_task("Building", total=100, rate="")

        def update(build: BuildProgress) -> None:
            rate = f"{build.rate:,.0f} {build.unit}/s" if build.rate and build.unit and ERR.width >= 60 else ""
            progress.update(task, description=build.phase.capitalize(), completed=build.percent, rate=rate)

        yield update


def _told_phases() -> Callable[[BuildProgress], object]:
    told = ""

    def update(build: BuildProgress) -> None:
        nonlocal told
        if build.phase != told:
            told = build.phase
            say(f"  {told}, {build.seconds:.0f} s")

    return update


def _told_sometimes(files: int, size: int) -> Callable[[Loaded], object]:
    began = told = time.monotonic()

    def update(loaded: Loaded) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < _TOLD_EVERY or loaded.at >= size:
            return
        told = now
        left = f", about {(now - began) * (size - loaded.at) / loaded.at:.0f} s left" if loaded.at else ""
        say(f"  {loaded.done:,} texts, {loaded.files:,} of {files:,} files{left}")

    return update


def _tenths(total: int) -> Callable[[int, int | None], object]:
    began = time.monotonic()
    told = 0

    def update(done: int, _: int | None) -> None:
        nonlocal told
        tenth = done * 10 // total
        if tenth <= told:
            return
        told = tenth
        seconds = time.monotonic() - began
        left = f", about {seconds * (total - done) / done:.0f} s left" if done < total else f" in {seconds:.0f} s"
        say(f"  {done:,} of {total:,}{left}")

    return update
