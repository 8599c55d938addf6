"""Roles that may not do everything are told what to ask for, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vecs
from vecs.exc import DatabaseError

Call = Callable[[vecs.AsyncCollection], Awaitable[Any]]

READS: dict[str, Call] = {
    "search": lambda docs: docs.search([1, 0]),
    "keyword": lambda docs: docs.search("word", mode="keyword"),
    "explain": lambda docs: docs.explain([1, 0]),
    "get": lambda docs: docs.get(["1"], include_vector=True),
    "fetch": lambda docs: docs.fetch(["1"]),
    "count": lambda docs: docs.count({"n": 1}),
    "scan": lambda docs: docs.to_pandas(),
    "typed columns": lambda docs: docs.to_arrow(columns=["n"]),
    "facets": lambda docs: docs.facets("n"),
    "stats": lambda docs: docs.stats("n"),
    "pages": lambda docs: docs.get(order_by="-n", limit=1),
    "info": lambda docs: docs.info(),
    "indexes": lambda docs: docs.indexes(),
    "recall": lambda docs: docs.recall(sample=3),
    "tune": lambda docs: docs.tune(sample=3),
}
WRITES: dict[str, Call] = {
    "upsert": lambda docs: docs.upsert([("1", [1, 2], {})]),
    "upsert of many": lambda docs: docs.upsert((f"{n}", [1, 2], {}) for n in range(600)),
    "delete": lambda docs: docs.delete(["9"]),
    "filtered delete": lambda docs: docs.delete(filters={"n": 9}),
    "update": lambda docs: docs.update_metadata({"m": 1}, ids=["1"]),
}
OWNERS: dict[str, Call] = {
    "index": lambda docs: docs.index("l2_distance"),
    "metadata index": lambda docs: docs.create_metadata_index("n", "number"),
    "drop index": lambda docs: docs.drop_index("docs_text_search_idx"),
    "enable text": lambda docs: docs.enable_text("german"),
    "rename": lambda docs: docs.rename("other"),
    "delete collection": lambda docs: docs.client.delete_collection("docs"),
}


def run(target: str, *statements: str) -> list[Any]:
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def role(superuser_target: str) -> str:
    """A role that may do nothing but connect."""
    name = f"plain {uuid4().hex[:8]}"
    run(superuser_target, f'create role "{name}"')
    return name


@pytest.fixture
async def docs(superuser_target: str, schema_name: str, role: str) -> AsyncGenerator[vecs.AsyncCollection]:
    """A collection of the superuser's, as a role without any privilege has it."""
    async with vecs.create_async_client(superuser_target, schema=schema_name) as client:
        docs = await client.create_collection("docs", 2, text=True)
        await docs.upsert(vecs.Record(f"{n}", vec=[n, 1], text="word", metadata={"n": n}) for n in range(9))
        await docs.index()
    restricted = make_conninfo(superuser_target, options=f"-c role={role.replace(' ', chr(92) + ' ')}")
    async with vecs.create_async_client(restricted, schema=schema_name) as client:
        yield await client.get_collection("docs")


@pytest.fixture
def schema_name(superuser_target: str) -> Any:
    name = f"privileges {uuid4().hex[:8]}"
    yield name
    run(superuser_target, f'drop schema if exists "{name}" cascade')


async def refused(call: Call, docs: vecs.AsyncCollection) -> str:
    with pytest.raises(DatabaseError) as caught:
        await call(docs)
    assert caught.value.sqlstate == "42501"
    assert isinstance(caught.value.__cause__, psycopg.Error)
    return str(caught.value)


async def test_a_role_that_may_read_reads_and_is_told_what_writing_needs(
    docs: vecs.AsyncCollection, superuser_target: str, role: str
) -> None:
    schema = docs.client.schema
    for call in (*READS.values(), *WRITES.values()):
        if call is not READS["indexes"]:
            assert f'grant usage on schema "{schema}" to "{role}"' in await refused(call, docs)
    run(superuser_target, f'grant usage on schema "{schema}" to "{role}"')
    for name in ("search", "count", "recall"):
        assert f'grant select on "{schema}"."docs" to "{role}"' in await refused(READS[name], docs)
    run(superuser_target, f'grant select on "{schema}"."docs" to "{role}"')
    for call in READS.values():
        assert await call(docs) is not None
    said = {name: await refused(call, docs) for name, call in (*WRITES.items(), ("truncate", truncate))}
    for name, grants in {
        "upsert": "insert, update",
        "upsert of many": "insert, update",
        "delete": "delete",
        "filtered delete": "delete",
        "update": "update",
        "truncate": "truncate",
    }.items():
        assert f'ask for: grant {grants} on "{schema}"."docs" to "{role}"' in said[name]
    assert await docs.count() == 9


def truncate(docs: vecs.AsyncCollection) -> Awaitable[None]:
    return docs.truncate()


async def test_a_role_that_may_write_but_does_not_own_is_told_who_may_build(
    docs: vecs.AsyncCollection, superuser_target: str, role: str
) -> None:
    schema = docs.client.schema
    run(
        superuser_target,
        f'grant usage on schema "{schema}" to "{role}"',
        f'grant select, insert, update, delete on "{schema}"."docs" to "{role}"',
    )
    for call in WRITES.values():
        await call(docs)
    before = await docs.indexes()
    for call in OWNERS.values():
        said = await refused(call, docs)
        assert f'only the owner ("postgres") of "{schema}"."docs" may do this: connect as the owner' in said
        assert 'grant "postgres"' not in said
    assert await docs.indexes() == before


async def test_privileges_that_were_taken_away_are_followed(
    docs: vecs.AsyncCollection, superuser_target: str, role: str
) -> None:
    schema = docs.client.schema
    run(
        superuser_target,
        f'grant usage on schema "{schema}" to "{role}"',
        f'grant select, update, delete on "{schema}"."docs" to "{role}"',
    )
    assert await docs.delete(filters={"n": 1}) == ["1"]
    run(superuser_target, f'revoke update on "{schema}"."docs" from "{role}"')
    # Without UPDATE it may not lock what it deletes, but delete.
    assert await docs.delete(filters={"n": 2}) == ["2"]


async def test_a_role_that_may_not_create_is_told_what_was_to_be_created(
    superuser_target: str, schema_name: str, role: str
) -> None:
    restricted = make_conninfo(superuser_target, options=f"-c role={role.replace(' ', chr(92) + ' ')}")
    async with vecs.create_async_client(restricted, schema=schema_name) as client:
        for text in (False, True):
            with pytest.raises(DatabaseError) as caught:
                await client.get_or_create_collection("docs", dimension=2, text=text)
            assert f'the schema "{schema_name}" does not exist, and the role ' in str(caught.value)
            assert f'ask for: create schema "{schema_name}" authorization "{role}"' in str(caught.value)
        assert await client.collection_names() == []
        run(superuser_target, f'create schema "{schema_name}"')
        with pytest.raises(DatabaseError, match=f'grant usage, create on schema "{schema_name}" to "{role}"'):
            await client.create_collection("docs", 2)
        run(superuser_target, f'grant usage, create on schema "{schema_name}" to "{role}"')
        assert await (await client.create_collection("docs", 2)).count() == 0


async def test_a_session_that_may_only_read_says_so(superuser_target: str, schema_name: str) -> None:
    async with vecs.create_async_client(superuser_target, schema=schema_name) as client:
        await (await client.create_collection("docs", 2)).upsert([("1", [1, 2], {})])
    options = "-c default_transaction_read_only=on"
    async with vecs.create_async_client(make_conninfo(superuser_target, options=options), schema=schema_name) as client:
        docs = await client.get_collection("docs")
        docs.warns_without_index = False
        assert len(await docs.search([1, 2])) == 1
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: docs.upsert([("1", [1, 2], {})]),
            lambda: docs.upsert((f"{n}", [1, 2], {}) for n in range(600)),
            lambda: docs.delete(["1"]),
            lambda: docs.truncate(),
            lambda: docs.index(),
            lambda: docs.index(concurrently=True),
            lambda: docs.enable_text(),
            lambda: docs.rename("other"),
            lambda: client.delete_collection("docs"),
            lambda: client.create_collection("new", 2),
        ]
        for call in calls:
            with pytest.raises(DatabaseError, match="default_transaction_read_only is on") as caught:
                await call()
            assert caught.value.sqlstate == "25006"
