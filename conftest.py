"""What all tests share: one Postgres for the session, a schema of its own for each test."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vecs._writing.buffer import RowBuffer
from vecs.embedded import open_server
from vecs.embedded.binaries import find_binaries
from vecs.embedded.process import choose_runner, spawn

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


@pytest.fixture
def small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let dozens of records in one write be what tens of thousands are: a file, COPY, and a temporary table."""
    monkeypatch.setattr(RowBuffer.__init__, "__defaults__", (4096,))


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


@pytest.fixture(scope="session")
def start_bouncer(superuser_target: str, request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[str]]:
    """A function that starts a PgBouncer before the superuser's server, with settings, and tells where it is."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        # A program of the system, which no Python package brings: `make test` does without, `make test-full` does not.
        without = pytest.skip if "not full" in request.config.getoption("markexpr") else pytest.fail
        without("PgBouncer is not installed; on Debian: apt-get install pgbouncer")
    _let_in(superuser_target)

    @contextmanager
    def start(**settings: object) -> Generator[str]:
        with tempfile.TemporaryDirectory(prefix="vecs-bouncer-") as name:
            folder = Path(name)
            # It refuses to run as root, as the server does.
            runner = choose_runner(find_binaries(), folder)
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
            server = conninfo_to_dict(superuser_target)
            given = {
                **{"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "auth_type": "any"},
                **{"pool_mode": "transaction", "default_pool_size": 4, **settings},
            }
            lines = [
                "[databases]",
                f"* = host={server['host']} port={server['port']} user={server['user']}",
                "[pgbouncer]",
                *(f"{key} = {value}" for key, value in given.items()),
            ]
            config = folder / "pgbouncer.ini"
            config.write_text("\n".join(lines) + "\n")
            folder.chmod(0o755)
            process = spawn([program, str(config)], log=folder / "log", runner=runner)
            try:
                _wait_until_it_listens(port)
                yield make_conninfo(host="127.0.0.1", port=port, user=server["user"], dbname=server["dbname"])
            finally:
                process.terminate()
                process.wait()

    return start


@pytest.fixture(scope="session")
def bouncer(start_bouncer: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """A connection string of a PgBouncer in transaction mode, with four connections to its server."""
    with start_bouncer() as dsn:
        yield dsn


def _let_in(target: str) -> None:
    """Make a test's server trust everybody who may enter its socket's folder: PgBouncer may run as another user."""
    with psycopg.connect(target, autocommit=True) as connection:
        row = connection.execute("show hba_file").fetchone()
        assert row is not None
        rules = Path(row[0])
        rules.write_text(f"local all all trust\n{rules.read_text()}")
        connection.execute("select pg_reload_conf()")


def _wait_until_it_listens(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError("PgBouncer does not listen")


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
