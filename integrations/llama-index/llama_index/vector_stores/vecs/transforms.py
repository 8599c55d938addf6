"""A collection's transform, without what cuts texts."""

from __future__ import annotations

from vecs import AsyncCollection, Collection, Pipeline, Transform


def drop_chunkers(collection: Collection | AsyncCollection) -> None:
    """Remove the chunkers of an open collection: LlamaIndex's node parsers split texts, and ids are ids of nodes."""
    collection.transform = embedder_of(collection.transform)
    collection.splits = False


def embedder_of(transform: Transform | None) -> Transform | None:
    """Return a transform without its chunkers."""
    if not isinstance(transform, Pipeline):
        return transform
    steps = [step for step in transform.steps if not hasattr(step, "chunks")]
    return steps[0] if len(steps) == 1 else Pipeline(steps) if steps else transform
