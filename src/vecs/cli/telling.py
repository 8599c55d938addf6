"""What a load tells: what is wrong with which file, and in the end what was done."""

from __future__ import annotations

from vecs.cli.files.finding import Found
from vecs.cli.files.reading import Problem
from vecs.cli.plain import plain
from vecs.cli.storing import Tally
from vecs.cli.terminal import complain

# Further problems of one file are counted only.
_SHOWN_PER_FILE = 5


class Telling:
    """Tells what is wrong, the first few of each file; the rest is counted."""

    def __init__(self, missing: list[str]) -> None:
        """Tell of what does not exist."""
        self.missing = missing
        self._counts: dict[str, int] = {}
        self.problems: list[tuple[str, str]] = []
        for problem in missing:
            complain(f"vecs: {plain(problem)}")

    @property
    def some(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.missing or self._counts)

    def tell(self, problem: Problem) -> None:
        """Tell what is wrong with a file."""
        name = "stdin" if problem.file.path is None else str(problem.file.path)
        self._counts[name] = self._counts.get(name, 0) + 1
        if self._counts[name] <= _SHOWN_PER_FILE:
            self.problems.append((name, problem.why))
            complain(f"vecs: {plain(name)}: {plain(problem.why)}")

    def tell_rest(self) -> None:
        """Tell how many problems were not told."""
        for name, count in self._counts.items():
            if count > _SHOWN_PER_FILE:
                complain(f"vecs: {plain(name)}: {count - _SHOWN_PER_FILE:,} more like these")


def summary(tally: Tally, telling: Telling) -> dict[str, object]:
    """Return what was done, for programs."""
    return {
        "files": tally.files,
        "stored": tally.stored,
        "unchanged": tally.unchanged,
        "deleted": tally.deleted,
        "wrong": tally.wrong + len(telling.missing),
        "problems": [*telling.missing, *(f"{name}: {why}" for name, why in telling.problems)],
    }


def summary_in_words(tally: Tally, found: Found) -> str:
    """Return what was done in one line."""
    counts = (
        (tally.stored, "stored"),
        (tally.unchanged, "unchanged"),
        (tally.deleted, "deleted"),
        (tally.wrong, "wrong"),
    )
    parts = [f"{number:,} {what}" for number, what in counts if number]
    over = f" ({len(found.passed_over):,} of other kinds passed over)" if found.passed_over else ""
    return f"{tally.files:,} file{'' if tally.files == 1 else 's'}{over}: {', '.join(parts) or 'nothing to do'}."
