"""Gather the documentation of the standard library, each piece once and under its public name."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vecs.cli.stdlib import native
from vecs.cli.stdlib.docs import Doc
from vecs.cli.stdlib.source import Source, read_source

# Shorter docstrings ("See above.") say nothing that one could search for.
MIN_LENGTH = 20

# What most programs use, for a first run of about a minute.
WELL_KNOWN = frozenset(
    "argparse array ast asyncio base64 bisect builtins bz2 calendar cmath codecs collections concurrent configparser "
    "contextlib contextvars copy csv dataclasses datetime decimal difflib email enum filecmp fileinput fnmatch "
    "fractions functools gc getpass glob graphlib gzip hashlib heapq hmac html http importlib inspect io ipaddress "
    "itertools json locale logging lzma math mimetypes mmap multiprocessing operator os pathlib pickle platform pprint "
    "queue random re sched secrets select selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl "
    "statistics string struct subprocess sys sysconfig tarfile tempfile textwrap threading time timeit tomllib "
    "traceback types typing unicodedata unittest urllib uuid warnings weakref webbrowser xml zipfile zlib "
    "zoneinfo".split()
)

# Applications, tests and jokes that are shipped with the library but are not for use in programs; ntpath is
# os.path once more.
_SKIPPED = frozenset(
    "antigravity distutils ensurepip idlelib lib2to3 ntpath pydoc_data site-packages test tests this turtledemo".split()
)
# The modules behind a name that no import statement tells.
_SHOWN_BY = {"posixpath": "os.path", "genericpath": "os.path"}


def stdlib_docs(*, everything: bool = False) -> list[Doc]:
    """
    Return the documentation of the well-known modules, or of all, in the order of their names.

    Names that begin with an underscore are left out, and docstrings that are too short to say something.
    """
    kept: dict[str, Doc] = {}
    for doc in (*_from_source(), *_from_native()):
        wanted = everything or doc.module.partition(".")[0] in WELL_KNOWN
        if wanted and len(doc.docstring) >= MIN_LENGTH:
            kept.setdefault(doc.id, doc)
    return [kept[id] for id in sorted(kept)]


def _from_native() -> Iterator[Doc]:
    for module in native.MODULES:
        yield from native.native_docs(module)


def _from_source() -> Iterator[Doc]:
    sources = {source.module: source for source in _sources(Path(sysconfig.get_path("stdlib")))}
    shown = _showing(sources.values())
    for source in sources.values():
        for doc in source.docs:
            module = _public_module(doc, sources, shown)
            if module is not None:
                yield doc.shown_by(module)


def _sources(library: Path) -> Iterator[Source]:
    for file in sorted(library.rglob("*.py")):
        parts = [*file.relative_to(library).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if not parts or parts[0] not in sys.stdlib_module_names or not _SKIPPED.isdisjoint(parts):
            continue
        source = read_source(file, ".".join(parts))
        if source is not None:
            yield source


def _showing(sources: Iterable[Source]) -> dict[tuple[str, str], list[Source]]:
    """Map what is imported, by (module, name), to the public modules that show it as their own."""
    shown: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        for origin, name in source.imports:
            own = origin.startswith("_") or origin.partition(".")[0] == source.module.partition(".")[0]
            if own and _is_public(source.module):
                shown.setdefault((origin, name), []).append(source)
    return shown


def _public_module(
    doc: Doc, sources: Mapping[str, Source], shown: Mapping[tuple[str, str], list[Source]]
) -> str | None:
    """Return the module with the shortest name from which users import it, None if it is not for them."""
    if any(part.startswith("_") for part in doc.name.split(".")):
        return None
    if doc.module in _SHOWN_BY:
        return _SHOWN_BY[doc.module] if doc.name else None
    name = doc.name.partition(".")[0]
    if not name:
        return doc.module if _is_public(doc.module) else None
    showing = [*shown.get((doc.module, name), ()), *shown.get((doc.module, "*"), ())]
    found = [sources[doc.module], *showing]
    public = [source.module for source in found if _is_public(source.module) and source.exports(name)]
    return min(public, key=lambda module: (module.count("."), len(module)), default=None)


def _is_public(module: str) -> bool:
    return not any(part.startswith("_") for part in module.split("."))
