"""Connections that died while they were idle, and servers that fall silent: writes go on, and calls end."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.proxy import Proxy

import vecs
from vecs._async.sending import sessions
from vecs._connecting import silence
from vecs._sql.settings import ping
from vecs.exc import Unavailable

# Writes of hundreds of records go by COPY, those of a few by INSERT.
pytestmark = pytest.mark.usefixtures("small_buffer")


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {"n": 1}), ("b", [0, 1], {"n": 2})])
    await docs.index()
    return docs


async def hold_all(client: vecs.AsyncClient, count: int) -> None:
    """Have a client open so many connections, all idle afterwards."""
    connections: Any = client._executor._connections
    held: list[Any] = []
    for _ in range(count):
        held.append(await connections.acquire())
    for each in held:
        await each.execute(ping())
        connections.release(each)


def end_connections(target: str, name: str = "vecs") -> None:
    """End every connection of that name, and wait until it is gone."""
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", [name])
    wait_until_ended(target, name)


def wait_until_ended(target: str, name: str) -> None:
    """Wait until no connection of that name is left."""
    with psycopg.connect(target, autocommit=True) as connection:
        for _ in range(1000):
            alive = connection.execute("select from pg_stat_activity where application_name = %s", [name]).fetchone()
            if alive is None:
                return
            time.sleep(0.02)
    raise TimeoutError


WRITES: dict[str, Callable[[vecs.AsyncCollection], Any]] = {
    "a row": lambda docs: docs.upsert([("c", [1, 1], {})]),
    "a COPY": lambda docs: docs.upsert([(f"c{i}", [1, 1], {}) for i in range(600)]),
    "a deletion": lambda docs: docs.delete(["a"]),
    "an update": lambda docs: docs.update_metadata({"x": 1}, ids=["a"]),
    "a truncation": lambda docs: docs.truncate(),
    "a metadata index": lambda docs: docs.create_metadata_index("n"),
    "a rename": lambda docs: docs.client.rename_collection("docs", "papers"),
    "a new collection": lambda docs: docs.client.create_collection("others", 2),
    "a drop": lambda docs: docs.client.delete_collection("docs"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_write_goes_on_when_all_connections_died_while_idle(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str, write: Callable[[vecs.AsyncCollection], Any]
) -> None:
    await hold_all(client, 4)
    end_connections(target)
    await write(docs)


async def test_a_write_goes_on_when_the_server_ends_idle_sessions(target: str, schema: str) -> None:
    hasty = make_conninfo(target, options="-c idle_session_timeout=2s", application_name="hasty")
    async with vecs.create_async_client(hasty, schema=schema) as client:
        docs = await client.create_collection("docs", 2)
        for number in range(2):
            wait_until_ended(target, "hasty")
            assert await docs.upsert([(f"{number}", [1, 1], {})]) == 1


async def test_a_connection_that_was_idle_for_long_is_asked_before_a_write(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = sessions.run_statement

    async def recorded(connection: Any, statement: Any, **options: Any) -> Any:
        asked.append(statement.render()[0].decode())
        return await run(connection, statement, **options)

    monkeypatch.setattr(sessions, "run_statement", recorded)
    await docs.upsert([("c", [1, 1], {})])
    assert "select 1" not in asked
    monkeypatch.setattr(sessions, "LONG_IDLE", 0)
    await docs.upsert([("c", [1, 1], {})])
    assert asked.count("select 1") == 1
    await docs.search([1, 0], limit=1)
    assert asked.count("select 1") == 1


@pytest.fixture
async def proxied(
    target: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[tuple[vecs.AsyncClient, Proxy]]:
    """A client of a server behind a proxy that can fall silent."""
    monkeypatch.setattr(silence, "GRACE", 0.5)
    silence.patience_for.cache_clear()
    with Proxy(target) as proxy:
        options: dict[str, Any] = {"connect_timeout": 2, "pool_timeout": 2, "pool_size": 3, "statement_timeout": 1}
        async with vecs.create_async_client(proxy.target, schema=schema, **options) as client:
            yield client, proxy
            proxy.mend()
    silence.patience_for.cache_clear()


async def test_a_write_goes_on_when_something_in_between_dropped_its_connections(
    proxied: tuple[vecs.AsyncClient, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, proxy = proxied
    docs = await client.create_collection("docs", 2)
    monkeypatch.setattr(sessions, "LONG_IDLE", 0)
    await hold_all(client, 3)
    proxy.forget()
    assert await docs.upsert([("c", [1, 1], {})]) == 1
    proxy.hang_up()
    assert await docs.upsert([("d", [1, 1], {})]) == 1


@pytest.mark.parametrize("call", ["search", "search_many", "upsert", "copy", "connection"])
async def test_a_call_ends_when_the_server_falls_silent_and_the_next_ones_work(
    proxied: tuple[vecs.AsyncClient, Proxy], call: str
) -> None:
    client, proxy = proxied
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {})])
    calls: dict[str, Callable[[], Any]] = {
        "search": lambda: docs.search([1, 0], exact=True),
        "search_many": lambda: docs.search_many([[1, 0]] * 25, exact=True),
        "upsert": lambda: docs.upsert([("b", [1, 0], {})]),
        "copy": lambda: docs.upsert([(f"{i}", [1, 0], {}) for i in range(600)]),
        "connection": lambda: borrow(client),
    }
    # More than there are places in the pool.
    for _ in range(4):
        proxy.fall_silent()
        with pytest.raises(Unavailable):
            await calls[call]()
        proxy.mend()
        assert await docs.count() == 1


async def borrow(client: vecs.AsyncClient) -> None:
    async with client.connection():
        pass


async def test_the_error_names_the_limit(proxied: tuple[vecs.AsyncClient, Proxy]) -> None:
    client, proxy = proxied
    docs = await client.create_collection("docs", 2)
    proxy.fall_silent()
    with pytest.raises(Unavailable, match=r"silent for 1\.5 s"):
        await docs.search([1, 0], exact=True)


async def test_a_closing_client_does_not_wait_for_a_silent_server(proxied: tuple[vecs.AsyncClient, Proxy]) -> None:
    client, proxy = proxied
    await hold_all(client, 3)
    proxy.fall_silent()
    await client.close()


async def test_an_interrupted_call_does_not_wait_long_for_a_silent_server(
    proxied: tuple[vecs.AsyncClient, Proxy],
) -> None:
    client, proxy = proxied
    connections: Any = client._executor._connections
    used = await connections.acquire()
    proxy.fall_silent()
    assert used.connection.patience is None
    await used.connection._try_cancel(timeout=0.2)
    assert used.connection.patience == silence.INTERRUPTED
    await used.discard()
    connections.release(used)
