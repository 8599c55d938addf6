"""Check arguments that must be a transform or a function for one; errors say what is right."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any, cast

from vecs._checks.numbers import checked_int
from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._protocol import Transform


def is_transform(value: object) -> bool:
    """Whether a value is a transform; the class of a transform is not."""
    return not isinstance(value, type) and not missing_parts(value)


def missing_parts(value: object) -> list[str]:
    """Return what a value lacks to be a transform."""
    methods = ("transform_records", "transform_query")
    missing = [f"{name}()" for name in methods if not callable(getattr(value, name, None))]
    # To read the dimension may load a model.
    if getattr_static(value, "dimension", missing) is missing and not hasattr(value, "dimension"):
        missing.append("dimension")
    return missing


def checked_count(value: object, what: str) -> int | None:
    """Return a whole number of at least 1, or None if none is given; else raise ArgError."""
    return None if value is None else checked_int(value, what, 1)


def is_loaded_model(value: object) -> bool:
    """Whether a value is a loaded SentenceTransformer, or works as one."""
    dimensions = ("get_embedding_dimension", "get_sentence_embedding_dimension")
    return callable(getattr(value, "encode", None)) and any(hasattr(value, name) for name in dimensions)


def checked_transform(value: Any) -> Transform:
    """Return the transform, or raise ArgError, which says how to make a transform from the value."""
    if is_transform(value):
        return cast("Transform", value)
    instead = instead_of(value)
    expected = f"; give {instead}" if instead else f": it has no {', '.join(missing_parts(value))}"
    raise ArgError(f"{brief(value)} is not a transform{expected}")


def instead_of(value: Any) -> str | None:
    """Return, as code, the transform that may be meant by another value; None if that is not known."""
    if isinstance(value, str | os.PathLike):
        name = cast("Any", value)
        return f"vecs.TextEmbedding({brief(str(name))})"
    if isinstance(value, type) and hasattr(value, "transform_records"):
        return f"an object of it, {value.__name__}(...)"
    if is_loaded_model(value):
        return "vecs.TextEmbedding(model)"
    # The embedders of LangChain and of LlamaIndex.
    for texts, query in (("embed_documents", "embed_query"), ("get_text_embedding_batch", "get_query_embedding")):
        if hasattr(value, texts) and hasattr(value, query):
            return f"vecs.Embedding(model.{texts}, dimension, query=model.{query})"
    if callable(value):
        return "vecs.Embedding(function, dimension)"
    if isinstance(value, list | tuple) and all(is_transform(step) for step in cast("list[Any]", value)):
        return "vecs.Pipeline([...])"
    return "vecs.transforms.from_config(description)" if isinstance(value, Mapping) and "class" in value else None
