"""
Record which statements each test sends: a pytest plugin, for changes that must not change them.

    python -m pytest -p tools.record_statements --statements before.jsonl
    python tools/record_statements.py before.jsonl after.jsonl [noise.jsonl]

Names, addresses and times are taken out. A third recording, of the same code as the first, tells which tests never
send the same twice; their statements are compared as sets, without counts.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from psycopg.abc import Query
from psycopg.sql import Composable

# Whatever differs from run to run, and what stands for it.
NORMALISED = [
    (re.compile(r"vecs_test_\d+_\d+"), "SCHEMA"),
    (re.compile(r"(ix_\w*?_|_)[0-9a-f]{7}\b"), r"\1HEX"),
    (re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"), "UUID"),
    (re.compile(r"/tmp/[\w./-]+"), "PATH"),
    (re.compile(r"_pg3_[0-9a-f]+"), "PREPARED"),
    (re.compile(r"\s+"), " "),
]
# Looked up once per minute, or sent while a server starts: which test that falls into is chance.
BY_CHANCE = re.compile(
    r"from pg_catalog\.pg_index|pg_stat_progress_create_index|pg_backend_pid"
    r"|vecs login|database vecs|datname = 'vecs'|rolname = 'vecs'"
)

_sent: Counter[str] = Counter()
_lock = threading.Lock()


def normalised(text: str) -> str:
    """Return a statement without what differs from run to run."""
    for pattern, replacement in NORMALISED:
        text = pattern.sub(replacement, text)
    return text.strip()


def shown(value: Any) -> str:
    """Return a parameter, as far as it is the same in every run."""
    if isinstance(value, bool | float | int) or value is None:
        return repr(value)
    if isinstance(value, str):
        return repr(normalised(value[:80]))
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return f"[{len(items)}: {', '.join(shown(item) for item in items[:5])}]"
    return type(value).__name__


def note(query: Query, params: Sequence[Any] | Mapping[str, Any] | None = None) -> None:
    """Remember a statement that was sent."""
    text = query.decode(errors="replace") if isinstance(query, bytes) else str(query)
    if isinstance(query, Composable):
        text = query.as_string(None)
    if BY_CHANCE.search(text):
        return
    values = params.values() if isinstance(params, Mapping) else params or ()
    line = " | ".join([normalised(text), *(shown(value) for value in values)])
    with _lock:
        _sent[line] += 1


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(self: Any, query: Query, *args: Any, **kwargs: Any) -> Any:
        note(query, args[0] if args else kwargs.get("params"))
        return method(self, query, *args, **kwargs)

    return wrapper


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where the recording goes."""
    parser.addoption("--statements", help="record the statements of each test in this file")


def pytest_configure(config: pytest.Config) -> None:
    """Listen to psycopg."""
    if not config.getoption("--statements"):
        return
    # _exec_command: begin, commit, savepoints.
    for cls, names in (
        (psycopg.Cursor, ("execute", "copy")),
        (psycopg.AsyncCursor, ("execute", "copy")),
        (psycopg.BaseConnection, ("_exec_command",)),
    ):
        for name in names:
            setattr(cls, name, _noting(getattr(cls, name)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Write one line per test: its name, and its statements with how often they were sent."""
    path = item.config.getoption("--statements")
    if not path:
        return (yield)
    with _lock:
        _sent.clear()
    result = yield
    with _lock:
        sent = dict(sorted(_sent.items()))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    with Path(f"{path}{worker and '.'}{worker}").open("a") as file:
        file.write(json.dumps([item.nodeid, sent]) + "\n")
    return result


def read(path: str) -> dict[str, dict[str, int]]:
    """Read a recording, of one process or of several workers."""
    files = sorted(Path(path).parent.glob(f"{Path(path).name}*"))
    return dict(json.loads(line) for file in files for line in file.read_text().splitlines())


def main(before: str, after: str, noise: str | None = None) -> int:
    """Print what differs between two recordings; 1 if anything does."""
    old, new = read(before), read(after)
    again = old if noise is None else read(noise)
    differing = 0
    for name in sorted(old.keys() & new.keys()):
        unsteady = again.get(name, old[name]) != old[name]
        expected: Any = old[name].keys() | again.get(name, {}).keys() if unsteady else old[name].items()
        found: Any = new[name].keys() if unsteady else new[name].items()
        missing, added = set(expected) - set(found), set(found) - set(expected)
        if unsteady and not added:
            continue
        if missing or added:
            differing += 1
            print(f"{name}{' (unsteady)' if unsteady else ''}")
            for sign, lines in (("-", missing), ("+", added)):
                for line in sorted(map(str, lines)):
                    print(f"  {sign} {line[:2000]}")
    gone, came = old.keys() - new.keys(), new.keys() - old.keys()
    print(f"{len(old.keys() & new.keys())} tests compared, {differing} differ; {len(gone)} gone, {len(came)} new")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
