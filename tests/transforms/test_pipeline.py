from __future__ import annotations

from dataclasses import replace

import pytest

from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import Adapter, Embedding, NoOp, ParagraphChunker, Pipeline, RecursiveSplitter, TextEmbedding


def lengths(texts):
    return [[float(len(text)), 1.0] for text in texts]


class Upper:
    """A transform written against the protocol alone, asynchronous."""

    dimension = None

    async def transform_records(self, records):
        return [replace(record, text=record.text.upper()) for record in records]

    async def transform_query(self, query):
        return query.upper()


def test_a_pipeline_runs_its_steps_in_order():
    pipeline = Pipeline([ParagraphChunker(), Embedding(lengths, 2)])

    records = pipeline.transform_records([Record("d", text="abc\n\nde")])

    assert [(r.id, r.text, r.vec.tolist(), r.document_id) for r in records] == [
        ("d_para_000", "abc", [3.0, 1.0], "d"),
        ("d_para_001", "de", [2.0, 1.0], "d"),
    ]
    assert pipeline.transform_query("abcd").tolist() == [4.0, 1.0]


def test_pipelines_inside_are_flattened():
    chunker, embedding, noop = ParagraphChunker(), Embedding(lengths, 2), NoOp(3)
    assert Pipeline([Pipeline([chunker, Adapter([embedding])]), noop]).steps == (chunker, embedding, noop)


def test_the_dimension_is_that_of_the_last_step_that_has_one():
    assert Pipeline([NoOp(5), ParagraphChunker(), Embedding(lengths, 2)]).dimension == 2
    assert Pipeline([ParagraphChunker()]).dimension is None


def test_a_pipeline_without_steps_is_refused():
    with pytest.raises(ArgError, match="at least one step"):
        Pipeline([])
    with pytest.raises(ArgError, match="Adapter must contain at least 1 step"):
        Adapter([])


def test_a_chunker_behind_an_embedder_is_refused():
    for steps in ([Embedding(lengths, 2), ParagraphChunker()], [Pipeline([TextEmbedding("m")]), RecursiveSplitter(9)]):
        with pytest.raises(ArgError, match=r"stands behind the embedder .* put the chunker first"):
            Pipeline(steps)


def test_an_embedder_behind_an_embedder_is_refused():
    with pytest.raises(ArgError, match=r"stands behind the embedder .* leave one of them out"):
        Pipeline([Embedding(lengths, 2), Pipeline([TextEmbedding("m")])])


@pytest.mark.parametrize("steps", [Embedding(lengths, 2), Pipeline([NoOp(3)]), "m", {"class": "NoOp"}, NoOp, 5, None])
def test_steps_are_a_list(steps):
    for kind in (Pipeline, Adapter):
        with pytest.raises(ArgError, match="takes a list of steps, not .*: put the steps in a list"):
            kind(steps)
    with pytest.raises(ArgError, match="takes only steps by position; put the steps in a list"):
        Pipeline(ParagraphChunker(), Embedding(lengths, 2))


def test_what_is_no_transform_is_refused():
    with pytest.raises(ArgError, match="is not a transform"):
        Pipeline([lengths])


def test_making_a_pipeline_does_not_load_a_model(monkeypatch):
    monkeypatch.setattr("vecs.transforms._text.load_model", pytest.fail)
    pipeline = Pipeline([TextEmbedding("an/unknown-model")])
    assert repr(pipeline) == "Pipeline([TextEmbedding('an/unknown-model')])"


async def test_a_pipeline_with_an_asynchronous_step_is_awaited():
    pipeline = Pipeline([ParagraphChunker(), Upper(), Embedding(lambda texts: [[float(ord(t[0]))] for t in texts], 1)])

    records = await pipeline.transform_records([Record("d", text="a\n\nb")])

    assert [(r.text, r.vec.tolist()) for r in records] == [("A", [65.0]), ("B", [66.0])]
    assert (await pipeline.transform_query("c")).tolist() == [67.0]
