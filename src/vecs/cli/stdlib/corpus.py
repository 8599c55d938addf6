"""Gather the documentation of the standard library, each piece once and under its public name."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

from vecs.cli.stdlib.docs import Doc
from vecs.cli.stdlib.modules import CALLED, INTERNAL, NATIVE, SKIPPED, WELL_KNOWN
from vecs.cli.stdlib.native import native_docs
from vecs.cli.stdlib.source import Source, read_source

# Shorter docstrings ("See above.") say nothing that one could search for.
MIN_LENGTH = 20


def stdlib_docs(*, everything: bool = False) -> list[Doc]:
    """
    Return the documentation of the well-known modules, or of all, in the order of their names.

    Names that begin with an underscore are left out, and docstrings that are too short to say something.
    """
    kept: dict[str, Doc] = {}
    for doc in (*_from_source(everything), *_from_native()):
        wanted = everything or doc.module.partition(".")[0] in WELL_KNOWN
        if wanted and len(doc.docstring) >= MIN_LENGTH:
            kept.setdefault(doc.id, doc)
    return [kept[id] for id in sorted(kept)]


def _from_native() -> Iterator[Doc]:
    for module in sorted(NATIVE):
        yield from native_docs(module)


def _from_source(everything: bool) -> Iterator[Doc]:
    sources = {source.module: source for source in _sources(Path(sysconfig.get_path("stdlib")), everything)}
    shown = _showing(sources.values())
    internal = INTERNAL.union(*(source.parts for source in sources.values()))
    for source in sources.values():
        for doc in source.docs:
            if any(part.startswith("_") for part in doc.name.split(".")):
                continue
            known = _well_known_name(doc) or _public_name(doc, source, shown, internal)
            if known is not None:
                yield known


def _sources(library: Path, everything: bool) -> Iterator[Source]:
    for file in sorted(library.rglob("*.py")):
        parts = [*file.relative_to(library).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        if not parts or parts[0] not in sys.stdlib_module_names or not SKIPPED.isdisjoint(parts):
            continue
        # The module behind a well-known one may have any name with an underscore, or be posixpath.
        behind = parts[0].startswith("_") or any(parts[0] == called[0] for called in CALLED)
        if not (everything or behind or parts[0] in WELL_KNOWN):
            continue
        source = read_source(file, ".".join(parts))
        if source is not None:
            yield source


def _well_known_name(doc: Doc) -> Doc | None:
    for module, name, public_module, public_name in CALLED:
        if doc.module == module and doc.name and f"{doc.name}.".startswith(f"{name}." if name else ""):
            return doc.called(public_module, public_name + doc.name[len(name) :])
    return None


def _showing(sources: Iterable[Source]) -> dict[tuple[str, str], list[Source]]:
    """Map what is imported, by (module, name), to the public modules that show it as their own."""
    shown: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        for origin, name in source.imports:
            own = origin.startswith("_") or origin.partition(".")[0] == source.module.partition(".")[0]
            if own and _is_public(source.module):
                shown.setdefault((origin, name), []).append(source)
    return shown


def _public_name(
    doc: Doc, source: Source, shown: Mapping[tuple[str, str], list[Source]], internal: Container[str]
) -> Doc | None:
    """Return it under the shortest module name from which users import it, None if it is not for them."""
    name = doc.name.partition(".")[0]
    if not name:
        return doc if _is_public(doc.module) and doc.module not in internal else None
    showing = [source, *shown.get((doc.module, name), ()), *shown.get((doc.module, "*"), ())]
    modules = [other.module for other in showing if other.exports(name)]
    public = [module for module in modules if _is_public(module) and module not in internal]
    if not public:
        return None
    return doc.called(min(public, key=lambda module: (module.count("."), len(module))), doc.name)


def _is_public(module: str) -> bool:
    return not any(part.startswith("_") for part in module.split("."))
