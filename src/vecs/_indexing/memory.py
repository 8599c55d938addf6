"""How much memory an index build is given."""

from __future__ import annotations

import re

from vecs._checks.shown import brief
from vecs._sql.indexes import IndexSpec
from vecs.exc import ArgError
from vecs.indexes import IndexMethod
from vecs.storage import VecTypeName

_KILOBYTE, _MEGABYTE, _GIGABYTE = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"kB": _KILOBYTE, "MB": _MEGABYTE, "GB": _GIGABYTE, "TB": 1 << 40}
# The range of maintenance_work_mem; Postgres 17 and later take less, too.
_LEAST, _GREATEST = _MEGABYTE, (2**31 - 1) * _KILOBYTE

# The most that a build takes where memory= does not say more.
_CEILING = 2 * _GIGABYTE
# What a build may take on any server, even one with small shared_buffers.
_MODEST = 256 * _MEGABYTE


def checked_memory(memory: object) -> str:
    """Return a size that Postgres takes for maintenance_work_mem, or raise ArgError."""
    found = re.fullmatch(r"(\d{1,12})(kB|MB|GB|TB)", memory) if isinstance(memory, str) else None
    if found is None:
        raise ArgError(
            f"memory must be a whole number and a unit, kB, MB, GB or TB, such as '512MB' or '2GB', not {brief(memory)}"
        )
    if not _LEAST <= int(found[1]) * _UNITS[found[2]] <= _GREATEST:
        raise ArgError(f"memory must be from '1MB' to '2047GB', not {brief(memory)}")
    return found[0]


def vector_bytes(vec_type: VecTypeName, dimension: int) -> int:
    """Return the size of a vector with its header; for a sparse one a guess, half of the most an index takes."""
    if vec_type == "sparsevec":
        return 16 + 8 * min(dimension, 1_000) // 2
    return 8 + {"vector": 32, "halfvec": 16, "bit": 1}[vec_type] * dimension // 8


def needed_bytes(spec: IndexSpec, rows: int) -> int:
    """
    Return what pgvector needs to build an index of so many records all in memory.

    An HNSW graph takes 210 bytes and 32 per link beside each vector, measured with pgvector 0.8.5 for m from 4 to 48.
    The k-means of IVFFlat keeps, by pgvector's source, a sample of 50 rows per list and a table of bounds, sample by
    lists.
    """
    size = vector_bytes(spec.vec_type, spec.table.dimension or 0)
    if spec.method is IndexMethod.hnsw:
        return rows * (size + 210 + 32 * spec.options["m"])
    lists = spec.options["lists"]
    sample = max(50 * lists, 10_000)
    return sample * (size + 8 + 4 * lists) + lists * (3 * size + 4 * lists + 12)


def build_bytes(needed: int, own: int, shared_buffers: int, machine: int | None) -> int:
    """
    Choose maintenance_work_mem for a build: what it needs with a margin, up to a limit.

    `own` is the server's setting, which is always allowed. Where the machine's memory is known, a quarter of it
    is allowed. Other servers do not tell their memory; their shared_buffers are a quarter of it where they were set
    by Postgres' advice, and smaller otherwise. Less than `own` is chosen where less is needed, because a parallel
    build takes all of it at once, on disk with dynamic_shared_memory_type=mmap.
    """
    trusted = max(_MODEST, shared_buffers) if machine is None else machine // 4
    wanted = needed + needed // 4 + 16 * _MEGABYTE
    return min(wanted, max(own, min(trusted, _CEILING)))


def megabytes(size: int) -> str:
    """Write a size as Postgres reads it, rounded up."""
    return f"{-(-size // _MEGABYTE)}MB"
