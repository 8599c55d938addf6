"""The precision an index is built in."""

from __future__ import annotations

from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sql.indexes import BY_ANGLE, indexed_type
from vecs._sql.tables import Table
from vecs.exc import ArgError
from vecs.measures import MeasureSpec
from vecs.storage import PRECISIONS, VEC_TYPES, IndexPrecision, Precision, check_version

PRECISION_WORDS: dict[Precision, str] = {
    "full": "a full-precision index",
    "half": "an index of half precision",
    "binary": "an index of binary codes",
}


def precision_to_build(table: Table, measure: MeasureSpec, wanted: IndexPrecision) -> Precision:
    """
    Return the precision of an index; "auto" is the highest that takes the collection's dimension.

    "full" is that of the vectors as they are stored. Raises ArgError where there is no such index.
    """
    if not isinstance(cast("Any", wanted), str) or (wanted != "auto" and wanted not in PRECISIONS):
        raise ArgError(f"unknown precision {brief(wanted)}; expected one of auto, {', '.join(PRECISIONS)}")
    if table.dimension is None:
        raise ArgError(f"collection {table.name!r} was made without a dimension; its vectors cannot be indexed")
    precision: Precision = automatic_precision(table) if wanted == "auto" else wanted
    if precision == table.storage.precision:
        precision = "full"
    _check_precision(table, precision)
    if precision == "binary" and measure.measure not in BY_ANGLE:
        raise ArgError(
            f"binary codes describe the angle between vectors, not their {measure.measure.value}; they are for "
            f"{', '.join(m.value for m in BY_ANGLE)}" + _above("half", table)
        )
    return precision


def automatic_precision(table: Table) -> Precision:
    """Return the highest precision an index of the collection can have."""
    there = _precisions(table)
    fitting: list[Precision] = [kind for kind in there if (table.dimension or 0) <= greatest_dimension(table, kind)]
    return fitting[0] if fitting else there[-1]


def _precisions(table: Table) -> tuple[Precision, ...]:
    """Return the precisions an index of the collection can have, that of the vectors as they are stored first."""
    if table.vec_type == "vector":
        return PRECISIONS
    return ("full", "binary") if table.vec_type == "halfvec" else ("full",)


def greatest_dimension(table: Table, precision: Precision) -> int:
    """Return the largest dimension that an index of this precision takes."""
    return VEC_TYPES[indexed_type(table, precision)].indexed


def _above(precision: Precision, table: Table) -> str:
    greatest = greatest_dimension(table, precision)
    if (table.dimension or 0) <= greatest:
        return f". precision={brief(precision)} supports all measures"
    return (
        f". Up to {greatest:,} dimensions there is precision={brief(precision)}; collection {table.name!r} has "
        f"{table.dimension:,}, and searches work without an index, by comparing every record"
    )


def _check_precision(table: Table, precision: Precision) -> None:
    if precision not in _precisions(table):
        raise ArgError(
            f"collection {table.name!r} holds {table.storage.described}, and there is no index for them with "
            f"precision={brief(precision)}; leave precision out"
        )
    dimension, greatest = table.dimension or 0, greatest_dimension(table, precision)
    if dimension > greatest:
        raise ArgError(
            f"collection {table.name!r} has {dimension:,} dimensions; {PRECISION_WORDS[precision]} takes up to "
            f"{greatest:,}. "
            "precision='auto' chooses what fits; searches work without an index, too, by comparing every record"
        )
    if precision != "full":
        what = f"{PRECISION_WORDS[precision]} on the {dimension:,} dimensions of collection {table.name!r}"
        instead = "search without an index, which compares every record"
        if dimension <= greatest_dimension(table, "full"):
            instead = "use precision='full'"
        check_version(table.extension.version, VEC_TYPES[indexed_type(table, precision)].since, what, instead)
