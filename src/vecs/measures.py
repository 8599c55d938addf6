"""How nearness is measured: each measure with its pgvector operator, operator class and score."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, cast

from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.storage import VEC_TYPES, VecTypeName

MeasureName = Literal[
    "cosine_distance", "l2_distance", "max_inner_product", "l1_distance", "hamming_distance", "jaccard_distance"
]


class IndexMeasure(str, Enum):
    """A measure of distance between vectors, named as in vecs 0.4; the last two are for vectors of bits."""

    cosine_distance = "cosine_distance"
    l2_distance = "l2_distance"
    max_inner_product = "max_inner_product"
    l1_distance = "l1_distance"
    hamming_distance = "hamming_distance"
    jaccard_distance = "jaccard_distance"


@dataclass(frozen=True)
class MeasureSpec:
    """
    What pgvector calls a measure, and how its distance becomes a score.

    `opclass` is that of vectors in full precision, or of bits: see `opclass_for`. `score` maps a distance
    (smaller is nearer) to [0, 1] (larger is better), monotonically.
    """

    measure: IndexMeasure
    operator: str
    opclass: str
    score: Callable[[float], float]

    def finite(self, distance: float) -> float:
        """
        Return a distance that can be compared and written as JSON.

        The cosine distance of a zero vector is NaN, because it has no direction, and sums of large numbers overflow.
        NaN and infinity become the largest distance: 2 for cosine distance, otherwise the largest float.
        """
        if math.isfinite(distance):
            return distance
        if self.measure is IndexMeasure.cosine_distance:
            return 2.0
        return -sys.float_info.max if distance < 0 else sys.float_info.max

    def opclass_for(self, vec_type: VecTypeName) -> str:
        """Return the operator class for vectors of another type."""
        return vec_type + self.opclass[self.opclass.index("_") :]


def _cosine_score(distance: float) -> float:
    # pgvector answers 0..2 with float noise on either side.
    score = 1.0 - distance / 2.0
    return score if 0.0 <= score <= 1.0 else float(score > 1.0)


def _reciprocal_score(distance: float) -> float:
    return 1.0 / (1.0 + distance)


def _inner_product_score(distance: float) -> float:
    # pgvector's distance is the negated inner product, any real number: softsign, not the
    # logistic function, because the latter is flat in floating point beyond +-37.
    if math.isinf(distance):
        return 0.0 if distance > 0 else 1.0
    return 0.5 - 0.5 * (distance / (1.0 + abs(distance)))


def _complement(distance: float) -> float:
    return 1.0 - distance


MEASURES: dict[IndexMeasure, MeasureSpec] = {
    spec.measure: spec
    for spec in (
        MeasureSpec(IndexMeasure.cosine_distance, "<=>", "vector_cosine_ops", _cosine_score),
        MeasureSpec(IndexMeasure.l2_distance, "<->", "vector_l2_ops", _reciprocal_score),
        MeasureSpec(IndexMeasure.max_inner_product, "<#>", "vector_ip_ops", _inner_product_score),
        MeasureSpec(IndexMeasure.l1_distance, "<+>", "vector_l1_ops", _reciprocal_score),
        # Better with the dimension at hand: see `measure_for`.
        MeasureSpec(IndexMeasure.hamming_distance, "<~>", "bit_hamming_ops", _reciprocal_score),
        MeasureSpec(IndexMeasure.jaccard_distance, "<%>", "bit_jaccard_ops", _complement),
    )
}

# vecs 0.4 exported this mapping.
INDEX_MEASURE_TO_OPS = {measure: spec.opclass for measure, spec in MEASURES.items()}


def measure_spec(measure: IndexMeasure | str) -> MeasureSpec:
    """Look a measure up by name; an unknown one raises ArgError."""
    try:
        # An enumeration represents, in its own error, whatever it is given.
        return MEASURES[IndexMeasure(measure if isinstance(cast("Any", measure), str) else "")]
    except ValueError:
        expected = ", ".join(m.value for m in MEASURES)
        raise ArgError(
            f"Invalid index measure {brief(measure)} (unknown index measure); expected one of {expected}"
        ) from None


def measures_of(vec_type: VecTypeName) -> list[IndexMeasure]:
    """Return the measures of a type, the default one first."""
    return [measure for measure, spec in MEASURES.items() if spec.opclass.startswith("bit_") == (vec_type == "bit")]


def measure_for(measure: IndexMeasure | str | None, vec_type: VecTypeName, dimension: int | None) -> MeasureSpec:
    """
    Look a measure up for vectors of a type; None is cosine distance, or Hamming distance between bits.

    The score of Hamming distance is the share of bits that are equal. One that the type lacks raises ArgError.
    """
    if not isinstance(measure, str | None):
        return measure_spec(measure)
    return _measure_for(measure, vec_type, dimension)


@lru_cache(maxsize=256)
def _measure_for(measure: str | None, vec_type: VecTypeName, dimension: int | None) -> MeasureSpec:
    spec = measure_spec(measures_of(vec_type)[0] if measure is None else measure)
    if spec.opclass.startswith("bit_") != (vec_type == "bit"):
        raise ArgError(
            f"{spec.measure.value} is not a measure for {VEC_TYPES[vec_type].described}, which the collection holds; "
            f"expected one of {', '.join(m.value for m in measures_of(vec_type))}"
        )
    if spec.measure is IndexMeasure.hamming_distance and dimension is not None:
        return _hamming(dimension)
    return spec


# One object per dimension: statements are cached by their measure.
@lru_cache(maxsize=256)
def _hamming(dimension: int) -> MeasureSpec:
    def share_of_equal_bits(distance: float) -> float:
        return 1.0 - distance / dimension

    return replace(MEASURES[IndexMeasure.hamming_distance], score=share_of_equal_bits)
