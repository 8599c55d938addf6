"""Texts are UTF-8, and statements mean the same, whatever the environment, the role and the database say."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typing_extensions import LiteralString

import vecs
from vecs.exc import DatabaseError

# Writes of hundreds of records go by COPY, those of a few by INSERT.
pytestmark = pytest.mark.usefixtures("small_buffer")

TEXTS = ("Genève", "ひらがな", "€ “quoted” 😀", "back\\slash 'n' quote")


@contextmanager
def database(superuser: str, create: LiteralString, *settings: LiteralString) -> Generator[str]:
    """A database of its own, made with these options and altered by these settings."""
    name = sql.Identifier("settings_of_its_own")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
        connection.execute(sql.SQL("create database {} ").format(name) + sql.SQL(create))
        for setting in settings:
            connection.execute(sql.SQL("alter database {} set ").format(name) + sql.SQL(setting))
    yield make_conninfo(superuser, dbname="settings_of_its_own")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


async def comes_back(client: vecs.AsyncClient) -> None:
    """Ids, metadata and texts come back as they were written: by rows, by COPY, by id, by filter and by words."""
    docs = await client.get_or_create_collection("städte", dimension=2, text=True)
    few = [vecs.Record(text, [1, i], metadata={text: text}, text=text) for i, text in enumerate(TEXTS)]
    many = [vecs.Record(f"é{i}", [i, 1], metadata={"ville": "Genève"}) for i in range(600)]
    await docs.upsert(few)
    await docs.upsert(many)
    await docs.index()
    for text in TEXTS:
        (record,) = await docs.get([text])
        assert (record.id, record.metadata, record.text) == (text, {text: text}, text)
        assert [found.id for found in await docs.get(filters={text: text})] == [text]
    assert [found.id for found in await docs.search("genève", mode="keyword")] == ["Genève"]
    assert await docs.count(filters={"ville": {"$like": "Gen_ve"}}) == 600
    async with client.connection() as connection:
        cursor = await connection.execute('select id from vecs."städte" where id = %s', ["Genève"])
        assert await cursor.fetchone() == ("Genève",)
        await connection.execute("set client_encoding = latin1")
    assert await docs.delete(list(TEXTS)) == sorted(TEXTS)
    await client.delete_collection("städte")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP", "nonsense"])
async def test_texts_come_back_whatever_the_environment_says(
    target: str, schema: str, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    parameters = conninfo_to_dict(target)
    parameters.pop("client_encoding", None)
    async with vecs.create_async_client(make_conninfo(**parameters), schema=schema) as client:
        docs = await client.get_or_create_collection("docs", dimension=2)
        await docs.upsert([("é1", [1, 0], {"ville": "Genève"})])
        assert [(r.id, r.metadata) for r in await docs.get(["é1"])] == [("é1", {"ville": "Genève"})]


@pytest.mark.parametrize(
    "setting",
    [
        "client_encoding = 'latin1'",
        "standard_conforming_strings = off",
        "array_nulls = off",
        "quote_all_identifiers = on",
    ],
)
async def test_texts_come_back_whatever_the_database_says(superuser_target: str, setting: LiteralString) -> None:
    with database(superuser_target, "template template0 encoding 'UTF8'", setting) as dsn:
        async with vecs.create_async_client(make_conninfo(dsn, client_encoding="latin1")) as client:
            await comes_back(client)


async def test_texts_come_back_from_a_database_without_an_encoding(superuser_target: str) -> None:
    create = "template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'"
    with database(superuser_target, create) as dsn:
        async with vecs.create_async_client(dsn) as client:
            docs = await client.get_or_create_collection("docs", dimension=2)
            await docs.upsert([(text, [1, 0], {text: text}) for text in TEXTS])
            assert sorted((r.id, r.metadata) for r in await docs.get(list(TEXTS))) == sorted((t, {t: t}) for t in TEXTS)


async def test_a_text_that_the_database_cannot_hold_is_refused(superuser_target: str) -> None:
    create = "template template0 encoding 'LATIN1' locale_provider libc locale 'C'"
    with database(superuser_target, create) as dsn:
        async with vecs.create_async_client(dsn) as client:
            docs = await client.get_or_create_collection("docs", dimension=2)
            await docs.upsert([("é1", [1, 0], {"ville": "Genève"})])
            assert [(r.id, r.metadata) for r in await docs.get(["é1"])] == [("é1", {"ville": "Genève"})]
            for records in ([("ひ", [1, 0], {})], [(f"ひ{i}", [1, 0], {}) for i in range(600)]):
                with pytest.raises(DatabaseError, match="has no equivalent in encoding") as caught:
                    await docs.upsert(records)
                assert caught.value.sqlstate == "22P05"
            assert await docs.count() == 1


async def test_settings_hold_behind_a_pooler_too(
    start_bouncer: Callable[..., AbstractContextManager[str]], superuser_target: str
) -> None:
    settings = ("standard_conforming_strings = off", "array_nulls = off", "client_encoding = 'latin1'")
    with database(superuser_target, "template template0 encoding 'UTF8'", *settings), start_bouncer() as bouncer:
        dsn = make_conninfo(bouncer, dbname="settings_of_its_own")
        async with vecs.create_async_client(dsn, pool_size=2) as client:
            assert (await client.info()).pooler
            await comes_back(client)


async def test_a_timeout_in_the_connection_string_raises_vecs_error(superuser_target: str) -> None:
    hasty = make_conninfo(superuser_target, options="-c statement_timeout=200ms")
    with psycopg.connect(superuser_target) as connection:
        connection.execute("lock table pg_catalog.pg_extension in access exclusive mode")
        with pytest.raises(DatabaseError, match="statement timeout") as caught:
            async with vecs.create_async_client(hasty):
                pass
    assert caught.value.sqlstate == "57014"
