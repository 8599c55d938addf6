"""What files hold goes into a collection, and what came from files that are gone leaves it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import vecs
from vecs.cli.files.finding import TABLES, File, Source
from vecs.cli.files.reading import ORIGIN, Ended, Problem, Read, size_of
from vecs.exc import ArgError
from vecs.records import Record

# Committed at once: what an interruption can lose is some seconds of work.
_BATCH = 1000
_BATCH_CHARACTERS = 40_000
_AT_ONCE = 1000
# More rows that are wrong are counted, not kept.
_MOST_PROBLEMS = 1000


@dataclass
class Tally:
    """What a load has done so far; `stored` and the others count documents and rows."""

    stored: int = 0
    unchanged: int = 0
    deleted: int = 0
    wrong: int = 0
    at: int = 0
    begun: set[File] = field(default_factory=set[File])
    sources: set[str] = field(default_factory=set[str])
    bad_files: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    problems: list[Problem] = field(default_factory=list[Problem])
    seen: set[str] = field(default_factory=set[str])

    @property
    def files(self) -> int:
        """How many files were begun."""
        return len(self.begun)

    @property
    def done(self) -> int:
        """How many documents were dealt with."""
        return self.stored + self.unchanged

    def refuse(self, problem: Problem) -> None:
        """Note what is wrong with a file."""
        self.wrong += 1
        self.bad_files.add((problem.file.source.key, problem.file.name))
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True)
class Storing:
    """
    How to store: in which collection, and what to call after each batch and for each problem.

    `remember` keeps all ids, which `delete_gone()` needs. `notes` says that records have a place for where they come
    from.
    """

    collection: vecs.Collection
    update: Callable[[Tally], object]
    tell: Callable[[Problem], object]
    remember: bool = False
    notes: bool = True


def store(items: Iterable[Read | Problem | Ended], storing: Storing, tally: Tally) -> None:
    """
    Write what was read in batches, each committed, and count it in `tally`.

    Records that are stored already with the same content are neither embedded nor written. A record that the
    collection refuses is told, and the others of its batch are stored. If all of the first batch is refused, nothing
    else will do either: the error of its first record is raised.
    """
    ids: dict[str, File] = {}
    batch: list[Read] = []
    characters = ended = 0
    for item in items:
        tally.begun.add(item.file)
        if isinstance(item, Problem):
            tally.refuse(item)
            storing.tell(item)
        elif isinstance(item, Ended):
            ended += size_of(item.file.path)
        elif (other := _twin(item, ids)) is not None:
            _refuse_twin(item, other, storing, tally)
        else:
            tally.sources.add(item.file.source.key)
            batch.append(item)
            characters += len(item.record.text or "")
            tally.at = ended + item.at
            if len(batch) >= _BATCH or characters >= _BATCH_CHARACTERS:
                _write(batch, storing, tally)
                batch, characters = [], 0
    _write(batch, storing, tally)
    tally.at = ended
    storing.update(tally)


def _twin(item: Read, ids: dict[str, File]) -> File | None:
    """Return the other file that has the id of this document; of rows with one id the last one is stored."""
    if item.file.format in TABLES:
        return None
    other = ids.setdefault(str(item.record.id), item.file)
    return None if other is item.file else other


def _refuse_twin(item: Read, other: File, storing: Storing, tally: Tally) -> None:
    problem = Problem(
        item.file, f"its id {item.record.id!r} is that of {other.path}; load one of them with --id-prefix"
    )
    tally.refuse(problem)
    storing.tell(problem)


def _write(batch: list[Read], storing: Storing, tally: Tally) -> None:
    if not batch:
        return
    try:
        _upsert([item.record for item in batch], storing, tally)
    except ArgError as error:
        _one_by_one(batch, storing, tally, error)
    if storing.remember:
        tally.seen.update(str(item.record.id) for item in batch)
    storing.update(tally)


def _one_by_one(batch: list[Read], storing: Storing, tally: Tally, first: ArgError) -> None:
    refused: list[Problem] = []
    stored = tally.done
    for item in batch:
        try:
            _upsert([item.record], storing, tally)
        except ArgError as error:
            place = f"{item.where}: " if item.where else ""
            refused.append(Problem(item.file, f"{place}{error}"))
    if tally.done == stored == 0:
        raise first
    for problem in refused:
        tally.refuse(problem)
        storing.tell(problem)


def _upsert(records: list[Record], storing: Storing, tally: Tally) -> None:
    if not storing.notes:
        records = [replace(record, extra=None) for record in records]
    done = storing.collection.upsert(records, skip_unchanged=True)
    tally.unchanged += done.unchanged
    tally.stored += len(records) - done.unchanged


def delete_gone(
    collection: vecs.Collection,
    sources: Iterable[Source],
    seen: Collection[str],
    bad_files: Collection[tuple[str, str]],
    passed_over: Collection[str],
) -> int:
    """
    Delete what came from these sources before and was not seen now; return how many documents and rows that are.

    Records of files that could not be read stay, those of files that are there and were not asked for, and so do those
    that anything else wrote.
    """
    keys = {source.key for source in sources}
    gone: list[str] = []
    documents: set[str] = set()
    for record in collection.scan():
        noted = _origin(record.extra)
        stays = (noted.source, noted.file) in bad_files or noted.file in passed_over or noted.id in seen
        if noted.source in keys and not stays:
            gone.append(str(record.id))
            documents.add(noted.id)
    for start in range(0, len(gone), _AT_ONCE):
        collection.delete(gone[start : start + _AT_ONCE])
    return len(documents)


class _Origin(NamedTuple):
    source: str = ""
    file: str = ""
    id: str = ""


def _origin(extra: Mapping[str, Any] | None) -> _Origin:
    """Return what a record, or a chunk of it, notes of where it comes from."""
    noted: Any = (extra or {}).get(ORIGIN)
    if not isinstance(noted, dict):
        return _Origin()
    told = cast("dict[str, Any]", noted)
    return _Origin(*(str(told.get(name, "")) for name in _Origin._fields))
