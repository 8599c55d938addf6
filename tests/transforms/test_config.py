from __future__ import annotations

import json

import pytest

from vecs.exc import ArgError
from vecs.transforms import (
    Adapter,
    AdapterStep,
    Embedding,
    ImageEmbedding,
    MarkdownChunker,
    NoOp,
    ParagraphChunker,
    Pipeline,
    RecursiveSplitter,
    TextEmbedding,
    TextPreprocessor,
    describe,
    from_config,
    identity,
)

REBUILT = [
    NoOp(3),
    ParagraphChunker(skip_during_query=False),
    MarkdownChunker(max_tokens=9, headings=True),
    MarkdownChunker(tokenizer=TextEmbedding()),
    RecursiveSplitter(max_characters=100, overlap=5, markdown=True),
    RecursiveSplitter(tokenizer=TextEmbedding()),
    TextEmbedding(truncate_dim=128, document_prompt="passage: ", query_prompt="", normalize=False, revision="abc"),
    ImageEmbedding(batch_size=4),
    Pipeline([ParagraphChunker(), TextEmbedding("all-mpnet-base-v2")]),
    Adapter([TextEmbedding()]),
    TextPreprocessor(max_tokens=100, overlap=10, truncate_dim=64),
    TextPreprocessor(chunker="paragraph"),
    TextPreprocessor(chunker=ParagraphChunker()),
    Pipeline([TextPreprocessor(chunker="paragraph")]),
]


class Custom(AdapterStep):
    def __call__(self, records, adapter_context):
        return records


@pytest.fixture(autouse=True)
def no_model_is_loaded(monkeypatch):
    monkeypatch.setattr("vecs.transforms._text.load_model", pytest.fail)


@pytest.mark.parametrize("transform", REBUILT, ids=lambda transform: type(transform).__name__)
def test_a_description_survives_json_and_rebuilds_the_transform(transform):
    description = json.loads(json.dumps(describe(transform)))

    again = from_config(description)

    assert describe(again) == description
    assert identity(again) == identity(transform) == identity(description)


def test_a_description_remembers_the_dimension_of_a_model_that_is_not_loaded():
    assert from_config({"class": "TextEmbedding", "model": "an/unknown-model", "dimension": 7}).dimension == 7


def test_no_secret_is_described():
    assert "geheim" not in json.dumps(describe(TextPreprocessor(token="geheim", device="cuda")))
    assert "geheim" not in repr(TextEmbedding(use_auth_token="geheim").__dict__)


@pytest.mark.parametrize(
    ("transform", "name"),
    [
        (Embedding(len, 3, name="ada"), "Embedding"),
        (Custom(), "Custom"),
        (MarkdownChunker(max_tokens=3, tokenizer=len), "MarkdownChunker"),
        (Pipeline([ParagraphChunker(), Embedding(len, 3)]), "Embedding"),
    ],
)
def test_what_only_the_caller_has_must_be_passed_again(transform, name):
    with pytest.raises(ArgError, match=rf"{name}.*pass transform="):
        from_config(describe(transform))


@pytest.mark.parametrize("model", ["/tmp/model", "../model", "./m", "a/b/c", r"\\host\share", "C:\\m", 5, None, ".."])
def test_a_folder_named_in_a_description_is_not_loaded(model):
    with pytest.raises(ArgError, match="folder"):
        from_config({"class": "TextEmbedding", "model": model})


def test_a_folder_with_a_models_name_is_not_loaded_from_a_description(tmp_path, monkeypatch):
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgError, match="folder"):
        from_config({"class": "TextEmbedding", "model": "all-MiniLM-L6-v2"})


def test_a_description_cannot_make_a_model_run_its_code():
    step = from_config({"class": "TextEmbedding", "model": "evil/model", "dimension": 3, "trust_remote_code": True})
    assert step._spec.trust_remote_code is False


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"class": "os.system"},
        {"class": ["TextEmbedding"]},
        {"class": "TextEmbedding"},
        {"class": "Pipeline", "steps": None},
        {"class": "Pipeline", "steps": [1]},
        {"class": "MarkdownChunker", "max_tokens": "many"},
        {"class": "TextPreprocessor", "model": "m", "chunker": 5},
        # Libraries make paths of revisions.
        {"class": "TextEmbedding", "model": "a/b", "revision": "../../../../private.txt"},
        {"class": "TextEmbedding", "model": "a/b", "revision": "/bin/ls"},
        {"class": "ImageEmbedding", "model": "a/b", "revision": "a/../b"},
        {"class": "TextPreprocessor", "model": "a/b", "revision": "main\n"},
        {"class": "TextEmbedding", "model": "a/b", "query_prompt": "x" * 10_001},
        {"class": "APIEmbedding", "model": "m", "document_prompt": "x" * 10_001},
        {"class": "APIEmbedding", "model": "m", "query_body": {"a": "x" * 10_001}},
        {"class": "APIEmbedding", "model": "m", "query_body": {"a": float("inf")}},
        {"class": "APIEmbedding", "model": "m", "document_body": {"a": 10**400}},
        {"class": "APIEmbedding", "model": "m", "timeout": float("nan")},
        None,
        "TextEmbedding",
    ],
)
def test_a_malformed_description_is_an_argument_error(config):
    with pytest.raises(ArgError):
        from_config(config)


def test_a_described_server_is_not_waited_for_for_hours():
    step = from_config({"class": "APIEmbedding", "model": "m", "retries": 100, "timeout": 86400})
    assert (step.retries, step.timeout) == (10, 600)
    assert from_config({"class": "APIEmbedding", "model": "m", "timeout": 5}).timeout == 5
    assert (
        from_config({"class": "TextEmbedding", "model": "a/b", "revision": "refs/pr/1"})._spec.revision == "refs/pr/1"
    )


def test_chunking_and_speed_do_not_change_the_identity():
    plain = identity(TextEmbedding())
    assert plain == {"class": "TextEmbedding", "model": "all-MiniLM-L6-v2", "dimension": 384, "normalize": True}
    assert identity(TextEmbedding("sentence-transformers/all-MiniLM-L6-v2", batch_size=4, device="cuda")) == plain
    assert identity(TextPreprocessor(chunker="paragraph", max_tokens=5)) == plain
    assert identity(Adapter([MarkdownChunker(), TextEmbedding(query_prompt="q")])) == plain


@pytest.mark.parametrize(
    "other",
    [
        TextEmbedding("all-MiniLM-L12-v2"),
        TextEmbedding(truncate_dim=128),
        TextEmbedding(normalize=False),
        TextEmbedding(document_prompt="passage: "),
        Embedding(len, 384),
    ],
    ids=repr,
)
def test_what_changes_vectors_changes_the_identity(other):
    assert identity(other) != identity(TextEmbedding())


def test_a_transform_that_makes_no_vectors_has_no_identity():
    assert identity(ParagraphChunker()) is identity(NoOp(3)) is identity(Custom()) is None


def test_functions_are_told_apart_by_their_names():
    assert identity(Embedding(len, 3, name="a")) != identity(Embedding(len, 3, name="b"))
    assert identity(Embedding(len, 3)) == identity(Embedding(repr, 3))
