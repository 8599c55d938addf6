"""What all tests share: one Postgres for the session, a schema of its own for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vecs.embedded import open_server

_numbers = count(1)


@pytest.fixture(scope="session")
def target() -> Iterator[str]:
    """A connection string: of the server that VECS_TEST_DSN names, else of an embedded one."""
    given = os.environ.get("VECS_TEST_DSN")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as folder,
        open_server(Path(folder) / "server", linger=0) as server,
    ):
        yield make_conninfo(**server.conninfo)


@pytest.fixture(scope="session")
def superuser_target() -> Iterator[str]:
    """The superuser of an embedded server of its own, to make roles and databases in."""
    with (
        tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as folder,
        open_server(Path(folder) / "server", linger=0) as server,
    ):
        # Only tests need the superuser: vecs itself connects as a role that is none.
        yield make_conninfo(**{**server.conninfo, "user": "postgres"})


@pytest.fixture
def schema(target: str) -> Iterator[str]:
    """A schema name that no other test has; dropped afterwards."""
    name = f"vecs_test_{os.getpid()}_{next(_numbers)}"
    yield name
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))
