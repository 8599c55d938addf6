"""`vecs load`: files and folders into a collection."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, cast

import typer

import vecs
from vecs._checks.shown import brief
from vecs.cli.connecting import Target, connect, connect_existing, exists
from vecs.cli.files.columns import PARTS, Columns, parse_columns, parse_types
from vecs.cli.files.encodings import checked_encoding
from vecs.cli.files.finding import FORMATS, STDIN, Found, find_files
from vecs.cli.files.reading import Ended, Problem, Read, ReadOptions, read_files, size_of
from vecs.cli.opening import Api, Model, Name, Wanted, check_same_model, load_model, told
from vecs.cli.plain import plain
from vecs.cli.storing import Storing, Tally, delete_gone, store
from vecs.cli.terminal import UsageError, complain, emit_json, loading, reporting, say
from vecs.exc import ArgError, CollectionNotFound, VecsException
from vecs.records import Record

_FORMATS = sorted({*FORMATS.values()})
# Further problems of one file are counted only.
_SHOWN_PER_FILE = 5


class NothingLoaded(VecsException):
    """No file could be read."""


def load(
    collection: Name,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER|PATTERN|-",
            help="What to load: tables (csv, tsv, jsonl, json, parquet), a record for each row, and documents "
            "(txt, md, html, pdf, docx). - is stdin.",
            show_default=False,
        ),
    ],
    model: Model = None,
    api: Api = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help=f"Read all as one of {', '.join(_FORMATS)}.", show_default=False),
    ] = None,
    patterns: Annotated[
        list[str] | None,
        typer.Option(
            "--glob",
            metavar="PATTERN",
            help="Of folders, load the files that match, such as '*.rst'; again for others.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="PART=COLUMN,...",
            help=f"Which column is which part ({', '.join(PARTS)}), as in text=body,id=key. The rest is metadata.",
            show_default=False,
        ),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            metavar="TYPES",
            help="csv has no types: what JSON reads as a number or true is one, all else a text. 'text' keeps all as "
            "text, 'zip=text,year=number' says it of some columns.",
            show_default=False,
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="What separates columns of csv.", show_default=False)
    ] = None,
    encoding: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="The encoding of texts that are not UTF-8 and do not say it themselves; of several, the first that "
            "fits.",
            show_default=False,
        ),
    ] = None,
    id_prefix: Annotated[str, typer.Option("--id-prefix", metavar="TEXT", help="Put this before each id.")] = "",
    stop_after: Annotated[
        int | None,
        typer.Option("--stop-after", metavar="NUMBER", min=1, help="Stop after so many.", show_default=False),
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Delete what an earlier load stored of the same sources and is gone there.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="With --sync: an empty source means to delete all that came from it.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What --sync knows the sources by, instead of their absolute paths: for runs on other machines.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    target: Target = None,
) -> None:
    """
    Load files and folders into a collection, which is made if there is none.

    A document has its path in the folder as id; a page of a PDF, the path with #page=1. What is stored already and has
    not changed is neither embedded nor written again, so the same command continues an interrupted run. A file or row
    that is wrong is told, and does not stop the rest; the command then ends with 1.
    """
    with reporting("Stopped. What is stored so far stays: the same command goes on from there."):
        options = _read_options(columns, types, delimiter, encoding, id_prefix)
        _check_format(format, sources)
        if sync and stop_after is not None:
            raise UsageError("--sync would take what comes after --stop-after for deleted; leave one of them out")
        wanted = Wanted(model, api)
        found = find_files(sources, patterns or (), format, source)
        tally, telling = Tally(), _Telling()
        telling.tell_missing(found.problems)
        items = _up_to(read_files(found.files, options), stop_after)
        # Before anything is made or opened: something to store.
        before, first = _first(items)
        if first is None:
            _end_without(found, before, telling, sync=sync)
        if first is None and not exists(target):
            say("Nothing is stored there, so there is nothing to delete.")
            return
        # A folder is not made for what then fails.
        plan = None if first is None or exists(target) else _planned(wanted, first.record)
        with connect(target) if first is not None else connect_existing(target) as client:
            kept = _open(client, collection, wanted, first, plan)
            notes = _keeps_notes(kept)
            if sync and not notes:
                raise ArgError(f"the collection {collection!r} has no texts, so it does not keep what --sync needs")
            total = sum(size_of(file.path) for file in found.files)
            with loading(len(found.files), total) as update:
                storing = Storing(kept, update, telling.tell, remember=sync, notes=notes)
                store(chain(before, () if first is None else (first,), items), storing, tally)
            if sync:
                tally.deleted = _sync(kept, found, tally, telling, allow_empty=allow_empty)
        telling.tell_rest()
        if as_json:
            emit_json(_summary(tally, telling))
        say(_summary_in_words(tally, found))
        if telling.some:
            raise typer.Exit(1)


def _read_options(
    columns: str | None, types: str | None, delimiter: str | None, encodings: list[str] | None, id_prefix: str
) -> ReadOptions:
    try:
        default, by_column = ("auto", {}) if types is None else parse_types(types)
        if delimiter == "\\t":
            delimiter = "\t"
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ValueError(f"--delimiter {delimiter!r} is not one character; a tab is written '\\t'")
        return ReadOptions(
            Columns({} if columns is None else parse_columns(columns), by_column, default),
            [checked_encoding(name) for name in encodings or ()],
            delimiter,
            id_prefix,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check_format(format: str | None, sources: list[str]) -> None:
    if format is not None and format not in _FORMATS:
        raise UsageError(f"--format {format!r} is not one of {', '.join(_FORMATS)}")
    if STDIN in sources and format is None:
        raise UsageError(f"say what comes from stdin by --format: {', '.join(_FORMATS)}")
    if sources.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read once only")


def _up_to(items: Iterable[Read | Problem | Ended], most: int | None) -> Iterator[Read | Problem | Ended]:
    count = 0
    for item in items:
        yield item
        count += isinstance(item, Read)
        if count == most:
            return


def _first(items: Iterator[Read | Problem | Ended]) -> tuple[list[Read | Problem | Ended], Read | None]:
    """Return what comes before the first record, and that record."""
    before: list[Read | Problem | Ended] = []
    for item in items:
        if isinstance(item, Read):
            return before, item
        before.append(item)
    return before, None


def _end_without(found: Found, before: list[Read | Problem | Ended], telling: _Telling, *, sync: bool) -> None:
    """End where there is nothing to store, unless all files are gone, which --sync is told about."""
    if sync and not found.files and not telling.some:
        return
    for item in before:
        if isinstance(item, Problem):
            telling.tell(item)
    telling.tell_rest()
    if telling.some:
        raise NothingLoaded("nothing could be read, so nothing was made or changed")
    known = ", ".join(FORMATS)
    hint = f"; {found.passed_over:,} files of other kinds are there, see --glob" if found.passed_over else ""
    raise NothingLoaded(f"there are no files to load (by default {known}){hint}")


def _open(client: vecs.Client, name: str, wanted: Wanted, first: Read | None, plan: Plan | None) -> vecs.Collection:
    """Open the collection, or make it for records such as the first one; raises before anything is made."""
    try:
        found = client.get_collection(name)
    except CollectionNotFound:
        if first is None:
            raise
        plan = plan or _planned(wanted, first.record)
        return told(client.create_collection(name, **plan.arguments), plan.how)
    check_same_model(found, wanted)
    if first is not None and first.record.vec is None and found.transform is None:
        raise ArgError(
            f"the collection {name!r} has no model that makes vectors of texts{_why(found)}: load rows with vectors "
            "(--columns vec=...), or take another collection"
        )
    return found


def _why(collection: Any) -> str:
    """Return why a collection that was made with a transform was opened without it."""
    why = collection._without_transform
    return f" ({why})" if why else ""


@dataclass(frozen=True)
class Plan:
    """How a collection is to be made, and how that is told."""

    arguments: dict[str, Any]
    how: str


def _planned(wanted: Wanted, record: Record) -> Plan:
    """Return how to make a collection for records such as this one; its model is loaded then."""
    if record.vec is not None and not wanted.named:
        return _planned_for(record.vec)
    transform = wanted.transform()
    load_model(transform, wanted)
    return Plan({"transform": transform}, f"with the model {wanted}")


def _planned_for(vec: object) -> Plan:
    if isinstance(vec, vecs.SparseVector):
        sparse = {"dimension": vec.dimension, "text": True, "sparse": True}
        return Plan(sparse, f"for sparse vectors of {vec.dimension:,} dimensions")
    numbers = cast("list[object]", vec) if isinstance(vec, list) else []
    if not numbers or not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
        raise ArgError(f"the first vector is not a list of numbers but {brief(cast('object', vec))}")
    bits = all(isinstance(each, bool) for each in numbers)
    dense = {"dimension": len(numbers), "text": True, "precision": "binary" if bits else None}
    return Plan(dense, f"for vectors of {len(numbers):,} {'bits' if bits else 'numbers'}")


def _keeps_notes(collection: Any) -> bool:
    """Whether its records have a place for where they come from."""
    return bool(collection._table().has_extra)


def _sync(collection: vecs.Collection, found: Found, tally: Tally, telling: _Telling, *, allow_empty: bool) -> int:
    full = {file.source.key for file in found.files}
    sources = [source for source in found.sources if source.key in full or allow_empty]
    for source in found.sources:
        if source not in sources:
            say(f"{plain(source.given)} has no files: nothing of it is deleted without --allow-empty.")
    if telling.missing:
        say("Some sources do not exist: nothing of those is deleted.")
    return delete_gone(collection, sources, tally.seen, tally.bad_files)


class _Telling:
    """Tells what is wrong, the first few of each file; the rest is counted."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._counts: dict[str, int] = {}
        self.problems: list[tuple[str, str]] = []

    @property
    def some(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.missing or self._counts)

    def tell_missing(self, problems: list[str]) -> None:
        """Tell of what does not exist."""
        self.missing = problems
        for problem in problems:
            complain(f"vecs: {plain(problem)}")

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


def _summary(tally: Tally, telling: _Telling) -> dict[str, object]:
    return {
        "files": tally.files,
        "stored": tally.stored,
        "unchanged": tally.unchanged,
        "deleted": tally.deleted,
        "wrong": tally.wrong + len(telling.missing),
        "problems": [*telling.missing, *(f"{name}: {why}" for name, why in telling.problems)],
    }


def _summary_in_words(tally: Tally, found: Found) -> str:
    counts = (
        (tally.stored, "stored"),
        (tally.unchanged, "unchanged"),
        (tally.deleted, "deleted"),
        (tally.wrong, "wrong"),
    )
    parts = [f"{number:,} {what}" for number, what in counts if number]
    over = f" ({found.passed_over:,} of other kinds passed over)" if found.passed_over else ""
    return f"{tally.files:,} file{'' if tally.files == 1 else 's'}{over}: {', '.join(parts) or 'nothing to do'}."
