"""Answers per document or column, neighbours and examples in tables of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
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
    with pytest.raises(ArgError, match="like= and unlike= are empty"):
        await chunks.search(like=[])
    assert len(await chunks.search([1, 0.9], like=[], limit=2)) == 2
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


async def test_ids_of_documents_are_such_as_their_column_has(
    chunks: vecs.AsyncAttachedCollection, run: Callable[[str], None]
) -> None:
    run("create index of_articles on {s}.chunks (article)")
    for given in (CATS.replace("0001", "00AB"), CATS.upper(), f"{{{CATS}}}"):
        found = await chunks.get(filters={"$document_id": given})
        assert [r.id for r in found] == ([] if "AB" in given else ["8", "9", "10", "11"])
    assert await chunks.count(filters={"$document_id": {"$in": ["no uuid", DOGS.upper()]}}) == 3
    assert await chunks.count(filters={"$document_id": {"$ne": "no uuid"}}) == 7
    assert await chunks.count(filters={"$document_id": {"$exists": False}}) == 2
    assert await chunks.count(filters={"$document_id": {"$like": "%2"}}) == 3
    assert [r.id for r in await chunks.get(document_ids=["no uuid", DOGS])] == ["12", "13", "14"]
    for call in (chunks.delete, chunks.update_metadata):
        given: Any = ({"kind": "k9"},) if call == chunks.update_metadata else ()
        with pytest.raises(ArgError, match="'no uuid' is no uuid, which column 'article', that of the ids of doc"):
            await call(*given, document_ids=["no uuid"])
    with pytest.raises(ArgError, match="record '8': document_id 'no uuid' is no uuid"):
        await chunks.upsert([Record("8", [1, 1], document_id="no uuid")])
    assert await chunks.delete(document_ids=[DOGS.upper()]) == ["12", "13", "14"]
    for options in ({"filters": {"$document_id": CATS}}, {"group_by": "$document_id"}, {"context": 1}):
        assert await chunks.search([1, 1], **cast("Any", options))
    run("""
        insert into {s}.chunks select n, gen_random_uuid(), 'k', '[1,1]', 'word' from generate_series(100, 9000) as n;
        analyze {s}.chunks
    """)
    assert "of_articles" in str(await chunks.explain([1, 1], filters={"$document_id": {"$in": [CATS, DOGS]}}))


async def test_paths_lead_into_declared_columns_of_json(client: vecs.AsyncClient, run: Callable[[str], None]) -> None:
    run("""
        create table {s}.t (id int primary key, v vector(2), j jsonb, k json, m jsonb, body text,
            words tsvector generated always as (to_tsvector('english', body)) stored);
        insert into {s}.t select n, array[1, n]::vector,
            jsonb_build_object('a', n, 'b', jsonb_build_object('c', n % 2)),
            json_build_object('a', 'x' || n), '{"p": {"q": 1}}', 'word' from generate_series(1, 5) as n;
        update {s}.t set m = '{"j.a": 70}' where id = 3;
        update {s}.t set j = null where id = 4
    """)
    docs = await client.attach("t", vec="v", text="body", metadata="m", columns=["j", "k"])
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({"j.a": 2}, ["2"]),
        ({"j.a": {"$gt": 1}}, ["2", "3", "5"]),
        ({"j.a": 70}, ["3"]),
        ({"j.a": {"$in": [1, 5]}}, ["1", "5"]),
        ({"j.b.c": 1, "k.a": {"$like": "x%"}}, ["1", "3", "5"]),
        ({"$or": [{"k.a": "x4"}, {"p.q": 2}, {"j.a": 1}]}, ["1", "4"]),
        ({"$not": [{"j.b.c": 1}]}, ["2", "4"]),
        ({"j.b.c": {"$exists": False}}, ["4"]),
        ({"p.q": 1}, ["1", "2", "4", "5"]),
        ({"j.nothing": 1}, []),
    ]
    for given, ids in filters:
        assert [r.id for r in await docs.get(filters=given)] == ids, given
        found = await docs.search([1, 0], filters=given)
        assert sorted(m.id for m in found) == ids, given
    many = {"$or": [{"j.a": {"$gt": 10 + n}} for n in range(60)] + [{"j.b.c": 0}]}
    assert [r.id for r in await docs.get(filters=many)] == ["2", "3"]
    for how in ({}, {"exact": True}, {"mode": "hybrid", "text": "word"}):
        groups = await docs.search([1, 0], group_by="j.b.c", group_size=9, **cast("Any", how))
        assert {m.id: m.group for m in groups} == {"1": 1, "2": 0, "3": 1, "4": None, "5": 1}


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("int", "n"),
        ("numeric", "n + 0.5"),
        ("real", "n + 0.1"),
        ("text", "'v\"' || n"),
        ("varchar(9)", "'v' || n"),
        ("char(9)", "'v' || n"),
        ("boolean", "n = 1"),
        ("uuid", "('00000000-0000-0000-0000-00000000000' || n)::uuid"),
        ("date", "date '2024-01-01' + n"),
        ("timestamp", "timestamp '2024-01-01' + n * interval '1.5 hours'"),
        ("timestamptz", "timestamptz '2024-01-01' + n * interval '1.000001 hours'"),
        ("int[]", "array[n]"),
        ("interval", "n * interval '1 hour'"),
        ("jsonb", "to_jsonb(n)"),
    ],
)
async def test_members_of_groups_of_a_column_of_any_type_are_completed(
    client: vecs.AsyncClient, run: Callable[[str], None], type: str, value: str
) -> None:
    run(f"""
        create table {{s}}.t (id int primary key, v vector(2), c {type});
        create index on {{s}}.t using hnsw (v vector_cosine_ops);
        insert into {{s}}.t select i, array[1, i / 1000.0]::vector, {value}
        from (select i, i % 3 + 1 as n from generate_series(1, 900) as i where i <= 600 or i % 3 = 0) as made
    """)
    docs = await client.attach("t", vec="v", columns=["c"])
    found = await docs.search([1, 0], group_by="c", group_size=250, limit=2)
    exact = await docs.search([1, 0], group_by="c", group_size=250, limit=2, exact=True)
    assert [(m.group, m.id) for m in found] == [(m.group, m.id) for m in exact]
    assert len(found) >= 400
