from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import vecs.adapter
import vecs.adapter.base
import vecs.adapter.markdown
import vecs.adapter.noop
import vecs.adapter.text
from vecs.adapter import Adapter, AdapterContext, AdapterStep, MarkdownChunker, NoOp, ParagraphChunker, TextEmbedding
from vecs.exc import ArgError
from vecs.records import Record
from vecs.transforms import Embedding, Pipeline

UPSERT, QUERY = AdapterContext("upsert"), AdapterContext("query")


class Sentences(AdapterStep):
    """A chunker as users of vecs 0.4 wrote them."""

    def __call__(self, records, adapter_context):
        for id_, media, metadata in records:
            for ix, sentence in enumerate(media.split(". ")):
                yield f"{id_}-{ix}", sentence, {**(metadata or {}), "ix": ix}


class Length(AdapterStep):
    """An embedder as users of vecs 0.4 wrote them, in batches."""

    @property
    def exported_dimension(self):
        return 2

    def __call__(self, records, adapter_context):
        for id_, media, metadata in list(records):
            yield id_, media if isinstance(media, list) else np.array([len(media), 0.0]), metadata


class Ahead(AdapterStep):
    """A chunker that reads everything before it yields."""

    def __call__(self, records, adapter_context):
        yield from [(f"{id_}!", media, metadata) for id_, media, metadata in list(records)]


def test_old_steps_work_beside_new_ones():
    pipeline = Pipeline([ParagraphChunker(), Sentences(), Length()])

    records = pipeline.transform_records([Record("d", text="a. bc\n\ndef", metadata={"m": 1})])

    assert [(r.id, r.text, list(r.vec), r.metadata, r.document_id) for r in records] == [
        ("d_para_000-0", "a", [1.0, 0.0], {"m": 1, "ix": 0}, "d"),
        ("d_para_000-1", "bc", [2.0, 0.0], {"m": 1, "ix": 1}, "d"),
        ("d_para_001-0", "def", [3.0, 0.0], {"m": 1, "ix": 0}, "d"),
    ]
    assert pipeline.dimension == pipeline.exported_dimension == 2


def test_an_old_step_names_the_document_when_it_reads_one_by_one():
    records = Sentences().transform_records([Record("a", text="x. y"), Record("b", text="z", document_id="doc")])
    assert [(r.id, r.document_id) for r in records] == [("a-0", "a"), ("a-1", "a"), ("b-0", "doc")]


def test_an_old_step_that_reads_ahead_names_no_document():
    records = Ahead().transform_records([Record("a", text="x"), Record("b", text="y")])
    assert [(r.id, r.text, r.document_id) for r in records] == [("a!", "x", None), ("b!", "y", None)]


def test_a_record_that_keeps_its_id_keeps_what_it_has():
    given = Record("a", text="xy", document_id="doc", extra={"e": 1})
    (made,) = Length().transform_records([given])
    assert (made.text, made.document_id, made.extra, list(made.vec)) == ("xy", "doc", {"e": 1}, [2.0, 0.0])
    (made,) = Length().transform_records([Record("a", media="xyz")])
    assert (made.text, made.media) == ("xyz", None)


def test_old_steps_see_given_vectors_as_media():
    (made,) = Length().transform_records([Record("a", vec=[5.0, 6.0])])
    assert list(made.vec) == [5.0, 6.0]


def test_an_old_step_cannot_change_the_input():
    class Marks(AdapterStep):
        def __call__(self, records, adapter_context):
            for id_, media, metadata in records:
                metadata["mark"] = True
                yield id_, media, metadata

    given = Record("a", text="x", metadata={})
    (made,) = Marks().transform_records([given])
    assert (given.metadata, made.metadata) == ({}, {"mark": True})


def test_a_query_through_an_old_step_comes_out_as_one():
    assert list(Pipeline([Sentences(), Length()]).transform_query("abc")) == [3.0, 0.0]
    with pytest.raises(ArgError, match="Failed to produce exactly one query vector from input"):
        Sentences().transform_query("a. b")


def test_built_in_steps_are_called_with_tuples_lazily():
    def endless():
        ix = 0
        while True:
            yield str(ix), "a\n\nb", None
            ix += 1

    adapter = Adapter(
        steps=[ParagraphChunker(skip_during_query=True), Embedding(lambda t: [[1.0]] * len(t), 1, batch_size=3)]
    )
    results = adapter(records=endless(), adapter_context=AdapterContext("upsert"))

    assert inspect.isgenerator(results)
    assert [next(results)[0] for _ in range(3)] == ["0_para_000", "0_para_001", "1_para_000"]


def test_chunkers_answer_as_vecs_0_4_did():
    paragraphs = ParagraphChunker(skip_during_query=True)
    assert list(paragraphs([("1", "a\n\nb", {})], UPSERT)) == [("1_para_000", "a", {}), ("1_para_001", "b", {})]
    assert list(paragraphs([("", "a\n\nb", None)], QUERY)) == [("", "a\n\nb", {})]
    assert list(ParagraphChunker(skip_during_query=False)([("", "a\n\nb", {})], QUERY)) == [
        ("_para_000", "a", {}),
        ("_para_001", "b", {}),
    ]


def test_the_markdown_chunker_takes_a_limit_by_call():
    chunker = MarkdownChunker(skip_during_query=True)
    sentence = "this is quite a long sentence which will have to be split into two chunks"

    assert list(chunker([("2", sentence, {})], UPSERT, max_tokens=10)) == [
        ("2_head_000", "this is quite a long sentence which will have to", {}),
        ("2_head_001", "be split into two chunks", {}),
    ]
    assert list(chunker([("2", sentence, {})], UPSERT)) == [("2_head_000", sentence, {})]
    with pytest.raises(ValueError, match="-5"):
        list(chunker([("2", sentence, {})], UPSERT, max_tokens=-5))


def test_noop_passes_everything():
    noop = NoOp(dimension=3)
    assert noop.exported_dimension == noop.dimension == 3
    assert list(noop([("a", [1, 2, 3], None)], UPSERT)) == [("a", [1, 2, 3], {})]
    assert noop.transform_records([Record("a", vec=[1])]) == [Record("a", vec=[1])]
    assert noop.transform_query([1]) == [1]


def test_steps_are_adapter_steps_with_the_arguments_of_vecs_0_4():
    step = TextEmbedding(model="all-MiniLM-L6-v2", batch_size=8, use_auth_token=None)
    assert isinstance(step, AdapterStep)
    assert isinstance(ParagraphChunker(skip_during_query=True), AdapterStep)
    assert Adapter([step]).exported_dimension == 384
    assert ParagraphChunker(skip_during_query=True).exported_dimension is None


def test_the_import_paths_of_vecs_0_4_lead_to_the_transforms():
    assert vecs.adapter.base.Adapter is Adapter
    assert vecs.adapter.markdown.MarkdownChunker is MarkdownChunker
    assert vecs.adapter.noop.NoOp is NoOp
    assert vecs.adapter.text.TextEmbedding is TextEmbedding


def test_importing_transforms_imports_no_optional_package():
    code = (
        "import sys, vecs.transforms, vecs.adapter; "
        "print({'torch', 'transformers', 'sentence_transformers', 'semantic_text_splitter', 'PIL', 'tokenizers',"
        " 'huggingface_hub'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
