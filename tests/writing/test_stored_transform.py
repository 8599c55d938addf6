"""What a collection remembers of its transform, and whether another one fits it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from vecs._sql.tables import Extension, Table
from vecs._writing.stored_transform import (
    check_embeddable,
    describe_collection,
    keeps_metadata,
    keeps_text,
    transform_to_open_with,
)
from vecs.exc import ArgError, MismatchedDimension, TransformError
from vecs.records import Record
from vecs.transforms import (
    AdapterStep,
    Embedding,
    ImageEmbedding,
    NoOp,
    ParagraphChunker,
    Pipeline,
    TextEmbedding,
)


class Legacy(AdapterStep):
    def __call__(self, records: Iterable[Any], adapter_context: Any) -> Iterable[Any]:
        return records


def embed(texts: list[str]) -> list[list[float]]:
    return [[1.0, 2.0, 3.0] for _ in texts]


MODEL = TextEmbedding("all-MiniLM-L6-v2")
FUNCTION = Embedding(embed, 3, name="model-a")


def table(made_with: Any = None, dimension: int | None = 3, **comment: Any) -> Table:
    comment = {**describe_collection(made_with, "english", False), **comment}
    return Table("s", "docs", dimension, Extension("public", (0, 8, 5), 1), comment=comment)


def test_a_plain_vector_collection_is_described_by_nothing() -> None:
    assert describe_collection(None, "english", False) == {}
    assert describe_collection(None, "german", True) == {"language": "german"}


def test_a_transform_is_described_with_what_its_vectors_depend_on() -> None:
    described = describe_collection(MODEL, "english", True)
    assert described["transform"]["class"] == "TextEmbedding"
    assert described["identity"]["model"] == "all-MiniLM-L6-v2"
    assert "batch_size" not in described["identity"]
    assert described["language"] == "english"


@pytest.mark.parametrize(
    ("transform", "kept"),
    [
        (None, False),
        (FUNCTION, True),
        (Pipeline([ParagraphChunker(), FUNCTION]), True),
        (NoOp(3), False),
        (Legacy(), False),
        (Pipeline([ParagraphChunker(), Legacy()]), False),
        (ImageEmbedding(), False),
    ],
)
def test_text_is_kept_where_the_transform_takes_text(transform: Any, kept: bool) -> None:
    assert keeps_text(transform) is kept


def test_a_transform_comes_back_from_its_description() -> None:
    found, missing = transform_to_open_with(table(MODEL, 384), None)
    assert isinstance(found, TextEmbedding)
    assert (found.model, missing) == ("all-MiniLM-L6-v2", None)


def test_a_collection_without_a_transform_opens_without_one() -> None:
    assert transform_to_open_with(table(), None) == (None, None)


def test_a_transform_that_cannot_be_rebuilt_says_what_to_do() -> None:
    found, missing = transform_to_open_with(table(FUNCTION), None)
    assert found is None
    assert missing is not None
    assert missing.endswith("pass transform=")


@pytest.mark.parametrize("transform", ["text", 5, ["list"]])
def test_a_comment_of_another_shape_is_no_transform(transform: Any) -> None:
    assert transform_to_open_with(table(transform=None, dimension=3, identity=transform), FUNCTION) == (FUNCTION, None)


def test_an_equal_transform_is_taken() -> None:
    other = Embedding(embed, 3, name="model-a", batch_size=7)
    assert transform_to_open_with(table(FUNCTION), other) == (other, None)
    chunker = ParagraphChunker()
    assert transform_to_open_with(table(FUNCTION), chunker) == (chunker, None)


def test_a_transform_by_another_model_is_refused() -> None:
    with pytest.raises(MismatchedDimension) as caught:
        transform_to_open_with(table(FUNCTION), Embedding(embed, 3, name="model-b"))
    assert str(caught.value) == (
        "collection 'docs' was made with Embedding(name='model-a', dimension=3); vectors of Embedding(name='model-b', "
        "dimension=3) cannot be compared with those in it. Use the same model, or another collection"
    )


def test_a_transform_of_another_dimension_is_refused_where_no_model_is_known() -> None:
    with pytest.raises(MismatchedDimension) as caught:
        transform_to_open_with(table(dimension=4), FUNCTION)
    assert str(caught.value) == ("the transform makes vectors of dimension 3, but collection 'docs' has dimension 4")
    assert transform_to_open_with(table(dimension=None), FUNCTION) == (FUNCTION, None)


def damaged() -> Table:
    return Table("s", "docs", 3, Extension("public", (0, 8, 5), 1), comment_damage="it is not JSON")


def test_a_damaged_comment_leaves_a_collection_whose_transform_is_unknown() -> None:
    transform, missing = transform_to_open_with(damaged(), None)
    assert transform is None
    assert missing == (
        "the comment of its table, which names the transform, is damaged (it is not JSON): pass transform="
    )


def test_a_transform_given_beside_a_damaged_comment_is_taken_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert transform_to_open_with(damaged(), FUNCTION) == (FUNCTION, None)
    assert "not known which model made its vectors" in caplog.text


DEEP: dict[str, Any] = {"class": "NoOp", "dimension": 3}
for _ in range(5_000):
    DEEP = {"class": "Pipeline", "steps": [DEEP]}


@pytest.mark.parametrize(
    "described",
    [
        DEEP,
        5,
        "TextEmbedding",
        {"class": "Pipeline"},
        {"class": "Pipeline", "steps": []},
        {"class": "Pipeline", "steps": {"a": 1}},
        {"class": "NoOp"},
        {"class": "NoOp", "dimension": True},
        {"class": "NoOp", "dimension": 10**9},
        {"class": "NoOp", "dimension": -1},
        {"class": "TextEmbedding"},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 10**5000},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 384},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 3, "batch_size": "32"},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 3, "batch_size": 0},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 3, "normalize": "no"},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 3, "query_prompt": ["x"]},
        {"class": "TextEmbedding", "model": "a/b", "dimension": 3, "truncate_dim": 1.5},
        {"class": "TextPreprocessor", "model": "a/b", "dimension": 3, "chunker": 5},
        {"class": "TextPreprocessor", "model": "a/b", "dimension": 3, "chunker": "markdown", "overlap": "x"},
        {"class": "MarkdownChunker", "tokenizer": "custom"},
        {"class": ["x"]},
        {},
    ],
    ids=range(23),
)
def test_a_hostile_description_says_why_there_is_no_transform(described: Any) -> None:
    transform, missing = transform_to_open_with(table(transform=described), None)
    assert transform is None
    assert missing is not None
    assert "pass transform=" in missing or "must" in missing or "needs" in missing
    assert len(missing) < 500


def test_a_refusal_shows_little_of_a_huge_identity() -> None:
    huge: dict[str, Any] = {"class": "x\x1b[31m" * 1000, "model": "m" * 10**6, **{f"k{n}": n for n in range(1000)}}
    with pytest.raises(MismatchedDimension, match="was made with") as caught:
        transform_to_open_with(table(MODEL, identity=huge), MODEL)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_own_steps_keep_metadata_and_those_of_others_may_do_anything() -> None:
    assert keeps_metadata(FUNCTION)
    assert keeps_metadata(Pipeline([ParagraphChunker(), FUNCTION]))
    assert not keeps_metadata(Legacy())
    assert not keeps_metadata(Pipeline([Legacy(), FUNCTION]))


@pytest.mark.parametrize(
    ("transform", "record", "error"),
    [
        (FUNCTION, Record("a", media=5), ArgError),
        (MODEL, Record("a"), ArgError),
        (Pipeline([ParagraphChunker(), FUNCTION]), Record("a", media=5), ArgError),
        (ImageEmbedding(), Record("a"), ArgError),
        (ImageEmbedding(), Record("a", media=5), TransformError),
        (ImageEmbedding(), Record("a", media=b"no image"), TransformError),
        (ImageEmbedding(), Record("a", media="no-such-file.png"), TransformError),
        (FUNCTION, Record("a", vec=[1.0]), None),
        (ImageEmbedding(), Record("a", vec=[1.0]), None),
        (MODEL, Record("a", media="text"), None),
        (NoOp(3), Record("a"), None),
    ],
    ids=range(11),
)
def test_what_cannot_be_embedded_is_told_without_a_model(transform: Any, record: Record, error: Any) -> None:
    if error is None:
        check_embeddable(transform, record)
        return
    with pytest.raises(error, match="'a'"):
        check_embeddable(transform, record)
