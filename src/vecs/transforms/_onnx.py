"""Text to vectors by ONNX Runtime, from the same files as sentence-transformers and with the same result."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from vecs._checks.shown import brief
from vecs.exc import ArgError, TransformError
from vecs.transforms._onnx_folder import HELP, Layout, read_layout
from vecs.transforms._require import require
from vecs.transforms._vectors import Vectors

# The names of an ONNX file's outputs; those of tokens under the one that sentence-transformers or transformers gives.
_SENTENCE = "sentence_embedding"
_TOKENS = ("last_hidden_state", "token_embeddings")
_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
# Read by onnxruntime, since 1.30, when it is imported.
_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_OPTIONS = {"file_name", "provider", "provider_options", "session_options"}


class OnnxEncoder:
    """
    A sentence-transformers model, run by ONNX Runtime; it has the methods of a SentenceTransformer that vecs calls.

    Any thread may use it. A forked process opens the file again, since threads do not survive the fork.
    """

    def __init__(self, folder: str, device: str | None = None, options: Mapping[str, Any] | None = None) -> None:
        self._arguments = (folder, device, options)
        self._process: int | None = None
        self._options = dict(options or {})
        for name in sorted(set(self._options) - _OPTIONS):
            known = ", ".join(sorted(_OPTIONS))
            raise ArgError(f"model_kwargs[{name!r}] means nothing to ONNX Runtime; known are {known}")
        self._device = device
        self.layout = read_layout(Path(folder), self._options.get("file_name"))
        self.tokenizer: Any = _tokenizer(self.layout)
        self.max_seq_length = self.layout.max_seq_length
        self.prompts = self.layout.prompts
        self.default_prompt_name = self.layout.default_prompt_name
        self._pad_id = self.layout.pad_id
        if self.layout.pad_token is not None:
            found = self.tokenizer.token_to_id(self.layout.pad_token)
            self._pad_id = self._pad_id if found is None else found
        self._open()
        self._inputs = {given.name for given in self._session.get_inputs()}
        if unknown := self._inputs - _KNOWN_INPUTS:
            raise ValueError(f"its ONNX file asks for {', '.join(sorted(unknown))}, which vecs does not give. {HELP}")
        self._output = self._chosen_output()
        self._dimension = self.encode([""]).shape[1]

    def __reduce__(self) -> tuple[type[OnnxEncoder], tuple[Any, ...]]:
        return OnnxEncoder, self._arguments

    def get_embedding_dimension(self) -> int:
        """Return the dimension of the vectors."""
        return self._dimension

    def encode_query(self, inputs: Sequence[str], **options: Any) -> Vectors:
        """Return the vectors of queries, with the model's own prompt for queries if none is given."""
        return self.encode(inputs, **self._with_own_prompt(options, "query"))

    def encode_document(self, inputs: Sequence[str], **options: Any) -> Vectors:
        """Return the vectors of documents, with the model's own prompt for documents if none is given."""
        return self.encode(inputs, **self._with_own_prompt(options, "document", "passage", "corpus"))

    def encode(
        self,
        inputs: Sequence[str],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        batch_size: int = 32,
        **_: Any,
    ) -> Vectors:
        """Return the vector of each text, in their order; those of like length at once, `batch_size` of them."""
        before = self._prompt(prompt, prompt_name)
        # Not encode_batch(): its threads would warn of every later fork, and the model takes a hundred times as long.
        encoded = [np.asarray(self.tokenizer.encode(before + text).ids, dtype=np.int64) for text in inputs]
        if not encoded:
            return np.empty((0, self._dimension), dtype=np.float32)
        left_out = 0 if self.layout.include_prompt or not before else self._prompt_length(before)
        order = sorted(range(len(encoded)), key=lambda place: -len(encoded[place]))
        found: list[Any] = [None] * len(encoded)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            for place, vector in zip(places, self._run([encoded[place] for place in places], left_out), strict=True):
                found[place] = vector
        return np.stack(found).astype(np.float32, copy=False)

    def _with_own_prompt(self, options: dict[str, Any], *names: str) -> dict[str, Any]:
        if options.get("prompt") is not None or options.get("prompt_name") is not None:
            return options
        return {**options, "prompt_name": next((name for name in names if name in self.prompts), None)}

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        if prompt is not None:
            return prompt
        if name is not None and name not in self.prompts:
            raise ValueError(f"the model has no prompt {brief(name)}; it has {brief(sorted(self.prompts))}")
        name = self.default_prompt_name if name is None else name
        return self.prompts.get(name, "") if name is not None else ""

    def _prompt_length(self, prompt: str) -> int:
        encoding = self.tokenizer.encode(prompt)
        # The token at the end stands behind the text.
        return len(encoding.ids) - (encoding.special_tokens_mask[-1:] == [1])

    def _run(self, rows: list[Any], left_out: int) -> Any:
        width = max(1, *(len(row) for row in rows))
        ids = np.full((len(rows), width), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        given = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.maximum(np.cumsum(mask, axis=1) - 1, 0),
        }
        session = self._open()
        (answer,) = session.run([self._output], {name: given[name] for name in self._inputs})
        answer = np.asarray(answer, dtype=np.float32)
        if self._output != _SENTENCE:
            answer = np.concatenate(
                [_pooled(mode, answer, mask, left_out) for mode in self.layout.pooling or ()], axis=1
            )
        if self.layout.normalize:
            answer = answer / np.maximum(np.linalg.norm(answer, axis=1, keepdims=True), 1e-12)
        return answer

    def _chosen_output(self) -> str:
        """Return the output to read: token vectors, which are pooled here, or where that is not enough the text's."""
        shapes = {given.name: len(given.shape) for given in self._session.get_outputs()}
        if self.layout.missing is not None:
            if _SENTENCE in shapes:
                return _SENTENCE
            raise ValueError(f"{self.layout.missing}, and its ONNX file has no output {_SENTENCE!r}. {HELP}")
        named = [name for name in _TOKENS if name in shapes]
        of_tokens = named or [name for name, axes in shapes.items() if axes == 3]
        if not of_tokens and _SENTENCE not in shapes:
            raise ValueError(f"its ONNX file gives {', '.join(shapes)}, and no vectors of tokens. {HELP}")
        return of_tokens[0] if of_tokens else _SENTENCE

    def _open(self) -> Any:
        """Return the session, made anew in a forked process."""
        if self._process != os.getpid():
            if self._process is not None:
                # Never freed: that would wait for the threads that did not survive the fork, without end.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            runtime = onnx_runtime()
            self._session: Any = runtime.InferenceSession(
                str(self.layout.graph),
                sess_options=self._options.get("session_options") or _session_options(runtime),
                providers=_providers(runtime, self._device, self._options),
            )
            self._process = os.getpid()
            _check_used(self._session.get_providers(), self._device, self._options)
        return self._session


def _pooled(mode: str, tokens: Any, mask: Any, left_out: int) -> Any:
    """Make one vector of each row's token vectors, as sentence-transformers does; padding is at the end."""
    if mode == "lasttoken":
        last = np.maximum(mask.sum(axis=1) - 1, 0)
        return tokens[np.arange(len(tokens)), last] * (mask.sum(axis=1, keepdims=True) > 0)
    kept: Any = mask.copy()
    kept[:, :left_out] = 0
    if mode == "cls":
        return tokens[np.arange(len(tokens)), kept.argmax(axis=1)]
    if mode == "max":
        return np.where(kept[..., None] > 0, tokens, -np.inf).max(axis=1)
    if mode == "weightedmean":
        kept = kept * mask.cumsum(axis=1)
    weights: Any = np.asarray(kept, dtype=np.float32)
    # By matrices: a product of all tokens with their weights would be as large as the answer.
    total = np.matmul(weights[:, None, :], tokens)[:, 0]
    size = np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    return total / (np.sqrt(size) if mode == "mean_sqrt_len_tokens" else size)


def _tokenizer(layout: Layout) -> Any:
    tokenizers = require("tokenizers", extra="onnx")
    made = tokenizers.Tokenizer.from_file(str(layout.tokenizer))
    made.no_padding()
    made.no_truncation()
    if layout.lower:
        lower = [tokenizers.normalizers.Lowercase()]
        made.normalizer = tokenizers.normalizers.Sequence(lower + ([made.normalizer] if made.normalizer else []))
    if layout.max_seq_length is not None:
        made.enable_truncation(layout.max_seq_length, direction="left" if layout.truncate_left else "right")
    return made


def onnx_runtime() -> Any:
    """
    Import onnxruntime, without its reports to its maker: an embedder has no reason to send any.

    Their thread would also keep a forked process from ending. If the program has imported onnxruntime, or set the
    variable, that holds.
    """
    if "onnxruntime" in sys.modules or _TELEMETRY in os.environ:
        return require("onnxruntime", extra="onnx")
    os.environ[_TELEMETRY] = "1"
    try:
        return require("onnxruntime", extra="onnx")
    finally:
        del os.environ[_TELEMETRY]


def _session_options(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    # By default a thread for each core of the machine, bound to it, also where a container gives fewer. The variable
    # is the one that PyTorch heeds.
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdigit() and int(threads) else _cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return options


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return (len(affinity(0)) if affinity is not None else os.cpu_count()) or 1


def _asked(device: str | None, options: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return how the caller said what to compute with, and its names: all that are tried, the first one first."""
    if options.get("provider"):
        return f"provider {options['provider']!r}", (options["provider"],)
    if not device:
        return "no device", ("CUDAExecutionProvider", "CPUExecutionProvider")
    return f"device={device!r}", (f"{device.partition(':')[0].upper()}ExecutionProvider",)


def _check_used(used: Sequence[str], device: str | None, options: Mapping[str, Any]) -> None:
    """Raise TransformError if ONNX Runtime does without what was asked for, as it does where libraries are missing."""
    asked, wanted = _asked(device, options)
    if not any(name in used for name in wanted):
        raise TransformError(
            f"ONNX Runtime cannot use {asked}, and would compute with {', '.join(used)}: the libraries that it needs, "
            "such as those of CUDA, are missing or of another version; device='cpu' needs none"
        )


def _providers(runtime: Any, device: str | None, options: Mapping[str, Any]) -> list[Any]:
    """Return what ONNX Runtime computes with: a graphics card if its build can, otherwise the processor."""
    available = cast("list[str]", runtime.get_available_providers())
    number = (device or "").partition(":")[2]
    asked, wanted = _asked(device, options)
    found = [name for name in wanted if name in available]
    if not found:
        help = "device= is 'cpu' or 'cuda' here, and model_kwargs={'provider': ...} names any other"
        if wanted[0].startswith(("CUDA", "Tensorrt")):
            help = "for a GPU of NVIDIA install onnxruntime-gpu instead of onnxruntime"
        raise ArgError(
            f"{asked} is not in this build of onnxruntime, which has {', '.join(available)}; {help}. Or use PyTorch: "
            "pip install 'vecs[text]'"
        )
    given = dict(options.get("provider_options") or {})
    if number:
        given["device_id"] = number
    return [(found[0], given), *found[1:]] if given else found
