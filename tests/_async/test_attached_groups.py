"""Answers per document or column, neighbours and examples in tables of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

import vecs
from vecs import Record
from vecs.exc import ArgError

CATS, DOGS = (str(UUID(int=n)) for n in (1, 2))
CHUNKS = """
    create table {s}.chunks (
        chunk_id bigint primary key, article uuid, kind text, embedding vector(2), body text,
        words tsvector generated always as (to_tsvector('english', body)) stored
    );
    insert into {s}.chunks
    select n, case when n < 12 then '00000000-0000-0000-0000-000000000001'::uuid when n < 15
           then '00000000-0000-0000-0000-000000000002'::uuid end,
           case when n % 3 > 0 then 'k' || n % 3 end, array[1, n / 10.0]::vector, 'word ' || n
    from generate_series(8, 16) as n
"""
HOW: dict[str, Any] = {
    "index": {},
    "exact": {"exact": True},
    "keyword": {"mode": "keyword"},
    "hybrid": {"mode": "hybrid", "text": "word"},
}


@pytest.fixture
async def chunks(client: vecs.AsyncClient, run: Callable[[str], None]) -> vecs.AsyncAttachedCollection:
    run(CHUNKS)
    return await client.attach("chunks", vec="embedding", text="body", document_id="article", columns=["kind"])


@pytest.mark.parametrize("how", HOW)
async def test_groups_of_a_declared_column_and_of_documents(chunks: vecs.AsyncAttachedCollection, how: str) -> None:
    query: Any = "word" if how == "keyword" else [1, 0.8]
    for key in ("kind", "$kind"):
        found = await chunks.search(query, group_by=key, **HOW[how])
        assert {(match.group, match.metadata.get("kind")) for match in found} == {(k, k) for k in ("k1", "k2", None)}
        assert len(found) == 3
    found = await chunks.search(query, group_by="$document_id", group_size=9, **HOW[how])
    assert {match.group: [] for match in found}.keys() == {CATS, DOGS, "15", "16"}
    assert len(found) == 9
    if how in ("index", "exact"):
        assert [match.id for match in found] == [str(n) for n in range(8, 17)]
        found = await chunks.search(query, group_by="kind", group_size=2, filters={"$document_id": CATS}, **HOW[how])
        assert [(m.group, m.id) for m in found] == [("k2", "8"), ("k2", "11"), (None, "9"), ("k1", "10")]


async def test_neighbours_and_examples(chunks: vecs.AsyncAttachedCollection) -> None:
    (match,) = await chunks.search([1, 0.9], limit=1, context=1)
    assert match.context is not None
    assert ([r.id for r in match.context.before], match.id, [r.id for r in match.context.after]) == (["8"], "9", ["10"])
    for id in ("8", "08"):
        assert [m.id for m in await chunks.search(like=[id], limit=2)] == ["9", "10"]
    with pytest.raises(ArgError, match="'77'"):
        await chunks.search(like=["77"])


async def test_what_a_table_lacks_for_them_is_told(client: vecs.AsyncClient, chunks: vecs.AsyncCollection) -> None:
    bare = await client.attach("chunks", vec="embedding")
    lacking: list[dict[str, Any]] = [{"group_by": "$document_id"}, {"group_by": "$text"}, {"context": 1}]
    for options in lacking:
        with pytest.raises(ArgError, match="attach.. was not told of a column for them: give it text="):
            await bare.search([1, 0], **options)
    with pytest.raises(ArgError, match=r"'\$id', '\$document_id', '\$text', '\$chunk_id'"):
        await bare.search([1, 0], group_by="$nope")


async def test_groups_of_a_column_that_was_added_to_a_collection(
    client: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    docs = await client.create_collection("docs", dimension=2)
    await docs.upsert([Record(f"r{n}", [1, n]) for n in range(1, 5)])
    run("alter table {s}.docs add price int; update {s}.docs set price = 7 where id <> 'r2'")
    await docs._table(0)
    assert [(m.group, m.id) for m in await docs.search([1, 1], group_by="$price")] == [(7, "r1"), (None, "r2")]
