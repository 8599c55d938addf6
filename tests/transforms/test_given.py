"""What people give where a transform or a function belongs, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vecs
from vecs._async.tables.create import one_transform
from vecs.exc import ArgError
from vecs.sharing import CollectionSettings
from vecs.transforms import Embedding, Pipeline, TextEmbedding, TextPreprocessor


class Loaded:
    """A SentenceTransformer, as far as it can be told from other things; it can be called, as every torch module."""

    def encode(self, texts: list[str]) -> Any: ...
    def get_sentence_embedding_dimension(self) -> int: ...
    def __call__(self, features: Any) -> Any: ...


class LangChain:
    def embed_documents(self, texts: list[str]) -> Any: ...
    def embed_query(self, text: str) -> Any: ...


class LlamaIndex:
    def get_text_embedding_batch(self, texts: list[str]) -> Any: ...
    def get_query_embedding(self, text: str) -> Any: ...
    def __call__(self, nodes: Any) -> Any: ...


def embed(texts: list[str]) -> Any: ...


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("all-MiniLM-L6-v2", "vecs.TextEmbedding('all-MiniLM-L6-v2')"),
        (Path("models/mine"), "vecs.TextEmbedding('models/mine')"),
        (embed, "vecs.Embedding(function, dimension)"),
        (lambda texts: texts, "vecs.Embedding(function, dimension)"),
        (Loaded(), "vecs.TextEmbedding(model)"),
        (LangChain(), "vecs.Embedding(model.embed_documents, dimension, query=model.embed_query)"),
        (
            LlamaIndex(),
            "vecs.Embedding(model.get_text_embedding_batch, dimension, query=model.get_query_embedding)",
        ),
        (TextPreprocessor, "an object of it, TextPreprocessor(...)"),
        ([vecs.ParagraphChunker(), TextEmbedding()], "vecs.Pipeline([...])"),
        ({"class": "TextEmbedding", "model": "m"}, "vecs.transforms.from_config(description)"),
        (5, "no transform_records(), transform_query(), dimension"),
        (b"x", "no transform_records()"),
    ],
    ids=range(12),
)
def test_what_is_no_transform_is_told_what_would_be(given: Any, instead: str) -> None:
    calls = [
        lambda: one_transform(given, None),
        lambda: one_transform(None, given),
        lambda: CollectionSettings(name="x", transform=given),
        lambda: Pipeline([given]),
    ]
    # A string there is the name of a chunker.
    for call in calls if isinstance(given, str) else [*calls, lambda: TextPreprocessor(chunker=given)]:
        with pytest.raises(ArgError) as caught:
            call()
        assert instead in str(caught.value)
        assert " is not a transform" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        (5, "5 is not a function from a list of texts to a list of vectors"),
        (None, "None is not a function"),
        ("text-embedding-3-small", "give vecs.TextEmbedding('text-embedding-3-small')"),
        (Loaded(), "give vecs.TextEmbedding(model)"),
        (LangChain(), "query=model.embed_query)"),
        (TextEmbedding(), "is a transform itself; give it as transform="),
        (TextEmbedding, "give an object of it"),
        ("x" * 10**6, "1,000,000 characters"),
    ],
    ids=range(8),
)
def test_what_is_no_function_is_refused_by_an_embedding(given: Any, instead: str) -> None:
    with pytest.raises(ArgError) as caught:
        Embedding(given, 3)
    assert instead in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "arguments", [{"dimension": "3"}, {"dimension": 1.5}, {"dimension": True}, {"batch_size": None}]
)
def test_numbers_of_an_embedding_are_whole(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgError, match="must be an integer at least 1"):
        Embedding(embed, **{"dimension": 3, **arguments})


def test_a_transform_has_all_three_parts_and_is_not_asked_for_its_dimension() -> None:
    class Step:
        @property
        def dimension(self) -> int:
            raise AssertionError("this loads a model")

        def transform_records(self, records: Any) -> Any: ...
        def transform_query(self, query: Any) -> Any: ...

    assert Pipeline([Step()]).steps
    for name in ("dimension", "transform_query"):
        parts: dict[str, Any] = {part: value for part, value in vars(Step).items() if part != name}
        with pytest.raises(ArgError, match=rf"is not a transform: it has no {name}(\(\))?$"):
            one_transform(type("Part", (), parts)(), None)


def test_a_query_function_is_one() -> None:
    with pytest.raises(ArgError, match="query must be a function from a text to a vector, not 'q'"):
        Embedding(embed, 3, query="q")
