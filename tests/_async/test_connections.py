"""Connections: broken ones heal, borrowed ones leave no trace, poolers and restricted roles work."""

from __future__ import annotations

import pickle
import socket
import subprocess
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import vecs
from vecs._sql.settings import ping
from vecs.exc import ArgError, DatabaseError, Unavailable, VecsException


@pytest.fixture
async def docs(client: vecs.AsyncClient) -> vecs.AsyncCollection:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {"n": 1}), ("b", [0, 1], {"n": 2})])
    await docs.index()
    return docs


def kill_connections(target: str) -> None:
    """End every connection of vecs to the database, from outside."""
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'vecs' and datname = current_database()"
        )


async def test_a_read_survives_a_killed_connection(docs: vecs.AsyncCollection, target: str) -> None:
    kill_connections(target)
    assert [match.id for match in await docs.search([1, 0], limit=1)] == ["a"]


async def test_a_write_works_after_a_borrower_lost_the_connection(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str
) -> None:
    async with client.connection():
        kill_connections(target)
    assert await docs.upsert([("c", [1, 1], {})]) == 1


async def test_a_lost_connection_casts_doubt_on_the_others_and_a_discarded_one_does_not(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection, target: str
) -> None:
    connections = client._executor._connections
    async with connections.pin() as pinned:
        await pinned.discard()
    async with connections.outside_pool() as pinned:
        await pinned.discard()
    assert not connections._may_be_broken
    for lend in (connections.pin, connections.outside_pool):
        async with lend() as pinned:
            kill_connections(target)
            with pytest.raises(Unavailable, match="connection was lost"):
                await pinned.execute(ping())
        assert connections._may_be_broken
        assert await docs.count() == 2
        assert not connections._may_be_broken


async def test_a_closed_client_connects_again_and_closing_twice_is_no_error(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    await client.close()
    await client.disconnect()
    assert await docs.count() == 2


async def test_a_closed_client_leaves_no_connection(target: str, schema: str) -> None:
    name = f"test-{schema}"
    async with vecs.create_async_client(make_conninfo(target, application_name=name)) as client:
        await client.collection_names()
        assert _connections(target, name) == 1
    for _ in range(100):
        if not _connections(target, name):
            break
        time.sleep(0.02)
    assert _connections(target, name) == 0


def _connections(target: str, name: str) -> int:
    with psycopg.connect(target) as connection:
        row = connection.execute("select count(*) from pg_stat_activity where application_name = %s", [name]).fetchone()
    return row[0] if row else -1


async def test_what_a_borrower_sets_does_not_reach_the_next_one(
    client: vecs.AsyncClient, docs: vecs.AsyncCollection
) -> None:
    for _ in range(3):
        async with client.connection() as connection:
            await connection.execute("set search_path = nowhere")
            await connection.execute("set hnsw.iterative_scan = off")
            await connection.execute("create temp table docs (x int)")
            await connection.execute("set session characteristics as transaction read only")
    async with client.connection() as connection:
        cursor = await connection.execute("show search_path")
        assert await cursor.fetchone() == ('"$user", public',)
    assert await docs.upsert([("c", [1, 1], {})]) == 1
    assert len(await docs.search([1, 0], limit=3)) == 3


async def test_a_borrowed_connection_is_psycopgs_and_commits(client: vecs.AsyncClient) -> None:
    await client.create_collection("docs", 2)
    async with client.connection() as connection, connection.transaction():
        await connection.execute(f"insert into \"{client.schema}\".docs (id, vec) values ('x', '[1,2]')")
    async with client.connection() as connection:
        await connection.execute("begin")
        await connection.execute(f"insert into \"{client.schema}\".docs (id, vec) values ('y', '[1,2]')")
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with client.connection() as connection:
            await connection.execute("select * from nothing")
    assert await (await client.get_collection("docs")).count() == 2


async def test_searches_and_other_calls_that_take_turns_set_nothing_anew(
    docs: vecs.AsyncCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vecs._async.sending import sessions

    sent: list[str] = []
    execute = sessions.run_statement

    async def recorded(connection: Any, statement: Any, **options: Any) -> Any:
        sent.append(statement.render()[0].decode().split()[0])
        return await execute(connection, statement, **options)

    await docs.index()
    await docs.search([1, 0], limit=1, ef_search=77)
    await docs.search([1, 0], limit=1)
    monkeypatch.setattr(sessions, "run_statement", recorded)
    for _ in range(3):
        await docs.search([1, 0], limit=1)
        await docs.get(["a"])
        await docs.search([1, 0], limit=1, exact=True)
        await docs.count()
    assert set(sent) == {"select"}
    assert len(sent) == 12


async def test_one_search_is_one_statement(docs: vecs.AsyncCollection) -> None:
    await docs.search([1, 0], limit=2)
    sent: list[str] = []
    executor: Any = docs._executor
    run = executor._run

    async def recorded(*args: Any) -> Any:
        sent.append(repr(args[0]))
        return await run(*args)

    executor._run = recorded
    await docs.search([1, 0], limit=2, filters={"n": {"$gte": 0}})
    await docs.query([1, 0], limit=2)
    await docs.get(["a"])
    await docs.upsert([("c", [1, 1], {})])
    assert len(sent) == 4


async def test_everything_works_through_a_transaction_pooler(target: str, schema: str) -> None:
    async with vecs.create_async_client(target, schema=schema, pooler=True, statement_timeout=30) as client:
        docs = await client.get_or_create_collection("docs", dimension=2, text=True)
        assert await docs.upsert([(f"{i:04}", [i, 1], {"n": i}) for i in range(1200)]) == 1200
        await docs.index()
        for _ in range(8):
            assert len(await docs.search([1, 1], limit=100, ef_search=50)) == 100
        assert [r.id for r in await docs.get(filters={"n": 3})] == ["0003"]
        assert await docs.delete(["0003"]) == ["0003"]
        assert await docs.count() == 1199
        async with client.connection() as connection:
            cursor = await connection.execute("select count(*) from pg_prepared_statements")
            assert await cursor.fetchone() == (0,)
            # What every statement of the client is set to holds for a borrower as well.
            cursor = await connection.execute("show hnsw.iterative_scan")
            assert await cursor.fetchone() == ("relaxed_order",)
            cursor = await connection.execute("show statement_timeout")
            assert await cursor.fetchone() == ("30s",)


async def test_a_borrower_behind_a_pooler_leaves_nothing_to_others(bouncer: str, superuser_target: str) -> None:
    asked = """
        -- Postgres forgets a value, and not that there was one.
        select nullif(current_setting('app.tenant', true), ''), current_setting('work_mem'),
               current_setting('search_path'),
               (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
               (select count(*) from pg_prepared_statements where from_sql), to_regclass('mine'),
               (select count(*) from pg_cursors where is_holdable), (select count(*) from pg_listening_channels())
    """
    made = """
        set app.tenant = 'a'; set work_mem = '7MB'; set search_path = 'evil'; set role pg_monitor;
        select pg_advisory_lock(7); prepare theirs as select 1; create temp table mine ();
        declare held cursor with hold for select 1; listen theirs
    """
    async with vecs.create_async_client(bouncer, pooler=True, pool_size=1, statement_timeout=30) as client:
        async with client.connection() as connection:
            before = await (await connection.execute(asked)).fetchone()
        for fails in (False, True):
            with suppress(ZeroDivisionError):
                async with client.connection() as connection:
                    await connection.execute(made)
                    if fails:
                        raise ZeroDivisionError
            with psycopg.connect(bouncer, autocommit=True, prepare_threshold=None) as other:
                for _ in range(8):
                    found = other.execute(asked).fetchone()
                    assert found is not None
                    assert found == before
                    assert other.execute("select current_user").fetchone() == ("postgres",)


async def test_a_borrower_behind_a_pooler_cannot_commit_by_hand(bouncer: str) -> None:
    async with vecs.create_async_client(bouncer, pooler=True, pool_size=1) as client:
        with pytest.raises(psycopg.ProgrammingError, match="commit"):
            async with client.connection() as connection:
                await connection.commit()
        with pytest.raises(DatabaseError, match="was ended by SQL"):
            async with client.connection() as connection:
                await connection.execute("commit")
        async with client.connection() as connection:
            assert await (await connection.execute("select 1")).fetchone() == (1,)


async def test_a_statement_timeout_ends_a_statement_but_not_an_index_build(
    client: vecs.AsyncClient, target: str, schema: str
) -> None:
    docs = await client.create_collection("docs", 64)
    await docs.upsert((f"{i}", [float(i % 97 + j * j) for j in range(64)], {}) for i in range(20_000))
    async with vecs.create_async_client(target, schema=schema, statement_timeout=0.3) as hasty:
        same = await hasty.get_collection("docs")
        await same.index()
        with pytest.raises(DatabaseError, match="statement timeout") as caught:
            await same.explain([1.0] * 64, exact=True, limit=20000, analyze=True, filters=_slow())
        assert caught.value.sqlstate == "57014"
        assert await same.get(["1"])
    # A view's settings are those of searches, too.
    view = docs.with_settings({"statement_timeout": "300ms"})
    await view.index(precision="full")
    with pytest.raises(DatabaseError, match="statement timeout"):
        await view.explain([1.0] * 64, exact=True, limit=20000, analyze=True, filters=_slow())


@pytest.mark.parametrize("call", ["truncate", "delete", "update_metadata", "upsert"])
async def test_a_statement_timeout_ends_the_wait_for_somebodys_lock(
    client: vecs.AsyncClient, target: str, schema: str, call: str
) -> None:
    docs = await client.create_collection("docs", 2)
    await docs.upsert([("a", [1, 0], {})])
    async with vecs.create_async_client(target, schema=schema, statement_timeout=0.2) as hasty:
        same = await hasty.get_collection("docs")
        calls: dict[str, Callable[[], Any]] = {
            "truncate": lambda: same.truncate(),
            "delete": lambda: same.delete(["a"]),
            "update_metadata": lambda: same.update_metadata({"n": 1}, ids=["a"]),
            "upsert": lambda: same.upsert([("a", [0, 1], {})]),
        }
        with psycopg.connect(target) as other:
            other.execute(sql.SQL("lock table {}").format(sql.Identifier(schema, "docs")))
            with pytest.raises(DatabaseError, match="timeout"):
                await calls[call]()
        assert await same.count() == 1


def _slow() -> dict[str, Any]:
    return {"$or": [{f"k{i}": {"$ilike": "%x%"}} for i in range(900)]}


async def test_a_role_that_may_only_select_can_open_and_search(superuser_target: str, schema: str) -> None:
    reader_role = f"reader_{schema}"
    async with vecs.create_async_client(superuser_target, schema=schema) as owner:
        docs = await owner.get_or_create_collection("docs", dimension=2)
        await docs.upsert([("a", [1, 0], {})])
        await docs.index()
        async with owner.connection() as connection:
            await connection.execute(f"create role {reader_role}")
            await connection.execute(f"grant usage on schema {schema} to {reader_role}")
            await connection.execute(f"grant select on {schema}.docs to {reader_role}")
    reader = make_conninfo(superuser_target, options=f"-c role={reader_role}")
    async with vecs.create_async_client(reader, schema=schema) as client:
        docs = await client.get_or_create_collection("docs", dimension=2)
        assert [match.id for match in await docs.search([1, 0])] == ["a"]
        assert await docs.count() == 1
        assert (await client.info()).user == reader_role
        with pytest.raises(DatabaseError, match="permission denied") as caught:
            await docs.upsert([("b", [1, 0], {})])
        assert caught.value.sqlstate == "42501"
        with pytest.raises(DatabaseError, match="permission denied"):
            await client.create_collection("other", 2)


async def test_a_database_in_read_only_mode_can_be_searched(target: str, docs: vecs.AsyncCollection) -> None:
    read_only = make_conninfo(target, options="-c default_transaction_read_only=on")
    async with vecs.create_async_client(read_only, schema=docs.client.schema) as client:
        same = await client.get_or_create_collection("docs", dimension=2)
        assert [match.id for match in await same.search([1, 0], limit=1)] == ["a"]
        with pytest.raises(DatabaseError, match="read-only transaction"):
            await same.upsert([("c", [1, 1], {})])


async def test_pgvector_may_live_in_any_schema(superuser_target: str) -> None:
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("drop database if exists elsewhere")
        connection.execute("create database elsewhere")
    elsewhere = make_conninfo(superuser_target, dbname="elsewhere")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute('create schema "Ext ension"')
        connection.execute('create extension vector schema "Ext ension"')
    async with vecs.create_async_client(elsewhere) as client:
        docs = await client.get_or_create_collection("docs", dimension=2, text=True)
        await docs.upsert([(f"{i}", [i, 1], {"n": i}) for i in range(600)])
        await docs.index()
        match = (await docs.search([0, 1], limit=1, include_vector=True))[0]
        assert (match.id, list(match.vec if match.vec is not None else [])) == ("0", [0, 1])


async def test_a_server_without_pgvector_gets_it_or_says_what_is_missing(superuser_target: str) -> None:
    with psycopg.connect(superuser_target, autocommit=True) as connection:
        connection.execute("drop database if exists bare")
        connection.execute("create database bare")
        connection.execute("drop role if exists plain")
        connection.execute("create role plain")
        connection.execute("grant create on database bare to plain")
    bare = make_conninfo(superuser_target, dbname="bare")
    async with vecs.create_async_client(make_conninfo(bare, options="-c role=plain")) as client:
        assert (await client.info()).pgvector is None
        assert await client.collection_names() == []
        with pytest.raises(DatabaseError, match="permission denied to create extension"):
            await client.create_collection("docs", 2)
        assert await client.collection_names() == []
    async with vecs.create_async_client(bare) as client:
        docs = await client.create_collection("docs", 2)
        assert await docs.upsert([("a", [1, 2], {})]) == 1
        assert (await client.info()).pgvector == client.vector_version
        assert len(await docs.search([1, 2], exact=True)) == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/db", Unavailable),
        ("host=127.0.0.1 port=1 user=u password=s3cret dbname=db", Unavailable),
        ("postgresql://u:s3cret@host:notaport/db", ArgError),
        ("postgresql://u:s3cret@[::1/db", ArgError),
        ("host=x password='s3cret", ArgError),
        ("mysql://u:s3cret@host/db", ArgError),
    ],
)
async def test_a_password_is_in_no_error(target: str, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        async with vecs.create_async_client(target):
            pass
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in f"{error!s}{error!r}"
        error = error.__cause__ or error.__context__


def _shown(error: BaseException) -> list[str]:
    """What a traceback that shows variables would show, of all frames but the test's own, which hold what it gave."""
    found: list[str] = []
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        found.append(f"{one!s}{one!r}")
        for frame, _ in traceback.walk_tb(one.__traceback__):
            module, function = frame.f_globals["__name__"], frame.f_code.co_name
            if module != __name__:
                found += [f"{module}.{function}: {name} = {value!r}" for name, value in frame.f_locals.items()]
        waiting += [one.__cause__, one.__context__]
    return found


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:s3cret@127.0.0.1:1/db",
        "postgresql://u:s3cret@127.0.0.1:{silent}/db?connect_timeout=2",
        "host=127.0.0.1 port=1 user=u password=s3cret sslpassword=s3cret",
        "postgresql://u:s3cret@no-such-host.invalid/db",
        "postgresql://u:5/s3cret@host/db",
        "postgresql://u:s3cret@host/db?sslmode=bogus",
        "postgresql://u:s3cret@host/db\ud800",
        "mysql://u:s3cret@host/db",
        "u:s3cret@host/db",
        Path("postgresql://u:s3cret@host/db"),
        b"postgresql://u:s3cret@host/db",
        {"password": "s3cret"},
    ],
    ids=range(12),
)
@pytest.mark.parametrize("name", ["target", "connection_string"])
async def test_a_password_is_in_no_variable_of_a_failure_to_connect(given: Any, name: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        if isinstance(given, str):
            given = given.replace("{silent}", str(silent.getsockname()[1]))
        makers: list[Any] = [vecs.AsyncClient, vecs.create_async_client]
        for make in makers:
            with pytest.raises(VecsException) as caught:
                async with make(**{name: given}):
                    pass
            assert [shown for shown in _shown(caught.value) if "s3cret" in shown] == []


async def test_a_host_of_the_environment_that_cannot_be_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "a..b")
    with pytest.raises(DatabaseError, match="cannot connect to postgresql:///db: .*idna"):
        async with vecs.create_async_client("postgresql:///db"):
            pass


async def test_a_password_is_in_no_variable_of_the_pool(target: str, schema: str) -> None:
    with_password = make_conninfo(target, password="s3cret")
    async with vecs.create_async_client(with_password, schema=schema, pool_size=1, pool_timeout=0.2) as client:
        pool: Any = client._executor._connections._pool
        assert "s3cret" not in f"{pool._arguments!r} {pool._arguments.copy()!r} {client!r}"
        async with client.connection():
            with pytest.raises(Unavailable) as caught:
                await client.collection_names()
        assert [shown for shown in _shown(caught.value) if "s3cret" in shown] == []


async def test_a_repr_names_the_target_without_its_password(target: str) -> None:
    client = vecs.AsyncClient("postgresql://me:s3cret@db.example:5433/app", schema="s")
    assert repr(client) == "vecs.AsyncClient('postgresql://me:***@db.example:5433/app', schema='s')"
    for part in (client._executor, client._executor._connections, client._catalog):
        assert "s3cret" not in repr(vars(part))


async def test_a_pickled_client_connects_anew(client: vecs.AsyncClient, docs: vecs.AsyncCollection) -> None:
    copy = pickle.loads(pickle.dumps(docs))
    assert copy.client is not client
    assert await copy.count() == 2
    await copy.client.close()


async def test_info_tells_what_it_is_connected_to(client: vecs.AsyncClient, target: str) -> None:
    info = await client.info()
    assert info.database == conninfo_to_dict(target)["dbname"]
    assert info.schema == client.schema
    assert [info.folder, info.log, info.dsn, info.programs] == [None] * 4
    assert not info.read_only


async def test_a_folder_is_an_embedded_server(tmp_path: Any) -> None:
    async with vecs.create_async_client(tmp_path / "new folder") as client:
        docs = await client.create_collection("docs", 2)
        await docs.upsert([("a", [1, 2], {})])
        info = await client.info()
        assert info.folder == tmp_path / "new folder"
        assert info.log is not None
        assert info.log.exists()
        # Other programs read what is stored, even where the environment speaks of other servers.
        assert info.programs is not None
        assert info.dsn is not None
        count = [info.programs / "psql", info.dsn, "-Atc", "select count(*) from vecs.docs"]
        assert subprocess.check_output(count, env={"PGPORT": "9", "PGDATABASE": "other"}) == b"1\n"
        dumped = subprocess.check_output([info.programs / "pg_dump", info.dsn, "--data-only"], env={})
        assert b"COPY vecs.docs (id, vec, metadata) FROM stdin" in dumped
        async with vecs.create_async_client(str(tmp_path / "new folder")) as other:
            assert await (await other.get_collection("docs")).count() == 1


async def test_an_embedded_server_that_died_is_started_again(tmp_path: Any) -> None:
    async with vecs.create_async_client(tmp_path / "db") as client:
        docs = await client.create_collection("docs", 2)
        await docs.upsert([("a", [1, 2], {})])
        pid = int((tmp_path / "db" / "pgdata" / "postmaster.pid").read_text().split()[0])
        _kill(pid)
        assert await docs.count() == 1


async def test_an_embedded_server_that_recovers_from_a_crash_is_waited_for(tmp_path: Any) -> None:
    async with vecs.create_async_client(tmp_path / "db") as client:
        docs = await client.create_collection("docs", 2)
        await docs.upsert([("a", [1, 2], {})])
        for _ in range(3):
            async with client.connection() as connection:
                backend = connection.info.backend_pid
            # The death of one of its processes makes the whole server recover.
            _kill(backend)
            assert await docs.count() == 1


def _kill(pid: int) -> None:
    import os
    import signal

    os.kill(pid, signal.SIGKILL)


async def test_the_environment_names_the_default_target(
    target: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECS_URL", target)
    async with vecs.create_async_client(schema=schema) as client:
        assert (await client.info()).folder is None
