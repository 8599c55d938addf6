"""What a collection remembers of its transform, and whether another one fits it."""

from __future__ import annotations

from typing import Any, cast

from vecs._sql.table import Table
from vecs.exc import ArgError, MismatchedDimension
from vecs.transforms import AdapterStep, ImageEmbedding, Pipeline, Transform, describe, from_config, identity
from vecs.transforms._step import Step


def describe_collection(transform: Transform | None, language: str, has_text: bool) -> dict[str, Any]:
    """Describe what a new collection is made with; empty for a plain vector collection."""
    described: dict[str, Any] = {}
    if transform is not None:
        described["transform"] = describe(transform)
        described["identity"] = identity(transform)
    if has_text:
        described["language"] = language
    return described


def keeps_text(transform: Transform | None) -> bool:
    """Whether a transform's collection is a text collection, unless the caller says otherwise."""
    if transform is None:
        return False
    last = transform.steps[-1] if isinstance(transform, Pipeline) else transform
    # A custom step of vecs 0.4 does not tell what it takes.
    legacy = isinstance(last, AdapterStep) and not isinstance(last, Step)
    return not legacy and not isinstance(last, ImageEmbedding)


def transform_to_open_with(table: Table, given: Transform | None) -> tuple[Transform | None, str | None]:
    """
    Return the transform to open a collection with, or None and what the caller can do about it.

    Raises MismatchedDimension where the given one makes vectors that cannot be compared with those stored.
    """
    config = _mapping(table.comment.get("transform"))
    if given is None:
        if config is None:
            return None, None
        try:
            return from_config(config), None
        except ArgError as error:
            return None, str(error)
    stored = _mapping(table.comment.get("identity"))
    wanted = identity(given)
    if stored is not None and wanted is not None and stored == wanted:
        return given, None
    if stored is not None and wanted is not None:
        raise MismatchedDimension(
            f"collection {table.name!r} was made with {_brief(stored)}; vectors of {_brief(wanted)} "
            "cannot be compared with its own. Use the former, or another collection"
        )
    made = given.dimension
    if made is not None and table.dimension is not None and made != table.dimension:
        raise MismatchedDimension(
            f"the transform makes vectors of dimension {made}, but collection {table.name!r} has dimension "
            f"{table.dimension}"
        )
    return given, None


def _mapping(value: Any) -> dict[str, Any] | None:
    # Anybody may have written the comment.
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _brief(identity: dict[str, Any]) -> str:
    rest = ", ".join(f"{key}={value!r}" for key, value in identity.items() if key != "class")
    return f"{identity.get('class')}({rest})"
