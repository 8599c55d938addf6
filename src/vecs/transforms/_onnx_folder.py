"""What the files of a sentence-transformers model say on how its ONNX export is run; no code of a model is run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from vecs._checks.shown import brief
from vecs.transforms._onnx_external import check_external

GRAPH = "onnx/model.onnx"
# By which names sentence-transformers has stored how token vectors become one, in its order.
_LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
POOLING = tuple(_LEGACY_POOLING.values())
# Tokenizers without a limit say 10^30.
_NO_LIMIT = 10**9
PYTORCH = "Install PyTorch and sentence-transformers, which run every model: pip install 'vecs[text]'"
HELP = f'{PYTORCH}. Or export the model to ONNX once (docs/transforms.md, "Models without PyTorch")'


@dataclass(frozen=True)
class Layout:
    """How a model's ONNX export is run, as its files say."""

    graph: Path
    tokenizer: Path
    # How token vectors become one; None if only the graph can know it.
    pooling: tuple[str, ...] | None
    # Why the graph has to make the vectors of texts itself: what is not known, or not done here.
    missing: str | None
    include_prompt: bool = True
    normalize: bool = False
    max_seq_length: int | None = None
    lower: bool = False
    pad_id: int = 0
    pad_token: str | None = None
    truncate_left: bool = False
    prompts: dict[str, str] = field(default_factory=dict[str, str])
    default_prompt_name: str | None = None


def read_layout(folder: Path, file_name: str | None = None) -> Layout:
    """
    Read how the model in a folder is run.

    A missing file is FileNotFoundError, so that the model is looked for elsewhere; what cannot be run is ValueError.
    """
    graph = find_graph(folder, file_name)
    check_external(graph, folder)
    kinds = _modules(folder)
    _, first = kinds[0] if kinds else ("", "")
    transformer = _inside(folder, first) if kinds else folder
    tokenizer = next(
        (path for path in (transformer / "tokenizer.json", folder / "tokenizer.json") if path.exists()), None
    )
    if tokenizer is None:
        raise FileNotFoundError(f"{folder} has no tokenizer.json, without which texts cannot be read. {PYTORCH}")
    pooling, include_prompt, missing = _pooling(folder, kinds)
    stated = _json(transformer / "sentence_bert_config.json")
    tokens, model = _json(transformer / "tokenizer_config.json"), _json(transformer / "config.json")
    prompting = _json(folder / "config_sentence_transformers.json")
    prompts = _mapping(prompting.get("prompts"))
    padding = tokens.get("pad_token")
    pad_id = model.get("pad_token_id")
    return Layout(
        graph,
        tokenizer,
        pooling,
        missing,
        include_prompt,
        normalize=any(kind == "Normalize" for kind, _ in kinds),
        max_seq_length=_limit(stated, tokens, model),
        lower=stated.get("do_lower_case") is True,
        pad_id=pad_id if isinstance(pad_id, int) else 0,
        pad_token=str(_mapping(padding).get("content")) if isinstance(padding, dict) else padding,
        truncate_left=tokens.get("truncation_side") == "left",
        prompts={str(name): text for name, text in prompts.items() if isinstance(text, str)},
        default_prompt_name=prompting.get("default_prompt_name"),
    )


def find_graph(folder: Path, file_name: str | None) -> Path:
    """Return the ONNX file of a model's folder: the one that is named, or the one in full precision."""
    if file_name is not None:
        _inside(folder, file_name)
    names = [GRAPH, "model.onnx"] if file_name is None else [file_name, f"onnx/{file_name}"]
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is not None:
        return found
    others = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.onnx"))
    if others:
        shown = ", ".join(repr(name) for name in others[:8])
        raise FileNotFoundError(
            f"{folder} has no {names[0]}; it has {shown}: name one of them with model_kwargs={{'file_name': ...}}"
        )
    raise FileNotFoundError(f"{folder} has no {names[0]}, the model's export to ONNX. {HELP}")


def wanted_files(listed: Iterable[str], file_name: str | None) -> list[str]:
    """Return which files of a model on the hub are needed: one ONNX file of several, no other weights, no code."""
    names = list(listed)
    ends = [GRAPH, "model.onnx"] if file_name is None else [file_name, f"onnx/{file_name}"]
    graph = next((name for name in ends if name in names), None)
    wanted = [name for name in names if name.endswith(".json") and not name.endswith(".onnx.json")]
    # Weights of more than 2 GB are in files of their own, named after the graph.
    return wanted + [name for name in names if graph and name.startswith(graph) and name not in wanted]


def _modules(folder: Path) -> list[tuple[str, str]]:
    """Return the kind and the path of each module; none without a list of them."""
    listed = _read(folder / "modules.json")
    if listed is None:
        return []
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{folder / 'modules.json'} is not a list of modules")
    modules = [_mapping(module) for module in cast("list[Any]", listed)]
    # The last part of a class's name: the library has moved its classes.
    found = [(str(module.get("type")).rpartition(".")[2], str(module.get("path") or "")) for module in modules]
    for module, (kind, _) in zip(modules, found, strict=True):
        if not str(module.get("type")).startswith("sentence_transformers."):
            raise ValueError(f"the model brings code of its own ({brief(module.get('type'))}). {HELP}")
        if kind in ("StaticEmbedding", "CLIPModel", "WordEmbeddings", "Router", "Asym"):
            raise ValueError(f"the model begins with {kind}, which is no transformer with an ONNX export. {HELP}")
    return found


def _pooling(folder: Path, kinds: list[tuple[str, str]]) -> tuple[tuple[str, ...] | None, bool, str | None]:
    """Return how token vectors become one, whether those of a prompt count, and what else would have to be done."""
    others = [kind for kind, _ in kinds[1:] if kind not in ("Pooling", "Normalize")]
    path = next((path for kind, path in kinds if kind == "Pooling"), None)
    if path is None:
        if kinds:
            return None, True, "the model has no module Pooling"
        return None, True, f"{folder} has no modules.json, which says how token vectors become one"
    place = _inside(folder, path) / "config.json"
    stated = _read(place)
    if stated is None:
        raise FileNotFoundError(f"{place} is missing, which says how token vectors become one. {PYTORCH}")
    config = _mapping(stated)
    modes: Any = config.get("pooling_mode")
    if modes is None:
        # As sentence-transformers does.
        modes = [mode for name, mode in _LEGACY_POOLING.items() if config.get(name)] or ["mean"]
    modes = tuple(cast("list[Any]", [modes] if isinstance(modes, str) else modes))
    if unknown := [mode for mode in modes if mode not in POOLING]:
        raise ValueError(f"the model pools by {brief(unknown[0])}; known are {', '.join(POOLING)}. {HELP}")
    missing = f"the module {others[0]} of the model is not run here" if others else None
    return modes, config.get("include_prompt") is not False, missing


def _limit(stated: Mapping[str, Any], tokens: Mapping[str, Any], model: Mapping[str, Any]) -> int | None:
    if isinstance(limit := stated.get("max_seq_length"), int):
        return limit
    limits = [tokens.get("model_max_length"), model.get("max_position_embeddings")]
    return min((limit for limit in limits if isinstance(limit, int) and 0 < limit < _NO_LIMIT), default=None)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of a file that others have named; refuse one outside the folder."""
    path = os.path.normpath(folder / name)
    if os.path.isabs(name) or "\\" in name or not Path(path).is_relative_to(os.path.normpath(folder)):
        raise ValueError(f"{brief(name)} is outside the model's folder {folder}")
    return Path(path)


def _json(path: Path) -> Mapping[str, Any]:
    return _mapping(_read(path))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
