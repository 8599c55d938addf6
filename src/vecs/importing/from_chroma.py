"""Collections of Chroma: the folder of a `PersistentClient`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from vecs._checks.shown import brief
from vecs.exc import ArgError, CollectionNotFound, MissingDependency
from vecs.importing.incoming import Incoming
from vecs.importing.loading import batch_size as checked_size
from vecs.importing.loading import record_of
from vecs.measures import IndexMeasure
from vecs.records import Record

_MEASURES = {
    "cosine": IndexMeasure.cosine_distance,
    "l2": IndexMeasure.l2_distance,
    "ip": IndexMeasure.max_inner_product,
}
_PARTS = ["embeddings", "documents", "metadatas", "uris"]


@contextmanager
def chroma(
    path: str | PathLike[str], names: Sequence[str] | None = None, *, batch_size: int = 1000
) -> Generator[list[Incoming]]:
    """
    Read the collections in the folder of a Chroma `PersistentClient`, by default all of them, by name.

    Chroma writes to a folder when it opens it, so a copy of the folder, in the folder for temporary files, is opened.
    Stop programs that write to it first. Needs the package chromadb. An URI of a record becomes the key `uri` of its
    metadata.
    """
    size = checked_size(batch_size)
    folder = Path(path)
    if not (folder / "chroma.sqlite3").is_file():
        raise ArgError(f"{str(folder)!r} is not the folder of a Chroma PersistentClient: it has no chroma.sqlite3")
    try:
        module: Any = import_module("chromadb")
    except ImportError as error:
        raise MissingDependency("to read a Chroma folder, its package is needed: pip install chromadb") from error
    _check_room(folder)
    with tempfile.TemporaryDirectory(prefix="vecs-chroma-") as copied:
        place = Path(copied) / "data"
        shutil.copytree(folder, place)
        client = module.PersistentClient(str(place), settings=module.Settings(anonymized_telemetry=False))
        known = sorted(_name(each) for each in client.list_collections())
        for name in names or ():
            if name not in known:
                there = ", ".join(known) or "none"
                raise CollectionNotFound(f"no collection {brief(name)} in {folder}; it has {there}")
        yield [
            _incoming(client.get_collection(name, embedding_function=None), size)
            for name in (known if names is None else names)
        ]


def records_of(answer: Mapping[str, Any]) -> list[Record]:
    """Return the records of an answer of Chroma's `get()`."""
    ids = answer["ids"]
    nothing = [None] * len(ids)

    def part(name: str) -> Sequence[Any]:
        found = answer.get(name)
        return nothing if found is None else found

    records: list[Record] = []
    for id, vector, text, given, uri in zip(ids, *(part(name) for name in _PARTS), strict=True):
        metadata = dict(given or {})
        if uri is not None:
            metadata.setdefault("uri", uri)
        records.append(record_of(id, vector, text, metadata))
    return records


def _incoming(collection: Any, size: int) -> Incoming:
    def batches() -> Iterator[list[Record]]:
        begin = 0
        while found := records_of(collection.get(limit=size, offset=begin, include=_PARTS)):
            yield found
            begin += len(found)

    first = next(batches(), None) or list[Record]()
    dimension = next((len(record.vec) for record in first if record.vec is not None), None)
    return Incoming(collection.name, collection.count(), dimension, True, _measure(collection), batches)


def _measure(collection: Any) -> IndexMeasure | None:
    """Return what nearness means in a collection; it is said in its configuration, and was in its metadata."""
    nothing: dict[str, Any] = {}
    configured: dict[str, Any] = getattr(collection, "configuration", None) or nothing
    metadata: dict[str, Any] = collection.metadata or nothing
    index: dict[str, Any] = configured.get("hnsw") or configured.get("spann") or nothing
    return _MEASURES.get(metadata.get("hnsw:space") or index.get("space") or "l2")


def _name(collection: Any) -> str:
    # Some versions list names.
    return collection if isinstance(collection, str) else collection.name


def _check_room(folder: Path) -> None:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size > free:
        raise ArgError(
            f"a copy of {folder} needs {size >> 20} MB, and {tempfile.gettempdir()} has {free >> 20} MB free: "
            "make room there, or set TMPDIR"
        )
