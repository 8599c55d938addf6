"""A collection's transform, without what cuts texts."""

from __future__ import annotations

from vecs import AsyncCollection, Collection, Pipeline, Transform
from vecs.sharing import Chunker


def drop_chunkers(collection: Collection | AsyncCollection) -> None:
    """Remove the chunkers of an open collection: LlamaIndex's node parsers split texts, and ids are ids of nodes."""
    collection.transform = embedder_of(collection.transform)
    collection.splits = False


def embedder_of(transform: Transform | None) -> Transform | None:
    """Return a transform without its chunkers; None if nothing is left."""
    if not isinstance(transform, Pipeline):
        return None if isinstance(transform, Chunker) else transform
    steps = [step for step in transform.steps if not isinstance(step, Chunker)]
    return steps[0] if len(steps) == 1 else Pipeline(steps) if steps else None
