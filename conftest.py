"""What all tests share: one Postgres for the session, a schema of its own for each test."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from psycopg import sql
from psycopg.conninfo import make_conninfo

from vecs.embedded import open_server

_numbers = count(1)

# Whatever stops the machine stops the tests as well: nothing has to reach the disk. A small cache is faster where many
# small tables are dropped, which reads all of it.
_SERVER = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}

# Workers side by side share the cores; threads of torch that wait for a core each spin.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes depends on what else the machine does.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("gate", _UNTIMED, derandomize=True, database=None)
settings.register_profile("random", _UNTIMED, derandomize=False, max_examples=1000)
settings.load_profile("gate")


@pytest.hookimpl(trylast=True)  # After --hypothesis-profile has been read.
def pytest_configure() -> None:
    if settings.default.derandomize:
        # Hypothesis likes to draw constants of the modules that are loaded, which depends on the tests that ran before.
        providers._get_local_constants = lambda: providers._local_constants


def pytest_collection_finish() -> None:
    # What is imported by now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def target() -> Iterator[str]:
    """A connection string: of the server that VECS_TEST_DSN names, else of an embedded one."""
    given = os.environ.get("VECS_TEST_DSN")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as folder,
        open_server(Path(folder) / "server", linger=0, settings=_SERVER) as server,
    ):
        yield make_conninfo(**server.conninfo)


@pytest.fixture(scope="session")
def superuser_target() -> Iterator[str]:
    """The superuser of an embedded server of its own, to make roles and databases in."""
    with (
        tempfile.TemporaryDirectory(prefix="vecs-test-", ignore_cleanup_errors=True) as folder,
        open_server(Path(folder) / "server", linger=0, settings=_SERVER) as server,
    ):
        # Only tests need the superuser: vecs itself connects as a role that is none.
        yield make_conninfo(**{**server.conninfo, "user": "postgres"})


@pytest.fixture
def schema(target: str) -> Iterator[str]:
    """A schema name that no other test has; dropped afterwards."""
    yield from _dropped_afterwards(target)


@pytest.fixture(scope="module")
def module_schema(target: str) -> Iterator[str]:
    """A schema name that the tests of a module share; dropped afterwards."""
    yield from _dropped_afterwards(target)


def _dropped_afterwards(target: str) -> Iterator[str]:
    name = f"vecs_test_{os.getpid()}_{next(_numbers)}"
    yield name
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("set client_min_messages = warning")
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))
