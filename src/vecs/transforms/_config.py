"""Transforms as JSON: describing them, rebuilding them, telling whether their vectors may share a column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._protocol import Transform
from vecs.transforms._tokens import Tokenizer

# What decides on which vectors come out; everything else (chunking, batches, devices) may differ.
_IDENTITY = (
    "class",
    "model",
    "name",
    "dimension",
    "truncate_dim",
    "normalize",
    "document_prompt",
    "document_prompt_name",
    "document_body",
)


def describe(transform: Transform) -> dict[str, Any]:
    """
    Describe a transform as JSON: its own `config()`, or for one that has none its class and dimension.

    The description of a class outside vecs holds its module's name, so that it is never taken for a built-in one.
    """
    config = getattr(transform, "config", None)
    if callable(config):
        return dict(cast("Mapping[str, Any]", config()))
    kind = type(transform)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "dimension": transform.dimension}


def identity(transform: Transform | Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return what must be equal for two transforms' vectors to share a column; None if it makes no vectors.

    Takes a transform, or what `describe()` made of one. Chunking is not part of it.
    """
    config: Mapping[str, Any] = transform if isinstance(transform, Mapping) else describe(transform)
    if config.get("class") == "Pipeline":
        identities = [identity(step) for step in config["steps"]]
        return next((found for found in reversed(identities) if found is not None), None)
    if config.get("class") == "NoOp" or config.get("dimension") is None:
        return None
    if config.get("class") == "TextPreprocessor":
        config = {**config, "class": "TextEmbedding"}
    found = {key: config[key] for key in _IDENTITY if config.get(key) is not None}
    if "model" in found:
        found["model"] = str(found["model"]).removeprefix("sentence-transformers/").removesuffix(":latest")
    return found


_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)


def hub_name(model: object) -> str:
    """Return the model of a description if it is named as on a model hub; refuse folders."""
    if isinstance(model, str) and _HUB_NAME.fullmatch(model) and ".." not in model:
        return model
    raise ArgError(
        f"the model {brief(model)} is a folder, which is not loaded because a database names it: pass transform="
    )


def describe_tokenizer(tokenizer: Tokenizer) -> Any:
    """Describe a tokenizer as JSON: an embedder's description, or that it is the caller's own."""
    return describe(cast("Transform", tokenizer)) if hasattr(tokenizer, "config") else "custom"
