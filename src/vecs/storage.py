"""How vectors are stored and indexed: pgvector's types, their limits, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vecs._checks.shown import brief
from vecs.exc import ArgError

Precision: TypeAlias = Literal["full", "half", "binary"]
IndexPrecision: TypeAlias = Literal["auto", "full", "half", "binary"]
VecTypeName: TypeAlias = Literal["vector", "halfvec", "bit", "sparsevec"]

PRECISIONS: tuple[Precision, ...] = ("full", "half", "binary")

# The greatest number in half precision.
MAX_HALF = 65_504
# How many values of a sparse vector may differ from zero.
MAX_NONZERO = 16_000


@dataclass(frozen=True)
class VecType:
    """
    A type of pgvector.

    `greatest` is the largest dimension a column takes, `indexed` the largest an index takes, `since` the first
    version of pgvector that has it.
    """

    name: VecTypeName
    precision: Precision
    sparse: bool
    greatest: int
    indexed: int
    since: tuple[int, ...]
    described: str


VEC_TYPES: dict[VecTypeName, VecType] = {
    spec.name: spec
    for spec in (
        VecType("vector", "full", False, 16_000, 2_000, (0, 1), "full-precision vectors"),
        VecType("halfvec", "half", False, 16_000, 4_000, (0, 7), "half-precision vectors"),
        VecType("bit", "binary", False, 64_000, 64_000, (0, 7), "bits"),
        # An index counts the values that are not zero.
        VecType("sparsevec", "full", True, 1_000_000_000, 1_000_000_000, (0, 7), "sparse vectors"),
    )
}


_DENSE_TYPES: dict[Precision, VecTypeName] = {"full": "vector", "half": "halfvec", "binary": "bit"}


def vec_type_of(precision: Any, sparse: Any) -> VecTypeName:
    """Return the type that stores vectors so; raises ArgError for what pgvector has no type for."""
    if precision is not None and (not isinstance(precision, str) or precision not in PRECISIONS):
        raise ArgError(f"unknown precision {brief(precision)}; expected one of {', '.join(PRECISIONS)}")
    if sparse is not None and not isinstance(sparse, bool):
        raise ArgError(f"sparse must be True or False, not {brief(sparse)}")
    if not sparse:
        return _DENSE_TYPES[precision or "full"]
    if precision not in (None, "full"):
        raise ArgError(
            f"precision is {brief(precision)} with sparse=True; pgvector stores sparse vectors in full precision only"
        )
    return "sparsevec"


def check_version(version: tuple[int, ...], since: tuple[int, ...], what: str, instead: str) -> None:
    """Raise ArgError where the server's pgvector is too old, with the way to a newer one."""
    if version < since:
        raise ArgError(
            f"{what} needs pgvector {_dotted(since)} or newer; the server has {_dotted(version)}. Install a newer one "
            f'there and run "alter extension vector update", or {instead}'
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
