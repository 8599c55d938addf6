"""Values in Postgres' binary format: vectors, arrays, COPY rows. The one module that knows pgvector's layout."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.postgres import adapters as default_adapters
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

from vecs._checks.json import MAX_DEPTH, nested_deeper_than
from vecs._checks.shown import kind_of
from vecs.sparse import SparseVector

TEXT_OID = 25
JSONB_OID = 3802
BIT_OID = 1560

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_TRAILER = b"\xff\xff"

_INT = struct.Struct("!i")
_NULL = _INT.pack(-1)
_VECTOR_HEADER = struct.Struct("!HH")
_SPARSE_HEADER = struct.Struct("!iii")


class Binary:
    """A parameter already in binary form; the cast beside its placeholder tells the server its type."""

    __slots__ = ("_text", "data")

    def __init__(self, data: bytes, text: Callable[[], str] = str) -> None:
        self.data = data
        self._text = text

    def __str__(self) -> str:
        """Return the same value in text form, for EXPLAIN, which takes no parameters."""
        return self._text()


class _BinaryDumper(Dumper):
    format = Format.BINARY
    oid = 0

    def dump(self, obj: Binary) -> Buffer:
        return obj.data


ADAPTERS = AdaptersMap(default_adapters)
ADAPTERS.register_dumper(Binary, _BinaryDumper)

# Twice what vecs writes. Other programs may write more, and Python's functions for nested values recurse.
MOST_LEVELS = 2 * MAX_DEPTH


class UnreadableJson(ValueError):
    """JSON that another program wrote, and that Python cannot hold; the message says why."""


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (math.inf, -math.inf):
        raise ValueError(f"it has the number {digits[:20]}... of {len(digits)} digits, too large for a float")
    return number


_DECODE = json.JSONDecoder(parse_float=_finite).raw_decode


def read_json(data: str | bytes) -> Any:
    """Read JSON as Python has it; raises UnreadableJson for what Python cannot hold."""
    try:
        # jsonb arrives as UTF-8 without white space around it: json.loads() would look for both, in every row.
        text = data if isinstance(data, str) else data.decode()
        value = _DECODE(text)[0]
    except RecursionError:
        raise UnreadableJson(f"it is nested deeper than {MOST_LEVELS} levels") from None
    except ValueError as error:
        raise UnreadableJson(str(error)) from None
    if text.count("{") + text.count("[") > MOST_LEVELS and nested_deeper_than(MOST_LEVELS, text):
        raise UnreadableJson(f"it is nested deeper than {MOST_LEVELS} levels")
    return value


set_json_loads(read_json, ADAPTERS)


def why_unreadable(jsonb: bytes) -> str | None:
    """Return why a value in the binary form of jsonb cannot be read; None where it can."""
    try:
        read_json(jsonb[1:])
    except UnreadableJson as error:
        return str(error)
    return None


def encode_vector(vec: npt.NDArray[np.float32]) -> bytes:
    """Encode a 1-D float32 array as pgvector's binary form: dimension, a zero, big-endian float4s."""
    return _VECTOR_HEADER.pack(vec.shape[0], 0) + vec.astype(">f4").tobytes()


def decode_vector(data: bytes) -> npt.NDArray[np.float32]:
    """Decode pgvector's binary form into a float32 array of the machine's byte order."""
    return np.frombuffer(data, dtype=">f4", offset=_VECTOR_HEADER.size).astype(np.float32)


def encode_half(vec: npt.NDArray[Any]) -> bytes:
    """Encode a 1-D array as a halfvec: dimension, a zero, big-endian float2s."""
    return _VECTOR_HEADER.pack(vec.shape[0], 0) + vec.astype(">f2").tobytes()


def decode_half(data: bytes) -> npt.NDArray[np.float32]:
    """Decode a halfvec into a float32 array, which holds each of its values."""
    return np.frombuffer(data, dtype=">f2", offset=_VECTOR_HEADER.size).astype(np.float32)


def encode_bits(bits: npt.NDArray[np.bool_]) -> bytes:
    """Encode a 1-D bool array as a bit string: length, then bytes from the most significant bit on."""
    return _INT.pack(bits.shape[0]) + np.packbits(bits).tobytes()


def decode_bits(data: bytes) -> npt.NDArray[np.bool_]:
    """Decode a bit string into a bool array."""
    (length,) = _INT.unpack_from(data)
    return np.unpackbits(np.frombuffer(data, np.uint8, offset=_INT.size), count=length).astype(np.bool_)


def encode_sparse(vec: SparseVector) -> bytes:
    """Encode a sparsevec: dimension, how many values, a zero, big-endian int4 indices from 0 on, float4 values."""
    header = _SPARSE_HEADER.pack(vec.dimension, len(vec), 0)
    return header + vec.indices.astype(">i4").tobytes() + vec.values.astype(">f4").tobytes()


def decode_sparse(data: bytes) -> SparseVector:
    """Decode a sparsevec."""
    dimension, count, _ = _SPARSE_HEADER.unpack_from(data)
    indices = np.frombuffer(data, ">i4", count, _SPARSE_HEADER.size)
    values = np.frombuffer(data, ">f4", count, _SPARSE_HEADER.size + 4 * count)
    return SparseVector(dimension, indices, values)


def vector_param(vec: npt.NDArray[Any]) -> Binary:
    """Wrap a vector as a parameter."""
    return Binary(encode_vector(vec), lambda: _listed(vec))


def half_param(vec: npt.NDArray[Any]) -> Binary:
    """Wrap a vector as a parameter in half precision."""
    return Binary(encode_half(vec), lambda: _listed(vec))


def bits_param(bits: npt.NDArray[np.bool_]) -> Binary:
    """Wrap bits as a parameter."""
    return Binary(encode_bits(bits), lambda: "".join("01"[int(bit)] for bit in bits))


def sparse_param(vec: SparseVector) -> Binary:
    """Wrap a sparse vector as a parameter."""
    return Binary(encode_sparse(vec), lambda: sparse_text(vec))


def _listed(vec: npt.NDArray[Any]) -> str:
    return "[" + ",".join(map(repr, vec.tolist())) + "]"


def sparse_text(vec: SparseVector) -> str:
    """Write a sparsevec in SQL's text form."""
    # In text, unlike in binary, indices count from 1.
    pairs = zip(vec.indices.tolist(), vec.values.tolist(), strict=True)
    return "{" + ",".join(f"{index + 1}:{value!r}" for index, value in pairs) + f"}}/{vec.dimension}"


def encode_jsonb(text: str) -> bytes:
    """Encode JSON text as binary jsonb: a version byte, then the text."""
    return b"\x01" + text.encode()


def array_param(element_oid: int, items: Sequence[bytes | None]) -> Binary:
    """Wrap binary elements as a one-dimensional array parameter."""
    if not items:
        return Binary(struct.pack("!iii", 0, 0, element_oid))
    pieces = [struct.pack("!iiiii", 1, int(None in items), element_oid, len(items), 1)]
    pieces.extend(_fields(items))
    return Binary(b"".join(pieces))


def copy_row(fields: Sequence[bytes | None]) -> bytes:
    """Encode one row of a binary COPY."""
    return struct.pack("!h", len(fields)) + b"".join(_fields(fields))


def _fields(items: Iterable[bytes | None]) -> Iterable[bytes]:
    for item in items:
        if item is None:
            yield _NULL
        else:
            yield _INT.pack(len(item))
            yield item


def _is_float32(values: Any) -> bool:
    return isinstance(values, np.ndarray) and cast("npt.NDArray[Any]", values).dtype == np.float32


def as_array(values: Any) -> npt.NDArray[Any]:
    """
    Turn a list, tuple, array, tensor, or object with `to_numpy()`, into an array; a matrix of one row becomes the row.

    A model that embeds a list with one text returns such a matrix.
    """
    if not isinstance(values, np.ndarray | list | tuple):
        values = _on_this_machine(values)
    array: Any = np.asarray(cast("Any", values))
    return array[0] if array.ndim == 2 and array.shape[0] == 1 else array


def _on_this_machine(values: Any) -> Any:
    if hasattr(values, "detach"):
        # A tensor of PyTorch, which may have a gradient, be on a device, or be of a type that numpy lacks.
        values = values.detach().cpu()
        return values.float() if values.is_floating_point() else values
    convert = getattr(values, "to_numpy", None)
    return values if convert is None else convert()


def as_float32(values: Any) -> npt.NDArray[np.float32]:
    """
    Turn what `as_array()` takes, of any number type, into a float32 array.

    Raises ValueError or TypeError if that is not possible; the caller knows which record to name.
    """
    if _is_float32(values) and values.ndim == 1:
        return values
    array = as_array(values)
    if array.dtype.kind not in "fiu" and array.size:
        raise TypeError(f"it holds {kind_of(array.dtype)}, not numbers")
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
