"""Building the built-in transforms from their descriptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from vecs._checks.shown import brief
from vecs.exc import ArgError
from vecs.transforms._api import APIEmbedding
from vecs.transforms._api_server import server_described
from vecs.transforms._backends import rebuilt
from vecs.transforms._config import hub_name
from vecs.transforms._dimensions import Prompts
from vecs.transforms._image import ImageEmbedding
from vecs.transforms._legacy import NoOp
from vecs.transforms._markdown import MarkdownChunker
from vecs.transforms._models import HubName, is_revision
from vecs.transforms._paragraph import ParagraphChunker
from vecs.transforms._pipeline import Pipeline
from vecs.transforms._preprocessor import Paragraphs, TextPreprocessor
from vecs.transforms._protocol import Transform
from vecs.transforms._recursive import RecursiveSplitter
from vecs.transforms._text import PROMPTS, ModelEmbedding, TextEmbedding

Prompted = TypeVar("Prompted", TextEmbedding, APIEmbedding)

# The arguments that are taken out of a description, and of what type. `trust_remote_code` out of a database would let
# it run code here.
_MODEL: dict[str, type] = {"batch_size": int, "truncate_dim": int, "normalize": bool, "revision": str}
_TEXT: dict[str, type] = {
    **_MODEL,
    **dict.fromkeys(PROMPTS, str),
}
_API: dict[str, type] = {
    **dict.fromkeys(("dimension", "truncate_dim", "batch_size", "retries"), int),
    **{"normalize": bool, "timeout": float, "query_body": dict, "document_body": dict},
}
# More texts at once, or longer vectors, are a mistake or an attack.
_LARGEST = 1_000_000
# Characters of a prompt or of a field.
_LONGEST = 10_000
_MOST = {"retries": 10, "timeout": 600}


def _arguments(config: Mapping[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    return {name: _argument(name, config[name], type) for name, type in types.items() if config.get(name) is not None}


def _argument(name: str, value: Any, type: type) -> Any:
    # By the very type: True is an int. A float that JSON writes without a point comes back as one.
    fits = value.__class__ is type or (type is float and value.__class__ is int)
    if not fits or not _is_sane(value) or (type is int and not 0 <= value <= _LARGEST):
        raise TypeError(f"{name} is {brief(value)}")
    if name == "revision" and not is_revision(value):
        raise TypeError(f"{name} is {brief(value)}")
    # Longer ones are for code to give: whoever searches would wait for hours.
    return min(value, _MOST[name]) if name in _MOST else value


def _is_sane(value: Any) -> bool:
    """Whether no text is too long and each number is finite, in the fields of a body, too."""
    if isinstance(value, dict):
        fields = cast("dict[Any, Any]", value)
        return all(map(_is_sane, fields)) and all(map(_is_sane, fields.values()))
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return not isinstance(value, int | float) or -1e300 < value < 1e300


def _model(config: Mapping[str, Any]) -> HubName:
    if config.get("loaded"):
        raise ArgError(f"the model of a {brief(config.get('class'))} was given as a loaded model: pass transform=")
    name = hub_name(config["model"])
    if os.path.isdir(name):
        raise ArgError(f"the model {brief(name)} is a folder here, which is not loaded unasked: pass transform=")
    return HubName(name)


def _backend(config: Mapping[str, Any]) -> Any:
    return rebuilt(_arguments(config, {"backend": str}).get("backend"))


def _expect_dimension(step: ModelEmbedding, config: Mapping[str, Any]) -> None:
    for dimension in _arguments(config, {"dimension": int}).values():
        step.expect_dimension(dimension)


def _text(config: Mapping[str, Any]) -> Transform:
    step = TextEmbedding(_model(config), backend=_backend(config), **_arguments(config, _TEXT))
    _expect_dimension(step, config)
    return _with_prompts(step, config)


def _api(config: Mapping[str, Any]) -> Transform:
    arguments = _arguments(config, _API)
    server: Any = server_described(config.get("base_url"), config.get("api_key_env"))
    try:
        return _with_prompts(APIEmbedding(config["model"], base_url=server, **arguments), config)
    except ArgError as error:
        raise ArgError(f"the description of an APIEmbedding is wrong: {error}; pass transform=") from error


def _with_prompts(step: Prompted, config: Mapping[str, Any]) -> Prompted:
    """Use the prompts of a description, or none if it has none: vectors of older versions of vecs had none."""
    prompts = _arguments(config, {"query_prompt": str, "document_prompt": str})
    step.use_prompts(
        Prompts(prompts.get("query_prompt"), prompts.get("document_prompt")),
        chosen=config.get("known_prompts") is not True,
    )
    return step


def _image(config: Mapping[str, Any]) -> Transform:
    step = ImageEmbedding(_model(config), **_arguments(config, _MODEL))
    _expect_dimension(step, config)
    return step


def _preprocessor(config: Mapping[str, Any]) -> Transform:
    chunker = config["chunker"]
    if not isinstance(chunker, str):
        chunker = from_config(chunker)
    step = TextPreprocessor(
        _model(config),
        chunker=cast("Any", chunker),
        backend=_backend(config),
        **_arguments(config, {**_TEXT, "max_tokens": int, "overlap": int, "headings": bool}),
    )
    _expect_dimension(step.embedding, config)
    _with_prompts(step.embedding, config)
    return step


def _tokenizer(config: Mapping[str, Any]) -> dict[str, Any]:
    tokenizer: Any = config.get("tokenizer")
    if tokenizer is None:
        return {}
    if tokenizer == "custom":
        raise ArgError(f"the tokenizer of a {config['class']} was the caller's own: pass transform=")
    return {"tokenizer": from_config(tokenizer)}


def _markdown(config: Mapping[str, Any]) -> Transform:
    types = {"skip_during_query": bool, "max_tokens": int, "headings": bool}
    return MarkdownChunker(**_arguments(config, types), **_tokenizer(config))


def _recursive(config: Mapping[str, Any]) -> Transform:
    types = {"max_tokens": int, "max_characters": int, "overlap": int, "markdown": bool, "headings": bool}
    return RecursiveSplitter(**_arguments(config, types), **_tokenizer(config))


def _paragraphs(config: Mapping[str, Any]) -> Transform:
    splitter = from_config(config["splitter"])
    if not isinstance(splitter, RecursiveSplitter):
        raise TypeError(splitter)
    return Paragraphs(splitter)


BUILDERS: dict[str, Callable[[Mapping[str, Any]], Transform]] = {
    "APIEmbedding": _api,
    "ImageEmbedding": _image,
    "MarkdownChunker": _markdown,
    "NoOp": lambda config: NoOp(**_arguments(config, {"dimension": int})),
    "ParagraphChunker": lambda config: ParagraphChunker(**_arguments(config, {"skip_during_query": bool})),
    "Paragraphs": _paragraphs,
    "Pipeline": lambda config: Pipeline([from_config(step) for step in config["steps"]]),
    "RecursiveSplitter": _recursive,
    "TextEmbedding": _text,
    "TextPreprocessor": _preprocessor,
}


def from_config(config: Mapping[str, Any]) -> Transform:
    """
    Rebuild a transform from what `describe()` made of it, without loading a model.

    Only vecs' own classes, and models named as on a model hub, are built: a description comes out of a
    database, and what is named there must not be able to run code here.
    """
    given: Any = config
    if not isinstance(given, Mapping):
        raise ArgError(f"from_config takes a mapping, as describe() returns it, not {brief(given)}; pass transform=")
    name = config.get("class")
    build = BUILDERS.get(name) if isinstance(name, str) else None
    if build is None:
        raise ArgError(f"a transform of class {brief(name)} cannot be rebuilt from its description: pass transform=")
    try:
        return build(config)
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ArgError(f"the description of a {name} is malformed: {brief(dict(config))}; pass transform=") from error
