"""Models without PyTorch: the same vectors from the same files, by ONNX Runtime."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.transforms.tiny_onnx import model, write

import vecs
from vecs.exc import ArgError, MissingDependency, TransformError
from vecs.records import Record
from vecs.transforms import ImageEmbedding, TextEmbedding, TextPreprocessor, describe, from_config, identity
from vecs.transforms import _models as models
from vecs.transforms._onnx import OnnxEncoder, _check_used, _pooled
from vecs.transforms._onnx_external import external_files
from vecs.transforms._onnx_folder import POOLING, wanted_files

TEXTS = ["bread", "", "bake a loaf of bread", "oil motor", "motor : oil bread loaf"]
MINILM = "all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_loaded", {})


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)


def embedded(embedding: TextEmbedding, *texts: str) -> Any:
    return np.array([record.vec for record in embedding.transform_records([Record(text, text=text) for text in texts])])


def cached(home: Path, name: str, revision: str = "abc", **options: Any) -> Path:
    """Write a model as Hugging Face's cache keeps it: a snapshot of links to files that are named by their content."""
    folder = home / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(revision)
    (folder / "blobs").mkdir()
    made = write(folder / "snapshots" / revision, **options)
    for number, path in enumerate(sorted(path for path in made.rglob("*") if path.is_file())):
        path.rename(folder / "blobs" / f"{number}")
        path.symlink_to(os.path.relpath(folder / "blobs" / f"{number}", path.parent))
    return made


@pytest.mark.model
@pytest.mark.parametrize("left_out", [0, 2])
@pytest.mark.parametrize("mode", POOLING)
def test_pooling_is_that_of_sentence_transformers(mode: Any, left_out: int) -> None:
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling

    tokens = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2, [1] * 3 + [0] * 3])
    theirs = Pooling(4, pooling_mode=mode, include_prompt=False)
    given = {"token_embeddings": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}
    expected = theirs({**given, "prompt_length": left_out})["sentence_embedding"].numpy()
    assert _pooled(mode, tokens, mask, left_out) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (["input_ids", "attention_mask"], "last_hidden_state"),
        (["attention_mask", "token_type_ids", "position_ids", "input_ids"], "token_embeddings"),
        (["input_ids", "attention_mask"], "sentence_embedding"),
    ],
)
def test_a_text_has_one_vector_whatever_stands_beside_it(tmp_path: Path, inputs: list[str], output: str) -> None:
    folder = write(tmp_path, model(inputs=inputs, output=output), limit=9)
    embedding = TextEmbedding(folder, backend="onnx", batch_size=2)
    together = embedded(embedding, *TEXTS)
    assert together == pytest.approx(np.concatenate([embedded(embedding, text) for text in TEXTS]), abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(TEXTS)))
    assert embedding.dimension == 8
    assert np.abs(together).max() < 1  # Padding has numbers of a thousand.


def test_a_long_text_is_cut_at_the_models_limit_and_not_at_the_tokenizers(tmp_path: Path) -> None:
    embedding = TextEmbedding(write(tmp_path), backend="onnx")
    assert (embedding.max_tokens, embedding.count_tokens("bread " * 30)) == (4, 30)
    with pytest.warns(UserWarning, match="1 of the 1 texts of one batch are longer than the 4 tokens"):
        long = embedded(embedding, "bread oil loaf motor bake query")
    assert long == pytest.approx(embedded(embedding, "bread oil loaf motor"), abs=1e-6)


def test_a_chunker_counts_by_the_models_tokenizer(tmp_path: Path) -> None:
    step = TextPreprocessor(write(tmp_path), backend="onnx")
    made = list(step.transform_records([Record("d", text="bread oil loaf motor bake query")]))
    assert [record.text for record in made] == ["bread oil loaf motor", "bake query"]


def test_prompts_are_those_of_the_caller_or_of_the_model(tmp_path: Path) -> None:
    prompting = {"prompts": {"query": "query : ", "document": "oil "}, "default_prompt_name": None}
    plain = TextEmbedding(write(tmp_path / "plain", limit=20), backend="onnx")
    own = TextEmbedding(write(tmp_path / "own", limit=20, prompting=prompting), backend="onnx")
    told = TextEmbedding(tmp_path / "own", backend="onnx", query_prompt="", document_prompt_name="query")
    default = {**prompting, "prompts": {"x": "motor "}, "default_prompt_name": "x"}
    third = TextEmbedding(write(tmp_path / "default", limit=20, prompting=default), backend="onnx")
    apart = {"pooling_mode_mean_tokens": True, "include_prompt": False}
    left_out = TextEmbedding(write(tmp_path / "apart", limit=20, prompting=prompting, pooling=apart), backend="onnx")

    assert own.transform_query("bread") == pytest.approx(plain.transform_query("query : bread"))
    assert embedded(own, "bread") == pytest.approx(embedded(plain, "oil bread"))
    assert told.transform_query("bread") == pytest.approx(plain.transform_query("bread"))
    assert embedded(told, "bread") == pytest.approx(embedded(plain, "query : bread"))
    assert third.transform_query("bread") == pytest.approx(plain.transform_query("motor bread"))
    assert np.abs(left_out.transform_query("bread") - own.transform_query("bread")).max() > 0.01
    assert own.max_tokens == 17
    with pytest.raises(TransformError, match=r"no prompt 'x'; it has \['document', 'query'\]"):
        TextEmbedding(tmp_path / "own", backend="onnx", query_prompt_name="x").transform_query("bread")


def test_without_normalize_the_model_says_whether_vectors_have_length_one(tmp_path: Path) -> None:
    for modules, unit in ((["Transformer", "Pooling"], False), (["Transformer", "Pooling", "Normalize"], True)):
        folder = write(tmp_path / str(unit), modules=modules, pooling={"pooling_mode": ["cls", "max"]})
        vector = TextEmbedding(folder, backend="onnx", normalize=False).transform_query("bread")
        assert (vector.shape, np.isclose(np.linalg.norm(vector), 1)) == ((16,), unit)


def test_the_description_and_the_identity_do_not_tell_what_ran_the_model(without_torch: None) -> None:
    light = TextPreprocessor()
    assert light.embedding._needs == dict.fromkeys(["onnxruntime", "tokenizers", "huggingface_hub"], "onnx")
    assert describe(light) == describe(TextPreprocessor(backend="torch"))
    assert identity(TextEmbedding(backend="onnx")) == identity(TextEmbedding(backend="torch"))
    # Explicit wishes are kept.
    assert describe(from_config(describe(TextEmbedding(backend="onnx"))))["backend"] == "onnx"
    assert TextEmbedding(backend="torch")._needs == {"sentence_transformers": "text"}
    assert ImageEmbedding()._needs["sentence_transformers"] == "image"


def test_a_stored_backend_that_is_not_installed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = describe(TextEmbedding(backend="onnx"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert from_config(stored)._needs == {"sentence_transformers": "text"}
    with pytest.raises(MissingDependency, match=r"onnxruntime .*'vecs\[onnx\]'"):
        TextEmbedding(backend="onnx").transform_query("x")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependency, match=r"'vecs\[text\]', or without PyTorch: pip install 'vecs\[onnx\]'"):
        TextEmbedding().transform_query("x")


def test_a_wrong_backend_and_wrong_options_say_what_is_right(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with pytest.raises(ArgError, match="one of 'torch', 'onnx', 'openvino', or None"):
        TextEmbedding(backend="tensorflow")
    for options, message in (
        ({"model_kwargs": {"dtype": "float16"}}, r"model_kwargs\['dtype'\] means nothing to ONNX Runtime; known"),
        ({"device": "mps"}, "device='mps' is not in this build of onnxruntime, .*device= is 'cpu' or 'cuda' here"),
        ({"device": "cuda:1"}, "device='cuda:1' is not in this build of onnxruntime.*onnxruntime-gpu"),
        ({"model_kwargs": {"provider": "X"}}, "provider 'X' is not in this build"),
    ):
        with pytest.raises(ArgError, match=message):
            TextEmbedding(folder, backend="onnx", **options).transform_query("x")
    # Where libraries are missing, ONNX Runtime computes with the processor and says so only in its log.
    _check_used(["CUDAExecutionProvider", "CPUExecutionProvider"], "cuda:0", {})
    _check_used(["CPUExecutionProvider"], None, {})
    with pytest.raises(TransformError, match="cannot use device='cuda:0', and would compute with CPUExecutionProvider"):
        _check_used(["CPUExecutionProvider"], "cuda:0", {})
    given = {"provider": "CPUExecutionProvider", "file_name": "onnx/model.onnx"}
    assert TextEmbedding(folder, backend="onnx", model_kwargs=given, device="cpu").transform_query("x").shape == (8,)


@pytest.mark.parametrize(
    ("options", "removed", "message"),
    [
        ({}, "onnx/model.onnx", r"has no onnx/model\.onnx, the model's export.*'vecs\[text\]'.*export"),
        ({"name": "model_O3.onnx"}, None, r"it has 'onnx/model_O3\.onnx': name one of them with model_kwargs"),
        ({}, "tokenizer.json", r"has no tokenizer\.json.*'vecs\[text\]'$"),
        ({}, "modules.json", "has no modules.json, which says how token vectors become one, and its ONNX file has no"),
        ({}, "1_Pooling/config.json", "1_Pooling/config.json is missing, which says how token vectors become one"),
        ({"modules": ["Transformer", "Pooling", "Dense"]}, None, r"module Dense of the model.*'vecs\[text\]'"),
        ({"modules": ["StaticEmbedding"]}, None, "begins with StaticEmbedding"),
        ({"modules": ["Transformer", "../../evil.Module"]}, None, "no module Pooling"),
        ({"pooling": {"pooling_mode": "best"}}, None, "pools by 'best'; known are cls, max"),
        ({"file": model(inputs=["input_ids", "attention_mask", "task_id"])}, None, "asks for task_id"),
        ({"file": b""}, None, "is empty"),
        ({"file": model()[:-9]}, None, "no ONNX file, or a part of it is missing"),
        ({"file": model(location="../../secret")}, None, "weights outside the model's folder: '../../secret'"),
        ({"file": model(location="/etc/passwd")}, None, "weights outside the model's folder: '/etc/passwd'"),
        ({"file": model(location="link")}, None, "a link out of the model's folder: 'link'"),
    ],
    ids=range(15),
)
def test_what_cannot_be_run_says_why_and_what_to_do(tmp_path: Path, options: Any, removed: Any, message: str) -> None:
    folder = write(tmp_path / "model", **options)
    (tmp_path / "secret").write_bytes(bytes(4 * 8 * 11))
    (folder / "onnx" / "link").symlink_to(tmp_path / "secret")
    if removed:
        (folder / removed).unlink()
    with pytest.raises(TransformError, match=message):
        TextEmbedding(folder, backend="onnx").transform_query("x")


def test_modules_of_others_and_files_elsewhere_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for listed, message in (
        ('[{"type": "evil.Module", "path": ""}]', "brings code of its own .'evil.Module'."),
        ('[{"type": "sentence_transformers.models.Transformer", "path": "../up"}]', "outside the model's folder"),
        ("{", "modules.json is not JSON"),
        ("[" * 10**6, "modules.json is not JSON"),
        ("{}", "is not a list of modules"),
    ):
        (folder / "modules.json").write_text(listed)
        with pytest.raises(TransformError, match=message):
            TextEmbedding(folder, backend="onnx").transform_query("x")
    with pytest.raises(TransformError, match="outside the model's folder"):
        TextEmbedding(folder, backend="onnx", model_kwargs={"file_name": "../x.onnx"}).transform_query("x")


def test_a_cached_model_is_run_without_network_with_its_weights_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_torch: None
) -> None:
    snapshot = cached(tmp_path, f"sentence-transformers/{MINILM}", file=model(384))
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    vector = TextEmbedding(batch_size=3).transform_query("bread")
    assert vector.shape == (384,)
    assert vector == pytest.approx(TextEmbedding(snapshot, backend="onnx").transform_query("bread"))
    # Weights in a file of their own, which is a link to a blob as well.
    weights = np.random.default_rng(0).normal(size=(11, 384)).astype(np.float32)
    weights[0] = 1000
    (tmp_path / "data").write_bytes(weights.tobytes())
    plain = write(tmp_path / "plain", model(384, location="model.onnx_data"))
    (tmp_path / "data").rename(plain / "onnx" / "model.onnx_data")
    assert TextEmbedding(plain, backend="onnx").transform_query("bread") == pytest.approx(vector)


def test_a_collection_made_for_pytorch_is_filled_and_searched_without_it(
    target: str, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path, f"sentence-transformers/{MINILM}", file=model(384), limit=20)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with vecs.create_client(target, schema=schema) as client:
        client.get_or_create_collection("docs", transform=TextPreprocessor(backend="torch"))
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        docs = client.get_collection("docs")
        docs.upsert([("a", "bread loaf", {}), ("b", "oil motor", {})])
        assert [match.id for match in docs.search("motor", limit=1, exact=True)] == ["b"]
        again = client.get_or_create_collection("docs", transform=TextPreprocessor(backend="onnx"))
        assert again.count() == 2


def test_a_revision_and_a_missing_export_in_the_cache_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_torch: None
) -> None:
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    snapshot = cached(tmp_path, "org/name", "a" * 40)
    assert TextEmbedding("org/name", revision="a" * 40).transform_query("x").shape == (8,)
    with pytest.raises(TransformError, match="not in Hugging Face's cache"):
        TextEmbedding("org/name", revision="b" * 40).transform_query("x")
    (snapshot / "onnx" / "model.onnx").unlink()
    monkeypatch.setattr(models, "_loaded", {})
    with pytest.raises(TransformError, match=r"cache: .* has no onnx/model\.onnx.*'vecs\[text\]'.*HF_HUB_OFFLINE"):
        TextEmbedding("org/name", revision="a" * 40).transform_query("x")


def test_of_the_hub_one_graph_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        "README.md",
        "modules.json",
        "1_Pooling/config.json",
        "tokenizer.json",
        "model.safetensors",
        "x.bin",
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "onnx/model_O3.onnx",
        "onnx/model_qint8_avx512.onnx",
        "code.py",
    ]
    needed = ["modules.json", "1_Pooling/config.json", "tokenizer.json"]
    assert wanted_files(files, None) == [*needed, "onnx/model.onnx", "onnx/model.onnx_data"]
    assert wanted_files(files, "model_O3.onnx") == [*needed, "onnx/model_O3.onnx"]
    asked: list[Any] = []

    class Api:
        def __init__(self, **given: Any) -> None:
            asked.append(given)

        def list_repo_files(self, name: str, revision: str | None) -> list[str]:
            return files if name == "org/name" else needed

    def snapshot_download(name: str, **given: Any) -> str:
        asked.append((name, given["revision"], given["token"], given["allow_patterns"]))
        return str(write(tmp_path))

    session = SimpleNamespace(head=lambda *_, **__: SimpleNamespace(status_code=200))
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.setattr("huggingface_hub.get_session", lambda: session)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    # Read when another test imported the library.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    assert TextEmbedding("org/name", backend="onnx", revision="v1", token="t").transform_query("x").shape == (8,)
    assert asked == [{"token": "t"}, ("org/name", "v1", "t", wanted_files(files, None))]
    with pytest.raises(TransformError, match=r"org/other has no ONNX file on the hub.*'vecs\[text\]'"):
        TextEmbedding("org/other", backend="onnx").transform_query("x")


@pytest.mark.parametrize(
    "field",
    [
        # The tag of external data plus 2**32, which protobuf cuts off.
        bytes([0xEA, 0x80, 0x80, 0x80, 0x10, 0]),
        bytes([0xBA, 0x80, 0x80, 0x80, 0x80, 0x00, 0]),
        bytes([0x02, 0]),
        bytes([0x00, 0]),
        bytes([0x3A, 0x80, 0x80, 0x80, 0x80, 0x10]),
    ],
    ids=["33 bits", "6 bytes", "number 0", "number 0 of a varint", "size of 33 bits"],
)
def test_a_graph_with_fields_that_protobuf_reads_otherwise_is_refused(tmp_path: Path, field: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(field)
    with pytest.raises(ValueError, match="no ONNX file"):
        external_files(tmp_path / "model.onnx")


def test_a_revision_leads_to_no_other_folder() -> None:
    with pytest.raises(ArgError, match="revision must be the name of a branch"):
        TextEmbedding("org/name", backend="onnx", revision="../../../private").transform_query("x")


def test_an_encoder_is_pickled_as_its_arguments(tmp_path: Path) -> None:
    encoder = OnnxEncoder(str(write(tmp_path)))
    again = pickle.loads(pickle.dumps(encoder))
    assert again.encode(TEXTS) == pytest.approx(encoder.encode(TEXTS))
    assert encoder.encode([]).shape == (0, 8)


def test_a_failing_model_names_the_records(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match="could not embed records 'a', 'b': "):
        TextEmbedding(write(tmp_path), backend="onnx").transform_records(
            [Record("a", text="x"), Record("b", text="\ud800")]
        )


def test_no_part_of_pytorch_is_imported_and_a_forked_child_embeds(tmp_path: Path) -> None:
    # Without torch in sight, as after `pip install 'vecs[onnx]'`.
    code = (
        "import os, sys\n"
        "for name in ('torch', 'transformers', 'sentence_transformers'): sys.modules[name] = None\n"
        "import threading, vecs\n"
        "assert 'onnxruntime' not in sys.modules and 'tokenizers' not in sys.modules\n"
        f"step = vecs.TextPreprocessor({str(write(tmp_path))!r})\n"
        "assert len(step.transform_records([vecs.Record('a', text='bread oil ' * 9)])) > 2\n"
        "def ask(): found.append(step.transform_query('bread'))\n"
        "found = []\n"
        "threads = [threading.Thread(target=ask) for _ in range(4)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "assert len(found) == 4\n"
        # Telemetry, whose thread would keep the child from ending, is off; the variable is left as it was.
        "assert 'ORT_DISABLE_TELEMETRY' not in os.environ\n"
        "if hasattr(os, 'fork'):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        sys.exit(0 if step.transform_query('bread').shape == (8,) else 1)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.full
@pytest.mark.model
def test_minilm_makes_the_vectors_that_it_makes_by_pytorch(tmp_path: Path, minilm: TextEmbedding) -> None:
    import shutil

    import torch

    loaded: Any = minilm._load().model
    folder = tmp_path / "minilm"
    shutil.copytree(Path(loaded[0].auto_model.config.name_or_path), folder)
    (folder / "onnx").mkdir()
    names = ("input_ids", "attention_mask", "token_type_ids")
    given = (torch.full((2, 16), 2000), torch.ones(2, 16, dtype=torch.long), torch.zeros(2, 16, dtype=torch.long))
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens", max=512)}

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = loaded[0].auto_model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.inner(input_ids, attention_mask, token_type_ids).last_hidden_state

    torch.onnx.export(
        Tokens().eval(),
        given,
        str(folder / "onnx" / "model.onnx"),
        input_names=names,
        dynamo=True,
        output_names=["last_hidden_state"],
        dynamic_shapes=dict.fromkeys(names, axes),
        external_data=False,
    )
    light = TextEmbedding(folder, backend="onnx")
    texts = ["a", "", "Größe ☃", "How do I bake a loaf? " * 9, "word " * 400]
    with pytest.warns(UserWarning, match="longer than the 254 tokens"):
        found = embedded(light, *texts)
    with pytest.warns(UserWarning, match="longer than the 254 tokens"):
        assert found == pytest.approx(embedded(TextEmbedding(), *texts), abs=1e-3)
    assert light.max_tokens == minilm.max_tokens


def test_a_model_is_loaded_once_whether_its_backend_is_named_or_found(tmp_path: Path, without_torch: None) -> None:
    folder = write(tmp_path)
    assert TextEmbedding(folder)._load() is TextEmbedding(folder, backend="onnx")._load()


def test_a_pooling_that_is_not_stated_is_the_mean_as_in_sentence_transformers(tmp_path: Path) -> None:
    stated = write(tmp_path / "stated")
    silent = write(tmp_path / "silent", pooling={"embedding_dimension": 8, "pooling_mode_cls_token": False})
    one, other = (TextEmbedding(folder, backend="onnx").transform_query("bread oil") for folder in (stated, silent))
    assert one == pytest.approx(other)


def test_a_folder_of_onnx_files_alone_names_the_backend_for_it(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    for step in (TextEmbedding(folder, backend="torch"), ImageEmbedding(folder)):
        with pytest.raises(TransformError, match=r"no weights for PyTorch.*backend='onnx'"):
            step.transform_query("bread")


def test_pictures_are_never_embedded_by_onnx_runtime(tmp_path: Path, without_torch: None) -> None:
    with pytest.raises(MissingDependency, match=r"pip install 'vecs\[image\]'"):
        ImageEmbedding(write(tmp_path)).transform_query("bread")
