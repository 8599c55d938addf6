"""Collections copied to another server and back: all that they are, or nothing at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np
import pytest
from tests.tenants import a_role, kept_apart, of

import vecs
from vecs import Record, SparseVector
from vecs._async.copying.destination import AsyncDestination
from vecs.exc import ArgError, CollectionAlreadyExists, CollectionNotFound, DatabaseError


@pytest.fixture
async def other(superuser_target: str, schema: str) -> AsyncGenerator[vecs.AsyncClient]:
    """A client of another server."""
    async with vecs.create_async_client(superuser_target, schema=schema) as client:
        yield client


async def filled(client: vecs.AsyncClient, name: str, records: int) -> vecs.AsyncCollection:
    docs = await client.create_collection(name, 3, text=True, language="german")
    await docs.upsert(
        [
            Record(f"ä-{n}", [n, 1, 1e-7], f"Die Häuser “{n}” \\ \t\r\n 日本", {"n": n, "x": [1.0, 1e20, None]})
            for n in range(records)
        ]
    )
    return docs


class Died(Exception):
    """What a test raises in place of the end of a process."""


def dying(monkeypatch: pytest.MonkeyPatch, method: str, after: int) -> None:
    """Let a method of the writing side fail after so many calls."""
    calls = iter(range(after))
    real: Any = getattr(AsyncDestination, method)

    async def call(*args: Any) -> Any:
        if next(calls, None) is None:
            raise Died
        return await real(*args)

    monkeypatch.setattr(AsyncDestination, method, call)


async def test_a_copy_goes_to_another_server_and_comes_back_equal(
    client: vecs.AsyncClient, other: vecs.AsyncClient
) -> None:
    docs = await filled(client, "docs", 250)
    await docs.index()
    await docs.create_metadata_index("n")
    there = await client.copy_collection("docs", other, batch_size=100)
    back = await other.copy_collection("docs", client, new_name="back")
    assert there.checksum == back.checksum
    assert (there.records, back.records, there.repaired, back.left_out) == (250, 250, 0, ())
    copied = await other.get_collection("docs")
    assert [match.id for match in await copied.search("haus", mode="keyword", filters={"n": 7})] == ["ä-7"]
    ours, theirs = await docs.indexes(), await copied.indexes()
    assert [(i.name, i.options) for i in theirs] == [(i.name, i.options) for i in ours]
    returned = {record.id: record for record in await (await client.get_collection("back")).get()}
    for record in await docs.get(include_vector=True):
        assert (returned[record.id].text, returned[record.id].metadata) == (record.text, record.metadata)
    assert sorted(await client.collection_names()) == ["back", "docs"]


async def test_every_type_of_vectors_is_copied(client: vecs.AsyncClient, other: vecs.AsyncClient) -> None:
    half = await client.create_collection("half", 3, precision="half")
    await half.upsert([("a", [1, 2, 3], {})])
    bits = await client.create_collection("bits", 9, precision="binary")
    await bits.upsert([("a", np.array([1, 0, 1, 1, 0, 0, 0, 0, 1], bool), {})])
    sparse = await client.create_collection("sparse", 1000, sparse=True)
    await sparse.upsert([("a", SparseVector(1000, [3], [1.5]), {})])
    await client.create_collection("empty", 3)
    reports = await client.copy_collections(other)
    assert [(report.name, report.records) for report in reports] == [
        ("bits", 1),
        ("empty", 0),
        ("half", 1),
        ("sparse", 1),
    ]
    for name in ("half", "bits", "sparse"):
        (ours,), (theirs,) = [
            await (await each.get_collection(name)).get(["a"], include_vector=True) for each in (client, other)
        ]
        assert repr(ours.vec) == repr(theirs.vec)


@pytest.mark.parametrize("method", ["take", "checksums", "publish"])
async def test_a_copy_that_was_interrupted_goes_on_and_is_no_collection_before(
    client: vecs.AsyncClient, other: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    docs = await filled(client, "docs", 50)
    with monkeypatch.context() as patch:
        dying(patch, method, 2 if method == "take" else 0)
        with pytest.raises(Died):
            await client.copy_collection("docs", other, batch_size=10)
    assert await other.collection_names() == []
    with pytest.raises(CollectionNotFound):
        await other.get_collection("docs")
    # What was copied may change until the next run.
    await docs.upsert([Record("ä-0", [9, 9, 9], "anders", {"n": -1}), Record("zz", [1, 1, 1], "neu")])
    await docs.delete(["ä-1"])
    report = await client.copy_collection("docs", other, batch_size=10)
    assert report.resumed == (20 if method == "take" else 50)
    assert report.records == 50
    copied = await other.get_collection("docs")
    assert {record.id: record.text for record in await copied.get(["ä-0", "ä-1", "zz"])} == {
        "ä-0": "anders",
        "zz": "neu",
    }


async def test_what_others_write_meanwhile_is_not_copied(
    client: vecs.AsyncClient, other: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = await filled(client, "docs", 30)
    real = AsyncDestination.take

    async def take(*args: Any) -> Any:
        await docs.delete(filters={"n": {"$gt": 25}})
        return await real(*args)

    monkeypatch.setattr(AsyncDestination, "take", take)
    assert (await client.copy_collection("docs", other, batch_size=10)).records == 30


async def test_a_second_run_at_the_same_time_takes_over(
    client: vecs.AsyncClient, other: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(client, "docs", 30)
    real, first = AsyncDestination.take, iter([True])

    async def take(*args: Any) -> Any:
        if next(first, False):
            await client.copy_collection("docs", other, batch_size=10)
        return await real(*args)

    monkeypatch.setattr(AsyncDestination, "take", take)
    with pytest.raises(DatabaseError, match="another process copies to 'docs' too"):
        await client.copy_collection("docs", other, batch_size=10)
    assert await (await other.get_collection("docs")).count() == 30


async def test_columns_comments_and_ids_of_other_types_are_copied(
    client: vecs.AsyncClient, other: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run(
        """
        create table {s}.odd (
            id bigint generated by default as identity primary key, metadata jsonb not null default '{}',
            vec vector(2) not null, price numeric(10, 2) default 1.5, days date[], gross numeric generated always as
            (price * 2) stored, n integer unique);
        insert into {s}.odd (vec, price, days, n)
            values ('[1,2]', 3, '{2020-01-01,infinity}', 1), ('[3,4]', null, null, 2);
        comment on table {s}.odd is 'what it is''s for'; comment on column {s}.odd.price is 'in €';
        create index on {s}.odd (price desc) where n > 1;
        """
    )
    report = await client.copy_collection("odd", other)
    assert (report.records, report.left_out) == (2, ())
    async with other.connection() as connection:
        cursor = await connection.execute(
            f"select gross, days::text, obj_description('\"{client.schema}\".odd'::regclass),"
            f' col_description(\'"{client.schema}".odd\'::regclass, 4) from "{client.schema}".odd order by id'
        )
        assert await cursor.fetchall() == [
            (6, "{2020-01-01,infinity}", "what it is's for", "in €"),
            (None, None, "what it is's for", "in €"),
        ]
        cursor = await connection.execute(f"insert into \"{client.schema}\".odd (vec) values ('[1,1]') returning id")
        assert await cursor.fetchone() == (3,)


async def test_what_the_other_side_lacks_is_told_before_anything_is_made(
    client: vecs.AsyncClient, other: vecs.AsyncClient, run: Callable[[str], None]
) -> None:
    run("create text search configuration {s}.own (copy = pg_catalog.german)")
    docs = await client.create_collection("docs", 3, text=True, language="own")
    await docs.upsert([Record("a", [1, 2, 3], "Häuser")])
    with pytest.raises(DatabaseError, match="cannot be made: .*nothing was made"):
        await client.copy_collection("docs", other)
    async with other.connection() as connection:
        cursor = await connection.execute("select 1 from pg_namespace where nspname = %s", [client.schema])
        assert await cursor.fetchone() is None


async def test_a_name_that_is_taken_is_refused_or_replaced(
    client: vecs.AsyncClient, other: vecs.AsyncClient, target: str
) -> None:
    await filled(client, "docs", 3)
    await other.create_collection("docs", 7)
    with pytest.raises(CollectionAlreadyExists, match="another name"):
        await client.copy_collections(other)
    assert (await other.get_collection("docs")).dimension == 7
    await client.copy_collection("docs", other, replace=True)
    assert (await other.get_collection("docs")).dimension == 3
    with pytest.raises(ArgError, match="onto itself"):
        async with vecs.create_async_client(target, schema=client.schema) as again:
            await client.copy_collection("docs", again, replace=True)


async def test_a_role_that_sees_some_records_copies_none(
    superuser_target: str, schema: str, other: vecs.AsyncClient, client: vecs.AsyncClient
) -> None:
    await other.create_collection("docs", 3)
    with a_role(superuser_target, f"{schema}_tenant") as role:
        kept_apart(superuser_target, schema, "docs", role)
        with pytest.raises(DatabaseError, match="BYPASSRLS"):
            await other.with_settings(of("a", role)).copy_collection("docs", client)
        # The owner sees all of them; nobody else sees the copy before it has policies of its own.
        report = await other.copy_collection("docs", client)
        assert "the policy 'of_tenant'" in report.left_out


async def test_wrong_arguments_are_told(client: vecs.AsyncClient, other: vecs.AsyncClient) -> None:
    await filled(client, "docs", 1)
    wrong: Any = "postgresql://x"
    for call, message in [
        (lambda: client.copy_collection("docs"), "needs another client"),
        (lambda: client.copy_collection("docs", wrong), "to= is a client"),
        (lambda: client.copy_collection("docs", other, batch_size=0), "batch_size"),
        (lambda: client.copy_collections(other, names="docs"), "list of names"),
    ]:
        with pytest.raises(ArgError, match=message):
            await call()
    with pytest.raises(CollectionNotFound):
        await client.copy_collection("no such", other)


async def test_a_copy_goes_through_poolers_and_into_one_connection(
    bouncer: str, schema: str, client: vecs.AsyncClient
) -> None:
    docs = await filled(client, "docs", 30)
    await docs.index()
    async with vecs.create_async_client(bouncer, schema=schema, pool_size=1) as pooled:
        there = await client.copy_collection("docs", pooled, batch_size=10)
        within = await pooled.copy_collection("docs", new_name="again", batch_size=10)
        back = await pooled.copy_collection("again", client, new_name="back")
        assert there.checksum == within.checksum == back.checksum
        assert await (await pooled.get_collection("again")).count() == 30


async def test_a_failing_copy_leaves_what_is_to_be_replaced(
    client: vecs.AsyncClient, other: vecs.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(client, "docs", 5)
    await (await other.create_collection("docs", 2)).upsert([("old", [1, 2], {})])
    with monkeypatch.context() as patch:
        dying(patch, "publish", 0)
        with pytest.raises(Died):
            await client.copy_collection("docs", other, replace=True)
    assert (await other.get_collection("docs")).dimension == 2


async def test_progress_is_told_and_ends_at_all_of_them(client: vecs.AsyncClient, other: vecs.AsyncClient) -> None:
    await filled(client, "docs", 25)
    told: list[tuple[int, int | None]] = []
    await client.copy_collection("docs", other, batch_size=10, progress=lambda *at: told.append(at))
    assert told == [(0, 25), (10, 25), (20, 25), (25, 25)]
