"""Live clients and collections whose database is altered by others: they look again, and say what no longer fits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs.exc import ArgError, CollectionNotFound, MismatchedDimension

Collection = vecs.AsyncCollection
Call = Callable[[Collection], Awaitable[Any]]

# One of every kind, on a collection of three dimensions with text.
CALLS: dict[str, Call] = {
    "search": lambda docs: docs.search([1, 0, 0]),
    "filtered": lambda docs: docs.search([1, 0, 0], filters={"n": {"$gte": 0}}),
    "keyword": lambda docs: docs.search("word", mode="keyword"),
    "hybrid": lambda docs: docs.search([1, 0, 0], text="word", mode="hybrid"),
    "exact": lambda docs: docs.search([1, 0, 0], exact=True, include_vector=True),
    "many": lambda docs: docs.search_many([[1, 0, 0]] * 25),
    "query": lambda docs: docs.query([1, 0, 0], include_value=True, include_vector=True),
    "explain": lambda docs: docs.explain([1, 0, 0]),
    "get": lambda docs: docs.get(iter(["0", "1"]), include_vector=True),
    "fetch": lambda docs: docs.fetch(iter(["0", "1"])),
    "count": lambda docs: docs.count(),
    "filtered count": lambda docs: docs.count({"$text": {"$like": "%word%"}}),
    "scan": lambda docs: docs.to_pandas(),
    "info": lambda docs: docs.info(),
    "indexes": lambda docs: docs.indexes(),
    "upsert": lambda docs: docs.upsert([("0", [1, 2, 3], {})]),
    "upsert of many": lambda docs: docs.upsert((f"{n}", [n, 2, 3], {}) for n in range(600)),
    "upsert in batches": lambda docs: docs.upsert(((f"{n}", [n, 2, 3], {}) for n in range(600)), batch_size=10),
    "delete": lambda docs: docs.delete(iter(["0"])),
    "filtered delete": lambda docs: docs.delete(filters={"n": 1}),
    "update": lambda docs: docs.update_metadata({"m": 1}, ids=iter(["1"])),
    "truncate": lambda docs: docs.truncate(),
    "enable text": lambda docs: docs.enable_text("german"),
    "index": lambda docs: docs.index(),
    "index concurrently": lambda docs: docs.index(concurrently=True, replace=False, measure="l1_distance"),
    "metadata index": lambda docs: docs.create_metadata_index("n"),
    "recall": lambda docs: docs.recall(sample=5),
    "tune": lambda docs: docs.tune(sample=5),
    "binary index": lambda docs: docs.index(precision="binary", measure="l2_distance"),
}


@pytest.fixture(scope="module")
def database(superuser_target: str) -> Iterator[str]:
    """A connection string of a new database, in which pgvector may be moved."""
    name = f"altered_{uuid4().hex[:8]}"
    run(superuser_target, f"create database {name}")
    yield make_conninfo(superuser_target, dbname=name)
    run(superuser_target, f"drop database {name} with (force)")


def run(target: str, *statements: str) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        for statement in statements:
            connection.execute(statement)


async def fill(docs: Collection) -> None:
    await docs.upsert(vecs.Record(f"{n}", vec=[n, 1, 0], text=f"word {n}", metadata={"n": n}) for n in range(20))


@pytest.fixture
async def live(database: str) -> AsyncGenerator[Collection]:
    """A collection with text, which has been used often enough for its statements to be prepared."""
    run(database, "drop schema if exists vecs cascade", "drop extension if exists vector cascade")
    async with vecs.create_async_client(database) as client:
        docs = await client.create_collection("docs", 3, text=True)
        docs.warns_without_index = False
        await fill(docs)
        await use(docs)
        yield docs


async def use(docs: Collection) -> None:
    for _ in range(7):
        await docs.search([1, 0, 0])
        await docs.upsert([("0", [1, 0, 0], {"n": 0})])
        await docs.fetch(["0"])


async def test_a_live_collection_works_after_pgvector_moved(live: Collection, database: str) -> None:
    for name, call in CALLS.items():
        run(database, f'create schema "{name}"', f'alter extension vector set schema "{name}"')
        await call(live)
        if name == "truncate":
            await fill(live)
    assert await live.count() == 20


async def test_a_live_collection_works_after_pgvector_was_made_anew(live: Collection, database: str) -> None:
    for name, call in CALLS.items():
        await use(live)
        run(
            database,
            "create table kept as select id, vec::text, metadata, text from vecs.docs",
            "drop extension vector cascade",
            "create extension vector",
            "alter table vecs.docs add column vec vector(3)",
            "update vecs.docs d set vec = k.vec::vector from kept k where d.id = k.id",
            "drop table kept",
        )
        await call(live)
        if name == "truncate":
            await fill(live)
    assert await live.count() == 20


async def test_a_client_finds_and_makes_collections_after_pgvector_moved(live: Collection, database: str) -> None:
    run(database, "create schema moved", "alter extension vector set schema moved")
    assert await (await live.client.get_collection("docs")).count() == 20
    made = await live.client.create_collection("other", 2)
    assert await made.upsert([("a", [1, 2], {})]) == 1
    assert [docs.name for docs in await live.client.list_collections()] == ["docs", "other"]


async def remade(database: str, *args: Any, **kwargs: Any) -> None:
    """Make the collection anew from another client."""
    async with vecs.create_async_client(database) as client:
        await client.delete_collection("docs")
        await client.create_collection("docs", *args, **kwargs)


async def test_a_live_collection_has_the_dimension_of_the_one_that_was_made_anew(
    live: Collection, database: str
) -> None:
    fits: dict[str, Call] = {
        "search": lambda docs: docs.search([1, 2, 3, 4]),
        "search_many": lambda docs: docs.search_many(iter([[1, 2, 3, 4]] * 25)),
        "upsert": lambda docs: docs.upsert([("a", [1, 2, 3, 4], {})]),
        "upsert of many": lambda docs: docs.upsert((f"{n}", [n, 2, 3, 4], {}) for n in range(600)),
        "recall": lambda docs: docs.recall([[1, 2, 3, 4]]),
        "index": lambda docs: docs.index(),
        "half index": lambda docs: docs.index(precision="half", replace=False),
        "info": lambda docs: docs.info(),
    }
    does_not: list[Call] = [
        lambda docs: docs.search([1, 2, 3]),
        lambda docs: docs.search_many([[1, 2, 3]] * 25),
        lambda docs: docs.upsert([("a", [1, 2, 3], {})]),
        lambda docs: docs.upsert((f"{n}", [n, 2, 3], {}) for n in range(600)),
        lambda docs: docs.query([1, 2, 3]),
    ]
    for call in (*fits.values(), *does_not):
        await remade(database, 3)
        assert await live.search([1, 2, 3]) == []
        await remade(database, 4)
        async with vecs.create_async_client(database) as client:
            await (await client.get_collection("docs")).upsert([("a", [1, 0, 0, 0], {})])
        if call in does_not:
            with pytest.raises(MismatchedDimension, match="has dimension 4"):
                await call(live)
        else:
            assert await call(live)
        assert live.dimension == 4


@pytest.mark.parametrize("kind", [{"precision": "half"}, {"precision": "binary"}, {"sparse": True}], ids=str)
async def test_a_live_collection_holds_the_vectors_of_the_one_that_was_made_anew(
    live: Collection, database: str, kind: Any
) -> None:
    rows = [(f"{n}", [1, 0, n % 2], {}) for n in range(600)]
    for call in (
        lambda: live.upsert(iter(rows)),
        lambda: live.upsert(iter(rows[:3])),
        lambda: live.search([1, 0, 1]),
        lambda: live.get(["0"], include_vector=True),
        lambda: live.index(),
    ):
        await remade(database, 3)
        await live.upsert(rows[:2])
        await remade(database, 3, **kind)
        async with vecs.create_async_client(database) as client:
            await (await client.get_collection("docs")).upsert(rows[:2])
        assert await call()
        assert (await live.info()).precision == kind.get("precision", "full")


async def test_what_does_not_fit_the_vectors_that_are_there_now_is_refused(live: Collection, database: str) -> None:
    await remade(database, 3, precision="binary")
    with pytest.raises(ArgError, match=r"record 'a': vec has 0\.5 at position 0; collection 'docs' holds bits"):
        await live.upsert([("a", [0.5, 1, 0], {})])
    await remade(database, 3, precision="half")
    with pytest.raises(ArgError, match="half precision goes up to"):
        await live.search([1e6, 0, 0])


async def test_a_column_that_was_altered_to_half_precision_is_followed(live: Collection, database: str) -> None:
    run(database, "alter table vecs.docs alter column vec type halfvec(3)")
    assert [match.id for match in await live.search([1, 0, 0], limit=1)] == ["0"]
    assert await live.upsert([("0", [1, 2, 3], {})]) == 1


async def test_text_columns_that_came_or_went_are_followed(live: Collection, database: str) -> None:
    for call in (
        lambda: live.search("word", mode="keyword"),
        lambda: live.upsert([vecs.Record("a", vec=[1, 2, 3], text="word")]),
        lambda: live.upsert(vecs.Record(f"{n}", vec=[1, 2, 3], text="word") for n in range(600)),
        lambda: live.update_metadata({}, ids=["0"], extra={"a": 1}),
    ):
        await remade(database, 3)
        with pytest.raises(ArgError, match=r"no such column|no text|has none|text=True"):
            await call()
        assert await live.upsert([("0", [1, 2, 3], {})]) == 1
        assert (await live.search([1, 2, 3]))[0].text is None
        async with vecs.create_async_client(database) as client:
            await (await client.get_collection("docs")).enable_text()
            await (await client.get_collection("docs")).upsert([vecs.Record("b", vec=[1, 2, 3], text="word")])
        assert await call()


async def test_texts_are_kept_from_the_moment_at_which_another_client_enabled_text(
    live: Collection, database: str
) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[len(text), 1, 0] for text in texts]

    await remade(database, 3)
    docs = await live.client.get_collection("docs", transform=vecs.Embedding(embed, 3, name="lengths"))
    await docs.upsert([("a", "one", {})])
    async with vecs.create_async_client(database) as client:
        await (await client.get_collection("docs")).enable_text()
    await docs.upsert([("b", "two", {})])
    assert [(record.id, record.text) for record in await docs.get()] == [("a", None), ("b", "two")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("alter table vecs.docs drop column metadata", "it has no column metadata"),
        ("alter table vecs.docs drop column vec", "it has no column vec"),
        ("alter table vecs.docs rename column id to key", "it has no column id"),
        ("alter table vecs.docs alter column vec type bytea using ''", "its column vec has type bytea"),
        ("alter table vecs.docs set schema public", "no collection 'docs' in schema 'vecs'"),
        ("alter table vecs.docs rename to gone", "no collection 'docs' in schema 'vecs'"),
        ("drop schema vecs cascade", "no collection 'docs' in schema 'vecs'"),
        ("drop extension vector cascade", "pgvector is not installed in this database"),
    ],
)
async def test_a_collection_that_is_none_any_more_says_why(
    live: Collection, database: str, statement: str, expected: str
) -> None:
    run(database, statement, "drop table if exists public.docs")
    for call in (
        lambda: live.search([1, 0, 0]),
        lambda: live.search_many([[1, 0, 0]] * 25),
        lambda: live.upsert([("a", [1, 2, 3], {"a": 1})]),
        lambda: live.upsert((f"{n}", [1, 2, 3], {"a": 1}) for n in range(600)),
        lambda: live.get(include_vector=True),
        lambda: live.index(),
        lambda: live.info(),
    ):
        with pytest.raises(CollectionNotFound, match=expected):
            await call()


async def test_another_collection_under_the_name_is_followed(live: Collection, database: str) -> None:
    async with vecs.create_async_client(database) as client:
        other = await client.create_collection("other", 2)
        await other.upsert([("z", [1, 2], {})])
    run(database, "alter table vecs.docs rename to former", "alter table vecs.other rename to docs")
    assert [match.id for match in await live.search([1, 2])] == ["z"]
    assert live.dimension == 2


async def test_vectors_of_another_model_are_not_mixed_after_a_collection_was_made_anew(
    live: Collection, database: str
) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[len(text), 1, 0] for text in texts]

    one, other = (vecs.Embedding(embed, 3, name=name) for name in ("one", "other"))
    await remade(database, transform=one)
    docs = await live.client.get_collection("docs", transform=one)
    await docs.upsert([("a", "text", {})])
    await remade(database, dimension=3, transform=other, text=False)
    for _ in range(2):
        with pytest.raises(MismatchedDimension, match="was made with"):
            await docs.search("text", mode="keyword")


async def test_an_error_of_an_unaltered_collection_stays_and_asks_once(
    live: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    look = type(live)._is_altered

    async def counted(self: Any, *given: Any) -> bool:
        looks.append(given)
        return await look(self, *given)

    monkeypatch.setattr(type(live), "_is_altered", counted)
    with pytest.raises(MismatchedDimension, match="the query has dimension 2"):
        await live.search([1, 2])
    assert len(looks) == 1


async def test_wrong_arguments_are_named_where_the_server_cannot_be_asked() -> None:
    client = vecs.AsyncClient("postgresql://127.0.0.1:1/none")
    with pytest.raises(ArgError, match="limit"):
        await vecs.AsyncCollection("docs", 3, client).get(limit=-1)
