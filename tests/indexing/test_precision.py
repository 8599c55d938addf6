"""The precision an index is built in."""

from __future__ import annotations

from typing import Any

import pytest

from vecs._indexing.precision import automatic_precision, greatest_dimension, precision_to_build
from vecs._sql.tables import Extension, Table
from vecs.exc import ArgError
from vecs.measures import measure_for


def table(dimension: int | None, vec_type: Any = "vector", version: tuple[int, ...] = (0, 8, 5)) -> Table:
    return Table("s", "docs", dimension, Extension("public", version, 1), vec_type=vec_type)


def chosen(of: Table, wanted: Any = "auto", measure: Any = None) -> str:
    return precision_to_build(of, measure_for(measure, of.vec_type, of.dimension), wanted)


@pytest.mark.parametrize(
    ("dimension", "precision"), [(2000, "full"), (2001, "half"), (4000, "half"), (4001, "binary"), (16_000, "binary")]
)
def test_auto_is_the_highest_precision_that_takes_the_dimension(dimension: int, precision: str) -> None:
    assert automatic_precision(table(dimension)) == precision
    assert chosen(table(dimension)) == precision


@pytest.mark.parametrize(
    ("vec_type", "dimension", "precision"),
    [("halfvec", 4000, "full"), ("halfvec", 4001, "binary"), ("bit", 64_000, "full"), ("sparsevec", 10**9, "full")],
)
def test_full_is_the_precision_of_the_vectors_as_they_are_stored(vec_type: Any, dimension: int, precision: str) -> None:
    assert chosen(table(dimension, vec_type)) == precision


def test_the_precision_of_the_vectors_is_full_by_its_own_name_too() -> None:
    assert chosen(table(3, "halfvec"), "half") == "full"
    assert chosen(table(3, "bit"), "binary") == "full"
    assert chosen(table(3), "half") == "half"


def test_the_greatest_dimension_is_that_of_what_the_index_holds() -> None:
    assert [greatest_dimension(table(3), kind) for kind in ("full", "half", "binary")] == [2000, 4000, 64_000]


@pytest.mark.parametrize(
    ("of", "wanted", "measure", "message"),
    [
        (table(3), "quarter", None, "unknown precision 'quarter'; expected one of auto, full, half, binary"),
        (table(None), "auto", None, "collection 'docs' was made without a dimension; its vectors cannot be indexed"),
        (
            table(3),
            "binary",
            "l1_distance",
            "binary codes describe the angle between vectors, not their l1_distance; they are for cosine_distance, "
            "max_inner_product, l2_distance. precision='half' supports all measures",
        ),
        (
            table(5000),
            "auto",
            "l1_distance",
            "binary codes describe the angle between vectors, not their l1_distance; they are for cosine_distance, "
            "max_inner_product, l2_distance. Up to 4,000 dimensions there is precision='half'; collection 'docs' has "
            "5,000, and searches work without an index, by comparing every record",
        ),
        (
            table(3, "bit"),
            "half",
            None,
            "collection 'docs' holds bits, and there is no index for them with precision='half'; leave precision out",
        ),
        (
            table(3000),
            "full",
            None,
            "collection 'docs' has 3,000 dimensions; a full-precision index takes up to 2,000. precision='auto' "
            "chooses what fits; searches work without an index, too, by comparing every record",
        ),
        (
            table(3000, version=(0, 6, 2)),
            "auto",
            None,
            "an index of half precision on the 3,000 dimensions of collection 'docs' needs pgvector 0.7 or newer; the "
            'server has 0.6.2. Install a newer one there and run "alter extension vector update", or search without an '
            "index, which compares every record",
        ),
        (
            table(3, version=(0, 6, 2)),
            "binary",
            None,
            "an index of binary codes on the 3 dimensions of collection 'docs' needs pgvector 0.7 or newer; the server "
            "has 0.6.2. Install a newer one there and run \"alter extension vector update\", or use precision='full'",
        ),
    ],
)
def test_an_index_that_cannot_be_is_refused(of: Table, wanted: Any, measure: Any, message: str) -> None:
    with pytest.raises(ArgError) as caught:
        chosen(of, wanted, measure)
    assert str(caught.value) == message
