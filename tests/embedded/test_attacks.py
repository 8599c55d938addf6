"""SQL that runs as the role `vecs`, such as an injection into an application, gets no further than that role."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from vecs.embedded import EmbeddedServer
from vecs.embedded.connecting import DATABASE
from vecs.embedded.database import hinders

if TYPE_CHECKING:
    from conftest import Probe

Opened = Callable[..., EmbeddedServer]

# Whoever calls it with more rights than `vecs` has loses them to it, and leaves a mark where that fails.
TRAP = """
create schema evil;
grant all on schema evil to public;
create function evil.spring() returns text language plpgsql as $$begin
    if current_user <> 'vecs' then execute 'alter role vecs superuser'; end if;
    return '0.8.5';
end$$;
create function evil.spring(anyelement) returns text language sql as 'select evil.spring()';
create function evil.same(name, name) returns boolean language sql as
    'select evil.spring() is not null and $1::text operator(pg_catalog.=) $2::text';
create function evil.same(name, text) returns boolean language sql as
    'select evil.spring() is not null and $1::text operator(pg_catalog.=) $2';
create operator evil.= (function = evil.same, leftarg = name, rightarg = name);
create operator evil.= (function = evil.same, leftarg = name, rightarg = text);
"""
VIEWS = """
create view evil.pg_available_extensions as
    select 'vector'::name as name, evil.spring() as installed_version, '0.8.5'::text as default_version;
create view evil.pg_extension as select evil.spring() as extversion, 'vector'::name as extname;
create view evil.pg_roles as select evil.spring()::name as rolname;
create view evil.pg_database as select evil.spring()::name as datname;
"""
PATH = f"alter {{}} {DATABASE} set search_path = evil, pg_catalog, public"

# What an owner of the database could do; it fails where `vecs` does not own it, and must not matter where it once did.
ATTACKS = {
    "views on the database's path": VIEWS + PATH.format("database"),
    "operators on the path": PATH.format("database"),
    "views on the role's path": VIEWS + PATH.format("role"),
    "another role": VIEWS + "alter database vecs set role = 'vecs'",
    "own temporary schema first": VIEWS + "alter database vecs set search_path = pg_temp, evil, pg_catalog",
    "trap in the place of public": "drop schema public cascade; alter schema evil rename to public",
    "functions in the place of the extension": """
        drop schema public cascade; create schema public;
        create function public.vector_norm(anyelement) returns text language sql as 'select evil.spring()';
        create function public.vector_in(text, oid, integer) returns text language sql as 'select evil.spring()';
        create operator public.+ (function = public.vector_norm, rightarg = anyelement)""",
    "no rights for others": "revoke all on database vecs from public, vecs; revoke all on schema public from public",
    "types": "create type evil.regtype as (a int); create domain evil.name as text; " + PATH.format("database"),
    "tables": """
        create table evil.pg_namespace as select 'vector'::name as nspname;
        create table evil.pg_db_role_setting (setdatabase oid, setrole oid, setconfig text[]);
        """
    + PATH.format("database"),
}

# What locks everybody out of the folder, or breaks what clients do.
LOCKS = (
    "local_preload_libraries = 'x'",
    "default_transaction_read_only = on",
    "statement_timeout = '1ms'",
    "lock_timeout = 1",
    "transaction_timeout = '2ms'",
    "idle_session_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '500us'",
    "role = 'vecs_nobody'",
    "session_authorization = 'postgres'",
    "search_path = vecs, pg_catalog",
    "exit_on_error = on",
)


def own(probe: Probe, server: EmbeddedServer) -> None:
    """Bring the database to the state in which earlier versions made it."""
    probe.execute(server, "alter database vecs owner to vecs", superuser=True)


def attempt(server: EmbeddedServer, script: str) -> None:
    with psycopg.connect(**server.conninfo, autocommit=True) as connection:
        connection.execute(script.encode())


def assert_safe(server: EmbeddedServer, probe: Probe) -> None:
    assert probe.execute(server, "select rolsuper from pg_roles where rolname = 'vecs'", superuser=True) == [(False,)]
    with pytest.raises(psycopg.Error, match="permission denied"):
        probe.execute(server, "copy (select 1) to program 'cat'")


def restart(folder: Path, server: EmbeddedServer, opened: Opened, probe: Probe, **options: Any) -> EmbeddedServer:
    server.close()
    assert probe.stops(folder)
    return opened(folder, **options)


def with_data(server: EmbeddedServer, probe: Probe) -> None:
    probe.execute(server, "create schema data create table kept (seven int)")
    probe.execute(server, "insert into data.kept values (7)")


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_an_owner_left_runs_as_superuser(folder: Path, opened: Opened, probe: Probe, attack: str) -> None:
    server = opened(folder)
    with_data(server, probe)
    own(probe, server)
    with psycopg.connect(**server.conninfo, autocommit=True) as connection:
        for statement in (TRAP, *ATTACKS[attack].split(";")):
            connection.execute(statement.encode())
    server = restart(folder, server, opened, probe)
    assert_safe(server, probe)
    assert probe.execute(server, "select seven from data.kept") == [(7,)]
    assert len(probe.execute(server, "select 1 from pg_extension where extname = 'vector'")) == 1


def test_nothing_of_the_role_runs_as_superuser(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    with_data(server, probe)
    attempt(server, TRAP)
    for attack in ATTACKS.values():
        for statement in attack.split(";"):
            # What it may not do any more is no attack.
            with suppress(psycopg.Error):
                attempt(server, statement)
    for _ in range(2):
        server = restart(folder, server, opened, probe)
        assert_safe(server, probe)
        assert probe.execute(server, "select seven from data.kept") == [(7,)]


@pytest.mark.parametrize("level", ["database vecs", "role vecs", "role vecs in database vecs"])
def test_no_setting_of_the_role_locks_the_folder(folder: Path, opened: Opened, probe: Probe, level: str) -> None:
    server = opened(folder)
    with_data(server, probe)
    probe.execute(server, "create role vecs_nobody", superuser=True)
    own(probe, server)
    with psycopg.connect(**server.conninfo, autocommit=True) as connection:
        for setting in ("work_mem = '5MB'", *LOCKS):
            connection.execute(f"alter {level} set {setting}".encode())
    told: list[str] = []
    server = restart(folder, server, opened, probe, report=told.append)
    probe.execute(server, "insert into data.kept values (8)")
    assert probe.execute(server, "select seven from data.kept") == [(7,), (8,)]
    for setting in LOCKS:
        assert any(setting.split(" =")[0] in message for message in told), setting
    # What harms nobody stays.
    assert probe.execute(server, "show work_mem") == [("5MB",)]


@pytest.mark.parametrize(
    "change",
    ["database vecs allow_connections false", "database vecs connection limit 0", "role vecs connection limit 1"],
)
def test_limits_of_connections_lock_nobody_out(folder: Path, opened: Opened, probe: Probe, change: str) -> None:
    server = opened(folder)
    with psycopg.connect(
        **{**server.conninfo, "user": "postgres", "dbname": "postgres"}, autocommit=True
    ) as connection:
        connection.execute(f"alter {change}".encode())
    told: list[str] = []
    server = restart(folder, server, opened, probe, report=told.append)
    assert probe.execute(server, "select 1") == [(1,)]
    assert "; now it " in told[0]


def test_role_that_had_become_a_superuser_is_none_any_more(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    probe.execute(server, "alter role vecs superuser", superuser=True)
    told: list[str] = []
    assert_safe(restart(folder, server, opened, probe, report=told.append), probe)
    assert "superuser" in told[0]


def test_role_that_is_locked_out_of_a_running_server_gets_back_in(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    attempt(server, "alter role vecs set local_preload_libraries = 'x'")
    told: list[str] = []
    second = opened(folder, report=told.append)
    assert probe.execute(second, "select 1") == [(1,)]
    assert "local_preload_libraries" in told[0]


def test_role_does_in_its_database_what_programs_need(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    own(probe, server)
    server = restart(folder, server, opened, probe)
    attempt(
        server,
        """
        create table public.things (id int primary key, vec vector(2));
        create temporary table passing (id int);
        create schema other;
        create function public.answer() returns int language sql as 'select 42';
        comment on table public.things is 'mine';
        alter role vecs set work_mem = '5MB';
        """,
    )
    assert probe.execute(server, "select pg_get_userbyid(datdba) from pg_database where datname = 'vecs'") == [
        ("postgres",)
    ]
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(**{**server.conninfo, "dbname": database})


def test_extension_is_not_updated_among_functions_of_the_role(folder: Path, opened: Opened, probe: Probe) -> None:
    server = opened(folder)
    newest = probe.execute(server, "select extversion from pg_extension where extname = 'vector'")[0][0]
    attempt(server, "create function public.lower(anyelement) returns text language sql as 'select 1'")
    older = "update pg_extension set extversion = '0.8.4' where extname = 'vector'"
    probe.execute(server, older, superuser=True)
    told: list[str] = []
    server = restart(folder, server, opened, probe, report=told.append)
    assert f"is not updated from 0.8.4 to {newest}" in told[0]
    attempt(server, "drop function public.lower(anyelement)")
    attempt(server, "create function public.answer() returns int language sql as 'select 42'")
    told.clear()
    server = restart(folder, server, opened, probe, report=told.append)
    assert told == []
    assert probe.execute(server, "select extversion from pg_extension where extname = 'vector'") == [(newest,)]
    assert probe.execute(server, "select datconnlimit from pg_database where datname = 'vecs'") == [(-1,)]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("local_preload_libraries", "", False),
        ("local_preload_libraries", "x", True),
        ("role", "none", False),
        ("Role", "somebody", True),
        ("default_transaction_read_only", "off", False),
        ("default_transaction_read_only", "ON", True),
        ("statement_timeout", "0", False),
        ("statement_timeout", "999", True),
        ("statement_timeout", "30s", False),
        ("statement_timeout", "0.5s", True),
        ("statement_timeout", "0x1", True),
        ("statement_timeout", "1e0", True),
        ("transaction_timeout", ".5", True),
        ("lock_timeout", "1min", False),
        ("idle_session_timeout", "900 ms", True),
        ("search_path", '"$user", public', False),
        ("search_path", "pg_catalog, public", False),
        ("search_path", 'evil, "pg_catalog"', True),
        ("work_mem", "64kB", False),
        ("app.statement_timeout", "1", False),
    ],
)
def test_settings_that_hinder_are_told_from_others(name: str, value: str, expected: bool) -> None:
    assert hinders(name, value) is expected
