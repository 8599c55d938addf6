"""`vecs load`: files and folders into a collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, NamedTuple

import typer

import vecs
from vecs.cli.connecting import Target, connect, connect_existing, exists
from vecs.cli.files.columns import PARTS, Columns, parse_columns, parse_types
from vecs.cli.files.encodings import checked_encoding
from vecs.cli.files.finding import FORMATS, STDIN, Found, find_files
from vecs.cli.files.reading import Ended, Problem, Read, ReadOptions, read_files, size_of
from vecs.cli.opening import Api, Model, Name, Wanted
from vecs.cli.plain import plain
from vecs.cli.receiving import keeps_notes, open_or_make, planned
from vecs.cli.storing import Storing, Tally, delete_gone, store
from vecs.cli.telling import Telling, summary, summary_in_words
from vecs.cli.terminal import UsageError, emit_json, loading, reporting, say
from vecs.exc import ArgError, VecsException

_FORMATS = sorted({*FORMATS.values()})


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
        found = find_files(sources, patterns or (), format, source)
        telling = Telling(found.problems)
        items = _up_to(read_files(found.files, options), stop_after)
        tally = _load(collection, target, found, items, Wanted(model, api), telling, _Sync(sync, allow_empty))
        telling.tell_rest()
        if as_json:
            emit_json(summary(tally, telling))
        say(summary_in_words(tally, found))
        if telling.some:
            raise typer.Exit(1)


class _Sync(NamedTuple):
    wanted: bool
    allow_empty: bool


def _load(
    name: str,
    target: str | None,
    found: Found,
    items: Iterator[Read | Problem | Ended],
    wanted: Wanted,
    telling: Telling,
    sync: _Sync,
) -> Tally:
    # Before anything is opened or made: is there something to store?
    before, first = _first(items)
    if first is None:
        _end_without(found, before, telling, sync=sync.wanted)
        record, plan, opened = None, None, connect_existing(target)
    else:
        # No folder is made for what then fails.
        record = first.record
        plan = None if exists(target) else planned(wanted, record)
        opened = connect(target)
    tally = Tally()
    with opened as client:
        kept = open_or_make(client, name, wanted, record, plan)
        notes = keeps_notes(kept)
        if sync.wanted and not notes:
            raise ArgError(f"the collection {name!r} has no texts, so it does not keep what --sync needs")
        size = sum(size_of(file.path) for file in found.files)
        with loading(len(found.files), size) as update:
            storing = Storing(kept, update, telling.tell, remember=sync.wanted, notes=notes)
            store(chain(before, () if first is None else (first,), items), storing, tally)
        if sync.wanted:
            tally.deleted = _delete_gone(kept, found, tally, telling, allow_empty=sync.allow_empty)
    return tally


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


def _end_without(found: Found, before: list[Read | Problem | Ended], telling: Telling, *, sync: bool) -> None:
    """End where there is nothing to store, unless all files are gone, which --sync is told about."""
    for item in before:
        if isinstance(item, Problem):
            telling.tell(item)
    telling.tell_rest()
    if telling.some:
        raise NothingLoaded("nothing could be read, so nothing was made or changed")
    if sync:
        return
    if found.files:
        raise NothingLoaded("the files hold no rows, so nothing was made or changed")
    known = ", ".join(FORMATS)
    hint = f"; {len(found.passed_over):,} files of other kinds are there, see --glob" if found.passed_over else ""
    raise NothingLoaded(f"there are no files to load (by default {known}){hint}")


def _delete_gone(
    collection: vecs.Collection, found: Found, tally: Tally, telling: Telling, *, allow_empty: bool
) -> int:
    """Delete what came from the sources and is gone; return how many documents and rows."""
    if telling.missing:
        say("Some sources do not exist: nothing is deleted.")
        return 0
    sources = [source for source in found.sources if source.key in tally.sources or allow_empty]
    for source in found.sources:
        if source not in sources:
            say(f"{plain(source.given)} holds nothing: nothing of it is deleted without --allow-empty.")
    return delete_gone(collection, sources, tally.seen, tally.bad_files, found.passed_over)
