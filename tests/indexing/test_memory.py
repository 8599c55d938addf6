"""How much memory an index build is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vecs import IndexMethod
from vecs._indexing.memory import build_bytes, checked_memory, megabytes, needed_bytes, vector_bytes
from vecs._sql.indexes import IndexSpec
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError
from vecs.measures import measure_spec

MEGABYTE, GIGABYTE = 1 << 20, 1 << 30
TABLE = Table("s", "docs", 384, Extension("public", (0, 8, 5), 1))
HNSW = IndexSpec(TABLE, measure_spec("cosine_distance"), "full", IndexMethod.hnsw, {"m": 16, "ef_construction": 64})


@pytest.mark.parametrize("size", ["1MB", "2047GB", "1024kB", "1TB"])
def test_a_size_of_postgres_is_taken(size: str) -> None:
    assert checked_memory(size) == size


@pytest.mark.parametrize("size", ["1", "1 GB", "1gb", "-1GB", "1.5GB", 1, None])
def test_what_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(ArgError, match="memory must be a whole number and a unit, kB, MB, GB or TB"):
        checked_memory(size)


@pytest.mark.parametrize("size", ["1023kB", "2048GB", "2TB"])
def test_a_size_out_of_range_is_refused(size: str) -> None:
    with pytest.raises(ArgError, match=f"^memory must be from '1MB' to '2047GB', not '{size}'$"):
        checked_memory(size)


@pytest.mark.parametrize(
    ("vec_type", "size"), [("vector", 8 + 1536), ("halfvec", 8 + 768), ("bit", 8 + 48), ("sparsevec", 16 + 1536)]
)
def test_a_vector_takes_its_numbers_and_a_header(vec_type: Any, size: int) -> None:
    assert vector_bytes(vec_type, 384) == size


def test_a_graph_needs_its_vectors_and_links() -> None:
    assert needed_bytes(HNSW, 1000) == 1000 * (1544 + 210 + 32 * 16)
    assert needed_bytes(replace(HNSW, precision="binary"), 1000) == 1000 * (56 + 210 + 32 * 16)


def test_k_means_needs_a_sample_and_bounds() -> None:
    ivfflat = replace(HNSW, method=IndexMethod.ivfflat, options={"lists": 1000})
    assert needed_bytes(ivfflat, 10) == 50_000 * (1544 + 8 + 4000) + 1000 * (3 * 1544 + 4000 + 12)


@pytest.mark.parametrize(
    ("needed", "own", "shared_buffers", "machine", "expected"),
    [
        # What is needed, a quarter more and 16 MB.
        (8 * MEGABYTE, 64 * MEGABYTE, 128 * MEGABYTE, None, 26 * MEGABYTE),
        # No more than the greatest of the server's setting, 256 MB and shared_buffers.
        (9 * GIGABYTE, 64 * MEGABYTE, 128 * MEGABYTE, None, 256 * MEGABYTE),
        (9 * GIGABYTE, 512 * MEGABYTE, 128 * MEGABYTE, None, 512 * MEGABYTE),
        (9 * GIGABYTE, 64 * MEGABYTE, 1 * GIGABYTE, None, 1 * GIGABYTE),
        # Nor than 2 GB unless the server's setting is more.
        (9 * GIGABYTE, 64 * MEGABYTE, 8 * GIGABYTE, None, 2 * GIGABYTE),
        (9 * GIGABYTE, 3 * GIGABYTE, 8 * GIGABYTE, None, 3 * GIGABYTE),
        # A quarter of a machine whose memory is known.
        (9 * GIGABYTE, 64 * MEGABYTE, 128 * MEGABYTE, 4 * GIGABYTE, 1 * GIGABYTE),
        (9 * GIGABYTE, 64 * MEGABYTE, 128 * MEGABYTE, 64 * GIGABYTE, 2 * GIGABYTE),
    ],
)
def test_a_build_gets_what_it_needs_within_limits(
    needed: int, own: int, shared_buffers: int, machine: int | None, expected: int
) -> None:
    assert build_bytes(needed, own, shared_buffers, machine) == expected


def test_sizes_are_rounded_up() -> None:
    assert megabytes(26 * MEGABYTE) == "26MB"
    assert megabytes(26 * MEGABYTE + 1) == "27MB"
