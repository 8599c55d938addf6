"""The collection that files are loaded into: opened, or planned and made for what the first of them holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import vecs
from vecs._checks.shown import brief
from vecs.cli.opening import Wanted, check_same_model, load_model, told
from vecs.exc import ArgError, CollectionNotFound
from vecs.records import Record


def open_or_make(
    client: vecs.Client, name: str, wanted: Wanted, first: Record | None, plan: Plan | None
) -> vecs.Collection:
    """Open the collection, or make it for records such as the first one; raises before anything is made."""
    try:
        found = client.get_collection(name)
    except CollectionNotFound:
        if first is None:
            raise
        plan = plan or planned(wanted, first)
        return told(client.create_collection(name, **plan.arguments), plan.how)
    check_same_model(found, wanted)
    if first is not None and first.vec is None and found.transform is None:
        raise ArgError(
            f"the collection {name!r} has no model that makes vectors of texts{_why(found)}: load rows with vectors "
            "(--columns vec=...), or take another collection"
        )
    return found


def _why(collection: Any) -> str:
    """Return why a collection that was made with a transform was opened without it."""
    why = collection._without_transform
    return f" ({why})" if why else ""


@dataclass(frozen=True)
class Plan:
    """How a collection is to be made, and how that is told."""

    arguments: dict[str, Any]
    how: str


def planned(wanted: Wanted, record: Record) -> Plan:
    """Return how to make a collection for records such as this one; its model is loaded then."""
    if record.vec is not None and not wanted.named:
        return _planned_for(record.vec)
    transform = wanted.transform()
    load_model(transform, wanted)
    return Plan({"transform": transform}, f"with the model {wanted}")


def _planned_for(vec: object) -> Plan:
    if isinstance(vec, vecs.SparseVector):
        sparse = {"dimension": vec.dimension, "text": True, "sparse": True}
        return Plan(sparse, f"for sparse vectors of {vec.dimension:,} dimensions")
    numbers = cast("list[object]", vec) if isinstance(vec, list) else []
    if not numbers or not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
        raise ArgError(f"the first vector is not a list of numbers but {brief(cast('object', vec))}")
    bits = all(isinstance(each, bool) for each in numbers)
    dense = {"dimension": len(numbers), "text": True, "precision": "binary" if bits else None}
    return Plan(dense, f"for vectors of {len(numbers):,} {'bits' if bits else 'numbers'}")


def keeps_notes(collection: Any) -> bool:
    """Whether its records have a place for where they come from."""
    return bool(collection._table().has_extra)
