"""A collection's transform, without what cuts texts."""

from __future__ import annotations

from vecs import Pipeline, Transform


def embedder(transform: Transform | None) -> Transform | None:
    """Return the transform without its chunkers: LlamaIndex's node parsers have cut the texts."""
    if not isinstance(transform, Pipeline):
        return transform
    steps = [step for step in transform.steps if not hasattr(step, "chunks")]
    return steps[0] if len(steps) == 1 else Pipeline(steps) if steps else transform
