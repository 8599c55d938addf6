"""Which files are meant by the names of files and folders that a person gives."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath

from vecs.cli.files.problems import BadFile

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
TABLES = frozenset(("csv", "tsv", "jsonl", "json", "parquet"))
STDIN = "-"


@dataclass(frozen=True)
class Source:
    """
    One thing that was named: a file, a folder or stdin.

    `key` stands for it in the records that come from it, so that a later run knows them. It is a digest, since
    others who read the collection need not know the folders of this machine.
    """

    given: str
    key: str
    is_folder: bool = False


@dataclass(frozen=True)
class File:
    """A file to read: `path` is None for stdin, `name` is its path in the folder, and the id of what it holds."""

    path: Path | None
    name: str
    format: str
    source: Source


@dataclass(frozen=True)
class Found:
    """What the names mean; `passed_over` are the names of files in folders that nobody asked for."""

    files: list[File]
    sources: list[Source]
    problems: list[str]
    passed_over: set[str]


def find_files(names: Iterable[str], patterns: Sequence[str], format: str | None, label: str | None) -> Found:
    """
    Return the files of these names, each once; what does not exist is a problem that is told.

    A name with *, ? or [ that is no file is a pattern. Of folders, `patterns` say which files are read; without them
    those of a known kind. Hidden files and folders are left out there. `label` names the source where the folder's
    own path is not to.
    """
    files: dict[Path | None, File] = {}
    sources: dict[str, Source] = {}
    problems: list[str] = []
    passed_over: set[str] = set()
    named = list(_expanded(names, problems))
    for name in named:
        source = _source(name, label)
        sources.setdefault(source.key, source)
        if name == STDIN:
            files[None] = File(None, "stdin", format or "text", source)
        elif source.is_folder:
            within, others = _walk(Path(name), patterns, format, source)
            passed_over |= others
            if label is not None and not within and len(named) > 1:
                # With one label for all, nobody could tell what came from this one before.
                problems.append(f"{name}: holds no files")
            for file in within:
                files.setdefault(_real(file.path), file)
        else:
            path = Path(name)
            files.setdefault(_real(path), File(path, _written(path), format or _format(path), source))
    return Found(list(files.values()), list(sources.values()), problems, passed_over)


def _expanded(names: Iterable[str], problems: list[str]) -> Iterator[str]:
    for name in names:
        if name == STDIN or os.path.exists(name):
            yield name
        elif glob.has_magic(name):
            matching = sorted(glob.glob(os.path.expanduser(name), recursive=True))
            if not matching:
                problems.append(f"{name}: no file matches")
            yield from matching
        else:
            problems.append(f"{name}: there is no such file or folder")


def _source(name: str, label: str | None) -> Source:
    path = Path(name)
    is_folder = name != STDIN and path.is_dir()
    meant = label if label is not None else name if name == STDIN else str(path.resolve())
    return Source(name, hashlib.sha256(os.fsencode(meant)).hexdigest()[:20], is_folder)


def _walk(folder: Path, patterns: Sequence[str], format: str | None, source: Source) -> tuple[list[File], set[str]]:
    """Return the files of a folder that are wanted, and the names of its others. Pipes and devices are none."""
    found: list[File] = []
    others: set[str] = set()

    def refuse(error: OSError) -> None:
        raise BadFile(f"{folder}: {error.strerror}") from error

    # A folder that cannot be read may not look empty: what came from it would be taken for deleted.
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(each for each in names if not each.startswith(".")):
            path = Path(parent, name)
            inner = _posix(path.relative_to(folder))
            wanted = (
                any(_matches(inner, pattern) for pattern in patterns) if patterns else path.suffix.lower() in FORMATS
            )
            if wanted and (path.is_file() or not path.exists()):
                found.append(File(path, inner, format or _format(path), source))
            else:
                others.add(inner)
    return found, others


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a path: one without / means a name in any folder."""
    if "/" not in pattern:
        return fnmatch(name.rpartition("/")[2], pattern)
    return fnmatch(name, pattern) or (pattern.startswith("**/") and fnmatch(name, pattern[3:]))


def _format(path: Path) -> str:
    return FORMATS.get(path.suffix.lower(), "text")


def _real(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()


def _written(path: Path) -> str:
    """Return a file's path as it was written, without ./ and ../ before it."""
    parts = [part for part in path.parts if part not in ("..", path.anchor)]
    return _posix(PurePath(*parts))


def _posix(path: PurePath) -> str:
    # Names that are not UTF-8 stay different from each other.
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
