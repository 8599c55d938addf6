from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pgvector.psycopg import Vector

from vecs.exc import ArgError, TransformError
from vecs.records import Record
from vecs.transforms import AdapterContext, Embedding


def lengths(texts):
    return [[len(text), 0] for text in texts]


async def async_lengths(texts):
    return lengths(texts)


def records(*texts):
    return [Record(f"r{ix}", text=text) for ix, text in enumerate(texts)]


def test_text_is_kept_beside_its_float32_vector():
    given = records("abc")

    (made,) = Embedding(lengths, 2).transform_records(given)

    assert (made.text, made.vec.tolist(), made.vec.dtype) == ("abc", [3.0, 0.0], np.float32)
    assert given == records("abc")


def test_vectors_of_pgvectors_classes_are_vectors():
    step = Embedding(lambda texts: [Vector([len(text), 0.5]) for text in texts], 2, query=lambda text: Vector([7, 7]))
    assert step.transform_records([Record("a", text="abc")])[0].vec.tolist() == [3.0, 0.5]
    assert step.transform_query("abc").tolist() == [7.0, 7.0]


def test_the_function_sees_batches_of_the_texts_without_a_vector():
    seen = []
    embedding = Embedding(lambda texts: seen.append(texts) or lengths(texts), 2, batch_size=2)
    given = [*records("a", "b"), Record("v", vec=[9.0, 9.0], text="v"), Record("m", media="c")]

    made = embedding.transform_records(given)

    assert seen == [["a", "b"], ["c"]]
    assert made[2] is given[2]
    assert (made[3].text, made[3].media) == ("c", None)


async def test_an_asynchronous_function_is_awaited():
    embedding = Embedding(async_lengths, 2, batch_size=1)

    made = await embedding.transform_records(records("a", "bc"))

    assert [r.vec.tolist() for r in made] == [[1.0, 0.0], [2.0, 0.0]]
    assert (await embedding.transform_query("abc")).tolist() == [3.0, 0.0]


def test_a_query_may_have_a_function_of_its_own():
    assert Embedding(lengths, 2, query=lambda text: [7, 7]).transform_query("abc").tolist() == [7.0, 7.0]
    assert Embedding(lengths, 2).transform_query("abc").tolist() == [3.0, 0.0]


@pytest.mark.parametrize("vector", [[1.0, 2.0], (1, 2), np.array([1, 2], dtype=np.float16)])
def test_a_vector_as_query_is_returned_as_it_is(vector):
    assert Embedding(lengths, 2).transform_query(vector) is vector


@pytest.mark.parametrize("query", [None, 5, [], ["a"], [[1.0]]])
def test_a_query_that_is_neither_text_nor_vector_is_refused(query):
    with pytest.raises(ArgError, match="searches by a text or a vector"):
        Embedding(lengths, 2).transform_query(query)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([[1, 2]], r"expected 2 vectors of dimension 2, got an array of shape \(1, 2\)"),
        ([[1, 2, 3]] * 2, r"shape \(2, 3\)"),
        ([[1, 2], [1]], "rows of numbers|row of numbers"),
        ([[1, "x"], [1, 2]], "row of numbers"),
        ([[1, None], [1, 2]], "NaN"),
        ([[1, float("nan")], [1, 2]], "NaN"),
        (None, "expected 2 vectors"),
    ],
)
def test_a_wrong_answer_names_the_records(answer, message):
    with pytest.raises(TransformError, match=message) as caught:
        Embedding(lambda texts: answer, 2).transform_records(records("a", "b"))
    assert "records 'r0', 'r1'" in str(caught.value)


async def test_an_answer_may_be_a_generator_whose_errors_are_those_of_the_call():
    def embed(texts):
        for text in texts:
            if text == "stop":
                raise ConnectionError("no route")
            yield [float(len(text)), 1.0]

    step = Embedding(embed, 2)
    assert [record.vec.tolist() for record in step.transform_records(records("a", "bc"))] == [[1.0, 1.0], [2.0, 1.0]]
    with pytest.raises(TransformError, match="could not embed record 'r0': no route"):
        step.transform_records(records("stop"))
    answer = Embedding(lambda texts: {0: [1.0, 2.0]}.values(), 2).transform_query("a")
    assert answer.tolist() == [1.0, 2.0]
    with pytest.raises(TransformError, match=r"expected 1 vector of dimension 2, got"):
        Embedding(lambda texts: [], 2).transform_query("a")


def test_a_failing_function_names_the_records_and_the_cause():
    def fail(texts):
        raise ConnectionError("no route")

    with pytest.raises(TransformError, match=r"could not embed records 'r0', .* and 2 more: no route") as caught:
        Embedding(fail, 2).transform_records(records(*"abcdefg"))
    assert isinstance(caught.value.__cause__, ConnectionError)
    with pytest.raises(TransformError, match="could not embed the query: no route"):
        Embedding(fail, 2).transform_query("a")


async def test_a_failing_asynchronous_function_names_the_records_of_its_batch():
    async def fail(texts):
        if texts == ["b"]:
            raise TimeoutError
        return lengths(texts)

    with pytest.raises(TransformError, match="could not embed record 'r1': TimeoutError"):
        await Embedding(fail, 2, batch_size=1).transform_records(records("a", "b"))


def test_the_error_of_a_missing_key_is_called_one():
    def fail(texts):
        return {}["OPENAI_API_KEY"]

    with pytest.raises(TransformError, match="could not embed record 'r0': KeyError: 'OPENAI_API_KEY'"):
        Embedding(fail, 2).transform_records(records("a"))


def test_a_record_without_text_is_named():
    with pytest.raises(ArgError, match="record 'x' has no text"):
        Embedding(lengths, 2).transform_records([Record("x", media=b"")])


def test_an_asynchronous_function_cannot_be_called_the_way_of_vecs_0_4():
    with pytest.raises(ArgError, match="asynchronous"):
        list(Embedding(async_lengths, 2)([("a", "b", {})], AdapterContext.upsert))


@pytest.mark.parametrize("arguments", [{"dimension": 0}, {"dimension": 2, "batch_size": 0}])
def test_numbers_below_one_are_refused(arguments):
    with pytest.raises(ArgError, match="must be an integer at least 1"):
        Embedding(lengths, **arguments)


def test_several_queries_go_in_batches() -> None:
    asked: list[list[str]] = []

    def embed(texts: list[str]) -> list[list[float]]:
        asked.append(texts)
        return [[len(text), 1] for text in texts]

    step = Embedding(embed, 2, batch_size=2)
    vectors = step.transform_queries(["a", "bb", "ccc"])
    assert [list(vector) for vector in vectors] == [[1, 1], [2, 1], [3, 1]]
    assert asked == [["a", "bb"], ["ccc"]]
    with pytest.raises(ArgError, match="searches by a text or a vector, not by int"):
        step.transform_queries(["a", 5])


async def test_several_queries_wait_for_an_asynchronous_function() -> None:
    async def embed(texts: list[str]) -> list[list[float]]:
        return [[len(text), 0] for text in texts]

    async def one(text: str) -> list[float]:
        return [0, len(text)]

    vectors: Any = Embedding(embed, 2, batch_size=2).transform_queries(["a", "bb", "ccc"])
    assert [list(vector) for vector in await vectors] == [[1, 0], [2, 0], [3, 0]]
    vectors = Embedding(embed, 2, query=one).transform_queries(["a", "bb"])
    assert [list(vector) for vector in await vectors] == [[0, 1], [0, 2]]


def test_several_queries_may_have_a_function_of_their_own() -> None:
    step = Embedding(lambda texts: [[0, 0]] * len(texts), 2, query=lambda text: [len(text), 1])
    vectors: Any = step.transform_queries(["a", "bb"])
    assert [list(vector) for vector in vectors] == [[1, 1], [2, 1]]
