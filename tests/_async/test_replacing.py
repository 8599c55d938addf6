"""replace_all(): what comes is written first, and what no longer comes is deleted at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

import vecs
from vecs import Embedding, ParagraphChunker, Pipeline, Record
from vecs._async.writing import replacing
from vecs.exc import ArgError, FilterError

Run = Callable[[str], None]


def embed(texts: Sequence[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0, 2.0] for text in texts]


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    transform = Pipeline([ParagraphChunker(), Embedding(embed, 3, name="lengths")])
    docs = await client.create_collection("docs", transform=transform)
    await docs.upsert(
        [("a", "one\n\ntwo", {"of": "x"}), ("b", "three", {"of": "x"}), ("c", "four\n\nfive\n\nsix", {"of": "y"})]
    )
    return docs


async def texts(docs: vecs.AsyncCollection) -> list[str]:
    return sorted([record.text or "" async for record in docs.scan()])


async def test_what_no_longer_comes_is_deleted(docs: vecs.AsyncCollection) -> None:
    records = [("a", "one\n\nnew", {"of": "x"}), ("d", "seven", {})]
    result = await docs.replace_all(records, skip_unchanged=True)
    assert (result.records, result.embedded, result.unchanged, result.deleted) == (3, 2, 0, 4)
    assert await texts(docs) == ["new", "one", "seven"]
    again = await docs.replace_all(iter(records), skip_unchanged=True)
    assert repr(again) == "UpsertResult(records=0, documents=0, unchanged=2)"


async def test_a_filter_leaves_all_others_alone(docs: vecs.AsyncCollection) -> None:
    result = await docs.replace_all([("b", "three", {"of": "x"})], filters={"of": "x"})
    assert (result.records, result.deleted) == (1, 2)
    assert await texts(docs) == ["five", "four", "six", "three"]


@pytest.mark.parametrize(
    "record", [("e", "outside", {"of": "y"}), ("e", "outside", {}), Record("e", [1.0, 2.0, 3.0], "outside")]
)
async def test_a_record_outside_the_filter_is_refused(docs: vecs.AsyncCollection, record: Any) -> None:
    before = await texts(docs)
    with pytest.raises(FilterError, match="record 'e' does not match the filter"):
        await docs.replace_all([("b", "three", {"of": "x"}), record], filters={"of": "x"})
    assert await texts(docs) == before


async def test_filters_see_ids_documents_and_texts_of_what_comes(docs: vecs.AsyncCollection) -> None:
    filters = {"$or": [{"$document_id": {"$in": ["a", "b"]}}, {"$id": "x"}, {"$text": "more"}]}
    result = await docs.replace_all([("a", "one", {"of": "z"}), ("f", "more", {})], filters=filters)
    assert result.deleted == 1
    assert await texts(docs) == ["five", "four", "more", "one", "six"]


async def test_an_empty_input_needs_to_be_allowed(docs: vecs.AsyncCollection) -> None:
    with pytest.raises(ArgError, match=r"delete all records of the collection; if that is meant, give allow_empty"):
        await docs.replace_all([])
    with pytest.raises(ArgError, match="all records that match the filter"):
        await docs.replace_all(iter(()), filters={"of": "y"})
    assert await docs.count() == 6
    assert (await docs.replace_all([], filters={"of": "y"}, allow_empty=True)).deleted == 3
    assert (await docs.replace_all([], allow_empty=True)).deleted == 3
    assert await docs.count() == 0


@pytest.mark.parametrize("batch_size", [None, 1])
async def test_an_input_that_fails_deletes_nothing(docs: vecs.AsyncCollection, batch_size: int | None) -> None:
    def failing() -> Iterator[Any]:
        yield ("a", "one\n\ntwo", {"of": "x"})
        raise OSError("the disk is gone")

    before = await texts(docs)
    with pytest.raises(OSError, match="the disk is gone"):
        await docs.replace_all(failing(), batch_size=batch_size)
    assert await texts(docs) == before


async def test_what_others_add_meanwhile_stays(docs: vecs.AsyncCollection) -> None:
    async def records() -> AsyncIterator[Any]:
        yield ("a", "one", {"of": "x"})
        await docs.upsert([("other", "theirs", {"of": "x"})])

    assert (await docs.replace_all(records(), filters={"of": "x"})).deleted == 1
    assert await texts(docs) == ["five", "four", "one", "six", "theirs"]


async def test_records_are_replaced_page_by_page(client: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_PAGE", 7)
    monkeypatch.setattr(replacing, "_DELETED_AT_ONCE", 2)
    points = await client.create_collection("points", dimension=2)
    await points.upsert([(f"p{n}", [n, 1], {}) for n in range(50)])
    result = await points.replace_all([(f"p{n}", [n, 2], {}) for n in range(0, 100, 2)], batch_size=10)
    assert (result.records, result.deleted) == (50, 25)
    assert sorted([int(str(r.id)[1:]) async for r in points.scan()]) == [*range(0, 100, 2)]


class Moving:
    """A step of a user's own that changes metadata."""

    dimension = None

    def transform_records(self, records: Sequence[Record]) -> list[Record]:
        return [replace(record, metadata={"of": record.text}) for record in records]

    def transform_query(self, query: Any) -> Any:
        return query


async def test_what_a_step_makes_of_a_record_must_match_too(client: vecs.AsyncClient) -> None:
    transform = Pipeline([Moving(), Embedding(embed, 3, name="lengths")])
    moved = await client.create_collection("moved", transform=transform)
    with pytest.raises(FilterError, match="record 'a' does not match the filter"):
        await moved.replace_all([("a", "elsewhere", {"of": "x"})], filters={"of": "x"})
    assert (await moved.replace_all([("a", "x", {"of": "x"})], filters={"of": "x"})).records == 1


async def test_chunks_without_a_document_are_kept(client: vecs.AsyncClient) -> None:
    transform = Pipeline([ParagraphChunker(), Embedding(embed, 3, name="lengths")])
    plain = await client.create_collection("plain", transform=transform, text=False)
    await plain.upsert([("a", "one\n\ntwo", {}), ("b", "three", {})])
    assert (await plain.replace_all([("a", "one\n\ntwo", {})])).deleted == 1
    assert await plain.count() == 2


async def test_odd_arguments_are_refused(docs: vecs.AsyncCollection, client: vecs.AsyncClient, run: Run) -> None:
    given: Any = ("a", "one", {})
    with pytest.raises(ArgError, match="replace_all takes an iterable of records, not one str"):
        await docs.replace_all("text")
    with pytest.raises(FilterError, match="has no condition"):
        await docs.replace_all([given], filters={})
    with pytest.raises(ArgError, match="allow_empty must be True or False"):
        await docs.replace_all([given], allow_empty=given)
    run("alter table {s}.docs add column price int")
    with pytest.raises(FilterError, match="columns that records do not have"):
        await (await client.get_collection("docs")).replace_all([given], filters={"$price": 1})
    run("create table {s}.mine (id int primary key, v vector(3))")
    mine = await client.attach("mine", vec="v")
    with pytest.raises(ArgError, match=r"replace_all\(\) is for collections that vecs made"):
        await mine.replace_all([(1, [1, 2, 3], {})])
    assert await docs.count() == 6
