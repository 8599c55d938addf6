"""What the command says and where: answers on stdout, progress and complaints on stderr."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment

from vecs.cli.plain import plain
from vecs.exc import ServerError, VecsException


class PlainConsole(Console):
    """Prints texts of others, in whatever they stand, without what a terminal would obey."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with each piece of text cleaned; what rich itself tells the terminal is no text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text, lines=True), segment.style)


OUT = PlainConsole()
ERR = PlainConsole(stderr=True)

USAGE = 2
INTERRUPTED = 130


class UsageError(VecsException):
    """The command line itself is wrong."""


@contextmanager
def reporting(interrupted: str = "Stopped.") -> Generator[None]:
    """Print vecs' errors as one line and end with 1, or 2 for a wrong command line, and 130 for Ctrl-C."""
    try:
        with warnings.catch_warnings():
            # Warnings are written for programmers, with lines of source.
            warnings.simplefilter("ignore")
            yield
    except VecsException as error:
        # A server that does not start says why in the lines of its log.
        message = str(error) if isinstance(error, ServerError) else " ".join(plain(error).split())
        complain(f"vecs: {message}")
        raise typer.Exit(USAGE if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        complain(interrupted)
        raise typer.Exit(INTERRUPTED) from None


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
