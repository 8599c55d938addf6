"""What a collection remembers of its transform, and whether another one fits it."""

from __future__ import annotations

import logging
from typing import Any, cast

from vecs._checks.shown import brief
from vecs._sql.tables import Table
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Record
from vecs.transforms import (
    AdapterStep,
    APIEmbedding,
    Embedding,
    ImageEmbedding,
    TextEmbedding,
    Transform,
    describe,
    from_config,
    identity,
)
from vecs.transforms._pipeline import steps_of
from vecs.transforms._step import Step
from vecs.transforms._stored_prompts import with_stored_prompts

log = logging.getLogger("vecs")

# Of what two transforms differ in.
_MOST_SHOWN = 10


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
    last = steps_of(transform)[-1]
    # A custom step of vecs 0.4 does not tell what it takes.
    legacy = isinstance(last, AdapterStep) and not isinstance(last, Step)
    return not legacy and not isinstance(last, ImageEmbedding)


def keeps_metadata(transform: Transform) -> bool:
    """Whether what a transform is given is stored: vecs' own steps add at most a heading to metadata and text."""
    return all(type(step).__module__.startswith("vecs.") for step in steps_of(transform))


def check_embeddable(transform: Transform, record: Record) -> None:
    """Raise an error if the first embedder of a transform has nothing to embed of a record. No model works for it."""
    for step in steps_of(transform):
        if isinstance(step, APIEmbedding | Embedding | ImageEmbedding | TextEmbedding):
            step.check_record(record)
            return


def transform_to_open_with(table: Table, given: Transform | None) -> tuple[Transform | None, str | None]:
    """
    Return the transform to open a collection with, or None and what the caller can do about it.

    The given transform uses the prompts that the collection was made with, unless the caller has chosen some. Raises
    MismatchedDimension if its vectors cannot be compared with the stored ones.
    """
    if given is None:
        return _stored(table)
    if table.comment_damage is not None:
        log.warning(
            "the comment of collection %r is damaged (%s), so it is not known which model made its vectors",
            table.name,
            table.comment_damage,
        )
    else:
        given = with_stored_prompts(given, _mapping(table.comment.get("transform")))
    stored = _mapping(table.comment.get("identity"))
    wanted = identity(given)
    if stored is not None and wanted is not None and stored == wanted:
        return given, None
    if stored is not None and wanted is not None:
        raise MismatchedDimension(
            f"collection {table.name!r} was made with {_brief(stored)}; vectors of {_brief(wanted)} "
            "cannot be compared with those in it. Use the same model, or another collection"
        )
    made = given.dimension
    if made is not None and table.dimension is not None and made != table.dimension:
        raise MismatchedDimension(
            f"the transform makes vectors of dimension {made}, but collection {table.name!r} has dimension "
            f"{table.dimension}"
        )
    return given, None


def _stored(table: Table) -> tuple[Transform | None, str | None]:
    """Return the transform that the collection's comment describes, or None and why there is none."""
    if table.comment_damage is not None:
        return None, (
            f"the comment of its table, which names the transform, is damaged ({table.comment_damage}): pass transform="
        )
    config = table.comment.get("transform")
    if config is None:
        return None, None
    described = _mapping(config)
    if described is None:
        return None, f"the comment of its table describes it as {brief(config)}, which is not one: pass transform="
    try:
        transform = from_config(described)
    except ArgError as error:
        return None, str(error)
    claimed = (identity(described) or {}).get("dimension")
    if table.dimension is not None and claimed not in (None, table.dimension):
        return None, (
            f"the comment of its table says that vectors have dimension {brief(claimed)}, but they have "
            f"{table.dimension}: pass transform="
        )
    return transform, None


def _mapping(value: Any) -> dict[str, Any] | None:
    # Anybody may have written the comment.
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _brief(identity: dict[str, Any]) -> str:
    # Without quotes where it is a name, as it is in all that vecs wrote.
    name = identity.get("class")
    kind = name if isinstance(name, str) and name.isidentifier() else brief(name)
    known = [(key, value) for key, value in identity.items() if key != "class" and key.isidentifier()]
    return f"{kind}({', '.join(f'{key}={brief(value)}' for key, value in known[:_MOST_SHOWN])})"
