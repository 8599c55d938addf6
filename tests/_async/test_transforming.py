"""Collections with a transform: text in, matches with text out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pytest

import vecs
from vecs import Embedding, ParagraphChunker, Pipeline, Record, TextEmbedding, TextPreprocessor
from vecs.adapter import Adapter, AdapterContext, AdapterStep, NoOp
from vecs.exc import ArgError, MismatchedDimension, TransformError


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Letters as a vector: near texts share letters."""
    return [[text.lower().count(letter) + 0.01 for letter in "abcdefgh"] for text in texts]


async def embed_later(texts: Sequence[str]) -> list[list[float]]:
    return embed(texts)


LETTERS = Embedding(embed, 8, name="letters")
PARAGRAPHS = Pipeline([ParagraphChunker(skip_during_query=True), LETTERS])


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.get_or_create_collection("docs", transform=PARAGRAPHS)
    await docs.index()
    return docs


async def test_text_goes_in_and_similar_text_comes_out(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection("texts", transform=LETTERS)
    await docs.index()
    assert await docs.upsert([("1", "aaa bb", {"n": 1}), Record("2", text="hhh gg"), ("3", [1.0] * 8, {})]) == 3
    matches = await docs.search("AA b")
    assert (matches[0].id, matches[0].text, matches[0].metadata) == ("1", "aaa bb", {"n": 1})
    assert [m.text for m in matches if m.id == "3"] == [None]
    assert await docs.query("gh", limit=1) == ["2"]
    assert [m.id for m in await docs.search(embed(["hg"])[0], limit=1)] == ["2"]


async def test_an_async_function_embeds_in_both_worlds(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection("texts", transform=Embedding(embed_later, 8))
    await docs.upsert([("1", "aaa", {}), ("2", "bbb", {})])
    assert [m.id for m in await docs.search("b", limit=1, exact=True)] == ["2"]


async def test_a_document_is_kept_as_chunks_that_name_it(docs: vecs.AsyncCollection) -> None:
    assert await docs.upsert([("doc", "aaa\n\nbbb\n\nccc", {"n": 1})]) == 3
    found = await docs.get()
    assert [(r.id, r.text, r.document_id, r.metadata) for r in found] == [
        ("doc_para_000", "aaa", "doc", {"n": 1}),
        ("doc_para_001", "bbb", "doc", {"n": 1}),
        ("doc_para_002", "ccc", "doc", {"n": 1}),
    ]


async def test_a_shorter_version_leaves_no_stale_chunks(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([("doc", "aaa\n\nbbb\n\nccc", {}), ("other", "ddd\n\neee", {})])
    await docs.upsert([("doc", "fff", {})])
    assert [r.text for r in await docs.get()] == ["fff", "ddd", "eee"]
    assert [r.id for r in await docs.get(document_ids=["doc"])] == ["doc_para_000"]


async def test_the_last_version_of_a_document_in_one_call_wins_whole(docs: vecs.AsyncCollection) -> None:
    first = [("doc", "\n\n".join(["aaa"] * 9), {}), *((f"{i}", "bbb", {}) for i in range(200))]
    await docs.upsert([*first, ("doc", "ccc\n\nddd", {})])
    assert [r.text for r in await docs.get(document_ids=["doc"])] == ["ccc", "ddd"]


@pytest.mark.parametrize("documents", [1, 700])
async def test_stale_chunks_go_by_every_path(docs: vecs.AsyncCollection, documents: int) -> None:
    await docs.upsert([(f"{i}", "aaa\n\nbbb", {}) for i in range(documents)])
    assert await docs.count() == 2 * documents
    await docs.upsert([(f"{i}", "ccc", {}) for i in range(documents)])
    assert await docs.count() == documents


async def test_a_document_given_as_a_vector_replaces_its_chunks_and_the_other_way_round(
    docs: vecs.AsyncCollection,
) -> None:
    await docs.upsert([("doc", "aaa\n\nbbb", {})])
    await docs.upsert([Record("doc", [1.0] * 8, text="whole")])
    assert [r.id for r in await docs.get()] == ["doc"]
    await docs.upsert([("doc", "ccc", {})])
    assert [r.id for r in await docs.get()] == ["doc_para_000"]
    await docs.upsert([("doc", "", {})])
    assert [r.text for r in await docs.get()] == [""]


async def test_chunks_that_come_with_a_document_id_leave_their_siblings(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([Record("c1", [1.0] * 8, "aaa", document_id="doc"), Record("c2", [2.0] * 8, document_id="doc")])
    await docs.upsert([Record("c3", [3.0] * 8, "ccc", document_id="doc")])
    assert len(await docs.get(document_ids=["doc"])) == 3
    assert len(await docs.delete(document_ids=["doc"])) == 3


async def test_a_text_that_is_split_takes_no_other_document(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match=r"'p1' has document_id='book'.*'p1_para_000'.*Leave document_id= out"):
        await docs.upsert([("other", "bbb", {}), Record("p1", text="one\n\ntwo", document_id="book")])
    assert await docs.count() == 0


async def test_a_collection_remembers_its_transform(client: vecs.AsyncClient) -> None:
    transform = TextPreprocessor(model="all-MiniLM-L6-v2", max_tokens=100)
    made = await client.get_or_create_collection("manual", transform=transform)
    found = await client.get_collection("manual")
    assert made.dimension == found.dimension == 384
    assert repr(found.transform) == repr(transform)
    same = TextEmbedding("sentence-transformers/all-MiniLM-L6-v2")
    assert (await client.get_or_create_collection("manual", transform=same)).transform is same


async def test_another_model_is_refused(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection("manual", transform=TextEmbedding("all-MiniLM-L6-v2"))
    await docs.upsert([vecs.Record("a", [1.0] * 384, "a")])
    with pytest.raises(MismatchedDimension, match=r"was made with TextEmbedding.*all-MiniLM-L6-v2.*cannot be compared"):
        await client.get_or_create_collection("manual", transform=TextEmbedding("all-MiniLM-L12-v2"))
    with pytest.raises(MismatchedDimension, match="dimension is 3, but the transform makes vectors of dimension 384"):
        await client.get_or_create_collection("x", dimension=3, transform=TextEmbedding("all-MiniLM-L6-v2"))


async def test_a_transform_that_makes_no_vectors_is_told(client: vecs.AsyncClient) -> None:
    with pytest.raises(ArgError, match=r"ParagraphChunker.* makes no vectors: give one that ends with an embedder"):
        await client.get_or_create_collection("x", transform=vecs.ParagraphChunker())
    assert await client.collection_names() == []


async def test_a_function_has_to_be_given_again_and_the_error_says_so(client: vecs.AsyncClient) -> None:
    await (await client.get_or_create_collection("docs", transform=LETTERS)).upsert([("1", "aaa", {})])
    found = await client.get_collection("docs")
    assert found.transform is None
    with pytest.raises(ArgError, match=r"has no transform.*pass transform="):
        await found.search("a")
    with pytest.raises(ArgError, match="'2' has text where collection 'docs'"):
        await found.upsert([("2", "bbb", {})])
    again = await client.get_collection("docs", transform=LETTERS)
    assert len(await again.search("a", exact=True)) == 1


async def test_a_comment_of_somebody_elses_is_left_alone(client: vecs.AsyncClient) -> None:
    await client.create_collection("docs", 2, text=True)
    for comment in (
        "plain words",
        '{"vecs": "no", "x": 1}',
        '{"vecs":',
        '{"vecs": {"transform": {"class": "os.system"}}}',
    ):
        async with client.connection() as connection:
            quoted = psycopg.sql.quote(comment)
            await connection.execute(f'comment on table "{client.schema}".docs is {quoted}')
        docs = await client.get_collection("docs")
        assert docs.transform is None


async def test_a_failing_model_names_the_records_and_nothing_is_written(client: vecs.AsyncClient) -> None:
    def fail(texts: Sequence[str]) -> list[list[float]]:
        if any("bad" in text for text in texts):
            raise ValueError("no such word")
        return embed(texts)

    docs = await client.create_collection("docs", transform=Embedding(fail, 8))
    with pytest.raises(TransformError, match="'2'") as caught:
        await docs.upsert([("1", "a", {}), ("2", "bad", {})])
    assert isinstance(caught.value.__cause__, ValueError)
    assert await docs.count() == 0
    with pytest.raises(TransformError):
        await docs.search("bad")


async def test_no_transaction_is_open_while_a_model_runs(client: vecs.AsyncClient, target: str) -> None:
    seen: list[Any] = []

    def look(texts: Sequence[str]) -> list[list[float]]:
        with psycopg.connect(target) as connection:
            seen.extend(
                connection.execute(
                    "select pid from pg_stat_activity where state like 'idle in transaction%%' and query ~ %s",
                    [client.schema],
                )
            )
        return embed(texts)

    docs = await client.create_collection("docs", transform=Embedding(look, 8, batch_size=50))
    await docs.upsert([(f"{i}", "aaa", {}) for i in range(300)])
    assert seen == []


async def test_adapters_of_vecs_04_work(client: vecs.AsyncClient) -> None:
    class Hash(AdapterStep):
        @property
        def exported_dimension(self) -> int:
            return 4

        def __call__(self, records: Any, adapter_context: AdapterContext) -> Any:
            for id, media, metadata in records:
                digest = hashlib.sha256(media.encode()).digest()[:4]
                yield id, np.frombuffer(digest, np.uint8).astype(float), {**(metadata or {}), "n": len(media)}

    adapter = Adapter([ParagraphChunker(skip_during_query=True), Hash()])
    docs = await client.get_or_create_collection("docs", adapter=adapter)
    assert docs.dimension == 4
    assert docs.adapter is adapter
    await docs.upsert([("x", "one\n\ntwo", {"k": 1})])
    assert [(r.id, r.metadata) for r in await docs.fetch(["x_para_000", "x_para_001"])] == [
        ("x_para_000", {"k": 1, "n": 3}),
        ("x_para_001", {"k": 1, "n": 3}),
    ]
    await docs.index()
    assert await docs.query("two", limit=1) == ["x_para_001"]
    await docs.upsert([("raw", [1, 2, 3, 4], {})], skip_adapter=True)
    assert await docs.query([1, 2, 3, 4], limit=1, skip_adapter=True) == ["raw"]


async def test_a_custom_04_step_sees_vectors_as_04_showed_them(client: vecs.AsyncClient) -> None:
    class Half(AdapterStep):
        def __call__(self, records: Any, adapter_context: AdapterContext) -> Any:
            for id, media, metadata in records:
                yield id, np.asarray(media)[:2], metadata

    docs = await client.get_or_create_collection("docs", adapter=Adapter([Half(), NoOp(2)]))
    await docs.upsert([("a", [1, 2, 3, 4], {})])
    await docs.index()
    assert list((await docs["a"]).vec) == [1, 2]
    assert await docs.query([1, 2, 3, 4], include_value=True) == [("a", 0)]


@pytest.mark.model
async def test_the_announcements_text_collection_answers(client: vecs.AsyncClient) -> None:
    docs = await client.get_or_create_collection("manual", transform=TextPreprocessor(model="all-MiniLM-L6-v2"))
    bread, cars = "# Sourdough\n\nHow to bake bread.", "# Engines\n\nHow to mend a car."
    await docs.upsert([("id_0", bread, {}), ("id_1", cars, {})])
    await docs.index()
    (match,) = await docs.search("my motor is broken", limit=1)
    assert (match.id, match.document_id, match.text) == ("id_1", "id_1", cars)
    again = await client.get_collection("manual")
    assert [m.id for m in await again.search("yeast and flour", limit=1)] == ["id_0"]
