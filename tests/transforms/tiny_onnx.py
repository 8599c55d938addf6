"""A model of a few words in ONNX and in the layout of sentence-transformers, written without any library of ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "bread", "oil", "loaf", "motor", "bake", "query", ":"]
FLOAT, INT64 = 1, 7
Named = Mapping[str, Any]
NOTHING: Named = MappingProxyType({})
MEAN: Named = MappingProxyType({"pooling_mode": "mean"})


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a message of protobuf."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name: str, values: Any, location: str | None = None) -> bytes:
    values = np.asarray(values)
    kind = FLOAT if values.dtype == np.float32 else INT64
    head = b"".join(field(1, size) for size in values.shape) + field(2, kind) + field(8, name)
    if location is None:
        return head + field(9, values.tobytes())
    # The value before its name, as no library writes it, but any may read it.
    return head + field(13, field(2, location) + field(1, "location")) + field(14, 1)


def node(kind: str, inputs: Sequence[str], output: str, **numbers: int) -> bytes:
    attributes = b"".join(field(5, field(1, key) + field(20, 2) + field(3, value)) for key, value in numbers.items())
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind) + attributes


def value(name: str, kind: int, axes: int) -> bytes:
    shape = b"".join(field(1, field(2, f"{name}_{axis}")) for axis in range(axes))
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def model(
    dimension: int = 8,
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    output: str = "last_hidden_state",
    location: str | None = None,
) -> bytes:
    """
    The file of a model in which every token sees those that the mask leaves.

    The vector of a token is that of its word, plus the mean of all. Padding has a vector of large numbers.
    """
    words = np.random.default_rng(0).normal(size=(len(WORDS), dimension)).astype(np.float32)
    words[0] = 1000
    nodes = [
        node("Gather", ["words", "input_ids"], "own"),
        node("Cast", ["attention_mask"], "mask", to=FLOAT),
        node("Unsqueeze", ["mask", "two"], "column"),
        node("Mul", ["own", "column"], "seen"),
        node("ReduceSum", ["seen", "one"], "sum", keepdims=1),
        node("ReduceSum", ["column", "one"], "count", keepdims=1),
        node("Div", ["sum", "count"], "mean"),
        node("Add", ["own", "mean"], output if output != "sentence_embedding" else "tokens"),
        node("ReduceSum", ["mean", "one"], "sentence_embedding", keepdims=0),
    ]
    constants = [tensor("words", words, location), tensor("one", [1]), tensor("two", [2])]
    graph = (
        b"".join(field(1, one) for one in nodes)
        + field(2, "tiny")
        + b"".join(field(5, one) for one in constants)
        + b"".join(field(11, value(name, INT64, 2)) for name in inputs)
        + field(12, value(output, FLOAT, 2 if output == "sentence_embedding" else 3))
    )
    return field(1, 8) + field(8, field(1, "") + field(2, 17)) + field(7, graph)


def write(
    folder: Path,
    file: bytes | None = None,
    *,
    pooling: Named = MEAN,
    limit: int = 6,
    modules: Sequence[str] = ("Transformer", "Pooling", "Normalize"),
    prompting: Named = NOTHING,
    name: str = "model.onnx",
) -> Path:
    """Write a model's folder, and return it."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "onnx" / name).write_bytes(model() if file is None else file)
    tokenizer = Tokenizer(models.WordLevel({word: ix for ix, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    # As many files have them, and which must not count.
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(folder / "tokenizer.json"))
    paths = ["", "1_Pooling", "2_Normalize"]
    kinds = [
        {"idx": 0, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for path, kind in zip(paths, modules, strict=False)
    ]
    files: dict[str, Any] = {
        "modules.json": kinds,
        "1_Pooling/config.json": dict(pooling),
        "sentence_bert_config.json": {"max_seq_length": limit},
        "tokenizer_config.json": {"pad_token": "[PAD]"},
        "config_sentence_transformers.json": dict(prompting),
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return folder
