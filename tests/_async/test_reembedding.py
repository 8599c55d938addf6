"""reembed(): another model for a collection, while others search and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vecs
from vecs import Embedding, MarkdownChunker, ParagraphChunker, Pipeline, Record
from vecs._async.writing import reembed as reembed_module
from vecs.exc import ArgError, DatabaseError, MismatchedDimension

Run = Callable[[str], None]


def old(texts: Sequence[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0, 2.0] for text in texts]


class New:
    """The new model; `during` is called before it works, with the number of the call."""

    def __init__(self, dimension: int = 2) -> None:
        self.dimension = dimension
        self.texts: list[str] = []
        self.calls = 0
        self.during: Callable[[int], Any] = lambda call: None

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls += 1
        waiting = self.during(self.calls)
        if waiting is not None:
            await waiting
        self.texts += texts
        return [[-float(len(text)), *[1.0] * (self.dimension - 1)] for text in texts]


OLD = Embedding(old, 3, name="old")


def named(model: New) -> Embedding:
    return Embedding(model, model.dimension, name="new")


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", transform=OLD)
    await docs.upsert([(f"d{n:03}", "x" * (n + 1), {"n": n}) for n in range(100)])
    return docs


async def lengths(docs: vecs.AsyncCollection) -> dict[str, float]:
    found = [record async for record in docs.scan(include_vector=True)]
    vectors: dict[str, Any] = {str(record.id): record.vec for record in found}
    return {id: float(vec[0]) for id, vec in vectors.items()}


async def test_all_records_get_vectors_of_the_new_model(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    model, seen = New(), list[tuple[int, int | None]]()
    assert (
        await docs.reembed(named(model), batch_size=30, progress=lambda done, total: seen.append((done, total))) == 100
    )
    assert (docs.dimension, seen[0], seen[-1]) == (2, (0, 100), (100, 100))
    assert await lengths(docs) == {f"d{n:03}": -n - 1.0 for n in range(100)}
    [match] = await docs.search("x" * 7, limit=1, measure="l2_distance")
    assert match.id == "d006"
    other = await client.get_collection("docs", transform=named(model))
    assert other.dimension == 2
    with pytest.raises(MismatchedDimension):
        await client.get_collection("docs", transform=OLD)
    # Nothing of it is left.
    assert [column.name for column in (await docs._table(0)).extras] == []
    assert "reembedding" not in (await docs._table(0)).comment
    # It is the transform of the collection now.
    assert await docs.reembed(named(model)) == 0
    again = await docs.upsert([("d000", "x", {"n": 0}), ("new", "xx", {})], skip_unchanged=True)
    assert (again.unchanged, again.embedded) == (1, 1)


async def test_chunks_are_embedded_as_they_are_and_then_known(client: vecs.AsyncClient) -> None:
    chunked = await client.create_collection("chunked", transform=Pipeline([ParagraphChunker(), OLD]))
    records = [("a", "one\n\ntwo", {}), ("b", "three", {})]
    await chunked.upsert(records)
    model = New()
    assert await chunked.reembed(Pipeline([ParagraphChunker(), named(model)])) == 3
    assert sorted(model.texts) == ["one", "three", "two"]
    # Written once more, since what a document was is not stored, but not embedded.
    result = await chunked.upsert(records, skip_unchanged=True)
    assert (result.unchanged, result.embedded) == (0, 0)
    assert (await chunked.upsert(records, skip_unchanged=True)).unchanged == 2


async def test_titles_are_embedded_with_their_chunks(client: vecs.AsyncClient) -> None:
    chunker = MarkdownChunker(headings=True)
    docs = await client.create_collection("titled", transform=Pipeline([chunker, OLD]))
    text = "# Manual\n\nintro\n\n## Repairs\n\nuse oil"
    first = New()
    await docs.upsert([("m", text, {})])
    await docs.reembed(Pipeline([chunker, named(first)]))
    second = New()
    other = await client.create_collection("other", transform=Pipeline([chunker, named(second)]))
    await other.upsert([("m", text, {})])
    assert sorted(first.texts) == sorted(second.texts)


async def test_what_others_write_meanwhile_is_embedded_before_the_switch(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    others = await client.get_collection("docs", transform=OLD)
    model = New()

    async def write() -> None:
        await others.upsert([("d000", "changed", {}), ("d099", "y" * 300, {}), ("new", "y" * 200, {})])
        await others.delete(["d050"])
        # Searches go on with the old vectors.
        assert (await others.search("x" * 7, limit=1, measure="l2_distance"))[0].id == "d006"

    model.during = lambda call: write() if call == 2 else None
    await docs.reembed(named(model), batch_size=40)
    found = await lengths(docs)
    assert (len(found), found["d000"], found["d099"], found["new"]) == (100, -7.0, -300.0, -200.0)


@pytest.mark.parametrize("dimension", [2, 3])
async def test_other_objects_notice_the_switch(
    client: vecs.AsyncClient, target: str, schema: str, docs: vecs.AsyncCollection, dimension: int
) -> None:
    async with vecs.create_async_client(target, schema=schema) as elsewhere:
        searching = await elsewhere.get_collection("docs", transform=OLD)
        writing = await elsewhere.get_collection("docs", transform=OLD)
        hybrid = await elsewhere.get_collection("docs", transform=OLD)
        for _ in range(7):
            await searching.search("xxx", limit=1)
        await hybrid.search("xxx", limit=1, mode="hybrid")
        await docs.reembed(named(New(dimension)))
        with pytest.raises(MismatchedDimension):
            await searching.search("xxx", limit=1)
        with pytest.raises(MismatchedDimension):
            await hybrid.search("xxx", limit=1, mode="hybrid")
        with pytest.raises(MismatchedDimension):
            await hybrid.search("xxx", limit=1, filters={"n": 1})
        with pytest.raises(MismatchedDimension):
            await writing.upsert([("mixed", "text", {})])
    assert await docs.count() == 100


async def test_a_write_that_began_before_the_switch_mixes_nothing(
    target: str, schema: str, docs: vecs.AsyncCollection
) -> None:
    async with vecs.create_async_client(target, schema=schema) as elsewhere:

        async def slow(texts: Sequence[str]) -> list[list[float]]:
            await docs.reembed(named(New(3)))
            return old(texts)

        writing = await elsewhere.get_collection("docs", transform=Embedding(slow, 3, name="old"))
        with pytest.raises(MismatchedDimension):
            await writing.upsert([("mixed", "text", {})])
    assert await docs.count() == 100


async def test_indexes_are_there_before_the_switch(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    await docs.index(measure="cosine_distance")
    await docs.index(measure="l2_distance", precision="half")
    await docs.index(measure="cosine_distance", precision="binary")
    await docs.index(measure="l2_distance", filters={"n": {"$gt": 50}})
    await docs.create_metadata_index("n")
    before = {index.name: index for index in await docs.indexes()}
    model = New(5)
    await docs.reembed(named(model))
    after = {index.name: index for index in await docs.indexes()}
    assert after.keys() == before.keys()
    for name, index in before.items():
        now = after[name]
        assert (now.measure, now.precision, now.options, now.condition) == (
            index.measure,
            index.precision,
            index.options,
            index.condition,
        )
        assert now.valid
    plan = await docs.explain("x" * 7, limit=1, measure="cosine_distance")
    assert any(name in str(plan) for name in after)


async def test_a_call_that_failed_is_continued(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, caplog: pytest.LogCaptureFixture
) -> None:
    model = New()

    def fail(call: int) -> None:
        if call == 3:
            raise OSError("no network")

    model.during = fail
    with pytest.raises(vecs.exc.TransformError, match="no network"):
        await docs.reembed(named(model), batch_size=10)
    assert (await docs.search("x" * 7, limit=1, measure="l2_distance"))[0].id == "d006"
    assert docs.dimension == 3
    with pytest.raises(ArgError, match=r"is being embedded by .*'new'.*cancel_reembed\(\) first"):
        await docs.reembed(Embedding(model, 2, name="third"))
    model.during = lambda call: None
    caplog.set_level("INFO", "vecs")
    other = await client.get_collection("docs", transform=OLD)
    assert await other.reembed(named(model), batch_size=10) == 80
    assert "20 of 100 records are done" in caplog.text
    assert len(await lengths(other)) == 100


async def test_a_call_can_be_cancelled(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    model = New()
    assert await docs.cancel_reembed() is False
    model.during = lambda call: docs.cancel_reembed() if call == 2 else None
    with pytest.raises((ArgError, DatabaseError)):
        await docs.reembed(named(model), batch_size=10)
    assert await docs.cancel_reembed() is False
    assert [column.name for column in (await docs._table(0)).extras] == []
    assert (await docs.search("x" * 7, limit=1, measure="l2_distance"))[0].id == "d006"
    assert await docs.reembed(named(New())) == 100


async def test_what_others_gave_the_table_stays(docs: vecs.AsyncCollection, run: Run) -> None:
    run(
        "alter table {s}.docs add column price int default 3;"
        "comment on column {s}.docs.vec is 'numbers'; alter table {s}.docs alter column vec set storage main;"
        "grant select (vec) on {s}.docs to public; grant insert on {s}.docs to public;"
        "create table {s}.notes (of text references {s}.docs (id)); insert into {s}.notes values ('d001');"
        "create view {s}.titles as select id, text from {s}.docs;"
        "alter table {s}.docs enable row level security;"
        "create policy all_of_it on {s}.docs using (metadata ? 'n')"
    )
    await docs.reembed(named(New()))
    found: list[Any] = []
    async with docs.client.connection() as connection:
        query = """select col_description(attrelid, attnum), attstorage::text, attacl::text, attnotnull, relacl::text,
            (select count(*) from pg_policy where polrelid = attrelid) from pg_attribute join pg_class c
            on c.oid = attrelid where attrelid = %s::regclass and attname = 'vec'"""
        found = await (await connection.execute(query, [f'"{docs.schema}".docs'])).fetchall()
    assert found[0][:2] == ("numbers", "m")
    assert "=r/" in found[0][2]
    assert (found[0][3], found[0][5]) == (True, 1)
    assert "=a/" in found[0][4]


@pytest.mark.parametrize(
    ("made", "named_as"),
    [
        ("create view {s}.v as select id, vec from {s}.docs", r"view .*\bv depends"),
        ("create materialized view {s}.m as select vec from {s}.docs", r"materialized view .*\bm depends"),
        ("create index mine on {s}.docs ((vec::text))", "index .*mine depends"),
        ("create policy p on {s}.docs using (vec is not null)", "policy p on table .* depends"),
        ("alter table {s}.docs add constraint k check (vec is not null)", "constraint k on table .* depends"),
    ],
)
async def test_what_depends_on_the_vectors_is_named(
    docs: vecs.AsyncCollection, run: Run, made: str, named_as: str
) -> None:
    run(made)
    model = New()
    with pytest.raises(ArgError, match=named_as):
        await docs.reembed(named(model))
    assert model.texts == []
    assert await docs.cancel_reembed() is False


async def test_records_without_text_are_counted(docs: vecs.AsyncCollection) -> None:
    await docs.upsert([Record("t", [1.0, 2.0, 3.0]), Record("u", [1.0, 2.0, 3.0])])
    with pytest.raises(ArgError, match=r"2 records of collection 'docs' have no text to embed"):
        await docs.reembed(named(New()))
    await docs.delete(["t", "u"])
    model = New()
    model.during = lambda call: docs.upsert([Record("t", [1.0, 2.0, 3.0])]) if call == 1 else None
    with pytest.raises(ArgError, match=r"1 record of collection 'docs' has no text to embed"):
        await docs.reembed(named(model))
    await docs.delete(["t"])
    assert await docs.reembed(named(New())) == 0
    assert docs.dimension == 2


async def test_what_cannot_be_embedded_is_refused(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, run: Run
) -> None:
    points = await client.create_collection("points", dimension=2)
    with pytest.raises(ArgError, match="'points' stores no texts"):
        await points.reembed(OLD)
    with pytest.raises(ArgError, match=r"has no name, so that its vectors"):
        await docs.reembed(Embedding(old, 3))
    with pytest.raises(ArgError, match="makes no vectors"):
        await docs.reembed(ParagraphChunker())
    given: Any = "all-MiniLM-L6-v2"
    with pytest.raises(ArgError, match="transform"):
        await docs.reembed(given)
    run("create table {s}.mine (id int primary key, body text, v vector(3))")
    mine = await client.attach("mine", vec="v", text="body")
    with pytest.raises(ArgError, match=r"reembed\(\) is for collections that vecs made"):
        await mine.reembed(OLD)


async def test_a_collection_in_use_is_waited_for(
    target: str, docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "vecs")
    monkeypatch.setattr(reembed_module, "_LOCK_TIMEOUT", "50ms")
    model = New()
    reader = psycopg.connect(target)
    # A reader in a transaction, until the server ends it.
    reader.execute("set idle_in_transaction_session_timeout = '700ms'")
    reader.commit()
    model.during = lambda call: read(reader, docs) if call == 1 else None
    assert await docs.reembed(named(model)) == 100
    reader.close()
    assert "is in use" in caplog.text


def read(connection: psycopg.Connection[Any], docs: vecs.AsyncCollection) -> None:
    connection.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(docs.schema, docs.name)))
