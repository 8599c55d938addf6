"""Prompts that the caller did not choose: those of the collection are used, not those that vecs knows today."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, cast

from vecs.transforms._api import APIEmbedding
from vecs.transforms._dimensions import Prompts
from vecs.transforms._pipeline import Pipeline, steps_of
from vecs.transforms._preprocessor import TextPreprocessor
from vecs.transforms._protocol import Transform
from vecs.transforms._text import PROMPTS, TextEmbedding


def with_stored_prompts(transform: Transform, described: Mapping[str, Any] | None) -> Transform:
    """
    Return a transform with the prompts that a collection was made with, if the caller has chosen none.

    None means that the collection has no description: it was made by vecs 0.4, which knew no prompts, or for vectors
    of the user. The given transform is not changed.
    """
    steps = steps_of(transform)
    embedder = next((step for step in reversed(steps) if isinstance(step, TextEmbedding | APIEmbedding)), None)
    stored: Mapping[str, Any] | None = {} if described is None else _embedder(described)
    if embedder is None or not embedder.uses_known_prompts or stored is None:
        return transform
    told = {name: value for name in PROMPTS if isinstance(value := stored.get(name), str)}
    made = copy(embedder)
    prompts = Prompts(told.get("query_prompt"), told.get("document_prompt"))
    made.use_prompts(prompts, chosen=stored.get("known_prompts") is not True)
    made.query_prompt_name = told.get("query_prompt_name")
    made.document_prompt_name = told.get("document_prompt_name")
    if _prompts(made) == _prompts(embedder):
        return transform
    return _with_embedder(transform, embedder, made)


def _embedder(described: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the description of the text embedder in a transform's description; None if there is none."""
    # Any program may have written it.
    steps = described.get("steps") if described.get("class") == "Pipeline" else [described]
    listed = cast("list[Any]", steps if isinstance(steps, list) else [])
    found = [cast("Mapping[str, Any]", step) for step in listed if isinstance(step, Mapping)]
    embedders = [step for step in found if step.get("class") in ("TextEmbedding", "TextPreprocessor", "APIEmbedding")]
    return embedders[-1] if embedders else None


def _prompts(embedder: TextEmbedding | APIEmbedding) -> list[Any]:
    return [embedder.uses_known_prompts, *(getattr(embedder, name) for name in PROMPTS)]


def _with_embedder(transform: Transform, embedder: Transform, other: Transform) -> Transform:
    if not isinstance(transform, Pipeline):
        return other
    made = copy(transform)
    made.steps = tuple(other if step is embedder else step for step in transform.steps)
    if isinstance(made, TextPreprocessor) and isinstance(other, TextEmbedding):
        made.embedding = other
    return made
