"""Which other files an ONNX file names, and whether they are those of its model."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

# Of the messages that lead to tensors, the fields that hold further ones (onnx.proto).
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LARGEST_TAG, _LARGEST_SIZE = 2**32 - 1, 2**31 - 1


def check_external(graph: Path, folder: Path) -> None:
    """
    Raise ValueError if an ONNX file names weights outside its model's folder: versions of onnxruntime read any.

    What Hugging Face's cache holds are links to files beside its snapshots.
    """
    allowed = [os.path.realpath(folder)]
    if folder.parent.name == "snapshots":
        allowed.append(os.path.realpath(folder.parent.parent / "blobs"))
    for name in sorted(external_files(graph)):
        path = os.path.normpath(graph.parent / name)
        inside = Path(path).is_relative_to(os.path.normpath(folder))
        if os.path.isabs(name) or "\\" in name or "\0" in name or not inside:
            raise ValueError(f"{graph} names weights outside the model's folder: {name[:100]!r}")
        if not any(Path(os.path.realpath(path)).is_relative_to(place) for place in allowed):
            raise ValueError(f"{graph} names weights that are a link out of the model's folder: {name[:100]!r}")


def external_files(graph: Path) -> set[str]:
    """Return the names of the files that hold weights of an ONNX file, as they are written in it."""
    if not graph.stat().st_size:
        raise ValueError(f"{graph} is empty")
    found: set[str] = set()
    with open(graph, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        ahead = [("model", 0, len(data))]
        while ahead:
            kind, start, end = ahead.pop()
            if kind == "entry":
                texts = {number: data[at:to] for number, at, to in _parts(data, start, end)}
                if texts.get(1) == b"location":
                    found.add(texts.get(2, b"").decode("utf-8", "surrogateescape"))
                continue
            inner = _FIELDS[kind]
            ahead += [(inner[number], at, to) for number, at, to in _parts(data, start, end) if number in inner]
    return found


def _parts(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the start and the end of each field of bytes in a message of protobuf."""
    while at < end:
        begin = at
        tag, at = _varint(data, at, end)
        wire = tag & 7
        # Protobuf cuts longer tags to 32 bits, or refuses them: what is read here must be what it reads.
        if tag > _LARGEST_TAG or at - begin > 5 or not tag >> 3:
            raise ValueError("this is no ONNX file: a field in it has a wrong number")
        if wire == _VARINT:
            _, at = _varint(data, at, end)
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        elif wire == _BYTES:
            size, at = _varint(data, at, end)
            if size > end - at or size > _LARGEST_SIZE:
                raise ValueError("this is no ONNX file, or a part of it is missing")
            yield tag >> 3, at, at + size
            at += size
        else:
            raise ValueError("this is no ONNX file")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("this is no ONNX file, or a part of it is missing")
