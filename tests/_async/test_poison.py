"""What other programs, or hostile ones, have written: it is named, got past, and reaches nobody else's records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

import vecs
from vecs.exc import ArgError, DatabaseError
from vecs.transforms import NoOp

X = [1.0, 0.0]
EMBEDDING = vecs.Embedding(lambda texts: [[1.0, float(len(text))] for text in texts], 2, name="lengths")


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2, text=True)
    docs.warns_without_index = False
    await docs.upsert([vecs.Record("good", X, text="words", metadata={"n": 1})])
    return docs


async def commented(client: vecs.AsyncClient, name: str, comment: str) -> None:
    async with client.connection() as connection:
        quoted = psycopg.sql.quote(comment)
        await connection.execute(f'comment on table "{client.schema}"."{name}" is {quoted}')


def pipelines(levels: int) -> str:
    opened, closed = '{"class": "Pipeline", "steps": [', "]}"
    inner = opened * levels + '{"class": "NoOp", "dimension": 2}' + closed * levels
    return '{"vecs": {"transform": ' + inner + "}}"


HOSTILE = {
    "nested": pipelines(400),
    "deeper": pipelines(100_000),
    "huge": '{"vecs": {"transform": {"class": "' + "x" * 5_000_000 + '"}}}',
    "digits": '{"vecs": {"transform": {"class": "NoOp", "dimension": ' + "1" * 5000 + "}}}",
    "nan": '{"vecs": {"transform": {"class": "NoOp", "dimension": NaN}}}',
    "invalid": '{"vecs": {"transform": ',
    "list": '{"vecs": []}',
    "twice": '{"vecs": {}, "vecs": {"transform": {"class": "evil.Module"}}}',
    "number": '{"vecs": {"transform": 5}}',
    "other dimension": '{"vecs": {"transform": {"class": "NoOp", "dimension": 1000000000}}}',
    "foreign server": '{"vecs": {"transform": {"class": "APIEmbedding", "model": "m", "dimension": 2, "base_url": '
    '"https://evil.example/v1"}}}',
    "no model of a server": '{"vecs": {"transform": {"class": "APIEmbedding", "model": 5, "dimension": 2}}}',
    "no model": '{"vecs": {"transform": {"class": "TextEmbedding", "model": 5, "dimension": 2}}}',
}


@pytest.mark.parametrize("comment", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_comment_leaves_its_collection_usable_and_the_others_listed(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, comment: str
) -> None:
    await client.create_collection("other", 2, transform=NoOp(2))
    await commented(client, "docs", comment)
    assert [found.name for found in await client.list_collections()] == ["docs", "other"]
    found = await client.get_collection("docs")
    assert found.transform is None
    assert [match.id for match in await found.search(X, exact=True)] == ["good"]
    with pytest.raises(ArgError, match="pass transform=") as caught:
        await found.search("a text")
    assert len(str(caught.value)) < 1000
    again = await client.get_collection("docs", transform=EMBEDDING)
    assert [match.id for match in await again.search("a text", exact=True)] == ["good"]


async def test_a_description_that_a_comment_could_not_give_back_is_refused_when_it_is_written(
    client: vecs.AsyncClient,
) -> None:
    class Long(NoOp):
        def config(self) -> dict[str, Any]:
            return {"class": "Long", "dimension": 2, "words": "x" * 100_000}

    class Odd(NoOp):
        def config(self) -> dict[str, Any]:
            return {"class": "Odd", "dimension": 2, "what": object()}

    for transform in (Long(2), Odd(2)):
        with pytest.raises(ArgError, match="the transform's config"):
            await client.create_collection("made", transform=transform)
    assert await client.list_collections() == []


UNREADABLE = {
    "deep": '{"a": ' + "[" * 1500 + "]" * 1500 + "}",
    "a little too deep": '{"a": ' + '{"a": ' * 250 + "1" + "}" * 250 + "}",
    "digits": '{"a": ' + "1" * 5000 + "}",
    "float": '{"a": ' + "1" * 400 + ".5}",
    "list": "[1, 2]",
    "number": "5",
    "string": '"x"',
}

READS: dict[str, Callable[[vecs.AsyncCollection], Awaitable[Any]]] = {
    "get": lambda docs: docs.get(),
    "get by id": lambda docs: docs.get(["bad", "good"]),
    "fetch": lambda docs: docs.fetch(["bad"]),
    "search": lambda docs: docs.search(X, exact=True),
    "keywords": lambda docs: docs.search("words", mode="keyword"),
    "hybrid": lambda docs: docs.search(X, text="words", mode="hybrid"),
    "many": lambda docs: docs.search_many([X] * 30, exact=True),
    "query": lambda docs: docs.query(X, include_metadata=True),
    "pandas": lambda docs: docs.to_pandas(),
}


async def insert(docs: vecs.AsyncCollection, metadata: str, extra: str = "null") -> None:
    async with docs.client.connection() as connection:
        await connection.execute(
            f'insert into "{docs.client.schema}".docs (id, vec, metadata, text, extra) '
            "values ('bad', '[1, 0]', %s::jsonb, 'words', %s::jsonb)",
            (metadata, extra),
        )


@pytest.mark.parametrize("metadata", UNREADABLE.values(), ids=UNREADABLE)
async def test_metadata_that_cannot_be_read_names_its_record_in_every_reading(
    docs: vecs.AsyncCollection, metadata: str
) -> None:
    await insert(docs, metadata)
    for read in READS.values():
        with pytest.raises(DatabaseError, match=r"metadata of record 'bad' cannot be read: .* leaves it out") as caught:
            await read(docs)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("metadata", UNREADABLE.values(), ids=UNREADABLE)
async def test_records_beside_one_that_cannot_be_read_are_reached_and_it_can_be_mended(
    docs: vecs.AsyncCollection, metadata: str
) -> None:
    await insert(docs, metadata)
    others = {"$id": {"$ne": "bad"}}
    assert [record.id for record in await docs.get(["good"])] == ["good"]
    assert [record.id async for record in docs.scan(filters=others)] == ["good"]
    assert [match.id for match in await docs.search(X, filters=others)] == ["good"]
    assert sorted(await docs.query(X)) == ["bad", "good"]
    assert await docs.count() == 2
    assert await docs.update_metadata({"n": 2}, ids=["bad"], replace=True) == ["bad"]
    assert [record.metadata for record in await docs.get()] == [{"n": 2}, {"n": 1}]


async def test_a_record_that_cannot_be_read_can_be_deleted_and_written_anew(docs: vecs.AsyncCollection) -> None:
    await insert(docs, UNREADABLE["deep"])
    await docs.upsert([("bad", X, {"n": 3})])
    assert (await docs.get(["bad"]))[0].metadata == {"n": 3}
    assert await docs.delete(["bad"]) == ["bad"]
    await insert(docs, UNREADABLE["digits"])
    assert await docs.delete(filters={"$id": "bad"}) == ["bad"]


async def test_extra_data_that_cannot_be_read_names_its_record(docs: vecs.AsyncCollection) -> None:
    await insert(docs, "{}", UNREADABLE["deep"])
    assert len(await docs.search(X, exact=True)) == 2
    with pytest.raises(DatabaseError, match="extra of record 'bad' cannot be read: it is nested deeper"):
        await docs.search(X, exact=True, include_extra=True)


async def test_a_borrowed_connection_is_told_why_json_cannot_be_read(docs: vecs.AsyncCollection) -> None:
    async with docs.client.connection() as connection:
        cursor = await connection.execute("select %s::jsonb", ("[" * 1500 + "]" * 1500,))
        with pytest.raises(ValueError, match="nested deeper than 200 levels"):
            await cursor.fetchall()


async def test_odd_metadata_of_other_programs_is_read_as_it_is(docs: vecs.AsyncCollection) -> None:
    odd = '{"": 1, "large": 1e400, "small": 1e-320, "zero": -0.0, "list": [null, true], "\\u202e": "x"}'
    await insert(docs, odd)
    (found,) = await docs.get(["bad"])
    assert found.metadata == {
        "": 1, "large": 10**400, "small": 1e-320, "zero": 0.0, "list": [None, True], "\u202e": "x",
    }  # fmt: skip


async def test_what_cannot_be_stored_is_refused_before_a_model_works_on_it(client: vecs.AsyncClient) -> None:
    calls: list[int] = []

    def embed(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        return [[1.0, 2.0] for _ in texts]

    docs = await client.create_collection("docs", transform=vecs.Embedding(embed, 2))
    deep: dict[str, Any] = {}
    for _ in range(150):
        deep = {"below": deep}
    for metadata, place in ((deep, "at below.below"), ({"n": 10**5000}, "digits"), ({"n": [float("nan")]}, r"n\[0\]")):
        with pytest.raises(ArgError, match=f"record 'b': metadata is not storable: .*{place}"):
            await docs.upsert([("a", "one", {}), ("b", "two", metadata)])
    with pytest.raises(ArgError, match="record 'b': text is not storable"):
        await docs.upsert([("a", "one", {}), ("b", "two\0", {})])
    extra: Any = {"extra": [1]}
    with pytest.raises(ArgError, match="record 'b': extra is list"):
        await docs.upsert([vecs.Record("b", text="two", **extra)])
    assert calls == []


@pytest.mark.parametrize("number", [1e16, 1.5e300, -1e22, 1e-7, 0.1, 3.0], ids=range(6))
async def test_a_float_comes_back_as_a_float_and_is_found_by_its_value(
    docs: vecs.AsyncCollection, number: float
) -> None:
    await docs.upsert([vecs.Record("f", X, metadata={"f": number, "list": [number]})])
    (found,) = await docs.get(["f"])
    assert found.metadata == {"f": number, "list": [number]}
    assert isinstance((found.metadata or {})["f"], float)
    filters: list[dict[str, Any]] = [
        {"f": number}, {"f": {"$in": [number]}}, {"f": {"$gte": number}}, {"list": {"$contains": number}},
    ]  # fmt: skip
    if number == int(number):
        filters.append({"f": int(number)})
    assert [await docs.count(each) for each in filters] == [1] * len(filters)
